"""Many seeds of one test: `check` runs them, stops at the first that fails, looks into it, and tells what was found.

    from windtunnel.testing import check

    async def no_order_is_lost(world):
        db = world.host("db", main=run_store)
        ...

    campaign = check(no_order_is_lost, seeds=500, faults="partition,crash")
    campaign.assert_held()

Each seed runs in a child forked from this process (`forks`). The seed that is reported is the lowest that fails, whoever finishes
first; the first seed always runs twice, so that a test that is not deterministic is told so at once.
"""

from __future__ import annotations

import dataclasses
import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from windtunnel.base.errors import WindtunnelError
from windtunnel.testing.divergence import Divergence, part
from windtunnel.testing.environment import layout
from windtunnel.testing.forks import Crew, Ended, alone
from windtunnel.testing.settings import Settings, cores
from windtunnel.testing.single import Ask, Explain, Row, Single, Test, run
from windtunnel.testing.storms import horizon_s

if TYPE_CHECKING:
    from windtunnel.testing.shrinking import Shrunk

CALIBRATION_SEED = 0
"""Of the quiet run: the same for every seed, so that a seed alone has the storm that it had in a campaign."""


class CampaignFailed(WindtunnelError, AssertionError):  # noqa: N818 - what happened
    """A campaign found something; `campaign` has it."""

    def __init__(self, campaign: Campaign) -> None:
        super().__init__("\n".join(campaign.lines()))
        self.campaign = campaign


@dataclass(slots=True, kw_only=True)
class Failure:
    """One seed that fails.

    row: the run as it failed first. shrunk: the smallest storm that was found to do the same; None if that was not tried.
    detailed: the smallest failing run again, with its log. repeats: whether the same seed failed in the same way when it was run
    again.
    """

    row: Row
    shrunk: Shrunk | None = None
    detailed: Row | None = None
    repeats: bool = True

    @property
    def smallest(self) -> Row:
        """The run to look at."""
        return self.detailed or (self.shrunk.row if self.shrunk else self.row)


@dataclass(slots=True, kw_only=True)
class Campaign:
    """What came of the seeds of one test.

    verdict: "valid", "invalid", or "unknown": not deterministic, skipped, or a `sometimes` never true. asked, done: numbers of
    seeds. failures: by seed, the first looked into. never_seen: `sometimes` points that were passed and never true. leaks: what
    tests left open, each once. quiet_s, nodes: of the run without faults that the storms were drawn after.
    """

    settings: Settings
    asked: int
    done: int = 0
    wall_s: float = 0.0
    sim_s: float = 0.0
    events: int = 0
    failures: list[Failure] = field(default_factory=list)
    divergence: Divergence | None = None
    skipped: str | None = None
    never_seen: tuple[str, ...] = ()
    leaks: tuple[str, ...] = ()
    warnings: tuple[tuple[type[Warning], str, str, int], ...] = ()
    quiet_s: float | None = None
    nodes: tuple[str, ...] = ()
    layout: str = ""

    @property
    def verdict(self) -> str:
        """One word."""
        if self.failures:
            return "invalid"
        return "unknown" if self.divergence or self.skipped is not None or self.never_seen else "valid"

    @property
    def rate_per_s(self) -> float:
        """Seeds a second."""
        return self.done / self.wall_s if self.wall_s > 0 else 0.0

    @property
    def failure(self) -> Failure | None:
        """The one with the lowest seed."""
        return self.failures[0] if self.failures else None

    def lines(self) -> list[str]:
        """The report in words."""
        from windtunnel.testing.telling import campaign_lines  # noqa: PLC0415 - only what failed is told at length

        return campaign_lines(self)

    def assert_held(self) -> None:
        """Raises CampaignFailed if a seed failed or two runs of one differed."""
        if self.failures or self.divergence:
            raise CampaignFailed(self)


Progress = Callable[[Campaign], None]


def check(test: Test, *, explain: Explain | None = None, progress: Progress = lambda _: None, **settings: Any) -> Campaign:
    """Run `test` (a coroutine function of the world) once per seed, under faults.

    settings: fields of `Settings`: seeds=200, faults="partition,crash", policy="fifo", ... Raises UsageError for a wrong one.
    """
    return conduct(test, Settings().changed(**settings), explain=explain, progress=progress)


def conduct(
    test: Test,
    settings: Settings,
    *,
    explain: Explain | None = None,
    progress: Progress = lambda _: None,
    prepare: Callable[[], object] | None = None,
) -> Campaign:
    """The same with settings that have been checked. prepare: called in each child before its run."""
    load()
    return _Conductor(test, settings, explain, progress, prepare).conduct()


def load() -> None:
    """Import what a run needs and install its hooks, so that forked children find both done: one empty run."""
    from windtunnel.sim import World  # noqa: PLC0415 - this is the place

    async def nothing(world: Any) -> None:
        host = world.host("warm")
        _ = (host.entropy, host.process, host.files)

    world = World(CALIBRATION_SEED)
    world.run(nothing, world)


class _Conductor:
    """One campaign while it runs."""

    def __init__(
        self,
        test: Test,
        settings: Settings,
        explain: Explain | None,
        progress: Progress,
        prepare: Callable[[], object] | None = None,
    ) -> None:
        self.settings = settings
        self.single = Single(test, explain, prepare)
        self.progress = progress
        self.campaign = Campaign(settings=settings, asked=len(settings.seeds), layout=layout().text)
        self.seen: dict[str, bool] = {}
        self.leaks: dict[str, None] = {}
        self.prints: dict[int, Row] = {}  # seeds that run twice: the row of the first to end

    def conduct(self) -> Campaign:
        began = time.monotonic()
        campaign = self.campaign
        try:
            quiet = self.quiet()
            if quiet is None:
                self._all_seeds()
            else:
                self._take(quiet)
        finally:
            campaign.wall_s = time.monotonic() - began
        campaign.failures.sort(key=lambda failure: failure.row.ask.seed)
        if campaign.failures:
            self._look_into(campaign.failures[0])
        campaign.leaks = tuple(self.leaks)
        if not campaign.failures and campaign.skipped is None:
            campaign.never_seen = tuple(sorted(name for name, true in self.seen.items() if not true))
        return campaign

    # --- Running ---

    def quiet(self) -> Row | None:
        """One run without faults: how long the test takes, which hosts it has, what it imports. Returns it if it did not pass.

        What it imported, each of the others would import again: so that is done here, where they are forked from.
        """
        settings, campaign = self.settings, self.campaign
        ask = Ask(
            seed=CALIBRATION_SEED,
            policy=settings.policy,
            limit_s=settings.limit_s,
            step_wall_s=settings.step_wall_s,
            still_steps=settings.still_steps,
            plan=(),
            first=True,
        )
        row = self.make(ask)
        campaign.quiet_s, campaign.nodes = row.sim_s, row.nodes
        campaign.warnings = tuple(row.warnings)
        if row.warmth is not None:
            row.warmth.spread()
        load()  # the hooks look for their places in these modules too
        drawn = settings.faults and settings.plan is None
        return row if row.status == "skipped" or (row.failed and drawn) else None

    def _all_seeds(self) -> None:
        settings, campaign = self.settings, self.campaign
        waiting = self._asks()
        asked: Ask | None = next(waiting, None)
        lowest: int | None = None
        with Crew(self.single, jobs=settings.jobs or cores(), limit_s=settings.wall_s) as crew:
            while asked is not None or crew.running:
                while asked is not None and crew.free:
                    crew.start(asked)
                    asked = next(waiting, None)
                for ended in crew.wait():
                    row = row_of(ended)
                    self._take(row)
                    if self._ends(row):
                        asked = None
                        lowest = row.ask.seed if lowest is None else min(lowest, row.ask.seed)
                        place = settings.seeds.index(lowest)
                        crew.abandon(lambda other, place=place: settings.seeds.index(other.seed) > place)  # type: ignore[misc]
                self.progress(campaign)

    def _asks(self) -> Iterator[Ask]:
        """What is to be run, in order: the first seed, or every one, twice."""
        for i, seed in enumerate(self.settings.seeds):
            ask = self.ask(seed)
            yield ask
            if i == 0 or self.settings.twice:
                yield dataclasses.replace(ask, shuffled=self.settings.twice)

    def ask(self, seed: int) -> Ask:
        """The run of a seed."""
        settings, campaign = self.settings, self.campaign
        for_s = settings.for_s or horizon_s(campaign.quiet_s or 0.0)
        return Ask(
            seed=seed,
            policy=settings.policy,
            faults=settings.faults,
            nodes=campaign.nodes,
            for_s=for_s,
            plan=settings.plan,
            limit_s=settings.limit_s,
            step_wall_s=settings.step_wall_s,
            still_steps=settings.still_steps,
        )

    def make(self, ask: Ask) -> Row:
        """Run one thing and wait for it."""
        return row_of(alone(self.single, ask, limit_s=self.settings.wall_s))

    # --- Counting ---

    def _take(self, row: Row) -> None:
        """Count one run."""
        campaign, seed = self.campaign, row.ask.seed
        twin = self.prints.pop(seed, None)
        if twin is None:
            campaign.done += 1
            campaign.sim_s += row.sim_s
            campaign.events += row.events
            if seed == self.settings.seeds[0] or self.settings.twice:
                self.prints[seed] = row
        elif twin.fingerprint != row.fingerprint and campaign.divergence is None:
            campaign.divergence = self._part(twin, row)
        if row.status == "skipped":
            campaign.skipped = row.message
        if row.failed and not (twin is not None and twin.failed):
            if campaign.failures:  # one is told at length; of the others a campaign may have thousands
                row.log, row.explanation, row.out, row.err = [], None, "", ""
            campaign.failures.append(Failure(row=row))
        for name, true in row.seen.items():
            self.seen[name] = self.seen.get(name, False) or true
        self.leaks.update(dict.fromkeys(row.leaks))

    def _ends(self, row: Row) -> bool:
        """Whether no further seeds are wanted."""
        if row.status == "skipped" or self.campaign.divergence is not None:
            return True
        return row.failed and not self.settings.keep_going

    # --- Looking closer ---

    def _part(self, one: Row, two: Row) -> Divergence | None:
        if "" in (one.fingerprint, two.fingerprint):  # one of them did not get to its end, which is another finding
            return None
        return part(self.make, dataclasses.replace(one.ask, shuffled=False), one, two)

    def _look_into(self, failure: Failure) -> None:
        """Shrink the storm of a failure, and run the smallest again with everything kept."""
        settings = self.settings
        if failure.row.plan and settings.shrink:
            from windtunnel.testing.shrinking import shrink  # noqa: PLC0415 - it loads half of the house, for failures only

            failure.shrunk = shrink(failure.row, self.make, for_wall_s=settings.shrink_s)
        smallest = failure.smallest
        detailed = self.make(dataclasses.replace(smallest.ask, plan=tuple(smallest.plan), detail=True))
        failure.repeats = detailed.signature == smallest.signature and detailed.fingerprint == smallest.fingerprint
        if failure.repeats:
            failure.detailed = detailed
        elif self.campaign.divergence is None:
            self.campaign.divergence = self._part(smallest, detailed)


def row_of(ended: Ended) -> Row:
    """The row of a run, also of one whose process did not live to send it."""
    row: Row = ended.value if ended.how == "returned" else _lost(ended)
    row.out, row.err = ended.out, ended.err
    return row


def replayed(test: Test, settings: Settings) -> Row:
    """Run the first seed in this process, for a debugger; raises what the test raised. Its storm is that of a campaign."""
    load()
    conductor = _Conductor(test, settings, None, lambda _: None)
    quiet = conductor.quiet()
    ask = conductor.ask(settings.seeds[0]) if quiet is None else quiet.ask
    return run(test, ask, debugged=True)


def _lost(ended: Ended) -> Row:
    """The row of a run whose process did not live to send one: what is known from outside, and where it stood."""
    from windtunnel.sim.places import blame  # noqa: PLC0415 - loaded already where a seed was run

    ask: Ask = ended.item
    row = Row(ask=ask, status="failed", kind=ended.how, host="-", message=ended.text, plan=ask.storm().to_rows())
    row.wall_s = ended.wall_s
    if ended.how == "raised":  # a bug of ours, or a value that does not pickle
        row.kind, row.text, row.message = "ours", ended.text, ended.text.strip().rsplit("\n", 1)[-1]
        return row
    spun = _SPUN.search(ended.err)
    if ended.how == "died" and spun is not None:
        row.kind, row.host, row.at_s, row.where, row.text = "spin", spun[2], float(spun[3]), spun[4] or "", spun[1]
        row.message = f"{spun[5]}, and swallows every exception"
        return row
    stack = _STACK.findall(ended.err[ended.err.rfind(_FATAL) :]) if _FATAL in ended.err else []
    places = [(file, int(line), function) for file, line, function in reversed(stack)]
    row.where = blame(places)
    row.text = "\n".join([ended.text, *(f"  {file}:{line} in {function}" for file, line, function in places)])
    return row


_FATAL = "Fatal Python error"
_SPUN = re.compile(r"^(spin: on (\S+) at t=([\d.]+) s(?: at (.*:\d+ in .*?))?: (.*)(?:\n .*)*)\nit swallows every", re.MULTILINE)
_STACK = re.compile(r'^  File "(.*)", line (\d+) in (.*)$', re.MULTILINE)  # as faulthandler writes it, innermost first

"""One seed, run in this process: a world, its storm, the test, and what is to be told of it afterwards.

`Single` is what a forked child calls. Its answer is a `Row`, made of values that pickle, small when the run passed: a campaign
keeps them by the ten thousand. Only a run that failed, or was asked for its `detail`, sends its log.
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

from windtunnel.faults import Plan
from windtunnel.testing.layout import settle
from windtunnel.testing.recording import Recording
from windtunnel.testing.storms import TEST, Storm, drawn
from windtunnel.testing.warmth import Warmth, looking, warmth

Test: TypeAlias = Callable[[Any], Awaitable[Any]]
"""A test: a coroutine function of the world."""

Explain: TypeAlias = Callable[[BaseException], Any]
"""Makes of an exception, while its frames exist, something that pickles and that the caller knows how to show."""

LOG_ROWS_MAX = 5000
"""Rows of the log that leave a child: the last ones."""


class Skipped(Exception):  # noqa: N818 - what happened
    """The test does not want to run; the message says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """What to run. plan: the faults as rows; None draws them for `nodes` over `for_s` seconds.

    detail: send the log even if the run passes. index: keep a digest every so many events. window: send the steps between these
    two numbers of events. shuffled: let objects have other addresses than usual. first: say what the run imported and warned of.
    """

    seed: int
    policy: str = "fifo"
    faults: tuple[str, ...] = ()
    nodes: tuple[str, ...] = ()
    for_s: float = 0.0
    plan: tuple[Mapping[str, Any], ...] | None = None
    limit_s: float = 3600.0
    step_wall_s: float = 5.0
    still_steps: int = 500_000
    detail: bool = False
    index: int = 0
    window: tuple[int, int] | None = None
    shuffled: bool = False
    first: bool = False

    def storm(self) -> Plan:
        """The faults of this run."""
        return drawn(self.seed, self.faults, self.nodes, self.for_s) if self.plan is None else Plan.from_rows(self.plan)


@dataclass(slots=True, kw_only=True)
class Row:
    """What one run came to.

    kind: of the finding (`sim.machines.findings` has the list), or "died", "hung", "ours" for what befell the process.
    explanation: whatever `Explain` made of the exception. faults: those that began. seen: the `sometimes` points that were
    passed, and whether they were ever true. log: (at_s, host, source, text). steps: of the window that was asked for.
    """

    ask: Ask
    status: Literal["passed", "failed", "skipped"] = "passed"
    kind: str = ""
    host: str = ""
    at_s: float = 0.0
    where: str = ""
    message: str = ""
    text: str = ""
    explanation: Any = None
    fingerprint: str = ""
    index: list[tuple[int, int]] = field(default_factory=list)
    events: int = 0
    sim_s: float = 0.0
    wall_s: float = 0.0
    nodes: tuple[str, ...] = ()
    hosts: tuple[str, ...] = ()
    plan: list[dict[str, Any]] = field(default_factory=list)
    faults: list[dict[str, Any]] = field(default_factory=list)
    seen: dict[str, bool] = field(default_factory=dict)
    leaks: list[str] = field(default_factory=list)
    log: list[tuple[float, str, str, str]] = field(default_factory=list)
    steps: list[Any] = field(default_factory=list)
    warnings: list[tuple[type[Warning], str, str, int]] = field(default_factory=list)
    warmth: Warmth | None = None
    out: str = ""
    err: str = ""

    @property
    def failed(self) -> bool:
        """Whether something is wrong."""
        return self.status == "failed"

    @property
    def signature(self) -> tuple[str, str, str]:
        """What makes two failures the same: kind, type of the exception, line."""
        return self.kind, self.message.split(":", 1)[0], self.where


@dataclass(frozen=True, slots=True)
class Single:
    """Runs a test once per call. explain: see `Explain`. prepare: called first, where the run is to be."""

    test: Test
    explain: Explain | None = None
    prepare: Callable[[], object] | None = None

    def __call__(self, ask: Ask) -> Row:
        """Run one seed here. Whatever goes wrong in it is in the row."""
        if self.prepare is not None:
            self.prepare()
        return run(self.test, ask, self.explain)


def run(test: Test, ask: Ask, explain: Explain | None = None, *, debugged: bool = False) -> Row:
    """Run one seed in this process, as it is. debugged: raise what went wrong, and let every step take its time."""
    from windtunnel.sim import LeakWarning, RunFailed, World  # noqa: PLC0415 - loaded before anything is forked

    settle()  # once for what the world is made of, and again where the test begins
    began = time.perf_counter()
    before = warmth() if ask.first else None
    storm = Storm(ask.storm())
    row = Row(ask=ask, plan=storm.plan.to_rows())
    world = World(
        ask.seed,
        policy=ask.policy,
        index=ask.index,
        limit_s=ask.limit_s,
        since=ask.detail,
        step_wall_s=0.0 if debugged else ask.step_wall_s,
        still_steps=ask.still_steps,
    )
    recording = Recording(world.kernel, ask.window)
    storm.begin(world)
    cause: BaseException | None = None
    with warnings.catch_warnings(record=ask.first) as warned, looking() as missed:
        warnings.simplefilter("ignore", LeakWarning)  # `leaks` has them, and the parent warns of them
        try:
            world.run(_settled, test, world, ask)
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # whatever was raised is the finding, an exit and the outcomes of pytest too
            if debugged:
                raise
            cause = error.__cause__ if isinstance(error, RunFailed) else error
            row.status, row.message = ("skipped", str(error)) if isinstance(error, Skipped) else ("failed", repr(error))
    row.wall_s = time.perf_counter() - began
    row.warnings = [(_travelling(w.category), str(w.message), w.filename, w.lineno) for w in warned or ()]
    if before is not None:
        row.warmth = warmth() - before
        row.warmth.absent = missed
    _describe(row, world, recording, storm)
    if explain is not None and row.failed and cause is not None:
        row.explanation = explain(cause)
    return row


def _travelling(category: type[Warning]) -> type[Warning]:
    """The class of a warning, or one that every process knows if this one was made in a function."""
    return UserWarning if "<locals>" in category.__qualname__ else category


async def _settled(test: Test, world: Any, ask: Ask) -> None:
    """The test, from a settled heap on."""
    settle(shuffled=ask.shuffled)
    await test(world)


def _describe(row: Row, world: Any, recording: Recording, storm: Storm) -> None:
    """Fill in what the world knows."""
    kernel, finding = world.kernel, world.finding
    if finding is not None and row.failed:
        row.kind, row.host, row.at_s = finding.kind, finding.host, finding.at_s
        row.where, row.message, row.text = finding.where, finding.message, finding.text
    elif row.failed:  # an exit of the test's own process ends the run without a finding
        row.kind, row.host, row.at_s = TEST, TEST, world.now
    row.fingerprint, row.index, row.events, row.sim_s = f"{kernel.fingerprint:016x}", kernel.index, kernel.events, kernel.now
    row.nodes, row.hosts = world.nodes, tuple(world.hosts)
    row.faults, row.steps = storm.rows, recording.steps
    row.leaks = list(world.leaks)
    row.seen = {name: times > 0 for name, times in world.points.seen.items()}
    if row.failed or row.ask.detail:
        row.log = [tuple(entry) for entry in list(world.log)[-LOG_ROWS_MAX:]]

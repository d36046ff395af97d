"""Running one check of a lab inside the grader: a campaign of a world check, or scenarios of a core."""

from __future__ import annotations

import dataclasses
import inspect
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from windtunnel.labs.checking import Check, Unmet, expect
from windtunnel.labs.outcomes import UNMET, Outcome, found, shown
from windtunnel.labs.submission import Submission
from windtunnel.labs.walls import Limits, confine
from windtunnel.testing import campaign as campaigns
from windtunnel.testing.campaign import Campaign, Failure, row_of
from windtunnel.testing.forks import Crew, Ended, alone
from windtunnel.testing.settings import Settings, cores
from windtunnel.testing.single import Ask, Row, Single
from windtunnel.testing.storms import words

SHRINK_S = 3.0
TRACE_ROWS_MAX = 2000
STILL_STEPS = 50_000
"""Events at one instant that make a livelock: a learner hears of it within a second or two, before the limit of a run."""


@dataclass(slots=True)
class Bench:
    """What a check is run with. checks: the module `checks.py`. seed: run this one only. html: make pages of failures.

    around: called in each child first, to close what is none of its business.
    """

    submission: Submission
    scratch: Path
    limits: Limits
    checks: ModuleType
    seed: int | None = None
    html: bool = True
    around: Callable[[], None] = lambda: None

    def prepare(self) -> None:
        """In a child, before it runs somebody else's code."""
        self.around()
        confine(self.limits, self.scratch)


def run_check(check: Check, bench: Bench) -> Outcome:
    """Run one check to its end."""
    began = time.monotonic()
    match check.kind:
        case "world":
            outcome = _world(check, bench)
        case "scenario":
            outcome = _scenario(check, bench)
        case "maelstrom":
            from windtunnel.labs.stdio import run_stdio  # noqa: PLC0415 - programs of other languages only

            outcome = run_stdio(check, bench)
    outcome.seconds = time.monotonic() - began
    return outcome


# --- World checks ---


def _world(check: Check, bench: Bench) -> Outcome:
    function, submission = check.function, bench.submission
    assert function is not None, "a world check has a function"

    async def test(world: Any) -> None:
        seals = [(each, each.__code__) for each in (function, expect)]
        lab = submission.load()
        result = function(world, lab) if check.needs_world else function(lab)
        if inspect.isawaitable(result):
            await result
        if any(each.__code__ is not code for each, code in seals):
            raise Unmet("the submission has changed the check that judges it")

    settings = Settings().changed(
        seeds=check.seeds if bench.seed is None else [bench.seed],
        faults=check.faults,
        for_s=check.for_s,
        policy=check.policy,
        limit_s=check.limit_s,
        plan=check.plan,
        wall_s=bench.limits.run_s,
        step_wall_s=bench.limits.step_s,
        still_steps=STILL_STEPS,
        shrink=bench.html,
        shrink_s=SHRINK_S,
    )
    first = _quiet(test, settings, bench)
    alone_says_all = len(settings.seeds) == 1 and not settings.faults and settings.plan is None
    if first.failed:
        campaign = Campaign(settings=settings, asked=len(settings.seeds), done=1, failures=[Failure(row=first, detailed=first)])
    elif alone_says_all and _same(first, _quiet(test, settings, bench)):
        return Outcome(name=check.name, stage=check.stage, verdict="passed", seeds=1)
    else:
        campaign = campaigns.conduct(test, settings, prepare=bench.prepare)
    return _of_campaign(check, campaign, bench)


def _quiet(test: Any, settings: Settings, bench: Bench) -> Row:
    """The first seed without faults: what fails in a quiet world needs no storm, and no second look."""
    campaigns.load()
    ask = Ask(
        seed=settings.seeds[0],
        policy=settings.policy,
        limit_s=settings.limit_s,
        step_wall_s=settings.step_wall_s,
        still_steps=settings.still_steps,
        plan=(),
        detail=True,
    )
    return row_of(alone(Single(test, None, bench.prepare), ask, limit_s=settings.wall_s))


def _same(one: Row, two: Row) -> bool:
    """Whether two runs of one seed passed as one, with everything seen: then a campaign would find no more."""
    return not two.failed and one.status == "passed" and one.fingerprint == two.fingerprint and all(one.seen.values())


def _of_campaign(check: Check, campaign: Campaign, bench: Bench) -> Outcome:
    outcome = Outcome(name=check.name, stage=check.stage, verdict="passed", seeds=campaign.done)
    failure = campaign.failure
    if failure is not None:
        _tell(outcome, check, campaign, failure, bench)
    elif campaign.divergence is not None:
        outcome.verdict, outcome.kind = "unknown", "divergence"
        outcome.message = "two runs of one seed differ, so nothing can be said: " + " ".join(campaign.divergence.lines()[:3])
    elif campaign.never_seen:
        outcome.verdict, outcome.kind = "unknown", "vacuous"
        outcome.message = f"never seen in {campaign.done} seeds: {', '.join(campaign.never_seen)}"
    elif campaign.skipped is not None:
        outcome.verdict, outcome.message = "unknown", campaign.skipped
    return outcome


def _tell(outcome: Outcome, check: Check, campaign: Campaign, failure: Failure, bench: Bench) -> None:
    from windtunnel.testing.page import trace  # noqa: PLC0415 - the makers of pages load for failures only

    row = failure.smallest
    where = _last_place(row.text, bench) or _relative(row.where, bench)
    text = _relative(found(row.kind, row.message, where, bench.limits, check.limit_s), bench)
    outcome.verdict, outcome.kind, outcome.message, outcome.seed = "failed", row.kind, text, failure.row.ask.seed
    if row.kind == "ours":  # nothing that the learner did
        outcome.verdict, outcome.message = "unknown", f"the grader failed: {row.message}"
    plan = failure.shrunk.plan if failure.shrunk is not None else failure.row.plan
    outcome.plan = words(plan)
    outcome.log = shown(row.log)
    outcome.first_bad = {
        "at_s": row.at_s,
        "host": row.host,
        "where": where,
        "kind": row.kind,
        "text": _relative(_theirs(row.text, bench), bench),
    }
    outcome.trace = [dict(each) for each in trace(row)[-TRACE_ROWS_MAX:]]
    if bench.html and row.kind != "ours":
        outcome.html = _page(outcome, campaign, failure)


def _page(outcome: Outcome, campaign: Campaign, failure: Failure) -> str:
    """The failing run for a browser, in the words of the lab."""
    from windtunnel.reports import render  # noqa: PLC0415 - as above
    from windtunnel.testing.page import results, trace  # noqa: PLC0415

    told = results(campaign, failure, outcome.name, "")
    assert outcome.first_bad is not None, "a failure has a first bad event"
    told["claim"] = f"seed {outcome.seed}"
    told["notes"] = []
    told["violation"] |= {
        "property": outcome.name,
        "statement": outcome.first_bad["where"] or outcome.kind,
        "evidence": outcome.message,
        "text": [outcome.first_bad["text"]] if outcome.first_bad["text"] else [],
    }
    return render(told, None, trace(failure.smallest))


def _relative(text: str, bench: Bench) -> str:
    """Paths as the learner knows them."""
    checks = str(Path(str(bench.checks.__file__)).parent)
    return text.replace(f"{bench.submission.place}/", "").replace(f"{checks}/", "")


def _theirs(text: str, bench: Bench) -> str:
    """A traceback without the frames that are neither the submission's nor the checks'; other texts as they are."""
    places = (f'  File "{bench.submission.place}/', f'  File "{Path(str(bench.checks.__file__)).parent}/')
    kept: list[str] = []
    inside = True
    for line in text.splitlines():
        if line.startswith('  File "'):
            inside = line.startswith(places)
        elif not line.startswith("    "):
            inside = True
        if inside:
            kept.append(UNMET.sub("", line))
    return "\n".join(kept)


# --- Scenarios of a core ---


@dataclass(slots=True)
class _Played:
    """One scenario, as its child tells it. story: for an invalid one."""

    verdict: str
    broken: str = ""
    why: str = ""
    ok: int = 0
    fingerprint: str = ""
    story: Outcome | None = None


def _scenario(check: Check, bench: Bench) -> Outcome:
    import windtunnel.scenarios.simulated  # noqa: PLC0415, F401 - here, so that no child has to

    outcome = Outcome(name=check.name, stage=check.stage, verdict="passed")

    def play(seed: int) -> _Played:
        bench.prepare()
        return _play(check, bench, seed)

    seeds = list(range(1, check.seeds + 1)) if bench.seed is None else [bench.seed]
    worst: _Played | None = None
    first = _Played("unknown")
    ok = 0
    for seed, ended in _in_order(play, seeds, bench.limits.run_s):
        outcome.seeds += 1
        if ended.how != "returned":
            outcome.verdict, outcome.kind, outcome.seed = "failed", ended.how, seed
            error = ended.text.strip().rsplit("\n", 1)[-1]
            where = _last_place(ended.text, bench)
            kind = "test" if ended.how == "raised" else ended.how
            outcome.message = found(kind, error, where, bench.limits, check.for_s or 0.0)
            outcome.first_bad = {"at_s": 0.0, "host": "", "where": where, "kind": kind, "text": _relative(ended.text, bench)}
            return outcome
        played: _Played = ended.value
        first = played if seed == seeds[0] else first
        ok += played.ok
        if played.story is not None:
            played.story.seeds = outcome.seeds
            return played.story
        if played.verdict == "unknown":
            worst = played
    again = alone(play, seeds[0], limit_s=bench.limits.run_s)
    if again.how != "returned" or again.value.fingerprint != first.fingerprint:
        outcome.verdict, outcome.kind, outcome.seed = "unknown", "divergence", seeds[0]
        outcome.message = "two runs of one seed differ: the time of day, `random` or the order of a set has got into the protocol"
    elif worst is not None:
        outcome.verdict, outcome.message = "unknown", worst.why
    elif not ok and "script" not in check.options["choices"]:
        outcome.verdict, outcome.message = "failed", "in no seed did a single operation of a client succeed"
    return outcome


def _in_order(function: Callable[[int], _Played], seeds: list[int], limit_s: float) -> list[tuple[int, Ended]]:
    """Every seed up to the first that fails, by number; those after it are not waited for."""
    ended: dict[int, Ended] = {}
    waiting = list(seeds)
    with Crew(function, jobs=cores(), limit_s=limit_s) as crew:
        while waiting or crew.running:
            while waiting and crew.free:
                crew.start(waiting.pop(0))
            for each in crew.wait():
                ended[each.item] = each
                if each.how != "returned" or each.value.story is not None:
                    waiting = [seed for seed in waiting if seed < each.item]
                    crew.abandon(lambda other, most=each.item: other > most)  # type: ignore[misc]
    return [(seed, ended[seed]) for seed in seeds if seed in ended]


def _play(check: Check, bench: Bench, seed: int) -> _Played:
    """One scenario, in this process."""
    from windtunnel.scenarios import Scenario, run  # noqa: PLC0415 - heavy, and imported by the grader before it forks

    system = _system(bench)
    choices = dict(check.options["choices"])
    faults = check.faults.split(",") if isinstance(check.faults, str) else check.faults
    faults = tuple(name.strip() for name in faults if name.strip())
    scenario = Scenario(system=system, seed=seed, faults=faults, for_s=check.for_s or 20.0, **choices)
    played = run(scenario, explained=False)
    wanted = check.options["broken"]
    ok = int(played.results["ops"]["ok"])
    if played.verdict != "invalid" or (wanted and played.broken not in wanted):
        unknown = played.verdict == "unknown" and not wanted
        why, fingerprint = str(played.results["why"] or ""), str(played.results["fingerprint"])
        return _Played("unknown" if unknown else "valid", why=why, ok=ok, fingerprint=fingerprint)
    return _Played("invalid", broken=played.broken or "", ok=ok, story=_story(check, bench, played, seed))


def _system(bench: Bench) -> str:
    """A name under which the submission's System is found: the path of its file."""
    lab = bench.submission.load()
    maker = getattr(bench.checks, "system", None)
    system = maker(lab) if maker is not None else getattr(lab, "SYSTEM", None)
    if system is None:
        raise AttributeError(f"{bench.submission.file} has no SYSTEM = System(...)")
    path = bench.submission.place / bench.submission.file
    module = ModuleType(f"windtunnel_system_{path.stem}")
    module.__file__ = str(path.resolve())
    module.__dict__["SYSTEM"] = system
    sys.modules[module.__name__] = module
    return str(path)


def _story(check: Check, bench: Bench, failing: Any, seed: int) -> Outcome:
    """The smallest run that breaks the same promise, told."""
    from windtunnel.reports import render  # noqa: PLC0415 - failures only
    from windtunnel.scenarios import run  # noqa: PLC0415
    from windtunnel.scenarios.shrink import shrink  # noqa: PLC0415

    best = failing
    if failing.scenario.script is None and failing.scenario.plan:
        small = shrink(failing, lambda scenario: run(scenario, explained=False), tries=1, runs_max=60, for_wall_s=SHRINK_S)
        best = small.run
    told = run(best.scenario) if best.scenario.script is None else best
    violation = told.results["violation"] or {}
    outcome = Outcome(name=check.name, stage=check.stage, verdict="failed", kind="broken", seed=seed)
    outcome.message = f"{violation.get('property')} is broken: {violation.get('statement')}; {violation.get('evidence')}"
    outcome.plan = words(told.results.get("faults") or [])
    outcome.first_bad = {
        "at_s": violation.get("at_s"),
        "host": violation.get("node"),
        "where": "",
        "kind": str(violation.get("property")),
        "text": "\n".join(violation.get("text") or []),
    }
    rows = told.trace
    outcome.trace = rows[-TRACE_ROWS_MAX:]
    outcome.log = shown(
        [(float(row["t"]), str(row.get("node") or "-"), str(row["kind"]), str(row.get("text", ""))) for row in rows]
    )
    if bench.html:
        outcome.html = render(told.results, told.history, told.trace)
    return outcome


def _last_place(text: str, bench: Bench) -> str:
    """The innermost line of the submission in a traceback, else of the checks: "file:line in function", or ""."""
    lines = [line.strip() for line in text.splitlines()]
    for place in (str(bench.submission.place), str(Path(str(bench.checks.__file__)).parent)):
        found = [line for line in lines if line.startswith(f'File "{place}/')]
        if found:
            file, _, rest = found[-1].removeprefix(f'File "{place}/').partition('", line ')
            number, _, function = rest.partition(", in ")
            return f"{file}:{number} in {function or '<module>'}"
    return ""


def as_row(outcome: Outcome) -> dict[str, Any]:
    """The outcome as JSON values."""
    return dataclasses.asdict(outcome)

"""Running and showing runs, for the commands that do."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from windtunnel.cli.meter import Meter
from windtunnel.cli.output import colour, say, say_marked

if TYPE_CHECKING:
    from windtunnel.scenarios import Run, Scenario
    from windtunnel.scenarios.shrink import Shrunk


def run_shown(scenario: Scenario, *, trace: bool = False) -> Run:
    """Run a scenario with its progress on stderr."""
    from windtunnel.scenarios import run  # noqa: PLC0415 - heavy, and not needed by --help

    with Meter(f"{scenario.system} seed {scenario.seed}", scenario.for_s) as meter:

        def progress(now_s: float) -> None:
            meter.show(now_s, f"{min(now_s, scenario.for_s):.0f} of {scenario.for_s:g} s")

        return run(scenario, trace=trace, progress=progress)


def quick(scenario: Scenario) -> Run:
    """Run a scenario for its verdict only: without the second run that traces a failure."""
    from windtunnel.scenarios import run  # noqa: PLC0415

    return run(scenario, explained=False)


def shrink_shown(failing: Run, *, for_wall_s: float, runs_max: int | None = None, tries: int | None = None) -> Shrunk:
    """Shrink a failing run with its progress on stderr."""
    from windtunnel.scenarios.shrink import RUNS_MAX, TRIES, shrink  # noqa: PLC0415

    runs_max = runs_max or RUNS_MAX
    with Meter(f"shrink {failing.scenario.system}", runs_max) as meter:

        def report(runs: int, best: Scenario) -> None:
            meter.show(runs, f"{runs} runs, {len(best.plan or ())} faults, {best.for_s:g} s")

        return shrink(failing, quick, tries=tries or TRIES, runs_max=runs_max, for_wall_s=for_wall_s, report=report)


def say_run(judged: Run) -> None:
    """The explanation of a run, in colours on a terminal."""
    from windtunnel.reports import explain  # noqa: PLC0415

    marked = colour()
    (say_marked if marked else say)(explain(judged.results, judged.history, markup=marked))


def say_shrunk(found: Shrunk) -> None:
    """What became smaller, and the faults that remain."""
    changes = ", ".join(f"{name} {found.before[name]:g} → {found.after[name]:g}" for name in found.before)
    end = "" if found.complete else " (the budget ended it: there may be a smaller one)"
    say(f"  shrunk: {changes}; {found.runs} runs in {found.wall_s:.1f} s{end}")
    for row in found.scenario.plan or ():
        until = f" until {row['until_s']:g} s" if row.get("until_s") is not None else ""
        say(f"    {row['at_s']:g} s{until}: {row.get('text', row['verb'])}")


def shrunk_row(found: Shrunk) -> dict[str, Any]:
    """What shrinking found, as JSON."""
    return {
        "property": found.property,
        "seed": found.scenario.seed,
        "runs": found.runs,
        "wall_s": round(found.wall_s, 3),
        "before": found.before,
        "after": found.after,
        "complete": found.complete,
        "plan": [dict(row) for row in found.scenario.plan or ()],
    }

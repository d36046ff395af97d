"""Run many seeds of one scenario on all cores, and say what held in all of them.

The totals depend on the seeds only, not on the number of workers. The first failure (the lowest seed) is stored and shrunk.
Ctrl-C gives the result so far; the journal makes a sweep resumable.
"""

from __future__ import annotations

import argparse
import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from windtunnel.base.errors import UsageError
from windtunnel.cli.flags import Parser, add_scenario_flags, add_store_flags, scenario_of, store_of, whole
from windtunnel.cli.meter import Meter, left_text
from windtunnel.cli.output import CODES, note, say, say_json
from windtunnel.cli.showing import quick, say_run, say_shrunk, shrink_shown, shrunk_row

if TYPE_CHECKING:
    from windtunnel.scenarios import Run, Scenario
    from windtunnel.scenarios.shrink import Shrunk
    from windtunnel.scenarios.sweep import Tally

EXAMPLES = """\
  windtunnel sweep raft --seeds 1000 --faults all
  windtunnel sweep raft --seeds 5000..5999 --faults hostile --workers 2
  windtunnel sweep raft --seeds 1000 --faults all --resume store/raft/sweep-20260101T120000"""

JSON = (
    "`system`, `verdict`, `why`, `seed` (the first), `seeds` (`asked`, `done`), `verdicts` (count by verdict), "
    "`broken` (count by property), `situations` (`sometimes` property: in how many runs), `ops`, `sim_s`, `events`, "
    "`first_failure` (`seed`, `property`, `why`), `workers`, `wall_s`, `interrupted`, `journal`, `store` and "
    "`shrunk` (of the first failure), `scenario`. Everything up to `first_failure` depends on the seeds only."
)

SEEDS_MAX = 10_000_000
SHRINK_S = 120.0  # of wall time for the first failure; `windtunnel shrink` has no such bound


def configure(parser: Parser) -> None:
    """The flags of `sweep`."""
    add_scenario_flags(parser)
    parser.add_argument("--seeds", type=seeds_of, default=range(1, 101), metavar="N", help="1..N, or a range A..B (default 100)")
    parser.add_argument("--workers", type=whole(1), metavar="N", help="processes (default: the cores of this machine)")
    parser.add_argument("--until-failure", action="store_true", help="stop at the first invalid seed")
    parser.add_argument("--no-shrink", action="store_true", help="do not shrink the first failure")
    parser.add_argument("--resume", metavar="DIR", help="go on with an interrupted sweep, given its flags again")
    add_store_flags(parser)


def execute(args: argparse.Namespace) -> int:
    """Sweep, then look at the first failure."""
    from windtunnel.scenarios import run, store, sweep  # noqa: PLC0415 - not needed by --help

    scenario = scenario_of(args, args.seeds[0])
    root = store_of(args)
    if root is None and args.resume:
        raise UsageError("--resume needs the journal of a sweep, --no-store keeps none")
    place: Path | None = None
    if root is not None:
        store.prepare(Path(root))
        place = _place(args, Path(root), scenario)
    workers = args.workers or os.cpu_count() or 1
    if not args.json:
        note(f"seeds {args.seeds[0]}..{args.seeds[-1]}, {workers} worker{'s' if workers > 1 else ''}")
    sweep.warm()
    with Meter(f"sweep {scenario.system}", len(args.seeds)) as meter:
        tally = sweep.sweep(
            scenario,
            args.seeds,
            quick,
            workers=workers,
            journal=place / "results.jsonl" if place is not None else None,
            progress=lambda tally: meter.show(tally.done, _progress_text(tally)),
            until_failure=args.until_failure,
        )
    more: dict[str, Any] = {"workers": workers, "wall_s": round(tally.wall_s, 3), "interrupted": tally.interrupted}
    if place is not None:
        more["journal"] = str(place / "results.jsonl")
    failure = tally.first_failure
    failing = None if failure is None else run(scenario.with_changes(seed=failure["seed"]))
    found = None
    if failing is not None:
        found = _look_at(failing, Path(root) if root else None, more, shrunk=not args.no_shrink)
    totals = tally.totals()
    code = 130 if tally.interrupted and not args.until_failure else CODES[totals["verdict"]]
    if args.json:
        say_json({"system": scenario.system, "seed": args.seeds[0], **totals, **more, "scenario": scenario.to_json()})
        return code
    _say_totals(tally, totals, more)
    if failing is not None:
        _say_failure(failing, found, more)
    if tally.interrupted and "journal" in more:
        say(f"  resume: the same command with --resume {Path(more['journal']).parent}")
    return code


def seeds_of(text: str) -> range:
    """`1000` is 1..1000, `5..9` is 5..9. Raises ArgumentTypeError for anything else."""
    first, dots, last = text.partition("..")
    try:
        seeds = range(int(first), int(last) + 1) if dots else range(1, int(first) + 1)
    except ValueError:
        seeds = range(0)
    if not 0 < len(seeds) <= SEEDS_MAX or seeds[0] < 0:
        raise argparse.ArgumentTypeError(f"expected a number of seeds such as 1000, or a range such as 5000..5999; got {text!r}")
    return seeds


def _place(args: argparse.Namespace, root: Path, scenario: Scenario) -> Path:
    if args.resume:
        place = Path(args.resume)
        if not (place / "results.jsonl").is_file():
            raise UsageError(f"{place} is no sweep: expected results.jsonl in it")
        return place
    return root / scenario.system / f"sweep-{time.strftime('%Y%m%dT%H%M%S')}-{os.getpid()}"


def _progress_text(tally: Tally) -> str:
    parts = [f"{tally.done} of {tally.asked}", f"{tally.rate_per_s:.1f}/s", left_text(tally.eta_s)]
    parts += [f"{tally.verdicts[name]} {name}" for name in ("invalid", "unknown") if tally.verdicts[name]]
    if tally.first_failure is not None:
        parts.append(f"first: seed {tally.first_failure['seed']} ({tally.first_failure['property']})")
    return ", ".join(part for part in parts if part)


def _look_at(failing: Run, root: Path | None, more: dict[str, Any], *, shrunk: bool) -> Shrunk | None:
    """Keep the first failure and shrink it; Ctrl-C ends the shrinking only."""
    from windtunnel.scenarios import run, store  # noqa: PLC0415

    if root is not None:
        more["store"] = str(store.save(failing, root))
    if not shrunk:
        return None
    try:
        found = shrink_shown(failing, for_wall_s=SHRINK_S)
    except KeyboardInterrupt:
        note("shrinking interrupted")
        return None
    more["shrunk"] = shrunk_row(found)
    if root is not None:
        more["shrunk"]["store"] = str(store.save(run(found.scenario), root))
    return found


def _say_totals(tally: Tally, totals: dict[str, Any], more: dict[str, Any]) -> None:
    say(f"{totals['verdict'].upper()}: {tally.done} of {tally.asked} seeds" + (f": {totals['why']}" if totals["why"] else ""))
    verdicts = ", ".join(f"{count} {name}" for name, count in totals["verdicts"].items() if count)
    ops = totals["ops"]
    say(f"  {verdicts or 'nothing was run'}; {ops['total']} operations ({ops['ok']} ok, {ops['fail']} fail, {ops['info']} info)")
    speed = f"{totals['sim_s'] / tally.wall_s:.0f} simulated seconds a second" if tally.wall_s > 0 else "from the journal"
    workers = f"{more['workers']} worker{'s' if more['workers'] > 1 else ''}"
    say(f"  {tally.wall_s:.1f} s on {workers}: {tally.rate_per_s:.1f} seeds a second, {speed}")
    for name, times in totals["situations"].items():
        say(f"  sometimes {name}: in {times} of {tally.done}" + ("" if times else "  NEVER SEEN"))
    if "journal" in more:
        say(f"  journal: {more['journal']}")


def _say_failure(failing: Run, found: Shrunk | None, more: dict[str, Any]) -> None:
    say()
    say(f"first failure, seed {failing.scenario.seed}:")
    say_run(failing)
    if "store" in more:
        say(f"  stored: {more['store']}")
    if found is not None:
        say_shrunk(found)
        if "store" in more["shrunk"]:
            say(f"  replay: windtunnel replay {more['shrunk']['store']}")

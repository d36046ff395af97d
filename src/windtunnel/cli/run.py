"""Run a system under traffic and faults, and judge what its clients saw.

In the simulator (the default) the run is a function of its seed: the same seed gives the same fingerprint. With --live the
nodes are processes on this machine, with TCP, files and kill -9; the traffic and the faults are the same, the schedule is
not. What a run leaves is kept in the store: scenario, history, results, report.html.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from windtunnel.base.errors import UsageError
from windtunnel.cli.flags import Parser, add_scenario_flags, add_store_flags, drawn_seed, scenario_of, store_of, whole
from windtunnel.cli.output import CODES, note, say, say_json
from windtunnel.cli.showing import run_shown, say_run

if TYPE_CHECKING:
    from windtunnel.scenarios import Run, Scenario

EXAMPLES = """\
  windtunnel run raft --faults partition,crash --seed 7 --for 60
  windtunnel run raft --without commit_own_term_only --scenario figure-8
  windtunnel run raft --live --for 20"""

JSON = "[results.json](results-json.md), and `store` (directory, if kept), `twice` (`fingerprint`, `same`; with --twice)."


def configure(parser: Parser) -> None:
    """The flags of `run`."""
    add_scenario_flags(parser)
    parser.add_argument("--seed", type=whole(0), metavar="N", help="the seed; without it one is drawn and shown")
    parser.add_argument("--scenario", metavar="NAME", help="a directed scenario, moved by hand: no traffic, no faults")
    parser.add_argument("--live", action="store_true", help="real processes on this machine instead of the simulator")
    parser.add_argument("--trace", action="store_true", help="keep every event, also when the verdict is valid")
    parser.add_argument("--twice", action="store_true", help="run the seed twice and compare the fingerprints")
    add_store_flags(parser)


def execute(args: argparse.Namespace) -> int:
    """Run, keep, explain; the exit code is the verdict."""
    if args.seed is None:
        args.seed, drawn = (0, False) if args.scenario else (drawn_seed(), True)  # a script leaves nothing to chance
    else:
        drawn = False
    if args.live and args.scenario:
        raise UsageError("--live and --scenario exclude each other: a directed scenario is moved by hand")
    if args.twice and args.live:
        raise UsageError("--twice compares fingerprints, and a live run has none")
    scenario = scenario_of(args, args.seed, script=args.scenario, world="live" if args.live else "sim")
    root = store_of(args)
    if root is not None:
        from windtunnel.scenarios import store  # noqa: PLC0415

        store.prepare(Path(root))
    if drawn and not args.json:
        note(f"seed {args.seed} (drawn; --seed {args.seed} runs it again)")
    judged = run_shown(scenario, trace=args.trace)
    more: dict[str, Any] = {}
    if args.twice:
        more["twice"] = _again(scenario, judged)
    if root is not None:
        more["store"] = str(store.save(judged, Path(root)))
    return finish(judged, more, as_json=args.json)


def finish(judged: Run, more: dict[str, Any], *, as_json: bool) -> int:
    """Show a judged run; returns the exit code of its verdict."""
    if as_json:
        say_json({**judged.results, **more})
        return CODES[judged.verdict]
    say_run(judged)
    if "twice" in more:
        say(f"  twice:  {'the same fingerprint' if more['twice']['same'] else 'DIFFERENT: ' + more['twice']['fingerprint']}")
    if "store" in more:
        say(f"  stored: {more['store']}")
        say(f"  report: {Path(more['store']) / 'report.html'}")
    return CODES[judged.verdict] if more.get("twice", {}).get("same", True) else CODES["unknown"]


def _again(scenario: Scenario, first: Run) -> dict[str, Any]:
    fingerprint = run_shown(scenario).results["fingerprint"]
    return {"fingerprint": fingerprint, "same": fingerprint == first.results["fingerprint"]}

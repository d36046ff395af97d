"""Find the smallest fault plan, workload and time that still break the same promise.

Delta debugging over the faults, then the workload, then time; every candidate is a whole simulated run in memory. The result is
stored like any run, so that it can be replayed.
"""

from __future__ import annotations

import argparse
from math import inf
from pathlib import Path

from windtunnel.cli.flags import Parser, add_store_flags, duration, store_of, whole
from windtunnel.cli.output import CODES, note, say, say_json
from windtunnel.cli.showing import say_run, say_shrunk, shrink_shown, shrunk_row

EXAMPLES = """\
  windtunnel shrink store/latest
  windtunnel shrink store/latest --budget 2m --json"""

JSON = (
    "[results.json](results-json.md) of the smallest run, and `shrunk`: `property`, `seed`, `runs` (how many it "
    "took), `wall_s`, `before` and `after` (`faults`, `clients`, `keys`, `operations`, `for_s`), `complete` (false "
    "if the budget ended it), `plan`, `store`."
)


def configure(parser: Parser) -> None:
    """The flags of `shrink`."""
    parser.add_argument("run", help="directory of a stored run whose verdict is invalid, such as store/latest")
    parser.add_argument("--budget", dest="budget_s", type=duration, metavar="TIME", help="stop after so much wall time")
    parser.add_argument("--runs", type=whole(1), metavar="N", help="stop after so many runs (default 1000)")
    parser.add_argument("--tries", type=whole(1), metavar="N", help="seeds per candidate (default 3)")
    add_store_flags(parser)


def execute(args: argparse.Namespace) -> int:
    """Shrink, keep, explain. The exit code is that of the smallest run: 1."""
    from windtunnel.scenarios import run, store  # noqa: PLC0415 - not needed by --help

    root = store_of(args)
    failing = store.load_run(Path(args.run))
    if root is not None:
        store.prepare(Path(root))
    found = shrink_shown(failing, for_wall_s=args.budget_s or inf, runs_max=args.runs, tries=args.tries)
    smallest = run(found.scenario)
    row = shrunk_row(found)
    if root is not None:
        row["store"] = str(store.save(smallest, Path(root)))
    if args.json:
        say_json({**smallest.results, "shrunk": row})
        return CODES[smallest.verdict]
    say_run(smallest)
    say_shrunk(found)
    if root is not None:
        say(f"  stored: {row['store']}")
        say(f"  replay: windtunnel replay {row['store']}")
    else:
        note("not stored: leave out --no-store to keep the shrunk run")
    return CODES[smallest.verdict]

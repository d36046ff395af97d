"""Run a branch of a stored run: the same up to a moment, with other faults after it.

The seed stays, so everything before the moment happens again, event by event. Faults are numbered as in plan.toml, from 1; what
has begun before the moment can only end at another time. The branch keeps its trace, and knows its parent. The viewer in
report.html writes this command line for you.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from windtunnel.base.errors import UsageError
from windtunnel.cli.flags import Parser, add_store_flags, real, store_of, whole
from windtunnel.cli.output import CODES, say, say_json
from windtunnel.cli.showing import run_shown, say_run

if TYPE_CHECKING:
    from windtunnel.scenarios import Scenario

EXAMPLES = """\
  windtunnel fork store/latest --at 12.5 --remove 3
  windtunnel fork store/latest --at 12.5 --add "crash leader for 2" --add "cut isolate n2 at 14 until 15"
  windtunnel fork store/latest --at 12.5 --move "2 until 13" """

JSON = "[results.json](results-json.md) of the branch, whose `parent` says where it comes from, and `store`, if kept."


def configure(parser: Parser) -> None:
    """The flags of `fork`."""
    parser.add_argument("run", help="directory of a stored run, such as store/latest")
    parser.add_argument("--at", dest="at_s", type=real, required=True, metavar="SECONDS", help="up to here the runs are the same")
    parser.add_argument("--add", action="append", default=[], metavar="FAULT", help='"crash n1 at 13 for 2"; repeatable')
    parser.add_argument("--remove", action="append", default=[], type=whole(1), metavar="N", help="fault N; repeatable")
    parser.add_argument("--move", action="append", default=[], metavar="TIMES", help='"N at 13 until 14"; repeatable')
    add_store_flags(parser)


def execute(args: argparse.Namespace) -> int:
    """Fork, run, keep, explain; the exit code is the verdict of the branch."""
    from windtunnel.scenarios import fork, store  # noqa: PLC0415 - not needed by --help

    root = store_of(args)
    place = Path(args.run)
    scenario, before = store.load(place)
    changes = _changes(args, scenario)
    known = {"run": str(place.resolve()), "fingerprint": str(before.get("fingerprint", ""))}
    branch = fork(scenario, args.at_s, changes, parent=known)
    if root is not None:
        store.prepare(Path(root))
    judged = run_shown(branch, trace=True)
    kept = str(store.save(judged, Path(root))) if root is not None else None
    if args.json:
        say_json({**judged.results, **({"store": kept} if kept else {})})
        return CODES[judged.verdict]
    say_run(judged)
    say(f"  branch: of a run that was {before.get('verdict')}; the same up to {args.at_s:g} s")
    if kept:
        say(f"  stored: {kept}")
        say(f"  report: {Path(kept) / 'report.html'}")
    return CODES[judged.verdict]


def _changes(args: argparse.Namespace, scenario: Scenario) -> list[dict[str, Any]]:
    """The changes that the flags ask for. Raises UsageError if there are none, and lists what there is to change."""
    from windtunnel.faults.words import fault_from_words, times_of  # noqa: PLC0415

    changes: list[dict[str, Any]] = [{"do": "remove", "fault": number} for number in args.remove]
    for text in args.move:
        number, *times = text.split()
        if not number.isdigit() or not times:
            raise UsageError(f'expected --move "N at 13 until 14"; got {text!r}')
        row = dict(enumerate(scenario.plan or (), 1)).get(int(number), {})
        at_s, until_s = times_of(times, row.get("at_s", args.at_s), row.get("until_s"), text)
        changes.append({"do": "move", "fault": int(number), "at_s": at_s, "until_s": until_s})
    changes += [{"do": "add", "fault": fault_from_words(text, args.at_s).row()} for text in args.add]
    if not changes:
        rows = [f"{i}. {row.get('text', row['verb'])} at {row['at_s']:g} s" for i, row in enumerate(scenario.plan or (), 1)]
        raise UsageError(f"a branch changes a fault: --add, --remove or --move; the plan has {'; '.join(rows) or 'no fault'}")
    return changes

"""Write a stored run in the format of another tool.

shiviz: a log for https://bestchai.bitbucket.io/shiviz, with vector clocks. chrome: a trace for Perfetto or chrome://tracing.
edn: the history as Jepsen writes it, for its checkers. shiviz and chrome need the events: of a run that was invalid, or run
with --trace.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from windtunnel.base.errors import UsageError, unknown
from windtunnel.cli.flags import Parser
from windtunnel.cli.output import say, say_json

EXAMPLES = """\
  windtunnel export store/latest --to chrome --output trace.json
  windtunnel export store/latest --to edn > history.edn"""

JSON = "`run`, `format`, `file`, `bytes`; needs `--output`."

FORMATS = ("shiviz", "chrome", "edn")


def configure(parser: Parser) -> None:
    """The flags of `export`."""
    parser.add_argument("run", help="directory of a stored run, such as store/latest")
    parser.add_argument("--to", required=True, metavar="FORMAT", help="shiviz, chrome or edn")
    parser.add_argument("--output", "-o", metavar="FILE", help="where to write (default: stdout)")


def execute(args: argparse.Namespace) -> int:
    """Convert and write."""
    if args.to not in FORMATS:
        raise unknown("export format", args.to, FORMATS)
    if args.json and not args.output:
        raise UsageError("--json prints one object on stdout, so the export needs --output FILE")
    text = _converted(Path(args.run), args.to)
    if not args.output:
        sys.stdout.write(text)
        return 0
    try:
        Path(args.output).write_text(text, encoding="utf-8")
    except OSError as error:
        raise UsageError(f"cannot write {args.output}: {error.strerror}") from None
    if args.json:
        say_json({"run": args.run, "format": args.to, "file": args.output, "bytes": len(text.encode())})
    else:
        say(f"{args.output}: {args.to}, {len(text.encode())} bytes")
    return 0


def _converted(place: Path, to: str) -> str:
    from windtunnel.reports import exports  # noqa: PLC0415 - not needed by --help
    from windtunnel.scenarios import store  # noqa: PLC0415

    run = store.load_run(place)
    if to == "edn":
        return exports.edn(run.history)
    if not run.trace:
        raise UsageError(f"{place} has no events: run it again with --trace")
    return exports.shiviz(run.trace) if to == "shiviz" else exports.chrome_trace(run.results, run.history, run.trace)

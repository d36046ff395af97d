"""Run a stored run again, from its scenario.toml, and compare the fingerprints.

The same code, seed and Python minor version give the same fingerprint. A different one means that the code has changed, or
that something in it is not deterministic: then the exit code is 2, whatever the verdict. A live run is repeated, not replayed.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from windtunnel.cli.flags import Parser
from windtunnel.cli.output import CODES, say, say_json
from windtunnel.cli.showing import run_shown, say_run

EXAMPLES = """\
  windtunnel replay store/latest
  windtunnel replay store/latest --json"""

JSON = "[results.json](results-json.md) of the new run, and `stored`: `fingerprint`, `verdict` of the old one, `same`."


def configure(parser: Parser) -> None:
    """The flags of `replay`."""
    parser.add_argument("run", help="directory of a stored run, such as store/latest")


def execute(args: argparse.Namespace) -> int:
    """Run again, compare, explain."""
    from windtunnel.scenarios import store  # noqa: PLC0415 - not needed by --help

    scenario, before = store.load(Path(args.run))
    judged = run_shown(scenario)
    was, now = before.get("fingerprint", ""), judged.results["fingerprint"]
    same = was == now
    code = CODES[judged.verdict] if same or scenario.world == "live" else CODES["unknown"]
    if args.json:
        say_json({**judged.results, "stored": {"fingerprint": was, "verdict": before.get("verdict"), "same": same}})
        return code
    say_run(judged)
    if scenario.world == "live":
        say("  replay: a live run is repeated, not replayed: its schedule is the machine's")
    elif same:
        say(f"  replay: the same run: fingerprint {now}")
    else:
        say(f"  replay: NOT the same run: fingerprint {now}, stored {was}; {_blame(before, judged.results)}")
    return code


def _blame(before: dict[str, object], after: dict[str, object]) -> str:
    """What is known to differ between the two."""
    differ = [name for name in ("windtunnel", "python") if before.get(name) != after[name]]
    said = ", ".join(f"{name} {before.get(name)} is now {after[name]}" for name in differ)
    return said or "the code of the system has changed, or something in it is not deterministic"

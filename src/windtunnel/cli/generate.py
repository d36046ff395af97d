"""Make a history whose verdicts are known, to try a checker on: of this tool, or any other one.

A simulated database of the level answers concurrent clients; every --plant is a short script in which it breaks a promise, on
keys of its own (p0x, p1x ...). Beside the history stands what is known by construction: which models hold, fail, stay open.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from windtunnel.base.errors import UsageError, unknown
from windtunnel.cli.flags import Parser
from windtunnel.cli.output import note, say, say_json, table

EXAMPLES = """\
  windtunnel generate --level snapshot-isolation --plant write-skew --operations 10000 --seed 7 -o h.jsonl
  windtunnel generate --interface kv --level causal --plant divergence -o h.jsonl
  windtunnel generate --interface queue --level linearizable > queue.jsonl
  windtunnel generate --list"""

JSON = (
    "`file`, `sidecar`, `interface`, `level`, `seed`, `operations`, `holds`, `fails`, `open` (models, as `model@level`), "
    "`planted` (`fault`, `operations`: indices); needs `--output`. With `--list`: `interfaces`."
)


def configure(parser: Parser) -> None:
    """The flags of `generate`."""
    parser.add_argument("--interface", metavar="I", help="kv, list-append, queue ... (default: the first one that has the level)")
    parser.add_argument("--level", metavar="L", help="what the simulated database keeps")
    parser.add_argument("--plant", action="append", default=[], metavar="F", help="a fault by name; may be given several times")
    parser.add_argument("--operations", type=int, default=1000, metavar="N", help="operations of the traffic (default 1000)")
    parser.add_argument("--clients", type=int, default=5, metavar="N", help="concurrent clients (default 5)")
    parser.add_argument("--keys", type=int, default=4, metavar="N", help="keys in use at a time (default 4)")
    parser.add_argument("--lost", type=float, default=0.01, metavar="P", help="chance that an answer never comes (default 0.01)")
    parser.add_argument("--seed", type=int, default=0, metavar="S", help="the same seed is the same history (default 0)")
    parser.add_argument(
        "--output",
        "-o",
        metavar="FILE",
        help="where to write; the verdicts go beside it, ending in .known.json (default: stdout)",
    )
    parser.add_argument("--list", action="store_true", help="print interfaces, levels and faults, and do nothing else")


def execute(args: argparse.Namespace) -> int:
    """Generate and write."""
    from windtunnel.generators import INTERFACES, generate  # noqa: PLC0415 - not needed by --help
    from windtunnel.histories.jsonl import event_rows, write_atomically, write_jsonl  # noqa: PLC0415

    if args.list:
        return _list(args, INTERFACES)
    if args.level is None:
        raise UsageError("generate needs --level; `windtunnel generate --list` has the levels")
    if args.json and not args.output:
        raise UsageError("--json prints one object on stdout, so the history needs --output FILE")
    made = generate(
        args.interface or _having(args.level, INTERFACES),
        args.level,
        args.plant,
        seed=args.seed,
        operations=args.operations,
        clients=args.clients,
        keys=args.keys,
        lost=args.lost,
    )
    facts = made.to_json()
    if not args.output:
        sys.stdout.writelines(
            json.dumps(row, ensure_ascii=False, separators=(",", ":")) + "\n" for row in event_rows(made.history)
        )
        for line in _told(facts):
            note(line)
        return 0
    sidecar = Path(args.output).with_suffix(".known.json")
    write_jsonl(made.history, args.output)
    write_atomically(sidecar, [json.dumps(facts).encode() + b"\n"])
    if args.json:
        say_json({"file": args.output, "sidecar": str(sidecar), **facts})
    else:
        say(f"{args.output}: {len(made.history)} operations; what is known: {sidecar}")
        for line in _told(facts):
            say(line)
    return 0


def _having(level: str, interfaces: Any) -> str:
    """The first interface that has a level."""
    for name, made in interfaces.items():
        if level in made.levels:
            return str(name)
    raise unknown("level", level, dict.fromkeys(level for made in interfaces.values() for level in made.levels))


def _told(facts: dict[str, Any]) -> list[str]:
    lines = [f"{word}: {', '.join(facts[word]) or 'nothing'}" for word in ("holds", "fails", "open")]
    return [
        *lines,
        *(f"planted: {row['fault']}, operations {', '.join(map(str, row['operations']))}" for row in facts["planted"]),
    ]


def _list(args: argparse.Namespace, interfaces: Any) -> int:
    if args.json:
        rows = [
            {
                "name": name,
                "levels": list(made.levels),
                "faults": [{"name": plant.name, "what": plant.doc} for plant in made.plants.values()],
            }
            for name, made in interfaces.items()
        ]
        say_json({"interfaces": rows})
        return 0
    table(("interface", "level"), [(name, level) for name, made in interfaces.items() for level in made.levels])
    say()
    faults = [(name, plant.name, plant.doc) for name, made in interfaces.items() for plant in made.plants.values()]
    table(("interface", "fault", "what happens"), faults)
    return 0

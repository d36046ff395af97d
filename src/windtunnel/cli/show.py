"""Show a system of the catalogue: its source, what it promises, what must hold, and the rules it stands on."""

from __future__ import annotations

import argparse
import dataclasses
import textwrap
from typing import Any

from windtunnel.cli.flags import Parser
from windtunnel.cli.output import say, say_json

EXAMPLES = """\
  windtunnel show raft
  windtunnel show two-phase-commit --json"""

JSON = (
    "`name`, `family`, `title`, `source`, `interface`, `promise`, `form`, `nodes`, `faults`, `properties`, "
    "`safeguards`, `options`, `scenarios`."
)

WIDTH = 100


def configure(parser: Parser) -> None:
    """The flags of `show`."""
    parser.add_argument("system", help="name of a system; `windtunnel list` has them")


def execute(args: argparse.Namespace) -> int:
    """Print everything about one system."""
    from windtunnel.systems import find  # noqa: PLC0415 - not needed by --help

    row = row_of(find(args.system))
    if args.json:
        say_json(row)
    else:
        _say(row)
    return 0


def row_of(system: Any) -> dict[str, Any]:
    """A system as JSON values."""
    return {
        "name": system.name,
        "family": system.family,
        "title": system.title,
        "source": system.source,
        "interface": system.interface,
        "promise": system.promise,
        "form": system.form,
        "nodes": list(system.nodes(system.size)),
        "faults": list(system.faults),
        "properties": [
            {"name": prop.name, "kind": prop.kind, "statement": prop.statement}
            for prop in (*system.always, *system.sometimes, *system.eventually)
        ],
        "safeguards": [dataclasses.asdict(rule) for rule in system.rules()],
        "options": {field.name: getattr(system.options(), field.name) for field in dataclasses.fields(system.options)},
        "scenarios": {name: (script.__doc__ or "").strip().split("\n", 1)[0] for name, script in system.scenarios.items()},
    }


def _say(row: dict[str, Any]) -> None:
    say(f"{row['name']}: {row['title']}")
    for name in ("source", "family", "interface", "promise", "form"):
        say(f"  {name:<10} {row[name]}")
    say(f"  {'nodes':<10} {' '.join(row['nodes'])}")
    say(f"  {'faults':<10} {', '.join(row['faults']) or 'none'}")
    say("\nproperties")
    for prop in row["properties"]:
        _entry(f"{prop['kind']:<10} {prop['name']}", prop["statement"])
    say("\nsafeguards (remove one with --without NAME)")
    for rule in row["safeguards"]:
        _entry(
            f"{rule['name']}  [{rule['source']}]",
            f"{rule['rule'].rstrip('.')}; breaks {', '.join(rule['breaks'])}; shown by {rule['by']}",
        )
    say("\noptions (--option NAME=VALUE)")
    for name, value in row["options"].items():
        say(f"  {name} = {value!r}")
    if row["scenarios"]:
        say("\ndirected scenarios (run with --scenario NAME)")
        for name, what in row["scenarios"].items():
            _entry(name, what)


def _entry(head: str, text: str) -> None:
    say(f"  {head}")
    say(textwrap.fill(text, WIDTH, initial_indent="      ", subsequent_indent="      "))

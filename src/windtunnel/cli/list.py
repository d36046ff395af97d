"""List what there is: systems (the default), faults, models, interfaces, formats."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Any

from windtunnel.base.errors import unknown
from windtunnel.cli.flags import Parser
from windtunnel.cli.output import say_json, table

EXAMPLES = """\
  windtunnel list
  windtunnel list faults
  windtunnel list models --json"""

JSON = "one entry, named as the list: its rows, each with `name`."

Rows = list[dict[str, Any]]


def configure(parser: Parser) -> None:
    """The flags of `list`."""
    parser.add_argument("what", nargs="?", default="systems", help="systems, faults, models, interfaces or formats")


def execute(args: argparse.Namespace) -> int:
    """Print one list."""
    if args.what not in LISTS:
        raise unknown("list", args.what, LISTS)
    return _print(args.what, args)


def list_models(args: argparse.Namespace) -> int:
    """Print the models."""
    return _print("models", args)


def _print(what: str, args: argparse.Namespace) -> int:
    rows = LISTS[what]()
    if args.json:
        say_json({what: rows})
    else:
        table(list(rows[0]), [[str(value) for value in row.values()] for row in rows])
    return 0


def _systems() -> Rows:
    from windtunnel import systems  # noqa: PLC0415 - each list loads only what it shows

    found = [systems.find(name) for name in systems.names()]
    return [
        {"name": s.name, "family": s.family, "interface": s.interface, "promise": s.promise, "form": s.form, "title": s.title}
        for s in found
    ]


def _faults() -> Rows:
    from windtunnel.faults import COMBINATIONS, PROFILES  # noqa: PLC0415

    rows = [
        {"name": p.kind, "every_s": f"{p.gap_s:g}", "lasts_s": "{:g}..{:g}".format(*p.lasts_s), "what": p.what}
        for p in PROFILES.values()
    ]
    for name, intensity in COMBINATIONS.items():
        rows.append({"name": name, "every_s": "", "lasts_s": "", "what": f"every kind at once, at {intensity:g} times its rate"})
    return rows


def _models() -> Rows:
    from windtunnel.checkers import MODELS  # noqa: PLC0415

    return [
        {
            "name": name,
            "promise": model.promise,
            "operations": ", ".join(model.functions),
            "what": " ".join(model.doc.split("\n\n")[0].split()),
        }
        for name, model in MODELS.items()
    ]


def _interfaces() -> Rows:
    from windtunnel.traffic import INTERFACES  # noqa: PLC0415

    mixes = {name: ", ".join(f"{op}={share:g}" for op, share in kind.mix.items()) for name, kind in INTERFACES.items()}
    return [
        {"name": name, "default_mix": mixes[name], "what": (kind.__doc__ or "").split("\n", 1)[0]}
        for name, kind in INTERFACES.items()
    ]


def _formats() -> Rows:
    from windtunnel.histories import FORMATS  # noqa: PLC0415

    return [{"name": name, "what": (reader.__doc__ or "").strip().split("\n", 1)[0]} for name, reader in FORMATS.items()]


LISTS: dict[str, Callable[[], Rows]] = {
    "systems": _systems,
    "faults": _faults,
    "models": _models,
    "interfaces": _interfaces,
    "formats": _formats,
}

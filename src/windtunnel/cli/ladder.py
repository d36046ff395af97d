"""The part of `check` that judges one history by many models."""

from __future__ import annotations

import argparse
import time
from typing import Any

from windtunnel.base.errors import UsageError
from windtunnel.cli.output import CODES, say, say_json, table


def climb(args: argparse.Namespace) -> int:
    """Judge by every model of the interface; the exit code is that of the model that was asked for, or 0."""
    from windtunnel.checkers import MODELS  # noqa: PLC0415 - not needed by --help
    from windtunnel.checkers.ladder import ladder  # noqa: PLC0415
    from windtunnel.histories import read_history  # noqa: PLC0415

    if args.html is not None or args.initial is not None or args.configurations is not None:
        raise UsageError("--ladder goes with --model, --level, --format and --budget only: check one model for its page")
    if args.level is not None and args.model is None:
        raise UsageError("--ladder needs --model to know whose --level decides the exit code")
    read = (MODELS[args.model].read if args.model in MODELS else None) or read_history
    history = read(args.file, args.format)
    began = time.perf_counter()
    found = ladder(history, args.model, budget_s=args.budget_s)
    wall_s = time.perf_counter() - began
    asked = _asked(args, found)
    if args.json:
        rungs = [{"name": r.name, "verdict": r.word, "why": r.why, "judged": r.judged} for r in found.rungs]
        row: dict[str, Any] = {"file": args.file, "ladder": found.interface, "rungs": rungs, "strongest": found.strongest()}
        say_json(row | {"contradictions": list(found.contradictions), "ops": history.counts(), "wall_s": round(wall_s, 6)})
    else:
        table(("model", "verdict", "why"), [(rung.name, rung.word, _short(rung.why)) for rung in found.rungs])
        say()
        say(f"Strongest that hold: {', '.join(found.strongest()) or 'none'}.")
        refuted = next((rung for rung in reversed(found.rungs) if rung.valid is False), None)
        if refuted is not None:
            say(f"Why not more: windtunnel check {args.file} {refuted.command}")
        for contradiction in found.contradictions:
            say(f"A bug of windtunnel: {contradiction}.")
    if found.contradictions:
        return CODES["unknown"]
    return 0 if asked is None else CODES[asked.word]


def _asked(args: argparse.Namespace, found: Any) -> Any:
    """The rung that decides the exit code."""
    if args.model is None:
        return None
    if args.level is None:
        return next((rung for rung in found.rungs if rung.name == args.model), found.rungs[0])
    level = args.level
    if args.model in ("list-append", "rw-register"):
        from windtunnel.checkers.transactions.levels import level_named  # noqa: PLC0415

        level = level_named(level)
    names = [rung.name for rung in found.rungs]
    if f"{args.model}@{level}" not in names:
        raise UsageError(f"{args.model} at {level} does not stand on the ladder {found.interface}: {', '.join(names)}")
    return found.rung(f"{args.model}@{level}")


def _short(why: str) -> str:
    return why if len(why) <= 90 else f"{why[:88]} …"

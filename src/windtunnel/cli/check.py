"""Judge a recorded history: of this tool, of Jepsen, of an etcd test, of anything that writes one of the formats.

The format is recognised from the file unless --format names it. A malformed file is refused with its line.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from windtunnel.base.errors import UsageError, unknown
from windtunnel.cli.flags import Parser, duration
from windtunnel.cli.output import CODES, say, say_json

EXAMPLES = """\
  windtunnel check etcd_002.log --model cas-register
  windtunnel check store/latest/history.jsonl --model kv --budget 60
  windtunnel check history.edn --model list-append --level snapshot-isolation
  windtunnel check jobs.log --model queue --html why.html
  windtunnel check history.jsonl --ladder
  windtunnel check --list-models"""

JSON = (
    "`file`, `model`, `verdict`, `why`, `ops`, `wall_s`, `evidence` (null, or `property`, `key`, `operations`, "
    "`last_state`, `stuck`, `text`), `stats`. "
    "With `--ladder`: `ladder`, `rungs` (`name`, `verdict`, `why`, and whether it was `judged` itself), `strongest`, "
    "`contradictions`, `ops`, `wall_s`."
)

BUDGET_S = 60.0
COLUMNS_FROM_BYTES = 32 * 2**20
"""Larger files are read into columns: about 150,000 operations."""


def configure(parser: Parser) -> None:
    """The flags of `check`."""
    parser.add_argument(
        "file", nargs="?", help="a history: jsonl, edn and json (Jepsen), etcd-log (knossos), porcupine-kv, call-log"
    )
    parser.add_argument("--model", metavar="M", help="what the system promises")
    parser.add_argument("--list-models", action="store_true", help="print the models, and do nothing else")
    parser.add_argument(
        "--ladder",
        action="store_true",
        help="judge by all models of the interface; exit code 0, or that of --model (and --level)",
    )
    parser.add_argument("--level", metavar="L", help="isolation level, for models of transactions (default strict-serializable)")
    parser.add_argument("--format", default="auto", metavar="F", help="format of the file (default: recognised)")
    parser.add_argument(
        "--budget", dest="budget_s", type=duration, default=BUDGET_S, metavar="TIME", help="wall time (default 60)"
    )
    parser.add_argument(
        "--configurations", type=int, metavar="N", help="configurations that a search may remember (default 2,000,000: 0.4 GB)"
    )
    parser.add_argument("--initial", metavar="JSON", help="what the object holds at the start (semaphores: the permits)")
    parser.add_argument("--html", metavar="FILE", help="write the verdict as a page, with the drawing")


def execute(args: argparse.Namespace) -> int:
    """Read, check, explain."""
    from windtunnel.checkers import MODELS, check  # noqa: PLC0415 - not needed by --help
    from windtunnel.cli.list import list_models  # noqa: PLC0415
    from windtunnel.histories import read_columns, read_history  # noqa: PLC0415
    from windtunnel.histories.jsonl import write_atomically  # noqa: PLC0415

    if args.list_models:
        return list_models(args)
    if args.ladder and args.file is not None:
        from windtunnel.cli.ladder import climb  # noqa: PLC0415

        return climb(args)
    if args.file is None or args.model is None:
        raise UsageError("check needs a history and --model; `windtunnel check --list-models` has the models")
    if args.model not in MODELS:
        raise unknown("model", args.model, MODELS)
    large = MODELS[args.model].specification is not None and _is_large(args.file)
    read: Callable[..., Any] = read_columns if large else MODELS[args.model].read or read_history
    history = read(args.file, args.format)
    began = time.perf_counter()
    options: dict[str, Any] = {} if args.initial is None else {"initial": _json(args.initial)}
    if args.configurations is not None:
        options["configurations"] = args.configurations
    if large:
        verdict = _of_columns(history, args, options)
    else:
        verdict = check(history, args.model, budget_s=args.budget_s, level=args.level, **options)
    wall_s = time.perf_counter() - began
    if args.html is not None:
        write_atomically(Path(args.html), [verdict.to_html().encode()])
    if args.json:
        say_json(_row(args, history, verdict, wall_s))
    else:
        counts = history.counts()
        for line in verdict.lines():
            say(line)
        say(f"  {counts['total']} operations: {counts['ok']} ok, {counts['fail']} fail, {counts['info']} info; {wall_s:.3f} s")
    return CODES[verdict.word]


def _is_large(path: str) -> bool:
    """Whether a history is better read into columns than into an object per operation."""
    with contextlib.suppress(OSError):
        return Path(path).stat().st_size > COLUMNS_FROM_BYTES
    return False


def _of_columns(columns: Any, args: argparse.Namespace, options: dict[str, Any]) -> Any:
    """The verdict on columns; `check` says what does not fit."""
    from windtunnel.checkers import MODELS, check, linearizable  # noqa: PLC0415
    from windtunnel.histories import History  # noqa: PLC0415

    model = MODELS[args.model]
    if args.level is not None or not set(columns.functions) <= set(model.functions):
        first = [columns.operations[columns.f.index(number)] for number in range(len(columns.functions))]
        return check(History(first), args.model, level=args.level)
    specification = model.specification
    assert specification is not None, "only objects are judged by columns"
    if "initial" in options:
        specification = specification.starting(options.pop("initial"))
    return linearizable(columns, specification, budget_s=args.budget_s, **options)


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        raise UsageError(f"--initial: expected JSON such as 0, null or [], got {text!r}") from None


def _row(args: argparse.Namespace, history: Any, verdict: Any, wall_s: float) -> dict[str, Any]:
    evidence = verdict.evidence
    row: dict[str, Any] = verdict.to_json() | {
        "file": args.file,
        "model": args.model,
        "verdict": verdict.word,
        "why": verdict.why,
        "ops": history.counts(),
        "wall_s": round(wall_s, 6),
        "evidence": evidence
        and {
            "property": evidence.property,
            "key": evidence.key,
            "operations": [op.index for op in evidence.operations],
            "last_state": evidence.last_state,
            "stuck": evidence.stuck.index if evidence.stuck is not None else None,
            "text": list(evidence.text),
        },
        "stats": verdict.stats,
    }
    return row

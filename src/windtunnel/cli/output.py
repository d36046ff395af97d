"""How commands speak: results on stdout, everything else on stderr."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Sequence
from typing import Any

CODES = {"valid": 0, "invalid": 1, "unknown": 2}
"""Exit code by verdict."""


def say(text: str = "") -> None:
    """A line of the result."""
    sys.stdout.write(f"{text}\n")


def note(text: str) -> None:
    """A line beside the result: what is going on."""
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()


def say_json(values: dict[str, Any]) -> None:
    """The one JSON object of --json."""
    sys.stdout.write(json.dumps(values, ensure_ascii=False, default=str) + "\n")


def colour() -> bool:
    """Whether stdout is a terminal that shows colours."""
    return sys.stdout.isatty()


def say_marked(text: str) -> None:
    """A text with rich's markup, on a terminal."""
    from rich.console import Console  # noqa: PLC0415 - only terminals need it

    Console(soft_wrap=True, highlight=False).print(text)


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Columns as wide as they need to be; the last one is not padded."""
    lines = [list(head), *([str(cell) for cell in row] for row in rows)]
    widths = [max(len(line[i]) for line in lines) for i in range(len(head) - 1)]
    for line in lines:
        cells = [cell.ljust(width) for cell, width in zip(line, widths, strict=False)]
        say("  ".join([*cells, line[-1]]).rstrip())

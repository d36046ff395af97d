"""How a report says things: numbers with units, operations as calls, promises by their names in the literature."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from windtunnel.histories import History, Operation

LITERATURE: Mapping[str, tuple[str, str]] = {
    "linearizability": (
        "every operation takes effect at one instant between its invocation and its completion",
        "Herlihy & Wing 1990",
    ),
    "sequential consistency": (
        "there is one order of all operations that keeps the order of each process",
        "Lamport 1979",
    ),
    "serializability": ("the transactions have the effect of some serial order", "Papadimitriou 1979"),
    "atomic commitment": ("all participants of a transaction come to the same decision", "Gray & Lamport 2006"),
    "reliable broadcast": ("what one correct node delivers, every correct node delivers", "Hadzilacos & Toueg 1994"),
    "conservation": ("what leaves one account arrives in another: the total never changes", "Garcia-Molina & Salem 1987"),
}
"""What a checker may report as broken: its definition in one sentence, and who gave it."""

VERDICTS: Mapping[str, tuple[str, str]] = {"valid": ("✓", "Valid"), "invalid": ("✗", "Invalid"), "unknown": ("?", "Unknown")}
"""Icon and word of a verdict."""

STATUSES: Mapping[str, tuple[str, str]] = {
    "held": ("✓", "good"),
    "seen": ("✓", "good"),
    "reached": ("✓", "good"),
    "valid": ("✓", "good"),
    "broken": ("✗", "bad"),
    "missed": ("✗", "bad"),
    "invalid": ("✗", "bad"),
    "unseen": ("○", "open"),
    "unchecked": ("·", "none"),
    "unknown": ("?", "open"),
}
"""Icon and tone of the status of a property."""


def seconds_text(seconds: float) -> str:
    """A duration to three significant figures: `850 µs`, `6.12 ms`, `1.20 s`, `4 min 10 s`."""
    if seconds >= 120:
        return f"{int(seconds // 60)} min {int(seconds % 60)} s"
    for scale, unit in ((1.0, "s"), (1e-3, "ms"), (1e-6, "µs")):
        if seconds >= scale:
            value = seconds / scale
            return f"{value:.0f} {unit}" if value >= 99.95 else f"{value:.3g} {unit}"
    return "0 s" if seconds <= 0 else f"{seconds * 1e6:.2g} µs"


def milliseconds_text(ms: float) -> str:
    """The same for a figure given in milliseconds."""
    return seconds_text(ms / 1e3)


def unit_of(results: Mapping[str, Any], history: History | None) -> str:
    """What the times of a run count: seconds ("s"), or where no clock ran the steps of a stage or the events of a file."""
    if results.get("world") == "stage":
        return "step"
    return "s" if history is None or history.timed else "event"


def moment(at: float, unit: str) -> str:
    """A point of the run: `t=12.403 s`, `step 12`, `event 12`."""
    return f"t={at:.3f} s" if unit == "s" else f"{unit} {at:.0f}"


def count_text(number: float) -> str:
    """An integer with separators of thousands."""
    return f"{int(number):,}"


def plural(number: int, noun: str) -> str:
    """`1 fault`, `12 faults`."""
    return f"{count_text(number)} {noun}{'' if number == 1 else 's'}"


def operation_text(op: Operation, limit: int = 80) -> str:
    """What was asked and answered, if it is not ok why, and in which line of a file; cut to `limit` characters."""
    text = op.describe() + (f": {op.error}" if op.error else "") + (f" [{op.where()}]" if op.line else "")
    return cut(printable(text), limit)


def printable(text: str) -> str:
    """`text` with everything that does not print, line ends and terminal escapes among them, replaced by a space."""
    return text if text.isprintable() else "".join(c if c.isprintable() else " " for c in text)


def cut(text: str, limit: int) -> str:
    """`text`, or its beginning and an ellipsis."""
    return text if len(text) <= limit else text[: limit - 1] + "…"


def literature(results: Mapping[str, Any]) -> tuple[str, str, str]:
    """Name, definition and source of the broken promise. The source is empty where only the safeguard has one."""
    violation = results["violation"]
    name = str(violation.get("property") or "promise")
    known = LITERATURE.get(name.replace("_", " ").replace("-", " "))
    if known is not None:
        return (name, *known)
    source = "" if violation.get("safeguard") else str(violation.get("source") or "")
    return name, str(violation.get("statement") or ""), source


def claim(results: Mapping[str, Any]) -> str:
    """The verdict as a sentence: who kept or broke what; or the run's own `claim`."""
    if results.get("claim"):
        return str(results["claim"])
    system = str(results.get("system") or "the history")
    verdict = results.get("verdict")
    if verdict == "valid":
        promise = (results.get("checker") or {}).get("promise")
        return f"{system} kept its promise" + (f": {promise}" if promise else "")
    if verdict == "invalid":
        return f"{system} broke {literature(results)[0] if results.get('violation') else 'its promise'}"
    return f"{system}: no verdict"

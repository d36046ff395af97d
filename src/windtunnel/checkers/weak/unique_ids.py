"""Unique ids: no two answers are the same; at stronger levels they also rise.

Source: Jepsen's unique-ids checker. Levels: `unique`; `session-rising`: the ids of each process rise; `rising`: an id that was
asked for after another one had been answered is larger (as Spanner's timestamps, or the tokens of a lock).
"""

from __future__ import annotations

from typing import Any, Final

from windtunnel.base.errors import unknown
from windtunnel.checkers.verdict import Verdict
from windtunnel.checkers.weak.findings import Finding, judged, misfit, named, silent
from windtunnel.histories import History, Operation
from windtunnel.histories.operations import shown
from windtunnel.histories.values import canonical

FUNCTIONS: Final = {"generate": "generate() -> id"}
PROPERTY: Final = "uniqueness"
LEVELS: Final = ("unique", "session-rising", "rising")


def unique_ids(history: History, level: str = LEVELS[0]) -> Verdict:
    """Whether ids are unique, and rise as the level says. Raises UsageError for a level that is none."""
    if level not in LEVELS:
        raise unknown("level", level, LEVELS)
    first: dict[Any, Operation] = {}
    findings: list[Finding] = []
    answered = [op for op in history if op.type == "ok"]
    for op in answered:
        if op.result is None:
            raise misfit(history, op, "an id", op.result)
        name = (canonical(op.key), canonical(op.result))
        if name in first:
            text = f"{shown(op.result)} was given to process {first[name].process} ({first[name].where()}) and to {_whom(op)}"
            findings.append(Finding("duplicate", text, (first[name], op), op.key))
        else:
            first[name] = op
    if level != "unique":
        findings += _falling(history, answered, everywhere=level == "rising")
    stats: dict[str, Any] = {"operations": len(history), "acknowledged": len(answered), "distinct": len(first)}
    numbers = [op.result for op in answered if isinstance(op.result, (int, float))]
    if numbers and len(numbers) == len(answered):
        stats["range"] = [min(numbers), max(numbers)]
    return judged("unique-ids", PROPERTY, findings, stats, silent(history))


def _whom(op: Operation) -> str:
    return f"process {op.process} ({op.where()})"


def _falling(history: History, answered: list[Operation], *, everywhere: bool) -> list[Finding]:
    """Ids that are not above one that had been answered when they were asked for; equal ones are duplicates already."""
    findings: list[Finding] = []
    kinds = {type(op.result) for op in answered}
    if not (kinds <= {int, float} or kinds <= {str}):
        odd = next(
            op for op in answered if type(op.result) not in (int, float, str) or type(op.result) is not type(answered[0].result)
        )
        raise misfit(history, odd, "ids that are all numbers, or all texts, to be compared", odd.result)
    highest: dict[Any, tuple[Any, Operation]] = {}
    waiting = sorted(answered, key=lambda op: op.completed or 0)
    at = 0
    for op in sorted(answered, key=lambda op: op.invoked):
        while at < len(waiting) and (waiting[at].completed or 0) < op.invoked:
            done = waiting[at]
            name = (canonical(done.key), None if everywhere else done.process)
            given: Any = done.result
            if name not in highest or highest[name][0] < given:
                highest[name] = (given, done)
            at += 1
        most, before = highest.get((canonical(op.key), None if everywhere else op.process), (None, None))
        if before is not None and op.result < most:
            text = f"{named(op)} is below {shown(most)}, which {_whom(before)} had been given before it asked"
            findings.append(Finding("falling", text, (before, op), op.key))
    return findings

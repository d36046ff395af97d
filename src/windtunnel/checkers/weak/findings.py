"""What the checkers of weaker models find, and the verdict that it comes to."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from windtunnel.base.errors import UsageError
from windtunnel.base.messages import Value
from windtunnel.checkers.verdict import Evidence, Verdict
from windtunnel.histories import History, Operation, draw
from windtunnel.histories.operations import shown
from windtunnel.histories.values import canonical

EXAMPLES_MAX = 3
_DRAWN_MAX = 12


@dataclass(frozen=True, slots=True)
class Finding:
    """One violation. kind: its name. text: one sentence with the operations and where they stand. operations: those.

    lines: the reasoning, where a sentence is not enough.
    """

    kind: str
    text: str
    operations: tuple[Operation, ...]
    key: Value = None
    lines: tuple[str, ...] = ()


def judged(model: str, promise: str, findings: Sequence[Finding], stats: dict[str, Any], unknown: str = "") -> Verdict:
    """The verdict: the first finding in full, some of each kind in words, the rest as counts.

    unknown: why nothing can be said if nothing was found; empty if that means valid.
    """
    if not findings:
        return Verdict(None if unknown else True, model, unknown, stats=stats)
    kinds = Counter(finding.kind for finding in findings)
    first, *others = findings
    distinct = {id(operation): operation for operation in first.operations}
    operations = sorted(distinct.values(), key=lambda operation: operation.invoked)
    text = [f"  {line}" for line in draw(operations, 118)] if len(operations) <= _DRAWN_MAX else []
    text += first.lines
    for kind in kinds:
        examples = [finding.text for finding in others if finding.kind == kind]
        text += [f"{kind}: {example}" for example in examples[:EXAMPLES_MAX]]
        if len(examples) > EXAMPLES_MAX:
            text.append(f"{kind}: {len(examples) - EXAMPLES_MAX:,} more")
    stuck = first.operations[-1] if first.operations else None
    evidence = Evidence(promise, first.key, operations, None, stuck, text)
    why = first.text if first.kind == model else f"{first.kind}: {first.text}"
    return Verdict(False, model, why, evidence, stats | dict(kinds))


def named(operation: Operation) -> str:
    """An operation in a sentence: `read x -> 3 by process 4 (line 17)`."""
    return f"{operation.describe()} by process {operation.process} ({operation.where()})"


def about(key: Value) -> str:
    """A key in a sentence, after what it is said of: ` of key x`; nothing where there is only one."""
    return "" if key is None else f" of key {shown(key)}"


def misfit(history: History, operation: Operation, expected: str, got: Value) -> UsageError:
    """The error for an operation of another shape than the model understands. To be raised by the caller."""
    line = operation.completed_line or operation.line
    place = f"{history.source}:{line}" if history.source and line else operation.where()
    return UsageError(f"{place}: expected {expected}, got {shown(got)}")


def silent(history: History) -> str:
    """Why a history says nothing, if it does not: no operation was answered."""
    return "" if any(operation.type == "ok" for operation in history) else "no operation of the history was answered ok"


def names_of(values: Sequence[Value]) -> Sequence[Any]:
    """Values in a form that can be compared and hashed. Reads of thousands of numbers are common: those need no conversion."""
    return values if set(map(type, values)) <= {int, str} else [canonical(value) for value in values]


def quantiles(numbers: Sequence[float], shares: Sequence[float] = (0.5, 0.9, 0.99, 0.999, 1.0)) -> list[float]:
    """The smallest of the numbers that so large a share of them does not exceed; empty if there are none."""
    ordered = sorted(numbers)
    last = len(ordered) - 1
    return [ordered[min(last, max(0, -int(-share * len(ordered) // 1) - 1))] for share in shares] if ordered else []

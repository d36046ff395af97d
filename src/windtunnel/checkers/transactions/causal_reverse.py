"""Causal reverse: a read shows a write, and not one that had been answered before that one was asked.

Source: Jepsen's causal-reverse workload, after an anomaly of CockroachDB ("Living Without Atomic Clocks"): serializable, not
strictly.

A read that shows some writes must show all that were answered before the latest of their invocations: prefixes by time of
answer, so the missing ones are found by counting.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping
from typing import Any

from windtunnel.base.errors import UsageError
from windtunnel.checkers.verdict import Evidence, Verdict
from windtunnel.histories import History, Operation
from windtunnel.histories.operations import shown

FUNCTIONS: Mapping[str, str] = {"write": "write(v): every v once", "read": "read() -> [v, ...] of all keys of the history"}
PROPERTY = "no causal reverse"


def causal_reverse(history: History) -> Verdict:
    """Whether no read shows an effect without its cause. Raises UsageError for operations of another shape."""
    by_key: dict[Any, list[Operation]] = {}
    for operation in history:
        by_key.setdefault(operation.key if not isinstance(operation.key, list) else tuple(operation.key), []).append(operation)
    found: list[tuple[Operation, Operation, Operation]] = []
    reads = 0
    for operations in by_key.values():
        count, wrong = _one_key(history, operations)
        reads += count
        found += wrong
    stats = {"operations": len(history), "reads": reads, "reversed": len(found)}
    if not reads:
        return Verdict(None, "causal-reverse", "nothing was read", stats=stats)
    if not found:
        return Verdict(True, "causal-reverse", stats=stats)
    read, missing, later = found[0]
    why = f"{read.where()} saw {shown(later.value)} and not {shown(missing.value)}, which had been answered before"
    text = [
        f"{missing.describe()} was answered ({missing.where()})",
        f"before {later.describe()} was asked ({later.where_invoked()}),",
        f"but {read.describe()} by process {read.process} ({read.where()}) shows only the later one.",
    ]
    return Verdict(False, "causal-reverse", why, Evidence(PROPERTY, read.key, [missing, later, read], None, read, text), stats)


def _one_key(history: History, operations: list[Operation]) -> tuple[int, list[tuple[Operation, Operation, Operation]]]:
    writes: dict[Any, Operation] = {}
    for operation in operations:
        if operation.f == "write":
            if operation.value in writes:
                raise _misfit(history, operation, "every value to be written once", shown(operation.value))
            writes[operation.value] = operation
    answered = sorted((op for op in writes.values() if op.type == "ok"), key=lambda op: op.completed or 0)
    ends = [op.completed or 0 for op in answered]
    reads, wrong = 0, []
    for read in operations:
        if read.f != "read" or read.type != "ok":
            continue
        if not isinstance(read.result, (list, tuple)):
            raise _misfit(history, read, "a read to answer a list", shown(read.result))
        reads += 1
        seen = {value for value in read.result if value in writes}
        if not seen:
            continue
        later = max((writes[value] for value in seen), key=lambda op: op.invoked)
        before = bisect_left(ends, later.invoked)
        if sum(1 for value in seen if writes[value].type == "ok" and (writes[value].completed or 0) < later.invoked) < before:
            missing = next(op for op in answered[:before] if op.value not in seen)
            wrong.append((read, missing, later))
    return reads, wrong


def _misfit(history: History, operation: Operation, expected: str, got: str) -> UsageError:
    place = f"{history.source}, {operation.where()}" if history.source else operation.where()
    return UsageError(f"{place}: expected {expected}, got {got}")

"""Long fork: two reads of a group of keys must not have seen its writes in opposite orders. Every key is written once.

Sources: Sovran et al., "Transactional storage for geo-replicated systems", 2011 (parallel snapshot isolation allows it, snapshot
isolation does not); Jepsen's long-fork workload.

Reads of one group that saw more and more form a chain of sets. Sorted by size each must hold the one before it: linear in
what was read.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from typing import Any

from windtunnel.base.errors import UsageError
from windtunnel.base.messages import Value
from windtunnel.checkers.verdict import Evidence, Verdict
from windtunnel.histories import History, Operation
from windtunnel.histories.operations import shown

FUNCTIONS: Mapping[str, str] = {
    "write": "write([[w k v]]): the only write of k",
    "read": "read([[r k nil] ...]) -> the same with what was read, of a group of keys",
    "txn": "either of them",
}
PROPERTY = "no long fork"


def long_fork(history: History) -> Verdict:
    """Whether all reads of every group can be put in one order. Raises UsageError for operations of another shape."""
    writes: dict[Any, Operation] = {}
    groups: dict[tuple[Any, ...], list[tuple[frozenset[Any], Operation]]] = {}
    for operation in history:
        micros = _micros(history, operation)
        for f, key, _ in micros:
            if f == "w":
                if key in writes and writes[key] is not operation:
                    raise _misfit(history, operation, "every key to be written once", f"another write of {shown(key)}")
                writes[key] = operation
        if operation.type == "ok" and len(micros) > 1 and all(f == "r" for f, _, _ in micros):
            seen = frozenset(key for _, key, value in micros if value is not None)
            groups.setdefault(tuple(sorted((key for _, key, _ in micros), key=repr)), []).append((seen, operation))
    reads = sum(map(len, groups.values()))
    stats = {"operations": len(history), "groups": len(groups), "reads": reads}
    if not reads:
        return Verdict(None, "long-fork", "no group of keys was read", stats=stats)
    forks = [fork for members in groups.values() for fork in _forks(members)]
    stats["forks"] = len(forks)
    if not forks:
        return Verdict(True, "long-fork", stats=stats)
    (one_saw, one), (two_saw, two) = forks[0]
    x, y = min(one_saw - two_saw, key=repr), min(two_saw - one_saw, key=repr)
    why = f"{one.where()} saw the write of {shown(x)} and not that of {shown(y)}, {two.where()} the other way round"
    text = [
        f"{op.describe()} by process {op.process} ({op.where()})"
        for op in (writes.get(x), writes.get(y), one, two)
        if op is not None
    ]
    text.append("No one order of the two writes explains both reads: parallel snapshot isolation at best.")
    operations = [op for op in (writes.get(x), writes.get(y), one, two) if op is not None]
    return Verdict(False, "long-fork", why, Evidence(PROPERTY, None, operations, None, two, text), stats)


_Seen = tuple[frozenset[Any], Operation]


def _forks(members: list[_Seen]) -> list[tuple[_Seen, _Seen]]:
    """Neighbours, by how much they saw, of which the smaller is no part of the larger."""
    ordered = sorted(members, key=lambda member: len(member[0]))
    return [(a, b) for a, b in pairwise(ordered) if not a[0] <= b[0]]


def _micros(history: History, operation: Operation) -> list[tuple[str, Value, Value]]:
    value = operation.result if operation.type == "ok" and isinstance(operation.result, list) else operation.value
    if not isinstance(value, list) or not all(_is_micro(micro) for micro in value):
        raise _misfit(history, operation, "a list of [w k v] and [r k v]", shown(value))
    return [(str(micro[0]), _hashable(micro[1]), micro[2] if len(micro) > 2 else None) for micro in value]


def _is_micro(micro: Any) -> bool:
    return isinstance(micro, (list, tuple)) and len(micro) in (2, 3) and micro[0] in ("r", "w")


def _hashable(key: Value) -> Any:
    return tuple(key) if isinstance(key, list) else key


def _misfit(history: History, operation: Operation, expected: str, got: str) -> UsageError:
    place = f"{history.source}, {operation.where()}" if history.source else operation.where()
    return UsageError(f"{place}: expected {expected}, got {got}")

"""Lanes: which row of a timeline an operation is drawn on.

A client has several processes in the course of a run (one that gives up is never used again, so its successor has a new
number) and, with open arrivals, several at once. A person thinks in clients. So operations are grouped by client, and each
group gets as many rows as it ever had operations at the same time, up to a limit where a drawing needs one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from heapq import heappop, heappush
from math import inf

from windtunnel.histories import Operation


@dataclass(frozen=True, slots=True)
class Lanes:
    """labels: one per lane, empty for the further rows of a client. lane: for each operation its lane."""

    labels: list[str]
    lane: list[int]


def lanes(operations: Sequence[Operation], clients: Sequence[str], rows_max: int | None = None) -> Lanes:
    """Rows for `operations` (any order), grouped by the client they belong to.

    rows_max: per client; beyond it operations share the row that will be free first, and overlap there.
    """
    groups = _groups(operations, clients)
    members: dict[str, list[int]] = {name: [] for name in clients if name in groups}
    for at, group in enumerate(groups):
        members.setdefault(group, []).append(at)
    labels: list[str] = []
    lane = [0] * len(operations)
    for name, indexes in members.items():
        first = len(labels)
        rows = _pack(operations, indexes, lane, first, rows_max or len(indexes))
        labels += [name] + [""] * (rows - 1)
    return Lanes(labels, lane)


def end_s(op: Operation) -> float:
    """When an operation was over for its client; endless if it never was."""
    return inf if op.completed_s is None else op.completed_s


def _groups(operations: Sequence[Operation], clients: Sequence[str]) -> list[str]:
    """The client of each operation: `c1` for the process `c1.2`; for numbered processes, number modulo clients as in Jepsen."""
    known = set(clients)
    numbered = all(isinstance(op.process, int) for op in operations)
    few = len({op.process for op in operations}) <= 64
    result = []
    for op in operations:
        if isinstance(op.process, str):
            stem = op.process.rpartition(".")[0]
            result.append(stem if stem in known else op.process)
        elif numbered and clients and not few:
            result.append(clients[op.process % len(clients)])
        elif few:
            result.append(f"process {op.process}")
        else:
            result.append("processes")
    return result


def _pack(operations: Sequence[Operation], indexes: list[int], lane: list[int], first: int, rows_max: int) -> int:
    """Give each operation the lowest row that is free when it begins; returns the number of rows."""
    busy: list[tuple[float, int]] = []
    free: list[int] = []
    rows = 0
    for at in sorted(indexes, key=lambda i: (operations[i].invoked_s, i)):
        op = operations[at]
        while busy and busy[0][0] <= op.invoked_s:
            heappush(free, heappop(busy)[1])
        if free:
            row = heappop(free)
        elif rows < rows_max:
            row, rows = rows, rows + 1
        else:
            row = heappop(busy)[1]
        lane[at] = first + row
        heappush(busy, (end_s(op), row))
    return max(rows, 1)

"""Registers whose values tell which write every read saw: sessions, reads-from, and what happened before what.

The session of a process is the order of its operations. A read is answered by the write of its value, which must therefore be
written once; null is what a register holds before any write. An unanswered write took effect if some read shows it, and is
left out otherwise, which changes no verdict: nobody depends on it. Unanswered reads say nothing. What was refused did not happen.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from itertools import pairwise
from typing import Any, Final

from windtunnel.base.messages import Value
from windtunnel.checkers.weak.findings import Finding, misfit, named
from windtunnel.histories import History, Operation
from windtunnel.histories.values import canonical

REGISTERS: Final = {"read": "read(key) -> value, null if never written", "write": "write(key, value), each value once"}
"""The operations of all models of registers."""

INITIAL: Final = -1
"""The source of a read that saw no write."""

Clocks = list[list[int]]
"""Per node and session, how many operations of that session happened before the node, itself included."""


class Registers:
    """The operations that count as nodes 0 to n - 1, session by session.

    operations: of each node. session, place: its session's number and its place there. sessions: the nodes of each, in order.
    key: number of its key. source: of a read the node of its write or INITIAL, of a write itself. writes: per key and session
    the places of writes, rising. findings: reads of values that nobody wrote. ambiguous: why sources are not known, or "".
    """

    def __init__(self, history: History) -> None:
        self.operations: list[Operation] = []
        self.sessions: list[list[int]] = []
        self.session: list[int] = []
        self.place: list[int] = []
        self.key: list[int] = []
        self.keys: list[Value] = []
        self.source: list[int] = []
        self.findings: list[Finding] = []
        self.ambiguous = ""
        self._load(history)

    def __len__(self) -> int:
        return len(self.operations)

    def is_write(self, node: int) -> bool:
        """Whether it is a write."""
        return self.source[node] == node

    def _load(self, history: History) -> None:
        for operation in history:
            if operation.f not in REGISTERS:
                raise misfit(history, operation, f"one of {', '.join(REGISTERS)}", operation.f)
        numbers: dict[Any, int] = {}
        written: dict[tuple[int, Any], list[Operation]] = {}
        for operation in history:
            name = canonical(operation.key)
            if name not in numbers:
                numbers[name] = len(self.keys)
                self.keys.append(operation.key)
            if operation.f == "write":
                written.setdefault((numbers[name], canonical(operation.value)), []).append(operation)
        sources = {op.index: self._source(op, numbers, written) for op in history if op.f == "read" and op.type == "ok"}
        seen = {found.index for found in sources.values() if found is not None}
        streams: dict[int | str, list[Operation]] = {}
        for operation in history:
            if operation.index in sources or (
                operation.f == "write" and (operation.type == "ok" or (operation.type == "info" and operation.index in seen))
            ):
                streams.setdefault(operation.process, []).append(operation)
        node_of: dict[int, int] = {}
        for session, stream in enumerate(streams.values()):
            self.sessions.append(list(range(len(self.operations), len(self.operations) + len(stream))))
            for place, operation in enumerate(stream):
                node_of[operation.index] = len(self.operations)
                self.operations.append(operation)
                self.session.append(session)
                self.place.append(place)
                self.key.append(numbers[canonical(operation.key)])
        self.writes: list[dict[int, list[int]]] = [{} for _ in self.keys]
        for node, operation in enumerate(self.operations):
            if operation.f == "write":
                self.source.append(node)
                self.writes[self.key[node]].setdefault(self.session[node], []).append(self.place[node])
            else:
                found = sources[operation.index]
                self.source.append(INITIAL if found is None else node_of.get(found.index, INITIAL))

    def _source(
        self, read: Operation, numbers: dict[Any, int], written: dict[tuple[int, Any], list[Operation]]
    ) -> Operation | None:
        """The write that a read shows, or None for the initial value; notes reads of nobody's value, and of two writes' value."""
        found = written.get((numbers[canonical(read.key)], canonical(read.result)), [])
        happened = [write for write in found if write.type != "fail"]
        if read.result is None and not happened:
            return None
        if len(happened) + (read.result is None) > 1:
            self.ambiguous = self.ambiguous or (
                f"{named(read)} may have seen any of {len(happened)} writes"
                f"{' and the initial value' if read.result is None else ''}: the model needs values that are written once"
            )
        elif not happened:
            what = f"which only a write that failed ({found[0].where()}) would have written" if found else "which nobody wrote"
            self.findings.append(Finding("ThinAirRead", f"{named(read)} shows a value {what}", (*found[:1], read), read.key))
        return happened[0] if happened else None

    def edges(self, reads_of: int | None = None) -> list[list[int]]:
        """The successors of every node in its session, and the reads that show it: all of them, or those of one session."""
        after: list[list[int]] = [[] for _ in self.operations]
        for nodes in self.sessions:
            for node, following in pairwise(nodes):
                after[node].append(following)
        for node, source in enumerate(self.source):
            if source not in (node, INITIAL) and reads_of in (None, self.session[node]):
                after[source].append(node)
        return after

    def latest_writes(self, key: int, clock: Sequence[int]) -> list[int]:
        """Per session, the last write to a key that a clock includes: all earlier ones are before it."""
        found = []
        for session, places in self.writes[key].items():
            at = bisect_left(places, clock[session])
            if at:
                found.append(self.sessions[session][places[at - 1]])
        return found

    def happened_before(self, a: int, b: int, clocks: Clocks) -> bool:
        """Whether a is before b, or is b."""
        return self.place[a] < clocks[b][self.session[a]]


def ordered(after: Sequence[Sequence[int]]) -> list[int]:
    """The nodes of a graph, each after its predecessors; those on and behind cycles are missing."""
    waiting = [0] * len(after)
    for successors in after:
        for node in successors:
            waiting[node] += 1
    order = [node for node, count in enumerate(waiting) if not count]
    for node in order:
        for following in after[node]:
            waiting[following] -= 1
            if not waiting[following]:
                order.append(following)
    return order


def clocks_of(registers: Registers, after: Sequence[Sequence[int]], order: Sequence[int]) -> Clocks:
    """The clocks of an acyclic graph."""
    clocks: Clocks = [[0] * len(registers.sessions) for _ in after]
    for node in order:
        clock = clocks[node]
        clock[registers.session[node]] = max(clock[registers.session[node]], registers.place[node] + 1)
        for following in after[node]:
            clocks[following] = list(map(max, clocks[following], clock))
    return clocks


def path(after: Sequence[Sequence[int]], source: int, target: int) -> list[int]:
    """A shortest path from source to target, both included; empty if there is none. One node if they are the same."""
    came: dict[int, int] = {source: source}
    level = [source]
    while level and target not in came:
        reached: list[int] = []
        for node in level:
            for following in after[node]:
                if following not in came:
                    came[following] = node
                    reached.append(following)
        level = reached
    if target not in came:
        return []
    found = [target]
    while found[-1] != source:
        found.append(came[found[-1]])
    return found[::-1]


def cycle(after: Sequence[Sequence[int]], order: Sequence[int]) -> list[int]:
    """A short cycle of a graph whose `order` is incomplete: nodes in order, the first one not repeated."""
    left = set(range(len(after))).difference(order)
    before: dict[int, list[int]] = {node: [] for node in sorted(left)}
    for node in sorted(left):
        for following in after[node]:
            if following in left:
                before[following].append(node)
    node, passed = min(left), set()
    while node not in passed:  # backwards: what is left all has a predecessor that is left
        passed.add(node)
        node = before[node][0]
    inside = [[following for following in after[n] if following in left] if n in left else [] for n in range(len(after))]
    closing = before[node][0]
    return path(inside, node, closing)

"""Saturation of the view of a session: what its reads say of the order of writes. `views` has the theory.

The pure twin of `_saturation`: same names, same results, in the same order.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from typing import TypeAlias

NONE = -1
"""The source of a read of the initial value."""

Edge: TypeAlias = "tuple[int, int, int]"
"""A write, what it is before, and the read that shows it."""


class Saturation:
    """Operations as nodes, numbered session by session, in order.

    place: of a node in its session. session, key: by number. source: of a read the node of its write or NONE, of a write itself.
    """

    def __init__(
        self, place: Sequence[int], session: Sequence[int], key: Sequence[int], source: Sequence[int], _keys: int
    ) -> None:
        self._place, self._session, self._key, self._source = place, session, key, source
        self._mine, self._causal = NONE, False
        self._deadline: dict[int, int] = {}
        self._shown: dict[int, int] = {}
        self._more: dict[int, list[int]] = {}
        self._edges: list[Edge] = []
        self._waiting: list[int] = []

    def view(self, session: int, start: int, size: int, causal: bool) -> tuple[tuple[int, int] | None, list[Edge], bool]:  # noqa: FBT001 - as the compiled one
        """What the reads of a session show.

        start, size: its nodes. causal: whether reads of other sessions count for the given order, as its own do. Returns a
        write and the read of the initial value that it is before, or None; the edges that the reads add; whether these and the
        given order make a cycle, not looked at if there is such a write.
        """
        self._mine, self._causal = session, causal
        self._deadline, self._shown, self._more, self._edges, self._waiting = {}, {}, {}, [], []
        reads: dict[int, list[int]] = {}
        for node in range(start, start + size):
            source = self._source[node]
            if source == node:
                continue
            mine = reads.setdefault(self._key[node], [])
            before = self._source[mine[-1]] if mine else NONE
            if before not in (NONE, source):
                if source == NONE:
                    return (before, node), self._edges, False
                self._add(before, source, node)
            mine.append(node)
        for node in range(start, start + size):
            self._lower(node, node - start)
        while self._waiting:
            write = self._waiting.pop()
            mine = reads.get(self._key[write], [])
            at = bisect_left(mine, start + self._deadline[write])
            if at == len(mine) or self._source[mine[at]] == write:
                continue
            if self._source[mine[at]] == NONE:
                return (write, mine[at]), self._edges, False
            self._add(write, self._source[mine[at]], mine[at])
        return None, self._edges, self._circles()

    def _add(self, write: int, source: int, read: int) -> None:
        if self._shown.get(write) == source:
            return
        self._shown[write] = source
        self._edges.append((write, source, read))
        self._more.setdefault(source, []).append(write)
        if source in self._deadline:
            self._lower(write, self._deadline[source])

    def _lower(self, node: int, deadline: int) -> None:
        """The node, and whatever is before it, is before the operation at `deadline`."""
        known = self._deadline
        stack = [node]
        while stack:
            node = stack.pop()
            if known.get(node, deadline + 1) <= deadline:
                continue
            known[node] = deadline
            if self._source[node] == node:
                self._waiting.append(node)
            stack += self._predecessors(node)
            stack += self._more.get(node, ())

    def _predecessors(self, node: int) -> list[int]:
        source = self._source[node]
        found = [node - 1] if self._place[node] else []
        if source not in (NONE, node) and (self._causal or self._session[node] == self._mine):
            found.insert(source >= node - 1 and bool(found), source)
        return found

    def _circles(self) -> bool:
        """Whether a cycle is left among nodes of one deadline: nodes without successors are peeled off until none is left.

        Deadlines never fall along an edge, so no cycle has two of them.
        """
        known = self._deadline
        inside = {
            node: [n for n in (*self._predecessors(node), *self._more.get(node, ())) if known[n] == deadline]
            for node, deadline in known.items()
        }
        successors = dict.fromkeys(inside, 0)
        for before in inside.values():
            for node in before:
                successors[node] += 1
        peeled = [node for node, count in successors.items() if not count]
        for node in peeled:
            for before_it in inside[node]:
                successors[before_it] -= 1
                if not successors[before_it]:
                    peeled.append(before_it)
        return len(peeled) < len(inside)

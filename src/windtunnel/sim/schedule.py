"""Schedule policies of the pure-Python kernel: which of several events due at the same instant is next."""

from __future__ import annotations

from heapq import heappop, heappush
from typing import Any

from windtunnel.base.streams import busy_stream
from windtunnel.sim.port import CALL, SEGMENT, SENTINEL, TASK, TIMER

POLICIES = ("fifo", "random", "pct")
PCT_EVENTS = 10_000  # the horizon over which PCT spreads its change points


class Choice:
    """Which event is next among those due at the same instant, for the policies that draw."""

    __slots__ = ("_changes", "_draw", "_priorities", "_step", "due", "pct")

    def __init__(self, seed: int, policy: str, depth: int) -> None:
        self.due: list[Any] = []
        self.pct = policy == "pct"
        self._draw = busy_stream(seed, "schedule").random
        self._priorities: list[float] = []
        self._step = 0
        points = [(int(self._draw() * PCT_EVENTS), -1.0 - i) for i in range(depth - 1)] if self.pct else []
        self._changes = sorted(points, reverse=True)
        self.admit()  # the world's own callbacks are scheduled like a node

    def admit(self) -> None:
        """One more node: its priority."""
        if self.pct:
            self._priorities.append(self._draw())

    def pop(self, heap: list[Any]) -> Any:
        """The next entry, from the heap and from what was found due before."""
        due = self.due
        if heap:
            instant = due[0][0] if due else heap[0][0]
            while heap and heap[0][0] <= instant:
                if heap[0][2] == SENTINEL:
                    if not due or heap[0][0] < 0.0:
                        return heappop(heap)
                    break
                due.append(heappop(heap))
        if not self.pct:
            i = int(self._draw() * len(due)) if len(due) > 1 else 0
        else:
            i = self._first(due)
            if self._changes and self._step >= self._changes[-1][0]:
                self._priorities[_who(due[i])] = self._changes.pop()[1]
                i = self._first(due)
            self._step += 1
        entry = due[i]
        due[i] = due[-1]
        due.pop()
        return entry

    def give_back(self, heap: list[Any]) -> None:
        """The run pauses: everything returns to the heap, for the caller may ask for something earlier."""
        for entry in self.due:
            heappush(heap, entry)
        self.due.clear()

    def _first(self, due: list[Any]) -> int:
        best = 0
        for i in range(1, len(due)):
            here, there = self._priorities[_who(due[i])], self._priorities[_who(due[best])]
            if here > there or (here == there and due[i][1] < due[best][1]):
                best = i
        return best


def _who(entry: Any) -> int:
    """The index of the scheduled party: 0 for the world, else one more than the node's."""
    kind = entry[2]
    if kind == CALL:
        return 0
    if kind == TASK:
        return int(entry[3].party)
    return int((entry[3].port if kind in (TIMER, SEGMENT) else entry[3]).index) + 1

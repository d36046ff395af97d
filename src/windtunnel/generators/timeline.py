"""Who acts when: clients and planted scripts take turns, one event or one step inside a database at a time.

A client is a Python generator that yields wherever somebody else may act. The next one to act is drawn, so operations
overlap in every way that one at a time per process allows. Every event has its own time; positions are unique and rise.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TypeAlias

from windtunnel.base.messages import Value
from windtunnel.base.streams import Stream
from windtunnel.histories import History, Operation
from windtunnel.histories.operations import Outcome

Acting: TypeAlias = Iterator[None]
"""Somebody who acts, and yields wherever others may."""

STEP_S = 0.001
"""Mean time between two events, seconds."""


class Timeline:
    """The history while it comes to be. `traffic`: how many operations clients may still begin."""

    __slots__ = ("_position", "_processes", "now_s", "operations", "stream", "traffic")

    def __init__(self, stream: Stream, traffic: int) -> None:
        self.stream = stream
        self.traffic = traffic
        self.operations: list[Operation] = []
        self.now_s = 0.0
        self._position = 0
        self._processes = 0

    def process(self) -> int:
        """A process that has done nothing yet."""
        self._processes += 1
        return self._processes - 1

    def invoke(self, process: int, f: str, key: Value = None, value: Value = None) -> Operation:
        """An operation begins."""
        operation = Operation(
            len(self.operations), process, f, key, value, invoked=self._position, invoked_s=round(self.now_s, 6)
        )
        self._position += 1
        self.operations.append(operation)
        return operation

    def complete(self, operation: Operation, kind: Outcome, result: Value = None, error: str | None = None) -> None:
        """An operation ends."""
        operation.type, operation.result, operation.error = kind, result, error
        operation.completed, operation.completed_s = self._position, round(self.now_s, 6)
        self._position += 1

    def run(self, clients: Sequence[Acting], scripts: Sequence[Acting]) -> History:
        """Everybody acts until nobody has anything left to do. A script begins at a drawn moment of the traffic."""
        acting = list(clients)
        planned = sorted(((self.stream.below(self.traffic + 1), number) for number in range(len(scripts))), reverse=True)
        whole = self.traffic
        while acting or planned:
            while planned and (not acting or whole - self.traffic >= planned[-1][0]):
                acting.append(scripts[planned.pop()[1]])
            chosen = self.stream.below(len(acting))
            self.now_s += self.stream.exponential(STEP_S)
            try:
                next(acting[chosen])
            except StopIteration:
                del acting[chosen]
        return History(self.operations)

    def begin(self) -> bool:
        """Whether one more operation of the traffic may begin; counts it."""
        self.traffic -= 1
        return self.traffic >= 0

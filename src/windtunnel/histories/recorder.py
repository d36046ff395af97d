"""The recorder: writes down what clients do while they do it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from windtunnel.base.messages import Value
from windtunnel.histories.operations import History, Operation

if TYPE_CHECKING:
    from windtunnel.base.interface import Op


class Recorder:
    """Collects operations in the order of the calls made to it. `clock` gives seconds, of the world, never of a node.

    It is called twice per client operation in the simulator's hot path, so it does nothing but store. `invoke` returns the
    token that names the operation; exactly one of `ok`, `fail`, `info` may follow for it.
    """

    __slots__ = ("_clock", "_events", "operations")

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._events = 0
        self.operations: list[Operation] = []

    def invoke(self, process: int | str, op: Op) -> int:
        """A client sends `op`. A process has one operation open at a time, and none after an `info`."""
        token = len(self.operations)
        position = self._events
        self._events = position + 1
        self.operations.append(
            Operation(token, process, op.f, op.key, op.value, "info", None, None, self._clock(), None, position)
        )
        return token

    def ok(self, token: int, result: Value) -> None:
        """It took effect and answered `result`."""
        operation = self._complete(token)
        operation.type = "ok"
        operation.result = result

    def fail(self, token: int, error: str) -> None:
        """It certainly did not take effect."""
        operation = self._complete(token)
        operation.type = "fail"
        operation.error = error

    def info(self, token: int, error: str) -> None:
        """The client gave up: nobody knows whether it took effect."""
        self._complete(token).error = error

    def _complete(self, token: int) -> Operation:
        operation = self.operations[token]
        assert operation.completed is None, f"operation {token} completes twice"
        operation.completed = self._events
        self._events += 1
        operation.completed_s = self._clock()
        return operation

    def history(self) -> History:
        """Everything so far. What is still open is indefinite: it stays `info`, without a completion."""
        return History(list(self.operations))

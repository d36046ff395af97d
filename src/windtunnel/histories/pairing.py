"""Events into operations: what every reader does once it has understood a line."""

from __future__ import annotations

from typing import Protocol, TypeVar

from windtunnel.base.messages import Value
from windtunnel.histories.malformed import MalformedHistory
from windtunnel.histories.operations import History, Operation, Outcome

T_co = TypeVar("T_co", covariant=True)


class AnyPairing(Protocol[T_co]):
    """What readers tell events to: `Pairing` makes a `History`, `column_pairing.ColumnPairing` columns."""

    def invoke(self, line: int, process: int | str, f: str, key: Value, value: Value, time_s: float | None) -> None:
        """A process starts an operation."""

    def skip(self) -> None:
        """An event of a process that is no client."""

    def opened(self, process: int | str) -> Operation | None:
        """The open operation of a process, if any."""

    def complete(
        self, line: int, kind: Outcome, process: int | str, f: str, result: Value, error: str | None, time_s: float | None
    ) -> None:
        """A process ends its operation."""

    def history(self) -> T_co:
        """All of them."""


class Pairing:
    """Pairs invocations with completions by process, and refuses what no client can have done.

    `path` names the file in errors. Lines count from 1. Times are seconds or None where the format has none; the position of an
    event then stands for its time.
    """

    def __init__(self, path: str) -> None:
        self.path = path
        self._open: dict[int | str, Operation] = {}
        self._operations: list[Operation] = []
        self._events = 0
        self._timed = False
        self._skipped = False

    def invoke(self, line: int, process: int | str, f: str, key: Value, value: Value, time_s: float | None) -> None:
        """A process starts an operation. Raises MalformedHistory while an earlier one of that process is open."""
        before = self._open.get(process)
        if before is not None:
            was = f"its {before.f} of line {before.line} is still open"
            raise MalformedHistory(
                self.path, line, f"a completion for process {process}", f"a second invocation ({f}) while {was}"
            )
        operation = Operation(len(self._operations), process, f, key, value, line=line)
        operation.invoked = self._events
        operation.invoked_s = self._time(time_s)
        self._open[process] = operation
        self._operations.append(operation)

    def skip(self) -> None:
        """An event of a process that is no client, such as a nemesis: well formed, and no part of the history."""
        self._skipped = True

    def opened(self, process: int | str) -> Operation | None:
        """The open operation of a process, if any."""
        return self._open.get(process)

    def complete(
        self, line: int, kind: Outcome, process: int | str, f: str, result: Value, error: str | None, time_s: float | None
    ) -> None:
        """A process ends its operation. Raises MalformedHistory when it has none, or one of another name."""
        operation = self._open.pop(process, None)
        if operation is None:
            raise MalformedHistory(self.path, line, f"an invocation of process {process} before its completion", f"{kind} {f}")
        if operation.f != f:
            expected = f"the completion of {operation.f} (process {process}, invoked at line {operation.line})"
            raise MalformedHistory(self.path, line, expected, f"{kind} {f}")
        operation.type = kind
        operation.result = result if kind == "ok" else None
        operation.error = error
        operation.completed = self._events
        operation.completed_s = self._time(time_s)
        operation.completed_line = line
        if operation.completed_s < operation.invoked_s:
            expected = f"a time of at least {operation.invoked_s:g} s, when line {operation.line} invoked this {f}"
            raise MalformedHistory(self.path, line, expected, f"{operation.completed_s:g} s")

    def _time(self, time_s: float | None) -> float:
        position = self._events
        self._events += 1
        if time_s is None:
            return float(position)
        self._timed = True
        return time_s

    def history(self) -> History:
        """The history. Raises MalformedHistory when the file held no event at all."""
        if not self._operations and not self._skipped:
            raise MalformedHistory(self.path, 1, "at least one operation", "none")
        return History(self._operations, source=self.path, timed=self._timed)

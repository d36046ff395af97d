"""Events into columns: as `pairing`, for histories too large for an object per operation."""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Sequence
from typing import Any, overload

from windtunnel.base.messages import Value
from windtunnel.histories.columns import FAIL, INFO, OK, TYPES, Columns
from windtunnel.histories.malformed import MalformedHistory
from windtunnel.histories.operations import Operation, Outcome
from windtunnel.histories.values import canonical

_KINDS = {"ok": OK, "fail": FAIL, "info": INFO}


class _Table:
    """Numbers for values, in the order of their first appearance."""

    def __init__(self, *values: Value) -> None:
        self.values = list(values)
        self.numbers = {canonical(value): number for number, value in enumerate(values)}

    def number(self, value: Value) -> int:
        """Its number, a new one for a new value."""
        name = value if type(value) is int or type(value) is str else canonical(value)
        number = self.numbers.get(name)
        if number is None:
            number = self.numbers[name] = len(self.values)
            self.values.append(value)
        return number


class ColumnPairing:
    """Takes what `Pairing` takes, refuses what it refuses, and gives columns. 51 bytes per operation, and its values."""

    def __init__(self, path: str) -> None:
        self.path = path
        self._tables = [_Table(), _Table(), _Table(), _Table(None)]
        self._arrays = [array(code) for code in "ihiiibii"]
        self._lines, self._completed_lines = array("i"), array("i")
        self._times, self._completed_times = array("d"), array("d")
        self._open: dict[int | str, int] = {}
        self._events = 0
        self._timed = False
        self._skipped = False

    def invoke(self, line: int, process: int | str, f: str, key: Value, value: Value, time_s: float | None) -> None:
        """A process starts an operation. Raises MalformedHistory while an earlier one of that process is open."""
        before = self._open.get(process)
        processes, functions, keys, values = self._tables
        if before is not None:
            was = f"its {functions.values[self._arrays[1][before]]} of line {self._lines[before]} is still open"
            raise MalformedHistory(
                self.path, line, f"a completion for process {process}", f"a second invocation ({f}) while {was}"
            )
        self._open[process] = len(self._lines)
        process_of, f_of, key_of, value_of, result_of, kind_of, invoked_at, completed_at = self._arrays
        process_of.append(processes.number(process))
        f_of.append(functions.number(f))
        key_of.append(keys.number(key))
        value_of.append(0 if value is None else values.number(value))
        result_of.append(0)
        kind_of.append(INFO)
        invoked_at.append(self._events)
        completed_at.append(-1)
        self._lines.append(line)
        self._completed_lines.append(0)
        self._times.append(self._time(time_s))
        self._completed_times.append(0.0)

    def skip(self) -> None:
        """An event of a process that is no client."""
        self._skipped = True

    def opened(self, process: int | str) -> Operation | None:
        """The open operation of a process, if any."""
        number = self._open.get(process)
        return None if number is None else self.operation(number)

    def complete(
        self, line: int, kind: Outcome, process: int | str, f: str, result: Value, error: str | None, time_s: float | None
    ) -> None:
        """A process ends its operation; what went wrong (`error`) is not kept. Raises MalformedHistory as `Pairing` does."""
        del error
        number = self._open.pop(process, None)
        if number is None:
            raise MalformedHistory(self.path, line, f"an invocation of process {process} before its completion", f"{kind} {f}")
        _, functions, _, values = self._tables
        was = functions.values[self._arrays[1][number]]
        if was != f:
            expected = f"the completion of {was} (process {process}, invoked at line {self._lines[number]})"
            raise MalformedHistory(self.path, line, expected, f"{kind} {f}")
        self._arrays[5][number] = _KINDS[kind]
        if kind == "ok" and result is not None:
            self._arrays[4][number] = values.number(result)
        self._arrays[7][number] = self._events
        self._completed_lines[number] = line
        ended = self._completed_times[number] = self._time(time_s)
        if ended < self._times[number]:
            expected = f"a time of at least {self._times[number]:g} s, when line {self._lines[number]} invoked this {f}"
            raise MalformedHistory(self.path, line, expected, f"{ended:g} s")

    def _time(self, time_s: float | None) -> float:
        position = self._events
        self._events += 1
        if time_s is None:
            return float(position)
        self._timed = True
        return time_s

    def operation(self, number: int) -> Operation:
        """One operation as an object."""
        process, f, key, value, result, kind, invoked, completed = (column[number] for column in self._arrays)
        processes, functions, keys, values = (table.values for table in self._tables)
        ended = completed >= 0
        return Operation(
            number,
            processes[process],
            functions[f],
            keys[key],
            values[value],
            TYPES[kind],
            values[result],
            None,
            self._times[number],
            self._completed_times[number] if ended else None,
            invoked,
            completed if ended else None,
            self._lines[number],
            self._completed_lines[number] if ended else None,
        )

    def history(self) -> Columns:
        """The columns. Raises MalformedHistory when the file held no event at all."""
        if not self._lines and not self._skipped:
            raise MalformedHistory(self.path, 1, "at least one operation", "none")
        tables = [table.values for table in self._tables]
        columns = Columns(self._arrays, tables, self._tables[3].numbers, _Rows(self), self.path)
        columns.timed = self._timed
        return columns


class _Rows(Sequence[Operation]):
    """The operations, each made when somebody looks at it, and once."""

    def __init__(self, pairing: ColumnPairing) -> None:
        self._pairing = pairing
        self._made: dict[int, Operation] = {}

    def __len__(self) -> int:
        return len(self._pairing._lines)  # noqa: SLF001 - its other half

    @overload
    def __getitem__(self, at: int) -> Operation: ...
    @overload
    def __getitem__(self, at: slice) -> list[Operation]: ...
    def __getitem__(self, at: Any) -> Any:
        if isinstance(at, slice):
            return [self[number] for number in range(*at.indices(len(self)))]
        if not -len(self) <= at < len(self):
            raise IndexError(at)
        number = at % len(self)
        found = self._made.get(number)
        if found is None:
            found = self._made[number] = self._pairing.operation(number)
        return found

    def __iter__(self) -> Iterator[Operation]:
        return map(self.__getitem__, range(len(self)))

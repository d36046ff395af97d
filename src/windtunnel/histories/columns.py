"""A history as columns: one typed array per field, values replaced by numbers. What the fast checkers work on.

Small histories pay nothing for it but one pass: the arrays are the standard library's, and become numpy arrays, without a copy,
only when somebody asks (`Columns.view`).

Memory, bytes per operation: 27 for the arrays (4 each for process, key, value, result, invocation and completion, 2 for the
name, 1 for the type), 24 more for a history read from a file (its lines and times), and each distinct value once, which is what
Python needs for it and about 100 for its places in the tables. An `Operation` takes about 400.

`_columns.pyx` does the pass in C; `columns_of` is whichever of the two this process has.
"""

from __future__ import annotations

import os
from array import array
from collections.abc import Hashable, Sequence
from typing import TYPE_CHECKING, Any, Literal

from windtunnel.base.errors import UsageError
from windtunnel.base.messages import Value
from windtunnel.histories.operations import Operation, Outcome
from windtunnel.histories.values import canonical

if TYPE_CHECKING:
    import numpy as np

__all__ = ["FAIL", "INFO", "INGEST", "OK", "Columns", "columns_of", "columns_of_pure"]

OK, FAIL, INFO = 0, 1, 2
"""Numbers of the types."""

TYPES: tuple[Outcome, ...] = ("ok", "fail", "info")
_NUMBERS = {name: number for number, name in enumerate(TYPES)}
_LAST = 2**31 - 1


class Columns:
    """Operations in the order of their invocation.

    process, f, key: numbers into `processes`, `functions`, `keys`. value, result: numbers into `values`, equal for equal JSON
    values, 0 for None; the result of what was not answered ok is 0 too. type: OK, FAIL or INFO. invoked, completed: positions of
    the events, -1 for an operation that is still open. numbers: of values by their `canonical` form; `number_of` adds some.
    operations: the same as objects, or whatever makes them when asked.
    """

    __slots__ = (
        "completed",
        "f",
        "functions",
        "invoked",
        "key",
        "keys",
        "numbers",
        "operations",
        "process",
        "processes",
        "result",
        "source",
        "timed",
        "type",
        "value",
        "values",
    )

    def __init__(
        self,
        arrays: Sequence[array[int]],
        tables: Sequence[list[Any]],
        numbers: dict[Hashable, int],
        operations: Sequence[Operation],
        source: str | None = None,
    ) -> None:
        self.process, self.f, self.key, self.value, self.result, self.type, self.invoked, self.completed = arrays
        self.processes: list[int | str] = tables[0]
        self.functions: list[str] = tables[1]
        self.keys: list[Value] = tables[2]
        self.values: list[Value] = tables[3]
        self.numbers = numbers
        self.operations = operations
        self.source = source
        self.timed = True

    def __len__(self) -> int:
        return len(self.type)

    def counts(self) -> dict[str, int]:
        """How many operations of each outcome, and in total."""
        kinds = self.type.tobytes()
        return {"total": len(kinds), **{name: kinds.count(bytes([number])) for number, name in enumerate(TYPES)}}

    def number_of(self, value: Value) -> int:
        """The number of a value, a new one if it has none yet."""
        name = canonical(value)
        number = self.numbers.get(name)
        if number is None:
            number = self.numbers[name] = len(self.values)
            self.values.append(value)
        return number

    def view(self, name: str) -> np.ndarray[Any, Any]:
        """A column as a numpy array over the same memory: int32, but int16 for `f` and int8 for `type`."""
        import numpy as np  # noqa: PLC0415 - small histories do without

        column: array[int] = getattr(self, name)
        return np.frombuffer(column, dtype={"i": np.int32, "h": np.int16, "b": np.int8}[column.typecode])


class _Interned:
    """Numbers for values, in the order of their first appearance."""

    def __init__(self, *values: Value) -> None:
        self.values = list(values)
        self.numbers = {canonical(value): number for number, value in enumerate(values)}

    def __call__(self, value: Value) -> int:
        name = canonical(value)
        number = self.numbers.get(name)
        if number is None:
            number = self.numbers[name] = len(self.values)
            self.values.append(value)
        return number


def columns_of_pure(operations: Sequence[Operation], source: str | None = None, *, processes: bool = True) -> Columns:
    """The columns of some operations, which are ordered by invocation. Raises UsageError for an operation of an unknown type.

    processes: whether their column is wanted; without, it stays empty.
    """
    clients, functions, keys, values = _Interned(), _Interned(), _Interned(), _Interned(None)
    arrays = [array(code) for code in "ihiiibii"]
    process, f, key, value, result, kind, invoked, completed = (column.append for column in arrays)
    for operation in operations:
        number = _NUMBERS.get(operation.type)
        if number is None:
            raise UsageError(f"operation {operation.index}: expected the type to be ok, fail or info, got {operation.type!r}")
        if processes:
            process(clients(operation.process))
        f(functions(operation.f))
        key(keys(operation.key))
        value(values(operation.value))
        result(values(operation.result) if number == OK else 0)
        kind(number)
        invoked(operation.invoked)
        completed(-1 if operation.completed is None else operation.completed)
    tables = [table.values for table in (clients, functions, keys, values)]
    return Columns(arrays, tables, values.numbers, operations, source)


INGEST: Literal["pure", "compiled"]
_WISH = os.environ.get("WINDTUNNEL_KERNEL", "")

if TYPE_CHECKING or _WISH == "pure":
    columns_of = columns_of_pure
    INGEST = "pure"
else:
    try:
        from windtunnel.histories._columns import ingested
    except ImportError as error:
        if _WISH == "compiled":
            raise UsageError(
                "the compiled reader was not built; install a C compiler and Cython, then `pip install -e .`"
            ) from error
        columns_of = columns_of_pure
        INGEST = "pure"
    else:
        INGEST = "compiled"

        def columns_of(operations: Sequence[Operation], source: str | None = None, *, processes: bool = True) -> Columns:
            """As `columns_of_pure`, in C."""
            return Columns(*ingested(operations, processes), operations, source)

"""The objects of a history, each judged alone: its operations, and how it begins to be searched.

Operations on plain registers (read, write, compare-and-set, of the specifications of `keyvalue`) are prepared in C from columns,
if the compiled search is there: then only a key that turns out to be bad is ever looked at as Python objects. All others go
through `problem.prepare`. Both ways lead to equal searches.
"""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from windtunnel.base.errors import UsageError
from windtunnel.base.messages import Value
from windtunnel.checkers.keyvalue import OTHER, CasRegister, KeyValue, Register
from windtunnel.checkers.problem import Problem, Reductions, prepare, relevant
from windtunnel.checkers.searches import SEARCH, PlainRegisters, Search, plain_registers
from windtunnel.checkers.shrink import Window
from windtunnel.checkers.specification import Specification, canonical
from windtunnel.histories import History, Operation
from windtunnel.histories.columns import Columns, columns_of

_PLAIN = frozenset(("read", "write", "cas"))


@dataclass(slots=True)
class Part:
    """One object of the history and what is known about it."""

    key: Value
    size: int
    chosen: list[Operation] | None = None
    registers: PlainRegisters | None = None
    key_number: int = 0
    search: Search | None = None
    valid: bool | None = None
    window: Window | None = None
    unsourced: Operation | None = None
    steps: int = 0
    depth_tried: int = -1
    swept: bool = False
    guessed: bool = False
    witnessed: bool = False

    @property
    def operations(self) -> list[Operation]:
        """The operations that matter, by invocation."""
        if self.chosen is None:
            assert self.registers is not None, "a part has its operations, or columns of them"
            rows = self.registers.columns.operations
            self.chosen = [rows[number] for number in self.registers.operations(self.key_number)]
        return self.chosen

    def find_unsourced(self, specification: Specification) -> Operation | None:
        """See `Specification.unsourced`; remembered."""
        if self.registers is None:
            self.unsourced = specification.unsourced(self.operations)
        else:
            place = self.registers.unsourced(self.key_number)
            self.unsourced = None if place < 0 else self.operations[place]
        return self.unsourced

    def begin(self, specification: Specification, rules: Reductions) -> Search:
        """A search of the object, from its beginning."""
        if self.registers is not None:
            self.search = self.registers.search(self.key_number, rules)
        else:
            problem = prepare(specification, self.operations, rules)
            assert problem is not None, "the beginning is always known"
            self.search = Search(problem, rules)
        return self.search

    def told(self, specification: Specification, rules: Reductions) -> Search:
        """The search, with the problem that it is about: an explanation looks at both."""
        assert self.search is not None, "a bad key was searched, or had a window"
        problem: Problem | None = self.search.problem  # none yet, if columns were searched
        if problem is None:
            problem = prepare(specification, self.operations, rules)
            assert problem is not None, "the beginning is always known"
            self.search.problem = problem
        return self.search


def parts_of(history: History | Columns, specification: Specification) -> list[Part]:
    """The objects of a history, the smallest first. Raises UsageError for operations that the specification does not know."""
    if SEARCH == "compiled" and type(specification) in (KeyValue, Register, CasRegister):
        columns = history if isinstance(history, Columns) else columns_of(history.operations, history.source)
        if _PLAIN.issuperset(columns.functions) and set(specification.functions).issuperset(columns.functions):
            registers = None
            with contextlib.suppress(ValueError):  # a malformed compare-and-set: named below
                registers = plain_registers(columns, OTHER)
            if registers is not None:
                parts = [Part(key, registers.size(number), None, registers, number) for number, key in enumerate(columns.keys)]
                return sorted(parts, key=_size) if len(parts) > 1 else parts
    operations = history.operations
    refuse_misfits(operations, history.source, specification)
    return _grouped(operations, specification)


def _size(part: Part) -> int:
    return part.size


def _grouped(operations: Sequence[Operation], specification: Specification) -> list[Part]:
    grouped: dict[Any, list[Operation]] = {}
    for operation in operations:
        grouped.setdefault(canonical(operation.key) if specification.per_key else None, []).append(operation)
    parts: list[Part] = []
    for group in grouped.values():
        chosen = relevant(specification, group)
        parts.append(Part(group[0].key if specification.per_key else None, len(chosen), chosen))
    return sorted(parts, key=_size)  # stable: keys of one size stay in order


def refuse_misfits(operations: Sequence[Operation], source: str | None, specification: Specification) -> None:
    """Raises UsageError for the first operation that the specification does not know or cannot understand."""
    for operation in operations:
        if specification.functions and operation.f not in specification.functions:
            raise UsageError(f"the model {specification.name!r} has no operation {operation.f!r} ({_place(operation, source)})")
        complaint = specification.complaint(operation)
        if complaint is not None:
            raise UsageError(f"{_place(operation, source)}: {complaint}")


def _place(operation: Operation, source: str | None) -> str:
    return f"{source}:{operation.line}" if source and operation.line else operation.where()

"""The objects of a history, each judged alone: its operations, and how it begins to be searched.

Operations on plain registers (read, write, compare-and-set, of the specifications of `keyvalue`) are prepared in C from columns,
if the compiled search is there: then only a key that turns out to be bad is ever looked at as Python objects. All others go
through `problem.prepare`. Both ways lead to equal searches.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from windtunnel.base.errors import UsageError
from windtunnel.base.messages import Value
from windtunnel.checkers.keyvalue import OTHER, CasRegister, KeyValue, Register
from windtunnel.checkers.problem import Problem, Reductions, prepare, relevant
from windtunnel.checkers.searches import SEARCH, Levels, PlainRegisters, Search, plain_registers
from windtunnel.checkers.shrink import Window
from windtunnel.checkers.specification import Specification, canonical
from windtunnel.histories import History, Operation
from windtunnel.histories.columns import Columns, columns_of

_PLAIN = frozenset(("read", "write", "cas"))


_JUDGED_FROM = 2_000
"""Histories of so many operations are judged in columns first; smaller ones are searched first, without numpy."""


@dataclass(slots=True)
class Part:
    """One object of the history and what is known about it.

    search, levels: depth first and level by level. core: operations that have no legal order by themselves.
    """

    key: Value
    size: int
    chosen: list[Operation] | None = None
    registers: PlainRegisters | None = None
    key_number: int = 0
    search: Search | None = None
    levels: Search | None = None
    valid: bool | None = None
    window: Window | None = None
    unsourced: Operation | None = None
    steps: int = 0
    depth_tried: int = -1
    swept: bool = False
    guessed: bool = False
    witnessed: bool = False
    judged: bool = False
    by_algorithm: bool = False
    core: list[Operation] | None = None

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
        self.search = self._searched(specification, rules, levels=False)
        return self.search

    def begin_levels(self, specification: Specification, rules: Reductions) -> Search:
        """The same, level by level."""
        self.levels = self._searched(specification, rules, levels=True)
        return self.levels

    def _searched(self, specification: Specification, rules: Reductions, *, levels: bool) -> Search:
        if self.registers is not None:
            return self.registers.search(self.key_number, rules, levels=levels)
        problem = prepare(specification, self.operations, rules)
        assert problem is not None, "the beginning is always known"
        return (Levels if levels else Search)(problem, rules)

    @property
    def held(self) -> int:
        """Configurations remembered."""
        return (self.search.held if self.search else 0) + (self.levels.held if self.levels else 0)

    def judge(self, specification: Specification) -> None:
        """Decide it by the algorithm of the specification, if there is one that applies and it was not tried before."""
        if self.judged or type(specification).judge is Specification.judge:
            return
        self.judged = True
        columns = columns_of(self.operations)
        verdicts = specification.judge(columns)
        if verdicts is None or verdicts[0] < 0:
            return
        self.by_algorithm = True
        self.valid = bool(verdicts[0] == 1)
        if not self.valid:
            self.core = [self.operations[at] for at in specification.core(columns, 0)]

    def told(self, specification: Specification, rules: Reductions) -> Search:
        """The search, with the problem that it is about: an explanation looks at both."""
        assert self.search is not None, "a bad key was searched, or had a window"
        problem: Problem | None = self.search.problem  # none yet, if columns were searched
        if problem is None:
            problem = prepare(specification, self.operations, rules)
            assert problem is not None, "the beginning is always known"
            self.search.problem = problem
        return self.search


def parts_of(history: History | Columns, specification: Specification, *, judged: bool = True) -> tuple[list[Part], int]:
    """The objects of a history that need a look, the smallest first, and how many others there are, which are valid.

    judged: whether the specification's own algorithm may decide. Raises UsageError for operations that it does not know.
    """
    if judged and len(history) >= _JUDGED_FROM and type(specification).judge is not Specification.judge:
        columns = history if isinstance(history, Columns) else columns_of(history.operations, history.source)
        if specification.functions.keys() >= set(columns.functions):
            verdicts = specification.judge(columns)
            if verdicts is not None and any(verdict >= 0 for verdict in verdicts):
                return _left_open(columns, specification, verdicts)
            history = columns
    parts = _all_parts(history, specification)
    return parts, 0


def _left_open(columns: Columns, specification: Specification, verdicts: Sequence[int]) -> tuple[list[Part], int]:
    """Parts for the keys that were not found valid; those found bad know why."""
    import numpy as np  # noqa: PLC0415 - loaded by the judge

    left = np.flatnonzero(np.asarray(verdicts) != 1).tolist()
    if not left:
        return [], len(verdicts)
    order = np.argsort(columns.view("key"), kind="stable")
    ends = np.searchsorted(columns.view("key")[order], np.arange(len(verdicts) + 1))
    parts: list[Part] = []
    for number in left:
        numbers = order[ends[number] : ends[number + 1]].tolist()
        operations = [columns.operations[at] for at in numbers]
        refuse_misfits(operations, columns.source, specification)
        chosen = relevant(specification, operations)
        part = Part(columns.keys[number], len(chosen), chosen, judged=True)
        if verdicts[number] == 0:
            part.valid = False
            part.by_algorithm = True
            part.core = [columns.operations[at] for at in specification.core(columns, number)]
        parts.append(part)
    return sorted(parts, key=_size), len(verdicts) - len(left)


def _all_parts(history: History | Columns, specification: Specification) -> list[Part]:
    if SEARCH == "compiled" and type(specification) in (KeyValue, Register, CasRegister) and specification.initial is None:
        columns = history if isinstance(history, Columns) else columns_of(history.operations, history.source, processes=False)
        if _PLAIN.issuperset(columns.functions) and specification.functions.keys() >= set(columns.functions):
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
    by_key = type(specification).part_of is Specification.part_of
    for operation in operations:
        part = operation.key if by_key else specification.part_of(operation)
        if part is not None and type(part) is not str:
            part = canonical(part)
        grouped.setdefault(part if specification.per_key else None, []).append(operation)
    parts: list[Part] = []
    for group in grouped.values():
        chosen = relevant(specification, group)
        parts.append(Part(specification.part_of(group[0]) if specification.per_key else None, len(chosen), chosen))
    return sorted(parts, key=_size)  # stable: keys of one size stay in order


def refuse_misfits(operations: Sequence[Operation], source: str | None, specification: Specification) -> None:
    """Raises UsageError for the first operation that the specification does not know or cannot understand."""
    functions, complains = specification.functions, specification.complaint
    for operation in operations:
        if functions and operation.f not in functions:
            raise UsageError(f"the model {specification.name!r} has no operation {operation.f!r} ({_place(operation, source)})")
        complaint = complains(operation)
        if complaint is not None:
            raise UsageError(f"{_place(operation, source)}: {complaint}")


def _place(operation: Operation, source: str | None) -> str:
    return f"{source}:{operation.line}" if source and operation.line else operation.where()

"""One object's operations, prepared for the search: integers, bits and lists instead of operations.

The search branches only where an operation must have taken effect: at its return. So the events become a list of returns, each
with the operations that are pending there. Operations that are never answered do not return; they wait in a list of their own.
"""

from __future__ import annotations

from bisect import insort
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from windtunnel.checkers.specification import UNKNOWN, UNSET, Call, Specification, canonical
from windtunnel.histories import Operation

_PLAIN = frozenset((int, str, type(None)))
"""Types whose values are their own canonical form."""

Candidate: TypeAlias = tuple[int, int]
"""A pending operation: its bit, and the number of its class."""


@dataclass(frozen=True, slots=True)
class Reductions:
    """The search's shortcuts, all exact, so that each can be switched off and must not change a verdict (see `search`)."""

    eager_reads: bool = True
    optional_crashes: bool = True
    symmetry: bool = True
    dominance: bool = True
    useful_crashes: bool = True
    indistinguishable_values: bool = True
    observed_predecessors: bool = True
    hidden_writes: bool = True


@dataclass(slots=True)
class Problem:
    """What the search works on.

    classes: calls that differ; operations of one class are interchangeable. class_of, bit_of: by operation. Bits of answered
    operations are reused after their return; bits of optional ones are numbered apart from them.
    returns: per return its (bit, read-only candidates, other candidates by return order, how many optional ones so far);
    returning: which operation that is. optional: candidates that never have to take effect, by invocation: they were not
    answered, or may have taken effect before the first state; optional_operations: which ones. These five are filled by `place`,
    which the compiled search does for itself. initial: the states at the start. reductions, since, until: see `prepare`.
    """

    specification: Specification
    operations: Sequence[Operation]
    reductions: Reductions = field(default_factory=Reductions)
    classes: list[Call] = field(default_factory=list)
    class_of: list[int] = field(default_factory=list)
    bit_of: list[int] = field(default_factory=list)
    reads_only: list[bool] = field(default_factory=list)
    blind: list[bool] = field(default_factory=list)
    returns: list[tuple[int, list[Candidate], list[Candidate], int]] = field(default_factory=list)
    returning: list[int] = field(default_factory=list)
    optional: list[Candidate] = field(default_factory=list)
    optional_operations: list[int] = field(default_factory=list)
    initial: list[Any] = field(default_factory=list)
    since: int | None = None
    until: int | None = None

    def spans(self) -> list[tuple[int, int, bool]]:
        """Per operation the positions of its invocation and of its end, and whether it must have taken effect by then."""
        since, until, optional = self.since, self.until, self.reductions.optional_crashes
        endless = 1 + max((max(op.invoked, op.completed or 0) for op in self.operations), default=0)
        found: list[tuple[int, int, bool]] = []
        for number, operation in enumerate(self.operations):
            answered = operation.type == "ok"
            start = operation.invoked
            end = operation.completed if answered and operation.completed is not None else endless + number
            inside = (since is None or start >= since) and (until is None or end <= until)
            found.append((start, end, inside and (answered or not optional)))
        return found

    def place(self) -> None:
        """Walk the events: give every operation a bit, and write down at every return what is pending there."""
        spans = self.spans()
        width = len(spans).bit_length() + 1
        events: list[int] = []  # position, operation and kind in one number: it sorts faster
        for number, (start, end, must) in enumerate(spans):
            events.append(start << width | number << 1)
            if must:
                events.append(end << width | number << 1 | 1)
        events.sort()
        numbers = (1 << width) - 1
        self.bit_of = [0] * len(spans)
        free: list[int] = []
        used = 0
        pending: list[
            tuple[int, int]
        ] = []  # (position of the return, operation): sorted, so that who must return first comes first
        for event in events:
            number = (event & numbers) >> 1
            if event & 1:
                self.returning.append(number)
                self.returns.append(_pending(self, pending, number, eager=self.reductions.eager_reads))
                pending.remove((spans[number][1], number))
                free.append(self.bit_of[number])
            elif spans[number][2]:
                if free:
                    self.bit_of[number] = free.pop()
                else:
                    self.bit_of[number] = 1 << used
                    used += 1
                insort(pending, (spans[number][1], number))
            else:
                self.bit_of[number] = 1 << len(self.optional)
                self.optional.append((self.bit_of[number], self.class_of[number]))
                self.optional_operations.append(number)


def call_of(operation: Operation) -> Call:
    """The operation without process and time; arguments are frozen, so that calls can be compared."""
    value, result = operation.value, operation.result if operation.type == "ok" else UNKNOWN
    if isinstance(value, list):
        value = _frozen(value)
    if isinstance(result, list):
        result = _frozen(result)
    return Call(operation.f, value, result)


def _frozen(value: Any) -> Any:
    return tuple([_frozen(item) for item in value]) if isinstance(value, list) else value


def relevant(specification: Specification, operations: Sequence[Operation]) -> list[Operation]:
    """The operations that can matter: not those that failed, nor unanswered ones that only read."""
    return [
        operation
        for operation in operations
        if operation.type == "ok" or (operation.type == "info" and not specification.reads_only(call_of(operation)))
    ]


def prepare(
    specification: Specification,
    operations: Sequence[Operation],
    reductions: Reductions,
    *,
    since: int | None = None,
    until: int | None = None,
) -> Problem | None:
    """The problem of one object. `operations` must be `relevant` and ordered by invocation.

    since: judge from that position on, whatever the state was; operations that were pending then may have taken effect before.
    until: judge up to that position; operations that are pending then may take effect later. Returns None if the specification
    cannot list the states that the first may have been.
    """
    calls = [call_of(operation) for operation in operations]
    initial: list[Any] | None = [specification.initial]
    if since is not None:
        initial = specification.possible_states(calls)
        if initial is None:
            return None
    if reductions.indistinguishable_values:
        predecessors = reductions.observed_predecessors and since is None  # what is read may have begun before
        specification, calls = specification.focus(calls, predecessors=predecessors)
    problem = Problem(specification, operations, reductions, initial=initial or [], since=since, until=until)
    numbers: dict[Any, int] = {}
    for call in calls:
        value, result, requires = call.value, call.result, call.requires
        key = (
            call.f,
            value if type(value) in _PLAIN else canonical(value),
            result if type(result) in _PLAIN or result is UNKNOWN else canonical(result),
            requires if requires is UNSET else canonical(requires),
        )
        number = numbers.get(key)
        if number is None:
            number = numbers[key] = len(problem.classes)
            problem.classes.append(call)
            problem.reads_only.append(specification.reads_only(call))
            problem.blind.append(specification.blind(call))
        problem.class_of.append(number)
    return problem


def _pending(
    problem: Problem, pending: list[tuple[int, int]], returning: int, *, eager: bool
) -> tuple[int, list[Candidate], list[Candidate], int]:
    reads: list[Candidate] = []
    others: list[Candidate] = []
    bit_of, class_of, reads_only = problem.bit_of, problem.class_of, problem.reads_only
    for _, number in pending:
        kind = class_of[number]
        if eager and reads_only[kind]:
            reads.append((bit_of[number], kind))
        else:
            others.append((bit_of[number], kind))
    return bit_of[returning], reads, others, len(problem.optional)

"""What queues, stacks and priority queues have in common as specifications: something is put in, something is taken out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from windtunnel.base.errors import UsageError
from windtunnel.checkers.specification import ILLEGAL, UNKNOWN, Call, Specification, canonical, same
from windtunnel.histories import Operation
from windtunnel.histories.columns import Columns
from windtunnel.histories.operations import shown

NEVER = 2**31 - 1
"""The position of what never happened: after every event."""


class Collection(Specification):
    """Base of those three. put, take: the names of the operations; noun: what it is called.

    The state is a tuple of values. Taking from an empty one answers null. Judged in polynomial time where every value is put
    in once and every answer of a take is known (see `lifetimes`); otherwise by the search.
    """

    initial: Any = ()
    put: ClassVar[str] = ""
    take: ClassVar[str] = ""
    noun: ClassVar[str] = ""

    def added(self, state: tuple[Any, ...], value: Any) -> tuple[Any, ...]:
        """The state with one more value."""
        return (*state, value)

    def removed(self, state: tuple[Any, ...]) -> tuple[Any, tuple[Any, ...]]:
        """Which value a take gets from a state that is not empty, and what is left."""
        raise AssertionError(f"{type(self).__name__} does not say what a take gets from {state!r}")

    def starting(self, initial: Any) -> Specification:
        """With these values, in the order in which they came."""
        if not isinstance(initial, (list, tuple)):
            raise UsageError(f"a {self.noun} begins with a list of values, got {initial!r}")
        state: tuple[Any, ...] = ()
        for value in initial:
            state = self.added(state, value)
        return super().starting(state)

    def step(self, state: Any, call: Call) -> Any:
        """The values."""
        if call.f == self.put:
            return self.added(state, call.value)
        if not state:
            return state if call.result is UNKNOWN or call.result is None else ILLEGAL
        value, left = self.removed(state)
        return left if call.result is UNKNOWN or same(value, call.result) else ILLEGAL

    def reads_only(self, call: Call) -> bool:
        """A take that found nothing."""
        return call.f == self.take and call.result is not UNKNOWN and call.result is None

    def complaint(self, operation: Operation) -> str | None:
        """There is nothing that looks like no value."""
        return f"{self.put} takes a value, got null" if operation.f == self.put and operation.value is None else None

    def families(self, calls: Sequence[Call]) -> list[Any]:
        """All that was done with a value, if each was put in once and all takes are known; and takes that found nothing."""
        names = [canonical(call.value if call.f == self.put else call.result) for call in calls]
        put = [name for call, name in zip(calls, names, strict=True) if call.f == self.put]
        put += map(canonical, self.initial)
        if len(set(put)) < len(put) or any(call.f == self.take and call.result is UNKNOWN for call in calls):
            return [number if self.reads_only(call) else None for number, call in enumerate(calls)]
        return [
            ("empty", number) if self.reads_only(call) else ("value", name)
            for number, (call, name) in enumerate(zip(calls, names, strict=True))
        ]

    def sources(self, call: Call, calls: Sequence[Call]) -> list[int] | None:
        """What put in the value that a take got."""
        if call.f == self.put or self.reads_only(call) or call.result is UNKNOWN:
            return None
        return [at for at, other in enumerate(calls) if other.f == self.put and same(other.value, call.result)]

    def source_words(self, call: Call, name: str) -> str:
        """They put in what it took."""
        return f"puts {shown(call.result)} into {name}"

    def unsourced(self, operations: Sequence[Operation]) -> Operation | None:
        """The first take, by return, of a value that nobody had begun to put in by then."""
        earliest: dict[Any, int] = {canonical(value): -1 for value in self.initial}
        for operation in operations:
            if operation.f == self.put:
                earliest.setdefault(canonical(operation.value), operation.invoked)
        first: Operation | None = None
        for operation in operations:
            if operation.f != self.take or operation.type != "ok" or operation.completed is None or operation.result is None:
                continue
            if first is not None and operation.completed > (first.completed or 0):
                continue
            if earliest.get(canonical(operation.result), operation.completed) >= operation.completed:
                first = operation
        return first

    def judge(self, columns: Columns) -> Sequence[int] | None:
        """Each key by its lifetimes."""
        if self.initial:
            return None
        verdicts: list[int] = []
        for key in range(len(columns.keys)):
            core = self.conflict(columns, key)
            verdicts.append(-1 if core is None else 0 if core else 1)
        return verdicts

    def core(self, columns: Columns, key: int) -> list[int]:
        """The operations that contradict each other."""
        return self.conflict(columns, key) or []

    def conflict(self, columns: Columns, key: int) -> list[int] | None:
        """Operations (their numbers) on a key that have no legal order; an empty list if there are none, None if not known."""
        raise AssertionError(
            f"{type(self).__name__} does not say what contradicts what at key {key} of {len(columns)} operations"
        )

    def needs(self, call: Call) -> str:
        """What must be there."""
        if call.f == self.put:
            return "anything"
        if self.reads_only(call):
            return f"an empty {self.noun}"
        return f"{shown(call.result)} to be next"

    def part_name(self, part: Any) -> str:
        """The queue, the stack."""
        return f"the {self.noun}" if part is None else f"{self.noun} {part}"

    def show(self, state: Any) -> str:
        """The values in order, or that there are none."""
        return "[" + ", ".join(shown(value) for value in state) + "]" if state else "nothing"

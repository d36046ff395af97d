"""A set: add, remove, contains, and reads of the whole.

Elements do not know of each other (Horn & Kroening, "Faster linearizability checking via P-compositionality", 2015): without
reads of the whole, each element is an object of its own with two states, and a history of any length is decided element by
element.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from windtunnel.base.errors import UsageError
from windtunnel.checkers.specification import ILLEGAL, UNKNOWN, Call, Specification, canonical
from windtunnel.histories import Operation
from windtunnel.histories.operations import shown


class SetOfValues(Specification):
    """A set: add and remove (which may answer whether they changed it), contains, and read, which lists all."""

    name: ClassVar[str] = "set"
    initial: Any = frozenset()
    functions: Mapping[str, str] = {
        "add": "add(element) -> whether it was new, or null",
        "remove": "remove(element) -> whether it was there, or null",
        "contains": "contains(element) -> true or false",
        "read": "read() -> [element, ...]",
    }

    def step(self, state: Any, call: Call) -> Any:
        """The elements, in canonical form."""
        if call.f == "read":
            return state if call.result is UNKNOWN or frozenset(map(canonical, call.result)) == state else ILLEGAL
        element = canonical(call.value)
        after = _element(element in state, call)
        if after is ILLEGAL:
            return ILLEGAL
        return state | {element} if after else state - {element}

    def reads_only(self, call: Call) -> bool:
        """Reads and tests, and updates that answered that they changed nothing."""
        return _only_reads(call)

    def complaint(self, operation: Operation) -> str | None:
        """A read answers a list without repetitions; the others true, false or nothing."""
        if operation.type != "ok":
            return None
        result = operation.result
        if operation.f == "read":
            if not isinstance(result, (list, tuple)):
                return f"read answers a list of elements, got {result!r}"
            if len(set(map(canonical, result))) != len(result):
                return "read answers a list in which an element occurs twice"
        elif not isinstance(result, bool | None) or (operation.f == "contains" and result is None):
            return f"{operation.f} answers true or false, got {result!r}"
        return None

    def starting(self, initial: Any) -> Specification:
        """With these elements."""
        if not isinstance(initial, (list, tuple)):
            raise UsageError(f"a set begins with a list of elements, got {initial!r}")
        return super().starting(frozenset(map(canonical, initial)))

    def suited(self, operations: Sequence[Operation]) -> Specification:
        """Element by element, where nobody reads the whole."""
        return (
            self
            if self.initial or any(operation.f == "read" and operation.type == "ok" for operation in operations)
            else Element()
        )

    def needs(self, call: Call) -> str:
        """What must have been there."""
        if call.f == "read":
            return shown(call.result)
        there = call.result is (call.f != "add")
        return f"a set {'with' if there else 'without'} {shown(call.value)}"

    def part_name(self, part: Any) -> str:
        """The set."""
        return "the set" if part is None else f"set {part}"

    def show(self, state: Any) -> str:
        """The elements, sorted."""
        return "{" + ", ".join(sorted(map(str, state))) + "}"


class Element(SetOfValues):
    """One element of a set: there or not."""

    initial: Any = False

    def step(self, state: Any, call: Call) -> Any:
        """Whether it is there."""
        return state if call.f == "read" else _element(state, call)

    def part_of(self, operation: Operation) -> Any:
        """The element, of the set that the key names."""
        return (operation.key, operation.value)

    def possible_states(self, calls: Sequence[Call]) -> list[Any] | None:  # noqa: ARG002
        """Absent, and there."""
        return [False, True]

    def suited(self, operations: Sequence[Operation]) -> Specification:  # noqa: ARG002
        """Itself."""
        return self

    def part_name(self, part: Any) -> str:
        """The set."""
        return super().part_name(part[0])

    def show(self, state: Any) -> str:
        """In words that follow "held"."""
        return "it" if state else "no such element"


def _element(there: bool, call: Call) -> Any:  # noqa: FBT001 - the state
    """Whether the element is there afterwards, or ILLEGAL."""
    result = call.result
    if call.f == "contains":
        return there if result is UNKNOWN or result is there else ILLEGAL
    if call.f == "add":
        return ILLEGAL if result is there else True
    return ILLEGAL if result is (not there) else False


def _only_reads(call: Call) -> bool:
    return call.f in ("contains", "read") or call.result is False

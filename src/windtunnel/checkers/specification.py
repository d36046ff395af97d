"""Sequential specifications: what an object does when its operations come one at a time.

Linearizability asks whether the overlapping operations of a history can be put into an order that such a specification
accepts. Anybody may write one; it is plain Python:

    class Counter(Specification):
        name = "counter"
        initial = 0
        functions = {"add": "add(n)", "read": "read() -> sum"}

        def step(self, state, call):
            if call.f == "add":
                return state + call.value
            return state if call.result is UNKNOWN or call.result == state else ILLEGAL

        def reads_only(self, call):
            return call.f == "read"

`step` must be a pure function: it is called once per pair of state and call, and remembered.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import copy
from dataclasses import dataclass
from typing import Any, ClassVar, Final

from windtunnel.base.messages import Value
from windtunnel.histories import Operation
from windtunnel.histories.columns import Columns
from windtunnel.histories.operations import shown
from windtunnel.histories.values import Named, canonical, same

__all__ = ["ILLEGAL", "UNKNOWN", "UNSET", "Call", "Named", "Specification", "canonical", "same"]

ILLEGAL: Final = Named("ILLEGAL")
"""What `step` returns when the call cannot take effect, with its result, in that state."""

UNKNOWN: Final = Named("UNKNOWN")
"""The result of an operation that was not answered: `step` returns what it does if it takes effect."""

UNSET: Final = Named("UNSET")
"""No such value; None is a value."""

READ, WRITE, CAS, CAS_UNEQUAL, CAS_UNKNOWN = range(5)
"""What a call does to a register: see `Specification.codes`."""


@dataclass(frozen=True, slots=True)
class Call:
    """An operation as a specification sees it: asked and answered, without process and time.

    requires: the state in which it must have taken effect, when other operations prove that; UNSET usually.
    """

    f: str
    value: Value
    result: Value
    requires: Any = UNSET


class Specification:
    """Base of all specifications: the defaults are always right, overriding them makes checking faster or explains better.

    name: of the model. initial: the first state. per_key: operations on different keys are independent objects.
    functions: what it understands, name to signature.
    """

    name: ClassVar[str] = ""
    initial: Any = None
    per_key: ClassVar[bool] = True
    functions: Mapping[str, str] = {}

    def step(self, state: Any, call: Call) -> Any:
        """The state after `call` took effect in `state`, or ILLEGAL. States are compared with `canonical`."""
        raise AssertionError(f"{type(self).__name__} does not say what {call.f} does in {state!r}")

    def reads_only(self, call: Call) -> bool:  # noqa: ARG002 - the contract
        """Whether `call` changes no state at all, ever: `step` returns the state it was given, or ILLEGAL."""
        return False

    def blind(self, call: Call) -> bool:  # noqa: ARG002
        """Whether `call` is legal in every state and leaves the same one behind, as a plain write does."""
        return False

    def complaint(self, operation: Operation) -> str | None:  # noqa: ARG002
        """Why this operation cannot be understood at all (a malformed argument), or None."""
        return None

    def focus(self, calls: Sequence[Call], *, predecessors: bool = True) -> tuple[Specification, list[Call]]:  # noqa: ARG002
        """An equivalent specification and calls for one object, given all its calls: equal verdicts, fewer states.

        predecessors: whether states that other operations prove may be required of calls.
        """
        return self, list(calls)

    def codes(self, classes: Sequence[Call], initial: Sequence[Any]) -> tuple[list[Any], list[int]] | None:  # noqa: ARG002
        """What `step` does, in numbers, if all of these calls are those of a plain register; None if they are not.

        The states that may occur, the initial ones first, and three numbers per call: one of READ, WRITE, CAS, CAS_UNEQUAL and
        CAS_UNKNOWN; the state that it reads, writes or compares with; the state that a compare-and-set leaves.
        """
        return None

    def possible_states(self, calls: Sequence[Call]) -> list[Any] | None:  # noqa: ARG002
        """States of which one at least can do whatever any state can do with these calls; None if they cannot be listed.

        With it a history can be judged from any moment on, whatever happened before.
        """
        return None

    def guess(self, operations: Sequence[Operation]) -> list[int] | None:  # noqa: ARG002
        """An order of one object's operations (their numbers) that may well be legal, quickly, or None; it will be verified.

        The operations are ordered by invocation, and none of them failed; of those without an answer the order may leave out any.
        """
        return None

    def droppable(self, calls: Sequence[Call]) -> list[bool]:
        """Which calls can be taken out of every legal order, one or all of them, and leave a legal order."""
        return [self.reads_only(call) for call in calls]

    def families(self, calls: Sequence[Call]) -> list[Any]:
        """Calls that can be taken out of every legal order together bear the same name; None for those that must stay.

        Any choice of families may go. By default each droppable call is one of its own.
        """
        return [number if droppable else None for number, droppable in enumerate(self.droppable(calls))]

    def starting(self, initial: Value) -> Specification:
        """The same object with another first state."""
        other = copy(self)
        other.initial = initial
        return other

    def suited(self, operations: Sequence[Operation]) -> Specification:  # noqa: ARG002
        """An equivalent specification for a history of these operations, with smaller parts or fewer states."""
        return self

    def part_of(self, operation: Operation) -> Value:
        """Which of its independent objects an operation is about, if `per_key`."""
        return operation.key

    def part_name(self, part: Value) -> str:
        """An object in words that follow "but" and go before "held"."""
        if part is None:
            return "the value"
        return part if isinstance(part, str) and part.isidentifier() else f"key {shown(part)}"

    def judge(self, columns: Columns) -> Sequence[int] | None:  # noqa: ARG002
        """Verdicts by an algorithm of polynomial cost, one per key number: 1 valid, 0 not, -1 where it does not apply.

        None if it applies to none of them. `columns` may be those of a whole history, or of one object.
        """
        return None

    def core(self, columns: Columns, key: int) -> list[int]:  # noqa: ARG002
        """Operations (their numbers) of a key that `judge` found bad, which have no legal order even by themselves."""
        return []

    def needs(self, call: Call) -> str:
        """What `call` demands of the state, in words that follow "it needs"."""
        return f"a state in which {call.f} may answer {call.result!r}"

    def sources(self, call: Call, calls: Sequence[Call]) -> list[int] | None:  # noqa: ARG002
        """Which of `calls` can have made the state that `call` needs; None if that cannot be told."""
        return None

    def source_words(self, call: Call, name: str) -> str:
        """What `sources` do for `call`, in words that follow "operation that"; `name` is that of the object."""
        return f"makes {name} {self.needs(call)}"

    def unsourced(self, operations: Sequence[Operation]) -> Operation | None:  # noqa: ARG002
        """An answered operation that no operation invoked before its return can have made possible, or None."""
        return None

    def show(self, state: Any) -> str:
        """A state in words."""
        return shown(state)

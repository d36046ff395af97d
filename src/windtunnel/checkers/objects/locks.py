"""Locks: who may hold them, how many at a time, and in which order.

A lock is held by an operation, not by a process: a release by somebody else is the business of whoever asked for it. What is
judged is mutual exclusion, as Knossos' and Jepsen's models of locks do.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from windtunnel.base.errors import UsageError
from windtunnel.checkers.specification import ILLEGAL, UNKNOWN, Call, Specification
from windtunnel.histories import Operation


class Mutex(Specification):
    """A lock with one holder: acquire succeeds when it is free, release when it is held."""

    name: ClassVar[str] = "mutex"
    initial: Any = False
    functions: Mapping[str, str] = {"acquire": "acquire()", "release": "release()"}

    def step(self, state: Any, call: Call) -> Any:
        """Held or free."""
        held = call.f == "acquire"
        return ILLEGAL if state is held else held

    def possible_states(self, calls: Sequence[Call]) -> list[Any] | None:  # noqa: ARG002
        """Free, and held."""
        return [False, True]

    def needs(self, call: Call) -> str:
        """The state before."""
        return "a free lock" if call.f == "acquire" else "a held lock"

    def part_name(self, part: Any) -> str:
        """The lock."""
        return "the lock" if part is None else f"lock {part}"

    def show(self, state: Any) -> str:
        """In words."""
        return "held" if state else "free"


class Semaphore(Specification):
    """A semaphore: acquire takes permits (one, or the number given) when there are as many, release gives them back.

    initial: the permits that there are at the start.
    """

    name: ClassVar[str] = "semaphore"
    functions: Mapping[str, str] = {"acquire": "acquire(permits or null for 1)", "release": "release(permits or null for 1)"}

    def __init__(self, initial: int = 1) -> None:
        self.initial = initial

    def starting(self, initial: Any) -> Specification:
        """With that many permits."""
        if not isinstance(initial, int) or isinstance(initial, bool) or initial < 1:
            raise UsageError(f"a semaphore begins with a positive number of permits, got {initial!r}")
        return Semaphore(initial)

    def step(self, state: Any, call: Call) -> Any:
        """The permits left. More than there were at the start cannot come back."""
        amount = 1 if call.value is None else call.value
        left = state - amount if call.f == "acquire" else state + amount
        return left if 0 <= left <= self.initial else ILLEGAL

    def complaint(self, operation: Operation) -> str | None:
        """A number of permits is whole and positive."""
        value = operation.value
        if value is None or (isinstance(value, int) and not isinstance(value, bool) and value > 0):
            return None
        return f"{operation.f} takes a positive number of permits, got {value!r}"

    def possible_states(self, calls: Sequence[Call]) -> list[Any] | None:  # noqa: ARG002
        """Any number of permits."""
        return list(range(self.initial + 1))

    def needs(self, call: Call) -> str:
        """How many permits must be there, or out."""
        amount = 1 if call.value is None else call.value
        return f"{amount} permits" if call.f == "acquire" else f"at most {self.initial - amount} permits"

    def part_name(self, part: Any) -> str:
        """The semaphore."""
        return "the semaphore" if part is None else f"semaphore {part}"


class FencingLock(Specification):
    """A lock that answers each acquire with a token, larger than every earlier one.

    Source: Kleppmann, "How to do distributed locking", 2016. Unanswered acquires may have got any token in between.
    """

    name: ClassVar[str] = "fencing-lock"
    initial: Any = (False, None)
    functions: Mapping[str, str] = {"acquire": "acquire() -> token", "release": "release(token or null)"}

    def step(self, state: Any, call: Call) -> Any:
        """Whether it is held, and the largest token so far."""
        held, last = state
        if call.f == "acquire":
            if held or (call.result is not UNKNOWN and last is not None and call.result <= last):
                return ILLEGAL
            return (True, last if call.result is UNKNOWN else call.result)
        if not held:
            return ILLEGAL
        return (False, last)

    def complaint(self, operation: Operation) -> str | None:
        """A token is a whole number."""
        if operation.f == "acquire" and operation.type == "ok":
            token = operation.result
            if not isinstance(token, int) or isinstance(token, bool):
                return f"acquire answers a whole number, got {token!r}"
        return None

    def possible_states(self, calls: Sequence[Call]) -> list[Any] | None:  # noqa: ARG002
        """Free or held, with no token so far: that allows most."""
        return [(False, None), (True, None)]

    def needs(self, call: Call) -> str:
        """What must have been before."""
        if call.f == "release":
            return "a held lock"
        return "a free lock" if call.result is UNKNOWN else f"a free lock and tokens below {call.result}"

    def part_name(self, part: Any) -> str:
        """The lock."""
        return "the lock" if part is None else f"lock {part}"

    def show(self, state: Any) -> str:
        """In words."""
        held, last = state
        word = "held" if held else "free"
        return word if last is None else f"{word} after token {last}"

"""A counter: additions and reads of their sum."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from windtunnel.checkers.specification import ILLEGAL, UNKNOWN, Call, Specification, same
from windtunnel.histories import Operation


class Counter(Specification):
    """A counter: add a number, also a negative one; read the sum of what was added."""

    name: ClassVar[str] = "counter"
    functions: Mapping[str, str] = {"add": "add(n)", "read": "read() -> sum"}

    def __init__(self, initial: int = 0) -> None:
        self.initial = initial

    def step(self, state: Any, call: Call) -> Any:
        """The sum."""
        if call.f == "add":
            return state + call.value
        return state if call.result is UNKNOWN or same(call.result, state) else ILLEGAL

    def reads_only(self, call: Call) -> bool:
        """Reads."""
        return call.f == "read"

    def complaint(self, operation: Operation) -> str | None:
        """What is added is a number."""
        if operation.f == "add" and (not isinstance(operation.value, int | float) or isinstance(operation.value, bool)):
            return f"add takes a number, got {operation.value!r}"
        return None

    def needs(self, call: Call) -> str:
        """The sum that was read."""
        return str(call.result)

    def part_name(self, part: Any) -> str:
        """The counter."""
        return "the counter" if part is None else f"counter {part}"

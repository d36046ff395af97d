"""What clients saw: operations with an invocation and, perhaps, a completion.

| type | meaning | for a checker |
|---|---|---|
| ok | it took effect between its two events; `result` is what it answered | must be ordered there |
| fail | it certainly had no effect and never will (definite) | is left out |
| info | it may have taken effect, or may yet, any time after its invocation (indefinite) | may be ordered there, or not at all |

Operations overlap: what matters is the order of *events*. Every event of a history has a position; an operation happened before
another one if its completion has a smaller position than the other's invocation. Times are for people and for plots.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, TypeAlias

from windtunnel.base.messages import Value

Outcome: TypeAlias = Literal["ok", "fail", "info"]
EventType: TypeAlias = Literal["invoke", "ok", "fail", "info"]


@dataclass(slots=True)
class Operation:
    """One operation of one process (a client thread; after an `info` it goes on under a new number).

    index: its place in `History.operations`. f, key, value: the operation's name, the key it is about (or None), its
    argument (or None). result: the answer of an `ok`. error: why it is not `ok`.
    invoked, completed: positions of its events; `completed` is None while it is open. An `info` may have a completion, which
    is when the client gave up: it bounds nothing. invoked_s, completed_s: their times, seconds.
    line, completed_line: where its events stand in the file it was read from.
    """

    index: int
    process: int | str
    f: str
    key: Value = None
    value: Value = None
    type: Outcome = "info"
    result: Value = None
    error: str | None = None
    invoked_s: float = 0.0
    completed_s: float | None = None
    invoked: int = 0
    completed: int | None = None
    line: int | None = None
    completed_line: int | None = None

    def describe(self) -> str:
        """What was asked and answered, in words: `write x 3`, `read x -> 3`, `cas x [1, 2] (no answer)`."""
        asked = " ".join([self.f, *(shown(part) for part in (self.key, self.value) if part is not None)])
        if self.type != "ok":
            return f"{asked} ({'no answer' if self.type == 'info' else 'failed'})"
        if self.result is None and self.f not in _ANSWERING:
            return asked
        return f"{asked} -> {shown(self.result)}"

    def where(self) -> str:
        """Where a person finds it: `line 17`, or `operation 8 at 1.042 s` when it was not read from a file."""
        return f"line {self.completed_line or self.line}" if self.line else f"operation {self.index} at {self.invoked_s:.3f} s"

    def where_invoked(self) -> str:
        """Where its invocation is found."""
        return f"line {self.line}" if self.line else f"{self.invoked_s:.3f} s"


_ANSWERING = frozenset({"read", "get", "balances", "cas"})


def shown(value: Value) -> str:
    """A value in a message: bare words as they are, all else as JSON, the middle of a long one left out."""
    bare = isinstance(value, str) and value and value.isprintable() and " " not in value
    try:
        text = value if bare else json.dumps(value, ensure_ascii=False)
    except (TypeError, ValueError):
        text = repr(value)
    return text if len(text) <= 64 else f"{text[:40]} … {text[-20:]}"


@dataclass(slots=True)
class History:
    """Operations ordered by invocation. `source` is the file they were read from; `timed` says whether it had times."""

    operations: list[Operation]
    source: str | None = None
    timed: bool = True

    def __len__(self) -> int:
        return len(self.operations)

    def __iter__(self) -> Iterator[Operation]:
        return iter(self.operations)

    def counts(self) -> dict[str, int]:
        """How many operations of each outcome, and in total."""
        counted = Counter(operation.type for operation in self.operations)
        return {"total": len(self.operations), "ok": counted["ok"], "fail": counted["fail"], "info": counted["info"]}

    def functions(self) -> list[str]:
        """The names of its operations, sorted."""
        return sorted({operation.f for operation in self.operations})

    def events(self) -> list[tuple[EventType, Operation]]:
        """All events in order: every operation once as `invoke`, and once more with its type if it completed."""
        placed: list[tuple[int, EventType, Operation]] = []
        for operation in self.operations:
            placed.append((operation.invoked, "invoke", operation))
            if operation.completed is not None:
                placed.append((operation.completed, operation.type, operation))
        placed.sort(key=lambda event: event[0])
        return [(kind, operation) for _, kind, operation in placed]

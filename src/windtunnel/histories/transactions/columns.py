"""Transactions as columns: numpy arrays instead of objects, 60 to 70 bytes a transaction and 25 a micro-operation.

A transaction is one operation of a client whose value is a list of micro-operations:

| interface | micro-operations | who |
|---|---|---|
| list-append | `["append", k, v]`, `["r", k, [v, ...]]` | Elle, Jepsen |
| rw-register | `["w", k, v]`, `["r", k, v]` | Elle, dbcop, PolySI, AWDIT, Cobra ... |
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import numpy as np

from windtunnel.base.messages import Value
from windtunnel.histories.malformed import MalformedHistory
from windtunnel.histories.operations import shown

Column: TypeAlias = "np.ndarray[Any, Any]"
Interface: TypeAlias = Literal["list-append", "rw-register"]

OK, INFO, FAIL = 0, 1, 2
"""Status of a transaction: committed; may have committed; certainly did not."""

READ, WRITE, UNSEEN = 0, 1, 2
"""Kind of a micro-operation. UNSEEN is a read whose answer nobody saw; an append is a WRITE."""

NIL = -(2**62)
"""The value of a register that was never written, as a number of the column `value`."""

LISTED = NIL + 1
"""What the column `value` holds for a read that was answered with a list, until it is known that lists are read."""

BEFORE = -1
"""Position of an invocation that was not recorded: it may have been at any time."""

NEVER = 2**62
"""Position of a completion that did not come."""

ALONE = -1
"""Session of a transaction that belongs to none."""

_WORDS = {"list-append": ("r", "append"), "rw-register": ("r", "w")}


@dataclass(slots=True, eq=False)
class Transactions:
    """A history of n transactions with m micro-operations, ordered by invocation.

    status (n, int8), session (n, int64: equal numbers are one client, ALONE is none), invoked and completed (n, int64): positions
    in the order of events; BEFORE and NEVER where there was no event. starts (n + 1): the micro-operations of i are
    starts[i]:starts[i + 1]. Per micro-operation: kind (int8), key (int64: a number of `keys`), value (int64: what was written, or
    what a register was read as), offsets (m + 1): where its elements stand in `elements`, which is what lists were read as.

    keys: the key of each number. values: the value of each number, or None when values are the integers themselves; numbers of
    values are equal only if the values are. sessions: names of the sessions by number, or None. lines (n, 2): where the
    invocation and the completion stand in the file, 0 for nowhere; None when it was no file.
    """

    interface: Interface
    status: Column
    session: Column
    invoked: Column
    completed: Column
    starts: Column
    kind: Column
    key: Column
    value: Column
    offsets: Column
    elements: Column
    keys: list[Any]
    values: list[Any] | None = None
    sessions: list[Any] | None = None
    lines: Column | None = None
    source: str | None = None

    def __len__(self) -> int:
        return len(self.status)

    def counts(self) -> dict[str, int]:
        """How many transactions of each outcome, and in total."""
        ok, info, fail = np.bincount(self.status, minlength=3).tolist()
        return {"total": len(self), "ok": ok, "fail": fail, "info": info}

    def functions(self) -> list[str]:
        """The names of its operations."""
        return ["txn"]

    def timed(self) -> bool:
        """Whether it is known of any two transactions that one was answered before the other was asked."""
        return bool((self.completed < NEVER).any() and (self.invoked != BEFORE).any())

    def nbytes(self) -> int:
        """Memory of the columns, bytes."""
        columns = [getattr(self, name) for name in self.__slots__]
        return sum(column.nbytes for column in columns if isinstance(column, np.ndarray))

    def of_micro_operations(self) -> Column:
        """The transaction of every micro-operation, (m, int64)."""
        return np.repeat(np.arange(len(self)), np.diff(self.starts))

    def shown_value(self, number: int) -> Value:
        """The value of a number of the columns `value` and `elements`."""
        if number == NIL:
            return None
        found: Value = number if self.values is None else self.values[number]
        return found

    def list_read(self, micro: int) -> list[Value]:
        """The list that a read of list-append was answered with."""
        found = self.elements[self.offsets[micro] : self.offsets[micro + 1]].tolist()
        return found if self.values is None else [self.values[number] for number in found]

    def micro_operations(self, number: int) -> Iterator[tuple[str, Value, Value]]:
        """The micro-operations of a transaction as (word, key, value); what nobody saw was read as `...`."""
        read, write = _WORDS[self.interface]
        for micro in range(int(self.starts[number]), int(self.starts[number + 1])):
            kind = int(self.kind[micro])
            value: Value
            if kind == UNSEEN:
                value = "..."
            elif kind == READ and self.interface == "list-append":
                value = self.list_read(micro)
            else:
                value = self.shown_value(int(self.value[micro]))
            yield (write if kind == WRITE else read), self.keys[int(self.key[micro])], value

    def describe(self, number: int) -> str:
        """A transaction in words: `append x 3, r y [1 2]`."""
        parts = [f"{word} {shown(key)} {worded(value)}" for word, key, value in self.micro_operations(number)]
        return ", ".join(parts) if parts else "nothing"

    def where(self, number: int) -> str:
        """Where a person finds it: `line 17`, or `transaction 8` when it was not read from a file."""
        if self.lines is not None:
            begun, ended = self.lines[number].tolist()
            if begun or ended:
                return f"line {ended or begun}"
        return f"transaction {number}"

    def session_name(self, number: int) -> str:
        """Which client ran it, in words; empty if that is not known."""
        session = int(self.session[number])
        if session == ALONE:
            return ""
        return str(session if self.sessions is None else self.sessions[session])

    def refuse(self, number: int, expected: str, got: str) -> MalformedHistory:
        """The error for a transaction that cannot be, with its place. To be raised by the caller."""
        line = 0 if self.lines is None else int(self.lines[number].max())
        return MalformedHistory(self.source or "history", line or number + 1, expected, got)


def worded(value: Value) -> str:
    """A value in words; lists as Elle writes them: `[1 2 3]`."""
    if isinstance(value, list):
        middle = [shown(item) for item in value]
        if len(middle) > 12:
            middle = [*middle[:4], "…", *middle[-6:]]
        return f"[{' '.join(middle)}]"
    return "nil" if value is None else "..." if value == "..." else shown(value)


def whole(column: Any) -> Column:
    """A column of integers from a list or an array."""
    return np.ascontiguousarray(column, dtype=np.int64)

"""Columns of registers from sessions of transactions: what formats without events have."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from windtunnel.base.messages import Value
from windtunnel.histories.transactions.columns import BEFORE, FAIL, INFO, NEVER, NIL, OK, READ, UNSEEN, WRITE, Transactions


@dataclass(slots=True)
class Sessions:
    """Collects transactions session by session. No event has a time: only the order within a session is known.

    path: of the file, for errors. initial: the value that an unwritten register is read as, None if formats say so otherwise.
    """

    path: str
    initial: int | None = None
    _status: list[int] = field(default_factory=list)
    _session: list[int] = field(default_factory=list)
    _lines: list[tuple[int, int]] = field(default_factory=list)
    _starts: list[int] = field(default_factory=lambda: [0])
    _kind: list[int] = field(default_factory=list)
    _key: list[int] = field(default_factory=list)
    _value: list[int] = field(default_factory=list)
    _keys: dict[Value, int] = field(default_factory=dict)
    _names: dict[Value, int] = field(default_factory=dict)

    def add(self, session: Value, micros: Sequence[tuple[bool, Value, int]], status: int = OK, line: int = 0) -> None:
        """A transaction: micros are (whether it writes, key, value), NIL for what was never written. line: where it begins."""
        for writes, key, value in micros:
            self._kind.append(WRITE if writes else READ if status == OK else UNSEEN)
            self._key.append(self._keys.setdefault(key, len(self._keys)))
            self._value.append(value)
        self._starts.append(len(self._kind))
        self._status.append(status)
        self._session.append(self._names.setdefault(session, len(self._names)))
        self._lines.append((line, 0))

    def __len__(self) -> int:
        return len(self._status)

    def transactions(self) -> Transactions:
        """The columns. Values that equal `initial` and that nobody wrote become NIL."""
        count = len(self._status)
        kind = np.array(self._kind, np.int8)
        key, value = np.array(self._key, np.int64), np.array(self._value, np.int64)
        if self.initial is not None:
            written = np.zeros(len(self._keys), bool)
            written[key[(kind == WRITE) & (value == self.initial)]] = True
            value[(kind == READ) & (value == self.initial) & ~written[key]] = NIL
        value[kind == UNSEEN] = 0
        found = Transactions(
            "rw-register",
            np.array(self._status, np.int8),
            np.array(self._session, np.int64),
            np.full(count, BEFORE, np.int64),
            np.full(count, NEVER, np.int64),
            np.array(self._starts, np.int64),
            kind,
            key,
            value,
            np.zeros(len(kind) + 1, np.int64),
            np.zeros(0, np.int64),
            list(self._keys),
        )
        found.sessions, found.source = list(self._names), self.path
        found.lines = np.array(self._lines, np.int64).reshape(-1, 2)
        return found


__all__ = ["FAIL", "INFO", "NIL", "OK", "Sessions"]

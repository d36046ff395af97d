"""Several registers that are read and written together: transactions of reads and writes, judged for strict serializability.

A transaction is an operation like any other here, so the whole store is one object. For long histories of transactions use
the models of `windtunnel.checkers.transactions`, which infer the order instead of searching for it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from windtunnel.base.messages import Value
from windtunnel.checkers.specification import ILLEGAL, UNKNOWN, Call, Specification, canonical, same
from windtunnel.histories import Operation
from windtunnel.histories.operations import shown

_READS = ("read", "r")
_WRITES = ("write", "w")


class MultiRegister(Specification):
    """Registers with names: a txn reads and writes some of them at one instant. A result repeats the list, with the values read.

    initial: what every register holds at the start.
    """

    name: ClassVar[str] = "multi-register"
    per_key: ClassVar[bool] = False
    functions: Mapping[str, str] = {
        "txn": 'txn([["read", key, null] | ["write", key, value], ...]) -> the list with the values read',
    }

    def __init__(self, initial: Value = None) -> None:
        self.initial: Any = ()
        self._start = initial

    def starting(self, initial: Value) -> Specification:
        """Every register holds `initial` at the start."""
        return MultiRegister(initial)

    def step(self, state: Any, call: Call) -> Any:
        """Pairs of name and value, sorted by name, of registers that do not hold what they held at the start."""
        store = {name: value for name, _, value in state}
        shown_names = {name: key for name, key, _ in state}
        asked, answered = call.value, call.result
        for at, (f, key, value) in enumerate(asked):
            name = canonical(key)
            if f in _READS:
                expected = value if answered is UNKNOWN or answered is None else answered[at][2]
                known = answered is not UNKNOWN and (answered is not None or value is not None)
                if known and not same(store.get(name, self._start), expected):
                    return ILLEGAL
            else:
                store[name] = value
                shown_names[name] = key
        kept = [(name, shown_names[name], value) for name, value in store.items() if not same(value, self._start)]
        return tuple(sorted(kept, key=lambda row: str(row[0])))

    def reads_only(self, call: Call) -> bool:
        """Transactions without a write."""
        return all(f in _READS for f, _, _ in call.value)

    def complaint(self, operation: Operation) -> str | None:
        """A txn takes a list of reads and writes, and answers one of the same length."""
        answered = operation.result if operation.type == "ok" else None
        for rows in (operation.value, *(() if answered is None else (answered,))):
            if not isinstance(rows, (list, tuple)) or any(
                not isinstance(row, (list, tuple)) or len(row) != 3 or row[0] not in (*_READS, *_WRITES) for row in rows
            ):
                return f'txn takes a list of ["read", key, null] and ["write", key, value], got {rows!r}'
        if answered is not None and len(answered) != len(operation.value):
            return "the result of a txn has as many entries as its argument"
        return None

    def needs(self, call: Call) -> str:
        """The values that it read."""
        rows = call.value if call.result in (None, UNKNOWN) else call.result
        return ", ".join(f"{shown(key)} = {shown(value)}" for f, key, value in rows if f in _READS) or "nothing"

    def part_name(self, part: Any) -> str:  # noqa: ARG002
        """All of them."""
        return "the store"

    def show(self, state: Any) -> str:
        """The registers that were written."""
        rest = f"every register {shown(self._start)}"
        return ", ".join(f"{shown(key)} = {shown(value)}" for _, key, value in state) + (
            ", all else as at the start" if state else rest
        )

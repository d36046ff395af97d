"""Columns of transactions from operations: what a run recorded, or a reader of objects found."""

from __future__ import annotations

import os
from collections.abc import Callable, Hashable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from windtunnel.base.errors import UsageError
from windtunnel.base.messages import Value
from windtunnel.histories.malformed import excerpt
from windtunnel.histories.operations import History, Operation
from windtunnel.histories.transactions.columns import LISTED, NIL, READ, UNSEEN, Column, Interface, Transactions
from windtunnel.histories.transactions.pure_ingest import BadMicroOperation

scan: Callable[[Any, bool], dict[str, Any] | None] | None = None
if TYPE_CHECKING or os.environ.get("WINDTUNNEL_KERNEL", "") == "pure":
    from windtunnel.histories.transactions.pure_ingest import fill, heads
else:
    try:
        from windtunnel.histories.transactions._ingest import fill, heads
        from windtunnel.histories.transactions._scan import scan
    except ImportError:
        from windtunnel.histories.transactions.pure_ingest import fill, heads

__all__ = ["canonical", "finished", "scanned", "transactions_of"]

_APPENDS, _WRITES, _READ_LISTS, _READ_PLAIN = 2, 4, 8, 16


def canonical(value: Value) -> Hashable:
    """A hashable stand-in that is equal for equal values only: true is not 1, a list is not its text."""
    if isinstance(value, bool):
        return ("bool", value)
    if isinstance(value, (list, tuple)):
        return ("list", *[canonical(item) for item in value])
    if isinstance(value, dict):
        return ("map", frozenset((canonical(key), canonical(item)) for key, item in value.items()))
    found: Hashable = value
    return found


def transactions_of(history: History | Sequence[Operation], interface: Interface | None = None) -> Transactions:
    """The columns of a history whose operations are transactions: `f` is "txn", the value a list of micro-operations.

    interface: which one; None to tell by the micro-operations. Of an operation that was answered ok the answer counts, of
    others what was asked. Raises MalformedHistory for what is no transaction of that interface, with its place.
    """
    operations = history.operations if isinstance(history, History) else list(history)
    source = history.source if isinstance(history, History) else None
    keys: dict[Any, int] = {}
    values: dict[Any, int] | None = None
    try:
        found = fill(operations, keys, None, canonical)
        if found is None:
            keys, values = {}, {}
            found = fill(operations, keys, values, canonical)
    except BadMicroOperation as bad:
        number, expected, got = bad.args
        raise _bare(operations, source).refuse(number, expected, excerpt(got)) from None
    assert found is not None, "values are numbered, whatever they are"
    transactions = _bare(operations, source)
    transactions.keys = _names(keys)
    transactions.values = None if values is None else _names(values)
    return finished(transactions, found, interface)


def finished(transactions: Transactions, columns: dict[str, Any], interface: Interface | None) -> Transactions:
    """Put raw columns in place: tell the interface, and refuse what does not belong to it. Raises MalformedHistory."""
    words = columns.pop("words")
    for name, column in columns.items():
        setattr(transactions, name, column)
    transactions.interface = interface or interface_of(words)
    _refuse_foreign(transactions, words)
    return transactions


def interface_of(words: int) -> Interface:
    """The interface that micro-operations belong to, given which kinds of them there are."""
    return "list-append" if words & _APPENDS or (words & _READ_LISTS and not words & _WRITES) else "rw-register"


def _refuse_foreign(transactions: Transactions, words: int) -> None:
    """Raises MalformedHistory if a micro-operation does not belong to the interface; clears what it has no use for."""
    lists = transactions.interface == "list-append"
    if words & (_WRITES if lists else _APPENDS):
        other = "writes (w)" if lists else "appends"
        expected = f"only micro-operations of {transactions.interface}"
        raise UsageError(f"{transactions.source or 'the history'}: expected {expected}, got {other} too")
    kind, value = transactions.kind, transactions.value
    reads = kind == READ
    if lists:
        if words & _READ_PLAIN:
            wrong = np.flatnonzero(reads & (value != LISTED) & (value != NIL))
            _refuse(transactions, int(wrong[0]), "a list as the answer of a read")
        value[reads] = 0
    elif words & _READ_LISTS:
        _refuse(transactions, int(np.flatnonzero(reads & (value == LISTED))[0]), "a plain value as the answer of a read")
    value[kind == UNSEEN] = 0


def _refuse(transactions: Transactions, micro: int, expected: str) -> None:
    number = int(np.searchsorted(transactions.starts, micro, "right")) - 1
    raise transactions.refuse(number, expected, f"`{transactions.describe(number)}`")


def _names(table: dict[Any, int]) -> list[Any]:
    """What each number stands for: the canonical forms, with lists as lists again."""
    return [_plain(item) for item in table]


def _plain(item: Any) -> Any:
    if isinstance(item, tuple) and item:
        if item[0] == "bool":
            return item[1]
        if item[0] == "list":
            return [_plain(inner) for inner in item[1:]]
        if item[0] == "map":
            return {_plain(key): _plain(inner) for key, inner in sorted(item[1], key=repr)}
    return item


def scanned(data: Any, interface: Interface | None, source: str, *, json: bool) -> Transactions | None:
    """The columns of a file's bytes, or None if they hold something unusual, or nothing was compiled.

    json: whether they have to be JSON, else EDN. Raises MalformedHistory.
    """
    columns = None if scan is None else scan(data, json)
    return None if columns is None else finished(_bare([], source), columns, interface)


def _bare(operations: Sequence[Operation], source: str | None) -> Transactions:
    """The columns that do not depend on micro-operations."""
    sessions: dict[Any, int] = {}
    columns = heads(operations, sessions)
    lines: Column | None = None
    if operations and operations[0].line is not None:
        lines = np.array([(operation.line or 0, operation.completed_line or 0) for operation in operations], np.int64)
    empty = np.zeros(0, np.int64)
    starts = np.zeros(len(operations) + 1, np.int64)
    kind = empty.astype(np.int8)
    found = Transactions(
        "list-append",
        keys=[],
        starts=starts,
        kind=kind,
        key=empty,
        value=empty,
        offsets=np.zeros(1, np.int64),
        elements=empty,
        **columns,
    )
    found.sessions, found.lines, found.source = list(sessions), lines, source
    return found

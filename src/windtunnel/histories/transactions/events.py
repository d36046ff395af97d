"""Transactions from events, one map each: EDN as Jepsen and Elle write it, JSON by line or in one array.

More lenient than other histories, because published ones are: `:f` may be missing (it is :txn), `:process` may be (then
nothing is known about sessions, and a completion belongs to the open invocation with the same micro-operations), and a file
may hold completions only (then nothing is known about when they were asked).
"""

from __future__ import annotations

import json
import mmap
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import msgspec

from windtunnel.base.messages import Value
from windtunnel.histories.edn import edn_rows, edn_text
from windtunnel.histories.malformed import MalformedHistory, excerpt
from windtunnel.histories.operations import History, Operation, Outcome
from windtunnel.histories.sources import BYTES_MAX, numbered_lines, open_source, whole_text
from windtunnel.histories.transactions.columns import BEFORE, Interface, Transactions
from windtunnel.histories.transactions.ingest import scanned, transactions_of

_TYPES = ("invoke", "ok", "fail", "info")


def read_edn_transactions(path: Path, interface: Interface | None = None, bytes_max: int = BYTES_MAX) -> Transactions:
    """Read transactions in EDN. Raises MalformedHistory."""
    found = _scanned(path, interface, json=False)
    if found is not None:
        return found
    return _transactions(path, edn_rows(path, whole_text(path, bytes_max)), interface)


def read_json_transactions(path: Path, interface: Interface | None = None, bytes_max: int = BYTES_MAX) -> Transactions:
    """Read transactions in JSON: one event a line, or one array of them. Raises MalformedHistory."""
    found = _scanned(path, interface, json=True)
    if found is not None:
        return found
    return _transactions(path, json_rows(path, bytes_max), interface)


def _scanned(path: Path, interface: Interface | None, *, json: bool) -> Transactions | None:
    """What the compiled reader makes of a file: columns at once, or None for anything that it is not sure about."""
    with open_source(path) as stream:
        if os.fstat(stream.fileno()).st_size == 0:
            return None
        with mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as data, memoryview(data) as view:
            return scanned(view, interface, str(path), json=json)


def json_rows(path: Path, bytes_max: int) -> Iterator[tuple[int, Value]]:
    """(line, value) of every line, or of every element if the file is one array."""
    first = next(iter(numbered_lines(path, bytes_max)), (1, ""))[1]
    if first.startswith("["):
        yield from _elements(path, whole_text(path, bytes_max))
        return
    decoder = msgspec.json.Decoder[Any]()
    for line, text in numbered_lines(path, bytes_max):
        try:
            yield line, decoder.decode(text)
        except (msgspec.MsgspecError, ValueError, RecursionError) as error:
            raise MalformedHistory(str(path), line, "one JSON object", f"{excerpt(text)} ({error})") from None


def _elements(path: Path, text: str) -> Iterator[tuple[int, Value]]:
    """The elements of the array that a text is, each with its line."""
    decode = json.JSONDecoder().raw_decode
    position, line, counted = text.index("[") + 1, 1, 0
    blank = " \t\r\n,"
    while True:
        while position < len(text) and text[position] in blank:
            position += 1
        line += text.count("\n", counted, position)
        counted = position
        if position >= len(text):
            raise MalformedHistory(str(path), line, "`]`", "the end of the file")
        if text[position] == "]":
            if text[position + 1 :].strip():
                raise MalformedHistory(str(path), line, "the end of the file", excerpt(text[position + 1 :].strip()))
            return
        try:
            value, position = decode(text, position)
        except (ValueError, RecursionError):
            raise MalformedHistory(str(path), line, "a JSON object", excerpt(text[position : position + 80])) from None
        yield line, value


def _transactions(path: Path, rows: Iterator[tuple[int, Value]], interface: Interface | None) -> Transactions:
    pairing = Transacting(str(path))
    for line, row in rows:
        pairing.event(line, row)
    operations = pairing.operations()
    if not operations:
        raise MalformedHistory(str(path), 1, "at least one transaction", "none")
    return transactions_of(History(operations, source=str(path)), interface)


class Transacting:
    """Pairs the events of transactions. `path` names the file in errors."""

    def __init__(self, path: str) -> None:
        self.path = path
        self._operations: list[Operation] = []
        self._open: dict[int | str, Operation] = {}
        self._anonymous: list[Operation] = []
        self._position = 0
        self._unasked: int | None = None
        self._asked: int | None = None

    def event(self, line: int, row: Value) -> None:
        """Take one event. Raises MalformedHistory."""
        if not isinstance(row, dict):
            raise MalformedHistory(self.path, line, "a map such as {:process 3, :type :ok, :value [...]}", excerpt(edn_text(row)))
        kind, process, f = row.get("type"), row.get("process"), row.get("f", "txn")
        if process is not None and (isinstance(process, bool) or not isinstance(process, (int, str))):
            raise MalformedHistory(self.path, line, "a number or a name as the process", excerpt(edn_text(process)))
        if isinstance(process, str) and str(process) == "nemesis":
            return
        if kind not in _TYPES:
            raise MalformedHistory(self.path, line, "the type invoke, ok, fail or info", excerpt(edn_text(cast("Value", row))))
        if f not in ("txn", None):
            raise MalformedHistory(self.path, line, "a transaction (:f :txn)", excerpt(edn_text(f)))
        value = row.get("value")
        if value is None and kind in ("info", "fail") and process in self._open:
            value = []  # nothing was answered; what was asked stands in the invocation
        if not isinstance(value, list):
            raise MalformedHistory(self.path, line, "a list of micro-operations as the value", excerpt(edn_text(value)))
        if kind == "invoke":
            self._invoke(line, process, value)
        else:
            self._complete(line, cast("Outcome", str(kind)), process, value)
        self._position += 1

    def _invoke(self, line: int, process: int | str | None, value: list[Value]) -> None:
        if self._unasked is not None:
            raise MalformedHistory(
                self.path, line, f"completions only, as the one of line {self._unasked} has no invocation", "an invocation"
            )
        self._asked = line
        operation = Operation(len(self._operations), cast("int", process), "txn", None, cast("Value", value), line=line)
        operation.invoked = self._position
        if process is None:
            self._anonymous.append(operation)
        elif process in self._open:
            still = f"a second invocation while that of line {self._open[process].line} is open"
            raise MalformedHistory(self.path, line, f"a completion for process {process}", still)
        else:
            self._open[process] = operation
        self._operations.append(operation)

    def _complete(self, line: int, kind: Outcome, process: int | str | None, value: list[Value]) -> None:
        if process is None:
            operation = next((op for op in self._anonymous if _alike(op.value, value)), None)
            if operation is not None:
                self._anonymous.remove(operation)
        else:
            operation = self._open.pop(process, None)
        if operation is None:
            if self._asked is not None:
                who = "these micro-operations" if process is None else f"process {process}"
                raise MalformedHistory(self.path, line, f"an open invocation of {who}", f"a completion ({kind})")
            self._unasked = self._unasked or line
            operation = Operation(len(self._operations), cast("int", process), "txn", None, cast("Value", value), line=0)
            operation.invoked = BEFORE
            self._operations.append(operation)
        operation.type = kind
        operation.completed = self._position
        operation.completed_line = line
        if kind == "ok":
            operation.result = cast("Value", value)

    def operations(self) -> list[Operation]:
        """All transactions so far, ordered by invocation."""
        return self._operations


def _alike(asked: Value, answered: list[Value]) -> bool:
    """Whether an answer has the micro-operations that were asked; answers of reads may differ."""
    return (
        isinstance(asked, list)
        and len(asked) == len(answered)
        and all(
            isinstance(a, list) and isinstance(b, list) and a[:2] == b[:2] and (a[2:] == b[2:] or a[:1] in (["r"], ["read"]))
            for a, b in zip(asked, answered, strict=True)
        )
    )

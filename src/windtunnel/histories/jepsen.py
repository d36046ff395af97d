"""Jepsen histories in EDN: maps with `:process :type :f :value`, one a line or all in one vector.

What Jepsen means, and what becomes of it here:

* `:fail` certainly did not happen, `:info` may have. A compare-and-set that compared unequal is a `:fail` there; in ours it
  is an `ok` whose result is false, which says more. The writer adds `:error :compare-failed` so that the reader can tell.
* The completion of an update repeats its argument: the result of such a `:cas` is true, of another update None.
* `:time` is in nanoseconds. The order of the file is the order of the events: times of real recordings jump back by microseconds.
* Rows of `:nemesis` and other processes that are no numbers are skipped.
* `:key` names the key (as Porcupine's logs do); histories of `jepsen.independent` put `[key value]` in every `:value`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import msgspec

from windtunnel.base.messages import Value
from windtunnel.histories.edn import Keyword, edn_rows, edn_text
from windtunnel.histories.jsonl import write_atomically
from windtunnel.histories.malformed import MalformedHistory, excerpt
from windtunnel.histories.operations import History, Outcome
from windtunnel.histories.pairing import AnyPairing, Pairing, T_co
from windtunnel.histories.sources import BYTES_MAX, whole_text

_TYPES = ("invoke", "ok", "fail", "info")
_COMPARE_FAILED = Keyword("compare-failed")


@dataclass(frozen=True, slots=True)
class _Event:
    line: int
    process: int
    kind: str
    f: str
    key: Value
    value: Value
    error: Value
    time_s: float | None


def read_edn(path: Path, bytes_max: int = BYTES_MAX) -> History:
    """Read a Jepsen history. Raises MalformedHistory."""
    return paired(path, bytes_max, Pairing(str(path)))


def paired(path: Path, bytes_max: int, pairing: AnyPairing[T_co]) -> T_co:
    """Read it into a pairing of operations, or of columns."""
    return _history(path, edn_rows(path, whole_text(path, bytes_max)), pairing)


def read_json(path: Path, bytes_max: int = BYTES_MAX) -> History:
    """Read a Jepsen history that was turned into one JSON array, as elle-cli does. Raises MalformedHistory."""
    return paired_json(path, bytes_max, Pairing(str(path)))


def paired_json(path: Path, bytes_max: int, pairing: AnyPairing[T_co]) -> T_co:
    """Read it into a pairing of operations, or of columns."""
    return _history(path, _json_rows(path, whole_text(path, bytes_max)), pairing)


def _json_rows(path: Path, text: str) -> Iterator[tuple[int, Value]]:
    """(line, row) of every element of the array; the names of fields, types and functions as the keywords they were."""
    data = text.encode()
    try:
        rows = msgspec.json.decode(data, type=list[msgspec.Raw])
    except (msgspec.MsgspecError, RecursionError) as error:
        raise MalformedHistory(str(path), 1, "one JSON array of events", f"{excerpt(text)} ({error})") from None
    line, position = 1, 0
    for raw in rows:
        found = data.index(bytes(raw), position)
        line += data.count(b"\n", position, found)
        position = found
        try:
            row = msgspec.json.decode(raw)
        except (msgspec.MsgspecError, RecursionError) as error:
            raise MalformedHistory(str(path), line, "an event", f"{excerpt(bytes(raw))} ({error})") from None
        if isinstance(row, dict):
            row = {Keyword(name.removeprefix(":")): value for name, value in row.items()}
            for name in ("type", "f", "error"):
                if isinstance(row.get(name), str):
                    row[Keyword(name)] = Keyword(row[Keyword(name)].removeprefix(":"))
        yield line, row


def _history(path: Path, rows: Iterator[tuple[int, Value]], pairing: AnyPairing[T_co]) -> T_co:
    events: list[_Event] = []
    for line, row in rows:
        event = _event(path, line, row)
        if event is None:
            pairing.skip()
        else:
            events.append(event)
    independent = _independent(events)
    for event in events:
        key, value = (event.value[0], event.value[1]) if independent else (event.key, event.value)
        key = tuple(key) if isinstance(key, list) else key
        if event.kind == "invoke":
            pairing.invoke(event.line, event.process, event.f, key, value, event.time_s)
            continue
        kind, result = event.kind, value
        opened = pairing.opened(event.process)
        if event.f == "cas" and event.kind == "fail" and event.error == _COMPARE_FAILED:
            kind, result = "ok", False
        elif opened is not None and kind == "ok" and value is not None and value == opened.value:
            result = True if event.f == "cas" else value if event.f in ("read", "txn") else None
        error = event.error
        shown = str(error) if error is None or isinstance(error, str) else edn_text(error)
        pairing.complete(
            event.line, cast("Outcome", kind), event.process, event.f, result, None if error is None else shown, event.time_s
        )
    return pairing.history()


def _event(path: Path, line: int, row: Value) -> _Event | None:
    name = str(path)
    if not isinstance(row, dict):
        raise MalformedHistory(name, line, "a map such as {:process 3, :type :invoke, :f :read}", excerpt(edn_text(row)))
    found: dict[str, Any] = {key: value for key, value in row.items() if isinstance(key, Keyword)}
    for field in ("process", "type", "f"):
        if field not in found:
            raise MalformedHistory(name, line, f"a map with :{field}", excerpt(edn_text(row)))
    process, kind, f, time_ns = found["process"], found["type"], found["f"], found.get("time")
    if not isinstance(process, int) or isinstance(process, bool):
        return None
    if kind not in _TYPES:
        raise MalformedHistory(name, line, ":type to be one of :invoke, :ok, :fail, :info", excerpt(edn_text(kind)))
    if not isinstance(f, str):
        raise MalformedHistory(name, line, "a keyword for :f", excerpt(edn_text(f)))
    if time_ns is not None and (not isinstance(time_ns, int) or isinstance(time_ns, bool) or abs(time_ns) > 10**24):
        raise MalformedHistory(name, line, "nanoseconds for :time", excerpt(edn_text(time_ns)))
    time_s = None if time_ns is None else time_ns / 1e9
    return _Event(line, process, str(kind), str(f), found.get("key"), found.get("value"), found.get("error"), time_s)


def _independent(events: list[_Event]) -> bool:
    """Whether every value is a `[key value]` pair: then the invocation of a read holds `[key nil]`, which is nothing else."""
    proof = False
    for event in events:
        if not isinstance(event.value, list) or len(event.value) != 2 or event.key is not None:
            return False
        proof = proof or (event.kind == "invoke" and event.f == "read" and event.value[1] is None)
    return proof


def edn_lines(history: History) -> Iterator[str]:
    """The events of a history as lines of EDN that Jepsen, Knossos and Elle read; processes with names are given numbers."""
    numbers = _numbers(history)
    for index, (kind, operation) in enumerate(history.events()):
        shown, value, error = str(kind), operation.value, operation.error
        if kind == "ok" and operation.f == "cas" and operation.result is False:
            shown, error = "fail", _COMPARE_FAILED
        elif kind == "ok" and not (operation.f == "cas" and operation.result is True):
            value = operation.value if operation.result is None and operation.f not in ("read", "txn") else operation.result
        fields = [f":process {numbers[operation.process]}", f":type :{shown}", f":f {_name(operation.f)}"]
        if operation.key is not None:
            fields.append(f":key {edn_text(operation.key)}")
        fields.append(f":value {edn_text(value)}")
        if kind != "invoke" and error is not None:
            fields.append(f":error {edn_text(error)}")
        time_s = operation.invoked_s if kind == "invoke" else operation.completed_s
        if history.timed and time_s is not None:
            fields.append(f":time {round(time_s * 1e9)}")
        yield "{" + ", ".join(fields) + f", :index {index}}}"


def _numbers(history: History) -> dict[int | str, int]:
    processes = list(dict.fromkeys(operation.process for operation in history))
    fresh = 1 + max((process for process in processes if isinstance(process, int)), default=-1)
    numbers: dict[int | str, int] = {}
    for process in processes:
        numbers[process] = process if isinstance(process, int) else fresh
        fresh += not isinstance(process, int)
    return numbers


def _name(f: str) -> str:
    return f":{f}" if re.fullmatch(r"[A-Za-z][\w.*+!?-]*", f, re.ASCII) else edn_text(f)


def write_edn(history: History, path: Path | str) -> None:
    """Write a history for Jepsen's tools; whole or not at all. Raises UsageError when the place cannot be written."""
    write_atomically(Path(path), (line.encode() + b"\n" for line in edn_lines(history)))

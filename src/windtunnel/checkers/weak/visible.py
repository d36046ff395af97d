"""Session guarantees where a read answers everything that is visible to it: logs, sets, broadcasts.

Source: Freitas, Leitao, Preguica & Rodrigues, "Characterizing the Consistency of Online Services", DSN 2016: the anomalies of the
four guarantees as conditions on the sequences that reads return. In sets the order of an answer means nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from windtunnel.base.messages import Value
from windtunnel.checkers.weak.findings import Finding, misfit, named
from windtunnel.histories import History, Operation
from windtunnel.histories.operations import shown
from windtunnel.histories.values import canonical

ADDING: Final = ("append", "add", "broadcast")
_READ_MAX = 3
"""How many missing values of one read are reported one by one."""


def broken_in_sets(history: History, model: str) -> list[Finding]:
    """All violations of a guarantee. Raises UsageError for reads that are no lists."""
    keys: dict[Any, list[Operation]] = {}
    for operation in history:
        if operation.f == "read" and operation.type == "ok":
            if not isinstance(operation.result, (list, tuple, type(None))):
                raise misfit(history, operation, "a read to answer a list of values", operation.result)
        elif operation.f != "read" and operation.f not in ADDING:
            raise misfit(history, operation, f"one of {', '.join((*ADDING, 'read'))}", operation.f)
        keys.setdefault(canonical(operation.key), []).append(operation)
    check = {
        "read-your-writes": _own,
        "monotonic-reads": _shrinking,
        "monotonic-writes": _writes_of_a_session,
        "writes-follow-reads": _causes,
    }[model]
    return [finding for operations in keys.values() for finding in check(operations)]


def _places(read: Operation) -> dict[Any, int]:
    """Where each value stands in an answer."""
    return {canonical(value): place for place, value in enumerate(read.result or [])}


def _answered_reads(operations: list[Operation]) -> list[tuple[Operation, dict[Any, int]]]:
    return [(op, _places(op)) for op in operations if op.f == "read" and op.type == "ok"]


def _own(operations: list[Operation]) -> Iterator[Finding]:
    """A read lacks an answered write of its own session."""
    mine: dict[int | str, dict[Any, Operation]] = {}
    for op in operations:
        if op.f != "read" and op.type == "ok":
            mine.setdefault(op.process, {})[canonical(op.value)] = op
        elif op.f == "read" and op.type == "ok":
            places = _places(op)
            lacking = [write for name, write in mine.get(op.process, {}).items() if name not in places]
            for write in lacking[:_READ_MAX]:
                text = f"{named(op)} lacks {shown(write.value)}, which its session had written ({write.where()})"
                yield Finding("read-your-writes", text, (write, op), op.key)


def _shrinking(operations: list[Operation]) -> Iterator[Finding]:
    """A read lacks a value that an earlier read of its session had."""
    had: dict[int | str, dict[Any, tuple[Operation, Value]]] = {}
    for read, places in _answered_reads(operations):
        seen = had.setdefault(read.process, {})
        lacking = [item for name, item in seen.items() if name not in places]
        for earlier, value in lacking[:_READ_MAX]:
            text = f"{named(read)} lacks {shown(value)}, which {named(earlier)} had shown to the same session"
            yield Finding("monotonic-reads", text, (earlier, read), read.key)
        for value in read.result or []:
            seen.setdefault(canonical(value), (read, value))


def _writes_of_a_session(operations: list[Operation]) -> Iterator[Finding]:
    """A read shows a write and lacks an earlier one of the same session, or a log shows them the other way round."""
    streams: dict[int | str, list[Operation]] = {}
    for op in operations:
        if op.f != "read" and op.type != "fail":
            streams.setdefault(op.process, []).append(op)
    for read, places in _answered_reads(operations):
        for writes in streams.values():
            last: tuple[int, Operation] | None = None  # the write of this session that stands earliest, of those looked at
            for write in reversed(writes):
                place = places.get(canonical(write.value))
                if place is None:
                    if last is not None and write.type == "ok":
                        text = f"{named(read)} shows {shown(last[1].value)} but lacks {shown(write.value)}"
                        text += f", which process {write.process} had written before ({write.where()})"
                        yield Finding("monotonic-writes", text, (write, last[1], read), read.key)
                        break
                    continue
                if last is not None and place > last[0] and write.f == "append":
                    text = f"{named(read)} shows {shown(last[1].value)} before {shown(write.value)}"
                    text += f", which process {write.process} had written first ({write.where()})"
                    yield Finding("monotonic-writes", text, (write, last[1], read), read.key)
                    break
                last = (place, write) if last is None or place < last[0] else last


def _causes(operations: list[Operation]) -> Iterator[Finding]:
    """A read shows a write and lacks a value, or shows it later, that the writer had read before it wrote."""
    seen: dict[int | str, dict[Any, tuple[Operation, Value]]] = {}
    causes: dict[Any, tuple[Operation, dict[Any, tuple[Operation, Value]]]] = {}
    for op in operations:
        mine = seen.setdefault(op.process, {})
        if op.f == "read":
            for value in (op.result or []) if op.type == "ok" else []:
                mine.setdefault(canonical(value), (op, value))
        elif op.type != "fail":
            causes[canonical(op.value)] = (op, dict(mine))
    for read, places in _answered_reads(operations):
        for name, place in places.items():
            if name not in causes:
                continue
            write, before = causes[name]
            for cause, (source, value) in before.items():
                at = places.get(cause)
                if cause != name and (at is None or (write.f == "append" and at > place)):
                    how = f"lacks {shown(value)}" if at is None else f"shows {shown(value)} only after it"
                    text = f"{named(read)} shows {shown(write.value)} but {how}, which its writer had read before"
                    yield Finding("writes-follow-reads", text, (source, write, read), read.key)
                    break

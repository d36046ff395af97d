"""What clients of a partitioned log asked and were answered, in one form: sends with their offsets, polls with theirs.

Two notations are read. Plain: `send(key, value) -> offset`, `poll() -> {key: [[offset, value], ...]}` or `poll(key) -> [[offset,
value], ...]`. Jepsen's for Kafka: `send`, `poll` and `txn` of micro-operations, `["send", key, value]`, answered `["send", key,
[offset, value]]`, and `["poll"]`, answered `["poll", {key: [[offset, value], ...]}]`. `assign` and `subscribe` change what a
consumer reads.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final

from windtunnel.base.messages import Value
from windtunnel.checkers.weak.findings import misfit
from windtunnel.histories import History, Operation
from windtunnel.histories.values import canonical

FUNCTIONS: Final = {
    "send": "send(key, value) -> offset; each value once",
    "poll": "poll() -> {key: [[offset, value] ...]}",
    "txn": 'txn([["send" key value] ["poll"] ...]) -> the same with offsets and what was polled',
    "assign": "assign(keys): the consumer reads these keys, each from where it was or anew",
    "subscribe": "subscribe(keys): the group decides who reads what, and from where",
}


@dataclass(frozen=True, slots=True)
class Record:
    """One message at an offset. key: its partition; name: its value, to be compared; offset: None if it is not known."""

    key: str
    offset: int | None
    name: Any
    value: Value


@dataclass(slots=True)
class Action:
    """One operation: what it sent and what it polled, in order. polls: one list per key and poll."""

    operation: Operation
    sends: list[Record] = field(default_factory=list)
    polls: list[list[Record]] = field(default_factory=list)


def actions_of(history: History) -> list[Action]:
    """All operations that send or poll. Raises UsageError, with the place, for other shapes."""
    return [_action(history, operation) for operation in history if operation.f in ("send", "poll", "txn")]


def _action(history: History, operation: Operation) -> Action:
    action = Action(operation)
    answered = operation.type == "ok"
    content: Any = operation.result if answered and operation.result is not None else operation.value
    if isinstance(content, (list, tuple)) and content and all(_is_micro(item) for item in content):
        for f, *rest in content:
            if str(f).lstrip(":") == "send" and len(rest) < 2:
                raise misfit(history, operation, '["send", key, value]', [f, *rest])
            if str(f).lstrip(":") == "send":
                action.sends.append(_sent(history, operation, rest[0], rest[1]))
            elif rest and rest[0] is not None:
                action.polls += _polled(history, operation, rest[0])
    elif operation.f == "send":
        offset = operation.result if answered else None
        if isinstance(offset, (list, tuple)) and offset:
            offset = offset[0]
        action.sends.append(_record(history, operation, operation.key, offset, operation.value))
    elif operation.f == "poll":
        if answered and operation.result is not None:
            by_key: Any = operation.result if isinstance(operation.result, dict) else {str(operation.key): operation.result}
            action.polls += _polled(history, operation, by_key)
    elif content:
        raise misfit(history, operation, 'a list of ["send", key, value] and ["poll"]', operation.value)
    return action


def _is_micro(item: Any) -> bool:
    return isinstance(item, (list, tuple)) and bool(item) and str(item[0]).lstrip(":") in ("send", "poll")


def _sent(history: History, operation: Operation, key: Value, content: Any) -> Record:
    if operation.type == "ok" and isinstance(content, (list, tuple)) and len(content) == 2:
        return _record(history, operation, key, content[0], content[1])
    return _record(history, operation, key, None, content)


def _polled(history: History, operation: Operation, by_key: Any) -> list[list[Record]]:
    if not isinstance(by_key, dict):
        raise misfit(history, operation, "a poll to answer {key: [[offset, value], ...]}", by_key)
    found = []
    for key, pairs in by_key.items():
        if not isinstance(pairs, (list, tuple)) or not all(isinstance(pair, (list, tuple)) and len(pair) == 2 for pair in pairs):
            raise misfit(history, operation, "a poll to answer pairs [offset, value]", pairs)
        found.append([_record(history, operation, key, offset, value) for offset, value in pairs])
    return found


def _record(history: History, operation: Operation, key: Value, offset: Any, value: Value) -> Record:
    if offset is not None and (not isinstance(offset, int) or isinstance(offset, bool)):
        raise misfit(history, operation, "an offset that is a whole number", offset)
    return Record(str(key), offset, canonical(value), value)

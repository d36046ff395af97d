"""A partitioned log as Kafka keeps it: what was acknowledged is polled once, in order, at one offset, and nothing else is.

Source: Jepsen's kafka workload (2022), whose names these are; Adya 1999 for aborted reads and G1c.

| anomaly | what happened |
|---|---|
| lost-write | it was acknowledged, nobody polled it, and somebody polled a later offset of its key |
| duplicate | one value stands at two offsets |
| inconsistent-offsets | two values stand at one offset |
| aborted-read | a poll shows what was sent by an operation that failed |
| garbage-read | a poll shows what nobody had begun to send |
| precommitted-read | a transaction polled what it sent itself |
| int-nonmonotonic-poll, nonmonotonic-poll | a consumer went back: within an operation, or from one to the next |
| int-poll-skip, poll-skip | a consumer passed over offsets that hold messages |
| int-nonmonotonic-send, nonmonotonic-send | a producer's later message stands before its earlier one |
| G1c | transactions polled in a circle what the others sent |

From one operation to the next a consumer is held to its position until it is subscribed anew, assigned other keys, or has a poll
without an answer. Level `write-order` also lets the order of offsets count in cycles (G0, G1c), which Kafka does not promise.
Acknowledged messages that nobody polled, with none polled behind them, are counted as unseen; that is no anomaly.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, Final

from windtunnel.base.errors import unknown
from windtunnel.checkers.verdict import Verdict
from windtunnel.checkers.weak.findings import Finding, judged, named, silent
from windtunnel.checkers.weak.log_operations import FUNCTIONS as OPERATIONS
from windtunnel.checkers.weak.log_operations import Action, Record, actions_of
from windtunnel.checkers.weak.registers import cycle, ordered
from windtunnel.histories import History, Operation
from windtunnel.histories.operations import shown

FUNCTIONS: Final = OPERATIONS
PROPERTY: Final = "log"
LEVELS: Final = ("delivery", "write-order")
ANOMALIES: Final = (
    "garbage-read",
    "aborted-read",
    "inconsistent-offsets",
    "duplicate",
    "lost-write",
    "precommitted-read",
    "int-nonmonotonic-send",
    "nonmonotonic-send",
    "int-nonmonotonic-poll",
    "int-poll-skip",
    "nonmonotonic-poll",
    "poll-skip",
    "G0",
    "G1c",
)


@dataclass(slots=True)
class _Partition:
    """What is known of one key. at: per offset the operations that show a value there, by name of the value.

    senders: per value, who sent it, with the offset; polled: per value, who polled it first; offsets: those of messages that
    were not aborted, rising.
    """

    key: str
    at: dict[int, dict[Any, Operation]] = field(default_factory=dict)
    senders: dict[Any, tuple[Operation, Record]] = field(default_factory=dict)
    polled: dict[Any, tuple[Operation, Record]] = field(default_factory=dict)
    offsets: list[int] = field(default_factory=list)


def log(history: History, level: str = LEVELS[0]) -> Verdict:
    """All anomalies of the log. Raises UsageError for a level that is none, and for operations of another shape."""
    if level not in LEVELS:
        raise unknown("level", level, LEVELS)
    actions = actions_of(history)
    partitions = _partitions(actions)
    findings: list[Finding] = []
    for partition in partitions.values():
        findings += _of_partition(partition)
    for action in actions:
        findings += _precommitted(action)
        findings += _of_sends(action)
        findings += _within(action, partitions)
    findings += _of_producers(actions)
    findings += _of_consumers(history, actions, partitions)
    findings += _cycles(actions, partitions, write_order=level == "write-order")
    findings.sort(key=lambda finding: ANOMALIES.index(finding.kind))
    acknowledged = [(key, name) for key, p in partitions.items() for name, (op, _) in p.senders.items() if op.type == "ok"]
    stats: dict[str, Any] = {
        "operations": len(history),
        "keys": len(partitions),
        "acknowledged": len(acknowledged),
        "polled": sum(len(partition.polled) for partition in partitions.values()),
        "unseen": sum(name not in partitions[key].polled for key, name in acknowledged),
    }
    return judged("log", PROPERTY, findings, stats, silent(history) or ("" if stats["polled"] else "nothing was polled"))


def _partitions(actions: list[Action]) -> dict[str, _Partition]:
    found: dict[str, _Partition] = {}
    for action in actions:
        op = action.operation
        for record in action.sends:
            partition = found.setdefault(record.key, _Partition(record.key))
            partition.senders.setdefault(record.name, (op, record))
            if record.offset is not None:
                partition.at.setdefault(record.offset, {}).setdefault(record.name, op)
        for record in (record for poll in action.polls for record in poll):
            partition = found.setdefault(record.key, _Partition(record.key))
            if op.type == "ok":
                partition.polled.setdefault(record.name, (op, record))
                if record.offset is not None:
                    partition.at.setdefault(record.offset, {}).setdefault(record.name, op)
    for partition in found.values():
        aborted = {name for name, (op, _) in partition.senders.items() if op.type == "fail"}
        partition.offsets = sorted(offset for offset, names in partition.at.items() if not set(names) <= aborted)
    return found


def _of_partition(partition: _Partition) -> Iterator[Finding]:
    """What contradicts itself in a key, or is missing from it."""
    places: dict[Any, dict[int, Operation]] = {}
    for offset, names in sorted(partition.at.items()):
        for name, op in names.items():
            places.setdefault(name, {})[offset] = op
        if len(names) > 1:
            (_, first), (_, second) = list(names.items())[:2]
            text = f"offset {offset} of key {partition.key} holds one value in {named(first)} and another one in {named(second)}"
            yield Finding("inconsistent-offsets", text, (first, second), partition.key)
    for offsets in places.values():
        if len(offsets) > 1:
            (a, first), (b, second) = list(offsets.items())[:2]
            text = f"one value of key {partition.key} stands at the offsets {a} ({named(first)}) and {b} ({named(second)})"
            yield Finding("duplicate", text, (first, second), partition.key)
    for name, (op, record) in partition.polled.items():
        sender = partition.senders.get(name)
        if sender is None or sender[0].invoked > (op.completed or 0):
            text = f"{named(op)} shows {shown(record.value)}, which nobody had begun to send to key {partition.key}"
            yield Finding("garbage-read", text, (op,), partition.key)
        elif sender[0].type == "fail":
            text = f"{named(op)} shows {shown(record.value)}, which was not committed: {named(sender[0])}"
            yield Finding("aborted-read", text, (sender[0], op), partition.key)
    last = max(
        ((record.offset, op) for op, record in partition.polled.values() if record.offset is not None),
        key=lambda item: item[0],
        default=None,
    )
    for name, (op, record) in partition.senders.items():
        if last is None or op.type != "ok" or record.offset is None or name in partition.polled:
            continue
        if record.offset < last[0]:
            text = f"{shown(record.value)} was acknowledged at offset {record.offset} of key {partition.key} by {named(op)}; "
            text += f"nobody polled it, but offset {last[0]} was polled by {named(last[1])}"
            yield Finding("lost-write", text, (op, last[1]), partition.key)


def _precommitted(action: Action) -> Iterator[Finding]:
    sent = {(record.key, record.name) for record in action.sends}
    for record in (record for poll in action.polls for record in poll):
        if (record.key, record.name) in sent and action.operation.type == "ok":
            text = f"{named(action.operation)} polled {shown(record.value)}, which it sent itself and had not committed"
            yield Finding("precommitted-read", text, (action.operation,), record.key)


def _of_sends(action: Action) -> Iterator[Finding]:
    last: dict[str, Record] = {}
    for record in action.sends:
        if record.offset is None:
            continue
        before = last.get(record.key)
        if before is not None and before.offset is not None and record.offset <= before.offset:
            text = f"{named(action.operation)} sent {shown(before.value)} to offset {before.offset} of key {record.key}, "
            text += f"then {shown(record.value)} to offset {record.offset}"
            yield Finding("int-nonmonotonic-send", text, (action.operation,), record.key)
        last[record.key] = record


def _of_producers(actions: list[Action]) -> Iterator[Finding]:
    last: dict[tuple[Any, str], tuple[int, Operation]] = {}
    for action in actions:
        op = action.operation
        placed = [record for record in action.sends if record.offset is not None]
        for key in dict.fromkeys(record.key for record in placed):
            offsets = [record.offset for record in placed if record.key == key and record.offset is not None]
            before = last.get((op.process, key))
            if before is not None and offsets[0] <= before[0]:
                text = (
                    f"{named(op)} was put at offset {offsets[0]} of key {key}, not after offset {before[0]} of {named(before[1])}"
                )
                yield Finding("nonmonotonic-send", text, (before[1], op), key)
            last[op.process, key] = (offsets[-1], op)


def _between(partition: _Partition, after: int, before: int) -> list[int]:
    """Offsets of messages that lie between two."""
    return partition.offsets[bisect_right(partition.offsets, after) : bisect_left(partition.offsets, before)]


def _passed_over(partition: _Partition, skipped: list[int]) -> str:
    op = next(iter(partition.at[skipped[0]].values()))
    return (
        f"{len(skipped)} message{'s' * (len(skipped) > 1)} of key {partition.key}, the first at offset {skipped[0]} ({named(op)})"
    )


def _within(action: Action, partitions: dict[str, _Partition]) -> Iterator[Finding]:
    """Polls of one operation that go back, or pass over messages."""
    if action.operation.type != "ok":
        return
    position: dict[str, int] = {}
    for record in (record for poll in action.polls for record in poll):
        if record.offset is None:
            continue
        before, key = position.get(record.key), record.key
        if before is not None and record.offset <= before:
            text = f"{named(action.operation)} polled offset {before} of key {key} and then offset {record.offset}"
            yield Finding("int-nonmonotonic-poll", text, (action.operation,), key)
        elif before is not None:
            skipped = _between(partitions[key], before, record.offset)
            if skipped:
                text = f"{named(action.operation)} passed over {_passed_over(partitions[key], skipped)}"
                first = next(iter(partitions[key].at[skipped[0]].values()))
                yield Finding("int-poll-skip", text, (first, action.operation), key)
        position[key] = record.offset


def _of_consumers(history: History, actions: list[Action], partitions: dict[str, _Partition]) -> Iterator[Finding]:
    """From one operation of a process to the next: polls that go back, or pass over messages."""
    by_index = {action.operation.index: action for action in actions}
    positions: dict[Any, dict[str, tuple[int, Operation]]] = {}
    for op in history:
        mine = positions.setdefault(op.process, {})
        if op.f == "subscribe":
            mine.clear()
        elif op.f == "assign":
            keys = {str(key) for key in op.value} if isinstance(op.value, (list, tuple)) else set()
            for key in [key for key in mine if key not in keys]:
                del mine[key]
        elif op.type != "ok" and (op.f == "poll" or (op.f == "txn" and '"poll"' in repr(op.value).replace("'", '"'))):
            mine.clear()
        elif op.type == "ok" and op.index in by_index:
            yield from _moved(op, by_index[op.index], mine, partitions)


def _moved(
    op: Operation, action: Action, mine: dict[str, tuple[int, Operation]], partitions: dict[str, _Partition]
) -> Iterator[Finding]:
    offsets: dict[str, list[int]] = {}
    for record in (record for poll in action.polls for record in poll):
        if record.offset is not None:
            offsets.setdefault(record.key, []).append(record.offset)
    for key, seen in offsets.items():
        before, source = mine.get(key, (None, op))
        if before is not None and seen[0] <= before:
            text = f"{named(op)} polled offset {seen[0]} of key {key}, after {named(source)} had come to offset {before}"
            yield Finding("nonmonotonic-poll", text, (source, op), key)
        elif before is not None:
            skipped = _between(partitions[key], before, seen[0])
            if skipped:
                text = f"{named(op)}, after {named(source)}, passed over {_passed_over(partitions[key], skipped)}"
                yield Finding("poll-skip", text, (source, op), key)
        mine[key] = (seen[-1], op)


def _cycles(actions: list[Action], partitions: dict[str, _Partition], *, write_order: bool) -> list[Finding]:
    """A cycle of transactions that polled each other's messages, or whose messages stand before each other's."""
    number = {action.operation.index: at for at, action in enumerate(actions)}
    written: list[list[int]] = [[] for _ in actions]
    both: list[list[int]] = [[] for _ in actions]
    why: dict[tuple[int, int], str] = {}
    for partition in partitions.values():
        if write_order:
            chain = [partition.senders.get(next(iter(partition.at[offset]))) for offset in partition.offsets]
            known = [sender for sender in chain if sender is not None]
            for (a, first), (b, second) in pairwise(known):
                pair = (number[a.index], number[b.index])
                if pair[0] != pair[1] and pair not in why:
                    why[pair] = f"put {shown(first.value)} before {shown(second.value)} into key {partition.key}"
                    written[pair[0]].append(pair[1])
                    both[pair[0]].append(pair[1])
    for at, action in enumerate(actions):
        for record in (record for poll in action.polls for record in poll if action.operation.type == "ok"):
            sender = partitions[record.key].senders.get(record.name)
            if sender is None or number[sender[0].index] == at:
                continue
            pair = (number[sender[0].index], at)
            if pair not in why:
                both[pair[0]].append(at)
            why.setdefault(pair, f"sent {shown(record.value)} to key {record.key}, which the next one polled")
    for kind, after in (("G0", written), ("G1c", both)):
        order = ordered(after)
        if len(order) < len(after):
            nodes = cycle(after, order)
            closed = [*nodes, nodes[0]]
            lines = [f"{named(actions[a].operation)} {why[a, b]}." for a, b in pairwise(closed)]
            operations = tuple(actions[node].operation for node in nodes)
            return [Finding(kind, f"{len(nodes)} transactions depend on each other in a circle", operations, None, tuple(lines))]
    return []

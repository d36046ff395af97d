"""Reliable broadcast: what was acknowledged reaches every reader in the end, once, and nothing else does.

Source: Hadzilacos & Toueg 1994, section 3 (validity, agreement, integrity), as clients can see it; the terms are those of
Jepsen's set-full test. From the moment when its broadcast was acknowledged a value is

* lost: a read that began after the acknowledgement lacks it, and no read that began after that one returned has it. So the
  closing read of every replica counts, and a read that was merely early does not;
* stale: a read that began after the acknowledgement lacks it, but a later one has it. Broadcast promises no haste: that is legal.

At any time a value is

* a phantom: a read shows it and nobody can have broadcast it by then;
* a duplicate: one read shows it more often than it was broadcast.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from windtunnel.base.errors import UsageError
from windtunnel.base.messages import Value
from windtunnel.checkers.specification import canonical
from windtunnel.checkers.verdict import Evidence, Verdict
from windtunnel.histories import History, Operation, draw
from windtunnel.histories.operations import shown

FUNCTIONS: Mapping[str, str] = {
    "broadcast": "broadcast(value)",
    "add": "the same, as sets call it",
    "read": "read() -> values seen",
}
PROPERTY = "reliable broadcast"

_EXAMPLES_MAX = 3
_FOREVER = float("inf")


@dataclass(slots=True)
class _Spread:
    """What became of one value. broadcasts: all that asked for it and were not refused; known: position of the first answer."""

    value: Value
    broadcasts: list[Operation]
    known: float = _FOREVER
    seen_by: int = -1  # the latest invocation of a read that has it


@dataclass(frozen=True, slots=True)
class _Anomaly:
    kind: str
    text: str
    operations: tuple[Operation, ...]
    stuck: Operation


def broadcast(history: History) -> Verdict:
    """Whether every read of the history is what a reliable broadcast may show. Raises UsageError for a read that is no list."""
    reads = [operation for operation in history if operation.f == "read" and operation.type == "ok"]
    spreads = _spreads(history)
    anomalies: list[_Anomaly] = []
    shows = [_read(history, read, spreads, anomalies) for read in reads]
    latest_first = sorted(zip(reads, shows, strict=True), key=lambda pair: -(pair[0].completed or 0))
    latest_read = max((read.invoked for read in reads), default=-1)
    never_read = 0
    for name, spread in spreads.items():
        if spread.known == _FOREVER:
            continue
        lost = next((read for read, has in latest_first if _lacks(read, name, has, spread)), None)
        if lost is not None:
            anomalies.append(_lost(spread, lost))
        elif latest_read < spread.known:
            never_read += 1
    stats = {
        "operations": len(history),
        "values": len(spreads),
        "acknowledged": sum(1 for spread in spreads.values() if spread.known < _FOREVER),
        "reads": len(reads),
        "never_read": never_read,
    }
    if anomalies:
        return _invalid(anomalies, stats)
    if not any(operation.type == "ok" for operation in history):
        return Verdict(None, "broadcast", "no operation of the history was answered ok", stats=stats)
    if stats["acknowledged"] == never_read:
        why = "nothing was acknowledged" if not never_read else "no read began after a broadcast was acknowledged"
        return Verdict(None, "broadcast", why, stats=stats)
    return Verdict(True, "broadcast", stats=stats)


def _spreads(history: History) -> dict[Any, _Spread]:
    spreads: dict[Any, _Spread] = {}
    for operation in history:
        if operation.f != "read" and operation.type != "fail":
            spread = spreads.setdefault(canonical(operation.value), _Spread(operation.value, []))
            spread.broadcasts.append(operation)
            if operation.type == "ok" and operation.completed is not None:
                spread.known = min(spread.known, operation.completed)
    return spreads


def _read(history: History, read: Operation, spreads: dict[Any, _Spread], anomalies: list[_Anomaly]) -> set[Any]:
    """What a read shows; phantoms and duplicates are written down."""
    if not isinstance(read.result, (list, tuple)):
        place = f"{history.source}:{read.completed_line}" if history.source else read.where()
        raise UsageError(f"{place}: expected a read of a broadcast to return a list, got {shown(read.result)}")
    counted = Counter(canonical(item) for item in read.result)
    values = {canonical(item): item for item in read.result}
    end = read.completed or 0
    for name, times in counted.items():
        spread = spreads.get(name)
        asked = [op for op in spread.broadcasts if op.invoked < end] if spread is not None else []
        said = shown(values[name])
        who = f"read by process {read.process} ({read.where()})"
        if spread is None or not asked:
            anomalies.append(_Anomaly("phantom", f"{who} shows {said}, which nobody had broadcast", (read,), read))
            continue
        if times > len(asked):
            text = f"{who} repeats {said}: {times} times, and it was broadcast {len(asked)} time{'s' * (len(asked) > 1)}"
            anomalies.append(_Anomaly("duplicate", text, (asked[0], read), read))
        spread.seen_by = max(spread.seen_by, read.invoked)
    return set(counted)


def _lacks(read: Operation, name: Any, shows: set[Any], spread: _Spread) -> bool:
    """Whether this read shows that the value is lost."""
    return read.invoked > spread.known and (read.completed or 0) > spread.seen_by and name not in shows


def _lost(spread: _Spread, read: Operation) -> _Anomaly:
    source = next(op for op in spread.broadcasts if op.completed == spread.known)
    later = "and no later read shows it" if spread.seen_by >= 0 else "and no read ever shows it"
    who = f"the read by process {read.process} ({read.where()})"
    text = f"{shown(spread.value)} was acknowledged ({source.where()}); {who} lacks it, {later}"
    return _Anomaly("lost", text, (source, read), read)


def _invalid(anomalies: list[_Anomaly], stats: dict[str, Any]) -> Verdict:
    """The first anomaly in full, some of each kind in words, the rest as counts."""
    kinds = Counter(anomaly.kind for anomaly in anomalies)
    first, *others = anomalies
    text = [f"  {line}" for line in draw(first.operations, 118)]
    for kind in kinds:
        examples = [anomaly.text for anomaly in others if anomaly.kind == kind]
        text += [f"{kind}: {example}" for example in examples[:_EXAMPLES_MAX]]
        if len(examples) > _EXAMPLES_MAX:
            text.append(f"{kind}: {len(examples) - _EXAMPLES_MAX} more")
    stats.update(kinds)
    evidence = Evidence(PROPERTY, None, list(first.operations), None, first.stuck, text)
    return Verdict(False, "broadcast", f"{first.kind}: {first.text}", evidence, stats)

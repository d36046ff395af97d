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
    for read in reads:
        if not isinstance(read.result, (list, tuple)):
            place = f"{history.source}:{read.completed_line}" if history.source else read.where()
            raise UsageError(f"{place}: expected a read of a broadcast to return a list, got {shown(read.result)}")
    spreads = _spreads(history)
    anomalies = _strange(reads, spreads)
    _last_seen(reads, spreads)
    anomalies += _losses(reads, spreads)
    latest_read = max((read.invoked for read in reads), default=-1)
    acknowledged = [spread for spread in spreads.values() if spread.known < _FOREVER]
    never_read = sum(1 for spread in acknowledged if spread.known > latest_read and spread.seen_by < 0)
    stats = {
        "operations": len(history),
        "values": len(spreads),
        "acknowledged": len(acknowledged),
        "reads": len(reads),
        "never_read": never_read,
    }
    if anomalies:
        return _invalid(anomalies, stats)
    if not any(operation.type == "ok" for operation in history):
        return Verdict(None, "broadcast", "no operation of the history was answered ok", stats=stats)
    if len(acknowledged) == never_read:
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


def _names(read: Operation) -> list[Any]:
    """What a read shows, in canonical form. Reads of thousands of numbers are common: those need no conversion."""
    values = read.result
    return values if set(map(type, values)) <= {int, str} else [canonical(value) for value in values]


def _strange(reads: list[Operation], spreads: dict[Any, _Spread]) -> list[_Anomaly]:
    """Phantoms, at the first read that shows them, and duplicates."""
    anomalies: list[_Anomaly] = []
    familiar: set[Any] = set()
    for read in sorted(reads, key=lambda read: read.completed or 0):
        names = _names(read)
        who = f"read by process {read.process} ({read.where()})"
        distinct = set(names)
        for name in sorted(distinct - familiar, key=names.index):
            asked = spreads[name].broadcasts if name in spreads else []
            if not any(op.invoked < (read.completed or 0) for op in asked):
                text = f"{who} shows {shown(read.result[names.index(name)])}, which nobody had broadcast"
                anomalies.append(_Anomaly("phantom", text, (read,), read))
        familiar |= distinct
        if len(distinct) == len(names):
            continue
        for name, times in Counter(names).items():
            asked = spreads[name].broadcasts if name in spreads else []
            if asked and times > len(asked):
                said = shown(spreads[name].value)
                text = f"{who} repeats {said}: {times} times, and it was broadcast {len(asked)} time{'s' * (len(asked) > 1)}"
                anomalies.append(_Anomaly("duplicate", text, (asked[0], read), read))
    return anomalies


def _last_seen(reads: list[Operation], spreads: dict[Any, _Spread]) -> None:
    """Write down, per value, when the latest read that has it began."""
    remaining = set(spreads)
    for read in sorted(reads, key=lambda read: -read.invoked):
        found = remaining.intersection(_names(read))
        for name in found:
            spreads[name].seen_by = read.invoked
        remaining -= found
        if not remaining:
            return


def _losses(reads: list[Operation], spreads: dict[Any, _Spread]) -> list[_Anomaly]:
    """Acknowledged values that a read lacks and that no read after it has, in the order of their broadcast."""
    lost: dict[Any, Operation] = {}
    open_names = [name for name, spread in spreads.items() if spread.known < _FOREVER]
    for read in sorted(reads, key=lambda read: -(read.completed or 0)):
        end = read.completed or 0
        open_names = [name for name in open_names if spreads[name].seen_by < end and spreads[name].known < end]
        if not open_names:
            break
        has = set(_names(read))
        for name in open_names:
            if spreads[name].known < read.invoked and name not in has:
                lost.setdefault(name, read)
        open_names = [name for name in open_names if name not in lost]
    return [_lost(spread, lost[name]) for name, spread in spreads.items() if name in lost]


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

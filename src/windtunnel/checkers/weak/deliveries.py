"""Broadcasts with an order: every process delivers in the order of each sender, of causes, or in one order for all.

Source: Hadzilacos & Toueg, "A Modular Approach to Fault-Tolerant Broadcasts", 1994: FIFO, causal and total order.
A process is a client that broadcasts and delivers; its deliveries are `deliver` operations in its order, or `read` operations
that answer everything delivered so far, each one the last and more.

| anomaly | models | what happened |
|---|---|---|
| phantom | all | a delivery of what nobody had broadcast by then, or what was refused |
| duplicate | all | a process delivered a message twice |
| rewritten | all | a read does not begin with what an earlier read of its process answered |
| fifo | fifo, causal | a message came before an earlier one of the same sender, or without it |
| causal | causal | a message came before one that its sender had delivered when it was broadcast, or without it |
| order | total | two processes delivered two messages in opposite orders |
| gap | total | a process passed over a message that another one delivered before what both delivered |

Cost: O(d) for d deliveries, and for total order per process; for causal order O(d s) with s senders (vector clocks).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from windtunnel.base.messages import Value
from windtunnel.checkers.verdict import Verdict
from windtunnel.checkers.weak.findings import Finding, judged, misfit, named, silent
from windtunnel.histories import History, Operation
from windtunnel.histories.operations import shown
from windtunnel.histories.values import canonical

FUNCTIONS: Final = {
    "broadcast": "broadcast(message), each message once",
    "deliver": "deliver() -> message",
    "read": "read() -> all messages delivered so far, in order",
}
PROMISES: Final = {
    "fifo-broadcast": "FIFO broadcast",
    "causal-broadcast": "causal broadcast",
    "total-order-broadcast": "total order broadcast",
}


@dataclass(slots=True)
class _Message:
    """One message. number: its place among those of its sender. context: per sender, how many the sender had delivered then."""

    value: Value
    broadcast: Operation
    number: int
    context: dict[Any, int] = field(default_factory=dict)


@dataclass(slots=True)
class _Sequence:
    """What one process delivered: names of messages, and the operation that showed each first."""

    process: Any
    names: list[Any] = field(default_factory=list)
    shown_by: list[Operation] = field(default_factory=list)


def ordered_broadcast(history: History, model: str) -> Verdict:
    """Whether deliveries keep the order of a model of PROMISES. Raises UsageError for messages that are broadcast twice."""
    messages = _messages(history)
    sequences, findings = _sequences(history, messages)
    if model == "total-order-broadcast":
        findings += _total(sequences, messages)
    else:
        findings += _in_order(sequences, messages, causal=model == "causal-broadcast")
    delivered = sum(len(sequence.names) for sequence in sequences)
    stats = {"operations": len(history), "messages": len(messages), "processes": len(sequences), "deliveries": delivered}
    nothing = silent(history) or ("" if delivered else "nothing was delivered")
    return judged(model, PROMISES[model], findings, stats, nothing)


def _messages(history: History) -> dict[Any, _Message]:
    """All messages, each with what its sender had delivered before."""
    messages: dict[Any, _Message] = {}
    sent: dict[Any, int] = {}
    answers = [_shown(history, op) for op in history if op.f != "broadcast" and op.type == "ok"]
    delivered = {name for names in answers for name in names}
    for op in history:
        if op.f != "broadcast":
            continue
        name = canonical(op.value)
        if name in messages and messages[name].broadcast.type != "fail":
            raise misfit(
                history, op, f"a message that is broadcast once (it was in {messages[name].broadcast.where()})", op.value
            )
        if op.type == "ok" or (op.type == "info" and name in delivered):
            sent[op.process] = sent.get(op.process, 0) + 1
        messages[name] = _Message(op.value, op, sent.get(op.process, 0))
    seen: dict[Any, dict[Any, int]] = {}
    for op in history:
        known = seen.setdefault(op.process, {})
        if op.f == "broadcast":
            messages[canonical(op.value)].context = dict(known)
        elif op.type == "ok":
            for name in _shown(history, op):
                if name in messages:
                    message = messages[name]
                    sender = message.broadcast.process
                    known[sender] = max(known.get(sender, 0), message.number)
    return messages


def _shown(history: History, op: Operation) -> list[Any]:
    """The messages of a delivery or of a read."""
    if op.f == "deliver":
        return [canonical(op.result)]
    if not isinstance(op.result, (list, tuple)):
        raise misfit(history, op, "a read to answer the list of all messages delivered", op.result)
    return [canonical(value) for value in op.result]


def _sequences(history: History, messages: dict[Any, _Message]) -> tuple[list[_Sequence], list[Finding]]:
    """What each process delivered in order, and what is wrong with that by itself."""
    found: dict[Any, _Sequence] = {}
    findings: list[Finding] = []
    for op in history:
        if op.f == "broadcast" or op.type != "ok":
            continue
        sequence = found.setdefault(op.process, _Sequence(op.process))
        names = _shown(history, op)
        if op.f == "read":
            common = next((i for i, pair in enumerate(zip(sequence.names, names, strict=False)) if pair[0] != pair[1]), None)
            if common is not None or len(names) < len(sequence.names):
                at = len(names) if common is None else common
                text = f"{named(op)} does not begin with what {named(sequence.shown_by[at])} had shown to the same process"
                findings.append(Finding("rewritten", text, (sequence.shown_by[at], op)))
                continue
            names = names[len(sequence.names) :]
        for name in names:
            sequence.names.append(name)
            sequence.shown_by.append(op)
    for sequence in found.values():
        findings += _odd(sequence, messages)
    return list(found.values()), findings


def _odd(sequence: _Sequence, messages: dict[Any, _Message]) -> Iterator[Finding]:
    """Messages from nowhere, and messages that came twice; both are taken out."""
    first: dict[Any, Operation] = {}
    names, shown_by = sequence.names, sequence.shown_by
    sequence.names, sequence.shown_by = [], []
    for name, op in zip(names, shown_by, strict=True):
        message = messages.get(name)
        if message is None or message.broadcast.type == "fail" or message.broadcast.invoked > (op.completed or 0):
            why = "which nobody had broadcast"
            if message is not None:
                why = f"{shown(message.value)}, which " + ("was refused" if message.broadcast.type == "fail" else "came later")
            source = () if message is None else (message.broadcast,)
            yield Finding("phantom", f"{named(op)} delivers a message {why}", (*source, op))
        elif name in first:
            text = f"{named(op)} delivers {shown(message.value)} again, after {named(first[name])}"
            yield Finding("duplicate", text, (first[name], op))
        else:
            first[name] = op
            sequence.names.append(name)
            sequence.shown_by.append(op)


def _in_order(sequences: list[_Sequence], messages: dict[Any, _Message], *, causal: bool) -> Iterator[Finding]:
    by_number: dict[tuple[Any, int], _Message] = {}
    for message in messages.values():  # one that was not sent has the number of the one before it
        by_number.setdefault((message.broadcast.process, message.number), message)
    for sequence in sequences:
        delivered: dict[Any, int] = {}
        for name, op in zip(sequence.names, sequence.shown_by, strict=True):
            message = messages[name]
            sender = message.broadcast.process
            wanted = {**message.context, sender: message.number - 1} if causal else {sender: message.number - 1}
            for other, number in wanted.items():
                if delivered.get(other, 0) >= number:
                    continue
                missing = by_number[other, delivered.get(other, 0) + 1]
                kind = "fifo" if other == sender else "causal"
                why = "broadcast before by the same process" if other == sender else "which its sender had delivered before"
                text = f"process {sequence.process} delivered {shown(message.value)} ({op.where()}) without or before "
                text += f"{shown(missing.value)} ({missing.broadcast.where()}), {why}"
                yield Finding(kind, text, (missing.broadcast, message.broadcast, op))
            delivered[sender] = max(delivered.get(sender, 0), message.number)


def _total(sequences: list[_Sequence], messages: dict[Any, _Message]) -> Iterator[Finding]:
    """Every sequence against the longest one: it must be a beginning of it."""
    if not sequences:
        return
    longest = max(sequences, key=lambda sequence: len(sequence.names))
    place = {name: at for at, name in enumerate(longest.names)}
    for sequence in sequences:
        at = next((i for i, (a, b) in enumerate(zip(sequence.names, longest.names, strict=False)) if a != b), None)
        if at is None:
            continue
        mine, theirs = sequence.names[at], longest.names[at]
        op, other = sequence.shown_by[at], longest.shown_by[at]
        a, b = shown(messages[mine].value), shown(messages[theirs].value)
        opposite = theirs in sequence.names and mine in place
        text = f"process {sequence.process} delivered {a} ({op.where()}) where process {longest.process} delivered {b} "
        text += f"({other.where()}), and {'later the other one' if opposite else 'passed over that one'}"
        yield Finding("order" if opposite else "gap", text, (messages[mine].broadcast, messages[theirs].broadcast, op, other))

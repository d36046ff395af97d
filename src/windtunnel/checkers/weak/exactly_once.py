"""Exactly-once effects: every acknowledged request took effect once, however often it was sent and delivered.

Source: Kleppmann, "Designing Data-Intensive Applications", 2017, chapter 11; Helland, "Idempotence Is Not a Medical Condition",
2012: what counts is the effect, not the delivery. A request carries an id, and a retry carries the same one; a read of the
effects answers ids as often as they took effect, as a list, or counts by id.

| anomaly | what a read of the effects shows |
|---|---|
| lost | not an acknowledged request, though the read began after the acknowledgement |
| repeated | an id more than once |
| phantom | an id that nobody had asked for |
| refused | an id all of whose requests were refused before the read began |
| undone | no longer an id that an earlier read had shown |
"""

from __future__ import annotations

from collections import Counter
from typing import Any, Final

from windtunnel.base.messages import Value
from windtunnel.checkers.verdict import Verdict
from windtunnel.checkers.weak.findings import Finding, judged, misfit, named, silent
from windtunnel.histories import History, Operation
from windtunnel.histories.operations import shown
from windtunnel.histories.values import canonical

FUNCTIONS: Final = {
    "request": "request(id), retries with the same id",
    "effects": "effects() -> ids, as often as they took effect; or counts by id",
}
PROPERTY: Final = "exactly-once effects"


def exactly_once(history: History) -> Verdict:
    """Whether every read of the effects shows each acknowledged request once, and nothing else."""
    requests: dict[Any, list[Operation]] = {}
    reads: list[tuple[Operation, Counter[Any], dict[Any, Value]]] = []
    for op in history:
        if op.f == "request":
            requests.setdefault(canonical(_identity(op.value)), []).append(op)
        elif op.type == "ok":
            reads.append((op, *_effects(history, op)))
    findings = [finding for read in reads for finding in _of_read(*read, requests)]
    findings += _undone(reads)
    acknowledged = sum(any(op.type == "ok" for op in ops) for ops in requests.values())
    stats = {"operations": len(history), "requests": len(requests), "acknowledged": acknowledged, "reads": len(reads)}
    return judged("exactly-once", PROPERTY, findings, stats, silent(history) or ("" if reads else "nobody read the effects"))


def _identity(value: Any) -> Value:
    """The id of a request: its value, or the entry `id` of it."""
    return value["id"] if isinstance(value, dict) and "id" in value else value


def _effects(history: History, read: Operation) -> tuple[Counter[Any], dict[Any, Value]]:
    """How often each id took effect, and the ids themselves."""
    result: Any = read.result
    if isinstance(result, dict) and all(isinstance(times, int) for times in result.values()):
        pairs = [(name, times) for name, times in result.items() if times]
    elif isinstance(result, (list, tuple)):
        pairs = [(_identity(item), 1) for item in result]
    else:
        raise misfit(history, read, "effects as a list of ids, or counts by id", read.result)
    counted: Counter[Any] = Counter()
    for name, times in pairs:
        counted[canonical(name)] += times
    return counted, {canonical(name): name for name, _ in pairs}


def _of_read(
    read: Operation, counted: Counter[Any], values: dict[Any, Value], requests: dict[Any, list[Operation]]
) -> list[Finding]:
    findings = []
    end = read.completed or 0
    for name, times in counted.items():
        asked = [op for op in requests.get(name, []) if op.invoked < end]
        said = shown(values[name])
        if not asked:
            findings.append(Finding("phantom", f"{named(read)} shows {said}, which nobody had asked for", (read,)))
        elif all(op.type == "fail" and (op.completed or 0) < read.invoked for op in asked):
            text = f"{named(read)} shows {said}, and all requests for it were refused ({asked[-1].where()})"
            findings.append(Finding("refused", text, (asked[-1], read)))
        elif times > 1:
            sent = f"it was asked for {len(asked)} time{'s' * (len(asked) > 1)}"
            text = f"{named(read)} shows {said} {times} times; {sent}, first by {named(asked[0])}"
            findings.append(Finding("repeated", text, (*asked[:3], read)))
    for name, operations in requests.items():
        if counted[name]:
            continue
        done = next((op for op in operations if op.type == "ok" and (op.completed or end) < read.invoked), None)
        if done is not None:
            findings.append(Finding("lost", f"{named(done)} was acknowledged, and {named(read)} lacks its effect", (done, read)))
    return findings


def _undone(reads: list[tuple[Operation, Counter[Any], dict[Any, Value]]]) -> list[Finding]:
    """Effects that were there once. Reads in the order of their invocation; each against those that had ended before."""
    findings: list[Finding] = []
    showing: dict[Any, Operation] = {}
    ended = sorted(reads, key=lambda item: item[0].completed or 0)
    at = 0
    for read, counted, _ in reads:
        while at < len(ended) and (ended[at][0].completed or 0) < read.invoked:
            for name in ended[at][1]:
                showing.setdefault(name, ended[at][0])
            at += 1
        for name, earlier in list(showing.items()):
            if not counted[name]:
                text = f"{named(read)} lacks an effect that {named(earlier)} had shown"
                findings.append(Finding("undone", text, (earlier, read)))
                del showing[name]
    return findings

"""Sets read in full: what became of every element that was added.

Source: Jepsen's set-full checker; its rule for duplicates, which cannot fire there because reads are made into sets first, is
alive here. An element is known from when its add was answered, or from when a read that shows it ended, if that was earlier.

| outcome | when | legal |
|---|---|---|
| stable | from some time on every read shows it | yes; stale, with a latency, if a read that began after it was known lacks it |
| lost | it was known, and of the reads that began after that none of the last ones shows it | no |
| never-read | no read began after it was known | yes, and nothing is known of it |
| duplicate | one read shows it more often than it was added | no |
| phantom | a read shows it, and nobody had begun to add it | no |

Level `linearizable` forbids stale elements too.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from windtunnel.base.errors import unknown
from windtunnel.base.messages import Value
from windtunnel.checkers.verdict import Verdict
from windtunnel.checkers.weak.findings import Finding, judged, misfit, named, names_of, quantiles, silent
from windtunnel.histories import History, Operation
from windtunnel.histories.operations import shown
from windtunnel.histories.values import canonical

FUNCTIONS: Final = {
    "add": "add(value)",
    "broadcast": "the same, as broadcasts call it",
    "read": "read() -> all values",
}
PROPERTY: Final = "set membership"
LEVELS: Final = ("eventual", "linearizable")


@dataclass(slots=True)
class _Element:
    """One value. adds: all that asked for it and were not refused.

    known, known_s: position and second from when it is there. present, absent: the reads that began last of those that show it,
    and of those that began after it was known and do not.
    """

    value: Value
    adds: list[Operation]
    known: int | None = None
    known_s: float = 0.0
    present: Operation | None = None
    absent: Operation | None = None

    def know(self, operation: Operation) -> None:
        """It was there when that operation ended."""
        at = operation.completed or 0
        if self.known is None or at < self.known:
            self.known, self.known_s = at, operation.completed_s or 0.0


def set_full(history: History, level: str = LEVELS[0]) -> Verdict:
    """What became of every element. Raises UsageError for a level that is none, and for reads that are no lists."""
    if level not in LEVELS:
        raise unknown("level", level, LEVELS)
    keys: dict[Any, list[Operation]] = {}
    for operation in history:
        keys.setdefault(canonical(operation.key), []).append(operation)
    findings: list[Finding] = []
    latencies: list[float] = []
    outcomes: Counter[str] = Counter()
    for operations in keys.values():
        reads = [op for op in operations if op.f == "read" and op.type == "ok"]
        for read in reads:
            if not isinstance(read.result, (list, tuple)):
                raise misfit(history, read, "a read of a set to answer a list", read.result)
        elements = _elements(operations, reads)
        findings += _strange(reads, elements)
        _follow(reads, elements)
        for element in elements.values():
            outcome, latency_s = _outcome(element)
            outcomes[outcome] += 1
            if outcome == "stale":
                latencies.append(latency_s)
            if outcome == "lost" or (outcome == "stale" and level == "linearizable"):
                findings.append(_told(element, outcome, latency_s))
    findings.sort(key=lambda finding: ("lost", "stale", "duplicate", "phantom").index(finding.kind))
    stats: dict[str, Any] = {"operations": len(history)} | {
        name: outcomes[name] for name in ("stable", "stale", "lost", "never_read", "in_doubt") if outcomes[name]
    }
    if latencies:
        stats["stale_s"] = dict(zip(("p50", "p90", "p99", "p99.9", "max"), quantiles(latencies), strict=True))
    nothing = silent(history) or ("" if outcomes["stable"] + outcomes["stale"] else "no read began after an add was answered")
    return judged("set-full", PROPERTY, findings, stats, nothing)


def _elements(operations: Sequence[Operation], reads: Sequence[Operation]) -> dict[Any, _Element]:
    elements: dict[Any, _Element] = {}
    for op in operations:
        if op.f != "read" and op.type != "fail":
            element = elements.setdefault(canonical(op.value), _Element(op.value, []))
            element.adds.append(op)
            if op.type == "ok":
                element.know(op)
    met: set[Any] = set()
    for read in sorted(reads, key=lambda read: read.completed or 0):
        result: Any = read.result
        fresh = set(names_of(result)) - met
        met |= fresh
        for name in fresh & elements.keys():
            elements[name].know(read)
    return elements


def _strange(reads: Sequence[Operation], elements: dict[Any, _Element]) -> list[Finding]:
    """Duplicates, and phantoms at the first read that shows them."""
    findings: list[Finding] = []
    told: set[Any] = set()
    early: set[Any] = set()  # begun before a read that ended before this one did
    for read in sorted(reads, key=lambda read: read.completed or 0):
        values: Any = read.result
        names = names_of(values)
        if len(set(names)) == len(names) and early.issuperset(names):
            continue
        for name, times in Counter(names).items():
            adds = elements[name].adds if name in elements else []
            begun = [op for op in adds if op.invoked < (read.completed or 0)]
            if begun:
                early.add(name)
            if not begun and name not in told:
                told.add(name)
                value = next(value for value in values if canonical(value) == name)
                text = f"{named(read)} shows {shown(value)}, which nobody had begun to add"
                findings.append(Finding("phantom", text, (*adds[:1], read), read.key))
            elif begun and times > len(begun):
                value = elements[name].value
                added = f"{len(begun)} time{'s' * (len(begun) > 1)}"
                text = f"{named(read)} shows {shown(value)} {times} times, and it was added {added}"
                findings.append(Finding("duplicate", text, (begun[0], read), read.key))
    return findings


def _follow(reads: Sequence[Operation], elements: dict[Any, _Element]) -> None:
    """Write down, per element, the last reads that show it and that do not, from the last read backwards."""
    unseen = set(elements)
    lacking = {name for name, element in elements.items() if element.known is not None}
    latest = sorted(lacking, key=lambda name: elements[name].known or 0)
    for read in sorted(reads, key=lambda read: -read.invoked):
        while latest and (elements[latest[-1]].known or 0) > read.invoked:
            lacking.discard(latest.pop())
        result: Any = read.result
        names = set(names_of(result))
        for name in unseen & names:
            elements[name].present = read
        for name in lacking - names:
            elements[name].absent = read
        unseen -= names
        lacking &= names
        if not unseen and not lacking:
            return


def _outcome(element: _Element) -> tuple[str, float]:
    """Its name, and seconds from when it was known until the last read that lacks it began."""
    present, absent = element.present, element.absent
    if element.known is None:
        return "in_doubt", 0.0
    if absent is not None and (present is None or present.invoked < absent.invoked):
        return "lost", absent.invoked_s - element.known_s
    if present is not None:
        return ("stale", absent.invoked_s - element.known_s) if absent is not None else ("stable", 0.0)
    return "never_read", 0.0


def _told(element: _Element, outcome: str, latency_s: float) -> Finding:
    """What became of a lost or a stale element."""
    absent = element.absent
    assert absent is not None, "a read lacks what is lost or stale"
    source = element.adds[0]
    seen = f"{named(element.present)} was the last to show it" if element.present is not None else "no read ever showed it"
    if outcome == "lost":
        text = f"{named(source)} was known to be there; {named(absent)} lacks it, and {seen}"
    else:
        text = f"{shown(element.value)} was known, and {latency_s:.3f} s later {named(absent)} lacks it"
    shows = (element.present,) if element.present is not None else ()
    return Finding(outcome, text, (source, *shows, absent), absent.key)

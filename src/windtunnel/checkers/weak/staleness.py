"""Staleness: how old what was read is, in versions and in seconds, of every read; and whether that keeps a bound.

Sources: Bailis, Venkataraman, Franklin, Hellerstein & Stoica, "Probabilistically Bounded Staleness", 2012 (k versions, t seconds,
and the probability of both); Aiyer, Alvisi & Bazzi 2005 (k-atomicity); Golab, Li & Shah, "Analyzing Consistency Properties for
Fun and Profit", 2011: what can be said for certain from a history.

A read r shows the write w. Certainly newer than w are the writes to the key that began after w had been answered; of those, the
ones that were answered before r began should have been seen.

* versions: how many those are. 0 is fresh. Every order of the writes that keeps real time has at least so many between w and r.
* seconds: since the first of them was answered. No shorter delay of visibility explains the read.

Both are lower bounds: writes at work at the same time may be in any order, which is never held against a read. The initial value
is older than every write. Values are written once.

Bounds, as a level: `k=2` at most two versions behind; `t=0.5` at most half a second; `p=0.99` at least that share of the reads
keeps them; several joined by commas. Without bounds only reads of values that nobody can have written are wrong.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from dataclasses import dataclass
from typing import Any, Final

from windtunnel.base.errors import UsageError
from windtunnel.checkers.verdict import Verdict
from windtunnel.checkers.weak.findings import Finding, judged, misfit, named, quantiles, silent
from windtunnel.checkers.weak.registers import REGISTERS
from windtunnel.histories import History, Operation
from windtunnel.histories.operations import shown
from windtunnel.histories.values import canonical

FUNCTIONS: Final = REGISTERS
PROPERTY: Final = "bounded staleness"
_SHARES: Final = {"p50": 0.5, "p90": 0.9, "p99": 0.99, "p99.9": 0.999, "max": 1.0}


@dataclass(frozen=True, slots=True)
class Bounds:
    """At most so many versions and seconds behind, in at least that share of the reads."""

    versions: float = math.inf
    seconds: float = math.inf
    share: float = 1.0

    def keeps(self, age: Age) -> bool:
        """Whether a read is fresh enough."""
        return age.versions <= self.versions and age.seconds <= self.seconds


@dataclass(frozen=True, slots=True)
class Age:
    """How old what a read shows is. newest: the last of the writes that it should have seen."""

    read: Operation
    versions: int
    seconds: float
    newest: Operation | None


def bounds_of(level: str) -> Bounds:
    """The bounds that a text such as `k=2,t=0.5,p=0.99` says. Raises UsageError."""
    numbers: dict[str, float] = {}
    for part in level.split(","):
        name, _, text = part.strip().partition("=")
        try:
            number = float(text.removesuffix("s") if name == "t" else text)
        except ValueError:
            number = math.nan
        if name not in ("k", "t", "p") or not number >= 0 or (name == "p" and number > 1):
            raise UsageError(f"expected bounds such as k=2,t=0.5,p=0.99 (versions, seconds, share of the reads), got {part!r}")
        numbers[name] = number
    return Bounds(numbers.get("k", math.inf), numbers.get("t", math.inf), numbers.get("p", 1.0))


def staleness(history: History, bounds: Bounds | None = None) -> Verdict:
    """How old every read is, and whether that keeps the bounds."""
    bounds = bounds or Bounds()
    for operation in history:
        if operation.f not in FUNCTIONS:
            raise misfit(history, operation, f"one of {', '.join(FUNCTIONS)}", operation.f)
    if bounds.seconds < math.inf and not history.timed:
        return Verdict(None, "staleness", "the history has no times: staleness in seconds is not known")
    ages, findings, ambiguous = _ages(history)
    if ambiguous:
        return Verdict(None, "staleness", ambiguous, stats={"operations": len(history)})
    broken = [age for age in ages if not bounds.keeps(age)]
    fresh = 1 - len(broken) / len(ages) if ages else 1.0
    if fresh < bounds.share:
        broken.sort(key=lambda age: (-age.versions, -age.seconds))
        findings += [_told(age) for age in broken]
    stats: dict[str, Any] = {"operations": len(history), "reads": len(ages), "stale": sum(age.versions > 0 for age in ages)}
    if ages:
        stats["versions_behind"] = _distribution([age.versions for age in ages])
        if history.timed:
            stats["seconds_behind"] = _distribution([round(age.seconds, 6) for age in ages])
        stats["within_bounds"] = round(fresh, 6)
    nothing = silent(history) or ("" if ages else "nobody read anything")
    return judged("staleness", PROPERTY, findings, stats, nothing)


def _distribution(numbers: list[Any]) -> dict[str, Any]:
    return dict(zip(_SHARES, quantiles(numbers, tuple(_SHARES.values())), strict=True))


def _told(age: Age) -> Finding:
    newest = age.newest
    assert newest is not None, "a stale read has missed a write"
    text = f"{named(age.read)} is {age.versions} version{'s' * (age.versions > 1)} and {age.seconds:.3f} s behind {named(newest)}"
    return Finding("stale", text, (newest, age.read), age.read.key)


def _ages(history: History) -> tuple[list[Age], list[Finding], str]:
    keys: dict[Any, list[Operation]] = {}
    for op in history:
        if op.type != "fail":
            keys.setdefault(canonical(op.key), []).append(op)
    ages: list[Age] = []
    findings: list[Finding] = []
    for operations in keys.values():
        key = _Key(operations)
        for read in operations:
            if read.f != "read" or read.type != "ok":
                continue
            sources = key.sources.get(canonical(read.result), [])
            if len(sources) > 1 or (sources and read.result is None):
                return [], [], f"{named(read)} may have seen several writes: the model needs values that are written once"
            if not sources and read.result is not None:
                findings.append(Finding("phantom", f"{named(read)} shows {shown(read.result)}, which nobody wrote", (read,)))
            elif sources and sources[0].invoked > (read.completed or 0):
                text = f"{named(read)} shows what was written only later, by {named(sources[0])}"
                findings.append(Finding("phantom", text, (sources[0], read), read.key))
            else:
                ages.append(key.age(read, sources[0] if sources else None))
    return ages, findings, ""


class _Key:
    """The writes to one key, in the order of their answers, to be asked for intervals."""

    def __init__(self, operations: list[Operation]) -> None:
        writes = [op for op in operations if op.f == "write"]
        self.sources: dict[Any, list[Operation]] = {}
        for write in writes:
            self.sources.setdefault(canonical(write.value), []).append(write)
        self._writes = sorted((op for op in writes if op.type == "ok"), key=lambda op: op.completed or 0)
        self._ends = [op.completed or 0 for op in self._writes]

    def age(self, read: Operation, source: Operation | None) -> Age:
        """How old a read is that shows the write `source`, or the initial value."""
        upto = bisect_left(self._ends, read.invoked)
        if source is None:
            missed = self._writes[:upto]
        elif source.type != "ok" or source.completed is None:
            missed = []  # it may have happened just now
        else:
            since = bisect_left(self._ends, source.completed)
            missed = [op for op in self._writes[since:upto] if op.invoked > source.completed]
        if not missed:
            return Age(read, 0, 0.0, None)
        return Age(read, len(missed), read.invoked_s - (missed[0].completed_s or 0.0), missed[-1])

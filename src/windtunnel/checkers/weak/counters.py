"""Counters judged at every read: a read is the sum of what had certainly been added, and of some of what may have been.

Source: Jepsen's counter checker, widened to negative amounts: a read lies between the sum of all that was acknowledged before it
began with all decrements that were asked for before it ended, and the same the other way round. Within those
bounds it must also be a sum that some choice of the additions in doubt makes. (`counter` asks for more: one order of all.)

Counters of replicated data types (Shapiro et al. 2011) may lag: level `eventual` lets reads lack additions until none is under
way, and then holds each process's last read to the bounds; at no time may a read show what nobody added.

Cost: O(n log n), and O(d s / 64) per read for d additions in doubt and a spread of s, up to SPREAD_MAX.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from itertools import accumulate
from typing import Any, Final

from windtunnel.base.errors import unknown
from windtunnel.checkers.verdict import Verdict
from windtunnel.checkers.weak.findings import Finding, judged, misfit, named, silent
from windtunnel.histories import History, Operation
from windtunnel.histories.operations import shown
from windtunnel.histories.values import canonical

FUNCTIONS: Final = {
    "add": "add(n)",
    "increment": "increment(n), 1 if there is none",
    "decrement": "decrement(n), 1 if there is none",
    "read": "read() -> sum",
}
GROWING: Final = {name: signature for name, signature in FUNCTIONS.items() if name != "decrement"}
PROPERTY: Final = "counter bounds"
LEVELS: Final = ("every-read", "eventual")
SPREAD_MAX: Final = 1_000_000
_DOUBT_MAX = 400


def counter(history: History, model: str, level: str = LEVELS[0]) -> Verdict:
    """Whether the reads of g-counters or pn-counters are sums of what was added. Raises UsageError for a level that is none."""
    if level not in LEVELS:
        raise unknown("level", level, LEVELS)
    keys: dict[Any, list[Operation]] = {}
    for operation in history:
        _refuse_misfit(history, operation, growing=model == "g-counter")
        keys.setdefault(canonical(operation.key), []).append(operation)
    findings: list[Finding] = []
    reads = 0
    for operations in keys.values():
        counted = _Additions(operations)
        mine = [op for op in operations if op.f == "read" and op.type == "ok"]
        reads += len(mine)
        settled = _closing(mine, operations) if level == "eventual" else {read.index for read in mine}
        for read in mine:
            found = counted.judge(read, lagging=read.index not in settled)
            findings += [found] if found else []
    stats = {"operations": len(history), "keys": len(keys), "reads": reads}
    return judged(model, PROPERTY, findings, stats, silent(history))


def amount(operation: Operation) -> int:
    """What an operation adds."""
    given: Any = operation.value
    number: int = 1 if given is None else given
    return -number if operation.f == "decrement" else number


def _refuse_misfit(history: History, operation: Operation, *, growing: bool) -> None:
    value = operation.result if operation.f == "read" else operation.value
    absent = value is None and (operation.type != "ok" if operation.f == "read" else operation.f != "add")
    if not absent and (not isinstance(value, int) or isinstance(value, bool)):
        what = "a read to answer a whole number" if operation.f == "read" else f"{operation.f} of a whole number"
        raise misfit(history, operation, what, value)
    if growing and operation.f != "read" and amount(operation) < 0:
        raise misfit(history, operation, "additions of at least 0 to a g-counter (a pn-counter goes down too)", value)


def _closing(reads: Sequence[Operation], operations: Sequence[Operation]) -> set[int]:
    """The last read of each process, if it began when no addition was under way and none came later."""
    additions = [op for op in operations if op.f != "read" and op.type != "fail"]
    quiet = max((op.completed if op.type == "ok" and op.completed is not None else op.invoked for op in additions), default=-1)
    last = {read.process: read for read in reads}
    return {read.index for read in last.values() if read.invoked > quiet}


class _Additions:
    """The additions to one counter, with sums over time: of those that go up and of those that go down."""

    def __init__(self, operations: Sequence[Operation]) -> None:
        self._asked = [op for op in operations if op.f != "read" and op.type != "fail"]
        done = [op for op in self._asked if op.type == "ok" and op.completed is not None]
        self._done = sorted(done, key=lambda op: op.completed or 0)
        self._begins = [op.invoked for op in self._asked]
        self._ends = [op.completed or 0 for op in self._done]
        self._may_up, self._may_down = _sums(self._asked)
        self._has_up, self._has_down = _sums(self._done)
        self._open: list[Operation] = []
        self._entered = 0

    def judge(self, read: Operation, *, lagging: bool) -> Finding | None:
        """What is wrong with a read, if anything."""
        value: Any = read.result
        asked = bisect_left(self._begins, read.completed or 0)
        done = 0 if lagging else bisect_left(self._ends, read.invoked)
        lowest = self._has_up[done] + self._may_down[asked]
        highest = self._may_up[asked] + self._has_down[done]
        if lowest <= value <= highest:
            return self._unattainable(read, asked, done, value - lowest, highest - lowest)
        low = value < lowest
        off = lowest - value if low else value - highest
        kind = "missing" if low else "surplus"
        text = f"{named(read)} is {off:,} too {'low' if low else 'high'}: the counter held {_span(lowest, highest)} then"
        suspects = [op for op in self._done[:done] if abs(amount(op)) == off and (amount(op) > 0) is low][-2:]
        if not low:
            suspects = [op for op in self._asked if abs(amount(op)) == off and op.invoked > (read.completed or 0)][:1] or suspects
        words = "lacks" if low else "may have counted twice, or too early,"
        lines = tuple(f"It {words} {named(op)}." for op in suspects)
        return Finding(kind, text, (*suspects, read), read.key, lines)

    def _unattainable(self, read: Operation, asked: int, done: int, above: int, spread: int) -> Finding | None:
        """A finding if no choice of the additions in doubt makes the sum. above: the read, seen from the lowest sum."""
        if above in (0, spread) or spread > SPREAD_MAX or asked - done > _DOUBT_MAX:
            return None
        doubtful = self._doubtful(read, asked) if done else self._asked[:asked]
        sums = 1
        for op in doubtful:
            sums |= sums << abs(amount(op))
        if sums >> above & 1:
            return None
        amounts = ", ".join(shown(amount(op)) for op in doubtful[:8])
        text = f"{named(read)} is no sum: what had certainly been added, and any choice of {amounts} in doubt, does not make it"
        return Finding("no-sum", text, (*doubtful[-4:], read), read.key)

    def _doubtful(self, read: Operation, asked: int) -> list[Operation]:
        """Additions that a read may show or not. Reads come in the order of their invocations."""
        entered = bisect_left(self._begins, read.invoked)
        self._open += self._asked[self._entered : entered]
        self._entered = entered
        self._open = [op for op in self._open if op.type != "ok" or (op.completed or 0) > read.invoked]
        return [*self._open, *self._asked[entered:asked]]


def _sums(operations: Sequence[Operation]) -> tuple[list[int], list[int]]:
    """Per prefix of some additions, the sum of those that go up and of those that go down."""
    amounts = [amount(op) for op in operations]
    up = list(accumulate((max(0, number) for number in amounts), initial=0))
    return up, list(accumulate((min(0, number) for number in amounts), initial=0))


def _span(lowest: int, highest: int) -> str:
    return f"{lowest:,}" if lowest == highest else f"{lowest:,} to {highest:,}"

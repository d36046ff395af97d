"""An order of the operations on one key, guessed from the values, when every observed value has one maker.

It is a guess: `witness` verifies it, so nothing here can make a wrong verdict.

Theory of operation
-------------------
A read of `5+7` took effect after the append of `+7`, which took effect directly after whatever made `5`, that is the write of 5.
So the operations fall into *blocks*: a write, the reads of its value, the one successful compare-and-set or append whose
outcome somebody saw, the reads of that, and so on. Nothing that changes the value can come between members of a block, so
blocks follow one another whole. What was before the first write is a block too, and comes first. Writes and appends that nobody
saw are blocks of their own.

Block A must come before block B if a member of A returned before a member of B was invoked: if the first return in A precedes
the last invocation in B. These are the zones of Gibbons & Korach ("Testing shared memories", SIAM J. Comput. 1997), and sorting
finds an order if there is one. (Take the block with the first return of all. What must precede it does not return before that,
so it must not have an invocation after it either; among themselves these blocks are free.)

Compare-and-sets that failed are put in last, each in the first gap that its times allow where the value is another one. If there
is none, a block that may as well come there, or an unanswered operation that nobody saw, may have changed the value: they
are tried, one at a time. Only this part can miss an order when every observed value has one maker.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from heapq import heappop, heappush
from itertools import accumulate
from math import inf
from typing import Any

from windtunnel.checkers.problem import call_of
from windtunnel.checkers.specification import UNSET, Specification, canonical, same
from windtunnel.histories import Operation

_WORK_MAX = 300_000
"""How much may be tried for compare-and-sets that failed and fit nowhere, in operations looked at: a second or so."""

_NEAR = 48
"""How many blocks before and after are tried between two blocks."""


@dataclass(slots=True)
class Block:
    """Operations that follow one another directly, by number.

    first_return, last_invocation: among its members, positions in the history; an operation without an answer never returns.
    """

    members: list[int]
    first_return: float
    last_invocation: float


@dataclass(slots=True)
class Values:
    """What the values of one key's operations tell, by canonical value.

    makers: writes and compare-and-sets by the value that they leave; appends: by the text appended; lengths: of these texts.
    reads: by what was read.
    change: the operation that directly follows what made the value; heads: writes that start a block; traced: values whose
    way back to a write is known.
    """

    operations: Sequence[Operation]
    makers: dict[Any, list[int]] = field(default_factory=dict)
    appends: dict[str, list[int]] = field(default_factory=dict)
    lengths: set[int] = field(default_factory=set)
    reads: dict[Any, list[int]] = field(default_factory=dict)
    change: dict[Any, int] = field(default_factory=dict)
    heads: list[int] = field(default_factory=list)
    traced: set[Any] = field(default_factory=set)

    def trace(self, value: Any) -> bool:
        """Go back from an observed value to the write it began with; whether there is exactly one way back."""
        while value is not None and canonical(value) not in self.traced:
            self.traced.add(canonical(value))
            made = self._maker(value)
            if made is None:
                return False
            number, before = made
            if before is UNSET:
                self.heads.append(number)
                return True
            if self.change.setdefault(canonical(before), number) != number:
                return False  # two operations cannot both follow directly
            value = before
        return True

    def _maker(self, value: Any) -> tuple[int, Any] | None:
        """The one operation that can have made a value, and the value before it, UNSET for a write; None if in doubt."""
        numbers = self.makers.get(canonical(value))
        if numbers is not None:
            operation = self.operations[numbers[0]]
            before = UNSET if operation.f == "write" else _plain(operation.value[0])
            return (numbers[0], before) if len(numbers) == 1 else None
        if not isinstance(value, str):
            return None
        found = [length for length in self.lengths if 0 < length <= len(value) and value[-length:] in self.appends]
        numbers = self.appends[value[-found[0] :]] if len(found) == 1 else []
        return (numbers[0], _plain(value[: -found[0]])) if len(numbers) == 1 else None

    def follow(self, value: Any, members: list[int]) -> bool:
        """Add to a block all that follows once the key holds `value`; False if it comes round in a circle."""
        changes = 0
        while True:
            members += self.reads.get(canonical(value), ())
            number = self.change.get(canonical(value))
            if number is None:
                return True
            members.append(number)
            operation = self.operations[number]
            value = _plain(operation.value[1] if operation.f == "cas" else (value or "") + operation.value)
            changes += 1
            if changes > len(self.operations):
                return False


def _plain(value: Any) -> Any:
    return None if value == "" else value


def arranged(specification: Specification, operations: Sequence[Operation]) -> list[int] | None:
    """Numbers of `operations` (of one key, `relevant`, by invocation) in an order that is probably legal, or None."""
    values = _values(operations)
    if values is None:
        return None
    blocks = _blocks(values)
    ordered = None if blocks is None else _ordered(blocks)
    if ordered is None:
        return None
    failed = [number for number, operation in enumerate(operations) if _compared_unequal(operation)]
    used = {number for block in ordered for number in block.members}
    spare = [
        _block(operations, [number])
        for number, operation in enumerate(operations)
        if operation.type == "info" and number not in used
    ]
    return _with_failed(specification, operations, ordered, failed, spare)


def _with_failed(
    specification: Specification, operations: Sequence[Operation], blocks: list[Block], failed: list[int], spare: list[Block]
) -> list[int] | None:
    """The order of the blocks with the compare-and-sets that failed, after repairs where one fits nowhere; None if they fail."""
    gaps = _Gaps(specification, operations, blocks)
    stuck = gaps.place(failed)
    work = 0
    while stuck is not None:
        progress = None
        for better in gaps.repairs(stuck, spare):
            work += len(operations)
            if work > _WORK_MAX:
                return None
            trial = _Gaps(specification, operations, better)
            then = trial.place(failed)
            if then is None or then > stuck:
                progress = trial, then
                break
        if progress is None:
            return None
        gaps, stuck = progress
    return gaps.order()


def _compared_unequal(operation: Operation) -> bool:
    return operation.type == "ok" and operation.f == "cas" and operation.result is False


def _values(operations: Sequence[Operation]) -> Values | None:
    """What the values tell; None if they leave a doubt."""
    values = Values(operations)
    observed: list[Any] = []
    for number, operation in enumerate(operations):
        f, answered = operation.f, operation.type == "ok"
        if f == "read":
            values.reads.setdefault(canonical(_plain(operation.result)), []).append(number)
            observed.append(_plain(operation.result))
        elif f == "write":
            values.makers.setdefault(canonical(_plain(operation.value)), []).append(number)
        elif f == "append":
            values.appends.setdefault(operation.value, []).append(number)
            values.lengths.add(len(operation.value))
        elif not _compared_unequal(operation):
            old, new = _plain(operation.value[0]), _plain(operation.value[1])
            values.makers.setdefault(canonical(new), []).append(number)
            if answered:
                observed.append(old)
                if values.change.setdefault(canonical(old), number) != number:
                    return None
    return values if all(values.trace(value) for value in observed) else None


def _blocks(values: Values) -> list[Block] | None:
    """The blocks; the one before the first write has returned before everything, so that it comes first."""
    found: list[list[int]] = [[]]
    if not values.follow(None, found[0]):
        return None
    for head in values.heads:
        members = [head]
        found.append(members)
        if not values.follow(_plain(values.operations[head].value), members):
            return None
    used = {number for members in found for number in members}
    for number, operation in enumerate(values.operations):
        if operation.type == "ok" and operation.f in ("write", "append") and number not in used:
            found.append([number])
    blocks = [_block(values.operations, members) for members in found if members]
    if found[0]:
        blocks[0].first_return = -1
    return blocks


def _block(operations: Sequence[Operation], members: list[int]) -> Block:
    return Block(
        members,
        min(_return_of(operations[number]) for number in members),
        max(operations[number].invoked for number in members),
    )


def _return_of(operation: Operation) -> float:
    return inf if operation.type != "ok" or operation.completed is None else operation.completed


def _ordered(blocks: list[Block]) -> list[Block] | None:
    """The blocks in an order that keeps real time, or None if there is none."""
    waiting = sorted(blocks, key=lambda block: (block.first_return, block.last_invocation))
    ordered: list[Block] = []
    at = 0
    while at < len(waiting):
        first = waiting[at]
        at += 1
        while at < len(waiting) and waiting[at].first_return < first.last_invocation:
            if waiting[at].last_invocation > first.first_return:
                return None  # each of the two must precede the other
            ordered.append(waiting[at])
            at += 1
        ordered.append(first)
    return ordered


def _precedes(a: Block, b: Block) -> bool:
    """Whether real time demands that `a` comes before `b`."""
    return a.first_return < b.last_invocation


class _Gaps:
    """Blocks in order, and where compare-and-sets that failed may be put: gap k is before the k-th operation of the order."""

    def __init__(self, specification: Specification, operations: Sequence[Operation], blocks: list[Block]) -> None:
        self._operations = operations
        self._blocks = blocks
        self._order = [number for block in blocks for number in block.members]
        self._states: list[Any] = [specification.initial]
        for number in self._order:
            self._states.append(specification.step(self._states[-1], call_of(operations[number])))
        self._invoked = list(accumulate((operations[number].invoked for number in self._order), max))
        self._returned = list(accumulate((_return_of(operations[number]) for number in reversed(self._order)), min))[::-1]
        self._chosen: dict[int, list[int]] = {}

    def place(self, failed: Sequence[int]) -> int | None:
        """Put each into the first gap where it is legal; the first one that fits nowhere, or None."""
        floor = 0
        before: list[tuple[float, int]] = []  # (return, gap) of those placed
        for number in failed:  # by invocation
            operation = self._operations[number]
            while before and before[0][0] < operation.invoked:
                floor = max(floor, heappop(before)[1])
            old = _plain(operation.value[0])
            gaps = self._window(operation)
            gap = next((gap for gap in range(max(floor, gaps.start), gaps.stop) if not same(self._states[gap], old)), None)
            if gap is None:
                return number
            self._chosen.setdefault(gap, []).append(number)
            heappush(before, (_return_of(operation), gap))
        return None

    def _window(self, operation: Operation) -> range:
        """The gaps after all that returned before it was invoked, and before all that was invoked after it returned."""
        return range(bisect_left(self._returned, operation.invoked), bisect_right(self._invoked, _return_of(operation)) + 1)

    def order(self) -> list[int]:
        """The order with everything that was placed."""
        merged: list[int] = []
        for gap in range(len(self._order) + 1):
            merged += self._chosen.get(gap, ())
            merged += self._order[gap : gap + 1]
        return merged

    def repairs(self, stuck: int, spare: Sequence[Block]) -> Iterator[list[Block]]:
        """Orders that have another block, near by or one of `spare`, in a place where `stuck` needs another value."""
        blocks = self._blocks
        present = {block.members[0] for block in blocks}
        gaps = self._window(self._operations[stuck])
        last = _return_of(self._operations[stuck])
        end = 0
        for at, block in enumerate(blocks):
            end += len(block.members)
            if end not in gaps:
                continue
            for other in range(at - 1, max(-1, at - _NEAR), -1):
                if any(_precedes(blocks[other], between) for between in blocks[other + 1 : at + 1]):
                    continue
                yield [*blocks[:other], *blocks[other + 1 : at + 1], blocks[other], *blocks[at + 1 :]]
            for other in range(at + 1, min(len(blocks), at + _NEAR)):
                if any(_precedes(between, blocks[other]) for between in blocks[at + 1 : other]):
                    continue
                yield [*blocks[: at + 1], blocks[other], *blocks[at + 1 : other], *blocks[other + 1 :]]
            for extra in spare:
                fits = extra.members[0] not in present and extra.last_invocation < last
                if fits and not any(_precedes(later, extra) for later in blocks[at + 1 :]):
                    yield [*blocks[: at + 1], extra, *blocks[at + 1 :]]

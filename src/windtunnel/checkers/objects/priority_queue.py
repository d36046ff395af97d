"""A priority queue: the smallest value first.

For distinct values one pass decides, from the smallest value on. A value disturbs the larger ones only: while it is there,
none of them can be taken. So it is best put in as late and taken as early as possible, where "possible" depends on smaller
values alone, which are placed already: it is taken in the first gap of its own that is not within the stay of a smaller one.
(In one gap those that go are taken first, smaller ones before larger, then those that come are put in: so only the gaps
strictly within a stay are closed.) What finds nothing needs a gap within no stay at all.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from windtunnel.checkers.objects.collection import NEVER, Collection
from windtunnel.histories import Operation
from windtunnel.histories.columns import Columns


class PriorityQueue(Collection):
    """A priority queue: insert a value, take the smallest (numbers, or lists that begin with one), null if there is none."""

    name: ClassVar[str] = "priority-queue"
    put: ClassVar[str] = "insert"
    take: ClassVar[str] = "take"
    noun: ClassVar[str] = "priority queue"
    functions: Mapping[str, str] = {"insert": "insert(value)", "take": "take() -> the smallest value or null"}

    def added(self, state: tuple[Any, ...], value: Any) -> tuple[Any, ...]:
        """Sorted."""
        values = list(state)
        insort(values, value, key=_rank)
        return tuple(values)

    def removed(self, state: tuple[Any, ...]) -> tuple[Any, tuple[Any, ...]]:
        """The smallest one."""
        return state[0], state[1:]

    def complaint(self, operation: Operation) -> str | None:
        """Values are numbers, or lists of numbers and texts that begin with a number."""
        if operation.f != self.put or _is_ranked(operation.value):
            return None
        return f"insert takes a number, or a list that begins with one, got {operation.value!r}"

    def conflict(self, columns: Columns, key: int) -> list[int] | None:
        """The value that could not be taken, and smaller ones that were there all the time."""
        from windtunnel.checkers.objects.lifetimes import Impossible, lifetimes, operations_of  # noqa: PLC0415 - numpy

        lives = lifetimes(columns, key, self.put, self.take)
        if lives is None or isinstance(lives, Impossible):
            return None if lives is None else lives.core
        rows = list(
            zip(
                lives.put_invoked.tolist(),
                (lives.put_returned - 1).tolist(),
                lives.take_invoked.tolist(),
                (lives.take_returned - 1).tolist(),
                strict=True,
            )
        )
        values = [columns.values[number] for number in lives.value.tolist()]
        if not all(map(_is_ranked, values)):
            return None
        order = sorted(range(len(rows)), key=lambda place: _rank(values[place]))
        closed = _Closed()
        for at, place in enumerate(order):
            begin, end, first, last = rows[place]
            if first == NEVER:
                closed.add(end + 1, NEVER)
                continue
            taken = closed.next_open(max(begin, first))
            if taken > last:
                return operations_of(lives, [place, *_in_the_way(rows, order[:at], max(begin, first), last)])
            closed.add(min(end, taken) + 1, taken - 1)
        for at, (begin, end) in enumerate(zip(lives.empty_invoked.tolist(), lives.empty_returned.tolist(), strict=True)):
            if closed.next_open(begin) > end - 1:
                return sorted([int(lives.empties[at]), *operations_of(lives, _in_the_way(rows, order, begin, end - 1))])
        return []


def _is_ranked(value: Any) -> bool:
    """Whether a value can be compared with the others."""
    parts: Sequence[Any] = value if isinstance(value, (list, tuple)) and value else [value]
    fit = all(isinstance(part, int | float | str) and not isinstance(part, bool) for part in parts)
    return fit and not isinstance(parts[0], str)


def _rank(value: Any) -> tuple[Any, ...]:
    """Numbers as lists of one; numbers before texts."""
    parts = value if isinstance(value, (list, tuple)) else (value,)
    return tuple((isinstance(part, str), part) for part in parts)


def _in_the_way(rows: list[tuple[int, int, int, int]], smaller: list[int], begin: int, end: int) -> list[int]:
    """Values that may have to do with why those gaps were closed: whose time overlaps, directly or through others."""
    found: list[int] = []
    waiting = sorted(smaller, key=lambda place: rows[place][1])
    low, high = begin, end
    changed = True
    while changed:
        changed = False
        rest: list[int] = []
        for place in waiting:
            _, put, first, last = rows[place]
            if put <= high and max(first, last) >= low:
                found.append(place)
                low, changed = min(low, first), True
            else:
                rest.append(place)
        waiting = rest
    return found


class _Closed:
    """Gaps that are closed: disjoint ranges, in order."""

    def __init__(self) -> None:
        self._begins: list[int] = []
        self._ends: list[int] = []

    def add(self, begin: int, end: int) -> None:
        """Close the gaps from begin to end, both included."""
        if begin > end:
            return
        low = bisect_left(self._ends, begin - 1)
        high = bisect_right(self._begins, end + 1)
        if low < high:
            begin, end = min(begin, self._begins[low]), max(end, self._ends[high - 1])
        self._begins[low:high] = [begin]
        self._ends[low:high] = [end]

    def next_open(self, gap: int) -> int:
        """The first open gap that is not before `gap`."""
        at = bisect_right(self._begins, gap) - 1
        return self._ends[at] + 1 if at >= 0 and self._ends[at] >= gap else gap

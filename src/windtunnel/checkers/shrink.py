"""From a history without a legal order to the few operations that show it.

Three cuts, each of which keeps the argument whole: whoever finds no order of what is left has shown that the whole has none.

* *The end.* What was invoked after the operation that got stuck returned cannot have helped it.
* *The beginning.* From some moment on the rest is wrong whatever the state was at that moment; operations pending then may
  have taken effect before it, or after. The later the moment, the shorter the window.
* *The middle.* Operations that could be taken out of any legal order (`Specification.families`).
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from windtunnel.checkers.problem import Reductions, call_of, prepare
from windtunnel.checkers.searches import Search
from windtunnel.checkers.specification import Specification
from windtunnel.histories import Operation

TRY_STEPS = 20_000
"""One attempt may take so many configurations; what is not shown by then counts as not shown."""


_AROUND_MAX = 256
"""Longest window around one operation, returns."""

_SWEEP_SIZES = (16, 32)
"""Returns in the windows that are tried everywhere. Larger ones cost exponentially more where many clients are at work."""

_SWEEP_STEPS = 500
"""What one of them may cost, in configurations. A window that shows something does so in a few hundred."""


@dataclass(slots=True)
class Window:
    """Operations of one object without a legal order, and their finished search.

    since, until: positions of its first and last moment, None for the beginning and the end of the history. What is pending at
    either may take effect outside, so nothing forces it to take effect within.
    """

    operations: list[Operation]
    since: int | None
    until: int | None
    search: Search


class Shrinking:
    """Looks for small windows. steps: what it may still spend, in configurations; over: whether time is up."""

    def __init__(
        self, specification: Specification, reductions: Reductions, steps: int, over: Callable[[], bool] = lambda: False
    ) -> None:
        self.specification = specification
        self.reductions = reductions
        self.steps = steps
        self._over = over

    def broken(
        self, operations: Sequence[Operation], since: int | None, until: int | None, try_steps: int = TRY_STEPS
    ) -> Window | None:
        """These operations as a window, if it can be shown that they have no legal order."""
        if self.steps <= 0 or not operations or self._over():
            return None
        chosen = [op for op in operations if self._matters(op, since, until)]
        problem = prepare(self.specification, chosen, self.reductions, since=since, until=until)
        self.steps -= len(chosen)
        if problem is None:
            return None
        search = Search(problem, self.reductions)
        found = search.run(min(try_steps, max(self.steps, 1)))
        self.steps -= search.steps
        return Window(chosen, since, until, search) if found is False else None

    def _matters(self, operation: Operation, since: int | None, until: int | None) -> bool:
        """Whether an operation has a part in a window: not what ended before or began after, nor reads across its ends."""
        end = operation.completed if operation.type == "ok" and operation.completed is not None else None
        if (until is not None and operation.invoked > until) or (since is not None and end is not None and end <= since):
            return False
        across = (since is not None and operation.invoked < since) or (until is not None and (end is None or end > until))
        return not (across and self.specification.reads_only(call_of(operation)))

    def honest(self, operations: Sequence[Operation]) -> Search | None:
        """A finished search that knows nothing of later reads: it is stuck where the story is, not where they show it."""
        problem = prepare(self.specification, operations, replace(self.reductions, observed_predecessors=False))
        assert problem is not None, "the beginning is always known"
        search = Search(problem, self.reductions)
        found = search.run(TRY_STEPS)
        self.steps -= search.steps
        return search if found is False else None

    def sweep(self, operations: Sequence[Operation]) -> Window | None:
        """The first small window that is wrong, looking everywhere: windows of a few sizes, each overlapping the next by half."""
        ends = sorted(op.completed for op in operations if op.type == "ok" and op.completed is not None)
        for size in _SWEEP_SIZES:
            for since, until, within in _windows(operations, ends, size):
                found = self.broken(within, since, until, _SWEEP_STEPS)
                if found is not None:
                    return found
        return None

    def window_around(self, operations: Sequence[Operation], stuck: Operation) -> Window | None:
        """The shortest window around the return of `stuck`; None if there is none that can be shown to be wrong."""
        ends = sorted(op.completed for op in operations if op.type == "ok" and op.completed is not None)
        assert stuck.completed is not None
        middle = bisect_left(ends, stuck.completed)

        def sides(size: int) -> tuple[int | None, int]:
            first, last = middle - size, min(middle + size // 2, len(ends) - 1)
            return ends[first] if first >= 0 else None, ends[last]

        near = [op for op in operations if self._matters(op, *sides(2 * _AROUND_MAX))]  # larger than any window

        def window(size: int) -> Window | None:
            return self.broken(near, *sides(size))

        size = 1
        while size <= min(len(ends), _AROUND_MAX):
            found = window(size)
            if found is not None:
                return self._ending_where_stuck(_smallest(window, size // 2, size, found))
            size *= 2
        return None

    def _ending_where_stuck(self, window: Window) -> Window:
        """The window without what came after the return that its search could not pass, if it is wrong by then."""
        search = window.search
        stuck = search.problem.operations[search.stuck]
        return self.broken(window.operations, window.since, stuck.completed) or window

    def few(self, window: Window) -> Window:
        """The window without the operations that are not needed: first large parts, then small ones."""
        size = len(window.operations) // 2
        while size >= 1 and self.steps > 0:
            before = len(window.operations)
            at = 0
            while at < len(window.operations) and self.steps > 0:
                smaller = self._without(window, at, at + size)
                if smaller is None:
                    at += size
                else:
                    window = smaller
            if size > 1 or len(window.operations) == before:  # what nobody observes any more may go in another pass
                size //= 2
        return window

    def _without(self, window: Window, start: int, stop: int) -> Window | None:
        """The window without the families that begin among those of its operations."""
        operations = window.operations
        families = self.specification.families([call_of(op) for op in operations])
        begins: dict[Any, int] = {}
        for at, family in enumerate(families):
            begins.setdefault(family, at)
        kept = [
            op for op, family in zip(operations, families, strict=True) if family is None or not start <= begins[family] < stop
        ]
        if len(kept) == len(operations):
            return None
        return self.broken(kept, window.since, window.until)


def _windows(
    operations: Sequence[Operation], ends: Sequence[int], size: int
) -> Iterator[tuple[int | None, int, list[Operation]]]:
    """(since, until, operations that have a part in it) of windows of `size` returns; the first one begins at the beginning."""
    live: list[Operation] = []
    at = 0
    for first in range(-1, len(ends), size // 2):
        since = ends[first] if first >= 0 else None
        until = ends[min(first + size, len(ends) - 1)]
        while at < len(operations) and operations[at].invoked <= until:
            live.append(operations[at])
            at += 1
        if since is not None:
            live = [op for op in live if op.type != "ok" or op.completed is None or op.completed > since]
        yield since, until, list(live)


def _smallest(window: Callable[[int], Window | None], too_small: int, size: int, found: Window) -> Window:
    """By halving: a longer window knows more, so it is wrong too."""
    while size - too_small > 1:
        middle = (size + too_small) // 2
        smaller = window(middle)
        if smaller is None:
            too_small = middle
        else:
            size, found = middle, smaller
    return found

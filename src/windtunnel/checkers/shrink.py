"""From a history without a legal order to the few operations that show it.

Three cuts, each of which keeps the argument whole: whoever finds no order of what is left has shown that the whole has none.

* *The end.* What was invoked after the operation that got stuck returned cannot have helped it.
* *The beginning.* From some moment on the rest is wrong whatever the state was at that moment; operations pending then may
  have taken effect before it, or after. The later the moment, the shorter the window.
* *The middle.* Operations that could be taken out of any legal order (`Specification.droppable`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from windtunnel.checkers.problem import Reductions, call_of, prepare
from windtunnel.checkers.search import Search
from windtunnel.checkers.specification import Specification
from windtunnel.histories import Operation

_TRY_STEPS = 20_000
"""One attempt may take so many configurations; what is not shown by then counts as not shown."""


@dataclass(slots=True)
class Window:
    """Operations of one object without a legal order, from a moment on (None: from the beginning), and their finished search."""

    operations: list[Operation]
    since: int | None
    search: Search


class Shrinking:
    """Looks for small windows; `steps` is what it may still spend, in configurations."""

    def __init__(self, specification: Specification, reductions: Reductions, steps: int) -> None:
        self.specification = specification
        self.reductions = reductions
        self.steps = steps

    def broken(self, operations: Sequence[Operation], since: int | None) -> Window | None:
        """These operations as a window, if it can be shown that they have no legal order."""
        if self.steps <= 0 or not operations:
            return None
        chosen = list(operations)
        if since is not None:
            chosen = [op for op in chosen if op.invoked >= since or not self.specification.reads_only(call_of(op))]
        problem = prepare(self.specification, chosen, self.reductions, since=since)
        self.steps -= len(chosen)
        if problem is None:
            return None
        search = Search(problem, self.reductions)
        found = search.run(min(_TRY_STEPS, max(self.steps, 1)))
        self.steps -= search.steps
        return Window(chosen, since, search) if found is False else None

    def honest(self, operations: Sequence[Operation]) -> Search | None:
        """A finished search that knows nothing of later reads: it is stuck where the story is, not where they show it."""
        problem = prepare(self.specification, operations, replace(self.reductions, observed_predecessors=False))
        assert problem is not None, "the beginning is always known"
        search = Search(problem, self.reductions)
        found = search.run(_TRY_STEPS)
        self.steps -= search.steps
        return search if found is False else None

    def window_before(self, operations: Sequence[Operation], stuck: Operation) -> Window | None:
        """The shortest window that ends with the return of `stuck`; None if there is none short of the beginning."""
        end = stuck.completed
        assert end is not None
        prefix = [op for op in operations if op.invoked < end]
        ends = sorted(op.completed for op in prefix if op.type == "ok" and op.completed is not None and op.completed < end)

        def window(returns: int) -> Window | None:
            since = ends[-returns]
            return self.broken([op for op in prefix if op.type == "info" or (op.completed or 0) > since], since)

        size = 1
        while size <= len(ends):
            found = window(size)
            if found is not None:
                return _smallest(window, size // 2, size, found)
            size *= 2
        return None

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
        """The window without those of its operations that can be dropped."""
        operations = window.operations
        droppable = self.specification.droppable([call_of(op) for op in operations])
        kept = [op for at, op in enumerate(operations) if not (start <= at < stop and droppable[at])]
        if len(kept) == len(operations):
            return None
        return self.broken(kept, window.since)


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

"""A stack: last in, first out.

Theory of operation, for distinct values
----------------------------------------
After Lee & Mathur, "Efficient decrease-and-conquer linearizability monitoring", OOPSLA 2025, and the interval view of Abdulla et
al., "Efficient linearizability monitoring", PLDI 2025; the argument is our own.

A value can be pushed in the gaps from a to b, and popped in those from c to d (see `lifetimes`).

1. If b >= c there is a gap for both: pushed and popped at once, the value disturbs nobody. It is put aside.
2. Every other one is certainly there from b to c. Where these stays overlap, one after the other, the stack is never empty,
   from the first b (L) to the last c (R); and where they do not, it can be made empty: whatever is there in some order, and
   need not be, can be popped just before that moment, or pushed just after it, and the others keep their order. So each such
   *run* of overlapping stays is judged by itself.
3. As the stack is not empty within a run, one value lies at its bottom all the time: pushed by L and popped not before R. Any
value that
   can, a <= L and d >= R, may: below all others it disturbs nobody. So all of them are put aside, and what is left of the run is
   judged again. If there is none, there is no legal order.
4. A pop that found nothing needs a gap outside all runs.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from windtunnel.checkers.objects.collection import NEVER, Collection
from windtunnel.histories.columns import Columns

if TYPE_CHECKING:
    from windtunnel.checkers.objects.lifetimes import Lifetimes

_WORK_MAX = 20_000_000
"""Values looked at, in all rounds together, before it is left to the search; half a minute of them."""


class Stack(Collection):
    """A stack: push a value, pop the one that came last, null if there is none."""

    name: ClassVar[str] = "stack"
    put: ClassVar[str] = "push"
    take: ClassVar[str] = "pop"
    noun: ClassVar[str] = "stack"
    functions: Mapping[str, str] = {"push": "push(value)", "pop": "pop() -> value or null"}

    def removed(self, state: tuple[Any, ...]) -> tuple[Any, tuple[Any, ...]]:
        """The last one."""
        return state[-1], state[:-1]

    def conflict(self, columns: Columns, key: int) -> list[int] | None:
        """The values of a run without a bottom; or an empty answer within a run."""
        from windtunnel.checkers.objects.lifetimes import Impossible, lifetimes, operations_of  # noqa: PLC0415 - numpy

        lives = lifetimes(columns, key, self.put, self.take)
        if lives is None or isinstance(lives, Impossible):
            return None if lives is None else lives.core
        stays = _stays(lives)
        runs = _runs(stays)
        for at, (begin, end) in enumerate(zip(lives.empty_invoked.tolist(), lives.empty_returned.tolist(), strict=True)):
            for left, right, run in runs:
                if left < begin and end - 1 < right:
                    near = [stay[4] for stay in run if stay[1] < end and stay[2] > begin]
                    return sorted([int(lives.empties[at]), *operations_of(lives, near)])
        places = _without_bottom(runs)
        return None if places is None else operations_of(lives, places)


Stay = tuple[int, int, int, int, int]
"""First and last gap for the push, first and last gap for the pop, place among the lifetimes."""


def _stays(lives: Lifetimes) -> list[Stay]:
    """The values that are certainly there for a while, by when."""
    columns = (lives.put_invoked, lives.put_returned - 1, lives.take_invoked, lives.take_returned - 1)
    rows = zip(*(column.tolist() for column in columns), range(len(lives.value)), strict=True)
    return sorted((row for row in rows if row[1] < row[2]), key=lambda row: row[1])


def _runs(stays: list[Stay]) -> list[tuple[int, int, list[Stay]]]:
    """Stays that overlap one after the other, with the gaps before and after them. `stays` are ordered by their beginning."""
    runs: list[tuple[int, int, list[Stay]]] = []
    run: list[Stay] = []
    left = right = -1
    for stay in stays:
        if run and stay[1] < right:
            run.append(stay)
            right = max(right, stay[2])
        else:
            if run:
                runs.append((left, right, run))
            run, left, right = [stay], stay[1], stay[2]
    if run:
        runs.append((left, right, run))
    return runs


def _without_bottom(runs: list[tuple[int, int, list[Stay]]]) -> list[int] | None:
    """The values of a run without a bottom, by place; an empty list if every run has one, None if it takes too long to tell."""
    work = 0
    while runs:
        left, right, run = runs.pop()
        last = right if right < NEVER else NEVER - 1  # what is never popped can be popped last
        rest = [stay for stay in run if stay[0] > left or stay[3] < last]
        work += len(run)
        if len(rest) == len(run):
            return [stay[4] for stay in run]
        if work > _WORK_MAX:
            return None
        runs += _runs(rest)
    return []

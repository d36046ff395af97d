"""A queue: first in, first out.

With distinct values a history is wrong in four ways only (Henzinger, Sezgin & Vafeiadis, "Aspect-oriented linearizability
proofs", CONCUR 2013): a value taken that was not put in (before), a value taken twice, a value overtaken by one that was
certainly put in later, and a take that found nothing while something was certainly there all the time. Sorting finds each of
them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np

from windtunnel.checkers.objects.collection import Collection
from windtunnel.checkers.objects.lifetimes import NEVER, Impossible, Lifetimes, lifetimes, operations_of
from windtunnel.histories.columns import Columns


class FifoQueue(Collection):
    """A FIFO queue: enqueue a value, dequeue the one that has been there longest, null if there is none."""

    name: ClassVar[str] = "queue"
    put: ClassVar[str] = "enqueue"
    take: ClassVar[str] = "dequeue"
    noun: ClassVar[str] = "queue"
    functions: Mapping[str, str] = {"enqueue": "enqueue(value)", "dequeue": "dequeue() -> value or null"}

    def removed(self, state: tuple[Any, ...]) -> tuple[Any, tuple[Any, ...]]:
        """The first one."""
        return state[0], state[1:]

    def conflict(self, columns: Columns, key: int) -> list[int] | None:
        """A value and the one that overtook it; or an empty answer, and the values that were there all the time."""
        lives = lifetimes(columns, key, self.put, self.take)
        if lives is None or isinstance(lives, Impossible):
            return None if lives is None else lives.core
        return _overtaken(lives) or _not_empty(lives)


def _overtaken(lives: Lifetimes) -> list[int]:
    """Of values put in before, in order of their returns, the one taken latest must not be taken after this one returned."""
    order = np.argsort(lives.put_returned)
    returns, latest = lives.put_returned[order], np.maximum.accumulate(lives.take_invoked[order])
    before = np.searchsorted(returns, lives.put_invoked) - 1
    wrong = np.flatnonzero((before >= 0) & (latest[before] > lives.take_returned))
    if not len(wrong):
        return []
    later = int(wrong[0])
    candidates = order[: before[later] + 1]
    earlier = int(candidates[np.argmax(lives.take_invoked[candidates])])
    return operations_of(lives, [earlier, later])


def _not_empty(lives: Lifetimes) -> list[int]:
    """A take that found nothing, and values that cover its time: each put in before and taken after a part of it."""
    if not len(lives.empties):
        return []
    inside = np.flatnonzero(lives.put_returned < lives.take_invoked)
    if not len(inside):
        return []
    order = inside[np.argsort(lives.put_returned[inside])]
    begins, ends = lives.put_returned[order], np.maximum.accumulate(lives.take_invoked[order])
    fresh = np.concatenate([[True], begins[1:] > ends[:-1]])
    starts = begins[fresh]
    stops = np.concatenate([ends[np.flatnonzero(fresh)[1:] - 1], ends[-1:]])
    cover = np.searchsorted(starts, lives.empty_invoked) - 1
    wrong = np.flatnonzero((cover >= 0) & (lives.empty_returned < np.where(cover >= 0, stops[cover], NEVER)))
    if not len(wrong):
        return []
    empty = int(wrong[0])
    within = [
        int(place)
        for place in order
        if lives.put_returned[place] < lives.empty_returned[empty] and lives.take_invoked[place] > lives.empty_invoked[empty]
    ]
    return sorted([int(lives.empties[empty]), *operations_of(lives, within)])

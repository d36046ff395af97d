"""The two patterns of bad queues that lifetimes do not rule out already: see `fifo_queue`."""

from __future__ import annotations

import numpy as np

from windtunnel.checkers.objects.collection import NEVER
from windtunnel.checkers.objects.lifetimes import Lifetimes, operations_of


def overtaken(lives: Lifetimes) -> list[int]:
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


def not_empty(lives: Lifetimes) -> list[int]:
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

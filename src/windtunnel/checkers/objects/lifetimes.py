"""When each value of a queue, stack or priority queue came and went, if every value came once: what its fast judgement works on.

Positions of events stand for time. An operation takes effect in one of the *gaps* between events: gap g follows event g. So
one that was invoked at position i and returned at r may do so in the gaps i to r - 1, several in one gap in any order.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from windtunnel.checkers.objects.collection import NEVER
from windtunnel.histories.columns import INFO, OK, Columns

Array = np.ndarray[Any, Any]


@dataclass(slots=True)
class Lifetimes:
    """Per value: positions of the invocation and return of what put it in and what took it out, NEVER for what did not happen.

    put, take: numbers of those operations, -1 for none. empties: numbers of the operations that found nothing, and their
    positions. Values that were perhaps put in, and never taken out, are left out.
    """

    value: Array
    put: Array
    take: Array
    put_invoked: Array
    put_returned: Array
    take_invoked: Array
    take_returned: Array
    empties: Array
    empty_invoked: Array
    empty_returned: Array


@dataclass(frozen=True, slots=True)
class Impossible:
    """Operations that have no legal order: a value that came from nowhere, went twice, or went before it came."""

    core: list[int]


def rows_of(columns: Columns, key: int) -> Array | None:
    """The numbers of the operations on a key; None for all of them, if there is only one key."""
    return None if len(columns.keys) == 1 else np.flatnonzero(columns.view("key") == key)


def lifetimes(columns: Columns, key: int, put: str, take: str) -> Lifetimes | Impossible | None:
    """The lifetimes of the values on a key; None if a value was put in twice, or something unknown was perhaps taken out."""
    rows = rows_of(columns, key)
    numbers = np.arange(len(columns)) if rows is None else rows
    f, kind = columns.view("f")[numbers], columns.view("type")[numbers]
    names = {name: number for number, name in enumerate(columns.functions)}
    puts = numbers[(f == names.get(put, -1)) & ((kind == OK) | (kind == INFO))]
    takes = numbers[(f == names.get(take, -1)) & (kind == OK)]
    if np.any((f == names.get(take, -1)) & (kind == INFO)):
        return None
    value, result, invoked = columns.view("value"), columns.view("result"), columns.view("invoked")
    returned = np.where((columns.view("type") == OK) & (columns.view("completed") >= 0), columns.view("completed"), NEVER)
    count = len(columns.values)
    put_of = np.full(count, -1, np.int64)
    put_of[value[puts]] = puts
    if (len(puts) and np.bincount(value[puts], minlength=1).max() > 1) or put_of[0] >= 0:
        return None
    found_nothing = result[takes] == 0
    empties, takes = takes[found_nothing], takes[~found_nothing]
    take_of = np.full(count, -1, np.int64)
    take_of[result[takes]] = takes
    twice = np.flatnonzero(np.bincount(result[takes], minlength=1) > 1)
    if len(twice):
        return Impossible([int(n) for n in takes[result[takes] == twice[0]][:2]] + [int(n) for n in put_of[twice[:1]] if n >= 0])
    unmade = np.flatnonzero((take_of >= 0) & (put_of < 0))
    if len(unmade):
        return Impossible([int(take_of[unmade[0]])])
    chosen = np.flatnonzero((put_of >= 0) & ((take_of >= 0) | (returned[put_of] < NEVER)))
    put_of, take_of = put_of[chosen], take_of[chosen]
    gone = take_of >= 0
    take_invoked = np.where(gone, invoked[take_of], NEVER)
    take_returned = np.where(gone, returned[take_of], NEVER)
    early = np.flatnonzero(take_returned < invoked[put_of])
    if len(early):
        return Impossible([int(put_of[early[0]]), int(take_of[early[0]])])
    return Lifetimes(
        chosen,
        put_of,
        take_of,
        invoked[put_of].astype(np.int64),
        returned[put_of].astype(np.int64),
        take_invoked.astype(np.int64),
        take_returned.astype(np.int64),
        empties,
        invoked[empties].astype(np.int64),
        returned[empties].astype(np.int64),
    )


def operations_of(lives: Lifetimes, chosen: Any) -> list[int]:
    """The numbers of the operations on some of the values (their places in the lifetimes), by invocation."""
    places = np.asarray(chosen, dtype=np.int64)
    both = np.concatenate([lives.put[places], lives.take[places]])
    return sorted(int(number) for number in both[both >= 0])

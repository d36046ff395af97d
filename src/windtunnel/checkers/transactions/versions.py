"""Who wrote what: the append or write that made each (key, value) pair, by arrays."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from windtunnel.histories.transactions.columns import WRITE, Column, Transactions

_DENSE = 8
"""A table is as large as the range of values allows, if that is at most so many entries per write."""


@dataclass(slots=True)
class Writers:
    """Writes by (key, value).

    micro: the micro-operations that write, in order. `find` gives places in it.
    """

    micro: Column
    _low: int
    _span: int
    _table: Column | None
    _sorted: Column
    _places: Column
    _ranks: Column | None

    def find(self, key: Column, value: Column) -> Column:
        """The place of the write of each pair, -1 where there is none."""
        if not len(self.micro):
            return np.full(len(key), -1, np.int64)
        if self._ranks is not None:
            rank = np.searchsorted(self._ranks, value)
            known = (rank < len(self._ranks)) & (self._ranks[np.minimum(rank, len(self._ranks) - 1)] == value)
            value = rank
        else:
            known = (value >= self._low) & (value < self._low + self._span)
            value = value - self._low
        code = np.where(known, key * self._span + value, 0)
        if self._table is not None:
            found = self._table[code]
        else:
            at = np.minimum(np.searchsorted(self._sorted, code), len(self._sorted) - 1)
            found = np.where(self._sorted[at] == code, self._places[at], -1)
        return np.where(known, found, -1)


def writers_of(history: Transactions) -> Writers:
    """The writes of a history. Raises MalformedHistory if one value was written to a key twice: nothing could be told then."""
    micro = np.flatnonzero(history.kind == WRITE)
    key, value = history.key[micro], history.value[micro]
    empty = micro[:0]
    if not len(micro):
        return Writers(micro, 0, 1, None, empty, empty, None)
    low, span = int(value.min()), int(value.max()) - int(value.min()) + 1
    ranks: Column | None = None
    if len(history.keys) * span >= 2**62:
        ranks, value = np.unique(value, return_inverse=True)
        low, span = 0, len(ranks)
    code = key * span + (value - low)
    if ranks is None and len(history.keys) * span <= _DENSE * len(micro) + 2**16:
        table = np.full(len(history.keys) * span, -1, np.int64)
        table[code] = np.arange(len(micro))
        _refuse_repeats(history, micro, table[code] != np.arange(len(micro)), code)
        return Writers(micro, low, span, table, empty, empty, None)
    places = np.argsort(code, kind="stable")
    ordered = code[places]
    repeated = np.zeros(len(micro), bool)
    repeated[places[:-1]] = ordered[1:] == ordered[:-1]
    _refuse_repeats(history, micro, repeated, code)
    return Writers(micro, low, span, None, ordered, places, ranks)


def _refuse_repeats(history: Transactions, micro: Column, repeated: Column, code: Column) -> None:
    if not repeated.any():
        return
    first = int(np.flatnonzero(repeated)[0])
    again = int(np.flatnonzero(code == code[first])[1])
    of = history.of_micro_operations()
    one, two = int(of[micro[first]]), int(of[micro[again]])
    key = history.keys[int(history.key[micro[first]])]
    value = history.shown_value(int(history.value[micro[first]]))
    word = "appended" if history.interface == "list-append" else "written"
    raise history.refuse(two, f"every value {word} to a key once", f"{value!r} {word} to {key!r} also at {history.where(one)}")

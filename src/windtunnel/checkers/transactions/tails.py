"""Writes whose order is not known, but which all come after what some transactions read.

Each of the readers leads to each of those writes, but to its own: a product, which nodes of the graph keep linear.
"""

from __future__ import annotations

import numpy as np

from windtunnel.checkers.transactions.dependencies import Dependencies, Pairs
from windtunnel.histories.transactions.columns import Column


def add_unplaced(found: Dependencies, writes: Column, readers: Column) -> None:
    """Add that all `readers` of a key came before all `writes` to it. Both are micro-operations."""
    history = found.history
    key = history.key[writes]
    order = np.argsort(key, kind="stable")
    writes, key = writes[order], key[order]
    begin = np.searchsorted(key, np.arange(len(history.keys) + 1))  # the writes of a key: begin[key]:begin[key + 1]
    counts = np.diff(begin)
    readers = readers[counts[history.key[readers]] > 0]
    alone = counts[history.key[readers]] == 1
    basis = found.rw.basis
    found.rw.before = np.concatenate([found.rw.before, readers[alone]])
    found.rw.after = np.concatenate([found.rw.after, writes[begin[history.key[readers[alone]]]]])
    if basis is not None:
        found.rw.basis = np.concatenate([basis, np.zeros(int(alone.sum()), np.int8)])
    if not alone.all():
        _add_nodes(found, writes, begin, readers[~alone])


def _add_nodes(found: Dependencies, writes: Column, begin: Column, readers: Column) -> None:
    """Nodes through which a reader leads to all writes of a key, or to all but its own.

    writes: by key, of key k begin[k]:begin[k + 1]. Node i leads to the writes of the key up to the i-th, node count + i to
    those from the i-th on.
    """
    history, of = found.history, found.of
    count = len(writes)
    places = np.arange(count)
    key = history.key[writes]
    same = np.flatnonzero(key[1:] == key[:-1])
    found.tails = 2 * count
    found.from_tail = Pairs(np.concatenate([places, places + count]), np.concatenate([writes, writes]))
    found.tail_links = Pairs(np.concatenate([same + 1, same + count]), np.concatenate([same, same + 1 + count]))
    first, last = begin[history.key[readers]], begin[history.key[readers] + 1]
    # The writes of one transaction stand together: micro-operations are ordered by transaction.
    code = key * len(history) + of[writes]
    own = history.key[readers] * len(history) + of[readers]
    low, high = np.searchsorted(code, own, "left"), np.searchsorted(code, own, "right")
    member = high > low
    up = np.where(member, low, last) - 1
    down = np.where(member, high, last)
    has_up, has_down = up >= first, down < last
    found.to_tail = Pairs(
        np.concatenate([readers[has_up], readers[has_down]]), np.concatenate([up[has_up], down[has_down] + count])
    )

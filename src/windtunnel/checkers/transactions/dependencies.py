"""What transactions owe to each other: Adya's three dependencies, and the orders of sessions and of real time.

| dependency | T1 -> T2 because | word |
|---|---|---|
| ww | T2 wrote the version after one of T1's | overwrote |
| wr | T2 read a version of T1's | read from |
| rw | T2 wrote the version after one that T1 read (anti-dependency) | was not seen by |

Each is kept as a pair of micro-operations, so that every edge can be shown with what it rests on.

Theory of operation. Some edges lead to many places at once, so graphs have nodes that are no transactions:

* The order of real time has up to n^2 edges. One *moment* per completion that an invocation follows, each leading to the next
  one, says the same with 3n: T1 -> the first moment at or after its completion -> ... -> the last one before T2's invocation
  -> T2.
* If several appends to a list were never read, they all come after the longest list that was, in whatever order. Whoever read
  that list leads to a *tail* of the key, and the tail to every one of them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from windtunnel.histories.transactions.columns import BEFORE, NEVER, OK, Column, Transactions

WW, WR, RW, TAIL, SESSION, REALTIME = range(6)
"""Kinds of edges. TAIL leads from a tail to an append or another tail; of REALTIME only the way through all moments counts."""

KINDS = ("ww", "wr", "rw", "rw", "session", "real time")


@dataclass(slots=True)
class Pairs:
    """Dependencies of one kind: micro-operations `before` and `after`, and a number that says what each rests on (or None)."""

    before: Column
    after: Column
    basis: Column | None = None


@dataclass(slots=True)
class Dependencies:
    """The dependencies among the committed transactions of a history.

    committed: per transaction, whether it was answered ok or its writes were seen. tails: how many nodes stand for them;
    to_tail: pairs of a read and a tail; from_tail: pairs of a tail and an append; tail_links: pairs of tails. rests_on: what
    a dependency is known from, beyond its two micro-operations: (kind, before, after, basis) to a clause, empty if nothing.
    """

    history: Transactions
    committed: Column
    ww: Pairs
    wr: Pairs
    rw: Pairs
    tails: int = 0
    to_tail: Pairs = field(default_factory=lambda: Pairs(_none(), _none()))
    from_tail: Pairs = field(default_factory=lambda: Pairs(_none(), _none()))
    tail_links: Pairs = field(default_factory=lambda: Pairs(_none(), _none()))
    rests_on: Callable[[int, int, int, int], str] = lambda *_: ""


def _none() -> Column:
    return np.zeros(0, np.int64)


@dataclass(slots=True)
class Edges:
    """A graph: int32 arrays. Nodes below `transactions` are transactions, above it tails and moments.

    before, after: the micro-operations of each edge (or -1). basis: as in Pairs, 0 if there is none.
    """

    nodes: int
    transactions: int
    source: Column
    target: Column
    kind: Column
    before: Column
    after: Column
    basis: Column

    def chosen(self, mask: Column) -> Edges:
        """The same nodes with some of the edges."""
        return Edges(
            self.nodes, self.transactions, self.source[mask], self.target[mask], self.kind[mask], self.before[mask],
            self.after[mask], self.basis[mask],
        )  # fmt: skip


def assemble(dependencies: Dependencies, *, sessions: bool = True, realtime: bool = True) -> Edges:
    """All edges of a history in one graph; edges within a transaction, or of one that did not commit, are left out."""
    history = dependencies.history
    count = len(history)
    of = history.of_micro_operations()
    parts: list[tuple[int, Column, Column, Column, Column, Column]] = []
    for kind, pairs in ((WW, dependencies.ww), (WR, dependencies.wr), (RW, dependencies.rw)):
        source, target = of[pairs.before], of[pairs.after]
        kept = (source != target) & dependencies.committed[source] & dependencies.committed[target]
        basis = np.zeros(len(source), np.int8) if pairs.basis is None else pairs.basis
        parts.append((kind, source[kept], target[kept], pairs.before[kept], pairs.after[kept], basis[kept]))
    nodes = count + dependencies.tails
    if dependencies.tails:
        to, out = dependencies.to_tail, dependencies.from_tail
        parts.append((RW, of[to.before], to.after + count, to.before, _blank(to.after), _blank(to.after)))
        parts.append((TAIL, out.before + count, of[out.after], _blank(out.after), out.after, _blank(out.after)))
        links = dependencies.tail_links
        blank = _blank(links.after)
        parts.append((TAIL, links.before + count, links.after + count, blank, blank, blank))
    if sessions:
        before, after = session_order(history, dependencies.committed)
        parts.append((SESSION, before, after, _blank(before), _blank(before), _blank(before)))
    if realtime:
        before, after, nodes = realtime_order(history, dependencies.committed, nodes)
        parts.append((REALTIME, before, after, _blank(before), _blank(before), _blank(before)))

    def joined(place: int, kind: type[Any]) -> Column:
        return np.concatenate([part[place] for part in parts]).astype(kind)

    kinds = np.repeat(np.array([part[0] for part in parts], np.int8), [len(part[1]) for part in parts])
    return Edges(
        nodes,
        count,
        joined(1, np.int32),
        joined(2, np.int32),
        kinds,
        joined(3, np.int32),
        joined(4, np.int32),
        joined(5, np.int8),
    )


def _blank(like: Column) -> Column:
    return np.full(len(like), -1, np.int32)


def session_order(history: Transactions, committed: Column) -> tuple[Column, Column]:
    """Pairs of transactions: every committed one after the last of its session that was answered ok before it.

    One without an answer may take effect after later ones of its session: nothing follows from it.
    """
    order = np.argsort(history.session, kind="stable")
    order = order[committed[order] & (history.session[order] >= 0)]
    if not len(order):
        return order, order
    session = history.session[order]
    answered = history.status[order] == OK
    places = np.arange(len(order))
    last = np.maximum.accumulate(np.where(answered, places, -1))
    before = np.concatenate([[-1], last[:-1]])
    kept = (before >= 0) & (session[before] == session)
    return order[before[kept]], order[kept]


def realtime_order(history: Transactions, committed: Column, nodes: int) -> tuple[Column, Column, int]:
    """Edges through moments, and the number of nodes with them: T1 -> T2 if T1 was answered before T2 was asked."""
    who = np.flatnonzero(committed)
    asked = who[history.invoked[who] != BEFORE]
    answered = who[history.completed[who] < NEVER]
    if not len(asked) or not len(answered):
        return who[:0], who[:0], nodes
    answered = answered[np.argsort(history.completed[answered], kind="stable")]
    ends = history.completed[answered]
    earlier = np.searchsorted(ends, history.invoked[asked], "left")  # how many were answered before it was asked
    counts = np.unique(earlier[earlier > 0])
    if not len(counts):
        return who[:0], who[:0], nodes
    moments = nodes + np.arange(len(counts))
    at = np.searchsorted(counts, np.arange(1, len(answered) + 1), "left")  # the first moment that has seen this many answers
    into = at < len(counts)
    out = earlier > 0
    before = np.concatenate([answered[into], moments[:-1], moments[np.searchsorted(counts, earlier[out])]])
    after = np.concatenate([moments[at[into]], moments[1:], asked[out]])
    return before, after, nodes + len(counts)

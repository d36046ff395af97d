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

from windtunnel.histories.transactions.columns import BEFORE, FAIL, NEVER, OK, Column, Transactions

WW, WR, RW, TAIL, SESSION, REALTIME = range(6)
"""Kinds of edges. TAIL leads from a tail to an append or another tail; of REALTIME only the way through all moments counts."""

KINDS = ("ww", "wr", "rw", "rw", "session", "real time")


def _none() -> Column:
    return np.zeros(0, np.int64)


@dataclass(slots=True)
class Pairs:
    """Dependencies of one kind: micro-operations `before` and `after`, and what each rests on.

    basis: 0 what was read, 1 also the order of a session, 2 also that of real time; None if all are 0.
    """

    before: Column
    after: Column
    basis: Column | None = None


@dataclass(slots=True)
class Dependencies:
    """The dependencies among the committed transactions of a history.

    committed: per transaction, whether it was answered ok or its writes were seen. of: transaction per micro-operation.
    tails: how many nodes stand for them; to_tail: pairs of a read and a tail; from_tail: pairs of a tail and an append;
    tail_links: pairs of tails. rests_on: what a dependency is known from, beyond its two micro-operations: (kind, before,
    after, basis) to a clause, empty if nothing.
    """

    history: Transactions
    committed: Column
    of: Column
    ww: Pairs
    wr: Pairs
    rw: Pairs
    tails: int = 0
    to_tail: Pairs = field(default_factory=lambda: Pairs(_none(), _none()))
    from_tail: Pairs = field(default_factory=lambda: Pairs(_none(), _none()))
    tail_links: Pairs = field(default_factory=lambda: Pairs(_none(), _none()))
    rests_on: Callable[[int, int, int, int], str] = lambda *_: ""


@dataclass(slots=True)
class Edges:
    """A graph: int32 arrays. Nodes below `transactions` are transactions, above it tails and moments.

    before, after, basis: the micro-operations of the first edges (-1 for none), as in Pairs; the edges of orders come after
    those.
    """

    nodes: int
    transactions: int
    source: Column
    target: Column
    kind: Column
    before: Column = field(default_factory=_none)
    after: Column = field(default_factory=_none)
    basis: Column = field(default_factory=_none)

    def chosen(self, mask: Column) -> Edges:
        """The same nodes with some of the edges, without their micro-operations."""
        return Edges(self.nodes, self.transactions, self.source[mask], self.target[mask], self.kind[mask])

    def tiers(self) -> Column:
        """Per edge the order that it takes to know it: 0 none, 1 that of sessions, 2 that of real time."""
        found = np.zeros(len(self.source), np.int8)
        found[self.kind == SESSION] = 1
        found[self.kind == REALTIME] = 2
        found[: len(self.basis)] = np.maximum(found[: len(self.basis)], self.basis)
        return found

    def micros(self, edge: int) -> tuple[int, int, int]:
        """(before, after, basis) of an edge."""
        if edge >= len(self.before):
            return -1, -1, 0
        return int(self.before[edge]), int(self.after[edge]), int(self.basis[edge])


def assemble(dependencies: Dependencies, *, sessions: bool = True, realtime: bool = True) -> Edges:
    """All edges of a history in one graph; edges within a transaction, or of one that did not commit, are left out."""
    history, of = dependencies.history, dependencies.of
    count = len(history)
    parts: list[_Part] = []
    for kind, pairs in ((WW, dependencies.ww), (WR, dependencies.wr), (RW, dependencies.rw)):
        source, target = of[pairs.before], of[pairs.after]
        kept = source != target
        kept &= dependencies.committed[source]
        kept &= dependencies.committed[target]
        basis = np.zeros(len(source), np.int8) if pairs.basis is None else pairs.basis
        parts.append(_Part(kind, source[kept], target[kept], pairs.before[kept], pairs.after[kept], basis[kept]))
    nodes = count + dependencies.tails
    if dependencies.tails:
        to, out, links = dependencies.to_tail, dependencies.from_tail, dependencies.tail_links
        parts.append(_Part(RW, of[to.before], to.after + count, to.before, _blank(to.after), _blank(to.after)))
        parts.append(_Part(TAIL, out.before + count, of[out.after], _blank(out.after), out.after, _blank(out.after)))
        blank = _blank(links.after)
        parts.append(_Part(TAIL, links.before + count, links.after + count, blank, blank, blank))
    data = len(parts)
    if sessions:
        parts.append(_Part(SESSION, *session_order(history, dependencies.committed)))
    if realtime:
        before, after, nodes = realtime_order(history, dependencies.committed, nodes)
        parts.append(_Part(REALTIME, before, after))
    return Edges(
        nodes,
        count,
        _joined([part.source for part in parts], np.int32),
        _joined([part.target for part in parts], np.int32),
        np.repeat(np.array([part.kind for part in parts], np.int8), [len(part.source) for part in parts]),
        _joined([part.before for part in parts[:data]], np.int32),
        _joined([part.after for part in parts[:data]], np.int32),
        _joined([part.basis for part in parts[:data]], np.int8),
    )


@dataclass(slots=True)
class _Part:
    kind: int
    source: Column
    target: Column
    before: Column = field(default_factory=_none)
    after: Column = field(default_factory=_none)
    basis: Column = field(default_factory=_none)


def _joined(columns: list[Column], kind: Any) -> Column:
    """One column of all, converted on the way."""
    found = np.empty(sum(len(column) for column in columns), kind)
    at = 0
    for column in columns:
        found[at : at + len(column)] = column
        at += len(column)
    return found


def _blank(like: Column) -> Column:
    return np.full(len(like), -1, np.int32)


def session_order(history: Transactions, committed: Column) -> tuple[Column, Column]:
    """Pairs of transactions: every committed one after the last of its session that was answered ok before it.

    One without an answer may take effect after later ones of its session: nothing follows from it.
    """
    session = history.session
    if len(session) and int(session.max()) < 2**15:
        session = session.astype(np.int16)  # sorted by counting
    order = np.argsort(session, kind="stable")
    order = order[committed[order] & (session[order] >= 0)]
    if not len(order):
        return order, order
    session = session[order]
    answered = history.status[order] == OK
    last = np.maximum.accumulate(np.where(answered, np.arange(len(order)), -1))
    before = np.concatenate([[-1], last[:-1]])
    kept = (before >= 0) & (session[before] == session)
    return order[before[kept]], order[kept]


def sessions_show_in_time(history: Transactions) -> bool:
    """Whether the order of sessions is a part of that of real time: whoever answered, answered before the next was asked."""
    before, after = session_order(history, history.status != FAIL)
    return bool((history.completed[before] < history.invoked[after]).all())


def realtime_order(history: Transactions, committed: Column, nodes: int) -> tuple[Column, Column, int]:
    """Edges through moments, and the number of nodes with them: T1 -> T2 if T1 was answered before T2 was asked."""
    who = np.flatnonzero(committed)
    asked = who[history.invoked[who] != BEFORE]
    answered = who[history.completed[who] < NEVER]
    if not len(asked) or not len(answered):
        return who[:0], who[:0], nodes
    ends = history.completed[answered]
    begins = history.invoked[asked]
    last = 1 + max(int(ends.max()), int(begins.max()))
    holder = np.full(last if last <= 8 * len(history) + 1024 and int(ends.min()) >= 0 else 0, -1, np.int64)
    if len(holder):
        holder[ends] = answered
    present = holder >= 0
    if int(present.sum()) == len(answered):  # positions are counted through: nothing has to be sorted
        answered = holder[present]
        earlier: Column = (np.cumsum(present) - present)[begins]
    else:
        order = np.argsort(ends, kind="stable")
        answered = answered[order]
        earlier = np.searchsorted(ends[order], begins, "left")
    # earlier: how many were answered before it was asked
    needed = np.zeros(len(answered) + 1, bool)
    needed[earlier] = True
    needed[0] = False
    moments = nodes + np.cumsum(needed) - 1  # of the first so many answers, if one is needed there
    count = int(needed.sum())
    if not count:
        return who[:0], who[:0], nodes
    # An answer leads to the first moment that has seen it, which is the number of needed moments before it.
    at = nodes + (np.cumsum(needed) - needed)[1:]
    into = at < nodes + count
    out = earlier > 0
    chain = np.arange(nodes, nodes + count)
    before = np.concatenate([answered[into], chain[:-1], moments[earlier[out]]])
    after = np.concatenate([at[into], chain[1:], asked[out]])
    return before, after, nodes + count

"""Registers that are written and read: who read from whom is known, the order of versions only in part.

Sources: Kingsbury & Alvaro 2020 (Elle's rw-register); Tan et al. 2020 (Cobra: chains of read-modify-writes); Wang et al.,
"MTC", 2025, for why that is enough when every write follows a read.

Theory of operation. Each value is written to a key once, so a read names the transaction that it read from. A transaction
that read one version and wrote another (read-modify-write) tells their order, and that nothing lies between them at any level
from snapshot isolation on: versions form *chains*. The unwritten state comes before all. Writes of one session, or one after
the other in real time, are ordered at the levels that keep these orders. If one chain holds all versions of every key, all
dependencies are known, in linear time. The order of two chains is an open choice, which `chains_of` leaves to `orders`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from windtunnel.checkers.transactions.dependencies import Dependencies, Pairs
from windtunnel.checkers.transactions.groups import Groups, groups_of
from windtunnel.checkers.transactions.tails import add_unplaced
from windtunnel.checkers.transactions.versions import Writers, writers_of
from windtunnel.histories.transactions.columns import BEFORE, INFO, NEVER, NIL, OK, READ, Column, Transactions

BY_UPDATE, BY_SESSION, BY_TIME, BY_CHOICE = range(4)
"""What the order of two versions rests on: a read-modify-write, a session, real time, or that the other order is out."""

NOBODY = -1

_SUCCESSORS_MAX = 4
"""So many read-modify-writes of one version are told apart; a second one is a lost update already."""


@dataclass(slots=True)
class Registers:
    """A rw-register history and what it says about versions.

    of: transaction per micro-operation. reads: external reads, micro-operations; origin: per external read the place in
    `writers` of the write it read, NOBODY if it read nil or what nobody wrote; nil: which of them read nil. committed: per
    transaction. versions: places in `writers` of the last write of each committed transaction to a key; previous: per place
    in `writers` the place of the version that a read-modify-write read, NOBODY if nil, -2 if there is none; last_write: per
    external read the place of the same transaction's last write to the key, NOBODY if it has none.
    """

    history: Transactions
    of: Column
    writers: Writers
    groups: Groups
    reads: Column
    origin: Column
    nil: Column
    committed: Column = field(default_factory=lambda: np.zeros(0, bool))
    versions: Column = field(default_factory=lambda: np.zeros(0, np.int64))
    previous: Column = field(default_factory=lambda: np.zeros(0, np.int64))
    last_write: Column = field(default_factory=lambda: np.zeros(0, np.int64))


def registers_of(history: Transactions) -> Registers:
    """Read versions off a history. Raises MalformedHistory if one value was written to a key twice."""
    of = history.of_micro_operations()
    writers = writers_of(history)
    groups = groups_of(history, of)
    reads = np.flatnonzero((history.kind == READ) & ~groups.after_own_write)
    reads = _first_of_each(history, of, reads)
    value = history.value[reads]
    nil = value == NIL
    origin = np.where(nil, NOBODY, writers.find(history.key[reads], value))
    found = Registers(history, of, writers, groups, reads, origin, nil)
    found.committed = history.status == OK
    seen = np.zeros(len(history), bool)
    every = np.flatnonzero(history.kind == READ)
    place = writers.find(history.key[every], history.value[every])
    seen[of[writers.micro[place[place >= 0]]]] = True
    found.committed |= seen & (history.status == INFO)
    final = groups.final[writers.micro] & found.committed[of[writers.micro]]
    found.versions = np.flatnonzero(final)
    _add_updates(found)
    return found


def _first_of_each(history: Transactions, of: Column, reads: Column) -> Column:
    """Of several reads of a key in one transaction the first, and those that differ from the one before them."""
    code = of[reads] * len(history.keys) + history.key[reads]
    order = np.argsort(code, kind="stable")
    same = np.zeros(len(reads), bool)
    ordered, value = code[order], history.value[reads][order]
    same[order[1:]] = (ordered[1:] == ordered[:-1]) & (value[1:] == value[:-1])
    kept: Column = reads[~same]
    return kept


def _add_updates(found: Registers) -> None:
    """Which version each version was written upon, where its transaction had read one before."""
    of, writers = found.of, found.writers
    count = len(found.history.keys)
    code = of[writers.micro[found.versions]] * count + found.history.key[writers.micro[found.versions]]
    order = np.argsort(code, kind="stable")
    wanted = of[found.reads] * count + found.history.key[found.reads]
    at = np.searchsorted(code[order], wanted)
    found.previous = np.full(len(writers.micro), -2, np.int64)
    found.last_write = np.full(len(found.reads), NOBODY, np.int64)
    if not len(code):
        return
    hit = code[order][np.minimum(at, len(code) - 1)] == wanted
    place = found.versions[order[np.minimum(at, len(code) - 1)]]
    found.last_write[hit] = place[hit]
    known = hit & (found.nil | (found.origin >= 0))
    # Of several reads of the key the first counts: it comes first in `reads`, so it is stored last.
    chosen = np.flatnonzero(known)[::-1]
    origin = found.origin[chosen]
    found.previous[place[chosen]] = _final_of(found, origin)


def _final_of(found: Registers, origin: Column) -> Column:
    """The version that a transaction left behind, given the place of any of its writes to the key; NOBODY stays NOBODY."""
    count = len(found.history.keys)
    writers = found.writers
    code = found.of[writers.micro] * count + found.history.key[writers.micro]
    final = np.flatnonzero(found.groups.final[writers.micro])
    order = np.argsort(code[final], kind="stable")
    at = np.searchsorted(code[final][order], code[np.maximum(origin, 0)])
    return np.where(origin >= 0, final[order[np.minimum(at, len(final) - 1)]], origin)


# --- Dependencies ---


def dependencies_of(found: Registers, *, sessions: bool = True, realtime: bool = True) -> Dependencies:
    """What is known whatever the open orders are. sessions, realtime: whether writes to a key are ordered by these."""
    history, writers, of = found.history, found.writers, found.of
    micro = writers.micro
    read_from = found.origin >= 0
    wr = Pairs(micro[found.origin[read_from]], found.reads[read_from])
    updated = found.versions[found.previous[found.versions] >= 0]
    before = [(found.previous[updated], updated, BY_UPDATE)]
    if sessions:
        before.append((*_by_session(found), BY_SESSION))
    if realtime:
        before.append((*_by_time(found), BY_TIME))
    earlier = np.concatenate([pair[0] for pair in before])
    later = np.concatenate([pair[1] for pair in before])
    basis = np.repeat(np.array([pair[2] for pair in before], np.int8), [len(pair[0]) for pair in before])
    ww = Pairs(micro[earlier], micro[later], basis)
    readers = _readers(found)
    number, reader = _spread(readers, earlier)
    rw = Pairs(found.reads[reader], micro[later[number]], basis[number])
    result = Dependencies(history, found.committed, of, ww, wr, rw, rests_on=_resting(found))
    roots = found.versions[found.previous[found.versions] < 0]
    add_unplaced(result, micro[roots], found.reads[found.nil])
    return result


def _readers(found: Registers) -> tuple[Column, Column]:
    """(order, begins): external reads by the version they read; those of version v are order[begins[v]:begins[v + 1]]."""
    version = np.where(
        found.origin >= 0, _final_of(found, np.maximum(found.origin, 0)) if len(found.writers.micro) else 0, NOBODY
    )
    order = np.argsort(version, kind="stable")
    begins = np.searchsorted(version[order], np.arange(len(found.writers.micro) + 1))
    return order, begins


def _spread(readers: tuple[Column, Column], versions: Column) -> tuple[Column, Column]:
    """(number in versions, place in reads) for every read of every version."""
    order, begins = readers
    counts = begins[versions + 1] - begins[versions]
    number = np.repeat(np.arange(len(versions)), counts)
    within = np.arange(len(number)) - np.repeat(np.cumsum(counts) - counts, counts)
    return number, order[begins[versions][number] + within]


def _by_session(found: Registers) -> tuple[Column, Column]:
    """Pairs of versions of one key that one session wrote, one after the other."""
    history, micro = found.history, found.writers.micro
    versions = found.versions
    who = found.of[micro[versions]]
    kept = history.session[who] >= 0
    versions, who = versions[kept], who[kept]
    order = np.lexsort((who, history.session[who], history.key[micro[versions]]))
    versions, who = versions[order], who[order]
    key, session = history.key[micro[versions]], history.session[who]
    same = (key[1:] == key[:-1]) & (session[1:] == session[:-1]) & (history.status[who[:-1]] == OK)
    return versions[:-1][same], versions[1:][same]


def _by_time(found: Registers) -> tuple[Column, Column]:
    """Pairs of versions of one key of which one was answered before the other was asked, and no third lies between them."""
    history, micro = found.history, found.writers.micro
    versions = found.versions
    who = found.of[micro[versions]]
    key = history.key[micro[versions]]
    begins, ends = history.invoked[who], history.completed[who]
    span = 2 + max((int(begins.max()), int(np.where(ends < NEVER, ends, 0).max()))) if len(who) else 1
    # Codes put one key after the other; within a key they are positions.
    order = np.argsort(key * span + begins + 1, kind="stable")
    asked = (key * span + begins + 1)[order]
    first_end = np.where(ends < NEVER, key * span + ends + 1, (key + 1) * span)[order]
    # The earliest answer among those that were asked from some place on, within the key.
    earliest = np.minimum.accumulate(first_end[::-1])[::-1] if len(order) else first_end
    answered = np.flatnonzero(ends < NEVER)
    code = key[answered] * span + ends[answered] + 1
    low = np.searchsorted(asked, code, "right")
    limit = np.minimum((key[answered] + 1) * span, np.append(earliest, np.iinfo(np.int64).max)[low])
    high = np.maximum(np.searchsorted(asked, limit, "left"), low)
    counts = high - low
    number = np.repeat(np.arange(len(answered)), counts)
    within = np.arange(len(number)) - np.repeat(np.cumsum(counts) - counts, counts)
    later = order[low[number] + within]
    known = begins[later] != BEFORE
    return versions[answered[number[known]]], versions[later[known]]


def _resting(found: Registers) -> Any:
    """What the order of two versions is known from."""

    def rests_on(kind: int, before: int, after: int, basis: int) -> str:
        if kind == 1:
            return ""
        writer = int(found.of[after])
        if basis == BY_SESSION:
            return "the writes are of one session"
        if basis == BY_TIME:
            return "the earlier write was answered before the later one was asked"
        if basis == BY_CHOICE:
            return "the other order makes a cycle, too"
        if kind == 0:
            return f"T{writer} had read what it replaced"
        return f"T{writer} replaced what T{int(found.of[before])} read" if found.history.value[before] != NIL else ""

    return rests_on


# --- Chains, and what stays open ---


@dataclass(frozen=True, slots=True)
class Chain:
    """Versions of a key with nothing between them: places in `writers`. readers: of the last one, micro-operations."""

    key: int
    first: int
    last: int
    readers: tuple[int, ...]


def chains_of(found: Registers) -> dict[int, list[Chain]]:
    """The chains of every key that has several; nothing for keys whose versions are all in order."""
    versions = found.versions
    previous = found.previous[versions]
    following = {int(p): int(v) for v, p in zip(versions.tolist(), previous.tolist(), strict=True) if p >= 0}
    key = found.history.key[found.writers.micro[versions]]
    roots = versions[previous < 0]
    counted = np.bincount(key[previous < 0], minlength=len(found.history.keys))
    order, begins = _readers(found)
    chains: dict[int, list[Chain]] = {}
    for root in roots[counted[key[previous < 0]] > 1].tolist():
        last = root
        while last in following:
            last = following[last]
        readers = tuple(found.reads[order[begins[last] : begins[last + 1]]].tolist())
        number = int(found.history.key[found.writers.micro[root]])
        chains.setdefault(number, []).append(Chain(number, root, last, readers))
    return chains


def has_lost_update(found: Registers) -> bool:
    """Whether two read-modify-writes replaced one version: then versions form no chains."""
    previous = found.previous[found.versions]
    key = found.history.key[found.writers.micro[found.versions]]
    code = np.where(previous >= 0, previous, -1 - key)[previous != -2]
    return len(np.unique(code)) < len(code)


__all__ = [
    "BY_CHOICE",
    "BY_SESSION",
    "BY_TIME",
    "BY_UPDATE",
    "Chain",
    "Registers",
    "chains_of",
    "dependencies_of",
    "has_lost_update",
    "registers_of",
]

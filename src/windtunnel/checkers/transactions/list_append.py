"""Dependencies among transactions that append to lists and read them.

Source: Kingsbury & Alvaro, "Elle: Inferring Isolation Anomalies from Experimental Observations", 2020; names of anomalies are
Elle's. Departs: vectorised over columns; versions that failed transactions or nobody wrote are passed over in the order of
versions; a read depends on the last committed element that it shows. Several appends to a key that were never read come, in
whatever order, after the longest read.
"""

from __future__ import annotations

from itertools import combinations
from typing import Any

import numpy as np

from windtunnel.checkers.transactions.anomalies import Anomaly
from windtunnel.checkers.transactions.dependencies import Dependencies, Pairs
from windtunnel.checkers.transactions.groups import Groups, groups_of
from windtunnel.checkers.transactions.list_anomalies import direct_anomalies
from windtunnel.checkers.transactions.lists import Lists, elements_of, lists_of
from windtunnel.checkers.transactions.orders import CHOICES_MAX, Pair, Pairing, pair_of
from windtunnel.checkers.transactions.tails import add_unplaced
from windtunnel.histories.operations import shown
from windtunnel.histories.transactions.columns import Column, Transactions, worded


def analysed(history: Transactions) -> tuple[list[Anomaly], Dependencies, Pairing, None]:
    """The anomalies that are no cycles, what depends on what, and which orders of appends are open. Raises MalformedHistory."""
    lists = lists_of(history)
    groups = groups_of(history, lists.of)
    return direct_anomalies(lists, groups), dependencies_of(lists, groups), _pairing(lists), None


def _pairing(lists: Lists) -> Pairing:
    """Appends to one key that nobody read: their order is open."""

    def pairs(tier: int) -> list[Pair] | None:  # noqa: ARG001 - which orders hold shows in the graph
        unread = _unread(lists)
        key = lists.history.key[unread]
        order = np.argsort(key, kind="stable")
        begins = np.flatnonzero(np.concatenate([[True], key[order][1:] != key[order][:-1]])) if len(order) else order
        sizes = np.diff(np.append(begins, len(order)))
        if int((sizes * (sizes - 1) // 2).sum()) > CHOICES_MAX:
            return None
        found = []
        for begin, size in zip(begins.tolist(), sizes.tolist(), strict=True):
            members = unread[order[begin : begin + size]].tolist()
            found += [pair_of((a, a, ()), (b, b, ())) for a, b in combinations(members, 2) if lists.of[a] != lists.of[b]]
        return found

    return pairs


def dependencies_of(lists: Lists, groups: Groups) -> Dependencies:
    """The dependencies that the lists show."""
    history, writers = lists.history, lists.writers
    slots = _valid_slots(lists)
    slot_key = lists.slot_key()
    micro_of = writers.micro[lists.writer[slots]] if len(slots) else slots
    # ww: consecutive committed versions of one key
    together = np.flatnonzero(slot_key[slots[1:]] == slot_key[slots[:-1]]) if len(slots) else slots
    ww = Pairs(micro_of[together], micro_of[together + 1])
    # wr: the last committed element at or before the one that a read ends with; rw: the next one after it
    external = ~groups.after_own_write[lists.reads]
    key = history.key[lists.reads]
    place = np.searchsorted(slots, lists.last, "right") - 1  # of slots: the last committed one at or before
    begins = np.searchsorted(slots, lists.first)
    has_before = external & (lists.last >= 0) & (place >= begins[key])
    wr = Pairs(micro_of[place[has_before]], lists.reads[has_before])
    stray = np.flatnonzero(external & lists.bad & (lists.last < 0))
    if len(stray):
        wr = _with_strays(lists, wr, stray)
    following = np.where(lists.last >= 0, place + 1, begins[key])
    readable = external & ~lists.bad  # a list that fits nowhere shows nothing about what it lacks
    has_next = readable & (following < begins[key + 1])
    rw = Pairs(lists.reads[has_next], micro_of[following[has_next]])
    found = Dependencies(history, lists.committed, lists.of, ww, wr, rw, rests_on=_resting(lists))
    _add_unread(lists, found, micro_of, begins, lists.reads[readable & ~has_next])
    return found


def _valid_slots(lists: Lists) -> Column:
    """The slots that stand for a committed append, each append once."""
    held: Column = np.flatnonzero(lists.writer >= 0)
    own = lists.writer[held]
    valid: Column = held[(lists.slot_of[own] == held) & lists.committed[lists.of[lists.writers.micro[own]]]]
    return valid


def _with_strays(lists: Lists, wr: Pairs, stray: Column) -> Pairs:
    """Reads whose last element is in no slot still depend on whoever appended that."""
    micro = lists.reads[stray]
    value = lists.history.elements[lists.history.offsets[micro + 1] - 1]
    place = lists.writers.find(lists.history.key[micro], value)
    kept = place >= 0
    return Pairs(np.concatenate([wr.before, lists.writers.micro[place[kept]]]), np.concatenate([wr.after, micro[kept]]))


def _add_unread(lists: Lists, found: Dependencies, micro_of: Column, begins: Column, ends: Column) -> None:
    """Committed appends that no read shows: they come after the longest list, and whoever read that came before them.

    ends: reads of all there is to read of their key.
    """
    history = lists.history
    tails = _unread(lists)
    if not len(tails):
        return
    key = history.key[tails]
    ended = begins[key + 1] > begins[key]
    found.ww.before = np.concatenate([found.ww.before, micro_of[begins[key[ended] + 1] - 1]])
    found.ww.after = np.concatenate([found.ww.after, tails[ended]])
    add_unplaced(found, tails, ends)


def _unread(lists: Lists) -> Column:
    """Committed appends that no read shows, micro-operations."""
    micro = lists.writers.micro
    unread = (lists.slot_of < 0) & lists.committed[lists.of[micro]]
    bad = np.flatnonzero(lists.bad)
    if len(bad):  # a list that fits nowhere shows them: nothing is known about their place
        place = elements_of(lists, bad)[1]
        unread[place[place >= 0]] = False
    found: Column = micro[unread]
    return found


def _resting(lists: Lists) -> Any:
    """What the order of two versions is known from: the longest read of the key."""

    def rests_on(kind: int, before: int, after: int, basis: int) -> str:  # noqa: ARG001
        history = lists.history
        if kind == 1:
            return ""
        longest = int(lists.longest[history.key[after]])
        if longest < 0 or longest == before:
            return ""
        reader = int(lists.of[longest])
        return f"T{reader} read {shown(history.keys[int(history.key[after])])} = {worded(history.list_read(longest))}"

    return rests_on

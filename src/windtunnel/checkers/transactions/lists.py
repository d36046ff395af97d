"""Lists that are appended to and read: what the reads say about the order of versions.

Theory of operation. The longest read of a key is the order of its versions; it fills *slots*, one per element. Every other
read has to be a prefix of it (`incompatible-order` if not), so a read of length n shows the state of slot n-1, and what
follows is arithmetic on slots.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from windtunnel.checkers.transactions.kernels import differing
from windtunnel.checkers.transactions.versions import Writers, writers_of
from windtunnel.histories.transactions.columns import INFO, OK, READ, Column, Transactions

NOBODY = -1
"""The status of an element's author when nobody appended it."""


@dataclass(slots=True)
class Lists:
    """A list-append history and what its reads say about the order of versions.

    of: transaction per micro-operation. reads, lengths: micro-operations that read, and how much. longest: per key the
    micro-operation of its longest read, or -1. first: (keys + 1) where the slots of each key begin. writer: per slot the
    place of its append in `writers`, -1 for an element nobody appended. slot_of: per append its first slot, or -1. bad: which
    reads are no prefix of the longest; last: per read the slot of its last element, -1 if it shows none that is known.
    """

    history: Transactions
    of: Column
    writers: Writers
    reads: Column
    lengths: Column
    longest: Column
    first: Column
    writer: Column = field(default_factory=lambda: np.zeros(0, np.int64))
    slot_of: Column = field(default_factory=lambda: np.zeros(0, np.int64))
    bad: Column = field(default_factory=lambda: np.zeros(0, bool))
    last: Column = field(default_factory=lambda: np.zeros(0, np.int64))
    committed: Column = field(default_factory=lambda: np.zeros(0, bool))

    def status_of(self, place: Column) -> Column:
        """The status of whoever made each append, given places in `writers`; NOBODY where there is none."""
        if not len(self.writers.micro):
            return np.full(len(place), NOBODY)
        status = self.history.status[self.of[self.writers.micro[np.maximum(place, 0)]]]
        return np.where(place >= 0, status, NOBODY)

    def slot_key(self) -> Column:
        """The key of every slot."""
        return np.repeat(np.arange(len(self.first) - 1), np.diff(self.first))


def lists_of(history: Transactions) -> Lists:
    """Read the order of versions off a history. Raises MalformedHistory if one value was appended to a key twice."""
    reads = np.flatnonzero(history.kind == READ)
    lengths = (history.offsets[1:] - history.offsets[:-1])[reads]
    keys = len(history.keys)
    longest_length = np.zeros(keys, np.int64)
    np.maximum.at(longest_length, history.key[reads], lengths)
    longest = np.full(keys, -1, np.int64)
    candidates = reads[(lengths == longest_length[history.key[reads]]) & (lengths > 0)][::-1]
    longest[history.key[candidates]] = candidates  # the earliest of equals stays
    first = np.zeros(keys + 1, np.int64)
    np.cumsum(longest_length, out=first[1:])
    lists = Lists(history, history.of_micro_operations(), writers_of(history), reads, lengths, longest, first)
    order = _order(lists)
    lists.bad = _no_prefixes(lists, order)
    lists.writer = lists.writers.find(lists.slot_key(), order)
    lists.slot_of = np.full(len(lists.writers.micro), -1, np.int64)
    known = np.flatnonzero(lists.writer >= 0)[::-1]
    lists.slot_of[lists.writer[known]] = known  # of a duplicate the first one stays
    lists.last = np.where(lengths > 0, first[history.key[reads]] + lengths - 1, -1)
    _place_bad_reads(lists)
    lists.committed = _committed(lists)
    return lists


def _order(lists: Lists) -> Column:
    """The elements of all slots: the longest read of every key, one after the other."""
    count = int(lists.first[-1])
    begins = lists.history.offsets[np.maximum(lists.longest, 0)]
    source = np.repeat(begins - lists.first[:-1], np.diff(lists.first)) + np.arange(count)
    return lists.history.elements[source]


def _no_prefixes(lists: Lists, order: Column) -> Column:
    """Which reads are no prefix of the longest read of their key."""
    history = lists.history
    bad = np.zeros(len(lists.reads), bool)
    compared = np.flatnonzero((lists.lengths > 0) & (lists.longest[history.key[lists.reads]] != lists.reads))
    micro = lists.reads[compared]
    begins = history.offsets[micro]
    bad[compared[differing(history.elements, begins, lists.lengths[compared], order, lists.first[history.key[micro]])]] = True
    return bad


def elements_of(lists: Lists, chosen: Column) -> tuple[Column, Column]:
    """(place in `chosen`, place of its append or -1) of every element of some reads."""
    history = lists.history
    micro = lists.reads[chosen]
    size = lists.lengths[chosen]
    who = np.repeat(np.arange(len(chosen)), size)
    within = np.arange(len(who)) - np.repeat(np.cumsum(size) - size, size)
    values = history.elements[history.offsets[micro][who] + within]
    return who, lists.writers.find(history.key[micro][who], values)


def _place_bad_reads(lists: Lists) -> None:
    """Reads that are no prefix: the slot of their last element, wherever that is."""
    bad = np.flatnonzero(lists.bad)
    if len(bad):
        micro = lists.reads[bad]
        value = lists.history.elements[lists.history.offsets[micro + 1] - 1]
        place = lists.writers.find(lists.history.key[micro], value)
        lists.last[bad] = -1
        lists.last[bad[place >= 0]] = lists.slot_of[place[place >= 0]]


def _committed(lists: Lists) -> Column:
    """Transactions that were answered ok, and those without an answer of which something was read."""
    history = lists.history
    committed: Column = history.status == OK
    seen = lists.writer[lists.writer >= 0]
    bad = np.flatnonzero(lists.bad)
    if len(bad):
        place = elements_of(lists, bad)[1]
        seen = np.concatenate([seen, place[place >= 0]])
    found = np.zeros(len(history), bool)
    found[lists.of[lists.writers.micro[seen]]] = True
    committed |= found & (history.status == INFO)
    return committed


# --- Micro-operations of one transaction on one key ---

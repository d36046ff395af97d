"""The log: entries, what of them is durable, and how a server comes back from it.

Source:  Ongaro & Ousterhout 2014, section 5.3 and figure 2 ("Persistent state"); section 7 for compaction.

A log is a list with an offset. Everything up to `base_index` has been compacted away; it was committed, so it agrees with
every other log, and only its term is kept, for the consistency check. Indexes are 1-based, as in the paper; index 0 is
the empty log, of term 0.

The newest `Configuration` in the log is the one in force, committed or not (thesis, section 4.1). The log therefore keeps
the list of them, and takes the last one back when it is truncated.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from typing import Any, NamedTuple, TypeAlias

from windtunnel.base.interface import Reply, Request
from windtunnel.base.messages import Message, NodeId, Value

# --- Entries ---


class NoOp(Message, frozen=True):
    """The first entry of every leader's term: it commits what earlier terms left behind (section 8)."""


class Configuration(Message, frozen=True):
    """The servers that vote from this entry on."""

    members: tuple[NodeId, ...]


Command: TypeAlias = Request | Configuration | NoOp


class Entry(Message, frozen=True):
    """One slot of the log: the command, and the term of the leader that put it there."""

    term: int
    command: Command


# --- Durable records ---


class HardState(Message, frozen=True):
    """`term` is the current one; `vote` went to that server in it. The newest record counts."""

    term: int
    vote: NodeId | None


class Append(Message, frozen=True):
    """The log continues with `entries` after `prev_index`; whatever else stood there is void: an AppendEntries, on disk."""

    prev_index: int
    prev_term: int
    entries: tuple[Entry, ...]


class Snapshot(Message, frozen=True):
    """Everything that the entries up to `index` have done: key-value pairs, the last reply of each session, the members."""

    index: int
    term: int
    members: tuple[NodeId, ...]
    items: tuple[tuple[Value, Value], ...]
    sessions: tuple[Reply, ...]


# --- The log ---


def _term_of(entry: Entry) -> int:
    return entry.term


class Log:
    """Entries `base_index + 1` to `last_index`. `truncations` counts the suffixes lost to a newer leader.

    configurations: (index, members) of every configuration that the log has seen, oldest first; never empty.
    """

    __slots__ = ("base_index", "base_term", "configurations", "entries", "last_index", "last_term", "truncations")

    def __init__(self, base_index: int, base_term: int, members: tuple[NodeId, ...]) -> None:
        self.base_index = self.last_index = base_index
        self.base_term = self.last_term = base_term
        self.configurations = [(base_index, members)]
        self.entries: list[Entry] = []
        self.truncations = 0

    @property
    def members(self) -> tuple[NodeId, ...]:
        """The configuration in force: the newest in the log, committed or not."""
        return self.configurations[-1][1]

    def members_at(self, index: int) -> tuple[NodeId, ...]:
        """The configuration that was in force at `index`."""
        return next(members for at, members in reversed(self.configurations) if at <= index)

    def term_at(self, index: int) -> int:
        """The term of the entry at `index`, from `base_index` to `last_index`."""
        return self.entries[index - self.base_index - 1].term if index > self.base_index else self.base_term

    def entry(self, index: int) -> Entry:
        """The entry at `index`, above `base_index`."""
        return self.entries[index - self.base_index - 1]

    def holds(self, index: int, term: int) -> bool:
        """Whether the entry (index, term) is in this log. What was compacted was committed, so it is the leader's too."""
        return index <= self.base_index or (index <= self.last_index and self.term_at(index) == term)

    def after(self, index: int, count: int) -> tuple[Entry, ...]:
        """At most `count` entries that follow `index`, which is not below `base_index`."""
        at = index - self.base_index
        return tuple(self.entries[at : at + count])

    def first_of_term(self, term: int) -> int:
        """The lowest index, above the base, of an entry whose term is `term` or newer. Terms never fall along a log."""
        return self.base_index + 1 + bisect_left(self.entries, term, key=_term_of)

    def last_of_term(self, term: int) -> int:
        """The highest index of an entry whose term is `term` or older; `base_index` if there is none above it."""
        return self.base_index + bisect_right(self.entries, term, key=_term_of)

    def extend(self, entries: Sequence[Entry]) -> None:
        """Append `entries`, at least one."""
        index = self.last_index
        for entry in entries:
            index += 1
            if type(entry.command) is Configuration:
                self.configurations.append((index, entry.command.members))
        self.entries += entries
        self.last_index = index
        self.last_term = entry.term

    def truncate(self, index: int) -> None:
        """Keep the entries up to `index`, not below `base_index`."""
        del self.entries[index - self.base_index :]
        while self.configurations[-1][0] > index:
            self.configurations.pop()
        self.last_index = index
        self.last_term = self.term_at(index)
        self.truncations += 1

    def compact(self, index: int) -> None:
        """Forget the entries up to `index`, which are in a snapshot."""
        self.base_term = self.term_at(index)
        del self.entries[: index - self.base_index]
        self.base_index = index

    def restart(self, snapshot: Snapshot) -> None:
        """Nothing here agrees with `snapshot`: begin again behind it."""
        self.base_index = self.last_index = snapshot.index
        self.base_term = self.last_term = snapshot.term
        self.configurations = [(snapshot.index, snapshot.members)]
        self.entries = []


# --- Recovery ---


class Recovered(NamedTuple):
    """What a server knows when it boots."""

    term: int
    vote: NodeId | None
    log: Log
    snapshot: Snapshot


def recover(records: Sequence[Any], members: tuple[NodeId, ...]) -> Recovered:
    """Replay durable records, oldest first. `members`: the configuration of a cluster that has no log yet."""
    term, vote = 0, None
    snapshot = Snapshot(0, 0, members, (), ())
    log = Log(0, 0, members)
    for record in records:
        match record:
            case Append(prev_index, prev_term, entries):
                if prev_index < log.base_index:  # a checkpoint keeps some entries that its snapshot covers
                    log = Log(prev_index, prev_term, snapshot.members)
                elif prev_index < log.last_index:
                    log.truncate(prev_index)
                if entries:
                    log.extend(entries)
            case HardState():
                term, vote = record.term, record.vote
            case Snapshot():
                snapshot = record
                log = Log(record.index, record.term, record.members)
            case _:
                raise AssertionError(f"not a record of a Raft log: {record!r}")
    return Recovered(term, vote, log, snapshot)

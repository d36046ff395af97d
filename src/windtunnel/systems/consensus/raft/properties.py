"""What must hold: the five guarantees of figure 3, after every event; situations that runs must reach; how all ends well.

The monitors see every event of every run, so each looks only at what one event on `me` can have changed, and leaves early. They
judge the cores from outside: by terms, roles, commit indexes and the entries of the logs, never by what a server believes.
What a snapshot has swallowed cannot be looked at again; it was looked at when it was appended and when it was committed.
"""

from __future__ import annotations

from typing import TypeAlias

from windtunnel.base.messages import NodeId
from windtunnel.base.properties import Nodes
from windtunnel.systems.consensus.raft.log import Entry, Log
from windtunnel.systems.consensus.raft.server import Raft
from windtunnel.systems.consensus.raft.state import CANDIDATE, LEADER

Seen: TypeAlias = tuple[Entry, int]  # an entry, and the term of the entry before it


def leader(nodes: Nodes) -> NodeId | None:
    """The running leader of the highest term, or None."""
    leading = [node for node in nodes.values() if node.role is LEADER]
    return max(leading, key=lambda node: node.term).me if leading else None


# --- Always: figure 3 ---


class ElectionSafety:
    """Always: at most one leader is elected in a given term."""

    def __init__(self) -> None:
        self.leaders: dict[int, NodeId] = {}

    def after(self, nodes: Nodes, me: NodeId) -> str | None:
        """Remember who led each term."""
        node: Raft = nodes[me]
        if node.role is not LEADER:
            return None
        first = self.leaders.setdefault(node.term, me)
        return None if first == me else f"{first} and {me} were both elected in term {node.term}"


class LeaderAppendOnly:
    """Always: a leader never overwrites or deletes entries in its log; it only appends."""

    def __init__(self) -> None:
        self.seen: dict[NodeId, tuple[int, int, Entry]] = {}

    def after(self, nodes: Nodes, me: NodeId) -> str | None:
        """The last entry that this leader was seen with must still be where it was."""
        node: Raft = nodes[me]
        if node.role is not LEADER:
            if me in self.seen:
                del self.seen[me]
            return None
        log = node.log
        if not log.entries:
            return None
        before = self.seen.get(me)
        if before is not None:
            term, index, entry = before
            if entry is log.entries[-1] and index == log.last_index:
                return None
            if term == node.term and index > log.base_index and (index > log.last_index or log.entry(index) != entry):
                return f"{me}, leader of term {term}, no longer has {entry!r} at index {index}"
        self.seen[me] = node.term, log.last_index, log.entries[-1]
        return None


class LogMatching:
    """Always: if two logs contain an entry with the same index and term, the logs are identical up to there.

    By induction it is enough that an entry has, wherever it stands, the same command and the same term before it. `shadows` holds
    each log as it was last seen, so that only what is new is looked at.
    """

    def __init__(self) -> None:
        self.entries: dict[tuple[int, int], Seen] = {}
        self.shadows: dict[NodeId, tuple[int, list[Entry]]] = {}
        self.last: dict[NodeId, Entry] = {}

    def after(self, nodes: Nodes, me: NodeId) -> str | None:
        """Compare the new entries of `me` with all that were ever seen at their index and term."""
        log: Log = nodes[me].log
        entries = log.entries
        if not entries or self.last.get(me) is entries[-1]:
            return None
        self.last[me] = entries[-1]
        base_index, shadow = self.shadows.get(me, (0, []))
        if base_index != log.base_index:
            shadow = shadow[log.base_index - base_index :] if log.base_index > base_index else []
        known = len(shadow)
        at = len(entries)
        while at > 0 and not (at <= known and shadow[at - 1] is entries[at - 1]):
            at -= 1
            broken = self._compare(log, at, me)
            if broken is not None:
                return broken
        shadow[at:] = entries[at:]
        self.shadows[me] = log.base_index, shadow
        return None

    def _compare(self, log: Log, at: int, me: NodeId) -> str | None:
        entry = log.entries[at]
        before = log.entries[at - 1].term if at else log.base_term
        index = log.base_index + 1 + at
        first, first_before = self.entries.setdefault((index, entry.term), (entry, before))
        if first_before == before and (first is entry or first == entry):
            return None
        theirs, ours = f"{first!r} after term {first_before}", f"{entry!r} after term {before}"
        return f"index {index}, term {entry.term}: {me} has {ours}, another log had {theirs}"


class LeaderCompleteness:
    """Always: an entry that is committed in a term is in the logs of the leaders of all higher terms."""

    def __init__(self) -> None:
        self.committed: list[tuple[int, int]] = []  # by index - 1: the entry's term, and the term in which it was committed
        self.term_led: dict[NodeId, int] = {}

    def after(self, nodes: Nodes, me: NodeId) -> str | None:
        """New leaders must hold what was committed before; what is committed now, every leader of a higher term."""
        node: Raft = nodes[me]
        committed = self.committed
        if node.role is LEADER and self.term_led.get(me) != node.term:
            self.term_led[me] = node.term
            for index in range(len(committed), 0, -1):
                entry_term, term = committed[index - 1]
                if term < node.term:  # the highest one is enough: Log Matching vouches for those below it
                    return self._missing(node, index, entry_term, term)
        if node.commit_index > len(committed):
            log = node.log
            if len(committed) < log.base_index:  # swallowed by a snapshot in the very event that committed it
                committed.extend([(0, node.term)] * (log.base_index - len(committed)))
            for index in range(len(committed) + 1, node.commit_index + 1):
                committed.append((log.term_at(index), node.term))
            for other in nodes.values():
                if other.role is LEADER and other.term > node.term:
                    index = node.commit_index
                    broken = self._missing(other, index, log.term_at(index), node.term)
                    if broken is not None:
                        return broken
        return None

    def _missing(self, leading: Raft, index: int, entry_term: int, term: int) -> str | None:
        if not entry_term or leading.log.holds(index, entry_term):
            return None
        entry = f"the entry at index {index} of term {entry_term}, committed in term {term}"
        return f"{leading.me}, leader of term {leading.term}, lacks {entry}"


class StateMachineSafety:
    """Always: no two servers ever apply different entries at the same index."""

    def __init__(self) -> None:
        self.applied: dict[int, Entry] = {}
        self.seen: dict[NodeId, int] = {}

    def after(self, nodes: Nodes, me: NodeId) -> str | None:
        """Compare what `me` has just applied with what was first applied there."""
        node: Raft = nodes[me]
        index = node.commit_index
        seen = self.seen.get(me, 0)
        if index == seen:
            return None
        self.seen[me] = index  # it falls when a server boots from an older snapshot; then it applies again
        log, applied = node.log, self.applied
        for at in range(max(seen, log.base_index) + 1, min(index, log.last_index) + 1):
            entry = log.entry(at)
            first = applied.setdefault(at, entry)
            if first is not entry and first != entry:
                return f"{me} has applied {entry!r} at index {at}, where {first!r} was applied before"
        return None


# --- Sometimes: a campaign that never gets here has tested little ---


def a_leader_is_elected(nodes: Nodes) -> bool:
    """Sometimes: a server leads."""
    return any(node.role is LEADER for node in nodes.values())


def votes_are_split(nodes: Nodes) -> bool:
    """Sometimes: two candidates stand in the same term."""
    terms = [node.term for node in nodes.values() if node.role is CANDIDATE]
    return len(terms) > 1 and len(set(terms)) < len(terms)


def two_servers_lead(nodes: Nodes) -> bool:
    """Sometimes: a server still leads while another leads a newer term."""
    return sum(1 for node in nodes.values() if node.role is LEADER) > 1


def a_follower_truncates(nodes: Nodes) -> bool:
    """Sometimes: a server deletes entries that conflict with a newer leader's."""
    return any(node.log.truncations for node in nodes.values())


def a_snapshot_is_installed(nodes: Nodes) -> bool:
    """Sometimes: a server that was away for long receives a snapshot."""
    return any(node.snapshots_installed for node in nodes.values())


def a_request_is_repeated(nodes: Nodes) -> bool:
    """Sometimes: a request is in the log twice and executed once."""
    return any(node.machine.duplicates for node in nodes.values())


def a_read_waits(nodes: Nodes) -> bool:
    """Sometimes: a read waits for its leader to be confirmed."""
    return any(node.reads for node in nodes.values())


# --- Eventually: after the last heal ---


def one_leader_is_followed(nodes: Nodes) -> bool:
    """Eventually: one server leads and every running member follows it."""
    name = leader(nodes)
    if name is None:
        return False
    leading = nodes[name]
    members = [nodes[member] for member in leading.log.members if member in nodes]
    return all(node.leader == name and node.term == leading.term for node in members)


def logs_agree(nodes: Nodes) -> bool:
    """Eventually: the logs of all running members end alike, and all of it is committed."""
    name = leader(nodes)
    if name is None:
        return False
    log = nodes[name].log
    members = [nodes[member] for member in log.members if member in nodes]
    end = log.last_index, log.last_term
    return all((node.log.last_index, node.log.last_term) == end and node.commit_index == log.last_index for node in members)

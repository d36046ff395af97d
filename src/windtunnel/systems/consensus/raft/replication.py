"""Log replication: how entries reach a majority, and when they count as committed.

Source:  Ongaro & Ousterhout 2014, section 5.3, 5.4.2, figures 2, 7 and 8. Thesis: 10.2.1 (writing to the leader's disk in
         parallel), 10.2.2 (batching and pipelining).
Departs: a rejection is a message of its own and names the conflicting term, so that one round skips a whole term (end of 5.3).
         Idle leaders send heartbeats, busy ones do not: entries and answers say the same.

The leader's own disk
---------------------
Effects after a `persist` wait until the record is durable. A leader therefore *sends* new entries first and persists them
second: its disk and the network work at the same time. It is then a follower of itself: behind the `persist` it sends itself an
`Appended`, which arrives when its disk has the entries and not before. So it counts itself exactly when it may, and a
majority of quicker disks can commit without it.
"""

from __future__ import annotations

from collections.abc import Sequence

from windtunnel.base.interface import Request
from windtunnel.base.messages import Message, NodeId
from windtunnel.systems.consensus.raft.log import Append, Command, Configuration, Entry
from windtunnel.systems.consensus.raft.snapshots import Appended, Snapshots
from windtunnel.systems.consensus.raft.state import LEADER, Progress, majority


class AppendEntries(Message, frozen=True):
    """Leader to follower: `entries` follow the entry (prev_index, prev_term). Without entries it is a heartbeat or a probe.

    commit_index: the leader's. round: number of the newest round of reads, returned by the answer.
    """

    term: int
    prev_index: int
    prev_term: int
    entries: tuple[Entry, ...]
    commit_index: int
    round: int


class Rejected(Message, frozen=True):
    """Follower to leader: I do not hold your entry at `prev_index`.

    conflict_term: the term of mine there, 0 if my log is shorter. conflict_index: my first entry of that term, or the first
    index that I lack.
    """

    term: int
    prev_index: int
    conflict_term: int
    conflict_index: int
    round: int


class Replication(Snapshots):
    """Both sides of AppendEntries, and the commit index."""

    # --- The leader sends ---

    def _append(self, command: Command) -> int:
        """Put `command` into the log of this leader and on its way; returns its index."""
        log = self.log
        prev_index, prev_term = log.last_index, log.last_term
        entries = (Entry(self.term, command),)
        log.extend(entries)
        if type(command) is Configuration:
            self._follow_members()
        self._broadcast()
        if not self.rules.append_is_durable:
            self._acknowledge_myself()
        self.out.persist(Append(prev_index, prev_term, entries))
        self._acknowledge_myself()
        return log.last_index

    def _acknowledge_myself(self) -> None:
        """Behind the barrier of my own disk; one at a time, the next one covers what came meanwhile."""
        if not self.syncing:
            self.syncing = True
            self.out.send(self.me, Appended(self.term, self.log.last_index, self.round))

    def _broadcast(self) -> None:
        """Send news to everybody who may have another message in flight. Followers at the same index share one message."""
        shared: AppendEntries | None = None
        shared_index = -1
        base_index = self.log.base_index
        for peer in self.peers:
            if peer.in_flight < peer.window:
                if peer.probing or peer.sent < base_index:
                    self._replicate(peer)
                else:
                    if shared is None or peer.sent != shared_index:
                        shared_index = peer.sent
                        shared = self._append_entries(shared_index, self.options.batch_max)
                    self._post(peer, shared)

    def _replicate(self, peer: Progress) -> None:
        """Send `peer` what it lacks: entries, or the snapshot if they were compacted away."""
        base_index = self.log.base_index
        if peer.sent >= base_index:
            self._post(peer, self._append_entries(peer.sent, 0 if peer.probing else self.options.batch_max))
        elif peer.silent:  # perhaps down: a snapshot is worth sending only to somebody who answers
            self._post(peer, self._append_entries(base_index, 0))
        else:
            self._send_snapshot(peer)

    def _append_entries(self, prev_index: int, count: int) -> AppendEntries:
        log = self.log
        entries = log.after(prev_index, count)
        return AppendEntries(self.term, prev_index, log.term_at(prev_index), entries, self.commit_index, self.round)

    def _post(self, peer: Progress, message: AppendEntries) -> None:
        peer.sent = message.prev_index + len(message.entries)
        peer.in_flight += 1
        peer.quiet = False
        peer.round_sent = message.round
        self.out.send(peer.name, message)

    def _heartbeat(self) -> None:
        """A tick: speak to whoever heard nothing since the last one, and step down if a majority is silent (thesis, 6.2)."""
        for peer in self.peers:
            if peer.quiet:
                if peer.silent and peer.in_flight:
                    self._presume_lost(peer)
                if peer.in_flight < peer.window:
                    self._replicate(peer)
            peer.quiet = True
            peer.silent += 1
        patience = self.election_timeout_s[1] / self.options.heartbeat_s
        heard = sum(1 for peer in self.voters if peer.silent <= patience or peer.name == self.me)
        if heard < self.quorum:
            self._become_follower(self.term)
        else:
            self.out.set_timer("heartbeat", self.options.heartbeat_s)

    def _presume_lost(self, peer: Progress) -> None:
        """Nothing was sent and nothing heard for a whole tick: begin again. If that was in vain too, only probe."""
        peer.in_flight = 0
        peer.sent = peer.next - 1
        if peer.silent > 3:
            peer.probing = True
            peer.window = 1

    def _follow_members(self) -> None:
        """Track the members of the newest configuration; those who stay keep their progress."""
        known, members = self.progress, self.log.members
        self.progress = {}
        for name in (*members, self.me):  # a leader that is being removed still has a disk, but no vote
            progress = known.get(name) or Progress(name, self.log.last_index, self.options.in_flight_max)
            self.progress[name] = progress
        self.voters = [self.progress[name] for name in members]
        self.peers = [peer for peer in self.voters if peer.name != self.me]
        self.quorum = majority(members)

    # --- The follower answers ---

    def on_append_entries(self, src: NodeId, m: AppendEntries) -> None:
        """Figure 2, AppendEntries, steps 1 to 5."""
        if m.term < self.term:
            self.out.send(src, Rejected(self.term, m.prev_index, 0, 0, m.round))
            return
        self._hear(src)
        log = self.log
        prev_index, entries = m.prev_index, m.entries
        known = 0
        if prev_index != log.last_index or m.prev_term != log.last_term:  # not simply the continuation of our log
            rejection = self._rejection(m)
            if rejection is not None:
                self.out.send(src, rejection)
                return
            known = self._known(prev_index, entries)
        match_index = prev_index + len(entries)
        answer = Appended(self.term, match_index, m.round)
        if known < len(entries):
            if not self.rules.append_is_durable:
                self.out.send(src, answer)
            self._take(prev_index + known, entries[known:] if known else entries)
        if m.commit_index > self.commit_index:
            index = min(m.commit_index, match_index if self.rules.commit_what_matches else log.last_index)
            if index > self.commit_index:
                self._commit(index)
        self.out.send(src, answer)

    def _rejection(self, m: AppendEntries) -> Rejected | None:
        """The consistency check: why our log cannot continue behind (prev_index, prev_term), or None."""
        log, prev_index = self.log, m.prev_index
        if prev_index > log.last_index:
            return Rejected(self.term, prev_index, 0, log.last_index + 1, m.round)
        if log.holds(prev_index, m.prev_term) or not self.rules.check_previous_entry:
            return None
        conflict_term = log.term_at(prev_index)
        return Rejected(self.term, prev_index, conflict_term, log.first_of_term(conflict_term), m.round)

    def _known(self, prev_index: int, entries: Sequence[Entry]) -> int:
        """How many of `entries` the log holds already.

        Messages may be late, so entries that agree must stay, with everything behind them: a newer message brought those.
        """
        log = self.log
        if not self.rules.truncate_only_on_conflict:
            return max(0, log.base_index - prev_index)
        for i, entry in enumerate(entries):
            if not log.holds(prev_index + 1 + i, entry.term):
                return i
        return len(entries)

    def _take(self, prev_index: int, entries: tuple[Entry, ...]) -> None:
        """Append `entries`, instead of whatever the log has behind `prev_index`, and make that durable."""
        log = self.log
        if prev_index < log.last_index:
            log.truncate(prev_index)
        prev_term = log.last_term
        log.extend(entries)
        self.out.persist(Append(prev_index, prev_term, entries))

    # --- The leader learns ---

    def on_appended(self, src: NodeId, m: Appended) -> None:
        """A follower, or my own disk, has everything up to `match_index`."""
        peer = self._heard_from(src, m)
        if peer is None:
            return
        if src == self.me:
            self._on_own_disk(peer, m.match_index)
            return
        match_index = m.match_index
        if match_index > peer.match:
            peer.match = match_index
            peer.next = match_index + 1
            if peer.sent <= match_index:  # all that was sent has arrived
                peer.sent = match_index
                peer.in_flight = 0
            if match_index > self.commit_index:
                self._advance_commit()
        if peer.probing:
            peer.probing = False
            peer.window = self.options.in_flight_max
        self._go_on(peer)

    def _on_own_disk(self, me: Progress, match_index: int) -> None:
        self.syncing = False
        me.match = match_index
        if match_index < self.log.last_index:
            self._acknowledge_myself()
        if match_index > self.commit_index:
            self._advance_commit()

    def on_rejected(self, src: NodeId, m: Rejected) -> None:
        """The logs differ: look for the last entry on which they agree (5.3)."""
        peer = self._heard_from(src, m)
        if peer is None:
            return
        if m.prev_index > peer.match:  # else late: by now we know better
            peer.next = max(peer.match + 1, min(peer.next, self._agreement(m)))
            peer.sent = peer.next - 1
            peer.probing = True
            peer.window = 1
            peer.in_flight = 0
        self._go_on(peer)

    def _agreement(self, m: Rejected) -> int:
        """The first index to try again: behind our own last entry of the conflicting term, or at the follower's first one."""
        if m.conflict_term:
            index = self.log.last_of_term(m.conflict_term)
            if index < m.prev_index and self.log.term_at(index) == m.conflict_term:
                return index + 1
        return m.conflict_index

    def _heard_from(self, src: NodeId, m: Appended | Rejected) -> Progress | None:
        """Who answers; None if we do not, or no longer, lead that term or that server."""
        peer = self.progress.get(src)
        if peer is None or m.term != self.term:
            return None
        peer.silent = 0
        if peer.in_flight:
            peer.in_flight -= 1
        if m.round > peer.round:  # noqa: PLR1730 - `max` costs three times as much, and this runs for every answer
            peer.round = m.round
        return peer

    def _go_on(self, peer: Progress) -> None:
        """After an answer: send what has gathered meanwhile, entries or a round of reads."""
        if peer.in_flight >= peer.window or self.role is not LEADER:
            return
        if peer.sent < self.log.last_index or peer.round_sent < self.round or peer.probing:
            self._replicate(peer)

    # --- Commitment (5.3, 5.4.2) ---

    def _advance_commit(self) -> None:
        """Commit the highest index that a majority holds, if it is of this term: older entries may yet be lost (figure 8)."""
        ahead = 0
        for peer in self.voters:
            if peer.match > self.commit_index:
                ahead += 1
        if ahead < self.quorum:
            return  # as after most answers; counting is cheaper than sorting
        index = sorted([peer.match for peer in self.voters])[-self.quorum]
        if self.log.term_at(index) == self.term or not self.rules.commit_own_term_only:
            self._commit(index)

    def _commit(self, index: int) -> None:
        """Execute everything up to `index`, above the commit index, and answer the clients who wait here."""
        log, machine, out, waiting = self.log, self.machine, self.out, self.waiting
        removed = False
        for at in range(self.commit_index + 1, index + 1):
            command = log.entries[at - log.base_index - 1].command
            out.apply(at, command)
            if type(command) is Request:
                reply = machine.apply(command)
                if waiting and at in waiting:
                    client, _ = waiting.pop(at)
                    if reply is not None:
                        out.reply(client, reply)
            elif type(command) is Configuration:
                if at in waiting:
                    self._answer(*waiting.pop(at), value=list(command.members))
                removed = self.me not in command.members
        self.commit_index = index
        if removed and self.role is LEADER:
            self._become_follower(self.term)  # 4.2.2: its work is done when it is no longer part of the cluster
        if self.commit_index - self.snapshot.index >= self.options.snapshot_every:
            self._compact()

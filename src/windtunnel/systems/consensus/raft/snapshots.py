"""Log compaction: a snapshot of the state machine replaces the entries that produced it.

Source:  Ongaro & Ousterhout 2014, section 7 and figure 13; thesis, chapter 5.
Omits:   chunks: a snapshot travels in one message, so it must fit into one.
Departs: InstallSnapshot is answered by Appended, because it says the same thing: our logs agree up to there.
         A few entries are kept behind a snapshot for followers that are a little late.
"""

from __future__ import annotations

from windtunnel.base.messages import Message, NodeId
from windtunnel.systems.consensus.raft.log import Append, HardState, Snapshot
from windtunnel.systems.consensus.raft.state import Progress, ServerState


class InstallSnapshot(Message, frozen=True):
    """Leader to a follower whose next entries were compacted away. `round`: see `ServerState.round`."""

    term: int
    snapshot: Snapshot
    round: int


class Appended(Message, frozen=True):
    """Follower to leader: my log is durable, and agrees with yours, up to `match_index`."""

    term: int
    match_index: int
    round: int


class Snapshots(ServerState):
    """Takes snapshots, sends them, and becomes what a received one says."""

    def _compact(self) -> None:
        """Take a snapshot at the commit index, and forget the log behind it but for a few entries."""
        log, index, rules = self.log, self.commit_index, self.rules
        self.snapshot = Snapshot(
            index,
            log.term_at(index),
            log.members_at(index) if rules.snapshot_keeps_members else self.nodes,
            tuple(self.machine.values.items()),
            tuple(self.machine.sessions.values()) if rules.snapshot_keeps_sessions else (),
        )
        log.compact(max(log.base_index, index - self.options.trailing_max))
        self._checkpoint()

    def _checkpoint(self) -> None:
        """Replace the durable log: term and vote, the snapshot, the entries that are left."""
        log = self.log
        tail = Append(log.base_index, log.base_term, tuple(log.entries))
        self.out.checkpoint((HardState(self.term, self.vote), self.snapshot, tail))

    def _send_snapshot(self, peer: Progress) -> None:
        """Nothing else is sent until it is answered, or presumed lost."""
        peer.sent = self.snapshot.index
        peer.in_flight = peer.window
        peer.quiet = False
        peer.round_sent = self.round
        self.out.send(peer.name, InstallSnapshot(self.term, self.snapshot, self.round))

    def on_install_snapshot(self, src: NodeId, m: InstallSnapshot) -> None:
        """Figure 13: become what the snapshot says, unless that was long ago."""
        if m.term < self.term:
            self.out.send(src, Appended(self.term, 0, 0))
            return
        self._hear(src)
        snapshot = m.snapshot
        if snapshot.index > self.commit_index:
            if self.log.holds(snapshot.index, snapshot.term):  # figure 13, step 6: keep what follows it
                self.log.compact(snapshot.index)
            else:
                self.log.restart(snapshot)
            self.snapshot = snapshot
            self.machine.restore(snapshot.items, snapshot.sessions)
            self.commit_index = snapshot.index
            self.snapshots_installed += 1
            self._checkpoint()
        self.out.send(src, Appended(self.term, snapshot.index, m.round))

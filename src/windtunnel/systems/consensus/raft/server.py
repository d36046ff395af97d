"""The server: events in, and the one place where a newer term is adopted."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from windtunnel.base.interface import Request
from windtunnel.base.messages import Message, NodeId
from windtunnel.systems.consensus.raft.clients import Clients
from windtunnel.systems.consensus.raft.election import PreVote, RequestPreVote, RequestVote, TimeoutNow, Vote
from windtunnel.systems.consensus.raft.replication import AppendEntries, Rejected
from windtunnel.systems.consensus.raft.snapshots import Appended, InstallSnapshot


class Raft(Clients):
    """One server of a replicated key-value store."""

    def on_start(self) -> None:
        """Boot from the records. Perhaps we promised loyalty to a leader before a crash: so keep to that first."""
        if self.rules.restart_honours_leases:
            self.heard_s = self.out.clock()
        self.out.set_timer("election", self.election_timeout_s)

    def on_timer(self, name: str) -> None:
        """`election`: no leader was heard. `heartbeat`: a tick of the leader. `transfer`: the chosen server did not stand."""
        if name == "election":
            self._on_election_timeout()
        elif name == "heartbeat":
            if self.options.read == "lease":
                self._begin_round()
            self._heartbeat()
        else:
            self._on_transfer_timeout()

    def on_message(self, src: NodeId, message: Any) -> None:
        """Adopt a newer term (5.1), then do what the message asks."""
        kind = type(message)
        if kind is Request:
            self._on_request(src, message)
            return
        if message.term > self.term and not self._disregards(message):
            self._become_follower(message.term)
        HANDLERS[kind](self, src, message)
        # Whatever it was, it may have confirmed a round of reads, or completed the log of the server that shall lead next.
        if self.rounds_began:
            self._extend_lease()
        if self.reads:
            self._serve_reads()
        if src == self.transferee:
            self._hand_over()

    def _disregards(self, message: Message) -> bool:
        """A server that hears its leader lets nobody depose it, not even by a newer term (thesis, 4.2.3)."""
        if isinstance(message, RequestVote):
            return not message.transfer and self._is_loyal()
        return isinstance(message, RequestPreVote) and self._is_loyal()


HANDLERS: Mapping[type[Message], Callable[[Raft, NodeId, Any], None]] = {
    AppendEntries: Raft.on_append_entries,
    Appended: Raft.on_appended,
    Rejected: Raft.on_rejected,
    InstallSnapshot: Raft.on_install_snapshot,
    RequestPreVote: Raft.on_request_pre_vote,
    PreVote: Raft.on_pre_vote,
    RequestVote: Raft.on_request_vote,
    Vote: Raft.on_vote,
    TimeoutNow: Raft.on_timeout_now,
}
"""Every message between servers. Not a `match`: with message classes each case costs 0.1 us, and a handler some 0.5."""

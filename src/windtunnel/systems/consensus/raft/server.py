"""The server: events in, and the one place where a newer term is adopted."""

from __future__ import annotations

from typing import TypeAlias, assert_never

from windtunnel.base.interface import Request
from windtunnel.base.messages import NodeId
from windtunnel.systems.consensus.raft.clients import Clients
from windtunnel.systems.consensus.raft.election import PreVote, RequestPreVote, RequestVote, TimeoutNow, Vote
from windtunnel.systems.consensus.raft.replication import AppendEntries, Rejected
from windtunnel.systems.consensus.raft.snapshots import Appended, InstallSnapshot

BetweenServers: TypeAlias = (
    AppendEntries | Appended | Rejected | InstallSnapshot | RequestPreVote | PreVote | RequestVote | Vote | TimeoutNow
)


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

    def on_message(self, src: NodeId, message: Request | BetweenServers) -> None:
        """Adopt a newer term (5.1), then do what the message asks."""
        if isinstance(message, Request):
            self._on_request(src, message)
            return
        if message.term > self.term and not self._disregards(message):
            self._become_follower(message.term)
        match message:
            case Appended():
                self._on_appended(src, message)
            case AppendEntries():
                self._on_append_entries(src, message)
            case Rejected():
                self._on_rejected(src, message)
            case InstallSnapshot():
                self._on_install_snapshot(src, message)
            case RequestVote():
                self._on_request_vote(src, message)
            case Vote():
                self._on_vote(src, message)
            case RequestPreVote():
                self._on_request_pre_vote(src, message)
            case PreVote():
                self._on_pre_vote(src, message)
            case TimeoutNow():
                self._on_timeout_now(message)
            case _:
                assert_never(message)
        # Whatever it was, it may have confirmed a round of reads, or completed the log of the server that shall lead next.
        if self.reads or self.rounds_began:
            self._serve_reads()
        if src == self.transferee:
            self._hand_over()

    def _disregards(self, message: BetweenServers) -> bool:
        """A server that hears its leader lets nobody depose it, not even by a newer term (thesis, 4.2.3)."""
        if isinstance(message, RequestVote):
            return not message.transfer and self._is_loyal()
        return isinstance(message, RequestPreVote) and self._is_loyal()

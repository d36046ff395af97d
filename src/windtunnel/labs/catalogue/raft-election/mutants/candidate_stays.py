"""Raft's leader election: terms, votes, heartbeats, and what must survive a crash.

Source: Ongaro & Ousterhout, "In Search of an Understandable Consensus Algorithm", 2014: sections 5.1, 5.2, 5.4.1, figure 2.
Omits:  the log itself; each server is given one, and only compares it.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from windtunnel.base.outbox import Outbox

HEARTBEAT_S = 0.05
ELECTION_S = (0.15, 0.30)  # a pair: the timer draws from that range, so that two servers rarely stand at once

# --- Messages, and the record ---


@dataclass(frozen=True, slots=True)
class RequestVote:
    """Candidate to all: vote for me in `term`. The last entry of its log has this term and this index (0: no entry)."""

    term: int
    last_term: int
    last_index: int


@dataclass(frozen=True, slots=True)
class Vote:
    """Answer to RequestVote."""

    term: int
    granted: bool


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """Leader to all: I lead `term`."""

    term: int


@dataclass(frozen=True, slots=True)
class HardState:
    """Record: what a server must not forget."""

    term: int
    voted_for: str | None


# --- The server ---


class Server:
    """One server. role: "follower", "candidate" or "leader". term: the latest one it has heard of."""

    def __init__(self, me: str, peers: Sequence[str], out: Outbox, records: Sequence[HardState], log: Sequence[int]) -> None:
        self.me = me
        self.peers = peers
        self.out = out
        self.log = log
        self.role = "follower"
        self.term = max(log, default=0)
        self.voted_for = None
        self.votes: set[str] = set()
        for record in records:
            self.term, self.voted_for = record.term, record.voted_for

    def on_start(self) -> None:
        self.out.set_timer("election", ELECTION_S)

    def on_timer(self, name: str) -> None:
        if name == "election":
            self._become_candidate()
        else:
            self._send_heartbeats()

    def on_message(self, src: str, message: RequestVote | Vote | Heartbeat) -> None:
        if message.term > self.term:
            self._follow(message.term)
        match message:
            case RequestVote():
                self._on_request_vote(src, message)
            case Vote(term, granted):
                if granted and term == self.term and self.role == "candidate":
                    self._on_vote(src)
            case Heartbeat(term):
                if term == self.term:
                    pass
                    self.out.set_timer("election", ELECTION_S)

    # --- Roles ---

    def _follow(self, term: int) -> None:
        """A newer term: whatever we were, we are a follower in it, and have a vote."""
        if self.role == "leader":
            self.out.cancel_timer("heartbeat")
            self.out.set_timer("election", ELECTION_S)
        self.role = "follower"
        self.term, self.voted_for = term, None
        self.out.persist(HardState(self.term, self.voted_for))

    def _become_candidate(self) -> None:
        self.role = "candidate"
        self.term, self.voted_for = self.term + 1, self.me
        self.votes = {self.me}
        self.out.persist(HardState(self.term, self.voted_for))
        self.out.set_timer("election", ELECTION_S)  # nobody may win; then we stand again
        for peer in self.peers:
            self.out.send(peer, RequestVote(self.term, *self._last()))

    def _become_leader(self) -> None:
        self.role = "leader"
        self.out.cancel_timer("election")
        self._send_heartbeats()

    def _send_heartbeats(self) -> None:
        self.out.set_timer("heartbeat", HEARTBEAT_S)
        for peer in self.peers:
            self.out.send(peer, Heartbeat(self.term))

    # --- Votes ---

    def _on_request_vote(self, src: str, request: RequestVote) -> None:
        free = self.voted_for in (None, src)
        up_to_date = (request.last_term, request.last_index) >= self._last()
        granted = request.term == self.term and free and up_to_date
        if granted:
            self.voted_for = src
            self.out.persist(HardState(self.term, self.voted_for))  # before the answer: it is a promise
            self.out.set_timer("election", ELECTION_S)
        self.out.send(src, Vote(self.term, granted))

    def _on_vote(self, src: str) -> None:
        self.votes.add(src)
        if len(self.votes) > (len(self.peers) + 1) // 2:
            self._become_leader()

    def _last(self) -> tuple[int, int]:
        """Term and index of the last entry of the log."""
        return (self.log[-1] if self.log else 0, len(self.log))

"""Leader election after Raft, unfinished: see README.md. It runs, it elects leaders, and now and then two at once."""

from collections.abc import Sequence
from dataclasses import dataclass

from windtunnel.base.outbox import Outbox

HEARTBEAT_S = 0.05
ELECTION_S = 0.2  # the same for all; a pair such as (0.1, 0.2) would let the timer draw from that range

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
        self.votes: set[str] = set()

    def on_start(self) -> None:
        self.out.set_timer("election", ELECTION_S)

    def on_timer(self, name: str) -> None:
        if name == "election":
            self.role = "candidate"
            self.term += 1
            self.votes = {self.me}
            self.out.set_timer("election", ELECTION_S)
            for peer in self.peers:
                self.out.send(peer, RequestVote(self.term, 0, 0))

    def on_message(self, src: str, message: RequestVote | Vote | Heartbeat) -> None:
        if message.term > self.term:
            self.term = message.term
            self.role = "follower"
        match message:
            case RequestVote(term):
                self.out.send(src, Vote(self.term, granted=term == self.term))
            case Vote(term, granted):
                if granted and term == self.term and self.role == "candidate":
                    self.votes.add(src)
                    if len(self.votes) > (len(self.peers) + 1) // 2:
                        self.role = "leader"
            case Heartbeat():
                pass

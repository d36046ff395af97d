"""The state of a server (figure 2), and the two rules that every handler obeys: newer terms win, and leaders are heard.

Source:  Ongaro & Ousterhout 2014, figure 2 and section 5.1. Thesis: Ongaro, "Consensus: Bridging Theory and Practice", 2014.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from enum import StrEnum
from math import inf
from typing import Any

from windtunnel.base.errors import UsageError
from windtunnel.base.interface import Reply, Request
from windtunnel.base.messages import Message, NodeId, Value
from windtunnel.base.system import Setup
from windtunnel.systems.consensus.raft.log import HardState, recover
from windtunnel.systems.consensus.raft.machine import KeyValue
from windtunnel.systems.consensus.raft.safeguards import Safeguards

READS = ("index", "lease", "log")


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What may be tuned. The defaults suit networks of up to 10 ms, and disks that sync in a few.

    election_timeout_s: range of the randomized timeout (9.3); its lower end is also how long a follower stays loyal and, less
    the drift, how long a lease lasts. heartbeat_s: of an idle leader; also when an unanswered message is presumed lost.
    batch_max: entries per message. in_flight_max: unanswered messages per follower; more of them hide latency, fewer
    make larger batches, and on a network that reorders more than one leads to rejections. snapshot_every: entries between
    snapshots. trailing_max: entries kept behind a snapshot, so that a follower that is a little late needs no snapshot.
    read: "index" (a round of messages per batch of reads, thesis 6.4), "lease" (none, but clocks must not drift apart faster than
    the bound, 6.4.1), "log" (reads are entries). clock_drift_max: how much faster or slower than true time any clock
    may run, as a fraction. pre_vote: ask before raising the term (9.6).
    """

    election_timeout_s: tuple[float, float] = (0.150, 0.300)
    heartbeat_s: float = 0.050
    batch_max: int = 256
    in_flight_max: int = 1
    snapshot_every: int = 200
    trailing_max: int = 50
    read: str = "index"
    clock_drift_max: float = 0.05
    pre_vote: bool = True

    def __post_init__(self) -> None:
        """Raises UsageError for values with which no cluster could work."""
        low, high = self.election_timeout_s
        _expect(0.0 < self.heartbeat_s < low <= high, "0 < heartbeat_s < election_timeout_s, a range")
        counts = (self.batch_max, self.in_flight_max, self.snapshot_every)
        _expect(min(counts) >= 1, f"batch_max, in_flight_max, snapshot_every of 1 or more; got {counts}")
        _expect(self.trailing_max >= 0, "trailing_max of 0 or more")
        _expect(self.read in READS, f"read is one of {', '.join(READS)}; got {self.read!r}")
        _expect(0.0 <= self.clock_drift_max < 1.0, f"clock_drift_max from 0 to below 1; got {self.clock_drift_max}")


def _expect(fact: bool, what: str) -> None:  # noqa: FBT001 - reads as a sentence
    if not fact:
        raise UsageError(f"raft options: expected {what}")


class Role(StrEnum):
    """What a server is in its term (figure 4, and the pre-candidate of 9.6)."""

    FOLLOWER = "follower"
    PRE_CANDIDATE = "pre-candidate"
    CANDIDATE = "candidate"
    LEADER = "leader"


FOLLOWER, PRE_CANDIDATE, CANDIDATE, LEADER = Role


class Progress:
    """What a leader knows of one server.

    match: the highest index known to be durable there. next: the first entry to send again if nothing more is heard; it falls
    when the server rejects. sent: the last index sent, optimistically ahead of `next`. window: how many messages may be
    unanswered. probing: the logs were seen to differ, so only empty messages go out until one matches (5.3). quiet: nothing
    was sent since the last heartbeat tick. silent: ticks since it was last heard. round, round_sent: see `ServerState.round`.
    """

    __slots__ = ("in_flight", "match", "name", "next", "probing", "quiet", "round", "round_sent", "sent", "silent", "window")

    def __init__(self, name: NodeId, last_index: int, window: int) -> None:
        self.name = name
        self.match = 0
        self.next = last_index + 1
        self.sent = last_index
        self.in_flight = 0
        self.window = window
        self.probing = False
        self.quiet = True
        self.silent = 0
        self.round = 0
        self.round_sent = 0


class Read(Message, frozen=True):
    """A read that waits: until `round` is confirmed, and everything up to `read_index` is committed."""

    round: int
    read_index: int
    client: NodeId
    request: Request


class ServerState:
    """Figure 2, and what the extensions need. Commands are executed as they are committed: `commit_index` is lastApplied too."""

    def __init__(self, setup: Setup) -> None:
        self.me = setup.me
        self.nodes = setup.nodes
        self.out = setup.out
        self.rules: Safeguards = setup.safeguards if setup.safeguards is not None else Safeguards()
        self.options: Options = setup.options if setup.options is not None else Options()
        self.election_timeout_s = self.options.election_timeout_s

        # Persistent, on all servers.
        self.term, self.vote, self.log, self.snapshot = recover(setup.records, setup.nodes)

        # Volatile, on all servers. heard_s: own clock when a leader was last heard; the leader itself is None while unknown.
        self.role: Role = FOLLOWER
        self.leader: NodeId | None = None
        self.heard_s = -inf
        self.commit_index = self.snapshot.index
        self.machine = KeyValue(deduplicate=self.rules.deduplicate_requests)
        self.machine.restore(self.snapshot.items, self.snapshot.sessions)
        self.snapshots_installed = 0

        # Volatile, on candidates.
        self.votes: set[NodeId] = set()

        # Volatile, on leaders. peers: all members but me; voters: all members. syncing: an acknowledgement by my own disk is due.
        self.progress: dict[NodeId, Progress] = {}
        self.peers: list[Progress] = []
        self.voters: list[Progress] = []
        self.quorum = 0
        self.syncing = False
        self.term_start = 0
        self.waiting: dict[int, tuple[NodeId, Request]] = {}

        # Reads. Messages to followers carry the number of the newest round, answers return it: answers of a majority to a round,
        # or to later ones, prove that no newer leader was elected before that round began (thesis, 6.4).
        self.round = 0
        self.reads: deque[Read] = deque()
        self.rounds_began: deque[tuple[int, float]] = deque()
        self.lease_until_s = -inf

        # Leader transfer (thesis, 3.10). told: TimeoutNow was sent in this term.
        self.transferee: NodeId | None = None
        self.transfer: tuple[NodeId, Request] | None = None
        self.told = False

    # --- Terms (5.1) ---

    def _become_follower(self, term: int) -> None:
        """Follow in `term`, our own or a newer one, without knowing its leader yet."""
        if term > self.term:
            self.term, self.vote = term, None
            self.out.persist(HardState(term, None))
        if self.role is LEADER:
            self._resign()
            self.out.set_timer("election", self.election_timeout_s)
        # Others keep their timer: only a leader's message or a vote granted sets it back (5.2), or an outdated candidate could
        # put off everybody's election for ever.
        self.role = FOLLOWER
        self.leader = None

    def _resign(self) -> None:
        """Drop what only a leader has.

        Clients whose entries are not committed hear nothing: the next leader may have them or not, and nobody can know yet.
        Reads have changed nothing, so they may certainly ask elsewhere.
        """
        self.out.cancel_timer("heartbeat")
        self.out.cancel_timer("transfer")
        self.waiting.clear()
        self.progress.clear()
        self.peers, self.voters = [], []
        for read in self.reads:
            self._redirect(read.client, read.request, None)
        self.reads.clear()
        self.rounds_began.clear()
        self.lease_until_s = -inf
        if self.transfer is not None and self.told:
            self._answer(*self.transfer)
        self.transferee = self.transfer = None

    def _hear(self, leader: NodeId) -> None:
        """A message of the leader of our term: stay loyal to it for a while."""
        if self.role is not FOLLOWER:
            assert self.role is not LEADER, f"two leaders in term {self.term}: {self.me} and {leader}"
            self.role = FOLLOWER
        self.leader = leader
        self.heard_s = self.out.clock()
        self.out.set_timer("election", self.election_timeout_s)

    def _is_loyal(self) -> bool:
        """Whether a leader was heard within the shortest election timeout (thesis, 4.2.3). A leader hears itself.

        A clock that has jumped back proves nothing; then we are not loyal, or a cluster could stay without a leader.
        """
        if not self.rules.followers_are_loyal:
            return False
        return self.role is LEADER or 0.0 <= self.out.clock() - self.heard_s < self.election_timeout_s[0]

    # --- Answers to clients ---

    def _answer(self, client: NodeId, request: Request, *, value: Value = None) -> None:
        self.out.reply(client, Reply(request.session, request.seq, "ok", value))

    def _refuse(self, client: NodeId, request: Request, why: str) -> None:
        self.out.reply(client, Reply(request.session, request.seq, "fail", why))

    def _redirect(self, client: NodeId, request: Request, hint: NodeId | None) -> None:
        self.out.reply(client, Reply(request.session, request.seq, "redirect", None, hint))


def majority(members: Any) -> int:
    """How many of `members` are more than half of them."""
    return len(members) // 2 + 1

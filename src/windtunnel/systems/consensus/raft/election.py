"""Leader election: timeouts, votes, and the ways to ask for them.

Source:  Ongaro & Ousterhout 2014, section 5.2 and 5.4.1. Thesis: 9.6 (pre-vote), 4.2.3 (loyalty to a leader that is heard),
         3.10 (TimeoutNow), 4.2.2 (who may stand).
"""

from __future__ import annotations

from math import inf

from windtunnel.base.messages import Message, NodeId
from windtunnel.systems.consensus.raft.log import HardState, NoOp
from windtunnel.systems.consensus.raft.replication import Replication
from windtunnel.systems.consensus.raft.state import CANDIDATE, FOLLOWER, LEADER, PRE_CANDIDATE, majority


class RequestPreVote(Message, frozen=True):
    """To all: `term` has lasted too long without a leader; would you vote for me in the next one? Binds nobody."""

    term: int
    last_index: int
    last_term: int


class PreVote(Message, frozen=True):
    """Answer to RequestPreVote."""

    term: int
    granted: bool


class RequestVote(Message, frozen=True):
    """Candidate to all. `transfer`: the leader itself has asked for this election, so loyalty to it is no reason to refuse."""

    term: int
    last_index: int
    last_term: int
    transfer: bool


class Vote(Message, frozen=True):
    """Answer to RequestVote."""

    term: int
    granted: bool


class TimeoutNow(Message, frozen=True):
    """Leader to the server that shall lead next: your log is complete, stand for election at once (thesis, 3.10)."""

    term: int


class Election(Replication):
    """From a timeout to a leader."""

    # --- Standing ---

    def _on_election_timeout(self) -> None:
        """No leader was heard for too long, so loyalty is owed to nobody."""
        self.leader = None
        self.heard_s = -inf
        self.role = FOLLOWER
        if not self._may_stand():
            return
        self.out.set_timer("election", self.election_timeout_s)
        if self.options.pre_vote:
            self._become_pre_candidate()
        else:
            self._become_candidate(transfer=False)

    def _may_stand(self) -> bool:
        """Members stand. So does a server whose removal is not committed yet: it may be needed for just that (4.2.2)."""
        index, members = self.log.configurations[-1]
        return self.me in members or index > self.commit_index

    def _become_pre_candidate(self) -> None:
        self.role = PRE_CANDIDATE
        self.votes = {self.me}
        self._ask_members(RequestPreVote(self.term, self.log.last_index, self.log.last_term))
        if self._has_majority():
            self._become_candidate(transfer=False)

    def _become_candidate(self, *, transfer: bool) -> None:
        self.role = CANDIDATE
        self.term += 1
        self.vote = self.me
        self.votes = {self.me}
        self.leader = None
        self.out.persist(HardState(self.term, self.vote))
        self.out.set_timer("election", self.election_timeout_s)
        self._ask_members(RequestVote(self.term, self.log.last_index, self.log.last_term, transfer))
        if self._has_majority():
            self._become_leader()

    def _ask_members(self, request: RequestPreVote | RequestVote) -> None:
        for name in self.log.members:
            if name != self.me:
                self.out.send(name, request)

    def _has_majority(self) -> bool:
        members = self.log.members
        return sum(1 for name in members if name in self.votes) >= majority(members)

    # --- Voting ---

    def on_request_pre_vote(self, src: NodeId, m: RequestPreVote) -> None:
        """Say whether we would vote; remember nothing."""
        granted = m.term == self.term and self._is_up_to_date(m) and not self._is_loyal()
        self.out.send(src, PreVote(self.term, granted))

    def on_request_vote(self, src: NodeId, m: RequestVote) -> None:
        """Figure 2, RequestVote: one vote per term, for an up-to-date log."""
        free = self.vote in (None, src) or not self.rules.one_vote_per_term
        loyal = self._is_loyal() and not m.transfer
        granted = m.term == self.term and free and not loyal and self._is_up_to_date(m)
        vote = Vote(self.term, granted)
        if granted and not self.rules.vote_is_durable:
            self.out.send(src, vote)
        if granted:
            self.role = FOLLOWER
            self.vote = src
            self.out.persist(HardState(self.term, src))
            self.out.set_timer("election", self.election_timeout_s)
        self.out.send(src, vote)

    def _is_up_to_date(self, m: RequestPreVote | RequestVote) -> bool:
        """Whether the candidate's log is at least as up-to-date as ours (5.4.1)."""
        ours = (self.log.last_term, self.log.last_index)
        return (m.last_term, m.last_index) >= ours or not self.rules.candidate_up_to_date

    # --- Being elected ---

    def on_pre_vote(self, src: NodeId, m: PreVote) -> None:
        """With a majority that would vote for us, stand."""
        if self.role is PRE_CANDIDATE and m.granted and m.term == self.term:
            self.votes.add(src)
            if self._has_majority():
                self._become_candidate(transfer=False)

    def on_vote(self, src: NodeId, m: Vote) -> None:
        """With a majority of the votes, lead."""
        if self.role is CANDIDATE and m.granted and m.term == self.term:
            self.votes.add(src)
            if self._has_majority():
                self._become_leader()

    def on_timeout_now(self, src: NodeId, m: TimeoutNow) -> None:  # noqa: ARG002 - handlers are alike
        """The leader wishes us to lead: stand, without asking whether that is wise."""
        if m.term == self.term and self.role is not LEADER and self._may_stand():
            self._become_candidate(transfer=True)

    def _become_leader(self) -> None:
        self.role = LEADER
        self.leader = self.me
        self.progress = {}
        self.syncing = False
        self.told = False
        self.round = 0
        self._follow_members()
        self.out.cancel_timer("election")
        self.out.set_timer("heartbeat", self.options.heartbeat_s)
        self.term_start = self._append(NoOp())

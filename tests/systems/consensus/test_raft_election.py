"""Section 5.2 and 5.4.1: terms, votes and leaders; thesis 4.2.3, 6.2, 9.6."""

import pytest
from raft_servers import FIVE, armed, durable, fire, leader, order, persisted, read, replies, sent, server, tell, write

from windtunnel.base.outbox import CancelTimer
from windtunnel.systems.consensus.raft import SYSTEM
from windtunnel.systems.consensus.raft.election import PreVote, RequestPreVote, RequestVote, TimeoutNow, Vote
from windtunnel.systems.consensus.raft.log import Append, HardState, NoOp
from windtunnel.systems.consensus.raft.replication import AppendEntries, Rejected
from windtunnel.systems.consensus.raft.server import HANDLERS
from windtunnel.systems.consensus.raft.snapshots import Appended, InstallSnapshot
from windtunnel.systems.consensus.raft.state import CANDIDATE, FOLLOWER, LEADER, PRE_CANDIDATE

OTHERS = FIVE[1:]


def heartbeat(term=1, prev=(0, 0), commit=0):
    return AppendEntries(term, *prev, (), commit, 0)


# --- Standing ---


def test_a_timeout_asks_for_pre_votes_and_changes_nothing_durable():
    """9.6: a server that cannot win does not raise its term, so it cannot depose anybody when it comes back."""
    core = server(records=durable(1, 1))
    effects = fire(core, "election")
    assert core.role is PRE_CANDIDATE
    assert core.term == 1
    assert sent(effects) == [(peer, RequestPreVote(1, 2, 1)) for peer in OTHERS]
    assert persisted(effects) == []
    assert armed(effects) == ["election"]


def test_a_majority_of_pre_votes_begins_the_election():
    """5.2: "To begin an election, a follower increments its current term and transitions to candidate state"."""
    core = server()
    fire(core, "election")
    assert tell(core, "s2", PreVote(0, True)) == []
    effects = tell(core, "s3", PreVote(0, True))
    assert core.role is CANDIDATE
    assert (core.term, core.vote) == (1, "s1")
    assert sent(effects) == [(peer, RequestVote(1, 0, 0, False)) for peer in OTHERS]


def test_the_own_vote_is_durable_before_anybody_is_asked():
    """Figure 2: a candidate that forgot its own vote could vote for another in the same term."""
    core = server(pre_vote=False)
    effects = fire(core, "election")
    assert order(effects, HardState, RequestVote) == [HardState] + 4 * [RequestVote]


def test_votes_are_counted_once_per_server_and_only_from_members():
    """5.2: "votes from a majority of the servers in the full cluster for the same term"."""
    core = server(pre_vote=False)
    fire(core, "election")
    for _ in range(3):
        tell(core, "s2", Vote(1, True))
    tell(core, "s9", Vote(1, True))
    tell(core, "s3", Vote(1, False))
    tell(core, "s4", Vote(0, True))
    assert core.role is CANDIDATE
    tell(core, "s5", Vote(1, True))
    assert core.role is LEADER


def test_a_cluster_of_one_elects_itself_and_commits_when_its_disk_has_the_entry():
    """5.2 and 5.3 with a majority of one."""
    core = server(nodes=("s1",))
    effects = fire(core, "election")
    assert core.role is LEADER
    assert core.commit_index == 0
    assert sent(effects) == [("s1", Appended(1, 1, 0))]
    tell(core, "s1", Appended(1, 1, 0))
    assert core.commit_index == 1
    assert replies(tell(core, "c1", read())) == [("c1", "ok", None)]


def test_a_candidate_follows_a_leader_of_its_term():
    """5.2: a candidate recognizes a leader of its own term as legitimate and returns to follower state."""
    core = server(pre_vote=False)
    fire(core, "election")
    tell(core, "s2", heartbeat(term=1))
    assert (core.role, core.leader, core.term) == (FOLLOWER, "s2", 1)


# --- Voting ---


def test_a_vote_is_durable_before_it_is_sent():
    """Figure 2: "Updated on stable storage before responding to RPCs"."""
    effects = tell(server(), "s2", RequestVote(1, 0, 0, False))
    assert order(effects, HardState, Vote) == [HardState, HardState, Vote]
    assert persisted(effects)[-1] == HardState(1, "s2")
    assert sent(effects) == [("s2", Vote(1, True))]
    assert armed(effects) == ["election"]


def test_one_vote_per_term_first_come_first_served():
    """5.2: "Each server will vote for at most one candidate in a given term"; a repeated request is answered the same."""
    core = server()
    tell(core, "s2", RequestVote(1, 0, 0, False))
    assert sent(tell(core, "s3", RequestVote(1, 0, 0, False))) == [("s3", Vote(1, False))]
    assert sent(tell(core, "s2", RequestVote(1, 0, 0, False))) == [("s2", Vote(1, True))]


def test_a_vote_survives_a_restart():
    """5.1: the vote is persistent state."""
    core = server(records=[HardState(3, "s2")])
    assert sent(tell(core, "s3", RequestVote(3, 9, 9, False))) == [("s3", Vote(3, False))]
    assert sent(tell(core, "s2", RequestVote(3, 9, 9, False))) == [("s2", Vote(3, True))]


@pytest.mark.parametrize(
    ("last_index", "last_term", "granted"),
    [(2, 2, True), (3, 2, True), (1, 3, True), (1, 2, False), (9, 1, False)],
)
def test_a_vote_goes_only_to_an_up_to_date_log(last_index, last_term, granted):
    """5.4.1: the later last term is more up-to-date; of equal last terms, the longer log is."""
    core = server(records=durable(1, 2))
    assert sent(tell(core, "s2", RequestVote(3, last_index, last_term, False))) == [("s2", Vote(3, granted))]
    other = server(records=durable(1, 2))
    assert sent(tell(other, "s2", RequestPreVote(2, last_index, last_term))) == [("s2", PreVote(2, granted))]


def test_a_stale_term_is_refused_and_told_the_newer_one():
    """5.1: "If a server receives a request with a stale term number, it rejects the request"."""
    core = server(records=[HardState(5, None)])
    assert sent(tell(core, "s2", RequestVote(4, 9, 9, False))) == [("s2", Vote(5, False))]
    assert sent(tell(core, "s2", RequestPreVote(4, 9, 9))) == [("s2", PreVote(5, False))]
    assert sent(tell(core, "s2", heartbeat(term=4))) == [("s2", Rejected(5, 0, 0, 0, 0))]
    assert core.leader is None


@pytest.mark.parametrize(
    "message",
    [
        heartbeat(term=7),
        Appended(7, 0, 0),
        Rejected(7, 0, 0, 0, 0),
        RequestVote(7, 0, 0, False),
        RequestPreVote(7, 0, 0),
        Vote(7, False),
        PreVote(7, False),
        TimeoutNow(7),
    ],
    ids=lambda m: type(m).__name__,
)
def test_any_message_of_a_newer_term_is_adopted_durably(message):
    """5.1: "If one server's current term is smaller than the other's, then it updates its current term to the larger value"."""
    core = server()
    effects = tell(core, "s2", message)
    assert persisted(effects)[0] == HardState(7, None)
    assert core.term >= 7


def test_a_newer_term_alone_does_not_put_off_an_election():
    """5.2: only a leader's message or a vote granted resets the timeout; else an outdated candidate blocks everybody."""
    core = server(records=durable(1, 2))
    assert armed(tell(core, "s2", RequestVote(9, 0, 0, False))) == []


# --- Loyalty, leases on votes ---


def test_a_server_that_hears_its_leader_refuses_and_keeps_its_term():
    """4.2.3: "it does not update its term or grant its vote"."""
    core = server()
    tell(core, "s5", heartbeat())
    core.out.now_s += 0.149
    assert sent(tell(core, "s2", RequestVote(9, 9, 9, False))) == [("s2", Vote(1, False))]
    assert sent(tell(core, "s2", RequestPreVote(9, 9, 9))) == [("s2", PreVote(1, False))]
    assert (core.term, core.leader) == (1, "s5")
    core.out.now_s += 0.002
    assert sent(tell(core, "s2", RequestVote(9, 9, 9, False))) == [("s2", Vote(9, True))]


def test_a_server_that_hears_its_leader_encourages_nobody_in_its_own_term_either():
    """9.6: a pre-vote is refused as the vote would be."""
    core = server()
    tell(core, "s5", heartbeat())
    assert sent(tell(core, "s2", RequestPreVote(1, 9, 9))) == [("s2", PreVote(1, False))]
    core.out.now_s += 1.0
    assert sent(tell(core, "s2", RequestPreVote(1, 9, 9))) == [("s2", PreVote(1, True))]


def test_a_pre_candidate_that_votes_for_another_gives_up():
    """It has just helped to elect a leader; to stand against it now would depose it."""
    core = server(records=durable(1))
    fire(core, "election")
    tell(core, "s2", RequestVote(1, 1, 1, False))
    assert (core.role, core.vote) == (FOLLOWER, "s2")
    for voter in ("s3", "s4", "s5"):
        tell(core, voter, PreVote(1, True))
    assert (core.role, core.term) == (FOLLOWER, 1)


def test_a_leader_is_loyal_to_itself_but_obeys_an_answer_of_a_newer_term():
    """4.2.3: nobody is deposed by a mere candidate; but a follower that has gone on to a newer term must not be lost for ever."""
    core = leader()
    assert sent(tell(core, "s2", RequestVote(9, 9, 9, False))) == [("s2", Vote(1, False))]
    assert core.role is LEADER
    tell(core, "s2", Rejected(9, 0, 0, 0, 0))
    assert (core.role, core.term) == (FOLLOWER, 9)


def test_a_transfer_overrides_loyalty():
    """3.10: the leader itself has asked for the election."""
    core = server()
    tell(core, "s5", heartbeat())
    assert sent(tell(core, "s2", RequestVote(2, 9, 9, True))) == [("s2", Vote(2, True))]


def test_a_rebooted_server_is_loyal_at_first():
    """6.4.1 needs the promise of 4.2.3 to outlive a restart: whom it promised it, the server has forgotten."""
    core = server(records=durable(1))
    core.on_start()
    assert sent(tell(core, "s2", RequestVote(2, 9, 9, False))) == [("s2", Vote(1, False))]


def test_a_clock_that_jumped_back_does_not_make_loyal_for_long():
    """A negative age proves nothing, and believing it would keep a cluster without a leader for the length of the jump."""
    core = server()
    tell(core, "s5", heartbeat())
    core.out.now_s -= 100.0
    assert sent(tell(core, "s2", RequestVote(2, 9, 9, False))) == [("s2", Vote(2, True))]


# --- Leading ---


def test_a_new_leader_sends_its_no_op_before_its_own_disk_has_it():
    """Section 8: "having each leader commit a blank no-op entry"; thesis 10.2.1: the disk and the network work in parallel."""
    core = leader(committed=False)
    effects = core.out.take()
    kinds = order(effects, AppendEntries, Append, Appended)
    assert kinds == [*(4 * [AppendEntries]), Append, Appended]
    assert isinstance(core.log.entry(1).command, NoOp)
    assert CancelTimer("election") in effects


def test_a_leader_that_hears_no_majority_steps_down():
    """6.2: "if an election timeout elapses without a successful round of heartbeats to a majority of its cluster"."""
    core = leader()
    effects = []
    for tick in range(1, 8):
        tell(core, "s2", Appended(1, 1, 0))  # with the leader itself two of five
        assert core.role is LEADER or tick > 5, "0.05 s per tick, 0.3 s of patience"
        if core.role is LEADER:
            effects = fire(core, "heartbeat")
    assert core.role is FOLLOWER
    assert "election" in armed(effects)


def test_a_deposed_leader_says_nothing_of_entries_and_sends_reads_elsewhere():
    """An entry may survive in other logs, so nobody can know; a read has done nothing, for certain."""
    core = leader()
    tell(core, "c1", write())
    tell(core, "c9", read())
    effects = tell(core, "s2", heartbeat(term=2, prev=(1, 1)))
    assert replies(effects) == [("c9", "redirect", None)]
    assert core.waiting == {}


def test_timeout_now_skips_the_pre_vote():
    """3.10: it has the effect of a timeout at once; the requests for votes say that the leader asked for them."""
    core = server(records=durable(1))
    effects = tell(core, "s2", TimeoutNow(1))
    assert sent(effects) == [(peer, RequestVote(2, 1, 1, True)) for peer in OTHERS]
    assert sent(tell(core, "s2", TimeoutNow(1))) == []


def test_leftovers_of_an_election_do_nothing():
    """Votes, pre-votes and answers that arrive late find no one who waits for them."""
    core = leader()
    for message in (Vote(1, True), PreVote(1, True), Vote(0, True)):
        assert tell(core, "s2", message) == []
    follower = server(records=durable(1))
    for message in (Vote(1, True), PreVote(1, True), Appended(1, 1, 0), Rejected(1, 1, 0, 0, 0)):
        assert tell(follower, "s2", message) == []


def test_snapshots_of_an_old_term_are_refused_with_the_newer_term():
    """Figure 13, step 1: "Reply immediately if term < currentTerm"."""
    core = server(records=[HardState(5, None)])
    assert sent(tell(core, "s2", InstallSnapshot(4, core.snapshot, 0))) == [("s2", Appended(5, 0, 0))]


def test_every_message_of_the_system_has_a_handler():
    """What is declared for the wire is handled, and nothing else is."""
    assert set(HANDLERS) == set(SYSTEM.messages)

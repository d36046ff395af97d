"""Section 8 and thesis, chapter 6: requests, exactly once, reads, leases."""

import pytest
from raft_servers import FIVE, fire, leader, read, replies, sent, server, tell, write

from windtunnel.base.errors import UsageError
from windtunnel.base.interface import Op, Request
from windtunnel.systems.consensus.raft.election import PreVote, Vote
from windtunnel.systems.consensus.raft.machine import KeyValue
from windtunnel.systems.consensus.raft.replication import AppendEntries, Rejected
from windtunnel.systems.consensus.raft.snapshots import Appended
from windtunnel.systems.consensus.raft.state import Options


def answers(core, *names):
    """These servers acknowledge everything, and the newest round."""
    return [e for name in names for e in tell(core, name, Appended(core.term, core.log.last_index, core.round))]


# --- The store ---


def test_the_store_does_what_its_interface_says():
    """The table of `windtunnel.base.interface`: read, write, cas, append."""
    store = KeyValue(deduplicate=True)
    steps = [
        (Op("read", "x"), None),
        (Op("cas", "x", (None, "1")), True),
        (Op("cas", "x", ["2", "3"]), False),
        (Op("append", "x", "+2"), None),
        (Op("read", "x"), "1+2"),
        (Op("write", "x", "4"), None),
        (Op("append", "y", "a"), None),
        (Op("read", "y"), "a"),
        (Op("read", "x"), "4"),
    ]
    for seq, (op, result) in enumerate(steps, 1):
        reply = store.apply(Request("c", seq, op))
        assert (reply.status, reply.value) == ("ok", result), op


def test_a_request_is_taken_once_and_answered_as_often_as_asked():
    """Thesis 6.3: "the state machine ... responds immediately without re-executing the request"."""
    store = KeyValue(deduplicate=True)
    first = store.apply(Request("c", 1, Op("append", "x", "+1")))
    assert store.apply(Request("c", 1, Op("append", "x", "+1"))) == first
    store.apply(Request("c", 2, Op("append", "x", "+2")))
    assert store.apply(Request("c", 1, Op("append", "x", "+1"))) is None
    assert store.read("x") == "+1+2"
    assert store.duplicates == 2


def test_appending_to_no_text_fails_for_certain_and_alike_everywhere():
    """What cannot be executed must not raise: the entry is in the log of every server, for ever."""
    store = KeyValue(deduplicate=True)
    store.apply(Request("c", 1, Op("write", "x", 7)))
    assert store.apply(Request("c", 2, Op("append", "x", "a"))).status == "fail"
    assert store.read("x") == 7


@pytest.mark.parametrize(
    ("op", "why"),
    [
        (Op("increment", "x"), "no operation"),
        (Op("read", ["x"]), "a key is"),
        (Op("cas", "x", "1"), "cas takes"),
        (Op("append", "x", 1), "append takes"),
    ],
)
def test_nonsense_is_refused_before_it_enters_the_log(op, why):
    """A command must not fail on replay."""
    ((_, status, text),) = replies(tell(leader(), "c1", Request("c1", 1, op)))
    assert status == "fail"
    assert why in text


# --- Requests ---


def test_a_follower_redirects_to_its_leader():
    """Section 8: "If the client's first choice is not the leader, that server will reject ... and supply information"."""
    core = server()
    assert replies(tell(core, "c1", write())) == [("c1", "redirect", None)]
    tell(core, "s3", AppendEntries(1, 0, 0, (), 0, 0))
    (effect,) = tell(core, "c1", write())
    assert effect.message.hint == "s3"


def test_a_request_that_was_executed_is_answered_without_the_log():
    """Its reply is known, and cannot change any more."""
    core = leader()
    tell(core, "c1", write())
    answers(core, "s1", "s2", "s3")
    effects = tell(core, "c1", write())
    assert replies(effects) == [("c1", "ok", None)]
    assert sent(effects) == []


def test_a_request_that_is_twice_in_the_log_is_executed_once_and_answered():
    """Section 8: the client asked again before the first entry was committed."""
    core = leader()
    op = Request("c1", 1, Op("append", "x", "+1"))
    tell(core, "c1", op)
    tell(core, "c1", op)
    effects = answers(core, "s1", "s2", "s3", "s1", "s2", "s3")
    assert replies(effects) == [("c1", "ok", None)] * 2
    assert core.machine.read("x") == "+1"
    assert core.machine.duplicates == 1


def test_a_request_of_the_past_is_not_executed_and_not_answered():
    """Its client has gone on, with the next number; so nobody waits, and "ok" would be a lie."""
    core = leader()
    tell(core, "c1", write(seq=2))
    answers(core, "s1", "s2", "s3")
    tell(core, "c1", write("old", seq=1))
    assert replies(answers(core, "s1", "s2", "s3")) == []
    assert core.machine.read("x") == "1"


# --- Reads ---


def test_a_read_waits_for_answers_that_were_asked_for_after_it():
    """6.4: answers to messages from before the read prove nothing about the time since."""
    core = leader()
    fire(core, "heartbeat")
    before = core.round
    effects = tell(core, "c9", read())
    assert [m.round for _, m in sent(effects, AppendEntries)] == [before + 1] * 4
    for peer in FIVE[1:]:
        assert replies(tell(core, peer, Appended(1, 1, before))) == []
    assert replies(tell(core, "s2", Appended(1, 1, before + 1))) == []
    assert replies(tell(core, "s2", Appended(1, 1, before + 1))) == []
    assert replies(tell(core, "s3", Appended(1, 1, before + 1))) == [("c9", "ok", None)]


def test_reads_share_rounds_and_appends_it_nothing():
    """6.4: one round of messages serves every read that waits for it; the log stays as it is."""
    core = leader()
    first = tell(core, "c1", read("c1"))
    rest = [e for i in range(2, 10) for e in tell(core, f"c{i}", read(f"c{i}"))]
    assert len(sent(first)) == 4
    assert sent(rest) == []
    again = tell(core, "s2", Appended(1, 1, 1))
    assert sent(again) == [("s2", AppendEntries(1, 1, 1, (), 1, 9))]
    done = tell(core, "s3", Appended(1, 1, 1)) + tell(core, "s2", Appended(1, 1, 9)) + tell(core, "s3", Appended(1, 1, 9))
    assert len(replies(done)) == 9
    assert core.log.last_index == 1


def test_a_rejection_confirms_leadership_too():
    """It says that the follower was in our term; that its log lags is another matter."""
    core = leader()
    tell(core, "c9", read())
    tell(core, "s2", Rejected(1, 1, 0, 1, 1))
    assert replies(tell(core, "s3", Rejected(1, 1, 0, 1, 1))) == [("c9", "ok", None)]


def test_a_new_leader_reads_only_what_it_knows_to_be_committed():
    """6.4, step 1: until its no-op is committed it does not know which entries are."""
    core = leader(committed=False)
    tell(core, "c9", read())
    for peer in ("s2", "s3", "s4"):
        assert replies(tell(core, peer, Appended(1, 0, 1))) == []
    tell(core, "s1", Appended(1, 1, 1))
    tell(core, "s2", Appended(1, 1, 1))
    assert replies(tell(core, "s3", Appended(1, 1, 1))) == [("c9", "ok", None)]


def test_reads_may_go_through_the_log():
    """Section 8: the simple way, for comparison."""
    core = leader(read="log")
    tell(core, "c9", read())
    assert core.log.last_index == 2
    assert replies(answers(core, "s1", "s2", "s3")) == [("c9", "ok", None)]


# --- Leases ---


def leased():
    """A leader with a fresh lease, whose clock has just read 10 s."""
    core = leader(read="lease")
    fire(core, "heartbeat")
    fire(core, "heartbeat")
    answers(core, "s2", "s3")
    return core


def test_a_lease_answers_reads_at_once_until_it_is_over():
    """6.4.1: from the beginning of the round, the shortest election timeout less the drift."""
    core = leased()
    assert replies(tell(core, "c1", read("c1"))) == [("c1", "ok", None)]
    core.out.now_s += 0.150 * (1 - 0.05) / (1 + 0.05) - 0.001
    assert replies(tell(core, "c2", read("c2"))) == [("c2", "ok", None)]
    core.out.now_s += 0.002
    assert replies(tell(core, "c3", read("c3"))) == []


def test_a_lease_needs_a_majority():
    """One answer of four extends nothing."""
    core = leader(read="lease")
    fire(core, "heartbeat")
    fire(core, "heartbeat")
    answers(core, "s2")
    assert replies(tell(core, "c1", read("c1"))) == []


def test_a_lease_ends_with_the_leadership():
    """6.4.1: whoever leads again must earn it again; others may have led in between."""
    core = leased()
    tell(core, "s2", AppendEntries(2, 1, 1, (), 1, 0))
    fire(core, "election")
    for answer in (PreVote(2, True), Vote(3, True)):
        for voter in ("s2", "s3"):
            core.on_message(voter, answer)
    answers(core, "s1", "s2", "s3")
    assert core.commit_index == 2
    assert replies(tell(core, "c1", read("c1"))) == []


def test_options_that_cannot_work_are_refused():
    """A leader that is silent for longer than its followers wait is none."""
    with pytest.raises(UsageError, match="heartbeat_s < election_timeout_s"):
        Options(heartbeat_s=0.2)
    with pytest.raises(UsageError, match="read is one of index, lease, log"):
        Options(read="stale")
    with pytest.raises(UsageError, match="1 or more"):
        Options(batch_max=0)
    with pytest.raises(UsageError, match="clock_drift_max"):
        Options(clock_drift_max=1.0)
    with pytest.raises(UsageError, match="trailing_max"):
        Options(trailing_max=-1)

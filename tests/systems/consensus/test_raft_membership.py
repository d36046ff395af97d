"""Thesis, chapter 4 and 3.10: members come and go one by one; leadership is handed over."""

import pytest
from raft_servers import FIVE, armed, checkpoints, fire, leader, persisted, replies, sent, server, tell, write

from windtunnel.base.interface import Op, Request
from windtunnel.systems.consensus.raft.election import RequestPreVote, RequestVote, TimeoutNow
from windtunnel.systems.consensus.raft.log import Append, Configuration, Entry, NoOp
from windtunnel.systems.consensus.raft.replication import AppendEntries
from windtunnel.systems.consensus.raft.snapshots import Appended
from windtunnel.systems.consensus.raft.state import FOLLOWER, LEADER

FOUR = FIVE[:4]


def reconfigure(members, session="admin"):
    return Request(session, 1, Op("reconfigure", value=list(members)))


def transfer(name):
    return Request("admin", 1, Op("transfer", value=name))


def answer(core, *names):
    """These servers acknowledge everything."""
    return [e for name in names for e in tell(core, name, Appended(core.term, core.log.last_index, core.round))]


def test_a_configuration_counts_from_the_moment_it_is_in_the_log():
    """4.1: "a server always uses the latest configuration in its log, regardless of whether the entry is committed"."""
    core = leader()
    effects = tell(core, "admin", reconfigure(FOUR))
    assert core.quorum == 3
    assert {dst for dst, _ in sent(effects, AppendEntries)} == {"s2", "s3", "s4"}
    assert answer(core, "s5") == []
    assert replies(answer(core, "s1", "s2", "s3")) == [("admin", "ok", list(FOUR))]


def test_a_follower_takes_a_configuration_back_with_its_entry():
    """4.1: if the entry is removed, a server "must be prepared to fall back to the previous configuration in its log"."""
    core = server()
    tell(core, "s2", AppendEntries(1, 0, 0, (Entry(1, NoOp()), Entry(1, Configuration(FOUR))), 0, 0))
    assert core.log.members == FOUR
    tell(core, "s3", AppendEntries(2, 1, 1, (Entry(2, NoOp()),), 0, 0))
    assert core.log.members == FIVE


@pytest.mark.parametrize(
    ("wished", "why"),
    [
        (FIVE[:3], "one server at a time"),
        ((), "expected a list"),
        ("s1", "expected a list"),
        ((*FIVE, "s9"), "expected a list"),
    ],
)
def test_other_changes_are_refused_for_certain(wished, why):
    """4.1; and input that is no configuration at all is answered, not logged."""
    core = leader()
    effects = tell(core, "admin", Request("admin", 1, Op("reconfigure", value=wished)))
    ((client, status, text),) = replies(effects)
    assert (client, status) == ("admin", "fail")
    assert why in text
    assert persisted(effects) == []


def test_one_change_waits_for_the_other():
    """4.1: the leader must not begin a change while another is uncommitted."""
    core = leader()
    tell(core, "admin", reconfigure(FOUR))
    assert replies(tell(core, "admin", reconfigure(FIVE[:3], "admin2")))[0][1:] == ("fail", "another change is not committed yet")
    answer(core, "s1", "s2", "s3")
    assert replies(tell(core, "admin", reconfigure(FIVE[:3], "admin2"))) == []
    assert core.log.members == FIVE[:3]


def test_a_new_leader_must_commit_before_it_changes_members():
    """raft-dev 2015: no configuration entry "until it has committed an entry from its current term"."""
    core = leader(committed=False)
    ((_, status, text),) = replies(tell(core, "admin", reconfigure(FOUR)))
    assert status == "fail"
    assert "has not committed an entry of its own term" in text


def test_asking_for_the_present_members_is_answered_at_once():
    """A repeated request for a change that has been made needs no entry."""
    assert replies(tell(leader(), "admin", reconfigure(reversed(FIVE)))) == [("admin", "ok", list(FIVE))]


def test_a_new_server_is_brought_up_from_nothing():
    """4.2.1 is omitted: it votes at once, and is repaired like any follower that is behind."""
    core = leader()
    tell(core, "admin", reconfigure(FOUR))
    answer(core, "s1", "s2", "s3")
    tell(core, "admin", reconfigure(FIVE))
    assert core.progress["s5"].match == 0
    assert core.quorum == 3
    assert "s5" in {dst for dst, _ in sent(fire(core, "heartbeat") + fire(core, "heartbeat"))}


def test_a_removed_leader_leads_until_that_is_committed_and_does_not_count_itself():
    """4.2.2: "it replicates log entries but does not count itself in majorities"."""
    core = leader()
    tell(core, "admin", reconfigure(FIVE[1:]))
    answer(core, "s1", "s2", "s3")
    assert core.role is LEADER
    assert replies(answer(core, "s4")) == [("admin", "ok", list(FIVE[1:]))]
    assert (core.role, core.leader) == (FOLLOWER, None)
    assert sent(fire(core, "election")) == []


def test_a_server_whose_removal_is_not_committed_may_be_needed_as_leader():
    """4.2.2, figure 4.6: it stands, and does not count its own vote."""
    core = server()
    tell(core, "s2", AppendEntries(1, 0, 0, (Entry(1, NoOp()), Entry(1, Configuration(FIVE[1:]))), 0, 0))
    effects = fire(core, "election")
    assert [dst for dst, _ in sent(effects, RequestPreVote)] == list(FIVE[1:])


def test_servers_vote_for_candidates_outside_their_configuration():
    """4.1: the candidate may know a newer configuration."""
    core = server()
    tell(core, "s2", AppendEntries(1, 0, 0, (Entry(1, NoOp()), Entry(1, Configuration(FOUR))), 0, 0))
    core.out.now_s += 1.0
    ((_, vote),) = sent(tell(core, "s5", RequestVote(2, 9, 9, False)))
    assert vote.granted


def test_a_snapshot_holds_the_members_of_its_index():
    """Section 7: "snapshot also includes the latest configuration in the log as of last included index"."""
    core = leader(snapshot_every=3, trailing_max=0)
    tell(core, "admin", reconfigure(FOUR))
    answer(core, "s1", "s2", "s3")
    tell(core, "c1", write())
    effects = answer(core, "s1", "s2", "s3")
    ((_, snapshot, _),) = checkpoints(effects)
    assert snapshot.members == FOUR
    assert server(records=[snapshot, Append(3, 1, ())]).log.members == FOUR


# --- Transfer ---


def test_a_transfer_waits_until_the_log_of_the_chosen_is_complete():
    """3.10, steps 1 to 3: no new requests, complete its log, send TimeoutNow."""
    core = leader()
    tell(core, "c1", write())
    assert sent(tell(core, "admin", transfer("s3"))) == []
    assert replies(tell(core, "c2", write(session="c2"))) == [("c2", "redirect", None)]
    assert sent(tell(core, "s2", Appended(1, 2, 0))) == []
    assert sent(tell(core, "s3", Appended(1, 2, 0))) == [("s3", TimeoutNow(1))]
    assert replies(tell(core, "s3", RequestVote(2, 2, 1, True))) == [("admin", "ok", None)]
    assert core.role is FOLLOWER


def test_a_transfer_that_takes_too_long_is_given_up():
    """3.10: "If leadership transfer does not complete after about an election timeout, the prior leader aborts the transfer"."""
    core = leader()
    assert "transfer" in armed(tell(core, "admin", transfer("s3")))
    fire(core, "transfer")
    assert len(sent(tell(core, "c2", write(session="c2")), AppendEntries)) == 4


def test_a_transfer_to_nobody_or_to_oneself():
    """Input that makes no sense is refused; what is so already is done."""
    core = leader()
    assert replies(tell(core, "admin", transfer("s1"))) == [("admin", "ok", None)]
    assert replies(tell(core, "admin", transfer("s9")))[0][1] == "fail"

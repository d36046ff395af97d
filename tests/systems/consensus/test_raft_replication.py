"""Section 5.3 and 5.4.2: logs that agree, and entries that count; thesis 10.2."""

import pytest
from raft_servers import (
    FIVE,
    applied,
    armed,
    durable,
    entries,
    fire,
    leader,
    order,
    persisted,
    replies,
    sent,
    server,
    tell,
    write,
)

from windtunnel.systems.consensus.raft.election import PreVote, Vote
from windtunnel.systems.consensus.raft.log import Append, Entry, NoOp
from windtunnel.systems.consensus.raft.replication import AppendEntries, Rejected
from windtunnel.systems.consensus.raft.snapshots import Appended
from windtunnel.systems.consensus.raft.state import FOLLOWER, LEADER

OTHERS = FIVE[1:]


def terms(core):
    """The terms of the entries of a log, as figures draw it."""
    return [entry.term for entry in core.log.entries]


# --- Followers ---


def test_entries_are_durable_before_they_are_acknowledged():
    """Figure 2: "Updated on stable storage before responding to RPCs"."""
    core = server(records=durable(1))
    effects = tell(core, "s2", AppendEntries(1, 1, 1, entries(1, 1), 0, 7))
    assert order(effects, Append, Appended) == [Append, Appended]
    assert sent(effects) == [("s2", Appended(1, 3, 7))]
    assert armed(effects) == ["election"]


def test_a_heartbeat_writes_nothing():
    """5.2: heartbeats are AppendEntries without entries; an idle cluster must not wear out its disks."""
    effects = tell(server(records=durable(1)), "s2", AppendEntries(1, 1, 1, (), 0, 0))
    assert persisted(effects) == []
    assert sent(effects) == [("s2", Appended(1, 1, 0))]


@pytest.mark.parametrize(
    ("prev", "answer"),
    [
        ((9, 3), Rejected(4, 9, 0, 6, 0)),  # too short: begin behind its end
        ((5, 4), Rejected(4, 5, 3, 4, 0)),  # term 3 is at 4 and 5: skip all of it
        ((3, 3), Rejected(4, 3, 2, 2, 0)),
    ],
)
def test_the_consistency_check_rejects_and_names_the_conflicting_term(prev, answer):
    """5.3: "the follower can include the term of the conflicting entry and the first index it stores for that term"."""
    core = server(records=durable(1, 2, 2, 3, 3, term=4))
    assert sent(tell(core, "s2", AppendEntries(4, *prev, (), 0, 0))) == [("s2", answer)]


def test_conflicting_entries_are_deleted_with_all_that_follow():
    """Figure 2, AppendEntries step 3."""
    core = server(records=durable(1, 2, 2, 2, term=3))
    new = entries(1, 3)[1:]
    effects = tell(core, "s2", AppendEntries(3, 1, 1, new, 0, 0))
    assert terms(core) == [1, 3]
    assert persisted(effects) == [Append(1, 1, new)]
    assert core.log.truncations == 1


def test_entries_that_agree_stay_with_all_that_follow():
    """Figure 2, step 3: deletes only on conflict; a late message must not undo what a newer one brought."""
    core = server(records=durable(1, 1, 1, 1))
    effects = tell(core, "s2", AppendEntries(1, 1, 1, entries(1, 1)[1:], 0, 0))
    assert terms(core) == [1, 1, 1, 1]
    assert persisted(effects) == []
    assert sent(effects) == [("s2", Appended(1, 2, 0))]


def test_only_the_missing_part_of_an_overlapping_message_is_written():
    """The part that agrees is durable already."""
    core = server(records=durable(1, 1))
    new = entries(1, 1, 1)
    effects = tell(core, "s2", AppendEntries(1, 0, 0, new, 0, 0))
    assert persisted(effects) == [Append(2, 1, new[2:])]


def test_a_follower_commits_no_further_than_its_log_is_known_to_match():
    """Figure 2, step 5: min(leaderCommit, index of last new entry); behind that it may hold what the leader does not."""
    core = server(records=durable(1, 2, 2, term=3))
    effects = tell(core, "s2", AppendEntries(3, 1, 1, (), 3, 0))
    assert core.commit_index == 1
    assert applied(effects) == [1]


def test_the_commit_index_never_falls():
    """A late heartbeat says what was committed then."""
    core = server(records=durable(1, 1))
    tell(core, "s2", AppendEntries(1, 2, 1, (), 2, 0))
    assert applied(tell(core, "s2", AppendEntries(1, 2, 1, (), 1, 0))) == []
    assert core.commit_index == 2


# --- Leaders ---


def test_a_request_is_sent_before_it_is_written_and_counted_when_both_are_done():
    """Thesis 10.2.1: the leader's disk is one of the majority, no more and no less."""
    core = leader()
    effects = tell(core, "c1", write())
    assert order(effects, AppendEntries, Append, Appended) == [*(4 * [AppendEntries]), Append, Appended]
    for peer in ("s2", "s3"):
        assert replies(tell(core, peer, Appended(1, 2, 0))) == []
    assert core.commit_index == 1
    effects = tell(core, "s1", Appended(1, 2, 0))
    assert applied(effects) == [2]
    assert replies(effects) == [("c1", "ok", None)]


def test_a_majority_of_followers_commits_without_the_leaders_disk():
    """10.2.1: "the leader may even commit an entry before it has been written to its own disk"."""
    core = leader()
    tell(core, "c1", write())
    for peer in ("s2", "s3"):
        assert replies(tell(core, peer, Appended(1, 2, 0))) == []
    assert replies(tell(core, "s4", Appended(1, 2, 0))) == [("c1", "ok", None)]


def test_requests_under_load_share_messages_and_syncs():
    """10.2.2: while a message is unanswered entries gather, and the next message carries them all; so does the next sync."""
    core = leader()
    first = tell(core, "c1", write(session="c1"))
    assert len(sent(first, AppendEntries)) == 4
    for i in range(2, 12):
        assert sent(tell(core, f"c{i}", write(session=f"c{i}"))) == []
    ((_, message),) = sent(tell(core, "s2", Appended(1, 2, 0)))
    assert (message.prev_index, len(message.entries)) == (2, 10)
    assert sent(tell(core, "s1", Appended(1, 2, 0))) == [("s1", Appended(1, 12, 0))]


def test_a_message_carries_at_most_a_batch():
    """`batch_max` bounds what one message can hold up."""
    core = leader(batch_max=3)
    for i in range(1, 12):
        tell(core, f"c{i}", write(session=f"c{i}"))
    ((_, message),) = sent(tell(core, "s2", Appended(1, 2, 0)))
    assert len(message.entries) == 3


def test_several_messages_may_be_in_flight():
    """10.2.2, pipelining: `in_flight_max` of them, each continuing where the last one ended."""
    core = leader(in_flight_max=2)
    flights = [len(sent(tell(core, f"c{i}", write(session=f"c{i}")), AppendEntries)) for i in range(1, 4)]
    assert flights == [4, 4, 0]


def test_idle_leaders_send_heartbeats_and_busy_ones_do_not():
    """5.2: heartbeats are for idle periods; an entry is as good."""
    core = leader()
    fire(core, "heartbeat")
    for peer in OTHERS:
        tell(core, peer, Appended(1, 1, 0))
    tell(core, "c1", write())
    assert sent(fire(core, "heartbeat")) == []
    for peer in OTHERS:
        tell(core, peer, Appended(1, 2, 0))
    assert sent(fire(core, "heartbeat")) == [(peer, AppendEntries(1, 2, 1, (), 2, 0)) for peer in OTHERS]


def test_an_unanswered_message_is_sent_again_and_a_silent_follower_is_only_probed():
    """5.3: "the leader retries AppendEntries RPCs indefinitely"; to a server that is down, in vain, so without entries."""
    core = leader()
    fire(core, "heartbeat")
    tell(core, "c1", write())
    ticks = []
    for _ in range(9):
        effects = fire(core, "heartbeat")
        ticks += [len(m.entries) for dst, m in sent(effects) if dst == "s5"]
        for peer in ("s2", "s3", "s4"):
            tell(core, peer, Appended(1, 2, 0))
    assert ticks[0] == 1
    assert ticks[-1] == 0


FIGURE_7 = [1, 1, 1, 4, 4, 5, 5, 6, 6, 6]


@pytest.mark.parametrize(
    "follower_terms",
    [
        [1, 1, 1, 4, 4, 5, 5, 6, 6],
        [1, 1, 1, 4],
        [1, 1, 1, 4, 4, 5, 5, 6, 6, 6, 6],
        [1, 1, 1, 4, 4, 5, 5, 6, 6, 6, 7, 7],
        [1, 1, 1, 4, 4, 4, 4],
        [1, 1, 1, 2, 2, 2, 3, 3, 3, 3, 3],
    ],
    ids="abcdef",
)
def test_figure_7_any_of_these_followers_is_repaired(follower_terms):
    """Figure 7: missing entries, extra uncommitted entries, or both; one rejection skips a whole term."""
    nodes = ("leader", "follower", "voter")
    boss = leader("leader", durable(*FIGURE_7, term=7), nodes, committed=False)
    follower = server("follower", durable(*follower_terms, term=7), nodes)
    flight = [m for dst, m in sent(boss.out.take()) if dst == "follower"]
    exchanges = 0
    while flight:
        exchanges += 1
        assert exchanges < 10, "they talk for ever"
        answers = [m for m in flight for _, m in sent(tell(follower, "leader", m))]
        flight = [m for a in answers for dst, m in sent(tell(boss, "follower", a)) if dst == "follower"]
    assert terms(follower) == [*FIGURE_7, 8]
    assert follower.log.entries == boss.log.entries
    assert boss.progress["follower"].match == 11
    assert exchanges <= 5


def test_late_rejections_do_not_turn_the_clock_back():
    """5.3 over a network that reorders: a rejection from before a success says nothing new."""
    core = leader(records=durable(1, 1, 1))
    tell(core, "s2", Rejected(2, 3, 0, 1, 0))
    tell(core, "s2", Appended(2, 4, 0))
    before = core.progress["s2"].next
    assert sent(tell(core, "s2", Rejected(2, 3, 0, 1, 0))) == []
    assert core.progress["s2"].next == before == 5


def test_figure_8_an_entry_of_an_old_term_on_a_majority_is_not_committed():
    """5.4.2: "Raft never commits log entries from previous terms by counting replicas"."""
    core = leader(records=durable(1, 2, term=3), committed=False)
    for peer in ("s2", "s3", "s4"):
        tell(core, peer, Appended(4, 2, 0))
    assert core.commit_index == 0
    for peer in ("s2", "s3", "s4"):
        tell(core, peer, Appended(4, 3, 0))
    assert core.commit_index == 3


def test_answers_of_strangers_and_of_other_terms_count_for_nothing():
    """A majority is one of members, in this term."""
    core = leader()
    tell(core, "c1", write())
    for src, message in (
        ("s8", Appended(1, 2, 0)),
        ("s9", Appended(1, 2, 0)),
        ("s2", Appended(0, 2, 0)),
        ("s3", Appended(1, 2, 0)),
    ):
        tell(core, src, message)
    assert (core.role, core.commit_index) == (LEADER, 1)


def test_a_leader_never_changes_its_own_log():
    """Figure 3, Leader Append-Only: it refuses to listen to a second leader of its term instead."""
    core = leader()
    with pytest.raises(AssertionError, match="two leaders in term 1"):
        core.on_message("s2", AppendEntries(1, 0, 0, (Entry(1, NoOp()),), 0, 0))


def test_a_deposed_leader_takes_the_entries_of_the_new_one():
    """5.3: "the leader handles inconsistencies by forcing the followers' logs to duplicate its own"."""
    core = leader()
    tell(core, "c1", write())
    tell(core, "s2", AppendEntries(2, 1, 1, (Entry(2, NoOp()),), 1, 0))
    assert (core.role, terms(core)) == (FOLLOWER, [1, 2])


def test_late_acknowledgements_do_not_turn_the_clock_back():
    """Figure 2: matchIndex "increases monotonically"; an answer that was overtaken says less than we know."""
    core = leader()
    tell(core, "c1", write())
    tell(core, "s2", Appended(1, 2, 0))
    tell(core, "s2", Appended(1, 1, 0))
    assert (core.progress["s2"].match, core.progress["s2"].next) == (2, 3)


def test_a_late_rejection_never_raises_what_is_sent_next():
    """While the leader looks for agreement it goes down only: an older rejection, of a higher index, is out of date."""
    core = leader(records=durable(1, 1, 1, 1, 1))
    tell(core, "s2", Rejected(2, 5, 0, 2, 0))
    tell(core, "s2", Rejected(2, 5, 0, 4, 0))
    assert core.progress["s2"].next == 7, "it has acknowledged the no-op at 6"
    fresh = leader(records=durable(1, 1, 1, 1, 1), committed=False)
    tell(fresh, "s2", Rejected(2, 5, 0, 2, 0))
    tell(fresh, "s2", Rejected(2, 5, 0, 4, 0))
    assert fresh.progress["s2"].next == 2


def test_a_leader_elected_again_counts_its_own_disk_again():
    """An acknowledgement by the disk that was due in an earlier term must not be waited for in this one."""
    core = leader()
    tell(core, "c1", write())
    tell(core, "s2", AppendEntries(2, 2, 1, (), 1, 0))
    core.out.now_s += 1.0
    fire(core, "election")
    for kind in (PreVote(2, True), Vote(3, True)):
        for voter in ("s2", "s3"):
            core.on_message(voter, kind)
    assert core.role is LEADER
    assert ("s1", Appended(3, 3, 0)) in sent(core.out.take())
    tell(core, "s1", Appended(1, 2, 0))
    for name in ("s1", "s2", "s3"):
        tell(core, name, Appended(3, 3, 0))
    assert core.commit_index == 3


def test_an_answer_to_everything_opens_the_whole_window_again():
    """10.2.2: messages that were lost no longer count as in flight once a later answer covers them."""
    core = leader(in_flight_max=3)
    for i in range(1, 4):
        tell(core, f"c{i}", write(session=f"c{i}"))
    assert core.progress["s2"].in_flight == 3
    tell(core, "s2", Appended(1, 4, 0))
    assert core.progress["s2"].in_flight == 0

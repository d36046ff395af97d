"""Section 7 and figure 13: compaction, recovery, InstallSnapshot."""

from raft_servers import (
    FIVE,
    applied,
    checkpoints,
    durable,
    fire,
    leader,
    order,
    read,
    replies,
    sent,
    server,
    tell,
    write,
)

from windtunnel.base.interface import Reply
from windtunnel.systems.consensus.raft.log import Append, Configuration, Entry, HardState, Log, NoOp, Snapshot, recover
from windtunnel.systems.consensus.raft.replication import AppendEntries, Rejected
from windtunnel.systems.consensus.raft.snapshots import Appended, InstallSnapshot

SNAPSHOT = Snapshot(5, 2, FIVE, (("x", "5"),), (Reply("c5", 1, "ok"),))


def serve(core, count):
    """`count` writes, each committed by the answers of two followers and the own disk."""
    effects = []
    for i in range(1, count + 1):
        effects += tell(core, f"c{i}", write(str(i), session=f"c{i}"))
        for name in ("s1", "s2", "s3"):
            effects += tell(core, name, Appended(core.term, core.log.last_index, core.round))
    return effects


def test_a_snapshot_replaces_the_entries_that_produced_it():
    """Section 7: the system state is written to stable storage, "then the entire log up to that point is discarded"."""
    core = leader(snapshot_every=4, trailing_max=1)
    ((state, snapshot, tail),) = checkpoints(serve(core, 4))
    assert state == HardState(1, "s1")
    assert (snapshot.index, snapshot.term, snapshot.members) == (4, 1, FIVE)
    assert dict(snapshot.items) == {"x": "3"}
    assert [reply.session for reply in snapshot.sessions] == ["c1", "c2", "c3"]
    assert tail == Append(3, 1, (core.log.entry(4),))
    assert (core.log.base_index, core.log.last_index) == (3, 5)


def test_what_is_recovered_is_what_was_there():
    """5.6 and 7: state machine, sessions, term, vote and log come back from a checkpoint and the records behind it."""
    core = leader(snapshot_every=4, trailing_max=1)
    records = list(checkpoints(serve(core, 4))[0])
    records += [Append(4, 1, (core.log.entry(5),)), HardState(2, None)]
    back = server(records=records)
    assert (back.term, back.vote, back.commit_index) == (2, None, 4)
    assert back.log.entries == core.log.entries
    assert (back.log.base_index, back.log.base_term) == (3, 1)
    assert back.machine.values == {"x": "3"}
    assert sorted(back.machine.sessions) == ["c1", "c2", "c3"]


def test_recovery_replays_records_in_order():
    """A later record counts: it truncates what an earlier one wrote, and changes term and vote."""
    one, two = Entry(1, NoOp()), Entry(2, NoOp())
    records = [HardState(1, "s2"), Append(0, 0, (one, one, one)), HardState(2, None), Append(1, 1, (two,))]
    back = recover(records, FIVE)
    assert (back.term, back.vote) == (2, None)
    assert back.log.entries == [one, two]
    assert (back.log.last_index, back.log.last_term) == (2, 2)


def test_a_snapshot_from_the_leader_replaces_a_log_that_disagrees():
    """Figure 13, steps 7 and 8: discard the entire log, reset the state machine; durable before it is acknowledged."""
    core = server(records=durable(1, 1))
    effects = tell(core, "s2", InstallSnapshot(2, SNAPSHOT, 3))
    assert order(effects, Appended) == [Appended]
    assert sent(effects) == [("s2", Appended(2, 5, 3))]
    assert checkpoints(effects) == [(HardState(2, None), SNAPSHOT, Append(5, 2, ()))]
    assert (core.log.last_index, core.log.last_term, core.commit_index) == (5, 2, 5)
    assert core.machine.read("x") == "5"
    assert sent(tell(core, "s2", AppendEntries(2, 5, 2, (Entry(2, NoOp()),), 5, 4))) == [("s2", Appended(2, 6, 4))]


def test_entries_behind_a_snapshot_stay_if_the_log_agrees_with_it():
    """Figure 13, step 6: "If existing log entry has same index and term as snapshot's last included entry, retain"."""
    core = server(records=durable(1, 1, 1, 1, 2, 2, 2))
    tell(core, "s2", InstallSnapshot(2, SNAPSHOT, 0))
    assert (core.log.base_index, core.log.last_index, core.commit_index) == (5, 7, 5)


def test_an_old_snapshot_changes_nothing():
    """What it says was done long ago; only the answer is due."""
    core = server(records=durable(1, 1, 1, 1, 2, 2, 2))
    tell(core, "s2", AppendEntries(2, 7, 2, (), 7, 0))
    effects = tell(core, "s2", InstallSnapshot(2, SNAPSHOT, 0))
    assert checkpoints(effects) == []
    assert sent(effects) == [("s2", Appended(2, 5, 0))]
    assert core.commit_index == 7


def test_entries_below_the_base_agree_by_being_committed():
    """A late message may begin before what was compacted; its committed part is known, the rest is taken."""
    core = server(records=[HardState(2, None), SNAPSHOT, Append(5, 2, ())])
    late = tuple(Entry(2, NoOp()) for _ in range(4))
    assert sent(tell(core, "s2", AppendEntries(2, 3, 2, late, 5, 0))) == [("s2", Appended(2, 7, 0))]
    assert core.log.last_index == 7
    assert sent(tell(core, "s2", AppendEntries(2, 1, 1, late[:2], 5, 0))) == [("s2", Appended(2, 3, 0))]
    assert core.log.last_index == 7


def test_a_follower_that_is_too_far_behind_receives_the_snapshot():
    """Section 7: "the leader must occasionally send snapshots to followers that lag behind"."""
    core = leader(snapshot_every=4, trailing_max=0)
    serve(core, 4)
    effects = tell(core, "s5", Rejected(1, 1, 0, 1, 0))
    assert sent(effects) == [("s5", InstallSnapshot(1, core.snapshot, 0))]
    assert sent(tell(core, "c9", write(session="c9"))) != [], "others go on"
    assert core.progress["s5"].in_flight == 1
    ((_, rest),) = sent(tell(core, "s5", Appended(1, 4, 0)))
    assert (rest.prev_index, len(rest.entries)) == (4, 2)


def test_a_silent_follower_is_probed_before_it_is_sent_a_snapshot():
    """A snapshot is large; whoever does not answer may be down for hours."""
    core = leader(snapshot_every=4, trailing_max=0)
    serve(core, 8)
    kinds = []
    for _ in range(8):
        kinds += [type(m) for dst, m in sent(fire(core, "heartbeat")) if dst == "s5"]
        for peer in ("s2", "s3", "s4"):
            tell(core, peer, Appended(1, core.log.last_index, 0))
    assert set(kinds) == {AppendEntries}


def test_reads_and_writes_go_on_after_a_snapshot():
    """Compaction is invisible to clients."""
    core = leader(snapshot_every=2, trailing_max=0)
    effects = serve(core, 7)
    assert [status for _, status, _ in replies(effects)] == ["ok"] * 7
    assert applied(effects) == list(range(2, 9))
    effects = tell(core, "c9", read())
    for peer in ("s2", "s3"):
        effects += tell(core, peer, Appended(1, 8, core.round))
    assert replies(effects) == [("c9", "ok", "7")]


def test_a_snapshot_has_the_members_of_its_index_not_of_the_end_of_the_log():
    """A change behind it may be taken back."""
    log = Log(0, 0, FIVE)
    log.extend((Entry(1, NoOp()), Entry(1, Configuration(FIVE[:4])), Entry(1, NoOp()), Entry(1, Configuration(FIVE[:3]))))
    assert [log.members_at(index) for index in range(5)] == [FIVE, FIVE, FIVE[:4], FIVE[:4], FIVE[:3]]
    log.truncate(3)
    assert log.members == FIVE[:4]

"""The monitors of figure 3 see what they are for, and nothing else."""

from types import SimpleNamespace

from raft_servers import entries

from windtunnel.systems.consensus.raft import SYSTEM, properties
from windtunnel.systems.consensus.raft.log import Entry, Log, NoOp
from windtunnel.systems.consensus.raft.state import CANDIDATE, FOLLOWER, LEADER

MEMBERS = ("s1", "s2", "s3")


def node(me, *terms, role=FOLLOWER, term=None, commit=0, following=None):
    """What monitors look at, without a server around it."""
    log = Log(0, 0, MEMBERS)
    if terms:
        log.extend(entries(*terms))
    now = term if term is not None else (terms[-1] if terms else 0)
    return SimpleNamespace(me=me, log=log, role=role, term=now, commit_index=commit, leader=following)


def watch(monitor):
    """A fresh monitor as a function of the nodes; checks an event on each of them in turn."""
    after = monitor().after

    def look(*nodes):
        by_name = {n.me: n for n in nodes}
        found = [evidence for n in nodes if (evidence := after(by_name, n.me))]
        return found[0] if found else None

    return look


def test_election_safety_remembers_leaders_that_are_gone():
    """Figure 3 speaks of all time: a leader that has crashed still led its term."""
    look = watch(properties.ElectionSafety)
    assert look(node("s1", role=LEADER, term=3)) is None
    assert look(node("s1", role=LEADER, term=3), node("s2", role=LEADER, term=4)) is None
    assert look(node("s2", role=LEADER, term=3)) == "s1 and s2 were both elected in term 3"


def test_leader_append_only_sees_overwriting_and_deleting():
    """A leader may append and compact; it may not lose what it was seen with."""
    look = watch(properties.LeaderAppendOnly)
    s1 = node("s1", 1, 1, 2, role=LEADER)
    assert look(s1) is None
    s1.log.extend((Entry(2, NoOp()),))
    assert look(s1) is None
    s1.log.compact(3)
    assert look(s1) is None
    s1.log.truncate(3)
    s1.log.extend(entries(2, 2))
    assert "no longer has" in look(s1)


def test_leader_append_only_forgets_a_leader_that_stepped_down():
    """A follower may truncate, and lead again later."""
    look = watch(properties.LeaderAppendOnly)
    s1 = node("s1", 1, 1, role=LEADER)
    assert look(s1) is None
    s1.role = FOLLOWER
    s1.log.truncate(1)
    assert look(s1) is None
    s1.role, s1.term = LEADER, 5
    assert look(s1) is None


def test_log_matching_compares_commands_and_what_precedes_them():
    """Figure 3: same index and term, then "the logs are identical in all entries up through the given index"."""
    look = watch(properties.LogMatching)
    assert look(node("s1", 1, 1, 2), node("s2", 1, 3)) is None
    other_command = node("s2", 1)
    other_command.log.extend((Entry(1, NoOp()),))
    assert "index 2, term 1" in look(other_command)
    other_past = node("s3", 1, 3)
    other_past.log.extend(entries(0, 0, 2)[2:])
    assert "after term 3" in watch_both(node("s1", 1, 1, 2), other_past)


def watch_both(*nodes):
    """Log matching over these logs only."""
    return watch(properties.LogMatching)(*nodes)


def test_log_matching_follows_truncation_compaction_and_crashes():
    """A shadow of each log is kept; what changes it lawfully must not be taken for a difference."""
    look = watch(properties.LogMatching)
    s1 = node("s1", 1, 1, 2, 2, 2)
    assert look(s1, node("s2", 1, 1, 2, 2, 2)) is None
    s1.log.truncate(2)
    s1.log.extend(entries(1, 1, 3)[2:])
    assert look(s1) is None
    s1.log.compact(2)
    assert look(s1) is None
    s1.log.extend(entries(1, 1, 3, 3)[3:])
    assert look(s1) is None
    assert look(node("s1", 1)) is None  # back from its disk, which had less
    assert look(node("s1", 1, 1, 2)) is None


def test_leader_completeness_of_a_leader_elected_later():
    """Figure 3: "that entry will be present in the logs of the leaders for all higher-numbered terms"."""
    look = watch(properties.LeaderCompleteness)
    assert look(node("s1", 1, 1, role=LEADER, commit=2)) is None
    assert look(node("s2", 1, 1, 3, role=LEADER)) is None
    assert "s3, leader of term 4, lacks the entry at index 2 of term 1" in look(node("s3", 1, 3, 3, role=LEADER, term=4))


def test_leader_completeness_of_a_leader_that_was_elected_before():
    """An old leader must not commit what a newer leader, elected already, does not have."""
    look = watch(properties.LeaderCompleteness)
    s1, s2 = node("s1", 2, 2, role=LEADER), node("s2", 2, role=LEADER, term=3)
    assert look(s1, s2) is None
    s1.commit_index = 1
    assert look(s1, s2) is None
    s1.commit_index = 2
    assert "s2, leader of term 3" in look(s1, s2)


def test_leader_completeness_ignores_leaders_of_older_terms():
    """A leader that is elected late, for an old term, promises nothing about later terms."""
    look = watch(properties.LeaderCompleteness)
    assert look(node("s1", 1, 3, role=LEADER, commit=2)) is None
    assert look(node("s2", 1, role=LEADER, term=2)) is None


def test_state_machine_safety_remembers_what_was_applied_by_servers_that_are_gone():
    """Figure 3: "no other server will ever apply a different log entry for the same index"."""
    look = watch(properties.StateMachineSafety)
    assert look(node("s1", 1, 1, commit=2)) is None
    assert look(node("s2", 1, 2, commit=1)) is None
    assert "index 2" in look(node("s2", 1, 2, commit=2))


def test_state_machine_safety_applies_again_after_a_restart():
    """A server that boots applies from its snapshot on; the second time counts too."""
    look = watch(properties.StateMachineSafety)
    assert look(node("s1", 1, 1, 1, commit=3)) is None
    assert look(node("s1", 1, 1, 1, commit=0)) is None
    assert look(node("s1", 1, 1, 1, commit=2)) is None
    assert look(node("s1")) is None
    assert "index 1" in look(node("s1", 2, 2, commit=1))


def test_who_leads():
    """The word "leader" in a fault plan: the running leader of the highest term."""
    nodes = {
        n.me: n for n in (node("s1", role=LEADER, term=2), node("s2", role=LEADER, term=3), node("s3", role=CANDIDATE, term=9))
    }
    assert SYSTEM.leader(nodes) == "s2"
    assert SYSTEM.leader({"s3": nodes["s3"]}) is None
    assert SYSTEM.leader({}) is None


def test_how_all_ends_well():
    """One leader, followed by every running member; logs that end alike, all of it committed."""
    s1, s2, s3 = (
        node("s1", 2, role=LEADER, commit=1, following="s1"),
        node("s2", 2, commit=1, following="s1"),
        node("s3", 2, term=1),
    )
    cluster = {"s1": s1, "s2": s2, "s3": s3}
    assert not properties.one_leader_is_followed(cluster)
    assert not properties.logs_agree(cluster)
    s3.term, s3.leader, s3.commit_index = 2, "s1", 1
    assert properties.one_leader_is_followed(cluster)
    assert properties.logs_agree(cluster)
    assert not properties.one_leader_is_followed({"s2": s2})
    assert not properties.logs_agree({"s2": s2})
    s1.log.extend(entries(0, 2)[1:])
    assert not properties.logs_agree(cluster)

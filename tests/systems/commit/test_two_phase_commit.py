"""Two-phase commit: figures of the paper, every schedule of small clusters, and every rule removed."""

from itertools import product

import pytest

from windtunnel.base.interface import Op, Reply, Request
from windtunnel.scenarios import Scenario, run
from windtunnel.sim.explore import explore
from windtunnel.sim.stage import HandStage, StageViolation
from windtunnel.systems.commit.two_phase_commit import SYSTEM, Outcome, Phase, Promised, Vote

YES = Op("txn", value="yes")


# --- Scenarios of the paper ---


@pytest.mark.parametrize("name", SYSTEM.scenarios)
def test_scenarios_end_without_a_violation(name):
    """Every script of the catalogue plays to its end, and nobody is left in doubt."""
    stage = HandStage(SYSTEM)
    SYSTEM.scenarios[name](stage)
    assert not any(stage.nodes[rm].in_doubt for rm in ("p1", "p2", "p3"))


def test_figure_2_commits_with_three_messages_per_participant():
    """Prepare, vote and outcome, nothing else, and the client hears it."""
    stage = HandStage(SYSTEM)
    SYSTEM.scenarios["figure-2"](stage)
    assert [operation.result for operation in stage.history.operations] == ["committed"]
    between_nodes = [row for row in stage.trace if row["kind"] == "deliver" and "client" not in (row["node"], row["src"])]
    assert len(between_nodes) == 3 * 3


def test_section_3_participants_block_while_the_coordinator_is_down():
    """They are in doubt until it returns, and then all of them abort."""
    stage = HandStage(SYSTEM)
    SYSTEM.scenarios["blocking"](stage)
    assert "blocked" in stage.seen
    assert {stage.nodes[rm].phases["client/1"] for rm in ("p1", "p2", "p3")} == {Phase.ABORTED}


def test_a_participant_that_is_unwilling_aborts_for_all():
    """One no is enough, and the client is told."""
    stage = HandStage(SYSTEM)
    stage.request("client", "tm", Op("txn", value=[True, False, True]))
    stage.settle()
    assert {stage.nodes[rm].phases["client/1"] for rm in ("p1", "p2", "p3")} == {Phase.ABORTED}
    assert [operation.result for operation in stage.history.operations] == ["aborted"]


def test_a_missing_vote_aborts_after_the_timeout():
    """The coordinator does not wait for ever."""
    stage = HandStage(SYSTEM)
    stage.request("client", "tm", YES)
    stage.deliver("client", "tm")
    stage.drop("tm", "p2")
    stage.settle()
    stage.fire("tm", "votes client/1")
    stage.settle()
    assert [operation.result for operation in stage.history.operations] == ["aborted"]


def test_a_promise_survives_a_crash():
    """The participant asks for the outcome in its next life and commits."""
    stage = HandStage(SYSTEM)
    stage.request("client", "tm", YES)
    stage.deliver("client", "tm")
    for rm in ("p1", "p2", "p3"):
        stage.deliver("tm", rm)
    stage.crash("p1")
    stage.settle()
    stage.restart("p1")
    assert stage.nodes["p1"].in_doubt == {"client/1"}
    stage.fire("p1", "doubt client/1")
    stage.settle()
    assert stage.records("p1") == (Promised("client/1"), Outcome("client/1", True))


def test_a_retry_is_answered_from_the_log():
    """The same transaction does not run twice, not even after a crash of the coordinator."""
    stage = HandStage(SYSTEM)
    stage.request("client", "tm", YES)
    stage.duplicate("client", "tm", Request)
    stage.deliver("client", "tm")
    stage.deliver("client", "tm")
    for rm in ("p1", "p2", "p3"):
        stage.deliver("tm", rm)
        stage.deliver(rm, "tm", Vote)
    stage.drop("tm", "client", Reply)
    stage.crash("tm")
    stage.restart("tm")
    stage.retry("client", "tm")
    stage.deliver("client", "tm")
    stage.deliver("tm", "client", Reply)
    assert [operation.result for operation in stage.history.operations] == ["committed"]
    assert len(stage.waiting(kind=Outcome)) == 3


def test_a_presumption_is_a_decision():
    """A vote of a forgotten transaction aborts it for good: the client's retry cannot begin it again."""
    stage = HandStage(SYSTEM)
    stage.request("client", "tm", YES)
    stage.deliver("client", "tm")
    for rm in ("p1", "p2", "p3"):
        stage.deliver("tm", rm)
    stage.crash("tm")
    stage.restart("tm")
    stage.deliver("p1", "tm", Vote)
    stage.retry("client", "tm")
    stage.settle()
    assert [operation.result for operation in stage.history.operations] == ["aborted"]
    assert not any(stage.nodes[rm].in_doubt for rm in ("p1", "p2", "p3"))


def test_other_nodes_and_other_operations_are_refused():
    """A participant points to the coordinator; an unknown operation fails for certain."""
    stage = HandStage(SYSTEM)
    stage.request("lost", "p1", YES)
    stage.deliver("lost", "p1")
    assert stage.waiting("p1", "lost")[0].message == Reply("lost", 1, "redirect", hint="tm")
    stage.request("odd", "tm", Op("read"))
    stage.settle()
    assert [operation.type for operation in stage.history.operations] == ["info", "fail"]


# --- Every schedule ---


@pytest.mark.parametrize("count", [1, 2, 3, 4])
def test_without_faults_the_states_are_those_counted_by_hand(count):
    """Request in flight; each participant has prepare or vote in flight or vote counted; then outcome in flight or here."""
    found = explore(SYSTEM, size=count + 1, requests=[YES], crashes=0, fires=0)
    assert (found.verdict, found.states) == ("valid", 1 + (3**count - 1) + 2**count)


EXPECTED = {
    (True, True): 1059,
    (True, False): 589,
    (False, True): 593,
    (False, False): 433,
}


@pytest.mark.parametrize("votes", list(product([True, False], repeat=2)))
def test_two_participants_and_a_crash_anywhere(votes):
    """Any timer at any time, one crash between any two effects: every state holds, and their number does not drift."""
    found = explore(SYSTEM, size=3, requests=[Op("txn", value=votes)])
    assert (found.verdict, found.states) == ("valid", EXPECTED[votes])
    assert found.quiet
    assert ("committed_everywhere" in found.seen) == all(votes)


@pytest.mark.parametrize("votes", list(product([True, False], repeat=3)))
def test_participants_are_alike_as_long_as_nobody_crashes(votes):
    """The number of states depends on how many are willing, not on which."""
    found = explore(SYSTEM, size=4, requests=[Op("txn", value=votes)], crashes=0)
    assert (found.verdict, found.states) == ("valid", {3: 1036, 2: 681, 1: 521, 0: 377}[sum(votes)])


def test_the_default_search_is_exhaustive_and_reaches_every_situation():
    """Three participants, one crash: what `explore` shows without arguments."""
    found = explore(SYSTEM)
    assert (found.verdict, found.states, found.unseen) == ("valid", 9955, ())


def test_lost_and_repeated_messages_change_nothing():
    """Two participants, a crash, a loss and a duplicate."""
    found = explore(SYSTEM, size=3, losses=1, duplicates=1)
    assert (found.verdict, found.states) == ("valid", 13388)


@pytest.mark.slow
def test_two_transactions_at_once_do_not_mix():
    """All schedules of a willing and an unwilling transaction on two participants, without crashes."""
    found = explore(SYSTEM, size=3, requests=[YES, Op("txn", value="no")], crashes=0)
    assert (found.verdict, found.states) == ("valid", 112_747)


# --- A working system under faults ---


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(4))
def test_many_transactions_under_all_faults(seed):
    """Hundreds of transactions, every kind of fault: properties hold, nobody stays in doubt, clients are told the truth."""
    results = run(Scenario(system="two-phase-commit", seed=seed, for_s=20, faults=("all",))).results
    assert results["verdict"] == "valid"
    assert results["checker"]["verdict"] == "valid"
    assert results["ops"]["ok"] > 100
    assert {"nobody_in_doubt", "committed_everywhere"} <= {
        row["name"] for row in results["properties"] if row["status"] in ("reached", "seen")
    }


# --- Ablations ---


@pytest.mark.parametrize("rule", SYSTEM.rules(), ids=lambda rule: rule.name)
def test_search_finds_what_a_missing_rule_breaks(rule):
    """The shortest schedule breaks a property that the rule names."""
    assert rule.by == "search"
    found = explore(SYSTEM, size=3, safeguards=SYSTEM.safeguards_without([rule.name]))
    assert found.verdict == "invalid"
    assert found.violation.property in rule.breaks
    assert found.path[-1]["kind"] == "violation"


def test_the_crash_at_the_decision_needs_the_log():
    """Without `log_before_announce` one participant has committed, and the next life of the coordinator aborts the others."""
    stage = HandStage(SYSTEM, safeguards=SYSTEM.safeguards_without(["log_before_announce"]))
    with pytest.raises(StageViolation, match="agreement broken"):
        SYSTEM.scenarios["crash-at-decision"](stage)

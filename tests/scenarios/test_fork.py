"""A branch is the same run up to its moment, and knows where it comes from."""

import pytest

from windtunnel.base.errors import UsageError
from windtunnel.scenarios import Scenario, fork, run
from windtunnel.scenarios.spec import read_scenario

AT_S = 2.5
PLAN = (
    {"at_s": 1.0, "until_s": 1.5, "verb": "crash", "args": {"nodes": ["n2"]}},
    {"at_s": 2.0, "until_s": 3.5, "verb": "cut", "args": {"shape": "isolate", "nodes": ["leader"]}},
    {"at_s": 3.0, "until_s": 3.4, "verb": "weather", "args": {"drop": 0.3}},
)
CRASH = {"verb": "crash", "args": {"nodes": ["n3"]}, "until_s": 3.0}


def scenario(**changes):
    values = {"system": "raft", "seed": 11, "for_s": 4.0, "settle_s": 5.0, "plan": PLAN, **changes}
    return Scenario(**values)


def until(judged, at_s):
    return [row for row in judged.trace if row["t"] < at_s]


@pytest.mark.parametrize("policy", ["fifo", "random", "pct"])
def test_the_prefix_is_identical(policy):
    """Every row of the trace before the moment, states of nodes included, is the same; after it the runs differ."""
    parent = scenario(policy=policy)
    before = run(parent, trace=True)
    changes = [
        {"do": "add", "fault": CRASH},
        {"do": "remove", "fault": 3},
        {"do": "move", "fault": 2, "until_s": 2.8},
    ]
    after = run(fork(parent, AT_S, changes), trace=True)
    assert len(until(before, AT_S)) > 1000
    assert until(after, AT_S) == until(before, AT_S)
    assert after.trace != before.trace
    crashes = [(row["t"], row["node"]) for row in after.trace if row["kind"] == "crash"]
    assert (AT_S, "n3") in crashes
    assert (AT_S, "n3") not in [(row["t"], row["node"]) for row in before.trace if row["kind"] == "crash"]


def test_a_branch_without_changes_is_the_run():
    """Forking alone changes nothing: the fingerprint is that of the parent."""
    parent = scenario()
    assert run(fork(parent, AT_S, [])).results["fingerprint"] == run(parent).results["fingerprint"]


def test_a_drawn_plan_is_written_down_first():
    """A scenario that names profiles is forked from the plan that they draw with its seed."""
    parent = scenario(plan=None, faults=("crash", "partition"), for_s=6.0)
    before = run(parent, trace=True)
    late = len(before.scenario.plan)
    at_s = before.scenario.plan[late - 1]["at_s"]
    branch = fork(parent, at_s, [{"do": "remove", "fault": late}])
    assert list(branch.plan) == list(before.scenario.plan)[:-1]
    assert branch.faults == ()
    assert "--plan plan.toml" in run(branch).results["replay"]
    assert until(run(branch, trace=True), at_s) == until(before, at_s)


def test_a_branch_knows_its_parent():
    """In the scenario, in its file and in the results."""
    branch = fork(scenario(), AT_S, [{"do": "add", "fault": CRASH}], parent={"run": "store/raft/x", "fingerprint": "ab"})
    known = {"run": "store/raft/x", "fingerprint": "ab", "at_s": AT_S}
    assert branch.parent == known
    assert read_scenario(branch.to_toml(), "file").parent == known
    assert run(branch).results["parent"] == known
    assert run(scenario()).results["parent"] is None


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ([{"do": "undo"}], "change"),
        ([{"do": "remove", "fault": 9}], "number of a fault"),
        ([{"do": "remove", "fault": 2, "why": "x"}], "entry of remove"),
        ([{"do": "remove", "fault": 2}], "move its end"),
        ([{"do": "move", "fault": 1, "until_s": 3.0}], "nothing can be moved"),
        ([{"do": "move", "fault": 2, "at_s": 2.6}], "nothing can be moved"),
        ([{"do": "move", "fault": 3, "at_s": 2.0}], "nothing can be moved"),
        ([{"do": "move", "fault": 3, "at_s": "soon"}], "times are seconds"),
        ([{"do": "add", "fault": {**CRASH, "at_s": 1.0}}], "begins at the fork"),
        ([{"do": "add", "fault": "crash"}], "expected a fault"),
        ([{"do": "add", "fault": {"verb": "crash", "args": {"nodes": ["n99"]}}}], "n99"),
    ],
)
def test_what_has_happened_cannot_be_changed(changes, said):
    """Each wrong change is refused with what was expected."""
    with pytest.raises(UsageError, match=said):
        fork(scenario(), AT_S, changes)


def test_only_what_repeats_is_forked():
    """Not a live run, not a directed scenario, not a moment after the traffic."""
    with pytest.raises(UsageError, match="only simulated"):
        fork(scenario(world="live"), AT_S, [])
    with pytest.raises(UsageError, match="within the traffic"):
        fork(scenario(), 4.0, [])

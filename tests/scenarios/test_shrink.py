from math import inf

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from windtunnel.base.errors import UsageError
from windtunnel.faults import Fault, Plan
from windtunnel.histories import History
from windtunnel.scenarios import Run, Scenario
from windtunnel.scenarios.shrink import ddmin, least, shrink

# --- ddmin ---


@given(st.lists(st.integers(0, 30), unique=True, max_size=24), st.data())
@settings(max_examples=200, deadline=None)
def test_ddmin_finds_a_known_minimal_subset(items, data):
    """When exactly the supersets of a hidden set fail, the hidden set is what is left, in order."""
    guilty = data.draw(st.sets(st.sampled_from(items))) if items else set()
    assert ddmin(items, lambda part: guilty <= set(part)) == [item for item in items if item in guilty]


@given(st.lists(st.integers(0, 30), unique=True, min_size=1, max_size=16), st.integers(1, 8))
@settings(max_examples=100, deadline=None)
def test_ddmin_is_one_minimal_for_any_number_of_causes(items, count):
    """When any `count` items fail, exactly `count` are left."""
    count = min(count, len(items))
    assert len(ddmin(items, lambda part: len(part) >= count)) == count


def test_ddmin_tries_no_part_twice():
    """Each candidate is a whole run."""
    tried = []

    def fails(part):
        tried.append(tuple(part))
        return {2, 13} <= set(part)

    ddmin(list(range(16)), fails)
    assert len(tried) == len(set(tried))
    assert len(tried) < 60


def test_ddmin_of_nothing_needed_is_empty():
    """What fails without any item says so at the first try."""
    tried = []
    assert ddmin([1, 2, 3], lambda part: tried.append(part) or True) == []
    assert len(tried) == 1


@given(st.integers(1, 200), st.integers(1, 200))
def test_least_bisects(low, needed):
    """When failing is monotonic the least failing number is found, in about log2 tries."""
    tried = []
    needed = max(low, needed)
    assert least(low, 500, lambda n: tried.append(n) or n >= needed) == needed
    assert len(tried) <= 11


# --- Whole runs ---

PLAN = Plan(tuple(Fault(float(i), "crash" if i % 3 else "pause", {"nodes": [f"n{1 + i % 5}"]}, i + 0.8) for i in range(1, 20)))


class _World:
    """A runner whose promise breaks when a crash of n3 begins at second 2 and a pause at 9, and somebody asks after that."""

    def __init__(self, *, unlucky=()):
        self.runs = 0
        self.unlucky = unlucky

    def __call__(self, scenario):
        self.runs += 1
        begins = {(row["verb"], row["at_s"]) for row in scenario.plan}
        asked = min(scenario.operations_max or 100, 100)
        broken = (
            {("crash", 2.0), ("pause", 9.0)} <= begins
            and scenario.for_s >= 9.5
            and asked >= 4
            and scenario.clients >= 2
            and scenario.seed not in self.unlucky
        )
        results = {
            "verdict": "invalid" if broken else "valid",
            "violation": {"property": "linearizability", "at_s": 12.3} if broken else None,
            "ops": {"total": asked, "ok": asked, "fail": 0, "info": 0},
        }
        return Run(scenario, results, History([]), [])


def failing(world, **changes):
    plan = tuple(PLAN.to_rows())
    return world(Scenario(system="raft", seed=1, for_s=60.0, plan=plan, faults=("crash", "pause"), **changes))


def test_faults_then_workload_then_time():
    """Only what the violation needs is left, and it is still the same property."""
    world = _World()
    found = shrink(failing(world), world)
    assert [(row["verb"], row["at_s"]) for row in found.scenario.plan] == [("crash", 2.0), ("pause", 9.0)]
    assert found.scenario.clients == 2
    assert found.scenario.keys == 1
    assert found.scenario.operations_max == 4
    assert found.scenario.for_s == 9.5
    assert all(row["until_s"] - row["at_s"] < 0.1 for row in found.scenario.plan)
    assert found.property == "linearizability"
    assert found.run.broken == "linearizability"
    assert found.complete
    assert found.before["faults"] == 19
    assert found.after["faults"] == 2
    assert found.runs == world.runs - 1


def test_the_shrunk_scenario_is_explicit():
    """It has its plan as rows and no profiles: it can be replayed as it stands."""
    world = _World()
    found = shrink(failing(world), world)
    assert found.scenario.faults == ()
    assert world(found.scenario).broken == "linearizability"


def test_other_seeds_are_tried():
    """A candidate that survives by luck under its seed is tried under others."""
    world = _World()
    first = failing(world)
    lucky = _World(unlucky={1})
    lucky_runs = 0

    def run(scenario):
        nonlocal lucky_runs
        lucky_runs += 1
        return world(scenario) if lucky_runs == 1 else lucky(scenario)

    found = shrink(first, run, tries=2)
    assert len(found.scenario.plan) == 2
    assert found.scenario.seed == 2


def test_the_budget_of_runs_ends_it():
    """The best so far is returned, and it says that it is not complete."""
    world = _World()
    found = shrink(failing(world), world, runs_max=6)
    assert found.runs == 6
    assert not found.complete
    assert found.run.broken == "linearizability"
    assert shrink(failing(world), world, for_wall_s=0.0).runs == 1
    assert shrink(failing(world), world, for_wall_s=inf).complete


def test_progress_is_told_after_each_run():
    """With the number of runs and the best scenario so far."""
    world, told = _World(), []
    found = shrink(failing(world), world, report=lambda runs, best: told.append((runs, len(best.plan))))
    assert [runs for runs, _ in told] == list(range(2, found.runs + 1))
    assert told[-1][1] == 2


@pytest.mark.parametrize(
    ("changes", "says"),
    [({"for_s": 5.0}, "nothing to shrink"), ({"script": "figure-8"}, "only simulated"), ({"world": "live"}, "only simulated")],
)
def test_what_cannot_be_shrunk_is_said(changes, says):
    """A valid run, a directed scenario, a live run."""
    world = _World()
    first = failing(world)
    run = Run(first.scenario.with_changes(**changes), first.results, first.history, [])
    if "for_s" in changes:
        run = world(run.scenario)
    with pytest.raises(UsageError, match=says):
        shrink(run, world)


def test_a_run_that_does_not_repeat_is_said():
    """The code has changed since the run was stored."""
    world = _World()
    with pytest.raises(UsageError, match="does not repeat: linearizability was broken, now valid"):
        shrink(failing(world), _World(unlucky={1, 2, 3}))

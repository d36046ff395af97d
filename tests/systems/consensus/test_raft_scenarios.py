"""The figures, played by hand; and what each safeguard is for: removed, the property it names breaks."""

import pytest

from windtunnel.base.system import options_needed
from windtunnel.checkers import check
from windtunnel.scenarios import Scenario, run
from windtunnel.sim.explore import explore
from windtunnel.sim.stage import HandStage
from windtunnel.systems.consensus.raft import SYSTEM
from windtunnel.systems.consensus.raft.state import Options

RULES = {rule.name: rule for rule in SYSTEM.rules()}


@pytest.mark.parametrize("name", SYSTEM.scenarios)
def test_with_all_safeguards_every_scenario_ends_well(name):
    """No property breaks, the history is linearizable, and the cluster ends with one leader and equal logs."""
    played = run(Scenario(system="raft", seed=1, script=name))
    assert played.verdict == "valid", played.results["why"]
    stage = HandStage(SYSTEM, options=Options(**options_needed(SYSTEM.scenarios[name])))
    SYSTEM.scenarios[name](stage)
    assert [prop.name for prop in SYSTEM.eventually if not prop.holds(stage.nodes)] == []


@pytest.mark.parametrize("rule", RULES)
def test_without_a_safeguard_the_property_it_names_breaks(rule):
    """Every rule is load-bearing, and its scenario shows for what."""
    how, _, name = RULES[rule].by.partition(" ")
    assert how == "scenario"
    played = run(Scenario(system="raft", seed=1, script=name, without=(rule,)))
    assert played.verdict == "invalid"
    assert played.broken in RULES[rule].breaks
    assert played.results["violation"]["safeguard"] == rule
    assert f"--scenario {name} --without {rule}" in played.results["replay"]


def test_scenarios_reach_what_they_are_about():
    """A scenario that no longer gets to its situation would end well for the wrong reason."""
    seen = {}
    for name, script in SYSTEM.scenarios.items():
        stage = HandStage(SYSTEM, options=Options(**options_needed(script)))
        script(stage)
        seen[name] = set(stage.seen)
    assert "a_snapshot_is_installed" in seen["install-snapshot"]
    assert "a_follower_truncates" in seen["figure-7"] & seen["figure-8"]
    assert "two_servers_lead" in seen["stale-leader-read"] & seen["lease-under-drift"]
    assert "a_request_is_repeated" in seen["duplicate-request"]
    assert "a_read_waits" in seen["new-leader-read"]


def test_a_lease_is_never_longer_than_loyalty_on_any_clocks_within_the_bound():
    """6.4.1: the lease on the slowest clock ends before the promise on the fastest one."""
    options = Options()
    for drift in (0.0, 0.01, 0.05, 0.3):
        shortest_s = options.election_timeout_s[0]
        lease_s = shortest_s * (1 - drift) / (1 + drift)
        assert lease_s / (1 - drift) <= shortest_s / (1 + drift) + 1e-12


# --- Every schedule of a small cluster ---


@pytest.mark.slow
def test_two_timeouts_in_every_order():
    """All interleavings of two election timeouts among three servers: nothing breaks, a leader is elected in some."""
    found = explore(SYSTEM, requests=())
    assert found.verdict == "valid", found.why
    assert found.states > 10_000
    assert {"a_leader_is_elected", "votes_are_split"} <= set(found.seen)


def test_search_finds_the_second_vote():
    """5.2: without the rule a shortest schedule of a few steps elects two leaders; no script is needed to find it."""
    found = explore(
        SYSTEM,
        requests=(),
        fires=3,
        safeguards=SYSTEM.safeguards_without(["one_vote_per_term"]),
        options=Options(pre_vote=False),
    )
    assert found.verdict == "invalid"
    assert found.violation.property == "election_safety"
    assert found.violation.steps <= 8


def test_a_checker_needs_to_know_nothing_of_administrators():
    """Reconfigurations and transfers stand in the history, and touch no data."""
    played = run(Scenario(system="raft", seed=1, script="leader-transfer"))
    assert "transfer" in played.history.functions()
    assert played.results["checker"]["verdict"] == "valid"
    data = [op for op in played.history.operations if op.f in {"read", "write"}]
    assert len(data) == 2
    assert check(played.history.__class__(data), "kv").valid

"""Scenarios as values: written, read, refused."""

import pytest

from windtunnel.base.errors import UsageError
from windtunnel.scenarios.run import replay_line
from windtunnel.scenarios.spec import Scenario, read_scenario, scenario_from

FULL = Scenario(
    system="raft",
    seed=7,
    size=3,
    for_s=12.5,
    faults=("partition", "crash"),
    plan=({"at_s": 1.0, "until_s": 2.0, "verb": "crash", "args": {"nodes": ["leader"]}},),
    without=("one_vote_per_term",),
    options={"heartbeat_s": 0.02},
    mix={"read": 1.0},
    policy="pct",
    latency=("lognormal", 0.005, 0.4),
    bandwidth_bytes_per_s=1e6,
    in_order=True,
    cores=2,
    service_s=0.001,
)


@pytest.mark.parametrize("scenario", [Scenario(system="raft", seed=0), FULL, Scenario(system="x", seed=1, plan=())])
def test_a_scenario_survives_being_written_and_read(scenario):
    """TOML and JSON bring back an equal scenario."""
    assert read_scenario(scenario.to_toml(), "here") == scenario
    assert scenario_from(scenario.to_json()) == scenario


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("seed = 1", "expected at least `system`"),
        ('system = "raft"\nseed = 1\nfault = []', "unknown entry 'fault'; did you mean faults"),
        ('system = "raft"\nseed = -1', "a seed is a whole number"),
        ('system = "raft"\nseed = 1\nfor_s = 0', "longer than 0 s"),
        ('system = "raft"\nseed = 1\npolicy = "lifo"', "fifo, random, pct"),
        ('system = "raft"\nseed = "one"', "seed"),
        ("system = ", "not TOML"),
    ],
)
def test_wrong_files_are_refused_with_the_reason(text, message):
    """Every error names what was expected."""
    with pytest.raises(UsageError, match=message):
        read_scenario(text, "file.toml")


def test_the_replay_line_names_what_differs_from_the_defaults():
    """Only choices that a default run does not have appear, so that the line stays short enough to type."""
    assert (
        replay_line(Scenario(system="raft", seed=7, faults=("crash",))) == "windtunnel run raft --seed 7 --for 60 --faults crash"
    )
    line = replay_line(FULL)
    for words in (
        "--nodes 3",
        "--without one_vote_per_term",
        "--policy pct",
        "--mix read=1",
        "--latency lognormal:0.005,0.4",
        "--in-order",
        "--service 0.001",
        "--cores 2",
        "--option heartbeat_s=0.02",
    ):
        assert words in line

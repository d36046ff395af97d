"""Determinism is a contract: the same seed gives the same run in other processes, under other hash seeds, on both kernels."""

import json
import os
import subprocess
import sys

import pytest

PROGRAM = """
import json, sys
from windtunnel.scenarios import Scenario, run
done = run(Scenario(system=sys.argv[1], seed=int(sys.argv[2]), for_s=8.0, faults=("hostile",), policy=sys.argv[3]))
counts = done.results["ops"]
times = [op.completed_s for op in done.history.operations]
print(json.dumps([done.results["fingerprint"], done.results["kernel"], counts, done.results["faults"], times]))
"""


BY_DEFAULT = {("raft", "pct"), ("order-saga", "random")}  # beside fifo; the campaign has all combinations


def outcome(system, seed, policy, hash_seed, kernel):
    env = {**os.environ, "PYTHONHASHSEED": hash_seed, "WINDTUNNEL_KERNEL": kernel}
    command = [sys.executable, "-c", PROGRAM, system, str(seed), policy]
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
    if done.returncode and "compiled" in done.stderr and kernel == "compiled":
        pytest.skip("the compiled kernel is not built here: only the pure one can be compared with itself")
    assert done.returncode == 0, done.stderr
    fingerprint, used, *rest = json.loads(done.stdout)
    assert used == kernel
    return fingerprint, rest


@pytest.mark.slow
@pytest.mark.parametrize(
    ("system", "policy"),
    [
        pytest.param(system, policy, marks=() if policy == "fifo" or (system, policy) in BY_DEFAULT else pytest.mark.campaign)
        for system in ("raft", "two-phase-commit", "rumor", "order-saga")
        for policy in ("fifo", "random", "pct")
    ],
)
def test_processes_hash_seeds_and_kernels_agree(system, policy):
    """Three processes with different hash seeds, on both kernels: the same fingerprint, faults, operations and times."""
    first = outcome(system, 7, policy, "0", "pure")
    assert outcome(system, 7, policy, "1", "pure") == first
    assert outcome(system, 7, policy, "2", "compiled") == first
    assert outcome(system, 8, policy, "0", "pure")[0] != first[0]

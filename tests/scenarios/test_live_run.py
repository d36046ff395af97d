"""A live run through the same door as a simulated one."""

import pytest

from windtunnel.scenarios import Scenario, run


@pytest.mark.slow
def test_raft_keeps_its_promise_on_real_processes():
    """Five processes, a kill -9 and a cut: linearizable, liveness judged on copies of the nodes, nothing claimed beyond that."""
    plan = (
        {"at_s": 0.6, "until_s": 1.2, "verb": "crash", "args": {"nodes": ["leader"]}},
        {"at_s": 1.6, "until_s": 2.2, "verb": "cut", "args": {"shape": "isolate", "nodes": ["leader"]}},
    )
    done = run(Scenario(system="raft", seed=3, world="live", for_s=5.0, plan=plan))
    assert done.verdict == "valid", done.results["why"]
    assert done.results["ops"]["ok"] > 20
    status = {row["name"]: row["status"] for row in done.results["properties"]}
    assert status["logs_agree"] == "reached"
    assert status["election_safety"] == "unchecked"
    assert [row["verb"] for row in done.results["faults"]] == ["crash", "cut"]
    assert done.results["fingerprint"] == ""


@pytest.mark.slow
def test_a_procedure_runs_live_too():
    """The order saga, whose nodes are coroutines, is the same code on real sockets."""
    done = run(Scenario(system="order-saga", seed=1, world="live", for_s=3.0, plan=()))
    assert done.verdict == "valid", done.results["why"]
    assert done.results["ops"]["ok"] > 5

"""Whole runs: raft in the simulator, judged, stored, replayed."""

import json
import os

import pytest

from windtunnel.base.errors import UsageError
from windtunnel.scenarios import Scenario, run, store

QUICK = Scenario(system="raft", seed=7, for_s=10.0, faults=("partition", "crash"))


@pytest.fixture(scope="module")
def done():
    """One run for the tests that only look at it."""
    return run(QUICK)


def test_raft_keeps_its_promise(done):
    """Raft under partitions and crashes is valid, with operations that succeeded."""
    assert done.verdict == "valid", done.results["why"]
    assert done.results["ops"]["ok"] > 300
    assert done.results["checker"]["verdict"] == "valid"
    assert {row["status"] for row in done.results["properties"] if row["kind"] == "always"} == {"held"}
    assert {row["status"] for row in done.results["properties"] if row["kind"] == "eventually"} <= {"reached", "unchecked"}


def test_the_same_scenario_is_the_same_run(done):
    """Fingerprint, history and faults come back; another seed differs."""
    again = run(QUICK)
    assert again.results["fingerprint"] == done.results["fingerprint"]
    assert again.results["faults"] == done.results["faults"]
    assert [vars_of(op) for op in again.history.operations] == [vars_of(op) for op in done.history.operations]
    assert run(QUICK.with_changes(seed=8)).results["fingerprint"] != done.results["fingerprint"]


def vars_of(op):
    return (op.process, op.f, op.key, op.value, op.type, op.result, op.invoked_s, op.completed_s)


def test_tracing_and_watching_do_not_change_the_run(done):
    """A traced run has rows and the same fingerprint; so has one without properties."""
    traced = run(QUICK, trace=True)
    assert traced.results["fingerprint"] == done.results["fingerprint"]
    assert {"deliver", "timer", "synced"} <= {row["kind"] for row in traced.trace}
    assert done.trace == []
    assert run(QUICK.with_changes(properties=False)).results["fingerprint"] == done.results["fingerprint"]


def test_a_run_outlives_the_profiles_it_was_drawn_from(done):
    """The stored scenario holds the plan itself, and running it gives the same run."""
    assert done.scenario.plan
    again = run(done.scenario)
    assert again.results["fingerprint"] == done.results["fingerprint"]


def test_progress_is_reported_and_changes_nothing(done):
    """Progress rises to the end of the traffic, and a watched run is the same run."""
    seen = []
    again = run(QUICK, progress=seen.append)
    assert seen == sorted(seen)
    assert seen[-1] >= 10.0
    assert again.results["fingerprint"] == done.results["fingerprint"]


def test_a_stored_run_is_whole(done, tmp_path):
    """Every file is there, `latest` points at it, and it can be loaded."""
    store.prepare(tmp_path)
    place = store.save(done, tmp_path)
    kept = {p.name for p in place.iterdir()}
    assert kept == {"scenario.toml", "plan.toml", "results.json", "history.jsonl", "report.html"}
    assert (tmp_path / "latest").resolve() == place
    scenario, results = store.load(tmp_path / "latest")
    assert scenario == done.scenario
    assert results == json.loads(json.dumps(done.results))
    again = store.load_run(place)
    assert len(again.history.operations) == len(done.history.operations)
    second = store.save(done, tmp_path)
    assert second != place
    assert (tmp_path / "latest").resolve() == second
    assert not [p for p in (tmp_path / "raft").iterdir() if p.name.startswith(".building")]


def test_the_replay_line_of_a_plan_of_its_own_names_its_file(tmp_path):
    """A shrunk or hand-written plan is not drawn from the seed: the line points at the stored file."""
    row = {"at_s": 1.0, "until_s": 1.5, "verb": "crash", "args": {"nodes": ["n1"]}}
    place = store.save(run(QUICK.with_changes(for_s=4.0, faults=(), plan=(row,))), tmp_path)
    replay = json.loads((place / "results.json").read_text())["replay"]
    assert replay.endswith(f"--plan {place}/plan.toml")


def test_a_store_that_cannot_be_written_is_said_before_the_run(tmp_path):
    """A path that is a file is refused with the reason and what to do."""
    blocked = tmp_path / "file"
    blocked.write_text("")
    with pytest.raises(UsageError, match="cannot write to the store"):
        store.prepare(blocked)


@pytest.mark.skipif(os.getuid() == 0, reason="root may write everywhere")
def test_a_read_only_store_is_said_before_the_run(tmp_path):
    """Missing permission is found by trying, not by asking."""
    tmp_path.chmod(0o500)
    with pytest.raises(UsageError, match="cannot write to the store"):
        store.prepare(tmp_path)


def test_a_full_disk_leaves_nothing_half_written(done, tmp_path, monkeypatch):
    """When the disk fills up while a run is written, the error says so and no partial directory stays."""

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(store, "write_jsonl", full)
    with pytest.raises(UsageError, match="No space left on device"):
        store.save(done, tmp_path)
    assert list((tmp_path / "raft").iterdir()) == []
    assert not (tmp_path / "latest").exists()


def test_what_is_no_run_is_refused(tmp_path):
    """Loading an empty directory or broken JSON says what was expected."""
    with pytest.raises(UsageError, match=r"expected scenario\.toml and results\.json"):
        store.load(tmp_path)
    (tmp_path / "scenario.toml").write_text('system = "raft"\nseed = 1\n')
    (tmp_path / "results.json").write_text("{")
    with pytest.raises(UsageError, match="cannot be read"):
        store.load(tmp_path)


def test_the_network_and_the_processors_can_be_chosen(done):
    """Slower links, an order, a narrow pipe and busy processors each change the run in the way their name says."""
    calm = QUICK.with_changes(faults=())
    usual = run(calm).results["latency_ms"]["p50"]
    slow = run(calm.with_changes(latency=("constant", 0.040, 0.0))).results["latency_ms"]["p50"]
    assert slow > 4 * 39  # client, leader, follower, leader, client
    busy = run(calm.with_changes(service_s=0.005)).results["latency_ms"]["p50"]
    assert busy > usual + 15
    assert run(calm.with_changes(service_s=0.005, cores=8)).results["latency_ms"]["p50"] < busy
    narrow = run(calm.with_changes(bandwidth_bytes_per_s=20_000.0)).results["latency_ms"]["p50"]
    assert narrow > usual + 15
    crowded = calm.with_changes(rate_per_s=200.0, options={"in_flight_max": 8})  # else no link has two messages on it
    ordered = run(crowded.with_changes(in_order=True))
    assert ordered.verdict == "valid"
    assert ordered.results["fingerprint"] != run(crowded).results["fingerprint"]


def test_a_run_without_operations_is_unknown():
    """Nothing that succeeded is nothing to judge: not valid."""
    silent = run(QUICK.with_changes(for_s=5.0, faults=(), plan=({"at_s": 0.0, "verb": "crash", "args": {"nodes": ["all"]}},)))
    assert silent.verdict == "unknown"
    assert "no operation" in silent.results["why"]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"system": "rafd"}, "did you mean raft"),
        ({"faults": ("partitoin",)}, "did you mean partition"),
        ({"without": ("gravity",)}, "no safeguard 'gravity'"),
        ({"options": {"heartbeat": 1}}, "did you mean heartbeat_s"),
        ({"options": {"heartbeat_s": "soon"}}, "expected a value like"),
        ({"script": "figure-9"}, "unknown scenario"),
        ({"mix": {"wriet": 1.0}}, "did you mean write"),
        ({"latency": ("normal", 0.1, 0.1)}, "constant, uniform, exponential, lognormal"),
        ({"service_s": -1.0}, "at least 0"),
        ({"world": "live", "in_order": True}, "real in a live run"),
    ],
)
def test_unknown_names_are_refused_with_a_suggestion(changes, message):
    """One line says what exists, or what was probably meant."""
    with pytest.raises(UsageError, match=message):
        run(QUICK.with_changes(**changes))


def test_a_run_that_got_nowhere_says_who_waits_for_what(tmp_path):
    """When no operation succeeds, the results name every node and what it waits for."""
    path = tmp_path / "silent.py"
    path.write_text(SILENT, encoding="utf-8")
    plan = ({"at_s": 0.5, "verb": "crash", "args": {"nodes": ["n2"]}},)
    stuck = run(Scenario(system=str(path), seed=1, for_s=30.0, plan=plan))
    assert stuck.verdict == "unknown"
    assert any("n1 waits for a message" in note and "n2 is down" in note for note in stuck.results["notes"])


SILENT = """
from dataclasses import dataclass
from windtunnel.base.system import System

@dataclass(frozen=True)
class Safeguards: pass

@dataclass(frozen=True)
class Options: pass

class Silent:
    def __init__(self, setup): pass
    def on_start(self): pass
    def on_timer(self, name): pass
    def on_message(self, src, message): pass

SYSTEM = System(name="silent", family="test", title="answers nobody", source="none", interface="kv", promise="nothing",
                build=Silent, messages=(), safeguards=Safeguards, options=Options, size=2)
"""

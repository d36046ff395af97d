import json

import pytest

from windtunnel.cli import main
from windtunnel.scenarios import store as store_of_runs


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    """A store with one short valid run of raft in it."""
    root = tmp_path_factory.mktemp("store")
    assert main(["run", "raft", "--seed", "7", "--for", "3", "--faults", "crash", "--trace", "--store", str(root)]) == 0
    return root


def out_of(capsys, words):
    """Exit code and the one JSON object of a command."""
    code = main([*words, "--json"])
    return code, json.loads(capsys.readouterr().out)


def test_run_prints_verdict_seed_replay_and_place(capsys, tmp_path):
    """What a person needs to see, and files where it says."""
    assert main(["run", "raft", "--seed", "7", "--for", "2", "--store", str(tmp_path)]) == 0
    out, _ = capsys.readouterr()
    assert "VALID" in out
    assert "seed 7" in out
    assert "windtunnel run raft --seed 7 --for 2" in out
    assert str(tmp_path) in out
    assert (tmp_path / "latest" / "report.html").is_file()


def test_run_as_json(capsys):
    """One object with at least the documented entries; nothing is stored with --no-store."""
    code, row = out_of(capsys, ["run", "raft", "--seed", "7", "--for", "2", "--no-store"])
    assert code == 0
    assert row["verdict"] == "valid"
    assert row["seed"] == 7
    assert {"fingerprint", "ops", "faults", "wall_s", "sim_s", "schema"} <= set(row)
    assert "store" not in row


def test_a_seed_is_drawn_and_shown(capsys):
    """Without --seed two runs differ, and both say their seed."""
    seeds = {out_of(capsys, ["run", "raft", "--for", "1", "--no-store"])[1]["seed"] for _ in range(2)}
    assert len(seeds) == 2
    main(["run", "raft", "--for", "1", "--no-store"])
    out, err = capsys.readouterr()
    seed = err.split()[1]
    assert f"seed {seed}" in out


def test_run_twice(capsys):
    """The same seed has the same fingerprint."""
    code, row = out_of(capsys, ["run", "raft", "--seed", "3", "--for", "2", "--twice", "--no-store", "--faults", "partition"])
    assert code == 0
    assert row["twice"] == {"fingerprint": row["fingerprint"], "same": True}


def test_an_invalid_run_is_exit_1(capsys):
    """A safeguard removed, its scenario played: invalid, and the text names the promise."""
    words = ["run", "raft", "--without", "commit_own_term_only", "--scenario", "figure-8", "--no-store"]
    assert main(words) == 1
    assert "leader_completeness" in capsys.readouterr().out
    assert main(words[:2] + words[4:]) == 0


def test_every_choice_reaches_the_scenario(capsys, tmp_path):
    """Flags are not decoration: each is found again in the scenario of the results."""
    plan = tmp_path / "plan.toml"
    plan.write_text('[[faults]]\nat_s = 0.5\nuntil_s = 1.0\nverb = "crash"\nargs = { nodes = ["n2"] }\n')
    flags = (
        "--seed 5 --for 2 --nodes 3 --clients 2 --rate 20 --operations 9 --keys 2 --zipf 0.9 --mix read=1,write=3 --policy random"
    )
    words = ["run", "raft", *flags.split(), "--option", "heartbeat-s=0.04", "--plan", str(plan), "--budget", "9", "--no-store"]
    _, row = out_of(capsys, words)
    chosen = row["scenario"]
    expected = {
        "seed": 5,
        "for_s": 2.0,
        "size": 3,
        "clients": 2,
        "rate_per_s": 20.0,
        "operations_max": 9,
        "keys": 2,
        "zipf": 0.9,
        "mix": {"read": 1.0, "write": 3.0},
        "policy": "random",
        "budget_s": 9.0,
    }
    assert {name: chosen[name] for name in expected} == expected
    assert row["ops"]["total"] == 9
    assert [fault["verb"] for fault in row["faults"]] == ["crash"]
    assert row["nodes"] == ["n1", "n2", "n3"]


def test_replay_is_the_same_run(capsys, store):
    """The fingerprint of the stored run comes again."""
    code, row = out_of(capsys, ["replay", str(store / "latest")])
    assert code == 0
    assert row["stored"] == {"fingerprint": row["fingerprint"], "verdict": "valid", "same": True}
    assert main(["replay", str(store / "latest")]) == 0
    assert "the same run" in capsys.readouterr().out


def test_replay_of_changed_code_says_so(capsys, store, tmp_path):
    """Another fingerprint is exit code 2, whatever the verdict."""
    place = tmp_path / "run"
    place.mkdir()
    for file in (store / "latest").iterdir():
        (place / file.name).write_bytes(file.read_bytes())
    results = json.loads((place / "results.json").read_text())
    results["fingerprint"] = "0" * 16
    (place / "results.json").write_text(json.dumps(results))
    assert main(["replay", str(place)]) == 2
    assert "NOT the same run" in capsys.readouterr().out


def test_fork_runs_a_branch_that_knows_its_parent(capsys, store, tmp_path):
    """Up to the moment the stored traces are equal; the branch says where it comes from, and its report can be opened."""
    parent = store / "latest"
    words = ["fork", str(parent), "--at", "1.5", "--add", "crash n1 at 1.6 for 500ms", "--store", str(tmp_path)]
    code, row = out_of(capsys, words)
    assert code == 0
    assert row["parent"]["at_s"] == 1.5
    assert row["parent"]["run"] == str(parent.resolve())
    traces = [store_of_runs.load_run(place).trace for place in (parent, tmp_path / "latest")]
    before, after = ([line for line in trace if line["t"] < 1.5] for trace in traces)
    assert before == after
    assert ("crash", "n1", 1.6) in [(line["kind"], line["node"], line["t"]) for line in traces[1]]
    assert "A branch of" in (tmp_path / "latest" / "report.html").read_text()
    assert main(["replay", str(tmp_path / "latest")]) == 0


def test_fork_without_a_change_lists_what_there_is(capsys, store):
    """Nothing to do is wrong usage, and the error shows the plan with its numbers."""
    assert main(["fork", str(store / "latest"), "--at", "1"]) == 3
    assert "1. crash" in capsys.readouterr().err
    assert main(["fork", str(store / "latest"), "--at", "1", "--move", "1"]) == 3
    assert "N at 13 until 14" in capsys.readouterr().err


def test_shrink_of_a_valid_run_is_wrong_usage(capsys, store):
    """There is nothing to shrink."""
    assert main(["shrink", str(store / "latest"), "--no-store"]) == 3
    assert "nothing to shrink" in capsys.readouterr().err


def test_sweep_stores_and_shrinks_the_first_failure(capsys, tmp_path):
    """A broken system: exit code 1, the lowest failing seed stored, its shrunk run replayable."""
    words = "sweep raft --without deduplicate_requests --faults crash,loss --for 8 --seeds 4 --workers 2 --mix append=1,read=1"
    code, row = out_of(capsys, [*words.split(), "--store", str(tmp_path)])
    assert code == 1
    assert row["verdict"] == "invalid"
    assert row["seeds"] == {"asked": 4, "done": 4}
    assert row["first_failure"]["property"] == row["shrunk"]["property"] == "linearizability"
    assert row["shrunk"]["after"]["faults"] <= row["shrunk"]["before"]["faults"]
    assert main(["replay", row["shrunk"]["store"]]) == 1
    assert "the same run" in capsys.readouterr().out
    assert main(["replay", row["store"]]) == 1


def test_sweep_resumes(capsys, tmp_path):
    """The same command with --resume runs only what is missing and ends in the same totals."""
    base = ["sweep", "raft", "--for", "1", "--workers", "1", "--store", str(tmp_path), "--seeds"]
    _, part = out_of(capsys, [*base, "3"])
    place = part["journal"].rsplit("/", 1)[0]
    _, rest = out_of(capsys, [*base, "6", "--resume", place])
    _, whole = out_of(capsys, [*base, "6"])
    for name in ("verdict", "verdicts", "ops", "sim_s", "situations", "events"):
        assert rest[name] == whole[name]
    assert main([*base, "6", "--resume", place, "--faults", "crash"]) == 3
    assert "another sweep: faults differs" in capsys.readouterr().err


def test_explore_finds_and_proves(capsys):
    """A correct system within its bounds is valid; without a safeguard there is a schedule that breaks it."""
    code, row = out_of(capsys, ["explore", "two-phase-commit"])
    assert code == 0
    assert row["states"] > 100
    assert row["violation"] is None
    assert main(["explore", "two-phase-commit"]) == 0
    assert f"{row['states']:,} states" in capsys.readouterr().out


def test_explore_gives_up_in_time(capsys):
    """A limit before the end is exit code 2, and says which."""
    code, row = out_of(capsys, ["explore", "two-phase-commit", "--states", "50"])
    assert code == 2
    assert row["why"]


def test_check_judges_a_history(capsys, store, tmp_path):
    """The stored history is valid; one with a read from nowhere is not; both formats of output."""
    good = store / "latest" / "history.jsonl"
    code, row = out_of(capsys, ["check", str(good), "--model", "kv"])
    assert code == 0
    assert row["verdict"] == "valid"
    assert row["ops"]["total"] > 10
    bad = tmp_path / "bad.jsonl"
    events = [
        {"index": 0, "time": 0.0, "process": 1, "type": "invoke", "f": "read", "key": "x", "value": None},
        {"index": 1, "time": 1.0, "process": 1, "type": "ok", "f": "read", "key": "x", "value": "5"},
    ]
    bad.write_text("".join(json.dumps(event) + "\n" for event in events))
    code, row = out_of(capsys, ["check", str(bad), "--model", "kv"])
    assert code == 1
    assert row["evidence"]["property"]
    assert main(["check", str(bad), "--model", "kv"]) == 1
    assert "INVALID" in capsys.readouterr().out


@pytest.mark.parametrize("content", [b"", b"\xff\xfe\x00", b'{"index": 0, "ty', b"hello\n"])
def test_check_of_a_malformed_history_is_located(capsys, tmp_path, content):
    """Exit code 3 and one line with the file."""
    file = tmp_path / "history.jsonl"
    file.write_bytes(content)
    assert main(["check", str(file), "--model", "kv"]) == 3
    err = capsys.readouterr().err
    assert "history.jsonl" in err
    assert err.count("\n") == 1


@pytest.mark.parametrize("what", ["systems", "faults", "models", "interfaces", "formats"])
def test_list(capsys, what):
    """Every list has rows with a name and words; the table shows each name."""
    code, row = out_of(capsys, ["list", what])
    assert code == 0
    assert row[what]
    assert all(entry["name"] and list(entry.values())[-1] for entry in row[what])
    main(["list", what])
    table = capsys.readouterr().out
    assert all(entry["name"] in table for entry in row[what])


def test_show(capsys):
    """Source, promise, properties, safeguards with section and what they break, scenarios."""
    code, row = out_of(capsys, ["show", "raft"])
    assert code == 0
    assert {"commit_own_term_only"} <= {rule["name"] for rule in row["safeguards"]}
    assert all(rule["source"] and rule["breaks"] and rule["by"] for rule in row["safeguards"])
    main(["show", "raft"])
    text = capsys.readouterr().out
    for words in (row["source"], row["promise"], "election_safety", "commit_own_term_only", "figure-8", "heartbeat_s"):
        assert words in text


def test_doctor(capsys, tmp_path, monkeypatch):
    """Says which kernel, why, and that the store is writable; leaves no store behind; exit code 0 where all is well."""
    code, row = out_of(capsys, ["doctor", "--store", str(tmp_path / "new")])
    assert code == 0
    assert row["usable"] is True
    assert {"python", "kernel", "compiler", "cores", "store", "etcd", "browser", "uvloop"} <= set(row["findings"])
    assert row["findings"]["kernel"]["text"].split(",")[0].split(" (")[0] in ("compiled", "pure Python")
    assert not (tmp_path / "new").exists()
    (tmp_path / "file").write_text("")
    assert main(["doctor", "--store", str(tmp_path / "file")]) == 2
    assert "broken" in capsys.readouterr().out


def test_doctor_looks_at_what_simulated_asyncio_code_needs(capsys, monkeypatch):
    """Hooks native or patched, addresses fixable or not: told in words, and never a reason to fail."""
    from windtunnel.sim import ambient
    from windtunnel.testing import environment

    monkeypatch.setattr(ambient, "HOOKS", "patched")
    monkeypatch.setattr(environment, "_personality", lambda wanted: None)
    code, row = out_of(capsys, ["doctor", "--no-store"])
    assert code == 0
    assert row["findings"]["hooks"]["state"] == "missing"
    assert "real clock" in row["findings"]["hooks"]["text"]
    assert row["findings"]["addresses"]["state"] == "missing"
    monkeypatch.setattr(ambient, "HOOKS", "native")
    monkeypatch.setattr(environment, "_personality", lambda wanted: 0)
    _, row = out_of(capsys, ["doctor", "--no-store"])
    assert row["findings"]["hooks"]["state"] == row["findings"]["addresses"]["state"] == "ok"


def test_export(capsys, store, tmp_path):
    """Each format to a file and to stdout; a run without events says how to get them."""
    file = tmp_path / "trace.json"
    code, row = out_of(capsys, ["export", str(store / "latest"), "--to", "chrome", "--output", str(file)])
    assert code == 0
    assert row["bytes"] == file.stat().st_size
    assert json.loads(file.read_text())["traceEvents"]
    assert main(["export", str(store / "latest"), "--to", "edn"]) == 0
    assert ":type :invoke" in capsys.readouterr().out
    assert main(["export", str(store / "latest"), "--to", "shiviz"]) == 0
    assert capsys.readouterr().out
    assert main(["export", str(store / "latest"), "--to", "edn", "--json"]) == 3

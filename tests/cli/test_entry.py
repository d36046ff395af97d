import json
import os
import signal
import subprocess
import sys
import time

import pytest

from windtunnel import __version__
from windtunnel.cli import main
from windtunnel.cli.entry import COMMANDS

WINDTUNNEL = [sys.executable, "-m", "windtunnel"]
HEAVY = ("asyncio", "msgspec", "rich", "numpy", "multiprocessing")


def loaded_after(*words):
    """Which heavy modules a command has loaded, in a process of its own."""
    program = (
        f"import sys; sys.argv[1:] = {list(words)!r}\n"
        "from windtunnel.cli import main\n"
        "code = 0\n"
        "try:\n    code = main()\n"
        "except SystemExit as end:\n    code = end.code\n"
        f"print([m for m in {HEAVY!r} if m in sys.modules], file=sys.stderr); sys.exit(code)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stderr.strip().splitlines()[-1]


@pytest.mark.parametrize("words", [["--help"], ["--version"], ["run", "--help"], ["sweep", "--help"], []])
def test_help_loads_nothing_heavy(words):
    """Help and version answer before asyncio, msgspec, rich or numpy are imported."""
    assert loaded_after(*words) == "[]"


def test_the_package_loads_nothing_heavy():
    """`import windtunnel` is free."""
    program = f"import sys, windtunnel; print([m for m in {HEAVY!r} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_version(capsys):
    """The version is the package's."""
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"windtunnel {__version__}\n"


def test_help_names_every_command(capsys):
    """The first screen lists the commands, the exit codes and an example."""
    assert main(["--help"]) == 0
    text = capsys.readouterr().out
    assert all(f"\n  {name} " in text for name in COMMANDS)
    assert "3 wrong usage" in text
    assert "windtunnel run raft" in text


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help_with_an_example(command, capsys):
    """And knows --json."""
    with pytest.raises(SystemExit) as end:
        main([command, "--help"])
    assert end.value.code == 0
    text = capsys.readouterr().out
    assert f"windtunnel {command}" in text.split("examples:")[1]
    assert "--json" in text


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["rnu"], "did you mean run? known: run, replay"),
        (["run"], "the following arguments are required: system"),
        (["run", "raftt"], "did you mean raft? known:"),
        (["run", "raft", "--fualts", "crash"], "did you mean --faults?"),
        (["run", "raft", "--faults", "crush"], "did you mean crash? known: partition"),
        (["run", "raft", "--without", "one_vote"], "raft has no safeguard 'one_vote'"),
        (["run", "raft", "--option", "heartbeat=1"], "heartbeat_s"),
        (["run", "raft", "--option", "heartbeat_s"], "expected --option NAME=VALUE"),
        (["run", "raft", "--scenario", "figure-9"], "did you mean figure-8?"),
        (["run", "raft", "--for", "ten"], "argument --for: expected a duration such as 60, 250ms or 2m; got 'ten'"),
        (["run", "raft", "--for", "0"], "expected a duration above 0"),
        (["run", "raft", "--nodes", "0"], "argument --nodes: expected a whole number of at least 1"),
        (["run", "raft", "--seed", "-1"], "argument --seed: expected a whole number of at least 0"),
        (["run", "raft", "--mix", "reed=1"], "did you mean read?"),
        (["run", "raft", "--policy", "lifo"], "policy is one of fifo, random, pct"),
        (["run", "raft", "--plan", "/nowhere.toml"], "cannot read the plan /nowhere.toml: No such file"),
        (["run", "raft", "--no-store", "--store", "x"], "exclude each other"),
        (["run", "raft", "--live", "--scenario", "figure-8"], "exclude each other"),
        (["run", "raft", "extra"], "unexpected argument 'extra'"),
        (["sweep", "raft", "--seeds", "0"], "expected a number of seeds such as 1000"),
        (["sweep", "raft", "--seeds", "9..5"], "expected a number of seeds such as 1000"),
        (["sweep", "raft", "--resume", "/nowhere"], "/nowhere is no sweep"),
        (["explore", "two-phase"], "did you mean two-phase-commit?"),
        (["check", "x.jsonl"], "check needs a history and --model"),
        (["check", "x.jsonl", "--model", "cas"], "did you mean cas-register?"),
        (["check", "/nowhere.jsonl", "--model", "kv"], "/nowhere.jsonl"),
        (["replay", "/nowhere"], "/nowhere is no stored run"),
        (["shrink", "/nowhere"], "/nowhere is no stored run"),
        (["export", "/nowhere", "--to", "edm"], "did you mean edn?"),
        (["list", "system"], "did you mean systems?"),
        (["show", "paxos"], "unknown system 'paxos'"),
    ],
)
def test_wrong_usage_is_one_line_and_exit_3(words, says, capsys, tmp_path, monkeypatch):
    """What was wrong, and what exists or is near; nothing on stdout, no traceback, nothing stored."""
    monkeypatch.chdir(tmp_path)
    assert main(words) == 3
    out, err = capsys.readouterr()
    assert out == ""
    assert err.count("\n") == 1
    assert err.startswith("windtunnel: ")
    assert says in err


def test_a_store_that_cannot_be_written_is_said_before_the_run(capsys, tmp_path):
    """A file stands where the store should be."""
    (tmp_path / "store").write_text("")
    assert main(["run", "raft", "--for", "1", "--store", str(tmp_path / "store")]) == 3
    out, err = capsys.readouterr()
    assert out == ""
    assert "cannot write to the store" in err


def test_a_reader_that_leaves_is_no_error():
    """`windtunnel list | head -0`: no traceback, no complaint at exit."""
    listing = subprocess.Popen([*WINDTUNNEL, "list", "faults"], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    listing.stdout.close()
    err = listing.stderr.read()
    listing.stderr.close()
    assert listing.wait() == 141
    assert err == b""


def test_ctrl_c_in_a_sweep_gives_the_partial_result(tmp_path):
    """Exit code 130, totals so far, how to resume, no traceback, no child left."""
    command = [
        *WINDTUNNEL,
        "sweep",
        "raft",
        "--seeds",
        "5000",
        "--for",
        "2",
        "--workers",
        "2",
        "--store",
        str(tmp_path),
        "--json",
    ]
    sweep = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True)
    journal = None
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        journal = next(tmp_path.glob("raft/sweep-*/results.jsonl"), None)
        if journal is not None and journal.read_bytes().count(b"\n") >= 3:
            break
        time.sleep(0.05)
    os.killpg(sweep.pid, signal.SIGINT)  # a terminal interrupts the whole group
    out, err = sweep.communicate(timeout=60)
    assert sweep.returncode == 130, err
    assert b"Traceback" not in err
    row = json.loads(out)
    assert row["interrupted"] is True
    assert 2 <= row["seeds"]["done"] < 5000
    assert row["seeds"]["done"] == journal.read_bytes().count(b"\n") - 1
    with pytest.raises(ProcessLookupError):
        os.killpg(sweep.pid, 0)


def test_ctrl_c_in_a_run_is_one_line():
    """Exit code 130, no traceback."""
    run = subprocess.Popen(
        [*WINDTUNNEL, "run", "raft", "--for", "3000", "--no-store"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    assert run.stderr.readline().startswith(b"seed ")  # it is about to begin
    os.killpg(run.pid, signal.SIGINT)
    out, err = run.communicate(timeout=60)
    assert run.returncode == 130
    assert out == b""
    assert err == b"windtunnel: interrupted\n"

"""`windtunnel lab`: from the list to a passed lab, with hints, evidence, and errors in one line."""

import json
import os
import signal
import subprocess
import sys

import pytest

from windtunnel.cli.entry import main

SLOW = "what was acknowledged is read at the other node, however slow the network is"
FAULT, CURE = "asyncio.create_task(self.tell_peer(text))", "await self.tell_peer(text)"


@pytest.fixture
def lab(tmp_path, monkeypatch, capsys):
    """Runs `windtunnel lab ...` in a folder of its own, with a home of its own; returns exit code, stdout, stderr."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("WINDTUNNEL_HOME", str(tmp_path / "home"))

    def run(*words):
        code = main(["lab", *words])
        out, err = capsys.readouterr()
        return code, out, err

    return run


def evidence():
    from windtunnel.learn.progress import Journal

    return [(each.item, each.verdict) for each in Journal().read().evidence]


def test_from_the_list_to_a_passed_lab(lab, tmp_path):
    """List, start, fail, hint, pass, solution, status: what is said at each step, and the evidence of it."""
    code, out, _ = lab("list")
    assert code == 0
    assert "two-nodes" in out
    assert "one_vote_per_term" in out
    code, out, _ = lab("start", "two-nodes")
    assert (code, "two-nodes/: README.md, two_nodes.py" in out) == (0, True)
    code, out, _ = lab("check", "two-nodes")
    assert code == 1
    assert "passed   a note is read where it was written  (3 seeds)" in out
    assert f"failed   {SLOW}" in out
    for part in (
        "expected: node b knows",
        "seed 1; no fault is needed",
        "first bad event: t=",
        "log of all hosts",
        "see it again:",
    ):
        assert part in out, part
    page = tmp_path / "two-nodes" / ".windtunnel" / f"{SLOW.replace(',', '').replace(' ', '-')}.html"
    assert page.is_file()
    code, out, _ = lab("hint", "two-nodes", "--only", SLOW, "--level", "3")
    assert (code, CURE in out) == (0, True)
    code, _, err = lab("solution", "two-nodes")
    assert (code, "not passed yet" in err) == (3, True)
    file = tmp_path / "two-nodes" / "two_nodes.py"
    file.write_text(file.read_text(encoding="utf-8").replace(FAULT, CURE), encoding="utf-8")
    code, out, _ = lab("check", "two-nodes")
    assert (code, "PASSED: two-nodes: 3 of 3 checks" in out) == (0, True)
    assert not page.exists()
    code, out, _ = lab("solution", "two-nodes")
    assert (code, CURE in out) == (0, True)
    code, out, _ = lab("status", "--json")
    assert json.loads(out)["started"][0] | {"folder": ""} == {
        "lab": "two-nodes",
        "folder": "",
        "title": "Two nodes and a delay",
        "passed": True,
        "stage": "",
        "hints": {SLOW: 3},
        "changed": False,
    }
    assert evidence() == [("lab:two-nodes", "failed"), ("lab:two-nodes", "passed")]


def test_one_check_and_one_seed_are_shown_again_and_not_recorded(lab, tmp_path):
    """The replay line of a failure works, and is no attempt."""
    lab("start", "two-nodes", "--folder", "mine")
    code, out, _ = lab("check", "mine", "--only", SLOW, "--seed", "4", "--json")
    row = json.loads(out)
    assert (code, row["verdict"], [check["seed"] for check in row["checks"]]) == (1, "failed", [4])
    assert row["checks"][0]["trace"]
    assert not (tmp_path / "home").exists()


def test_a_name_that_is_no_check_is_said(lab):
    """`check --only` refuses it as wrong usage; `hint --only` says that its hint is for the whole lab."""
    lab("start", "two-nodes")
    code, _, err = lab("check", "two-nodes", "--only", "nonsense")
    assert (code, "unknown check 'nonsense'; known:" in err) == (3, True)
    code, out, err = lab("hint", "two-nodes", "--only", "nonsense")
    assert (code, "nudge (1 of 3)" in out, "no hint is written for 'nonsense'" in err) == (0, True, True)


def test_an_empty_prediction_is_not_given_a_name(lab):
    """The message of a safeguard lab does not offer a promise: it may be the answer."""
    lab("start", "raft/one_vote_per_term")
    code, out, _ = lab("check", "raft-one_vote_per_term")
    assert (code, "predict first" in out, "election_safety" in out) == (1, True, False)


def test_the_folder_is_the_default(lab, tmp_path, monkeypatch):
    """Within a lab's folder its name is not needed."""
    lab("start", "raft/vote_is_durable", "--folder", "vote")
    monkeypatch.chdir(tmp_path / "vote")
    code, out, _ = lab("check")
    assert (code, "predict first" in out) == (1, True)
    assert lab("hint")[0] == 0


def test_a_solution_may_be_seen_before_and_that_is_kept(lab, tmp_path):
    """Hints cost nothing and are counted; so is giving up."""
    lab("start", "two-nodes")
    assert lab("solution", "two-nodes", "--give-up")[0] == 0
    assert "solution = 1" in (tmp_path / "two-nodes" / ".windtunnel-lab.toml").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("begin",), "unknown action of windtunnel lab 'begin'"),
        (("start",), "needs a lab"),
        (("start", "two-notes"), "did you mean two-nodes?"),
        (("check", "two-nodes"), "has not been started here"),
        (("check", "."), "is no lab folder"),
        (("hint", "two-nodes", "--level", "0"), "at least 1"),
        (("quality", "raft/nothing"), "unknown safeguard of raft"),
    ],
)
def test_wrong_usage_is_one_line(words, message, lab):
    """Exit code 3, nothing on stdout, what exists or is near."""
    code, out, err = lab(*words)
    assert (code, out) == (3, "")
    assert message in err
    assert err.count("\n") == 1


def test_quality_says_which_mutants_live(lab):
    """Exit code 0 and the rate for a lab that grades."""
    code, out, _ = lab("quality", "raft/vote_is_durable", "--json")
    row = json.loads(out)
    assert (code, row["verdict"], row["kill_rate"]) == (0, "valid", 1.0)
    assert [each["what"] for each in row["rows"]] == ["start", "reference", "another promise"]
    assert "VALID: raft/vote_is_durable" in lab("quality", "raft/vote_is_durable")[1]


def test_watching_checks_again_when_a_file_is_saved(tmp_path):
    """Red, saved, green, in one warm process; Ctrl-C ends it with the last verdict's code and leaves nothing behind."""
    environment = {**os.environ, "WINDTUNNEL_HOME": str(tmp_path / "home"), "TMPDIR": str(tmp_path)}
    command = [sys.executable, "-m", "windtunnel", "lab"]
    subprocess.run([*command, "start", "two-nodes"], cwd=tmp_path, env=environment, check=True, capture_output=True)
    watching = subprocess.Popen(
        [*command, "check", "two-nodes", "--watch"],
        cwd=tmp_path,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )

    def until(words):
        lines = []
        for line in watching.stdout:
            lines.append(line)
            if words in line:
                return "".join(lines)
        raise AssertionError("".join(lines))

    try:
        assert "watching two-nodes (" in until("watching")
        assert "FAILED" in until("waiting for a change")
        file = tmp_path / "two-nodes" / "two_nodes.py"
        good = file.read_text(encoding="utf-8").replace(FAULT, CURE)
        file.write_text("def (", encoding="utf-8")
        assert "two_nodes.py:1: SyntaxError" in until("waiting for a change")
        file.write_text(good, encoding="utf-8")
        assert "PASSED" in until("waiting for a change")
        watching.send_signal(signal.SIGINT)
        watching.wait(timeout=20)
    finally:
        watching.kill()
        watching.stdout.close()
    assert watching.returncode == 0
    assert not list(tmp_path.glob("windtunnel-lab-*"))


def test_a_watch_without_inotify_looks_at_the_files(tmp_path, monkeypatch):
    """Where the kernel does not tell of changes the files are looked at, and that is said."""
    from windtunnel.labs import watching

    monkeypatch.setattr(watching.sys, "platform", "elsewhere")
    monkeypatch.setattr(watching, "POLL_S", 0.01)
    (tmp_path / "a.py").write_text("1", encoding="utf-8")
    with watching.Watch(tmp_path) as watch:
        assert watch.how == "polling every 0.2 s"
        (tmp_path / ".hidden").write_text("1", encoding="utf-8")
        (tmp_path / "a.py").write_text("22", encoding="utf-8")
        (tmp_path / "b.py").write_text("1", encoding="utf-8")
        assert next(watch.changes()) == ["a.py", "b.py"]

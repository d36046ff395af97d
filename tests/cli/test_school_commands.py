"""The commands of the school: path, next, lesson, decide, progress, certificate, verify."""

import io
import json
import sys

import pytest

from windtunnel import learn
from windtunnel.cli import main


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    """Each test has a learner of its own, in a folder of its own."""
    monkeypatch.setenv("WINDTUNNEL_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    return tmp_path / "home"


@pytest.fixture
def run(capsys):
    """Runs a command: (exit code, stdout), or with --json (exit code, the object)."""

    def run(*words):
        code = main(list(words))
        out = capsys.readouterr().out
        return (code, json.loads(out)) if "--json" in words else (code, out)

    return run


def done(*items):
    """Put items on record as passed."""
    journal = learn.Journal()
    for item in items:
        journal.add(item, item.partition(":")[0], "passed", "aa")


# --- path, next ---


def test_a_newcomer_is_told_how_to_begin(run):
    """Before any path is started, `next` names the two ways to begin."""
    code, out = run("next")
    assert code == 0
    assert "windtunnel path choose" in out
    assert run("next", "--json")[1]["next"] is None


def test_a_path_is_started_followed_and_shown(run):
    """`start` remembers it, `next` goes on from what is done, `status` has every state."""
    assert run("path", "start", "beginner", "--json")[1]["next"]["item"] == "lesson:what-is-distributed"
    done("lesson:what-is-distributed", "lab:two-nodes")
    code, found = run("next", "--json")
    assert (code, found["next"]["item"]) == (0, "lesson:reading-a-run")
    assert found["next"]["command"] == "windtunnel lesson do reading-a-run"
    status = run("path", "status", "--json")[1]
    nodes = [node for block in status["blocks"] for node in block["nodes"]]
    assert [node["state"] for node in nodes[:4]] == ["done", "done", "open", "locked"]
    assert status["done_minutes"] == 30
    code, out = run("path", "status")
    assert "✓" in out
    assert "first: lesson:reading-a-run" in out
    assert "lesson do reading-a-run" in out


def test_paths_are_listed_with_hours_of_today(run):
    """What is planned is not counted."""
    rows = {row["id"]: row for row in run("path", "list", "--json")[1]["paths"]}
    assert rows["beginner"]["available_hours"] == rows["beginner"]["hours"]
    assert rows["practitioner"]["available_hours"] < rows["practitioner"]["hours"]
    assert "planned" in run("path", "show", "practitioner")[1]


def test_choose_without_a_terminal(run):
    """First the exercises, then, with answers, a proposal; placement opens the next path."""
    code, found = run("path", "choose", "--json")
    assert (code, found["chosen"]) == (0, None)
    assert {row["id"] for row in found["exercises"]} >= {"silence", "chain", "majority"}
    words = ["--goal", "practice", "--answer", "silence=c", "--answer", "chain=97", "--hours-per-week", "10"]
    chosen = run("path", "choose", *words, "--json")[1]
    assert chosen["results"] == {"silence": True, "chain": True}
    assert chosen["chosen"]["path"] == "practitioner"
    assert chosen["chosen"]["weeks"] >= 1
    started = run("path", "start", "practitioner", "--json")[1]
    assert "lab:two-phase-commit" in started["placed"]
    assert started["first"] == []
    assert started["next"]["item"] == "lab:raft-election"


def test_a_path_without_its_prerequisites_says_so(run):
    """Nothing is open, so the first thing that is missing is named; an override is recorded."""
    _, out = run("path", "start", "practitioner")
    assert "expected from earlier paths: lab:two-phase-commit" in out
    assert "waits for lab:two-phase-commit" in run("next")[1]
    run("path", "start", "practitioner", "--override", "lab:two-phase-commit", "--override", "lesson:raft")
    assert learn.Journal().read().overridden() == {"lab:two-phase-commit", "lesson:raft"}
    assert run("next", "--json")[1]["next"]["item"] == "lab:raft-election"


def test_choose_on_a_terminal(run, monkeypatch):
    """Goal, hours, and exercises level by level until one is not known; nonsense is asked again."""
    monkeypatch.setattr("sys.stdin", io.StringIO("b\n5\nc\nmuch\n97\n2\n\n\n\n"))
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    monkeypatch.setattr("sys.stdout.isatty", lambda: True, raising=False)
    code, out = run("path", "choose")
    assert code == 0
    assert "expected a number of %" in out
    assert "proposed: Practitioner" in out
    assert "windtunnel path start practitioner" in out


# --- lesson ---


def test_a_lesson_is_shown_and_done_without_a_terminal(run):
    """Without answers its questions are printed (2, open); a wrong one is 1; with all of them it is complete (0)."""
    code, out = run("lesson", "show", "what-is-distributed")
    assert code == 0
    assert "[silence]" in out
    assert "$ windtunnel run order-saga" in out
    assert "sources" in out
    code, out = run("lesson", "do", "what-is-distributed")
    assert code == 2
    assert "--answer silence=... --answer twice=..." in out
    assert run("lesson", "do", "what-is-distributed", "--answer", "silence=a")[0] == 1


@pytest.mark.campaign
def test_a_lesson_is_completed(run):
    """Predictions, then runs, then the evidence of the whole."""
    words = ["lesson", "do", "what-is-distributed", "--answer", "silence=c", "--answer", "twice=a", "--json"]
    code, found = run(*words)
    assert (code, found["complete"]) == (0, True)
    assert [row["right"] for row in found["runs"]] == [True, True]
    assert learn.Journal().read().has("lesson:what-is-distributed")
    assert run("lesson", "list", "--json")[1]["lessons"][0]["done"] is True
    code, out = run("lesson", "do", "what-is-distributed")
    assert (code, "complete" in out) == (0, True)


@pytest.mark.slow
def test_a_lesson_is_done_on_a_terminal(run, monkeypatch):
    """What a run decides is told after it; a wrong prediction is asked again then; nonsense is asked again at once."""
    monkeypatch.setattr("sys.stdin", io.StringIO("c\n\nz\nb\n\na\n"))
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    monkeypatch.setattr("sys.stdout.isatty", lambda: True, raising=False)
    code, out = run("lesson", "do", "what-is-distributed")
    assert code == 0
    before, after = out.split("as expected: valid", 1)
    assert "noted: the run will tell" in before
    assert "Silence is no information" not in before
    assert "silence: you predicted rightly. Silence is no information" in after
    assert "expected a letter from a to c" in after
    assert after.index("as expected: invalid") < after.index("right. The work was done")
    assert learn.Journal().read().has("lesson:what-is-distributed")
    verdicts = [e.verdict for e in learn.Journal().read().of("lesson:what-is-distributed#twice")]
    assert verdicts == ["failed", "passed"]


# --- decide ---


def test_a_decision_is_walked_and_a_case_is_graded(run):
    """A walk that has not ended is 2, advice is 0, a wrong case 1, a right one 0."""
    assert run("decide", "retry", "--answers", "b", "--json")[0] == 2
    code, out = run("decide", "retry", "--answers", "b,b")
    assert code == 0
    assert "idempotency key" in out
    assert "see: windtunnel run order-saga" in out
    assert run("decide", "retry", "--case", "payment", "--answers", "a,a")[0] == 1
    code, found = run("decide", "retry", "--case", "payment", "--answers", "b,b", "--json")
    assert (code, found["right"], found["solved"]) == (0, True, ["payment"])
    assert [row["solved"] for row in run("decide", "retry", "--cases", "--json")[1]["cases"]].count(True) == 1
    assert {row["id"] for row in run("decide", "--list", "--json")[1]["decisions"]} >= {"retry", "lock"}


# --- progress, certificate, verify ---


def test_progress_is_shown_exported_and_imported(run, tmp_path, monkeypatch):
    """What one learner exports, another folder has after the import."""
    run("path", "start", "beginner")
    done("lab:retry")
    run("progress", "--note", "lab:retry", "jitter first")
    assert "First green lab" in run("progress")[1]
    found = run("progress", "--json")[1]
    assert (found["records"], found["level"], found["problems"]) == (1, "0", [])
    assert "note of" in run("progress", "--item", "lab:retry")[1]
    assert run("progress", "--export", "mine.json")[0] == 0
    monkeypatch.setenv("WINDTUNNEL_HOME", str(tmp_path / "other"))
    assert run("progress", "--import", "mine.json", "--json")[1]["evidence"] == 1
    assert run("progress", "--json")[1]["notes"][0]["text"] == "jitter first"
    assert run("progress", "--xapi", "x.ndjson", "--json")[1]["statements"] == 1
    assert run("progress", "--ics", "p.ics", "--from", "2026-01-05", "--json")[1]["appointments"] > 10
    assert run("progress", "--upload", "review", "mine.json", "--json")[1]["item"] == "upload:review"


def test_a_damaged_log_is_said_with_its_line(run, home, capsys):
    """On stderr, while everything else goes on."""
    run("path", "start", "beginner")
    done("lab:retry", "lab:saga")
    log = home / "progress.jsonl"
    log.write_bytes(log.read_bytes().replace(b'"lab:retry"', b'"lab:retri"'))
    assert main(["progress"]) == 0
    said = capsys.readouterr()
    assert "the log of evidence, line 1: record 1 was changed" in said.err
    assert "1 records" in said.out
    assert main(["next"]) == 0
    assert "line 1" in capsys.readouterr().err


def test_a_certificate_is_refused_earned_and_verified(run, tmp_path):
    """Not earned: 1 and what is missing. Earned: a file that verifies, until a byte is changed."""
    pytest.importorskip("cryptography")
    code, out = run("certificate", "foundation")
    assert code == 1
    assert "missing: calc:availability" in out
    assert not (tmp_path / "foundation.jwt").exists()
    done(*[node.item for node in learn.path("beginner").nodes])
    assert "earned" in run("certificate")[1]
    code, found = run("certificate", "foundation", "--name", "Ada", "--json")
    assert (code, found["earned"], found["file"]) == (0, True, "foundation.jwt")
    code, out = run("verify", "foundation.jwt")
    assert code == 0
    assert "the log on this machine has them" in out
    assert "who holds the key" in out
    badge = (tmp_path / "foundation.jwt").read_text()
    (tmp_path / "bad.jwt").write_text(badge[:200] + ("A" if badge[200] != "A" else "B") + badge[201:])
    code, found = run("verify", "bad.jwt", "--json")
    assert (code, found["valid"]) == (1, False)
    assert found["why"]


def test_without_the_extra_certificates_say_which_command_installs_it(run, monkeypatch, capsys):
    """One line; everything else works."""
    monkeypatch.setitem(sys.modules, "cryptography.hazmat.primitives", None)
    done(*[node.item for node in learn.path("beginner").nodes])
    assert main(["certificate", "foundation"]) == 3
    assert "pip install 'windtunnel[badges]'" in capsys.readouterr().err
    assert run("certificate")[0] == 0


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["path", "strat", "beginner"], "did you mean start"),
        (["path", "start"], "expected a path"),
        (["path", "start", "begin"], "did you mean beginner"),
        (["path", "start", "beginner", "--override", "lesson:nothing"], "unknown lesson"),
        (["path", "status"], "no path is started"),
        (["path", "choose", "beginner"], "windtunnel path start beginner"),
        (["path", "choose", "--hours-per-week", "0", "--answer", "silence=c"], "above 0, at most 80; got 0"),
        (["path", "start", "beginner", "--hours-per-week", "500"], "above 0, at most 80; got 500"),
        (["path", "choose", "--answer", "silence"], "NAME=VALUE"),
        (["path", "choose", "--goal", "fame", "--answer", "silence=c"], "unknown goal"),
        (["lesson", "show"], "expected `lesson list`"),
        (["lesson", "read", "law-1"], "unknown action"),
        (["lesson", "do", "law-9"], "unknown lesson"),
        (["lesson", "do", "law-1", "--answer", "nothing=1"], "unknown step"),
        (["lesson", "show", "law-1", "--answer", "product=6"], "belongs to `windtunnel lesson do`"),
        (["decide"], "expected a framework"),
        (["decide", "retry", "--case", "nobody", "--answers", "a"], "unknown case"),
        (["decide", "retry", "--answers", "z"], "expected a letter"),
        (["progress", "--item", "lab:nothing"], "unknown lab"),
        (["progress", "--import", "nothing.json"], "cannot read nothing.json"),
        (["progress", "--ics", "x.ics"], "no path is started"),
        (["progress", "--ics", "x.ics", "--path", "beginner", "--at", "25:00"], "expected --from"),
        (["progress", "--export", "a", "--xapi", "b"], "at a time"),
        (["progress", "--upload", "song", "x"], "unknown kind of document"),
        (["progress", "--export", "no/such/folder/x.json"], "cannot write"),
        (["certificate", "master"], "unknown certificate"),
        (["verify", "nothing.jwt"], "cannot read nothing.jwt"),
    ],
)
def test_wrong_usage_is_one_line_and_exit_3(words, says, capsys):
    """What was expected, what came, what to do; nothing is recorded."""
    assert main(words) == 3
    said = capsys.readouterr().err
    assert says in said
    assert said.count("\n") == 1
    assert learn.Journal().read().evidence == ()

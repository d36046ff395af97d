import json
from pathlib import Path

import pytest

from windtunnel.cli import main

DATA = Path(__file__).parents[2] / "data" / "histories"
PAPER = str(DATA / "elle" / "paper-example.edn")


@pytest.mark.parametrize(
    ("level", "code"), [(None, 1), ("strict-serializable", 1), ("read-committed", 0), ("read-atomic", 2), ("serialisable", 3)]
)
def test_check_a_level(level, code, capsys):
    """The exit code says whether the level holds; an unknown one is wrong usage."""
    flags = [] if level is None else ["--level", level]
    assert main(["check", PAPER, "--model", "list-append", *flags]) == code
    out = capsys.readouterr()
    if code in (0, 1):
        assert "T3 --rw--> T1 --wr--> T2 --ww--> T3" in out.out
        assert "Ruled out: repeatable-read, consistent-view, parallel-snapshot-isolation" in out.out
    if code == 3:
        assert "did you mean serializable" in out.err


def test_json_has_the_cycle(capsys):
    """Anomalies, steps and levels, for machines."""
    assert main(["check", PAPER, "--model", "list-append", "--json"]) == 1
    row = json.loads(capsys.readouterr().out)
    assert row["verdict"] == "invalid"
    assert row["level"] == "strict-serializable"
    (anomaly,) = row["anomalies"]
    assert anomaly["name"] == "G-single"
    assert [(step["kind"], step["source"], step["target"]) for step in anomaly["steps"]] == [
        ("rw", 3, 1),
        ("wr", 1, 2),
        ("ww", 2, 3),
    ]
    assert row["fails"] == ["repeatable-read", "consistent-view", "parallel-snapshot-isolation"]


def test_text_formats_are_recognised(capsys):
    """The format of other checkers is told from the first line."""
    assert main(["check", str(DATA / "isovista" / "pg_ser_bug.txt"), "--model", "rw-register", "--level", "serializable"]) == 1
    out = capsys.readouterr().out
    assert "and a cycle follows whichever came first" in out
    assert "The history has no times" in out


def test_malformed_files_are_wrong_usage(tmp_path, capsys):
    """Exit code 3, one line, with the place."""
    (tmp_path / "h").write_text("{:type :ok, :process 1, :value 3}")
    assert main(["check", str(tmp_path / "h"), "--model", "list-append"]) == 3
    assert "h:1: expected a list of micro-operations" in capsys.readouterr().err


def test_completions_without_an_answer_may_say_nothing(tmp_path, capsys):
    """Unanswered and failed transactions end with null as their value, as our own histories have it."""
    asked = '{"process": %d, "type": "invoke", "f": "txn", "value": [["append", "x", %d]]}'
    ended = '{"process": %d, "type": "%s", "f": "txn", "value": null}'
    (tmp_path / "h.jsonl").write_text("\n".join([asked % (0, 1), ended % (0, "info"), asked % (1, 2), ended % (1, "fail")]))
    assert main(["check", str(tmp_path / "h.jsonl"), "--model", "list-append"]) in (0, 2)
    assert "expected a list" not in capsys.readouterr().err
    (tmp_path / "h.jsonl").write_text("\n".join([asked % (0, 1), ended % (0, "ok")]))
    assert main(["check", str(tmp_path / "h.jsonl"), "--model", "list-append"]) == 3

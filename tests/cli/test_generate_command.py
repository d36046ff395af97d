"""`windtunnel generate`."""

import json

from windtunnel.cli.entry import main
from windtunnel.histories import read_history


def test_history_and_sidecar(tmp_path, capsys):
    """The history is one that can be read, and the sidecar says what is known of it."""
    place = tmp_path / "h.jsonl"
    assert main(["generate", "--level", "causal", "--plant", "divergence", "--operations", "50", "--json", "-o", str(place)]) == 0
    said = json.loads(capsys.readouterr().out)
    known = json.loads((tmp_path / "h.known.json").read_text())
    assert len(read_history(place)) == known["operations"]["total"] == 54
    assert said["interface"] == "kv"
    assert said["fails"] == known["fails"] == ["kv", "sequential", "causal-convergence"]
    assert [row["fault"] for row in known["planted"]] == ["divergence"]


def test_to_stdout(capsys):
    """Without a file the history goes to stdout, what is known of it to stderr."""
    assert main(["generate", "--interface", "queue", "--level", "linearizable", "--operations", "5"]) == 0
    out, err = capsys.readouterr()
    assert json.loads(out.splitlines()[0])["type"] == "invoke"
    assert "holds: queue" in err


def test_what_there_is(capsys):
    """--list names levels and faults."""
    assert main(["generate", "--list"]) == 0
    assert "write-skew" in capsys.readouterr().out
    assert main(["generate", "--list", "--json"]) == 0
    assert {row["name"] for row in json.loads(capsys.readouterr().out)["interfaces"]} >= {"kv", "list-append", "queue"}


def test_wrong_usage(capsys):
    """Exit code 3 with what exists."""
    assert main(["generate"]) == 3
    assert main(["generate", "--level", "snapshot"]) == 3
    assert "snapshot-isolation" in capsys.readouterr().err
    assert main(["generate", "--level", "causal", "--json"]) == 3

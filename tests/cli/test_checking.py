import json

import pytest

from windtunnel.cli import main
from windtunnel.histories import history_of, write_jsonl

BAD = "A (enqueue 1) (enqueue 2) (dequeue -> 2)"


@pytest.fixture
def queue(tmp_path):
    """A file with a queue that lost its order."""
    path = tmp_path / "queue.jsonl"
    write_jsonl(history_of(BAD), path)
    return str(path)


def test_a_bad_queue_is_explained(queue, capsys):
    """Exit 1, the operation that could not take effect, and what was there instead."""
    assert main(["check", queue, "--model", "queue"]) == 1
    shown = capsys.readouterr().out
    assert "INVALID: queue: dequeue -> 2" in shown
    assert "the queue held [1, 2]" in shown
    assert "The only operation that puts 2 into the queue, enqueue 2" in shown


def test_the_page_shows_the_timeline(queue, tmp_path):
    """--html writes one page that holds the drawing and loads nothing."""
    page = tmp_path / "why.html"
    assert main(["check", queue, "--model", "queue", "--html", str(page)]) == 1
    text = page.read_text()
    assert "<svg" in text
    assert "dequeue -&gt; 2" in text
    assert "src=" not in text.replace("xmlns=", "")


def test_models_are_listed(capsys):
    """--list-models needs no file; with --json it is a list of rows."""
    assert main(["check", "--list-models"]) == 0
    assert "priority-queue" in capsys.readouterr().out
    assert main(["check", "--list-models", "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)["models"]
    assert {"name", "promise", "operations", "what"} == set(rows[0])


def test_a_model_that_does_not_fit_is_refused(queue, capsys):
    """Exit 3: what the history holds, and which models know it."""
    assert main(["check", queue, "--model", "stack"]) == 3
    assert "the history holds dequeue, enqueue; models that know all of these: queue" in capsys.readouterr().err


def test_without_a_model_or_a_file_there_is_nothing_to_check(queue, capsys):
    """Exit 3, and how to find the models."""
    assert main(["check", queue]) == 3
    assert main(["check", "--model", "queue"]) == 3
    assert "--list-models" in capsys.readouterr().err


def test_the_first_state_can_be_chosen(tmp_path, capsys):
    """--initial is JSON; what a model cannot begin with is refused."""
    path = tmp_path / "h.jsonl"
    write_jsonl(history_of("A (acquire)\nB  (acquire)"), path)
    assert main(["check", str(path), "--model", "semaphore"]) == 1
    assert main(["check", str(path), "--model", "semaphore", "--initial", "2"]) == 0
    assert main(["check", str(path), "--model", "semaphore", "--initial", "no"]) == 3
    assert main(["check", str(path), "--model", "semaphore", "--initial", '"x"']) == 3
    capsys.readouterr()


def test_memory_is_a_budget_too(tmp_path, capsys):
    """With room for one configuration an open question stays unknown: exit 2, and how far it came."""
    path = tmp_path / "h.jsonl"
    rows = "\n".join(f"{n} (add {n + 1} >" for n in range(6)) + "\nA                   (read -> 20) (read -> 21)"
    write_jsonl(history_of(rows), path)
    assert main(["check", str(path), "--model", "counter", "--configurations", "1", "--json"]) == 2
    assert json.loads(capsys.readouterr().out)["stats"]["deepest"]["operation"] >= 0
    assert main(["check", str(path), "--model", "counter"]) == 0


def test_large_files_are_judged_in_columns(queue, capsys, monkeypatch):
    """The verdict, the words and the refusals are those of small ones."""
    assert main(["check", queue, "--model", "queue"]) == 1
    small = capsys.readouterr().out.rsplit(";", 1)[0]
    monkeypatch.setattr("windtunnel.cli.check.COLUMNS_FROM_BYTES", 0)
    assert main(["check", queue, "--model", "queue"]) == 1
    assert capsys.readouterr().out.rsplit(";", 1)[0] == small
    assert main(["check", queue, "--model", "queue", "--initial", "[1]"]) == 1
    assert main(["check", queue, "--model", "stack"]) == 3
    assert "models that know all of these: queue" in capsys.readouterr().err


IMPOSSIBLE = {
    "a process with two open operations": ('{"process":1,"type":"invoke","f":"read"}\n' * 2, 2, "still open"),
    "a completion without an invocation": ('{"process":1,"type":"ok","f":"read"}\n', 1, "before its completion"),
    "an operation completed twice": (
        '{"process":1,"type":"invoke","f":"read"}\n' + '{"process":1,"type":"ok","f":"read"}\n' * 2,
        3,
        "before its completion",
    ),
    "times that run backwards": (
        '{"process":1,"type":"invoke","f":"read","time":2}\n{"process":1,"type":"ok","f":"read","time":1}\n',
        2,
        "time of at least 2",
    ),
    "a malformed line": ('{"process":1,"type":"invoke","f":"read"}\n{"process":1,"ty\n', 2, "one JSON object"),
    "a call log that returns twice": ("[1] call push(1)\n[1] return\n[1] return\n", 3, "a call of operation 1"),
}


@pytest.mark.parametrize("what", IMPOSSIBLE)
def test_what_no_client_can_have_done_is_refused(tmp_path, capsys, what):
    """Exit 3, with the file and the line."""
    text, line, words = IMPOSSIBLE[what]
    path = tmp_path / "h"
    path.write_text(text)
    assert main(["check", str(path), "--model", "register"]) == 3
    said = capsys.readouterr().err
    assert f"{path}:{line}: expected" in said
    assert words in said

import json

import pytest

from windtunnel.checkers import Evidence, Verdict, check
from windtunnel.histories import history_of, read_history, write_jsonl


@pytest.mark.parametrize(("valid", "word"), [(True, "valid"), (False, "invalid"), (None, "unknown")])
def test_three_verdicts(valid, word):
    """A verdict is valid, invalid or unknown, and nothing between."""
    verdict = Verdict(valid, "kv")
    assert verdict.word == word
    assert verdict.unknown is (valid is None)
    assert verdict.lines() == [f"{word.upper()}: kv"]


def test_json_is_complete(tmp_path):
    """The JSON form holds the verdict, the reason, the operations with their lines, and the words."""
    write_jsonl(history_of("A (w 1)      (r 1)\nB      (w 2)"), tmp_path / "h.jsonl")
    row = json.loads(json.dumps(check(read_history(tmp_path / "h.jsonl"), "register").to_json()))
    assert row["verdict"] == "invalid"
    assert row["model"] == "register"
    assert row["why"].startswith("read -> 1 by process A (line 6) cannot be ordered")
    assert row["evidence"]["property"] == "linearizability"
    assert [op["lines"] for op in row["evidence"]["operations"]] == [[1, 2], [3, 4], [5, 6]]
    assert row["evidence"]["stuck"] == 2
    assert row["evidence"]["last_state"] == 2
    assert row["stats"]["operations"] == 3


def test_lines_fit_on_a_screen():
    """The text form begins with the verdict, then the evidence, then the work done."""
    verdict = Verdict(
        False, "kv", "why", Evidence("linearizability", "x", [], text=["one", "two"]), {"never_read": 1200, "s": 0.1}
    )
    assert verdict.lines() == ["INVALID: kv: why", "  one", "  two", "  [never read 1,200]"]

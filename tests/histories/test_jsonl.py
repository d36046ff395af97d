import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from windtunnel.base.errors import UsageError
from windtunnel.histories import History, MalformedHistory, Operation, history_of, read_jsonl, write_jsonl

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)


def outline(history):
    return [
        (op.process, op.f, op.key, op.value, op.type, op.result, op.error, op.invoked, op.completed, op.invoked_s, op.completed_s)
        for op in history
    ]


def events_file(tmp_path, *rows):
    path = tmp_path / "h.jsonl"
    path.write_text("".join((row if isinstance(row, str) else json.dumps(row)) + "\n" for row in rows))
    return path


def event(kind, process=0, f="read", **more):
    return {"process": process, "type": kind, "f": f, **more}


def test_what_is_written_is_read_again(tmp_path):
    """Operations, order, times, results and errors survive a round through a file."""
    history = history_of("A (w x 1)  (cas x 1 2 -> false) (w 4!\nB   (r x 1  )  (append x a>")
    history.operations.append(Operation(9, 7, "read", "x", invoked=99, invoked_s=99.0))
    write_jsonl(history, tmp_path / "h.jsonl")
    again = read_jsonl(tmp_path / "h.jsonl")
    assert [row[:2] for row in outline(again)] == [row[:2] for row in outline(history)]
    assert [row[4:7] for row in outline(again)] == [row[4:7] for row in outline(history)]
    assert [row[9:] for row in outline(again)] == [row[9:] for row in outline(history)]
    assert [op.value for op in again] == [list(op.value) if isinstance(op.value, tuple) else op.value for op in history]


@given(key=JSON, value=JSON, result=JSON)
def test_any_json_value_survives(tmp_path_factory, key, value, result):
    """Keys, arguments and results may be any JSON value."""
    path = tmp_path_factory.mktemp("values") / "h.jsonl"
    operation = Operation(0, 3, "f", key, value, "ok", result, None, 0.5, 1.25, 0, 1)
    write_jsonl(History([operation]), path)
    (again,) = read_jsonl(path).operations
    assert (again.key, again.value, again.result) == (key, value, result)


def test_a_line_is_an_event_with_the_documented_fields(tmp_path):
    """The file has one JSON object a line, with index, time, process, type, f, key, value and, where there is one, error."""
    write_jsonl(history_of("A (w x 1)\nB (r>"), tmp_path / "h.jsonl")
    rows = [json.loads(line) for line in (tmp_path / "h.jsonl").read_text().splitlines()]
    assert rows[0] == {"index": 0, "time": 2.0, "process": "A", "type": "invoke", "f": "write", "key": "x", "value": 1}
    assert [row["index"] for row in rows] == [0, 1, 2, 3]
    assert rows[2] == {"index": 2, "time": 4.0, "process": "B", "type": "info", "f": "read", "key": None, "value": None} | {
        "error": "no answer"
    }


def test_index_and_time_may_be_missing(tmp_path):
    """Without times the order of the lines is the order of the events, and the history says so."""
    history = read_jsonl(events_file(tmp_path, event("invoke"), event("ok", value=3)))
    assert history.timed is False
    assert (history.operations[0].invoked_s, history.operations[0].completed_s) == (0.0, 1.0)


def test_the_nemesis_is_no_client(tmp_path):
    """Rows of the nemesis are skipped; a file with nothing else is a history without operations."""
    assert len(read_jsonl(events_file(tmp_path, event("info", "nemesis", "kill")))) == 0


def test_lines_are_remembered(tmp_path):
    """Operations know the lines of both of their events; blank lines count."""
    (operation,) = read_jsonl(events_file(tmp_path, "", event("invoke"), "", event("ok", value=3))).operations
    assert (operation.line, operation.completed_line) == (2, 4)


@pytest.mark.parametrize(
    ("rows", "line", "words"),
    [
        (["{"], 1, "one JSON object"),
        ([event("invoke"), '{"process": 0, "type": "ok", "f": "re'], 2, "one JSON object"),
        (["[" * 100_000], 1, "nested at most 100 deep"),
        (['{"process": 0, "type": "invoke", "f": "w", "value": ' + "[" * 150 + "]" * 150 + "}"], 1, "nested at most 100 deep"),
        (["3"], 1, "an event such as"),
        ([{"type": "invoke", "f": "read"}], 1, '"process"'),
        ([{"process": True, "type": "invoke", "f": "read"}], 1, '"process"'),
        ([{"process": 0, "type": "begin", "f": "read"}], 1, "one of invoke, ok, fail, info"),
        ([{"process": 0, "type": "invoke"}], 1, '"f"'),
        ([event("invoke", time="now")], 1, '"time" in seconds'),
        ([event("ok")], 1, "an invocation of process 0"),
        ([event("invoke"), event("ok"), event("ok")], 3, "an invocation of process 0"),
        ([event("invoke"), event("invoke", f="write")], 2, "its read of line 1 is still open"),
        ([event("invoke"), event("ok", f="write")], 2, "the completion of read"),
        ([event("invoke", time=2.0), event("invoke", 1, time=1.0)], 2, "which line 1 has"),
        ([event("invoke", index=5), event("ok", index=5)], 2, "index above 5"),
        ([""], 1, "at least one operation|nothing but blanks|empty"),
    ],
)
def test_what_no_client_can_have_done_is_refused(tmp_path, rows, line, words):
    """A malformed event is named with its line, what was expected and what came."""
    path = events_file(tmp_path, *rows)
    with pytest.raises(MalformedHistory, match=words) as caught:
        read_jsonl(path)
    assert caught.value.line == line
    assert str(caught.value).startswith(f"{path}:{line}: expected ")
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 400


def test_writing_is_all_or_nothing(tmp_path):
    """When a write fails, the old file is untouched and no temporary file stays."""
    path = tmp_path / "h.jsonl"
    path.write_text("old")
    broken = History([Operation(0, 0, "write", None, object())])
    with pytest.raises(TypeError):
        write_jsonl(broken, path)
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_place_that_cannot_be_written_is_named(tmp_path):
    """A folder that does not exist is wrong usage, in one line."""
    with pytest.raises(UsageError, match=r"cannot write .*nowhere"):
        write_jsonl(history_of("A (w 1)"), Path(tmp_path) / "nowhere" / "h.jsonl")

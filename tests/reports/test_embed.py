"""The data inside a page: small, complete, and unable to leave its element."""

import itertools
import json

import pytest

from windtunnel.histories import History, Operation
from windtunnel.reports.embed import data_of, script_json, span, trace_window


def rows(count, step=0.001):
    return [{"i": i, "t": i * step, "kind": "timer", "node": "n1", "text": f"t{i}"} for i in range(count)]


def test_columns_give_back_every_operation(invalid):
    """Lane, times to the microsecond, outcome and text of each operation survive the packing."""
    data = data_of(invalid.results, invalid.history, trace_window(invalid.results, invalid.history, invalid.trace))
    ops = data["operations"]
    invoked = list(itertools.accumulate(ops["invoked"]))
    for i, op in enumerate(invalid.history):
        assert abs(data["start"] + invoked[i] / 1e6 - op.invoked_s) < 1e-6
        assert abs(ops["took"][i] / 1e6 - (op.completed_s - op.invoked_s)) < 1e-6
        assert ("ok", "fail", "info")[ops["type"][i]] == op.type
        assert ops["texts"][ops["text"][i]].startswith(op.describe())
        assert ops["processes"][ops["process"][i]] == op.process
    assert [invalid.history.operations[i].key for i in ops["marked"]] == ["x", "x", "x"]


def test_columns_give_back_every_row_of_the_window(invalid):
    """Node, peer, kind, time, delay and text of each event survive the packing."""
    window = trace_window(invalid.results, invalid.history, invalid.trace)
    trace = data_of(invalid.results, invalid.history, window)["trace"]
    times = list(itertools.accumulate(trace["t"]))
    name = lambda number: None if number < 0 else trace["names"][number]  # noqa: E731
    for i, row in enumerate(window.rows):
        assert abs(times[i] / 1e6 - row["t"]) < 1e-6
        assert trace["kinds"][trace["kind"][i]] == row["kind"]
        assert (name(trace["node"][i]), name(trace["from"][i]), name(trace["to"][i])) == (
            row.get("node"),
            row.get("src"),
            row.get("dst"),
        )
        if row.get("sent") is not None:
            assert abs(trace["sent"][i] / 1e6 - (row["t"] - row["sent"])) < 1e-6


def test_a_window_holds_the_violation_and_mostly_what_came_before():
    """Of a long trace the rows that led to the violation are kept."""
    trace = [
        *rows(9000),
        {"i": 9000, "t": 9.0, "kind": "violation", "node": "n1", "text": ""},
        *[{**r, "t": r["t"] + 9} for r in rows(9000)],
    ]
    window = trace_window({"violation": {"at_s": 9.0}}, None, trace, limit=1000)
    assert (len(window.rows), window.total) == (1000, 18001)
    assert window.rows[window.focus]["kind"] == "violation"
    assert window.focus == 750


def test_a_violation_without_a_row_is_given_one():
    """A broken history is found after the run: its moment is put between the events before and after it."""
    window = trace_window({"violation": {"at_s": 0.0505, "property": "linearizability", "evidence": "stale"}}, None, rows(100))
    assert window.rows[window.focus] == {"t": 0.0505, "kind": "violation", "node": None, "text": "linearizability: stale"}
    assert window.rows[window.focus - 1]["t"] <= 0.0505 <= window.rows[window.focus + 1]["t"]


def test_a_broken_history_is_shown_at_the_client_that_saw_it():
    """The answer that cannot be ordered arrived at a client: its past is the past of the violation."""
    history = History([Operation(0, "c5.2", "read", "x", None, "ok", 3, invoked_s=0.01, completed_s=0.05)])
    violation = {"at_s": 0.05, "property": "linearizability", "operations": [0]}
    window = trace_window({"violation": violation, "clients": ["c4", "c5"]}, history, rows(100))
    assert window.rows[window.focus]["node"] == "c5"
    assert window.rows[window.focus - 1]["t"] == 0.05


def test_without_a_violation_the_window_is_where_it_was_asked_for():
    """Around a chosen time, else around the first fault, else from the start."""
    trace = rows(9000)
    assert trace_window({}, None, trace, limit=100, around_s=4.0).rows[75]["t"] == 4.0
    assert trace_window({"faults": [{"at_s": 2.0, "verb": "crash"}]}, None, trace, limit=100).rows[75]["t"] == 2.0
    assert trace_window({}, None, trace, limit=100).rows[0]["t"] == 0.0
    assert trace_window({}, None, [], limit=100).rows == []


def test_a_cut_is_told_in_the_words_of_the_plan():
    """`isolate n5` instead of the eight links that were cut."""
    cut = {"i": 0, "t": 1.5, "kind": "cut", "node": None, "text": "n5→n1 n1→n5"}
    window = trace_window({"faults": [{"at_s": 1.5, "verb": "cut", "text": "isolate n5"}]}, None, [cut])
    assert window.rows[0]["text"] == "isolate n5"


@pytest.mark.parametrize(("first", "start"), [(0.01, 0.0), (1_700_000_000.0, 1_700_000_000.0)])
def test_clocks_that_began_far_from_zero_are_shifted(first, start):
    """A recorded history may carry the seconds of 1970; its axis begins where it begins."""
    operations = [Operation(i, "c", "read", "x", type="ok", invoked_s=first + i, completed_s=first + i + 0.5) for i in range(30)]
    begin, end = span({}, operations, [])
    assert begin == start
    assert end == pytest.approx(first + 29.5)


def test_an_empty_run_has_a_span():
    """Nothing happened, and still the axis has a length."""
    begin, end = span({}, [], [])
    assert end > begin


@pytest.mark.parametrize("hostile", ["</script><script>alert(1)</script>", "<!--", "]]>", "\u2028", "é🜁", "a\x00b"])
def test_json_cannot_end_its_element(hostile):
    """No `<`, `>` or `&` is left, and the value is what it was."""
    text = script_json({"value": hostile})
    assert not set(text) & set("<>&\u2028\u2029")
    assert json.loads(text) == {"value": hostile}


def test_a_hundred_thousand_operations_stay_small():
    """Under 40 bytes an operation, texts included when they repeat."""
    operations = [
        Operation(
            i, f"c{i % 5}.1", "read", f"k{i % 5}", type="ok", result=i % 100, invoked_s=i * 0.01, completed_s=i * 0.01 + 0.005
        )
        for i in range(100_000)
    ]
    text = script_json(data_of({"clients": ["c0", "c1", "c2", "c3", "c4"]}, History(operations), trace_window({}, None, [])))
    assert len(text) < 40 * 100_000

import pytest
from hypothesis import given
from hypothesis import strategies as st

from windtunnel.histories import MalformedHistory, read_history
from windtunnel.histories.reading import detect


def read(tmp_path, text, form="auto"):
    path = tmp_path / "h.log"
    path.write_text(text)
    return read_history(path, form)


def read_or_line(path, form):
    """The history and 1, or nothing and the line of the error."""
    try:
        return read_history(path, form), 1
    except MalformedHistory as error:
        return [], error.line


def test_calls_and_returns_become_operations(tmp_path):
    """Names follow the object that the log declares; `empty` and an empty return are no value."""
    text = "# @object queue\n[1] call add(7)\n  [2] call remove\n[1] return\n[2] return 7\n[3] call remove\n[3] return empty\n"
    history = read(tmp_path, text)
    rows = [(op.process, op.f, op.value, op.type, op.result, op.line, op.completed_line) for op in history]
    assert rows == [
        (1, "enqueue", 7, "ok", None, 2, 4),
        (2, "dequeue", None, "ok", 7, 3, 5),
        (3, "dequeue", None, "ok", None, 6, 7),
    ]


@pytest.mark.parametrize(
    ("declared", "f"),
    [("stack", "push"), ("atomic-stack", "push"), ("queue", "enqueue"), ("priority-queue", "insert"), ("set", "add")],
)
def test_each_object_has_its_words(tmp_path, declared, f):
    """`add` means what the declared object calls it."""
    assert read(tmp_path, f"# @object {declared}\n[a] call add(x)\n[a] return\n").operations[0].f == f


def test_an_operation_called_again_before_it_returned_never_returns(tmp_path):
    """LiMo reuses numbers: the first call stays without an answer, under its own process."""
    history = read(tmp_path, "# @object stack\n[1] call push a\n[1] call pop\n[1] return a\n")
    assert [(op.process, op.type) for op in history] == [(1, "info"), ("1.1", "ok")]


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("[1] return 3\n", 1, "a call of operation 1 before its return"),
        ("[1] call push(1)\n\n[1] calls pop\n", 3, "call METHOD"),
        ("# @object queue\n[1] call add(1\n", 2, "call METHOD"),
    ],
)
def test_damage_has_its_line(tmp_path, text, line, words):
    """What is no call and no return is named with the line."""
    with pytest.raises(MalformedHistory, match=words) as caught:
        read(tmp_path, text, "call-log")
    assert caught.value.line == line


def test_the_format_is_recognised(tmp_path):
    """By its first line that is no comment; its names in the literature are known."""
    path = tmp_path / "h"
    path.write_text("# from Figure 11\n# @object stack\n\n   [2] call pop\n")
    assert detect(path) == "call-log"
    assert len(read_history(path, "violin")) == len(read_history(path, "limo")) == 1


@given(
    st.lists(
        st.sampled_from(["[1]", "[2]", "call", "return", "push(1)", "pop", "empty", "#", "@object", "stack", "\n", "(", "x"]),
        max_size=30,
    )
)
def test_no_text_breaks_the_reader(tmp_path_factory, words):
    """Whatever stands in the file is a history, or an error with a line."""
    path = tmp_path_factory.mktemp("log") / "h"
    path.write_text(" ".join(words))
    history, line = read_or_line(path, "call-log")
    assert 1 <= line <= 1 + " ".join(words).count("\n")
    assert all(op.completed is None or op.completed > op.invoked for op in history)


# --- Jepsen histories as JSON ---

ROWS = """[{"index": 0, "type": "invoke", "process": 1, "f": "cas", "value": [1, 2], "time": 1000},
 {"index": 1, "type": "fail", "process": 1, "f": "cas", "value": [1, 2], "error": "compare-failed"},
 {"index": 2, "type": "info", "process": "nemesis", "f": "partition", "value": null},
 {"index": 3, "type": "invoke", "process": 2, "f": "read", "value": null},
 {"index": 4, "type": "ok", "process": 2, "f": ":read", "value": 5}]"""


def test_json_arrays_are_read_like_edn(tmp_path):
    """The same rows, the same meaning, and each with its line."""
    history = read(tmp_path, ROWS)
    assert [(op.f, op.type, op.result, op.line, op.completed_line) for op in history] == [
        ("cas", "ok", False, 1, 2),
        ("read", "ok", 5, 4, 5),
    ]


DAMAGED = [('"type": "ok"', 5, ":type to be one of"), ('"process": 2', 4, "a map with :process")]


@pytest.mark.parametrize(("damage", "line", "words"), DAMAGED)
def test_json_rows_are_located(tmp_path, damage, line, words):
    """A row without what it needs is named with its line."""
    with pytest.raises(MalformedHistory, match=words) as caught:
        read(tmp_path, ROWS.replace(damage, '"x": 1' if "process" in damage else '"type": "maybe"'))
    assert caught.value.line == line


@given(st.text(alphabet='[]{}":,0123 invoketypr\n', max_size=60))
def test_no_json_breaks_the_reader(tmp_path_factory, text):
    """Whatever stands in the file is a history, or a located error."""
    path = tmp_path_factory.mktemp("json") / "h"
    path.write_text(text)
    assert read_or_line(path, "json")[1] >= 1

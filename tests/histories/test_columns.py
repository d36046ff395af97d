import numpy as np
import pytest

from windtunnel.base.errors import UsageError
from windtunnel.histories import (
    MalformedHistory,
    Operation,
    history_of,
    read_columns,
    read_history,
    write_edn,
    write_jsonl,
)
from windtunnel.histories.columns import FAIL, INFO, OK, Columns, columns_of_pure

compiled = pytest.importorskip("windtunnel.histories._columns")


def columns_compiled(operations):
    """The columns as C makes them, whatever this process has chosen."""
    return Columns(*compiled.ingested(operations), operations)


PASSES = [columns_of_pure, columns_compiled]
DRAWING = """
A (write x 1)        (cas x 1 2)  (read y -> null)
B      (read x -> 1)    (cas x [1] {"a":2} -> false)
C  (write y 1>  (write x true!
"""


@pytest.mark.parametrize("made", PASSES)
def test_columns_say_what_the_operations_say(made):
    """Every field of every operation can be had back from the columns."""
    history = history_of(DRAWING)
    columns = made(history.operations)
    assert len(columns) == len(history)
    for number, op in enumerate(history):
        assert columns.processes[columns.process[number]] == op.process
        assert columns.functions[columns.f[number]] == op.f
        assert columns.keys[columns.key[number]] == op.key
        assert columns.values[columns.value[number]] == op.value
        assert columns.values[columns.result[number]] == (op.result if op.type == "ok" else None)
        assert columns.type[number] == {"ok": OK, "fail": FAIL, "info": INFO}[op.type]
        assert columns.invoked[number] == op.invoked
        assert columns.completed[number] == (-1 if op.completed is None else op.completed)


VALUES = [0, 1, True, False, None, "", "a", 1.5, [1], [1, 2], (1, 2), [True, 2], [[1], 2], {"a": [1]}, 2**70, -1]


def test_both_passes_are_equal():
    """Arrays, tables and numbers are the same, whatever the values, from C and from Python."""
    rows = [
        Operation(
            at, "p" if at % 3 else at, f"f{at % 4}", VALUES[at % 7], value, ("ok", "info", "fail")[at % 3], value, invoked=at
        )
        for at, value in enumerate(VALUES * 3)
    ]
    one, other = (made(rows) for made in PASSES)
    for name in Columns.__slots__:
        assert getattr(one, name) == getattr(other, name), name


@pytest.mark.parametrize("made", PASSES)
def test_equal_numbers_mean_equal_json(made):
    """True is not 1, a pair is a pair whether list or tuple, and new values get new numbers."""
    columns = made([Operation(at, 0, "write", None, value) for at, value in enumerate([1, True, [1, 2], (1, 2)])])
    assert columns.value[0] != columns.value[1]
    assert columns.value[2] == columns.value[3]
    assert columns.number_of([1, 2]) == columns.value[2]
    assert columns.values[columns.number_of("new")] == "new"


@pytest.mark.parametrize("made", PASSES)
def test_what_is_no_operation_is_refused(made):
    """An unknown type, and positions that no event has, are errors and not silence."""
    with pytest.raises(UsageError, match="ok, fail or info"):
        made([Operation(0, 0, "read", type="maybe")])
    with pytest.raises(OverflowError):
        made([Operation(0, 0, "read", invoked=2**31)])


def test_a_column_becomes_a_numpy_array_without_a_copy():
    """A view shares its memory with the column."""
    columns = columns_of_pure(history_of(DRAWING).operations)
    view = columns.view("invoked")
    assert view.dtype == np.int32
    columns.invoked[0] = 77
    assert view[0] == 77


# --- Read from files ---


@pytest.mark.parametrize("name", ["jsonl", "edn"])
def test_a_file_is_read_into_the_same_columns(tmp_path, name):
    """`read_columns` gives what `columns_of` makes of `read_history`, and operations that say the same when asked."""
    path = tmp_path / "history"
    {"jsonl": write_jsonl, "edn": write_edn}[name](history_of(DRAWING), path)
    history, columns = read_history(path), read_columns(path)
    expected = columns_of_pure(history.operations)
    for field in (
        "process",
        "f",
        "key",
        "value",
        "result",
        "type",
        "invoked",
        "completed",
        "processes",
        "functions",
        "keys",
        "values",
    ):
        assert getattr(columns, field) == getattr(expected, field), field
    for mine, theirs in zip(columns.operations, history.operations, strict=True):
        mine.error = theirs.error  # not kept in columns
        assert mine == theirs
    assert columns.operations[1] is columns.operations[1]
    assert columns.operations[:2] == history.operations[:2]
    assert columns.counts() == history.counts()


DAMAGED = [
    '{"process":1,"type":"invoke","f":"read"}\n{"process":1,"type":"invoke","f":"read"}',
    '{"process":1,"type":"ok","f":"read","value":1}',
    '{"process":1,"type":"invoke","f":"read"}\n{"process":1,"type":"ok","f":"write","value":1}',
    '{"process":1,"type":"invoke","f":"read"}\n{"process":1,"type":"ok","f":"read"}\n{"process":1,"type":"ok","f":"read"}',
    '{"process":1,"type":"invoke","f":"read","time":2}\n{"process":1,"type":"ok","f":"read","time":1}',
    '{"process":1,"type":"invoke"}',
]


@pytest.mark.parametrize("text", DAMAGED)
def test_columns_are_refused_for_the_same_reasons(tmp_path, text):
    """Two open operations, a completion without an invocation, of another name, twice, times running back: the same words."""
    path = tmp_path / "history.jsonl"
    path.write_text(text)
    with pytest.raises(MalformedHistory) as one:
        read_history(path)
    with pytest.raises(MalformedHistory) as other:
        read_columns(path)
    assert str(one.value) == str(other.value)


def test_formats_of_columns_are_named(tmp_path):
    """An unknown format is answered with those that there are; an empty file is none."""
    path = tmp_path / "h"
    path.write_text("; nothing\n")
    with pytest.raises(UsageError, match="unknown history format 'paper'"):
        read_columns(path, "paper")
    with pytest.raises(MalformedHistory):
        read_columns(path, "edn")

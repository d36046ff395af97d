import pytest
from hypothesis import given
from hypothesis import strategies as st

from windtunnel.base.errors import UsageError
from windtunnel.histories import draw, history_of


def test_columns_are_time():
    """Events are ordered by column; in one column an invocation comes before a completion."""
    history = history_of(
        """
        A  (w 1)  (r 2)
        B      (w 2)
        """
    )
    assert [(op.process, op.invoked, op.completed) for op in history] == [("A", 0, 2), ("B", 1, 4), ("A", 3, 5)]


def test_marks_are_outcomes():
    """`)` is ok, `>` is info, `!` is fail."""
    history = history_of("1 (w 1) (w 2> \n2 (w 3!")
    assert sorted((op.value, op.type, op.process) for op in history) == [(1, "ok", 1), (2, "info", 1), (3, "fail", 2)]


@pytest.mark.parametrize(
    ("text", "f", "key", "value", "result"),
    [
        ("(r 1)", "read", None, None, 1),
        ("(r nil)", "read", None, None, None),
        ("(read x -> [1, 2])", "read", "x", None, [1, 2]),
        ("(r x 3)", "read", "x", None, 3),
        ("(x:w a)", "write", "x", "a", None),
        ('(append x "a b")', "append", "x", "a b", None),
        ("(cas 1 2)", "cas", None, (1, 2), True),
        ("(cas k 1 2 -> false)", "cas", "k", (1, 2), False),
        ("(txn yes -> committed)", "txn", None, "yes", "committed"),
        ('(order {"order": 1} -> cancelled)', "order", None, {"order": 1}, "cancelled"),
        ('(balances -> {"a": 5})', "balances", None, None, {"a": 5}),
        ("(w -3)", "write", None, -3, None),
    ],
)
def test_operations_are_understood(text, f, key, value, result):
    """Short forms and long forms mean what the module says."""
    (operation,) = history_of(f"A {text}").operations
    assert (operation.f, operation.key, operation.value, operation.result) == (f, key, value, result)


@pytest.mark.parametrize("drawing", ["A (w)", "A w 1", "A (w 1 2 3)", "A ()", "A (r 1) junk (r 2)"])
def test_what_is_no_drawing_is_refused(drawing):
    """A mistake in a drawing is named with its line."""
    with pytest.raises(UsageError, match="line 1"):
        history_of(drawing)


OPERATIONS = [
    "w 1",
    "r 1",
    "w x 2",
    "x:r nil",
    "cas 1 2",
    "cas y 1 2 -> false",
    'append x "a b"',
    "broadcast 3",
    "read -> [1, 2]",
]


@given(
    st.lists(
        st.tuples(st.sampled_from("ABC"), st.sampled_from(OPERATIONS), st.sampled_from(")>!"), st.integers(0, 4)), max_size=8
    )
)
def test_drawing_and_reading_agree(drawn):
    """What is drawn and read again has the same operations in the same order of events."""
    lines = {"A": "A ", "B": "B ", "C": "C "}
    for process, text, mark, gap in drawn:
        shown = "r nil -> 1" if mark != ")" and text.startswith("read") else text
        shown = shown.replace(" -> [1, 2]", "").replace("r nil -> 1", "read")
        lines[process] += " " * gap + f"({shown}{mark}"
    history = history_of("\n".join(lines.values()))
    again = history_of("\n".join(draw(history)))

    def events(of):
        return [(kind, op.process, op.f, op.key, op.value, op.result, op.type) for kind, op in of.events() if kind != "info"]

    assert events(again) == events(history)


def test_a_drawing_that_is_too_wide_is_not_made():
    """Beyond the width there is no drawing, rather than a broken one; long values lose their middle first."""
    history = history_of("A (w x 1)")
    history.operations[0].value = "v" * 500
    (line,) = draw(history, 60)
    assert len(line) <= 60
    assert "…" in line
    assert draw(history, 10) == []

import numpy as np
import pytest

from windtunnel.histories import History, Operation
from windtunnel.histories.transactions import ingest, pure_ingest, transactions_of
from windtunnel.histories.transactions.columns import NEVER, NIL, worded


def history(*rows):
    """Operations of (process, type, micros), one after the other."""
    found = []
    for number, (process, kind, micros) in enumerate(rows):
        answer = micros if kind == "ok" else None
        asked = [[micro[0], micro[1], None if micro[0] == "r" else micro[2]] for micro in micros]
        operation = Operation(number, process, "txn", None, asked, kind, answer, invoked=2 * number)
        operation.completed = 2 * number + 1
        found.append(operation)
    return History(found)


MIXED = history(
    ("a", "ok", [["append", "x", 1], ["r", ("k", 2), [3, 4]]]),
    (2, "info", [["append", 7, 5], ["r", 7, None]]),
    ("a", "fail", [["append", "x", 6]]),
    (2, "ok", [["r", "x", None], ("r", 7, ())]),
    (3, "ok", []),
)
REGISTERS = history(
    (1, "ok", [["w", "x", "one"], ["r", "y", True]]), (2, "ok", [["r", "x", "one"], ["write", "y", 1], ["read", "z", None]])
)


@pytest.mark.parametrize("given", [MIXED, REGISTERS], ids=["lists", "registers"])
def test_both_twins_make_the_same_columns(given, monkeypatch):
    """What is compiled gives what plain Python gives."""
    one = transactions_of(given)
    monkeypatch.setattr(ingest, "fill", pure_ingest.fill)
    monkeypatch.setattr(ingest, "heads", pure_ingest.heads)
    two = transactions_of(given)
    for name in one.__slots__:
        a, b = getattr(one, name), getattr(two, name)
        assert np.array_equal(a, b) if isinstance(a, np.ndarray) else a == b, name


@pytest.mark.parametrize(
    "micros", [5, [["append", "x"]], [["frob", "x", 1]], [5], [["append", "x", None]], [[1, 2, 3]], [["w", "x", None]]]
)
def test_both_twins_refuse_the_same(micros):
    """What is no micro-operation is refused in the same words."""
    operation = Operation(0, 1, "txn", None, micros, "ok", micros)
    said = []
    for fill in (ingest.fill, pure_ingest.fill):
        with pytest.raises(pure_ingest.BadMicroOperation) as caught:
            fill([operation], {}, None, ingest.canonical)
        said.append(caught.value.args)
    assert said[0] == said[1]


def test_columns_of_lists():
    """Numbers of transactions, sessions, keys and elements, as the docstring says."""
    found = transactions_of(MIXED)
    assert found.interface == "list-append"
    assert found.counts() == {"total": 5, "ok": 3, "fail": 1, "info": 1}
    assert found.functions() == ["txn"]
    assert found.session.tolist() == [0, 1, 0, 1, 2]
    assert found.completed.tolist() == [1, NEVER, NEVER, 7, 9]
    assert found.starts.tolist() == [0, 2, 4, 5, 7, 7]
    assert found.kind.tolist() == [1, 0, 1, 2, 1, 0, 0]
    assert found.elements.tolist() == [3, 4]
    assert found.describe(0) == 'append x 1, r ["k", 2] [3 4]'
    assert found.describe(1) == "append 7 5, r 7 ..."
    assert found.describe(4) == "nothing"
    assert found.where(2) == "transaction 2"
    assert found.session_name(0) == "a"
    assert found.nbytes() > 0


def test_columns_of_registers():
    """Values that are no integers are numbered; true is not 1."""
    found = transactions_of(REGISTERS)
    assert found.interface == "rw-register"
    assert found.values == ["one", True, 1]
    assert found.value.tolist() == [0, 1, 0, 2, NIL]
    assert found.describe(1) == "r x one, w y 1, r z nil"


def test_long_lists_are_shortened():
    """The middle of a long list is left out."""
    assert worded(list(range(20))) == "[0 1 2 3 … 14 15 16 17 18 19]"

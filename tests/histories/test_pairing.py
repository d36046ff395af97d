import pytest

from windtunnel.histories.malformed import MalformedHistory
from windtunnel.histories.pairing import Pairing


def test_pairs_by_process():
    """An invocation and the next completion of its process are one operation; positions count both kinds of events."""
    pairing = Pairing("h")
    pairing.invoke(1, 0, "write", "x", 1, 0.5)
    pairing.invoke(2, 1, "read", "x", None, 0.6)
    pairing.complete(3, "ok", 1, "read", 1, None, 0.7)
    pairing.complete(4, "info", 0, "write", 9, "timeout", 0.8)
    first, second = pairing.history().operations
    assert (first.type, first.result, first.error, first.invoked, first.completed) == ("info", None, "timeout", 0, 3)
    assert (second.type, second.result, second.invoked, second.completed) == ("ok", 1, 1, 2)


def test_a_process_may_go_on_after_an_indefinite_end():
    """Some recorders reuse the number of a process that gave up."""
    pairing = Pairing("h")
    pairing.invoke(1, 0, "write", None, 1, None)
    pairing.complete(2, "info", 0, "write", None, "timeout", None)
    pairing.invoke(3, 0, "read", None, None, None)
    assert [op.type for op in pairing.history()] == ["info", "info"]


def test_an_operation_does_not_end_before_it_begins():
    """A completion earlier than its invocation is refused, with both places."""
    pairing = Pairing("h")
    pairing.invoke(1, 0, "read", None, None, 2.0)
    with pytest.raises(MalformedHistory, match=r"h:2: expected a time of at least 2 s, when line 1 invoked"):
        pairing.complete(2, "ok", 0, "read", 1, None, 1.0)

from itertools import count

import pytest

from windtunnel.base.interface import Op
from windtunnel.histories import Recorder


def clock():
    """A clock that is one second later at every look."""
    return map(float, count(1)).__next__


def test_records_order_times_and_outcomes():
    """Every event has the position and the time of the call that reported it; what stays open is indefinite."""
    recorder = Recorder(clock())
    write = recorder.invoke(0, Op("write", "x", 1))
    read = recorder.invoke(1, Op("read", "x"))
    recorder.ok(write, None)
    lost = recorder.invoke(0, Op("cas", "x", (1, 2)))
    recorder.ok(read, 1)
    recorder.info(lost, "timed out")
    refused = recorder.invoke(2, Op("append", "x", "a"))
    recorder.fail(refused, "not a text")
    recorder.invoke(1, Op("read", "x"))

    operations = recorder.history().operations
    assert [(op.index, op.process, op.f, op.key, op.value) for op in operations] == [
        (0, 0, "write", "x", 1),
        (1, 1, "read", "x", None),
        (2, 0, "cas", "x", (1, 2)),
        (3, 2, "append", "x", "a"),
        (4, 1, "read", "x", None),
    ]
    assert [(op.type, op.result, op.error) for op in operations] == [
        ("ok", None, None),
        ("ok", 1, None),
        ("info", None, "timed out"),
        ("fail", None, "not a text"),
        ("info", None, None),
    ]
    assert [(op.invoked, op.completed) for op in operations] == [(0, 2), (1, 4), (3, 5), (6, 7), (8, None)]
    assert [(op.invoked_s, op.completed_s) for op in operations] == [(1.0, 3.0), (2.0, 5.0), (4.0, 6.0), (7.0, 8.0), (9.0, None)]


def test_history_is_a_snapshot():
    """Operations that begin after `history()` was called are not in it."""
    recorder = Recorder(clock())
    recorder.invoke(0, Op("read"))
    history = recorder.history()
    recorder.invoke(1, Op("read"))
    assert len(history) == 1


def test_an_operation_completes_once():
    """A second completion is a bug of the caller and stops the run."""
    recorder = Recorder(clock())
    token = recorder.invoke(0, Op("read"))
    recorder.ok(token, 1)
    with pytest.raises(AssertionError, match="completes twice"):
        recorder.info(token, "late")

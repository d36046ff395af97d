from windtunnel.histories import History, Operation, history_of


def test_counts_by_outcome():
    """`counts` has the total and each outcome, also those that did not occur."""
    history = history_of("A (w 1) (w 2> \nB (r 1)")
    assert history.counts() == {"total": 3, "ok": 2, "fail": 0, "info": 1}


def test_events_are_in_order_of_position():
    """Each operation is invoked once and completed at most once, in the order of the positions."""
    history = history_of("A (w 1     )  (w 3>\nB    (r 1)")
    assert [(kind, op.describe()) for kind, op in history.events()] == [
        ("invoke", "write 1"),
        ("invoke", "read -> 1"),
        ("ok", "read -> 1"),
        ("ok", "write 1"),
        ("invoke", "write 3 (no answer)"),
        ("info", "write 3 (no answer)"),
    ]


def test_descriptions_are_short_and_plain():
    """An operation in words names what was asked and answered, and leaves the middle of a long value out."""
    assert Operation(0, 1, "cas", "x", (1, None), "ok", False).describe() == "cas x [1, null] -> false"
    assert Operation(0, 1, "read", None, None, "ok", None).describe() == "read -> null"
    assert Operation(0, 1, "append", "x", "a b", "fail").describe() == 'append x "a b" (failed)'
    assert len(Operation(0, 1, "write", "x", "long " * 100, "ok").describe()) < 80
    assert Operation(0, 1, "write", "x", {1, 2}, "ok").describe() == "write x {1, 2}"  # no JSON, still shown


def test_places_are_lines_or_times():
    """An operation of a file is found by its line, one of a run by its number and time."""
    assert Operation(3, 1, "read", line=7, completed_line=9).where() == "line 9"
    assert Operation(3, 1, "read", line=7).where() == "line 7"
    assert Operation(3, 1, "read", invoked_s=1.25).where() == "operation 3 at 1.250 s"


def test_functions_are_sorted_names():
    """`functions` lists what the history holds, once each."""
    assert History(history_of("A (w 1) (r 1) (r 1)").operations).functions() == ["read", "write"]

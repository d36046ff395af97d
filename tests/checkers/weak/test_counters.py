import os
from itertools import combinations
from pathlib import Path

import pytest

from windtunnel.base.errors import UsageError
from windtunnel.base.streams import Stream
from windtunnel.checkers import check
from windtunnel.histories import History, Operation, history_of, read_history

DATA = Path(__file__).parents[2] / "data" / "histories" / "elle-cli" / "jepsen"

CASES = int(os.environ.get("WINDTUNNEL_CASES", "20000"))


def verdict(drawing, model="pn-counter", level=None):
    return check(history_of(drawing), model, level=level)


@pytest.mark.parametrize(
    ("drawing", "kind"),
    [
        ("A (add 3) (read -> 0)", "missing"),
        ("A (add 3) (read -> 4)", "surplus"),
        ("A (read -> 3) (add 3)", "surplus"),
        ("A (add 3) (add -1) (read -> 3)", "surplus"),
        ("A (add 3) (add -1) (read -> 1)", "missing"),
        ("A (add 3     )\nB   (read -> 2)", "no-sum"),
        ("A (add 3!\nB            (read -> 3)", "surplus"),
        ("A (add 3>\nB            (read -> 2)", "no-sum"),
        ("A (add 3) (read -> 3) (read -> 0)", "missing"),
        ("A (increment 1) (decrement 2) (read -> 1)", "surplus"),
    ],
)
def test_known_bad_counters(drawing, kind):
    """Each read is out of its bounds, or no sum of what may have been added."""
    found = verdict(drawing)
    assert found.valid is False
    assert found.why.startswith(f"{kind}: ")
    assert found.evidence.property == "counter bounds"


@pytest.mark.parametrize(
    "drawing",
    [
        "A (add 3) (read -> 3)",
        "A (add 3     )\nB   (read -> 3) (read -> 3)",
        "A (add 3>\nB            (read -> 0) (read -> 3)",
        "A (add 3     ) (add -2)\nB   (read -> 0)          (read -> 1)",
    ],
)
def test_known_good_counters(drawing):
    """What was under way may count or not."""
    assert verdict(drawing).valid


def test_the_missing_addition_is_named():
    """The shortfall is what one acknowledged addition added."""
    found = verdict("A (add 1) (add 3) (read -> 1)")
    assert "is 3 too low: the counter held 4 then" in found.why
    assert "It lacks add 3 by process A" in found.explanation


def test_replicas_may_lag_at_the_eventual_level():
    """Reads may lack additions until none is under way; then the last read of each process may not."""
    drawing = "A (add 3)\nB            (read -> 0) (read -> 3)"
    assert verdict(drawing).valid is False
    assert verdict(drawing, level="eventual").valid
    assert verdict("A (add 3)\nB            (read -> 3) (read -> 0)", level="eventual").valid is False
    assert verdict("A (add 3) (read -> 5) (read -> 3)", level="eventual").valid is False
    with pytest.raises(UsageError, match="unknown level 'strong'"):
        verdict(drawing, level="strong")


def test_a_growing_counter_takes_no_decrement():
    """Nor negative amounts, nor anything that is no number."""
    with pytest.raises(UsageError, match="additions of at least 0"):
        verdict("A (add -1) (read -> -1)", "g-counter")
    with pytest.raises(UsageError, match="has no operation 'decrement'"):
        verdict("A (decrement 1)", "g-counter")
    with pytest.raises(UsageError, match="add of a whole number, got soon"):
        verdict("A (add soon)", "g-counter")
    assert verdict("A (add 2) (read -> 2)", "g-counter").valid


def test_a_counter_nobody_read():
    """No read is out of its bounds, as Jepsen has it: its published history has additions only. Without answers it is unknown."""
    assert verdict("A (add 1)").valid
    assert verdict("A (add 1>").unknown
    assert check(read_history(DATA / "counter.edn"), "g-counter").valid


def random_counter(seed):
    """Random operations of overlapping clients; reads are near the truth."""
    stream = Stream(seed, "counter")
    operations, working, total = [], {}, 0
    for position in range(12 + stream.below(8)):
        process = stream.below(3)
        if process in working:
            op = working.pop(process)
            op.completed = position
            op.type = stream.choice(("ok",) * 6 + ("info", "fail")) if op.f == "add" else "ok"
            if op.f == "read":
                op.result = total + stream.choice((0, 0, 0, 0, 1, -1, 2, -2))
        else:
            f = stream.choice(("add", "read"))
            op = Operation(len(operations), process, f, None, stream.choice((1, 2, 4, -1, -3)) if f == "add" else None)
            total += op.value or 0
            op.invoked = position
            operations.append(op)
            working[process] = op
    return History(operations, timed=False)


def by_definition(history):
    """Every read is the certain sum and some subset of the doubtful additions."""
    for read in history:
        if read.f != "read" or read.type != "ok":
            continue
        adds = [op for op in history if op.f == "add" and op.type != "fail" and op.invoked < read.completed]
        certain = [op for op in adds if op.type == "ok" and op.completed < read.invoked]
        doubtful = [op.value for op in adds if op not in certain]
        sums = {sum(some) for size in range(len(doubtful) + 1) for some in combinations(doubtful, size)}
        if read.result - sum(op.value for op in certain) not in sums:
            return False
    return True


def differ(seeds):
    for seed in seeds:
        history = random_counter(seed)
        if any(op.f == "read" and op.type == "ok" for op in history):
            assert check(history, "pn-counter").valid is by_definition(history), seed


def test_random_counters_against_the_definition():
    """A thousand small histories."""
    differ(range(1000))


@pytest.mark.campaign
def test_many_random_counters_against_the_definition():
    """Tens of thousands."""
    differ(range(10_000, 10_000 + CASES))


def test_linearizable_counters_are_within_bounds():
    """The stronger model implies this one."""
    for seed in range(200):
        history = random_counter(seed)
        if check(history, "counter").valid and any(op.f == "read" and op.type == "ok" for op in history):
            assert check(history, "pn-counter").valid, seed

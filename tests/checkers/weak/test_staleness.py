import pytest
import weak_oracles

from windtunnel.base.errors import UsageError
from windtunnel.checkers import check
from windtunnel.histories import History, history_of


def verdict(drawing, level=None):
    return check(history_of(drawing), "staleness", level=level)


DRAWING = """
A (w x 1) (w x 2) (w x 3)
B                         (r x 1) (r x 3) (r x 2)
"""


def test_how_stale_is_told():
    """Versions and seconds behind, as a distribution; without bounds nothing is wrong with that."""
    found = verdict(DRAWING)
    assert found.valid
    assert found.stats["stale"] == 2
    assert found.stats["versions_behind"] == {"p50": 1, "p90": 2, "p99": 2, "p99.9": 2, "max": 2}
    assert found.stats["seconds_behind"]["max"] == 18.0


def test_bounds_in_versions():
    """The worst read is named with the newest write that it missed."""
    assert verdict(DRAWING, "k=2").valid
    found = verdict(DRAWING, "k=1")
    assert found.valid is False
    assert found.why.startswith("stale: read x -> 1 by process B")
    assert "is 2 versions and 10.000 s behind write x 3 by process A" in found.why
    assert "versions behind: p50 1" in found.explanation


def test_bounds_in_seconds_and_share():
    """A share of the reads may exceed the bounds."""
    assert verdict(DRAWING, "t=18").valid
    assert verdict(DRAWING, "t=15s").valid is False
    assert verdict(DRAWING, "k=0,p=0.3").valid
    assert verdict(DRAWING, "k=0,p=0.5").valid is False


def test_overlapping_writes_are_in_any_order():
    """What may be concurrent is never held against a read."""
    assert verdict("A (w x 1     )\nB   (w x 2 )    (r x 1) (r x 2)", "k=0").valid
    assert verdict("A (w x 1>\nB   (w x 2)    (r x 1)", "k=0").valid


def test_the_initial_value_is_oldest():
    """Null is behind all writes that were answered."""
    assert verdict("A (w x 1) (w x 2) (r x nil)", "k=1").valid is False
    assert verdict("A (w x 1    )\nB   (r x nil)", "k=0").valid


def test_values_from_nowhere():
    """What nobody wrote, or wrote only later, is no stale value."""
    assert verdict("A (r x 7)").why.startswith("phantom: ")
    assert verdict("A (r x 7) (w x 7)").why.startswith("phantom: ")
    assert verdict("A (w x 1) (w x 1) (r x 1)").unknown
    assert verdict("A (w x 1)").unknown


def test_seconds_need_times():
    """A history without times has no seconds; versions it has."""
    history = History(history_of(DRAWING).operations, timed=False)
    assert check(history, "staleness", level="t=1").unknown
    assert check(history, "staleness", level="k=1").valid is False


@pytest.mark.parametrize("level", ["k=", "k=-1", "p=2", "q=3", "fresh"])
def test_odd_bounds_are_refused(level):
    """Bounds are k, t and p."""
    with pytest.raises(UsageError, match=r"expected bounds such as k=2,t=0.5,p=0.99"):
        verdict(DRAWING, level)


def test_versions_behind_against_counting():
    """For every read: the writes that lie wholly between its source and itself."""
    for seed in range(300):
        history = weak_oracles.any_registers(seed, operations=14)
        writes = {(op.key, op.value): op for op in history if op.f == "write"}
        worst = 0
        for read in history:
            if read.f != "read":
                continue
            source = writes.get((read.key, read.result))
            if source is not None and source.invoked > read.completed:
                worst = None
                break
            since = -1 if source is None else source.completed
            between = [w for w in writes.values() if w.key == read.key and w.invoked > since and w.completed < read.invoked]
            worst = max(worst, len(between))
        found = check(history, "staleness", level="k=9")
        if worst is None:
            assert found.valid is False
        elif found.valid:
            assert found.stats["versions_behind"]["max"] == worst


def test_what_is_linearizable_is_fresh():
    """No read of a linearizable history is behind."""
    for seed in range(300):
        history = weak_oracles.any_registers(seed, operations=10)
        if check(history, "register").valid and any(op.f == "read" for op in history):
            assert check(history, "staleness", level="k=0").valid, seed

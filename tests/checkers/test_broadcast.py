import pytest

from windtunnel.base.errors import UsageError
from windtunnel.checkers import check
from windtunnel.histories import History, Operation, history_of


def verdict(drawing):
    return check(history_of(drawing), "broadcast")


def kinds(found):
    return {kind: found.stats[kind] for kind in ("lost", "phantom", "duplicate") if kind in found.stats}


# --- Known anomalies, one each ---


def test_lost():
    """An acknowledged value that a later read lacks, and no read after it has, is lost."""
    found = verdict("A (broadcast 1) (broadcast 2)\nB                          (read -> [2])")
    assert found.valid is False
    assert kinds(found) == {"lost": 1}
    assert found.why.startswith("lost: 1 was acknowledged")
    assert [op.describe() for op in found.evidence.operations] == ["broadcast 1", "read -> [2]"]
    assert found.evidence.property == "reliable broadcast"


def test_lost_at_one_replica():
    """Of concurrent closing reads each counts: what one of them lacks is lost there."""
    found = verdict(
        """
        A (broadcast 1)
        B                (read -> [1])
        C                 (read -> [])
        """
    )
    assert kinds(found) == {"lost": 1}
    assert found.evidence.stuck.process == "C"


def test_vanished():
    """A value that was read and later never again is lost."""
    assert kinds(verdict("A (broadcast 1) (read -> [1]) (read -> [])")) == {"lost": 1}


def test_phantom():
    """A read may not show what nobody has broadcast."""
    found = verdict("A (broadcast 1)  (read -> [1, 9])")
    assert kinds(found) == {"phantom": 1}
    assert "9, which nobody had broadcast" in found.why


def test_phantom_from_the_future():
    """Nor what is broadcast only after the read has returned."""
    assert kinds(verdict("A (read -> [1])  (broadcast 1) (read -> [1])")) == {"phantom": 1}


def test_phantom_of_a_refused_broadcast():
    """Nor what was certainly refused."""
    assert kinds(verdict("A (broadcast 1! (broadcast 2) (read -> [1, 2])")) == {"phantom": 1}


def test_duplicate():
    """One read shows a value at most as often as it was broadcast."""
    assert kinds(verdict("A (broadcast 1) (read -> [1, 1])")) == {"duplicate": 1}
    assert verdict("A (broadcast 1) (broadcast 1) (read -> [1, 1])").valid is True


# --- What is legal ---


@pytest.mark.parametrize(
    "drawing",
    [
        "A (broadcast 1) (read -> [1])",
        "A (broadcast 1)    (read -> []) (read -> [1])",  # stale, not lost
        "A (broadcast 1       )\nB    (read -> []) (read -> [1])",
        "A (broadcast 1) (broadcast 2> \nB                  (read -> [1, 2])",  # unanswered, yet it happened
        "A (broadcast 1) (broadcast 2> \nB                  (read -> [1])",  # unanswered, and it did not
        'A (add "x") (read -> ["x"])',
        "A (broadcast [1]) (read -> [[1]])",
        "A (broadcast true) (broadcast 1) (read -> [1, true])",
    ],
)
def test_legal(drawing):
    """Early reads, unanswered broadcasts and values of any kind are no anomalies."""
    assert verdict(drawing).valid is True


# --- What cannot be judged ---


@pytest.mark.parametrize(
    ("drawing", "why"),
    [
        ("A (broadcast 1)", "no read began"),
        ("A (read -> []) (broadcast 1)", "no read began"),
        ("A (read -> [])", "nothing was acknowledged"),
        ("A (broadcast 1>", "no operation of the history was answered"),
    ],
)
def test_unknown(drawing, why):
    """Where no read could have shown a loss, nothing is claimed."""
    found = verdict(drawing)
    assert found.valid is None
    assert why in found.why


def test_a_read_must_be_a_list():
    """A read of another shape is wrong usage, with its place."""
    with pytest.raises(UsageError, match="expected a read of a broadcast to return a list, got 5"):
        verdict("A (broadcast 1) (read -> 5)")


def test_many_anomalies_fit_on_a_screen():
    """A storm of anomalies is counted, not printed."""
    rows = [Operation(n, 0, "broadcast", None, n, "ok", None, None, 0.0, 0.0, 2 * n, 2 * n + 1) for n in range(500)]
    rows.append(Operation(500, 1, "read", None, None, "ok", [7000 + n for n in range(500)], None, 0.0, 0.0, 1000, 1001))
    found = check(History(rows), "broadcast")
    assert kinds(found) == {"lost": 500, "phantom": 500}
    assert len(found.lines()) < 20

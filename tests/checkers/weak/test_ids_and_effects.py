import pytest

from windtunnel.base.errors import UsageError
from windtunnel.checkers import check
from windtunnel.histories import history_of


def verdict(drawing, model, level=None):
    return check(history_of(drawing), model, level=level)


# --- Unique ids ---


def test_an_id_given_twice():
    """Both operations are named."""
    found = verdict("A (generate -> 7)\nB (generate -> 7)", "unique-ids")
    assert found.valid is False
    assert found.why.startswith("duplicate: 7 was given to process A")
    assert [op.process for op in found.evidence.operations] == ["A", "B"]
    assert verdict("A (generate -> 7)\nB (generate -> 8)", "unique-ids").stats["range"] == [7, 8]


def test_ids_that_fall():
    """Rising in real time, or in each session; overlapping requests may get any order."""
    drawing = "A (generate -> 7)\nB                     (generate -> 5)"
    assert verdict(drawing, "unique-ids").valid
    assert verdict(drawing, "unique-ids", "session-rising").valid
    assert verdict(drawing, "unique-ids", "rising").why.startswith("falling: generate -> 5 by process B")
    assert verdict("A (generate -> 7) (generate -> 5)", "unique-ids", "session-rising").valid is False
    assert verdict("A (generate -> 7)\nB (generate -> 5)", "unique-ids", "rising").valid


def test_ids_that_cannot_be_compared():
    """Texts and numbers have no common order; an answer without an id is refused; other levels are too."""
    with pytest.raises(UsageError, match="ids that are all numbers, or all texts"):
        verdict("A (generate -> 7) (generate -> x)", "unique-ids", "rising")
    with pytest.raises(UsageError, match="expected an id, got null"):
        verdict("A (generate -> nil)", "unique-ids")
    with pytest.raises(UsageError, match="unknown level"):
        verdict("A (generate -> 1)", "unique-ids", "falling")
    assert verdict("A (generate>", "unique-ids").unknown


# --- Exactly-once ---


@pytest.mark.parametrize(
    ("drawing", "kind"),
    [
        ("A (request 1) (effects -> [])", "lost"),
        ("A (request 1) (effects -> [1, 1])", "repeated"),
        ("A (request 1>\nB (request 1) (effects -> [1, 1])", "repeated"),
        ('A (request a) (effects -> {"a": 2})', "repeated"),
        ("A (effects -> [1])", "phantom"),
        ("A (effects -> [1]) (request 1)", "phantom"),
        ("A (request 1!\nB               (effects -> [1])", "refused"),
        ("A (request 1>\nB               (effects -> [1]) (effects -> [])", "undone"),
    ],
)
def test_known_bad_effects(drawing, kind):
    """Each anomaly by its name."""
    found = verdict(drawing, "exactly-once")
    assert found.valid is False
    assert found.why.startswith(f"{kind}: ")


@pytest.mark.parametrize(
    "drawing",
    [
        "A (request 1) (effects -> [1])",
        "A (request 1>\nB (request 1) (effects -> [1])",
        "A (request 1>\nB               (effects -> []) (effects -> [1])",
        'A (request {"id": 1, "n": 3}) (effects -> [1])',
    ],
)
def test_known_good_effects(drawing):
    """Retries share an id; what was not answered may have happened or happen later."""
    assert verdict(drawing, "exactly-once").valid


def test_effects_nobody_read():
    """Without a read nothing is known; a read is a list or counts."""
    assert verdict("A (request 1)", "exactly-once").unknown
    with pytest.raises(UsageError, match="effects as a list of ids"):
        verdict("A (request 1) (effects -> 5)", "exactly-once")

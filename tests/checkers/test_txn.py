import pytest

from windtunnel.checkers import check
from windtunnel.histories import history_of


@pytest.mark.parametrize(
    ("drawing", "valid"),
    [
        ("A (txn yes -> committed) (txn no -> aborted) (txn yes -> aborted)", True),
        ("A (txn yes -> aborted)\nB (txn yes>", True),
        ("A (txn no -> committed)", False),
        ('A (txn ["yes", "no"] -> committed)', False),
        ("A (txn yes -> maybe)", False),
        ("A (txn yes>", None),
    ],
)
def test_outcomes(drawing, valid):
    """A transaction is committed or aborted, never committed against a no; unanswered ones show nothing."""
    assert check(history_of(drawing), "txn").valid is valid


def test_evidence_names_the_veto():
    """The explanation says whose vote was ignored, and lists the others."""
    found = check(history_of("A (txn no -> committed) (txn no -> committed)"), "txn")
    assert "a participant voted no, and it was committed" in found.why
    assert found.evidence.property == "atomic commitment"
    assert len(found.evidence.operations) == 2

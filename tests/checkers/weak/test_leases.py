import pytest

from windtunnel.base.errors import UsageError
from windtunnel.checkers import check
from windtunnel.histories import History, Operation


def history(*rows):
    """Operations (process, f, value, result, asked, answered) or (..., type), times in seconds."""
    operations, events = [], []
    for process, f, value, result, asked, answered, *kind in rows:
        op = Operation(0, process, f, None, value, kind[0] if kind else "ok", result)
        op.invoked_s, op.completed_s = float(asked), float(answered)
        operations.append(op)
        events += [(asked, 0, op, "invoked"), (answered, 1, op, "completed")]
    for position, (_, _, op, name) in enumerate(sorted(events, key=lambda event: event[:2])):
        setattr(op, name, position)
    operations.sort(key=lambda op: op.invoked)
    for index, op in enumerate(operations):
        op.index = index
    return History(operations)


def verdict(*rows, level=None):
    return check(history(*rows), "lease", level=level)


A10 = ("a", "acquire", {"ttl_s": 10}, 1, 0, 1)
B = ("b", "acquire", {"ttl_s": 10}, 2, 12, 13)

BAD = {
    "duplicate-token": [A10, ("b", "acquire", {"ttl_s": 10}, 1, 12, 13)],
    "falling-token": [("a", "acquire", {"ttl_s": 10}, 5, 0, 1), B],
    "two-holders": [A10, ("b", "acquire", {"ttl_s": 10}, 2, 5, 6)],
    "stale-write": [A10, B, ("b", "write", 2, None, 14, 15), ("a", "write", {"token": 1, "value": 3}, None, 16, 17)],
    "unknown-token": [A10, ("a", "write", 7, None, 2, 3)],
}


@pytest.mark.parametrize("kind", BAD)
def test_known_bad_leases(kind):
    """One history per anomaly: the paused holder's write after its successor's is Kleppmann's example."""
    found = verdict(*BAD[kind])
    assert found.valid is False
    assert found.why.startswith(f"{kind}: ")
    assert found.stats[kind] == 1


@pytest.mark.parametrize(
    "rows",
    [
        [A10, B, ("b", "write", 2, None, 14, 15), ("a", "write", 1, None, 16, 17, "fail")],
        [A10, ("a", "release", 1, None, 2, 3), ("b", "acquire", {"ttl_s": 10}, 2, 4, 5)],
        [A10, ("b", "acquire", {"ttl_s": 10}, 2, 9, 11)],
        [A10, ("a", "release", 1, None, 2, 9, "info"), ("b", "acquire", {"ttl_s": 10}, 2, 4, 5)],
        [("a", "acquire", None, None, 0, 1, "info"), ("a", "write", 1, None, 2, 3)],
        [A10, ("b", "acquire", {"ttl_s": 10}, None, 5, 6, "fail")],
    ],
)
def test_known_good_leases(rows):
    """Stale writes that are refused, releases, ends that may have come, unanswered grants."""
    assert verdict(*rows).valid


def test_renewals_prolong():
    """A renewed lease is in force longer."""
    renewed = ("a", "renew", 1, None, 8, 9)
    assert verdict(A10, B).valid
    assert verdict(A10, renewed, B).why.startswith("two-holders: ")


def test_two_grants_at_once():
    """Two clients that asked at the same time cannot both have it, whoever was first; unless one gave it back in between."""
    a, b = ("a", "acquire", {"ttl_s": 10}, 1, 0, 2), ("b", "acquire", {"ttl_s": 10}, 2, 1, 3)
    assert verdict(a, b).why.startswith("two-holders: ")
    assert verdict(a, b, ("a", "release", 1, None, 2.5, 4)).valid
    assert verdict(("a", "acquire", {"ttl_s": 1}, 1, 0, 2), b).valid
    assert verdict(a, b, ("b", "release", 2, None, 3.5, 4)).valid is False


def test_late_writes_count_at_the_exclusive_level():
    """A holder that was paused writes after its lease: fencing allows it until a larger token is used."""
    late = ("a", "write", 1, None, 14, 15)
    found = verdict(A10, B, late)
    assert found.valid
    assert found.stats["late_writes"] == 1
    strict = verdict(A10, B, late, level="exclusive")
    assert strict.why.startswith("late-write: ")
    assert len(strict.evidence.operations) == 3
    assert verdict(A10, ("a", "write", 1, None, 20, 21), level="exclusive").valid is False
    assert verdict(A10, ("a", "write", 1, None, 5, 6), level="exclusive").valid


def test_odd_leases_are_refused():
    """Tokens are whole numbers, times are numbers, levels exist."""
    with pytest.raises(UsageError, match="a token that is a whole number"):
        verdict(("a", "acquire", None, "x", 0, 1))
    with pytest.raises(UsageError, match="a time to live in seconds"):
        verdict(("a", "acquire", {"ttl_s": "long"}, 1, 0, 1))
    with pytest.raises(UsageError, match="unknown level"):
        verdict(A10, level="strict")
    assert verdict(("a", "acquire", None, None, 0, 1, "info")).unknown

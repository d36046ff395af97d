from pathlib import Path

import pytest

from windtunnel.base.errors import UsageError
from windtunnel.checkers import check
from windtunnel.histories import History, Operation, read_history

DATA = Path(__file__).parents[2] / "data" / "histories" / "elle-cli" / "jepsen"


def operations(*rows):
    """A history of (f, key, value, result, type, asked, answered); transactions follow each other if no times are given."""
    found, events = [], []
    for number, (f, key, value, result, *rest) in enumerate(rows):
        kind = rest[0] if rest else "ok"
        asked, answered = rest[1:] if len(rest) > 1 else (2 * number, 2 * number + 1)
        operation = Operation(number, number, f, key, value, kind, result)
        found.append(operation)
        events += [(asked, operation, "invoked"), (answered, operation, "completed")]
    for position, (_, operation, name) in enumerate(sorted(events, key=lambda event: event[0])):
        setattr(operation, name, position)
    return History(sorted(found, key=lambda operation: operation.invoked), timed=False)


# --- Bank ---


@pytest.mark.parametrize(("file", "valid"), [("bank.edn", True), ("bank-neg.edn", True), ("bank-negative-balances.json", False)])
def test_published_banks(file, valid):
    """The verdicts of elle-cli's tests."""
    assert check(read_history(DATA / file), "bank").valid is valid


def test_a_torn_transfer_is_named():
    """A read that saw half of a transfer: the sum is off, and the transfer of that amount is shown."""
    transfer = {"from": "a", "to": "b", "amount": 3}
    history = operations(
        ("read", None, None, {"a": 5, "b": 5}), ("transfer", None, transfer, None), ("read", None, None, {"a": 2, "b": 5})
    )
    verdict = check(history, "bank")
    assert verdict.valid is False
    assert "the sum 7, not 10" in verdict.why
    assert [op.f for op in verdict.evidence.operations] == ["transfer", "read"]
    assert "by which the sum is off" in verdict.explanation


@pytest.mark.parametrize(
    ("result", "words"), [({"a": -1, "b": 11}, "account a holds -1"), ({"a": 10}, "the accounts b are not in every read")]
)
def test_overdrafts_and_missing_accounts(result, words):
    """No balance is below zero, and every read has the same accounts."""
    verdict = check(operations(("read", None, None, {"a": 5, "b": 5}), ("read", None, None, result)), "bank")
    assert verdict.valid is False
    assert words in verdict.why


def test_a_bank_nobody_looked_at_is_unknown():
    """Without a read nothing is claimed; a read of something else is refused."""
    assert check(operations(("transfer", None, {"from": 1, "to": 2, "amount": 3}, None)), "bank").unknown
    with pytest.raises(UsageError, match="whole balances by account"):
        check(operations(("read", None, None, [1, 2])), "bank")
    with pytest.raises(UsageError, match="a transfer of an amount"):
        check(operations(("transfer", None, 5, None)), "bank")


# --- Long fork ---


def write(key):
    return ("write", None, [["w", key, 1]], [["w", key, 1]])


def read(**values):
    return (
        "read",
        None,
        [["r", key, None] for key in values],
        [["r", key, value] for key, value in values.items()],
    )


def test_a_long_fork_is_found():
    """Two reads that saw two writes in opposite orders cannot be snapshots of one history."""
    verdict = check(operations(write("x"), write("y"), read(x=1, y=None), read(x=None, y=1)), "long-fork")
    assert verdict.valid is False
    assert "saw the write of x and not that of y" in verdict.why
    assert len(verdict.evidence.operations) == 4


def test_reads_that_grow_are_no_fork():
    """Nothing, one, both: a chain, in whatever order the reads came."""
    assert check(operations(write("x"), write("y"), read(x=1, y=1), read(x=None, y=1), read(x=None, y=None)), "long-fork").valid


def test_a_long_fork_needs_single_writes():
    """A key that is written twice is another workload; no group read shows nothing."""
    with pytest.raises(UsageError, match="every key to be written once, got another write of x"):
        check(operations(write("x"), write("x")), "long-fork")
    assert check(operations(write("x")), "long-fork").unknown
    with pytest.raises(UsageError, match=r"a list of \[w k v\]"):
        check(operations(("write", None, 3, None)), "long-fork")


# --- Causal reverse ---


def test_an_effect_without_its_cause_is_found():
    """2 was asked after 1 had been answered, and a read shows 2 alone."""
    history = operations(
        ("write", None, 1, None, "ok", 0, 1), ("write", None, 2, None, "ok", 2, 3), ("read", None, None, [2], "ok", 0, 9)
    )
    verdict = check(history, "causal-reverse")
    assert verdict.valid is False
    assert "saw 2 and not 1" in verdict.why


@pytest.mark.parametrize(
    ("second", "seen", "valid"), [((0, 3), [2], True), ((2, 3), [1], True), ((2, 3), [1, 2], True), ((2, 3), [], True)]
)
def test_concurrent_writes_and_prefixes_are_no_reverse(second, seen, valid):
    """Writes that overlapped may show alone, and so may the earlier of two."""
    history = operations(
        ("write", None, 1, None, "ok", 0, 1), ("write", None, 2, None, "ok", *second), ("read", None, None, seen, "ok", 4, 9)
    )
    assert check(history, "causal-reverse").valid is valid


def test_causal_reverse_against_every_pair():
    """Counting finds what looking at all pairs of writes finds."""
    from windtunnel.base.streams import Stream

    for seed in range(300):
        stream = Stream(seed, "reverse")
        rows = []
        for value in range(1 + stream.below(5)):
            asked = stream.below(20)
            rows.append(("write", None, value, None, stream.choice(("ok", "ok", "info")), asked, asked + 1 + stream.below(9)))
        seen = [row[2] for row in rows if stream.chance(0.6)]
        history = operations(*rows, ("read", None, None, seen, "ok", 30, 31))
        writes = [op for op in history if op.f == "write"]
        reversed_ = any(
            a.type == "ok" and a.completed < b.invoked and b.value in seen and a.value not in seen for a in writes for b in writes
        )
        assert check(history, "causal-reverse").valid is not reversed_, seed


# --- Predicate reads ---


def test_two_inserts_of_one_key_are_a_phantom():
    """Both found nothing: an anti-dependency each way."""
    verdict = check(operations(("insert", 1, [7, None], True), ("insert", 1, [None, 8], True)), "adya-g2")
    assert verdict.valid is False
    assert verdict.evidence.property == "G2"
    assert check(operations(("insert", 1, [7, None], True), ("insert", 1, [None, 8], None, "fail")), "adya-g2").valid is True
    assert check(operations(("insert", 1, [7, None], True), ("insert", 2, [None, 8], True)), "adya-g2").valid is True
    assert check(operations(("insert", 1, [7, None], None, "info")), "adya-g2").unknown

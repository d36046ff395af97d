import pytest
from notation import lists

from windtunnel.base.errors import UsageError
from windtunnel.checkers import MODELS, check, isolation
from windtunnel.histories import History, MalformedHistory
from windtunnel.histories.transactions import transactions_of

# --- One history per anomaly, as the literature draws them ---

ANOMALIES = {
    "G0": "A: ax1 ay1\nB: ax2 ay2\nC: rx12 ry21",
    "G0-process": "A @0-1: ay1\nA @2-9: ax1\nB @0-9: ax2 ay2\nC @0-9: rx12 ry21",
    "G0-realtime": "A @0-1: ax1\nB @2-3: ax2\nC @4-5: rx21",
    "G1a": "A!: ax1\nB: rx1",
    "G1b": "A: ax1 ax2\nB: rx1\nC: rx12",
    "G1c": "A: ax1 ry1\nB: ay1 rx1",
    "G1c-process": "A @0-1: rx1\nA @2-9: ay1\nB @0-9: ax1 ry1",
    "G1c-realtime": "A @0-1: rx1\nB @2-3: ax1",
    "G-single": "A: ax1 ay1\nB: rx ry1",
    "G-single-process": "A @0-1: ax1\nA @2-3: rx\nB @0-9: rx1",
    "G-single-realtime": "A @0-1: ax1\nB @2-3: rx",
    "G-nonadjacent": "A: ax1\nB: ay1\nC: rx1 ry\nD: rx ry1",
    "G-nonadjacent-process": "D @0-9: rx rz1\nA @0-1: ax1\nA @2-3: rz\nB @0-9: az1",
    "G2-item": "A: rx ay1\nB: ry ax1",
    "G2-item-process": "A @0-1: ax1\nA @2-9: ry\nB @0-9: rx ay1",
    "G2-item-realtime": "A @0-9: rx ay1\nB @0-1: ax1\nC @2-3: ry",
    "lost-update": "A: rx ax1\nB: rx ax2\nC: rx12",
    "dirty-update": "A!: ax1\nB: ax2\nC: rx12",
    "internal": "A: rx1 rx12\nB: ax1 ax2",
    "future-read": "A: rx1 ax1",
    "garbage-read": "A: rx7\nB: ax1",
    "duplicate-elements": "A: ax1\nB: rx11",
    "incompatible-order": "A: ax1\nB: ax2\nC: rx12\nD: rx21",
    "reordered-writes": "A: ax1 ax2\nB: rx21",
}


@pytest.mark.parametrize("name", ANOMALIES)
def test_each_anomaly_is_found_and_named(name):
    """The drawing of an anomaly in the literature is found under its name, told in words and drawn."""
    verdict = isolation(lists(ANOMALIES[name], together=True))
    assert verdict.valid is False
    found = {anomaly.name: anomaly for anomaly in verdict.anomalies}
    assert name in found, f"found {sorted(found)}"
    anomaly = found[name]
    assert anomaly.transactions
    assert name in verdict.explanation
    assert "None" not in verdict.explanation
    if name.startswith("G") and name not in ("G1a", "G1b"):
        assert len(anomaly.steps) >= 2
        assert [step.target for step in anomaly.steps] == [*[step.source for step in anomaly.steps][1:], anomaly.steps[0].source]
        assert "<svg" in verdict.to_html()


@pytest.mark.parametrize("suffix", ["process", "realtime"])
def test_an_order_is_only_blamed_where_it_matters(suffix):
    """Without the order of sessions or of time the same histories are serializable."""
    for name, text in ANOMALIES.items():
        if name.endswith(suffix):
            assert isolation(lists(text, together=True), level="serializable").valid is True, name


# --- Verdicts are relative to a level ---


@pytest.mark.parametrize(
    ("text", "valid", "invalid"),
    [
        ("A: rx ay1\nB: ry ax1", ["snapshot-isolation", "strong-snapshot-isolation", "PSI"], ["serializable", "repeatable-read"]),
        ("A: ax1 ay1\nB: rx ry1", ["read-committed", "strong-read-committed"], ["consistent-view", "snapshot-isolation"]),
        ("A: ax1\nB: ay1\nC: rx1 ry\nD: rx ry1", ["parallel-snapshot-isolation", "read-committed"], ["SI", "serializable"]),
        ("A: ax1 ry1\nB: ay1 rx1", ["read-uncommitted"], ["read-committed", "strict-serializable"]),
        ("A: ax1 ay1\nB: ax2 ay2\nC: rx12 ry21", [], ["read-uncommitted", "read-committed"]),
    ],
)
def test_levels(text, valid, invalid):
    """Each level holds or not as the papers say: write skew, read skew, long fork, circular flow, write cycle."""
    history = lists(text, together=True)
    for level in valid:
        assert isolation(history, level=level).valid is True, level
    for level in invalid:
        assert isolation(history, level=level).valid is False, level


def test_a_level_that_cannot_be_proved_is_unknown():
    """Read atomic is not ruled out by a read skew, and its anomalies are not all looked for: the verdict says so."""
    verdict = isolation(lists("A: ax1 ay1\nB: rx ry1", together=True), level="read-atomic")
    assert verdict.unknown
    assert "does not prove it" in verdict.why


def test_strongest_and_weakest_levels_are_named():
    """Write skew: snapshot isolation still holds, repeatable read is the weakest that does not."""
    verdict = isolation(lists("A: rx ay1\nB: ry ax1", together=True))
    assert verdict.holds == ("strong-snapshot-isolation",)
    assert verdict.fails == ("repeatable-read",)
    assert "Still holds: strong-snapshot-isolation." in verdict.lines()[-2]


def test_the_explanation_tells_every_edge():
    """Each step says what was appended and read, and what the order rests on."""
    verdict = isolation(lists("A: ax1 ay1\nB: rx ry1\nC: rx1", together=True), level="snapshot-isolation")
    text = verdict.explanation
    assert "T1 --rw--> T0 --wr--> T1" in text
    assert "T1 read x = []; T0 appended 1 to x: T1 read without it (T2 read x = [1])." in text
    assert "T0 appended 1 to y, T1 read y = [1]." in text


# --- What is valid ---


@pytest.mark.parametrize(
    "text",
    [
        "A: ax1",
        "A: rx",
        "A: ax1 rx1 ax2 rx12",
        "A: ax1\nB: rx1 ax2\nC: rx12",
        "A?: ax1\nB: rx1",
        "A?: ax1\nB: rx",
        "A!: ax1\nB: rx",
        "A: ax1\nB: ax2\nC: rx12",
        "A: rx ax1\nB: ax2",
    ],
)
def test_plain_histories_are_strict_serializable(text):
    """Transactions one after the other, answered or not, break nothing."""
    assert isolation(lists(text)).valid is True


def test_unread_appends_come_after_what_was_read():
    """Two appends that nobody read: whoever read the empty list came before both, in either order of the two."""
    assert isolation(lists("A: ax1\nB: ax2\nC: rx", together=True)).valid is True
    found = isolation(lists("A @0-1: ax1\nB @0-1: ax2\nC @2-3: rx"))
    assert [anomaly.name for anomaly in found.anomalies] == ["G-single-realtime"]


def test_nothing_answered_is_unknown():
    """A history without an answered transaction shows nothing."""
    assert isolation(lists("A?: ax1")).unknown
    assert isolation(History([])).unknown


# --- Wrong input ---


def test_an_element_appended_twice_is_refused():
    """Appending one value twice makes reads ambiguous: the error names both places."""
    with pytest.raises(
        MalformedHistory, match=r"every value appended to a key once, got 1 appended to 'x' also at transaction 0"
    ):
        isolation(lists("A: ax1\nB: ax1"))


def test_a_model_of_another_interface_is_refused():
    """Writes are no appends."""
    with pytest.raises(UsageError, match=r"only micro-operations of list-append, got writes"):
        isolation(lists("A: wx1"), model="list-append")


def test_levels_are_refused_where_there_are_none():
    """The level of a register is no question; a level that does not exist is answered with a suggestion."""
    history = lists("A: ax1")
    with pytest.raises(UsageError, match="did you mean serializable"):
        check(history, "list-append", level="serialisable")
    with pytest.raises(UsageError, match=r"has no levels; models that do: list-append, rw-register"):
        check(lists("A: ax1"), "txn", level="serializable")


def test_the_registry_judges_objects_and_columns_alike():
    """`check` takes a history or its columns."""
    history = lists("A: ax1\nB: rx1")
    assert check(history, "list-append").valid is True
    assert check(transactions_of(history), "list-append", level="read-committed").valid is True
    assert MODELS["list-append"].promise == "isolation"

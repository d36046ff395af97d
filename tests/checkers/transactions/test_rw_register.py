import pytest
from notation import registers

from windtunnel.base.errors import UsageError
from windtunnel.checkers import check, isolation
from windtunnel.histories import MalformedHistory

ANOMALIES = {
    "G1a": "A!: wx1\nB: rx1",
    "G1b": "A: wx1 wx2\nB: rx1",
    "G1c": "A: wx1 ry1\nB: wy1 rx1",
    "G1c-process": "A @0-1: rx1\nA @2-9: wy1\nB @0-9: wx1 ry1",
    "G1c-realtime": "A @0-1: rx1\nB @2-3: wx1",
    "G-single": "A: wx1 wy1\nB: rx ry1",
    "G-single-process": "A @0-1: wx1\nA @2-3: rx\nB @0-9: rx1",
    "G-single-realtime": "A @0-1: wx1\nB @2-3: rx",
    "G-nonadjacent": "A: wx1\nB: wy1\nC: rx1 ry\nD: rx ry1",
    "G2-item": "A: rx wy1\nB: ry wx1",
    "lost-update": "A: rx wx1\nB: rx wx2",
    "internal": "A: wx1 rx2\nB: wx2",
    "future-read": "A: rx1 wx1",
    "garbage-read": "A: rx7\nB: wx1",
    "no-snapshot-order": "A: wx1 wy1\nB: wx2 wy2\nC: rx1 ry2\nD: rx2 ry1",
    "no-serial-order": "A: wx1 rz\nB: wx2 ry\nC: rx1 wy1\nD: rx2 wz1",
}


@pytest.mark.parametrize("name", ANOMALIES)
def test_each_anomaly_of_registers_is_found_and_named(name):
    """The drawing of an anomaly is found under its name, and told in words."""
    verdict = isolation(registers(ANOMALIES[name], together=True))
    assert verdict.valid is False
    assert name in [anomaly.name for anomaly in verdict.anomalies], verdict.explanation
    assert name in verdict.explanation
    assert verdict.to_html().startswith("<!doctype html>")


def test_open_orders_are_told_with_both_cycles():
    """Where either order of two writes makes a cycle, both cycles are shown."""
    verdict = isolation(registers(ANOMALIES["no-snapshot-order"], together=True))
    (anomaly,) = [anomaly for anomaly in verdict.anomalies if anomaly.name == "no-snapshot-order"]
    assert "and a cycle follows whichever came first" in anomaly.why
    assert anomaly.steps
    assert anomaly.otherwise
    for steps in (anomaly.steps, anomaly.otherwise):
        assert [step.target for step in steps] == [*[step.source for step in steps][1:], steps[0].source]


@pytest.mark.parametrize(
    "text",
    [
        "A: wx1",
        "A: rx",
        "A: wx1 rx1 wx2 rx2",
        "A: wx1\nB: rx1 wx2\nC: rx2",
        "A?: wx1\nB: rx1",
        "A?: wx1\nB: rx",
        "A!: wx1\nB: rx",
        "A: wx1\nB: wx2\nC: rx2",
    ],
)
def test_plain_registers_are_strict_serializable(text):
    """Transactions one after the other, answered or not, break nothing."""
    assert isolation(registers(text)).valid is True


def test_a_stale_read_between_open_writes():
    """Blind writes may have come in any order, so reading the first of two is only wrong once time orders them."""
    text = "A: wx1\nB: wx2\nC: rx1"
    assert isolation(registers(text, together=True)).valid is True
    assert isolation(registers(text), level="serializable").valid is True
    assert isolation(registers(text)).valid is False


def test_sessions_order_versions():
    """Writes of one session are in order: who reads them the other way round breaks the session's order."""
    text = "A @0-1: wx1\nA @2-3: wx2\nB @0-5: rx2\nB @6-9: rx1"
    verdict = isolation(registers(text), level="strong-session-serializable")
    assert verdict.valid is False
    assert "the writes are of one session" in verdict.explanation
    assert isolation(registers(text), level="serializable").valid is True


def test_updates_make_chains():
    """A read-modify-write leaves nothing open: long chains need no search."""
    lines = ["A: wx1", *[f"B{n}: rx{n} wx{n + 1}" for n in range(1, 9)]]
    verdict = isolation(registers("\n".join(lines)))
    assert verdict.valid is True
    assert verdict.stats["orders_searched"] == 0


def test_a_budget_that_is_spent_leaves_the_verdict_unknown(monkeypatch):
    """Too many open orders: unknown, with the reason, never a guess."""
    from windtunnel.checkers.transactions import orders, rw_register

    monkeypatch.setattr(rw_register, "CHOICES_MAX", 0)
    monkeypatch.setattr(orders, "_short_cut", lambda *_, **__: False)
    verdict = isolation(registers("A: wx1\nB: wx2\nC: rx1\nD: rx2", together=True), level="serializable")
    assert verdict.unknown
    assert "pairs of versions is open" in verdict.why
    assert isolation(registers("A: wx1\nB: wx2\nC: rx1\nD: rx2", together=True), level="read-committed").valid is True


def test_a_value_written_twice_is_refused():
    """Nothing could be told about who was read: the error names both."""
    with pytest.raises(MalformedHistory, match="every value written to a key once, got 1 written to 'x' also at transaction 0"):
        isolation(registers("A: wx1\nB: wx1"))


def test_appends_are_no_register():
    """The model says what it found."""
    with pytest.raises(UsageError, match=r"only micro-operations of rw-register, got appends"):
        check(registers("A: ax1"), "rw-register")


@pytest.mark.slow
def test_short_cuts_and_the_search_agree(monkeypatch):
    """Orders that are guessed, or tried serially, exist; where they are not looked for the search finds the same verdicts."""
    from random_transactions import any_registers, database

    from windtunnel.checkers.transactions import orders

    histories = [any_registers(seed) for seed in range(400)]
    histories += [
        database(seed, transactions=60, level=level, interface="rw-register", updates=0.3, crash=0.05)
        for seed in range(5)
        for level in ("strict", "serializable", "si", "stale-si")
    ]
    found = [isolation(history) for history in histories]
    monkeypatch.setattr(orders, "_short_cut", lambda *_, **__: False)
    for history, before in zip(histories, found, strict=True):
        after = isolation(history)
        assert (after.valid, after.holds, after.fails) == (before.valid, before.holds, before.fails)


def test_untimed_sessions_are_kept_by_every_short_cut(tmp_path):
    """Without times the order of sessions is all there is of real time: a session that goes back breaks it."""
    (tmp_path / "h").write_text("w 0 0\n=====\nr 1 1\n-----\nw 0 1\n=====\nr 0 1\n-----\nw 1 1\n")
    assert isolation(tmp_path / "h").valid is False
    assert isolation(tmp_path / "h", level="serializable").valid is True
    (tmp_path / "h").write_text("r 1 1\n-----\nw 0 1\n=====\nr 0 1\n=====\nw 1 1\n")
    assert isolation(tmp_path / "h").valid is True
    (tmp_path / "h").write_text("w 1 1\n=====\nw 0 1\n-----\nr 1 1\n=====\nr 0 1\n-----\nw 0 2\n=====\nr 0 2\n-----\nr 0 1\n")
    assert isolation(tmp_path / "h", level="serializable").valid is True
    assert isolation(tmp_path / "h").valid is False

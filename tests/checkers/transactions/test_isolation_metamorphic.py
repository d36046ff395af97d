"""What must not change a verdict, and what must."""

import copy

import pytest
from notation import lists
from random_transactions import any_lists, any_registers, database

from windtunnel.base.streams import Stream
from windtunnel.checkers import isolation
from windtunnel.histories import History, Operation
from windtunnel.histories.transactions import transactions_of

MADE = {"list-append": any_lists, "rw-register": any_registers}
SEEDS = range(120)


def essence(history, interface):
    verdict = isolation(history, model=interface)
    return verdict.valid, sorted(anomaly.name for anomaly in verdict.anomalies), verdict.holds, verdict.fails


def mapped(history, key, value, process):
    """The same history with other names."""
    found = copy.deepcopy(history)
    for operation in found:
        operation.process = process(operation.process)
        for micros in (operation.value, operation.result or []):
            for micro in micros:
                micro[1] = key(micro[1])
                if isinstance(micro[2], list):
                    micro[2] = [value(item) for item in micro[2]]
                elif micro[2] is not None:
                    micro[2] = value(micro[2])
    return found


@pytest.mark.parametrize("interface", MADE)
def test_names_do_not_matter(interface):
    """Keys, values and processes may be called anything: numbers far apart, texts, lists."""
    for seed in SEEDS:
        history = MADE[interface](seed)
        expected = essence(history, interface)
        far = mapped(history, lambda key: f"key {key}", lambda value: value * 10**15 + 7, lambda process: f"client {process}")
        texts = mapped(history, lambda key: [key, "x"], lambda value: f"v{value}", lambda process: process + 100)
        assert essence(far, interface) == expected, seed
        assert essence(texts, interface) == expected, seed


@pytest.mark.parametrize("interface", MADE)
def test_failed_and_unseen_transactions_do_not_matter(interface):
    """A transaction that failed and wrote what nobody read changes nothing, nor does one without an answer."""
    for seed in SEEDS:
        history = MADE[interface](seed)
        if not any(op.type == "ok" for op in history):
            continue
        expected = essence(history, interface)
        more = copy.deepcopy(history)
        end = 1 + max(max(op.invoked, op.completed or 0) for op in more)
        word = "append" if interface == "list-append" else "w"
        for number, kind in enumerate(("fail", "info")):
            micros = [[word, 0, 500 + number], ["r", 1, None]]
            operation = Operation(len(more), 90 + number, "txn", None, micros, kind, invoked=end + 2 * number)
            operation.completed = end + 2 * number + 1
            more.operations.append(operation)
        assert essence(more, interface) == expected, seed


@pytest.mark.parametrize("interface", MADE)
def test_a_transaction_on_its_own_key_does_not_matter(interface):
    """Writing a key that nobody else touches, after everything else, changes nothing."""
    for seed in SEEDS:
        history = MADE[interface](seed)
        if not any(op.type == "ok" for op in history):
            continue
        more = copy.deepcopy(history)
        end = 1 + max(max(op.invoked, op.completed or 0) for op in more)
        micros = [["append" if interface == "list-append" else "w", "alone", 1]]
        more.operations.append(Operation(len(more), 99, "txn", None, micros, "ok", micros, invoked=end, completed=end + 1))
        assert essence(more, interface) == essence(history, interface), seed


@pytest.mark.parametrize("interface", MADE)
def test_stretching_never_breaks(interface):
    """Answers that come later allow more orders: no level is lost."""
    for seed in range(30):
        history = database(seed, transactions=40, level="serializable", interface=interface, clients=4, updates=0.5)
        stretched = copy.deepcopy(history)
        end = 10 * len(stretched)
        for number, operation in enumerate(stretched):
            operation.process = number
            if operation.completed is not None:
                operation.completed = end + number
        held = set(isolation(history).holds)
        assert isolation(stretched, level="serializable").valid is True
        assert "strict-serializable" not in held or isolation(stretched).valid is True


@pytest.mark.parametrize("interface", MADE)
def test_two_histories_side_by_side(interface):
    """Histories over different keys and clients at the same time satisfy what both do."""
    for seed in range(0, 60, 2):
        one, two = MADE[interface](seed), mapped(MADE[interface](seed + 1), lambda key: key + 50, lambda v: v, lambda p: p + 50)
        if not any(op.type == "ok" for op in one) or not any(op.type == "ok" for op in two):
            continue
        both = History(sorted((copy.deepcopy(op) for op in [*one, *two]), key=lambda op: op.invoked), timed=False)
        for level in ("serializable", "snapshot-isolation", "read-committed", "strong-session-serializable"):
            verdicts = [isolation(history, level=level, model=interface).valid for history in (one, two)]
            if None not in verdicts:
                assert isolation(both, level=level, model=interface).valid is all(verdicts), (seed, level)


def test_one_stale_read_is_found_wherever_it_is():
    """A valid history in which one read lacks what it had to see is invalid, at every place."""
    stream = Stream(5, "stale")
    found = 0
    for seed in range(40):
        history = database(seed, transactions=60, level="strict", crash=0.0)
        assert isolation(history).valid is True
        reads = [
            micro
            for op in history
            if op.type == "ok"
            for micro in op.result
            if micro[0] == "r" and len(micro[2]) > 1 and sum(other[1] == micro[1] for other in op.result) == 1
        ]
        if reads:
            micro = stream.choice(reads)
            del micro[2][-2:]
            found += isolation(history).valid is False
    assert found >= 30  # a read may lack what was at work at the same time


def test_pages_escape_what_histories_hold():
    """Keys that look like HTML stay text, in the page and in its drawings."""
    history = mapped(lists("A: ax1 ay1\nB: rx ry1", together=True), lambda key: f"<b>{key}&", lambda v: v, lambda p: f"<i>{p}")
    page = isolation(history).to_html()
    assert "<b>x&" not in page
    assert "&lt;b&gt;x&amp;" in page
    assert "<svg" in page
    assert page.count("marker-end") == 2


def test_long_cycles_are_told_shortly():
    """A cycle of hundreds of transactions is named with its first steps; what takes fewer steps is told too."""
    micros = [["w", 0, 1]]
    operations = [Operation(0, "first", "txn", None, micros, "ok", micros, invoked=0, completed=1)]
    count = 40
    for number in range(1, count):
        micros = [["r", number - 1, number], ["w", number, number + 1]]
        operations.append(
            Operation(number, number, "txn", None, micros, "ok", micros, invoked=2 * number, completed=2 * number + 1)
        )
    micros = [["r", count - 1, count], ["r", 0, None]]
    operations.append(Operation(count, "last", "txn", None, micros, "ok", micros, invoked=2 * count, completed=2 * count + 1))
    verdict = isolation(History(operations, timed=False))
    assert [(anomaly.name, len(anomaly.steps)) for anomaly in verdict.anomalies] == [("G-single", 41), ("G-single-realtime", 2)]
    assert "And 29 more steps, back to T40." in verdict.explanation
    assert transactions_of(History(operations)).describe(0) == "w 0 1"

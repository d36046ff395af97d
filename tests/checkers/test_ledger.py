import json
import re

import pytest

from windtunnel.base.errors import UsageError
from windtunnel.checkers import check
from windtunnel.histories import History, Operation


class Book:
    """A history of a ledger, written one event at a time."""

    def __init__(self):
        self.operations = []
        self.position = 0

    def _event(self):
        self.position += 1
        return self.position

    def begin(self, f, value=None):
        op = Operation(len(self.operations), 0, f, None, value, invoked=self._event())
        self.operations.append(op)
        return op

    def end(self, op, result, kind="ok"):
        op.type, op.result, op.completed = kind, result, self._event()

    def order(self, amount, result, kind="ok"):
        self.end(self.begin("order", {"order": self.position, "customer": "a", "amount": amount}), result, kind)

    def read(self, a, shop):
        self.end(self.begin("balances"), {"a": a, "shop": shop})

    def verdict(self):
        return check(History(self.operations), "ledger")


def test_completed_and_cancelled_orders():
    """Completed orders move their amount once, cancelled and refused ones move nothing."""
    book = Book()
    book.read(100, 0)
    book.order(10, "completed")
    book.order(20, "cancelled")
    book.order(30, None, "fail")
    book.read(90, 10)
    assert book.verdict().valid is True


def test_an_unanswered_order_may_count_or_not():
    """After an order without an answer two balances are possible, and no third."""
    for a, valid in ((100, True), (93, True), (95, False), (86, False)):
        book = Book()
        book.read(100, 0)
        book.order(7, None, "info")
        book.read(a, 100 - a)
        assert book.verdict().valid is valid, a


def test_an_order_under_way_may_be_visible():
    """A read during an order may see it or not, also when it is cancelled in the end."""
    for a in (100, 90):
        book = Book()
        book.read(100, 0)
        order = book.begin("order", {"order": 1, "customer": "a", "amount": 10})
        book.read(a, 100 - a)
        book.end(order, "cancelled")
        book.read(100, 0)
        assert book.verdict().valid is True


@pytest.mark.parametrize(
    ("result", "a", "shop", "words"),
    [
        ("completed", 100, 0, "no start balance of a"),  # lost
        ("completed", 80, 20, "no start balance of a"),  # twice
        ("cancelled", 90, 10, "no start balance of a"),  # left a trace
        ("completed", 90, 0, "sum to 90, those .* to 100"),  # vanished
        ("completed", 90, 20, "sum to 110, those .* to 100"),  # from nowhere
        ("completed", -10, 110, "nobody may owe"),
        ("shipped", 90, 10, "neither completed nor cancelled"),
    ],
)
def test_anomalies(result, a, shop, words):
    """Each way to break a ledger is found, and named with the reads and orders that show it."""
    book = Book()
    book.read(100, 0)
    book.order(10, result)
    book.read(a, shop)
    found = book.verdict()
    assert found.valid is False
    assert re.search(words, found.why)
    assert found.evidence.property == "conservation"
    assert found.evidence.operations
    assert found.evidence.text


def test_reads_must_agree_together():
    """Three reads can contradict each other though each fits the next: the amounts are held against one start balance."""
    book = Book()
    book.order(4, None, "info")
    book.order(6, None, "info")
    book.read(100, 0)
    book.read(94, 6)
    book.read(97, 3)
    assert book.verdict().valid is False


def test_large_amounts_cost_nothing():
    """Amounts of any size are judged by bounds, without tables of their size."""
    book = Book()
    book.order(10**15, None, "info")
    book.read(10**18, 0)
    book.read(10**18 - 10**15, 10**15)
    assert book.verdict().valid is True


@pytest.mark.parametrize(
    ("f", "value", "result", "words"),
    [
        ("order", 5, "completed", "an order such as"),
        ("order", {"customer": "a", "amount": -5}, "completed", "an order such as"),
        ("balances", None, [1], "whole amounts by account"),
        ("balances", None, {"a": "much"}, "whole amounts by account"),
    ],
)
def test_other_shapes_are_wrong_usage(f, value, result, words):
    """Orders and balances of another shape are refused with their place."""
    book = Book()
    book.end(book.begin(f, value), result)
    with pytest.raises(UsageError, match=words):
        book.verdict()


def test_nothing_read_is_unknown():
    """Orders alone show no balances."""
    book = Book()
    book.order(10, "completed")
    found = book.verdict()
    assert found.valid is None
    assert found.why == "no balances were read"
    json.dumps(found.to_json())

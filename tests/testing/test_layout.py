"""Where small objects lie: the same in every child, whatever the parent did before, and elsewhere when shuffled."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from windtunnel.testing import layout
from windtunnel.testing.forks import alone

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")


class Plain:
    """As most objects of most programs."""

    def __init__(self):
        self.number = 1


Plain()  # the first object of a class makes its class give memory back


def order(settle):
    """The order of a set of objects that are made after `settle()`."""
    settle()
    settle()
    made = [Plain() for _ in range(100)]
    place = {id(each): i for i, each in enumerate(made)}
    return [place[id(each)] for each in set(made)]


def orders(settle, rounds=4):
    """The orders in children of a parent that fragments its heap in between."""
    found, litter = [], []
    for k in range(rounds):
        found.append(tuple(alone(order, settle, limit_s=20).value))
        made = [Plain() for _ in range(3000 + 777 * k)]
        litter.append(made[:: 2 + k])
    return found


def show_orders():
    """In a process of its own: what the tests of this process left in the heap, and a child frees, is out of reach."""
    sys.stdout.write(json.dumps([orders(layout.settle), orders(lambda: layout.settle(shuffled=True))]))


@pytest.mark.skipif(layout._native is None, reason="without the compiled part pools are passed over, not put in order")
def test_a_settled_heap_gives_one_order():
    """Sets of objects have one order in every child, though the parent's heap is another each time; shuffled, another one."""
    code = "import sys; sys.path.insert(0, sys.argv[1]); import test_layout; test_layout.show_orders()"
    shown = subprocess.run([sys.executable, "-c", code, str(Path(__file__).parent)], check=True, capture_output=True, text=True)
    plain, shuffled = json.loads(shown.stdout)
    assert plain == [plain[0]] * 4
    assert shuffled == [shuffled[0]] * 4
    assert plain[0] != shuffled[0]


def test_the_pure_twin_gives_another_order_when_shuffled():
    """It does without the compiled part what can be done: one order as long as the parent stays as it is, and another one."""
    plain = [alone(order, lambda: layout.pure_settle(False), limit_s=20).value for _ in range(2)]
    shuffled = [alone(order, lambda: layout.pure_settle(True), limit_s=20).value for _ in range(2)]
    assert sorted(plain[0]) == list(range(100))
    assert plain[0] != shuffled[0]


def test_another_allocator_is_left_alone(monkeypatch):
    """Where there are no pools nothing happens."""
    monkeypatch.setattr(layout, "_pools", False)
    monkeypatch.setattr(layout, "_native", None)
    before = len(layout._kept)
    layout.settle()
    assert len(layout._kept) == before

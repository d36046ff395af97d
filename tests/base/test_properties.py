"""Properties: predicates, monitors, and what they say when broken."""

import pytest

from windtunnel.base.properties import always, eventually, sometimes


class Node:
    def __init__(self, value):
        self.value = value


def test_predicate_becomes_a_watch():
    """A predicate that does not hold gives its statement as evidence; one that holds gives None."""

    @always
    def all_equal(nodes):
        """Always: every node has the same value."""
        return len({n.value for n in nodes.values()}) <= 1

    watch = all_equal.watch()
    assert all_equal.name == "all_equal"
    assert watch({"a": Node(1), "b": Node(1)}, "a") is None
    assert "every node has the same value" in watch({"a": Node(1), "b": Node(2)}, "b")


def test_monitor_remembers_within_a_run_only():
    """A monitor class keeps state between events, and a fresh watch starts without it."""

    @always
    class NeverDecreases:
        """Always: the value of a node never decreases."""

        def __init__(self):
            self.last = {}

        def after(self, nodes, me):
            value, before = nodes[me].value, self.last.get(me, 0)
            self.last[me] = value
            return f"{me} went from {before} to {value}" if value < before else None

    assert NeverDecreases.name == "never_decreases"
    watch = NeverDecreases.watch()
    assert watch({"a": Node(5)}, "a") is None
    assert watch({"a": Node(4)}, "a") == "a went from 5 to 4"
    assert NeverDecreases.watch()({"a": Node(4)}, "a") is None
    with pytest.raises(AssertionError, match="monitor"):
        NeverDecreases.holds({})


def test_kinds_are_kept_apart():
    """`sometimes` and `eventually` are predicates of other kinds."""

    def busy(nodes):
        """Somebody is there."""
        return bool(nodes)

    assert (sometimes(busy).kind, eventually(busy).kind) == ("sometimes", "eventually")
    assert sometimes(busy).holds({"a": 1})
    assert not eventually(busy).holds({})


def test_a_property_needs_a_statement():
    """A property without a docstring is refused: people are shown its statement."""
    with pytest.raises(AssertionError, match="docstring"):
        always(lambda nodes: True)

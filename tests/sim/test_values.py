"""Copies share nothing that can change, and keys are equal exactly when values are."""

import dataclasses
from collections import Counter, defaultdict, deque
from enum import Enum

import pytest

from windtunnel.base.messages import Message
from windtunnel.sim.values import clone, key


class Note(Message, frozen=True):
    """A message that may carry a client's list."""

    text: object


class Role(Enum):
    """An enum member is itself in every copy."""

    LEADER = 1


class Slotted:
    """An object without a dict."""

    __slots__ = ("__hidden", "peers")

    def __init__(self, peers, hidden=0):
        """Two fields, one of them private."""
        self.peers = peers
        self.__hidden = hidden


@dataclasses.dataclass
class Core:
    """Everything that a core may hold."""

    out: object
    log: list = dataclasses.field(default_factory=lambda: [Note("a"), Note("b")])
    votes: set = dataclasses.field(default_factory=lambda: {"n2", "n3"})
    match: dict = dataclasses.field(default_factory=lambda: {"n2": [1], "n3": [2]})
    window: deque = dataclasses.field(default_factory=lambda: deque([1, 2], maxlen=2))
    counts: defaultdict = dataclasses.field(default_factory=lambda: defaultdict(list, {"a": [1]}))
    part: Slotted = dataclasses.field(default_factory=lambda: Slotted(["n2"]))
    role: Role = Role.LEADER
    me: object = None
    hook: object = None


OUT = object()
LENT = {id(OUT): OUT}


def a_core():
    """A core that refers to itself and to one of its methods."""
    core = Core(OUT)
    core.me = core
    core.hook = core.__eq__
    return core


def test_a_copy_is_equal_and_independent():
    """Every mutable part of the copy can change without the original noticing; what is lent is the same object."""
    core = a_core()
    copied = clone(core, LENT)
    assert key(copied, LENT) == key(core, LENT)
    assert copied.out is OUT
    assert copied.me is copied
    assert copied.hook.__self__ is copied
    assert copied.log[0] is core.log[0]
    before = key(core, LENT)
    copied.log.append(Note("c"))
    copied.votes.clear()
    copied.match["n2"].append(5)
    copied.window.append(3)
    copied.counts["new"].append(1)
    copied.part.peers.append("n4")
    assert key(core, LENT) == before
    assert (copied.window, type(copied.counts["other"])) == (deque([2, 3], maxlen=2), list)


@pytest.mark.parametrize(
    "change",
    [
        lambda core: core.log.reverse(),
        lambda core: core.votes.discard("n2"),
        lambda core: core.match["n2"].append(1),
        lambda core: core.window.append(1),
        lambda core: core.part.peers.append("n4"),
        lambda core: setattr(core, "role", None),
        lambda core: setattr(core, "me", None),
        lambda core: core.log.append(Note([1])),
        lambda core: setattr(core, "part", Slotted(["n2"], hidden=1)),
    ],
)
def test_every_change_changes_the_key(change):
    """A state that was forgotten in the key would hide schedules from the search."""
    core = a_core()
    before = key(core, LENT)
    change(core)
    assert key(core, LENT) != before


def test_equal_is_not_the_same_value():
    """Python's 1 == True == 1.0, and a list is no tuple: for a core these differ. Order of dicts and sets does not."""
    values = [1, True, 1.0, "1", [1], (1,), {1}, frozenset({1}), {1: None}, Note(1), Note([1]), Note((1,)), None, Counter([1])]
    assert len({key(value, {}) for value in values}) == len(values)
    assert key({"a": 1, "b": 2}, {}) == key({"b": 2, "a": 1}, {})


def test_what_cannot_be_read_is_refused():
    """An iterator in a core has a state that no key can show, and a bound method of a list would share the list."""
    with pytest.raises(TypeError, match="list_iterator"):
        key([iter([1])], {})
    with pytest.raises(TypeError, match="builtin_function_or_method"):
        clone([[].append], {})

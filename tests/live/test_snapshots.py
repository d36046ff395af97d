import enum
import math
from dataclasses import dataclass, field

import pytest

from windtunnel.base.outbox import RecordingOutbox
from windtunnel.live.snapshots import freeze, thaw, visible


class Role(enum.Enum):
    """A role of the tests."""

    LEADER = "leader"


@dataclass(slots=True)
class Base:
    """State with slots, inherited."""

    term: int = 3


@dataclass(slots=True)
class State(Base):
    """What a core may hold."""

    role: Role = Role.LEADER
    log: list = field(default_factory=list)
    _secret: int = 1
    votes: frozenset = frozenset()


class Plain:
    """State in an ordinary object."""

    def __init__(self):
        self.name = "n1"
        self.ratio = math.pi
        self.hint = None
        self.busy = True
        self.send = print


def test_public_scalars_are_visible():
    """Numbers, strings, booleans and None are shown, members of enumerations; private fields and containers are not."""
    assert visible(State()) == {"term": 3, "role": Role.LEADER}
    assert visible(Plain()) == {"name": "n1", "ratio": math.pi, "hint": None, "busy": True}
    assert visible({"total": 1, "rows": [], 2: 3}) == {"total": 1}
    assert visible(None) == {}


class Core:
    """A core as they are: an outbox, a bound method of it, state."""

    def __init__(self, out):
        self.out = out
        self.send = out.send
        self.role = Role.LEADER
        self.log = [State(), State(4)]


class Outbox(RecordingOutbox):
    """An outbox that cannot be copied."""

    def __reduce__(self):
        raise TypeError("a socket")


def test_a_core_travels_without_its_outbox():
    """Everything but the outbox is copied; enumeration members are the same objects again."""
    out = Outbox()
    back = thaw(freeze(Core(out), hidden=out))
    assert back.role is Role.LEADER
    assert back.log == [State(), State(4)]
    assert type(back.out) is RecordingOutbox
    back.send("n2", "x")
    assert out.effects == []


def test_what_cannot_be_copied_is_said():
    """The error of pickle comes out."""
    with pytest.raises(TypeError, match="a socket"):
        freeze(Core(Outbox()))

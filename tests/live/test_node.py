import enum
import math
from dataclasses import dataclass, field

from windtunnel.live.node import visible


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
    """Numbers, strings, booleans and None are shown, an enumeration as its value; private fields and containers are not."""
    assert visible(State()) == {"term": 3, "role": "leader"}
    assert visible(Plain()) == {"name": "n1", "ratio": math.pi, "hint": None, "busy": True}
    assert visible({"total": 1, "rows": [], 2: 3}) == {"total": 1}
    assert visible(None) == {}

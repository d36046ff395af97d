"""A system: one entry of the catalogue, complete enough to be run in every world.

A system module ends in `SYSTEM = System(...)`; the catalogue finds it by scanning `windtunnel.systems`.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol, TypeAlias

from windtunnel.base.errors import UsageError
from windtunnel.base.host import Host
from windtunnel.base.interface import Op
from windtunnel.base.messages import Message, NodeId
from windtunnel.base.outbox import Outbox
from windtunnel.base.properties import Nodes, Property
from windtunnel.base.stage import Stage


class Core(Protocol):
    """A protocol as a plain object: events in, effects out through the outbox it was built with."""

    def on_start(self) -> None:
        """The node boots; durable records were given to the constructor."""

    def on_timer(self, name: str) -> None:
        """The timer `name` is due; it is no longer pending."""

    def on_message(self, src: NodeId, message: Any) -> None:
        """A message arrived. It may be late, repeated, or from an earlier life of `src`."""


Procedure: TypeAlias = Callable[[Host], Awaitable[None]]
"""A node whose meaning is a sequence with waits: a coroutine function, given its world."""

Script: TypeAlias = Callable[[Stage], None]
"""A directed scenario: moves a cluster by hand to the situation of a figure or a theorem."""


def needs(**options: Any) -> Callable[[Script], Script]:
    """Marks a directed scenario that is about a choice: the options it is played with unless others are chosen."""

    def mark(script: Script) -> Script:
        script.__dict__["options"] = options
        return script

    return mark


def options_needed(script: Script) -> dict[str, Any]:
    """The options that a directed scenario asks for, by name."""
    return dict(getattr(script, "options", {}))


@dataclass(frozen=True, slots=True, kw_only=True)
class Setup:
    """Everything a node is built from. `records` is its durable log, oldest first; empty at the first boot."""

    me: NodeId
    nodes: tuple[NodeId, ...]
    out: Outbox
    records: Sequence[Any] = ()
    safeguards: Any = None
    options: Any = None


def safeguard(rule: str, *, source: str, breaks: tuple[str, ...], by: str) -> Any:
    """A field of a `Safeguards` dataclass: one load-bearing rule, on by default.

    rule: what it demands, one sentence. source: paper and section. breaks: the properties (or history checkers) of which at least
    one must break when the rule is removed. by: how that is shown: "seeds", "search" or "scenario NAME".
    """
    return field(default=True, metadata={"rule": rule, "source": source, "breaks": breaks, "by": by})


@dataclass(frozen=True, slots=True)
class SafeguardInfo:
    """One rule of a system, as `windtunnel show` prints it and as the ablation tests read it."""

    name: str
    rule: str
    source: str
    breaks: tuple[str, ...]
    by: str


ANY = -1
"""A bound that does not bind: any number."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Search:
    """The small world in which exhaustive search moves a system unless it is told otherwise.

    size: nodes. requests: the operations, each by a client of its own, all in flight at the start. crashes, losses, duplicates,
    fires: how often in one schedule a node crashes, a message is lost or repeated, a timer fires; ANY is any number. dice: what
    a draw may give, for a system that draws; every combination is tried.
    """

    size: int = 3
    requests: tuple[Op, ...] = ()
    crashes: int = 1
    losses: int = 0
    duplicates: int = 0
    fires: int = ANY
    dice: tuple[float, ...] = ()


def _any_node(nodes: tuple[NodeId, ...]) -> tuple[NodeId, ...]:
    return nodes


def _numbered(count: int) -> tuple[NodeId, ...]:
    return tuple(f"n{i}" for i in range(1, count + 1))


@dataclass(frozen=True, slots=True, kw_only=True)
class System:
    """One system of the catalogue.

    nodes: names of a cluster of a size. entry: which of them take client requests. build: makes one node, a core or (form
    "procedure") a coroutine function. leader: whom the word "leader" means in a fault plan. faults: the kinds of fault that
    its own fault model admits; a scenario that asks for others is told so. search: the defaults of exhaustive search.
    """

    name: str
    family: str
    title: str
    source: str
    interface: str
    promise: str
    build: Callable[[Setup], Any]
    form: Literal["core", "procedure"] = "core"
    messages: tuple[type[Message], ...]
    records: tuple[type[Message], ...] = ()
    safeguards: type[Any]
    options: type[Any]
    always: tuple[Property, ...] = ()
    sometimes: tuple[Property, ...] = ()
    eventually: tuple[Property, ...] = ()
    scenarios: Mapping[str, Script] = field(default_factory=dict)
    size: int = 5
    nodes: Callable[[int], tuple[NodeId, ...]] = _numbered
    entry: Callable[[tuple[NodeId, ...]], tuple[NodeId, ...]] = _any_node
    leader: Callable[[Nodes], NodeId | None] | None = None
    faults: tuple[str, ...] = ("partition", "crash", "pause", "loss", "duplicate", "slow", "clock", "disk")
    search: Search = field(default_factory=Search)

    def rules(self) -> tuple[SafeguardInfo, ...]:
        """The safeguards in the order of the source."""
        return tuple(SafeguardInfo(name=f.name, **f.metadata) for f in dataclasses.fields(self.safeguards) if f.metadata)

    def safeguards_without(self, names: Sequence[str]) -> Any:
        """The safeguards with `names` switched off. Raises UsageError for a name that is none of them."""
        known = [rule.name for rule in self.rules()]
        for name in names:
            if name not in known:
                raise UsageError(f"{self.name} has no safeguard {name!r}; it has: {', '.join(known) or 'none'}")
        return self.safeguards(**dict.fromkeys(names, False))

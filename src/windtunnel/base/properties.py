"""What must hold: named properties of a cluster, checked by the world while it runs.

| kind | written as | checked |
|---|---|---|
| always | predicate over the running nodes, or a monitor class that remembers | after every event |
| sometimes | predicate | until first seen; never seen in a whole campaign: the runs were vacuous |
| eventually | predicate | after the last heal, until it holds; never: liveness is broken |

The name of a property is the theorem's name. A predicate sees only the present, which suits exhaustive search; a property
that speaks of the past ("at most one leader per term, *ever*") is a monitor: a class with one method

    def after(self, nodes: Nodes, me: NodeId) -> str | None

called after each event on node `me`, which returns the evidence when the property is broken. Monitors should look only
at what `me` can have changed: they run millions of times.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, Protocol, TypeAlias

from windtunnel.base.messages import NodeId

Nodes: TypeAlias = Mapping[NodeId, Any]
"""The cores that run now, by node; a crashed node is absent."""

Predicate: TypeAlias = Callable[[Nodes], bool]
Watch: TypeAlias = Callable[[Nodes, NodeId], str | None]


class Monitor(Protocol):
    """An `always` property with a memory; a fresh one is made for each run."""

    def after(self, nodes: Nodes, me: NodeId) -> str | None:
        """Evidence that the property is broken, or None."""


@dataclass(frozen=True, slots=True)
class Property:
    """A named property. Exactly one of `predicate` and `monitor` is set."""

    name: str
    kind: Literal["always", "sometimes", "eventually"]
    statement: str
    predicate: Predicate | None = None
    monitor: Callable[[], Monitor] | None = None

    def watch(self) -> Watch:
        """A fresh check of an `always` property: evidence of a violation, or None."""
        if self.monitor is not None:
            return self.monitor().after
        predicate, statement = self.predicate, self.statement
        assert predicate is not None, "a property is a predicate or a monitor"
        return lambda nodes, me: None if predicate(nodes) else f"after an event on {me}: not ({statement})"

    def holds(self, nodes: Nodes) -> bool:
        """Whether the predicate holds now; for `sometimes` and `eventually`, and for search."""
        assert self.predicate is not None, f"{self.name} is a monitor: it speaks of a whole run"
        return self.predicate(nodes)


def always(what: Predicate | type[Any]) -> Property:
    """An invariant: a predicate, or a monitor class whose name becomes snake_case."""
    if isinstance(what, type):
        name = re.sub(r"(?<!^)(?=[A-Z])", "_", what.__name__).lower()
        return Property(name, "always", _statement(what), monitor=what)
    return Property(_name(what), "always", _statement(what), predicate=what)


def sometimes(predicate: Predicate) -> Property:
    """A situation that good runs must reach now and then."""
    return Property(_name(predicate), "sometimes", _statement(predicate), predicate=predicate)


def eventually(predicate: Predicate) -> Property:
    """What must come about once faults have stopped."""
    return Property(_name(predicate), "eventually", _statement(predicate), predicate=predicate)


def _name(function: Any) -> str:
    return str(function.__name__).strip("_")


def _statement(what: Any) -> str:
    first = (what.__doc__ or "").strip().split("\n", 1)[0].rstrip(".")
    assert first, f"the property {what.__name__} needs a docstring: it is shown to people"
    return re.sub(r"^(Always|Sometimes|Eventually): ", "", first)

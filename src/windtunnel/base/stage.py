"""A cluster moved by hand: the protocol that directed scenarios are written against.

On a stage nothing happens by itself. Messages wait in flight, timers wait armed, and the script says which is next; that
is how a figure of a paper becomes a test. Records are durable at once, unless the script holds the disk. The world's
properties are checked after every step, so a script needs no assertions of its own; it stops at the first violation.

Clocks of nodes stand still, but for `advance`.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Protocol

from windtunnel.base.interface import Op
from windtunnel.base.messages import NodeId
from windtunnel.base.properties import Nodes


class Stage(Protocol):
    """The verbs of a director. `kind` is a message type; None means any."""

    @property
    def nodes(self) -> Nodes:
        """The cores that run now."""

    def note(self, text: str) -> None:
        """A caption for the trace: what the next steps show."""

    def fire(self, node: NodeId, timer: str) -> None:
        """Fire the pending timer. Raises AssertionError if it is not armed."""

    def advance(self, node: NodeId, seconds: float) -> None:
        """Move the clock of one node forward; fires nothing."""

    def deliver(self, src: NodeId, dst: NodeId, kind: type[Any] | None = None, *, count: int = 1) -> None:
        """Deliver the oldest `count` messages in flight from `src` to `dst`. AssertionError if there are fewer."""

    def duplicate(self, src: NodeId, dst: NodeId, kind: type[Any] | None = None) -> None:
        """Put a second copy of the oldest message that fits in flight. AssertionError if there is none."""

    def drop(self, src: NodeId | None = None, dst: NodeId | None = None, kind: type[Any] | None = None) -> None:
        """Lose every message in flight that fits; None fits all."""

    def settle(self, among: Iterable[NodeId] | None = None) -> None:
        """Deliver everything in flight among these nodes (and clients), oldest first, until nothing is left."""

    def crash(self, node: NodeId) -> None:
        """Kill the node: its timers and volatile state are gone; its records stay."""

    def restart(self, node: NodeId) -> None:
        """Boot a crashed node from its records."""

    def hold_disk(self, node: NodeId) -> None:
        """From now on no record of this node becomes durable, and every effect after the first such record waits."""

    def sync_disk(self, node: NodeId) -> None:
        """End `hold_disk`: what was pending becomes durable, and what waited behind it leaves, in order."""

    def crash_before_persist(self, node: NodeId, *, after: int = 0) -> None:
        """Kill the node the next time that it persists, before that record is durable; `after` records still become so."""

    def request(self, session: str, node: NodeId, op: Op) -> None:
        """A client invokes `op` at `node`; recorded in the history, completed when a reply is delivered or never."""

    def retry(self, session: str, node: NodeId) -> None:
        """The client of `session` sends its open request again, to `node`, with the same sequence number."""

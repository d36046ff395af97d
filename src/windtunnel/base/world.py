"""The verbs of faults: what a nemesis may ask of a world, simulated or real.

A world that lacks a verb raises Unsupported and names it, before the run where it can. In the live world the verbs are
coroutines; whoever applies a plan awaits what is awaitable.
"""

from __future__ import annotations

from collections.abc import Awaitable, Iterable
from dataclasses import dataclass
from typing import Literal, Protocol, TypeAlias

from windtunnel.base.messages import NodeId

Link: TypeAlias = tuple[NodeId, NodeId]
"""A directed link: from, to."""

Done: TypeAlias = Awaitable[None] | None


@dataclass(frozen=True, slots=True)
class Failure:
    """Something broke by itself: a handler raised, or a process died unasked.

    event: what was being handled, one line. error: the last line of it. text: the traceback, or the end of the node's log.
    """

    node: NodeId
    at_s: float
    event: str
    text: str
    error: str


class World(Protocol):
    """A running cluster, seen by a nemesis."""

    @property
    def nodes(self) -> tuple[NodeId, ...]:
        """All server nodes, running or not."""

    def leader(self) -> NodeId | None:
        """The node that leads now, as far as an observer can tell, or None."""

    def running(self, node: NodeId) -> bool:
        """Whether the node is up (a paused node is up)."""

    def cut(self, links: Iterable[Link], *, hold: bool = False) -> Done:
        """Cut directed links. Messages are lost, or with `hold` wait for the heal (what TCP does to a short cut)."""

    def heal(self) -> Done:
        """Mend every link; what was held is released."""

    def crash(self, node: NodeId) -> Done:
        """Kill the node at once: volatile state and unsynced writes are lost, the last record may be torn."""

    def restart(self, node: NodeId) -> Done:
        """Boot a crashed node from its disk. No effect on a running one."""

    def pause(self, node: NodeId) -> Done:
        """Freeze the process; the network keeps what arrives."""

    def resume(self, node: NodeId) -> Done:
        """Let a frozen process go on."""

    def skew(self, node: NodeId, *, offset_s: float = 0.0, drift: float = 0.0) -> Done:
        """Jump the node's clock by `offset_s` and let it run `1 + drift` times as fast from now on."""

    def weather(self, *, drop: float = 0.0, duplicate: float = 0.0, slow_s: float = 0.0) -> Done:
        """From now on every link loses and repeats messages with these probabilities and adds up to `slow_s` seconds."""

    def disk(self, node: NodeId, mode: Literal["ok", "slow", "full", "corrupt"], *, sync_s: float = 0.0) -> Done:
        """Change the node's disk: syncs of `sync_s` seconds, no room left, or one synced record unreadable."""

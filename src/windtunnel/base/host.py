"""The world of a procedure: what a coroutine node is given instead of sockets, files, clocks and dice."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Protocol, TypeAlias

from windtunnel.base.messages import NodeId

Handler: TypeAlias = Callable[[NodeId, Any], Awaitable[Any]]
"""Answers one message of a peer or a client: returns the reply, or None for no answer."""


class Host(Protocol):
    """One node's world, for procedures. Waiting is plain `asyncio`: `asyncio.sleep`, `asyncio.timeout`, `TaskGroup`.

    The loop under it is virtual in the simulator and real elsewhere; the code cannot tell.
    """

    me: NodeId
    nodes: tuple[NodeId, ...]

    def serve(self, handler: Handler) -> None:
        """Answer every message that is no reply with `handler`; each runs in a task of its own."""

    async def call(self, dst: NodeId, request: Any, *, deadline_s: float) -> Any:
        """Send `request` and wait for its reply.

        Raises Indefinite after `deadline_s` seconds of silence, Definite when the peer certainly refused.
        """

    def send(self, dst: NodeId, message: Any) -> None:
        """One way; may be lost."""

    async def persist(self, record: Any) -> None:
        """Append `record` to this node's log; returns when it is durable. Raises StorageError when the disk refuses."""

    def records(self) -> Sequence[Any]:
        """The durable log as it was at this boot, oldest first."""

    def clock(self) -> float:
        """This node's own monotonic clock, seconds."""

    def random(self) -> float:
        """A draw from this node's own stream, uniform in [0, 1)."""

    def observe(self, state: Any) -> None:
        """Publish the object that properties shall see as this node."""

"""The world of a procedure in the simulator: `base.host.Host` on a port of the kernel.

A procedure and a core share one network, one disk and one barrier: the host's adapter core hands messages to the rpc of
`windtunnel.runtime`, and everything that the procedure sends or persists goes through the port's outbox. So a nemesis cannot tell
the two forms apart, and the order of effects means the same in both.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextvars import copy_context
from functools import partial
from typing import Any

from windtunnel.base.host import Handler
from windtunnel.base.interface import Reply
from windtunnel.base.messages import NodeId
from windtunnel.base.system import Procedure
from windtunnel.runtime.rpc import Caller
from windtunnel.sim.kernel import Kernel, Port
from windtunnel.sim.life import LIFE, Life
from windtunnel.sim.loop import SimLoop


class ProcedureHost:
    """One life of a procedure: bind `core` to the port, call its `on_start`; at a crash unbind the port and call `kill`.

    records: the durable log at this boot. on_observe: told of each state that the procedure publishes. An exception that escapes
    from the procedure, from a task of its own or from a handler is raised out of the kernel's run, as that of a core would be.
    """

    def __init__(
        self,
        kernel: Kernel,
        loop: SimLoop,
        port: Port,
        me: NodeId,
        nodes: tuple[NodeId, ...],
        procedure: Procedure,
        records: Sequence[Any] = (),
    ) -> None:
        self.me = me
        self.nodes = nodes
        self.on_observe: Callable[[Any], object] | None = None
        self._loop = loop
        self._kernel = kernel
        self._port = port
        self._records = tuple(records)
        self._procedure = procedure
        self._life = Life(port)
        self._context = copy_context()
        self._context.run(LIFE.set, self._life)
        self._caller = Caller(me, self._transmit, failed=kernel.fail, first_id=port.incarnation << 32)
        self.core = _Adapter(self)

    # --- Life ---

    def start(self) -> None:
        """Run the procedure as a task of this life."""
        self._context.run(self._start)

    def receive(self, src: NodeId, message: Any) -> None:
        """Take one message off the network."""
        self._context.run(self._caller.on_message, src, message)

    def kill(self) -> None:
        """The power is cut: nothing of this life runs again, and what it still asks for is void."""
        self._life.alive = False

    # --- Host ---

    def serve(self, handler: Handler) -> None:
        """See `base.host.Host`."""
        self._caller.serve(handler)

    async def call(self, dst: NodeId, request: Any, *, deadline_s: float) -> Any:
        """See `base.host.Host`."""
        return await self._caller.call(dst, request, deadline_s=deadline_s)

    def send(self, dst: NodeId, message: Any) -> None:
        """See `base.host.Host`."""
        self._transmit(dst, message)

    async def persist(self, record: Any) -> None:
        """See `base.host.Host`."""
        if not self._life.alive:
            return
        durable: asyncio.Future[None] = self._loop.create_future()
        self._port.persist(record)
        self._port.when_durable(partial(_resolve, durable))
        await durable

    def records(self) -> Sequence[Any]:
        """See `base.host.Host`."""
        return self._records

    def clock(self) -> float:
        """See `base.host.Host`."""
        return self._port.clock()

    def random(self) -> float:
        """See `base.host.Host`."""
        return self._port.random()

    def observe(self, state: Any) -> None:
        """See `base.host.Host`."""
        if self.on_observe is not None and self._life.alive:
            self.on_observe(state)

    # --- Inside ---

    def _start(self) -> None:
        task: asyncio.Task[None] = self._loop.create_task(self._run(), name=f"{self.me}/{self._port.incarnation}")
        task.add_done_callback(self._ended)

    async def _run(self) -> None:
        await self._procedure(self)

    def _ended(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled():
            error = task.exception()
            if error is not None:
                self._kernel.fail(error)

    def _transmit(self, dst: NodeId, message: object) -> None:
        if self._life.alive:
            if isinstance(message, Reply):
                self._port.reply(dst, message)
            else:
                self._port.send(dst, message)


def _resolve(durable: asyncio.Future[None]) -> None:
    if not durable.done():
        durable.set_result(None)


class _Adapter:
    """What the kernel sees of a procedure: a core."""

    __slots__ = ("_host",)

    def __init__(self, host: ProcedureHost) -> None:
        self._host = host

    def on_start(self) -> None:
        """The node boots."""
        self._host.start()

    def on_timer(self, name: str) -> None:
        """Procedures arm no timers of the port: they sleep."""

    def on_message(self, src: NodeId, message: Any) -> None:
        """A message arrived."""
        self._host.receive(src, message)

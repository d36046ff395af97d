"""The world of a procedure on any asyncio loop: `base.host.Host` on a driver.

The host is a core: what arrives it hands to the rpc, and what the procedure sends or persists goes through the driver's
outbox. So procedures and cores share network, group commit and barriers, and the order of effects means the same in both, in
this world as in the simulated one: what is sent after a `persist` leaves when that record is durable.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from windtunnel.base.host import Handler
from windtunnel.base.messages import NodeId
from windtunnel.base.system import Procedure
from windtunnel.runtime.driver import Driver
from windtunnel.runtime.rpc import Caller


class LoopHost:
    """One node that runs a procedure: give it to `driver.start`. Implements `base.host.Host` and `base.system.Core`.

    records: the durable log at this boot. life: the number of this boot, so that calls of former lives are not mixed up with
    new ones. `observed`: what the procedure published last. An exception that nobody handled goes to the driver's `failed`, as
    that of a core does. A disk that refuses stops the node: `persist` then never returns, and nobody hears of this node again.
    """

    def __init__(
        self,
        me: NodeId,
        nodes: tuple[NodeId, ...],
        driver: Driver,
        procedure: Procedure | None,
        *,
        records: Sequence[Any] = (),
        life: int = 0,
    ) -> None:
        self.me = me
        self.nodes = nodes
        self.observed: Any = None
        self.send = driver.send
        self.clock = driver.clock
        self.random = driver.random
        self._loop = asyncio.get_running_loop()
        self._driver = driver
        self._procedure = procedure
        self._records = tuple(records)
        self._main: asyncio.Task[None] | None = None
        self._waiting: dict[asyncio.Future[None], None] = {}
        self._caller = Caller(me, driver.send, failed=lambda error: driver.fail(error, "handler"), first_id=life << 32)

    # --- Core ---

    def on_start(self) -> None:
        """Run the procedure in a task; a node whose procedure has returned goes on to serve."""
        if self._procedure is not None:
            self._main = self._loop.create_task(self._run(self._procedure))

    def on_timer(self, name: str) -> None:
        """A host sets no timers: procedures sleep."""
        raise AssertionError(f"{self.me} set no timer {name}")

    def on_message(self, src: NodeId, message: Any) -> None:
        """Take one message off the network."""
        self._caller.on_message(src, message)

    def close(self) -> None:
        """Cancel everything that runs; what is not durable is lost. Close the driver too."""
        self._caller.close()
        if self._main is not None:
            self._main.cancel()
        for future in self._waiting:
            future.cancel()

    async def _run(self, procedure: Procedure) -> None:
        try:
            await procedure(self)
        except Exception as error:  # noqa: BLE001 - whatever it is, the node is broken
            self._driver.fail(error, "procedure")

    # --- Host ---

    def serve(self, handler: Handler) -> None:
        """See Host."""
        self._caller.serve(handler)

    async def call(self, dst: NodeId, request: Any, *, deadline_s: float) -> Any:
        """See Host."""
        return await self._caller.call(dst, request, deadline_s=deadline_s)

    async def persist(self, record: Any) -> None:
        """See Host."""
        future = self._loop.create_future()
        self._driver.persist(record)
        self._driver.when_durable(lambda: None if future.done() else future.set_result(None))
        self._waiting[future] = None
        try:
            await future
        finally:
            del self._waiting[future]

    def records(self) -> Sequence[Any]:
        """See Host."""
        return self._records

    def observe(self, state: Any) -> None:
        """See Host."""
        self.observed = state

"""The real world of a procedure: `base.host.Host` on any asyncio loop, with a network and a log handed in.

Unlike a core's outbox a host orders nothing: a procedure waits for `persist` itself, where its meaning demands it, and other
tasks of the node go on meanwhile. All records of a loop turn share one commit, and all messages of a turn one write per
destination.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

from windtunnel.base.host import Handler
from windtunnel.base.messages import NodeId
from windtunnel.base.system import Procedure
from windtunnel.runtime.driver import Log, Network
from windtunnel.runtime.rpc import Caller


class LoopHost:
    """One node that runs a procedure; implements `base.host.Host`.

    records: the durable log at this boot. life: the number of this boot, so that calls of former lives are not mixed up with
    new ones. failed: told once of the first exception that nobody handled, with one line about where. `observed`: what the
    procedure published last.
    """

    def __init__(
        self,
        me: NodeId,
        nodes: tuple[NodeId, ...],
        network: Network,
        *,
        failed: Callable[[Exception, str], None],
        dice: Callable[[], float],
        log: Log | None = None,
        records: Sequence[Any] = (),
        life: int = 0,
        now: Callable[[], float] | None = None,
    ) -> None:
        self.me = me
        self.nodes = nodes
        self.random = dice
        self.observed: Any = None
        self._loop = asyncio.get_running_loop()
        self.clock = now or self._loop.time
        self._network = network
        self._failed = failed
        self._log = log
        self._records = tuple(records)
        self._alive = True
        self._turn = False
        self._waiting: list[asyncio.Future[None]] = []
        self._main: asyncio.Task[None] | None = None
        self._caller = Caller(me, self.send, failed=lambda error: self._fail(error, "handler"), first_id=life << 32)

    # --- The node's life ---

    def start(self, procedure: Procedure) -> None:
        """Run `procedure` in a task; a node whose procedure has returned goes on to serve."""
        self._main = self._loop.create_task(self._run(procedure))

    def deliver(self, src: NodeId, message: Any) -> None:
        """A message arrived."""
        if self._alive:
            self._caller.on_message(src, message)

    def close(self) -> None:
        """Cancel everything that runs; what is not durable is lost."""
        self._alive = False
        self._caller.close()
        if self._main is not None:
            self._main.cancel()
        for future in self._waiting:
            future.cancel()

    async def _run(self, procedure: Procedure) -> None:
        try:
            await procedure(self)
        except Exception as error:  # noqa: BLE001 - whatever it is, the node is broken
            self._fail(error, "procedure")

    def _fail(self, error: Exception, where: str) -> None:
        if self._alive:
            self._alive = False
            self._failed(error, where)

    # --- Host ---

    def serve(self, handler: Handler) -> None:
        """See Host."""
        self._caller.serve(handler)

    async def call(self, dst: NodeId, request: Any, *, deadline_s: float) -> Any:
        """See Host."""
        return await self._caller.call(dst, request, deadline_s=deadline_s)

    def send(self, dst: NodeId, message: Any) -> None:
        """See Host."""
        if self._alive:
            self._network.send(dst, message)
            self._begin_turn()

    async def persist(self, record: Any) -> None:
        """See Host."""
        if self._log is None:
            return
        self._log.append(record)
        future = self._loop.create_future()
        self._waiting.append(future)
        self._begin_turn()
        await future

    def records(self) -> Sequence[Any]:
        """See Host."""
        return self._records

    def observe(self, state: Any) -> None:
        """See Host."""
        self.observed = state

    # --- The end of a turn ---

    def _begin_turn(self) -> None:
        if not self._turn:
            self._turn = True
            self._loop.call_soon(self._end_turn)

    def _end_turn(self) -> None:
        self._turn = False
        if not self._alive:
            return
        self._network.flush()
        if not self._waiting or self._log is None:
            return
        waiting, self._waiting = self._waiting, []
        try:
            self._log.commit(self._log.take())
        except Exception as error:  # noqa: BLE001 - a disk that refuses, or a record that cannot be encoded
            self._fail(error, "sync")
            for future in waiting:
                if not future.done():
                    future.set_exception(error)
            return
        for future in waiting:
            if not future.done():
                future.set_result(None)

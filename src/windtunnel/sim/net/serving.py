"""The server object of asyncio over simulated listeners, with the manners of the running Python version."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Sequence
from contextvars import copy_context
from typing import TYPE_CHECKING, Any

from windtunnel.sim.net import tls
from windtunnel.sim.net.connecting import Listener

if TYPE_CHECKING:
    from windtunnel.sim.net.network import Interface
    from windtunnel.sim.net.sockets import SimSocket
    from windtunnel.sim.net.tcp import Transport

WAITS_FOR_CLIENTS = sys.version_info >= (3, 12)  # `wait_closed` waits for the connections, as it was always meant to


class Server(asyncio.AbstractServer):
    """As `asyncio.base_events.Server`. bound: the sockets, bound and not listening yet."""

    def __init__(
        self,
        interface: Interface,
        bound: Sequence[SimSocket],
        factory: Callable[[], Any],
        *,
        backlog: int,
        security: tls.Security | None,
    ) -> None:
        self._interface = interface
        self._bound: list[SimSocket] | None = list(bound)
        self._factory = factory
        self._backlog = backlog
        self._security = security
        self._ssl_context = None if security is None else security.context  # asyncio's name: people look at it
        self._loop = interface.network.loop
        self._context = copy_context()
        self._serving = False
        self._active: dict[Transport, None] = {}
        self._waiters: list[asyncio.Future[None]] | None = []
        self._forever: asyncio.Future[None] | None = None

    def __repr__(self) -> str:
        return f"<{type(self).__name__} sockets={self.sockets!r}>"

    def get_loop(self) -> Any:
        """As asyncio's."""
        return self._loop

    @property
    def sockets(self) -> tuple[SimSocket, ...]:
        """As asyncio's: those that listen; none once closed."""
        return () if self._bound is None else tuple(self._bound)

    def is_serving(self) -> bool:
        """As asyncio's."""
        return self._serving

    def listen(self) -> None:
        """Begin to listen. Raises OSError when another socket does already."""
        if self._serving or self._bound is None:
            return
        self._serving = True
        self._context = copy_context()
        for sock in self._bound:
            sock.serve(self._backlog, self._accept)

    async def start_serving(self) -> None:
        """As asyncio's."""
        self.listen()
        await asyncio.sleep(0)

    async def serve_forever(self) -> None:
        """As asyncio's: until cancelled; then the server is closed."""
        if self._forever is not None:
            raise RuntimeError(f"server {self!r} is already being awaited on serve_forever()")
        if self._bound is None:
            raise RuntimeError(f"server {self!r} is closed")
        self.listen()
        self._forever = self._loop.create_future()
        try:
            await self._forever
        except asyncio.CancelledError:
            try:
                self.close()
                await self.wait_closed()
            finally:
                raise
        finally:
            self._forever = None

    def close(self) -> None:
        """As asyncio's: stops listening; connections stay."""
        bound, self._bound = self._bound, None
        if bound is None:
            return
        self._serving = False
        for sock in bound:
            sock.close()
        if self._forever is not None and not self._forever.done():
            self._forever.cancel()
            self._forever = None
        if not self._active:
            self._wake()

    async def wait_closed(self) -> None:
        """As asyncio's; since Python 3.12 that includes the connections."""
        if self._waiters is None or (not WAITS_FOR_CLIENTS and self._bound is None):
            return
        waiter = self._loop.create_future()
        self._waiters.append(waiter)
        await waiter

    if sys.version_info >= (3, 13):

        def close_clients(self) -> None:
            """As asyncio's."""
            for end in tuple(self._active):
                end.close()

        def abort_clients(self) -> None:
            """As asyncio's."""
            for end in tuple(self._active):
                end.abort()

    # --- Connections ---

    def _accept(self, end: Transport) -> None:
        context = self._context.copy()
        loop = self._loop
        end.context = context
        try:
            protocol = context.run(self._factory)
            if self._security is not None:
                protocol = context.run(tls.server_side, loop, protocol, self._security)
        except (SystemExit, KeyboardInterrupt):
            raise
        except BaseException as error:  # noqa: BLE001 - reported as asyncio does
            end.report("Error on transport creation for incoming connection", error)
            end.abort()
            return
        self._active[end] = None
        end.server = self
        end.open_for(protocol, context)

    def detach(self, end: Transport) -> None:
        """A connection is over."""
        self._active.pop(end, None)
        if not self._active and self._bound is None:
            self._wake()

    def _wake(self) -> None:
        waiters, self._waiters = self._waiters, None
        for waiter in waiters or ():
            if not waiter.done():
                waiter.set_result(None)


__all__ = ["Listener", "Server"]

"""TLS: the standard library's own protocol between our transport and the program's protocol, unchanged."""

from __future__ import annotations

import asyncio
import ssl
from asyncio.sslproto import SSLProtocol
from typing import Any, NamedTuple


class Security(NamedTuple):
    """How a side speaks TLS. handshake_s, shutdown_s: timeouts, None for asyncio's."""

    context: Any
    server_hostname: str | None = None
    handshake_s: float | None = None
    shutdown_s: float | None = None


def layer(loop: Any, protocol: Any, security: Security, waiter: Any, *, server_side: bool, connected: bool = True) -> SSLProtocol:
    """The protocol to put on a transport. connected: whether to tell `protocol` that a connection was made."""
    context = security.context
    if context is True or context is None:
        context = ssl.create_default_context()
    return SSLProtocol(
        loop,
        protocol,
        context,
        waiter,
        server_side,
        security.server_hostname,
        call_connection_made=connected,
        ssl_handshake_timeout=security.handshake_s,  # type: ignore[arg-type] # a float, whatever the stub says
        ssl_shutdown_timeout=security.shutdown_s,
    )


def server_side(loop: Any, protocol: Any, security: Security) -> SSLProtocol:
    """The same for an accepted connection: nobody waits for the handshake, and a failed one is the client's to report."""
    waiter = loop.create_future()
    waiter.add_done_callback(_seen)
    return layer(loop, protocol, security, waiter, server_side=True)


def _seen(waiter: asyncio.Future[None]) -> None:
    if not waiter.cancelled():
        waiter.exception()


def silence(protocol: Any) -> None:
    """The process that had this protocol is gone: nobody is to complain that it did not close."""
    transport = getattr(protocol, "_app_transport", None) if isinstance(protocol, SSLProtocol) else None
    if transport is not None:
        transport._closed = True  # noqa: SLF001 - what its finalizer asks

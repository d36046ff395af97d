"""The network calls of an event loop: what programs and libraries ask `asyncio` for, on the simulated network.

Each acts for the host that calls. Without one (a procedure of the catalogue, the world itself), each raises Escaped, as ever.
The signatures are asyncio's; what has no meaning here (`reuse_address`, flags) is accepted and has no effect.
"""

from __future__ import annotations

import asyncio
import inspect
import os
import socket
from asyncio.staggered import staggered_race
from collections.abc import Awaitable, Callable, Iterable
from contextvars import copy_context
from functools import partial, wraps
from itertools import chain, zip_longest
from typing import TYPE_CHECKING, Any

from windtunnel.sim.life import current_host
from windtunnel.sim.net import tls
from windtunnel.sim.net.connecting import connect
from windtunnel.sim.net.serving import Server
from windtunnel.sim.net.sockets import SimSocket
from windtunnel.sim.net.tls import Security
from windtunnel.sim.net.udp import DatagramTransport, PacketSocket
from windtunnel.sim.sealed import Sealed, _escaped

if TYPE_CHECKING:
    from windtunnel.sim.net.network import Interface
    from windtunnel.sim.net.tcp import Transport

CHUNK_BYTES = 262_144  # of a file, for `sendfile`


def on_host(method: Callable[..., Any]) -> Any:
    """A call that only a host can make: refused when it is made, not when it is awaited."""

    @wraps(method)
    def call(self: NetworkCalls, *args: Any, **options: Any) -> Any:
        self._interface(method.__name__)
        return method(self, *args, **options)

    return _marked(call)


def _marked(call: Any) -> Any:
    """Let it pass for the coroutine function that it stands for: mocks ask."""
    mark = getattr(inspect, "markcoroutinefunction", None)  # since 3.12
    if mark is not None:
        return mark(call)
    call._is_coroutine = asyncio.coroutines._is_coroutine  # type: ignore[attr-defined] # noqa: SLF001 - before 3.12
    return call


class NetworkCalls(Sealed):
    """Mixed into the loop. network: set by the Network that serves it."""

    network: Any = None

    def _interface(self, call: str) -> Interface:
        host = current_host()
        if host is None or self.network is None:
            raise _escaped(call)
        interface: Interface = host.interface
        return interface

    # --- Names ---

    def getaddrinfo(
        self,
        host: Any,
        port: Any,
        *,
        family: int = 0,
        type: int = 0,  # noqa: A002 - the signature is asyncio's
        proto: int = 0,
        flags: int = 0,
    ) -> Any:
        """As asyncio's, by the world's DNS."""
        return self._look_up(self._interface("getaddrinfo"), host, port, family, type, proto, flags)

    async def _look_up(
        self, interface: Interface, host: Any, port: Any, family: int, type_: int, proto: int, flags: int
    ) -> list[tuple[Any, Any, int, str, Any]]:
        names = self.network.dns
        if names.needs_server(interface, host):
            await self._pause(names.delay())
        found: list[tuple[Any, Any, int, str, Any]] = names.getaddrinfo(interface, host, port, family, type_, proto, flags)
        return found

    @on_host
    async def getnameinfo(self, sockaddr: Any, flags: int = 0) -> Any:
        """As asyncio's, by the world's DNS."""
        await self._pause(self.network.dns.delay())
        return self.network.dns.getnameinfo(sockaddr, flags)

    def _pause(self, delay_s: float) -> Awaitable[None]:
        """Until `delay_s` virtual seconds later, whatever the host's clock shows."""
        waiter: asyncio.Future[None] = self.create_future()
        kernel = self.network.kernel
        kernel.task_true(kernel.now + delay_s, _release, waiter, context=copy_context())
        return waiter

    async def _resolved(self, interface: Interface, address: Any, family: int, type_: int, proto: int = 0, flags: int = 0) -> Any:
        found = await self._look_up(interface, address[0], address[1], family, type_, proto, flags)
        if not found:
            raise OSError("getaddrinfo() returned empty list")
        return found

    # --- Connecting ---

    @on_host
    async def create_connection(
        self,
        protocol_factory: Callable[[], Any],
        host: Any = None,
        port: Any = None,
        *,
        ssl: Any = None,
        family: int = 0,
        proto: int = 0,
        flags: int = 0,
        sock: Any = None,
        local_addr: Any = None,
        server_hostname: str | None = None,
        ssl_handshake_timeout: float | None = None,
        ssl_shutdown_timeout: float | None = None,
        happy_eyeballs_delay: float | None = None,
        interleave: int | None = None,
        all_errors: bool = False,
    ) -> tuple[Any, Any]:
        """As asyncio's."""
        interface = self._interface("create_connection")
        _check_tls(ssl, server_hostname, ssl_handshake_timeout, ssl_shutdown_timeout)
        if ssl and server_hostname is None:
            if not host:
                raise ValueError("You must set server_hostname when using ssl without a host")
            server_hostname = host
        if host is not None or port is not None:
            if sock is not None:
                raise ValueError("host/port and sock can not be specified at the same time")
            found = await self._resolved(interface, (host, port), family, socket.SOCK_STREAM, proto, flags)
            local = None
            if local_addr is not None:
                local = (await self._resolved(interface, local_addr, family, socket.SOCK_STREAM, proto, flags))[0][4]
            if happy_eyeballs_delay is not None and interleave is None:
                interleave = 1
            if interleave:
                found = _interleaved(found, interleave)
            end = await self._first_of(interface, found, local, happy_eyeballs_delay, all_errors=all_errors)
        else:
            if sock is None:
                raise ValueError("host and port was not specified and no sock specified")
            if sock.type != socket.SOCK_STREAM:
                raise ValueError(f"A Stream Socket was expected, got {sock!r}")
            end = _taken(sock)
        security = Security(ssl, server_hostname, ssl_handshake_timeout, ssl_shutdown_timeout) if ssl else None
        return await self._open(end, protocol_factory, security, server_side=False)

    async def _first_of(
        self, interface: Interface, found: list[Any], local: Any, delay: float | None, *, all_errors: bool
    ) -> Transport:
        """Connect to the first of some addresses that answers."""
        errors: list[OSError] = []

        async def attempt(row: Any) -> Transport:
            try:
                return await connect(interface, row[4], local, row[0])
            except OSError as error:
                errors.append(error)
                raise

        if delay is None or len(found) == 1:
            for row in found:
                try:
                    return await attempt(row)
                except OSError:
                    continue
        else:
            end, _, _ = await staggered_race((partial(attempt, row) for row in found), delay, loop=self)
            if end is not None:
                return end  # type: ignore[no-any-return]
        try:
            if all_errors:
                raise ExceptionGroup("create_connection failed", errors)
            if len(errors) == 1 or all(str(error) == str(errors[0]) for error in errors):
                raise errors[0]
            raise OSError(f"Multiple exceptions: {', '.join(str(error) for error in errors)}")
        finally:
            errors = []  # an exception that refers to itself through this frame would live long

    async def _open(
        self, end: Transport, factory: Callable[[], Any], security: Security | None, *, server_side: bool
    ) -> tuple[Any, Any]:
        """Put a protocol, and TLS where asked for, on a connection."""
        protocol = factory()
        if security is None:
            end.open_for(protocol, copy_context())
            return end, protocol
        waiter: asyncio.Future[None] = self.create_future()
        layer = tls.layer(self, protocol, security, waiter, server_side=server_side)
        end.open_for(layer, copy_context())
        try:
            await waiter
        except BaseException:
            end.close()
            raise
        return layer._app_transport, protocol  # noqa: SLF001 - as asyncio's own loop does

    @on_host
    async def connect_accepted_socket(
        self,
        protocol_factory: Callable[[], Any],
        sock: Any,
        *,
        ssl: Any = None,
        ssl_handshake_timeout: float | None = None,
        ssl_shutdown_timeout: float | None = None,
    ) -> Any:
        """As asyncio's."""
        security = Security(ssl, "", ssl_handshake_timeout, ssl_shutdown_timeout) if ssl else None
        return await self._open(_taken(sock), protocol_factory, security, server_side=True)

    @on_host
    async def create_unix_connection(
        self,
        protocol_factory: Callable[[], Any],
        path: Any = None,
        *,
        ssl: Any = None,
        sock: Any = None,
        server_hostname: str | None = None,
        ssl_handshake_timeout: float | None = None,
        ssl_shutdown_timeout: float | None = None,
    ) -> Any:
        """As asyncio's: within one machine."""
        interface = self._interface("create_unix_connection")
        _check_tls(ssl, server_hostname, ssl_handshake_timeout, ssl_shutdown_timeout)
        if ssl and server_hostname is None:
            raise ValueError("you have to pass server_hostname when using ssl")
        if (path is None) == (sock is None):
            raise ValueError("path and sock can not be specified at the same time" if sock else "no path and sock were specified")
        security = Security(ssl, server_hostname, ssl_handshake_timeout, ssl_shutdown_timeout) if ssl else None
        end = _taken(sock) if sock is not None else await connect(interface, path, family=socket.AF_UNIX)
        return await self._open(end, protocol_factory, security, server_side=False)

    # --- Serving ---

    @on_host
    async def create_server(
        self,
        protocol_factory: Callable[[], Any],
        host: Any = None,
        port: Any = None,
        *,
        family: int = socket.AF_UNSPEC,
        flags: int = socket.AI_PASSIVE,
        sock: Any = None,
        backlog: int = 100,
        ssl: Any = None,
        reuse_address: bool | None = None,
        reuse_port: bool | None = None,
        keep_alive: bool | None = None,
        ssl_handshake_timeout: float | None = None,
        ssl_shutdown_timeout: float | None = None,
        start_serving: bool = True,
    ) -> Server:
        """As asyncio's."""
        del reuse_address, keep_alive
        interface = self._interface("create_server")
        _check_tls(ssl, None, ssl_handshake_timeout, ssl_shutdown_timeout, server=True)
        if host is not None or port is not None:
            if sock is not None:
                raise ValueError("host/port and sock can not be specified at the same time")
            hosts = (
                [None]
                if host in ("", None)
                else [host]
                if isinstance(host, str) or not isinstance(host, Iterable)
                else list(host)
            )
            bound: list[Any] = []
            for name in dict.fromkeys(hosts):
                for row in await self._resolved(interface, (name, port), family, socket.SOCK_STREAM, 0, flags):
                    bound.append(_bound(interface, row, bound, shares_port=bool(reuse_port)))
        else:
            if sock is None:
                raise ValueError("Neither host/port nor sock were specified")
            if sock.type != socket.SOCK_STREAM:
                raise ValueError(f"A Stream Socket was expected, got {sock!r}")
            bound = [simulated(sock)]
        security = Security(ssl, None, ssl_handshake_timeout, ssl_shutdown_timeout) if ssl else None
        return await self._server(interface, bound, protocol_factory, backlog, security, start=start_serving)

    async def _server(
        self,
        interface: Interface,
        bound: list[Any],
        factory: Callable[[], Any],
        backlog: int,
        security: Security | None,
        *,
        start: bool,
    ) -> Server:
        server = Server(interface, bound, factory, backlog=backlog, security=security)
        if start:
            server.listen()
            await asyncio.sleep(0)
        return server

    @on_host
    async def create_unix_server(
        self,
        protocol_factory: Callable[[], Any],
        path: Any = None,
        *,
        sock: Any = None,
        backlog: int = 100,
        ssl: Any = None,
        ssl_handshake_timeout: float | None = None,
        ssl_shutdown_timeout: float | None = None,
        start_serving: bool = True,
        cleanup_socket: bool = True,
    ) -> Any:
        """As asyncio's: within one machine."""
        del cleanup_socket
        interface = self._interface("create_unix_server")
        _check_tls(ssl, None, ssl_handshake_timeout, ssl_shutdown_timeout, server=True)
        if (path is None) == (sock is None):
            both = "path and sock can not be specified at the same time"
            raise ValueError(both if sock else "path was not specified, and no sock specified")
        if sock is None:
            sock = SimSocket.bound(interface, socket.AF_UNIX)
            try:
                sock.bind(os.fspath(path))
            except OSError as error:
                raise OSError(error.errno, f"Address {path!r} is already in use") from None
        security = Security(ssl, None, ssl_handshake_timeout, ssl_shutdown_timeout) if ssl else None
        return await self._server(interface, [simulated(sock)], protocol_factory, backlog, security, start=start_serving)

    # --- Datagrams ---

    @on_host
    async def create_datagram_endpoint(
        self,
        protocol_factory: Callable[[], Any],
        local_addr: Any = None,
        remote_addr: Any = None,
        *,
        family: int = 0,
        proto: int = 0,
        flags: int = 0,
        reuse_port: bool | None = None,
        allow_broadcast: bool | None = None,
        sock: Any = None,
    ) -> tuple[Any, Any]:
        """As asyncio's."""
        del allow_broadcast
        interface = self._interface("create_datagram_endpoint")
        if sock is not None:
            if sock.type != socket.SOCK_DGRAM:
                raise ValueError(f"A datagram socket was expected, got {sock!r}")
            simulated(sock)
            packets = sock._packets()  # noqa: SLF001 - one package
        else:
            if local_addr is None and remote_addr is None and not family:
                raise ValueError("unexpected address family")
            sock = SimSocket.bound(interface, family or socket.AF_INET, socket.SOCK_DGRAM)
            packets = sock.packets = PacketSocket(interface, sock.family, shared=bool(reuse_port))
            if local_addr is not None:
                row = (await self._resolved(interface, local_addr, family, socket.SOCK_DGRAM, proto, flags))[0]
                sock.bind(row[4])
            if remote_addr is not None:
                row = (await self._resolved(interface, remote_addr, family, socket.SOCK_DGRAM, proto, flags))[0]
                sock.connect(row[4])
        if packets.local is None:
            sock.bind(("0.0.0.0", 0))  # noqa: S104 - a simulated address
        protocol = protocol_factory()
        transport = DatagramTransport(packets, protocol, sock)
        self.call_soon(protocol.connection_made, transport, context=packets.context)
        await asyncio.sleep(0)
        while packets.queue:
            packets.transport.received(*packets.queue.popleft())
        return transport, protocol

    # --- TLS on a connection, files ---

    @on_host
    async def start_tls(
        self,
        transport: Any,
        protocol: Any,
        sslcontext: Any,
        *,
        server_side: bool = False,
        server_hostname: str | None = None,
        ssl_handshake_timeout: float | None = None,
        ssl_shutdown_timeout: float | None = None,
    ) -> Any:
        """As asyncio's: also over a transport of TLS."""
        security = Security(sslcontext, server_hostname, ssl_handshake_timeout, ssl_shutdown_timeout)
        waiter: asyncio.Future[None] = self.create_future()
        layer = tls.layer(self, protocol, security, waiter, server_side=server_side, connected=False)
        transport.pause_reading()
        transport.set_protocol(layer)
        made = self.call_soon(layer.connection_made, transport)
        resumed = self.call_soon(transport.resume_reading)
        try:
            await waiter
        except BaseException:
            transport.close()
            made.cancel()
            resumed.cancel()
            raise
        return layer._app_transport  # noqa: SLF001 - as asyncio's own loop does

    @on_host
    async def sendfile(
        self, transport: Any, file: Any, offset: int = 0, count: int | None = None, *, fallback: bool = True
    ) -> Any:
        """As asyncio's fallback: reads the file and writes it."""
        if not fallback:
            raise asyncio.SendfileNotAvailableError("sendfile is not simulated; allow the fallback")
        return await self._send_file(file, offset, count, partial(self._write_all, transport))

    async def _send_file(self, file: Any, offset: int, count: int | None, write: Callable[[bytes], Awaitable[Any]]) -> int:
        if "b" not in getattr(file, "mode", "b"):
            raise ValueError("file should be opened in binary mode")
        if hasattr(file, "seek"):
            file.seek(offset)
        sent = 0
        while count is None or sent < count:
            data = file.read(CHUNK_BYTES if count is None else min(CHUNK_BYTES, count - sent))
            if not data:
                break
            await write(data)
            sent += len(data)
        if hasattr(file, "seek"):
            file.seek(offset + sent)
        return sent

    async def _write_all(self, transport: Any, data: bytes) -> None:
        if transport.is_closing():
            raise ConnectionError("Connection closed by peer")
        transport.write(data)
        while transport.get_write_buffer_size() > transport.get_write_buffer_limits()[1]:
            await self._pause(0.001)
            if transport.is_closing():
                raise ConnectionError("Connection closed by peer")


def _release(waiter: asyncio.Future[None]) -> None:
    if not waiter.done():
        waiter.set_result(None)


def _interleaved(found: list[Any], first: int) -> list[Any]:
    families: dict[int, list[Any]] = {}
    for row in found:
        families.setdefault(row[0], []).append(row)
    lists = list(families.values())
    head = lists[0][: first - 1] if first > 1 else []
    if first > 1:
        del lists[0][: first - 1]
    return head + [row for row in chain.from_iterable(zip_longest(*lists)) if row is not None]


def _check_tls(
    context: Any, server_hostname: str | None, handshake_s: float | None, shutdown_s: float | None, *, server: bool = False
) -> None:
    if server and isinstance(context, bool):
        raise TypeError("ssl argument must be an SSLContext or None")
    if context:
        return
    if server_hostname is not None:
        raise ValueError("server_hostname is only meaningful with ssl")
    if handshake_s is not None:
        raise ValueError("ssl_handshake_timeout is only meaningful with ssl")
    if shutdown_s is not None:
        raise ValueError("ssl_shutdown_timeout is only meaningful with ssl")


def simulated(sock: Any) -> SimSocket:
    """The socket, if it is one of ours. Raises Escaped."""
    if not isinstance(sock, SimSocket):
        raise _escaped(f"a real socket, {sock!r}, made outside of a host")
    return sock


def _taken(sock: Any) -> Transport:
    """The connection of a socket, for a transport."""
    end = simulated(sock).connected_end()
    end.socket = sock
    return end


def _bound(interface: Interface, row: Any, earlier: list[Any], *, shares_port: bool) -> SimSocket:
    """A socket bound to an address that `getaddrinfo` gave. Closes the earlier ones when that fails."""
    sock = SimSocket.bound(interface, row[0])
    if shares_port:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    try:
        sock.bind(row[4])
    except OSError as error:
        for other in earlier:
            other.close()
        text = f"error while attempting to bind on address {row[4]!r}: {str(error.strerror).lower()}"
        raise OSError(error.errno, text) from None
    return sock

"""The `sock_*` calls of an event loop, over simulated sockets."""

from __future__ import annotations

import asyncio
import socket
from typing import Any

from windtunnel.sim.net.calls import NetworkCalls, on_host, simulated
from windtunnel.sim.net.connecting import connect
from windtunnel.sim.net.sockets import SimSocket, apply_options, flushed, readable


class SocketCalls(NetworkCalls):
    """Mixed into the loop: connecting, accepting, receiving and sending on sockets that libraries made themselves."""

    @on_host
    async def sock_connect(self, sock: Any, address: Any) -> None:
        """As asyncio's."""
        interface = self._interface("sock_connect")
        sock = simulated(sock)
        if sock.type == socket.SOCK_DGRAM:
            sock.connect(address)
            return
        local = None
        if sock.family != socket.AF_UNIX:
            row = (await self._resolved(interface, address, sock.family, socket.SOCK_STREAM))[0]
            address = row[4]
            local = sock.listener.address if sock.listener is not None else None
        sock.end = await connect(interface, address, local, sock.family)
        sock.end.socket = sock
        apply_options(sock.end, sock._options)  # noqa: SLF001 - one package

    @on_host
    async def sock_accept(self, sock: Any) -> tuple[Any, Any]:
        """As asyncio's."""
        listener = simulated(sock).listener
        if listener is None or not listener.listening:
            raise OSError(22, "Invalid argument")
        while True:
            end = listener.take()
            if end is not None:
                made = SimSocket.of(end)
                end.socket = made
                return made, end.remote
            waiter: asyncio.Future[None] = self.create_future()
            listener.waiters.append(waiter)
            await waiter

    @on_host
    async def sock_recv(self, sock: Any, nbytes: int) -> bytes:
        """As asyncio's."""
        if sock.type == socket.SOCK_DGRAM:
            return bytes((await self.sock_recvfrom(sock, nbytes))[0])
        return await readable(simulated(sock).connected_end(), nbytes)

    @on_host
    async def sock_recv_into(self, sock: Any, buf: Any) -> int:
        """As asyncio's."""
        view = memoryview(buf).cast("B")
        data = await self.sock_recv(sock, len(view))
        view[: len(data)] = data
        return len(data)

    @on_host
    async def sock_recvfrom(self, sock: Any, bufsize: int) -> tuple[bytes, Any]:
        """As asyncio's."""
        packets = simulated(sock)._packets()  # noqa: SLF001 - one package
        while True:
            found = packets.take()
            if found is not None:
                return found[0][:bufsize], found[1]
            waiter: asyncio.Future[None] = self.create_future()
            packets.waiters.append(waiter)
            await waiter

    @on_host
    async def sock_recvfrom_into(self, sock: Any, buf: Any, nbytes: int = 0) -> tuple[int, Any]:
        """As asyncio's."""
        view = memoryview(buf).cast("B")
        data, source = await self.sock_recvfrom(sock, nbytes or len(view))
        view[: len(data)] = data
        return len(data), source

    @on_host
    async def sock_sendall(self, sock: Any, data: Any) -> None:
        """As asyncio's."""
        end = simulated(sock).connected_end()
        if end.error is not None:
            raise end.error
        if end.eof_asked or end.gone:
            raise BrokenPipeError(32, "Broken pipe")
        end.send(bytes(data))
        await flushed(end)

    @on_host
    async def sock_sendto(self, sock: Any, data: Any, address: Any) -> int:
        """As asyncio's."""
        return simulated(sock).sendto(data, address)

    @on_host
    async def sock_sendfile(
        self, sock: Any, file: Any, offset: int = 0, count: int | None = None, *, fallback: bool | None = None
    ) -> int:
        """As asyncio's fallback: reads the file and sends it."""
        del fallback
        return await self._send_file(file, offset, count, lambda data: self.sock_sendall(sock, data))

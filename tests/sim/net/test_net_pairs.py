"""`socket.socketpair` inside a host."""

import asyncio
import socket

import pytest

from windtunnel.base.errors import Escaped


def test_both_ends_carry_streams(net):
    """What one end writes the other reads, either way, and the end of the stream arrives."""

    async def main():
        one, other = socket.socketpair()
        assert one.family == socket.AF_UNIX
        _, writer = await asyncio.open_connection(sock=one)
        reader, back = await asyncio.open_connection(sock=other)
        writer.write(b"there")
        back.write(b"and back")
        there = await reader.readexactly(5)
        writer.close()
        await writer.wait_closed()
        rest = await reader.read()
        back.close()
        await back.wait_closed()
        return there, rest

    assert net.run(main()) == (b"there", b"")


def test_the_sock_calls_of_the_loop(net):
    """Non-blocking sockets of a pair work with `sock_sendall` and `sock_recv`."""

    async def main():
        loop = asyncio.get_running_loop()
        one, other = socket.socketpair()
        one.setblocking(False)
        other.setblocking(False)
        await loop.sock_sendall(one, b"hello")
        with pytest.raises(BlockingIOError):
            one.recv(1)
        return await loop.sock_recv(other, 100)

    assert net.run(main()) == b"hello"


def test_pairs_of_datagram_sockets_are_refused(net):
    """Only streams are simulated; the refusal says so."""

    async def main():
        with pytest.raises(Escaped, match="stream sockets"):
            socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)

    net.run(main())


def test_outside_of_hosts_pairs_are_real(net):
    """Asyncio's own loops need them."""
    one, other = socket.socketpair()
    with one, other:
        one.send(b"real")
        assert other.recv(10) == b"real"

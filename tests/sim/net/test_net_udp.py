"""Datagrams: lost, repeated, overtaken, refused; broadcast and multicast."""

import asyncio
import errno
import socket
import struct

import pytest


class Box(asyncio.DatagramProtocol):
    """Notes what it gets, and echoes if asked to."""

    def __init__(self, *, echo=False):
        self.log = []
        self.errors = []
        self.echo = echo
        self.lost = asyncio.get_running_loop().create_future()

    def connection_made(self, transport):
        self.transport = transport

    def datagram_received(self, data, addr):
        self.log.append((data, addr))
        if self.echo:
            self.transport.sendto(data, addr)

    def error_received(self, exc):
        self.errors.append(exc)

    def connection_lost(self, exc):
        self.lost.set_result(exc)


async def box_on_b(net, *, port=53, echo=True, **options):
    async def serve():
        _, box = await net.loop.create_datagram_endpoint(lambda: Box(echo=echo), ("0.0.0.0", port), **options)
        return box

    return await net.b.spawn(serve())


def test_there_and_back(net):
    """Unconnected and connected sockets: who sent it is visible, and answers come back."""

    async def main():
        server = await box_on_b(net)
        transport, box = await net.loop.create_datagram_endpoint(Box, local_addr=("0.0.0.0", 5000))
        transport.sendto(b"one", ("b", 53))
        transport.sendto(bytearray(b"two"), ("10.0.0.2", 53))
        connected, other = await net.loop.create_datagram_endpoint(Box, remote_addr=("b", 53))
        connected.sendto(b"three")
        await asyncio.sleep(0.1)
        assert sorted(data for data, _ in server.log) == [b"one", b"three", b"two"]
        assert sorted(box.log) == [(b"one", ("10.0.0.2", 53)), (b"two", ("10.0.0.2", 53))]
        assert other.log == [(b"three", ("10.0.0.2", 53))]
        assert ("10.0.0.1", 5000) in {source for _, source in server.log}
        assert connected.get_extra_info("peername") == ("10.0.0.2", 53)
        assert transport.get_extra_info("sockname") == ("0.0.0.0", 5000)
        assert transport.get_extra_info("socket").getsockname() == ("0.0.0.0", 5000)
        transport.close()
        transport.abort()
        assert transport.is_closing()
        assert await box.lost is None
        transport.sendto(b"late", ("b", 53))
        await asyncio.sleep(0.1)
        assert len(server.log) == 3

    net.run(main())


def test_packets_are_lost_repeated_and_overtaken(net):
    """The weather decides on each packet; TCP's order is not UDP's."""
    net.links.weather(drop=0.2, duplicate=0.2)

    async def main():
        server = await box_on_b(net, echo=False)
        transport, _ = await net.loop.create_datagram_endpoint(Box, remote_addr=("b", 53))
        for i in range(200):
            transport.sendto(struct.pack("i", i))
        await asyncio.sleep(1.0)
        got = [struct.unpack("i", data)[0] for data, _ in server.log]
        assert 130 < len(set(got)) < 190
        assert len(got) > len(set(got))
        assert got != sorted(got)

    net.run(main())


def test_a_cut_loses_packets_or_holds_them(net):
    """A plain cut loses; with hold they leave at the heal. A crashed machine hears nothing, nor does a closed socket."""

    async def main():
        server = await box_on_b(net, echo=False)
        transport, box = await net.loop.create_datagram_endpoint(Box, local_addr=("0.0.0.0", 5000))
        net.links.cut("a", "b")
        transport.sendto(b"lost", ("b", 53))
        net.links.heal()
        net.links.cut("a", "b", hold=True)
        transport.sendto(b"held", ("b", 53))
        await asyncio.sleep(10.0)
        assert server.log == []
        net.links.heal()
        await asyncio.sleep(0.1)
        assert [data for data, _ in server.log] == [b"held"]
        transport.sendto(b"x", ("b", 53))
        net.b.crash()
        await asyncio.sleep(1.0)
        net.b.start()
        transport.sendto(b"y", ("b", 53))
        await asyncio.sleep(1.0)
        assert len(server.log) == 1
        assert box.errors == []

    net.run(main())


def test_a_connected_socket_hears_of_refusals(net):
    """ICMP port unreachable becomes error_received, as on Linux; an unconnected socket hears nothing."""

    async def main():
        transport, box = await net.loop.create_datagram_endpoint(Box, remote_addr=("b", 9))
        transport.sendto(b"x")
        await asyncio.sleep(0.1)
        assert [type(error) for error in box.errors] == [ConnectionRefusedError]
        with pytest.raises(ValueError, match="must be None or"):
            transport.sendto(b"x", ("10.0.0.9", 9))
        with pytest.raises(TypeError):
            transport.sendto("text")
        transport.sendto(b"x" * 70_000)
        assert box.errors[-1].errno == errno.EMSGSIZE

    net.run(main())


def test_a_connected_socket_hears_only_its_peer(net):
    """What others send to its port is not for it."""

    async def main():
        server = await box_on_b(net, echo=False)
        transport, box = await net.loop.create_datagram_endpoint(Box, remote_addr=("b", 53))
        port = transport.get_extra_info("sockname")[1]

        async def stranger():
            other, _ = await net.loop.create_datagram_endpoint(Box, local_addr=("0.0.0.0", 7))
            other.sendto(b"spam", ("a", port))

        await net.b.spawn(stranger())
        transport.sendto(b"hello")
        await asyncio.sleep(0.1)
        server.transport.sendto(b"answer", ("10.0.0.1", port))
        await asyncio.sleep(0.1)
        assert box.log == [(b"answer", ("10.0.0.2", 53))]

    net.run(main())


def test_ports_of_datagrams_are_exclusive_unless_shared(net):
    """EADDRINUSE, and SO_REUSEPORT against it; a closed one is free again."""

    async def main():
        make = net.loop.create_datagram_endpoint
        first, _ = await make(Box, local_addr=("0.0.0.0", 53))
        with pytest.raises(OSError, match="already in use"):
            await make(Box, local_addr=("127.0.0.1", 53))
        first.close()
        await make(Box, local_addr=("127.0.0.1", 53), reuse_port=True)
        await make(Box, local_addr=("127.0.0.1", 53), reuse_port=True)
        with pytest.raises(ValueError, match="address family"):
            await make(Box)

    net.run(main())


def test_broadcast_and_multicast(net):
    """255.255.255.255 reaches every machine; a group reaches whoever joined it."""

    async def main():
        server = await box_on_b(net, echo=False)
        transport, _ = await net.loop.create_datagram_endpoint(Box, local_addr=("0.0.0.0", 5000), allow_broadcast=True)
        transport.sendto(b"all", ("255.255.255.255", 53))
        transport.sendto(b"group", ("224.0.0.251", 53))
        await asyncio.sleep(0.1)
        assert [data for data, _ in server.log] == [b"all"]
        member = struct.pack("4sl", socket.inet_aton("224.0.0.251"), socket.INADDR_ANY)
        server.transport.get_extra_info("socket").setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, member)
        transport.sendto(b"group", ("224.0.0.251", 53))
        await asyncio.sleep(0.1)
        assert [data for data, _ in server.log] == [b"all", b"group"]
        server.transport.close()
        transport.sendto(b"group", ("224.0.0.251", 53))
        await asyncio.sleep(0.1)

    net.run(main())


def test_a_paused_process_gets_its_packets_later(net):
    """What arrives while it is frozen waits in its system."""

    async def main():
        server = await box_on_b(net, echo=False)
        transport, _ = await net.loop.create_datagram_endpoint(Box, remote_addr=("b", 53))
        net.b.port.pause()
        transport.sendto(b"x")
        await asyncio.sleep(1.0)
        assert server.log == []
        net.b.port.resume()
        await asyncio.sleep(0.001)
        assert [data for data, _ in server.log] == [b"x"]

    net.run(main())


def test_datagram_sockets_without_a_protocol(net):
    """`sock_sendto`, `sock_recvfrom` and the non-blocking methods, as libraries for DNS use them."""

    async def main():
        await box_on_b(net)
        loop = net.loop
        sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        sock.setblocking(False)
        sock.bind(("0.0.0.0", 0))
        with pytest.raises(BlockingIOError):
            sock.recvfrom(10)
        await loop.sock_sendto(sock, b"one", ("10.0.0.2", 53))
        assert await loop.sock_recvfrom(sock, 10) == (b"one", ("10.0.0.2", 53))
        sock.sendto(b"two", ("10.0.0.2", 53))
        buffer = bytearray(10)
        assert await loop.sock_recvfrom_into(sock, buffer) == (3, ("10.0.0.2", 53))
        assert buffer[:3] == b"two"
        await loop.sock_connect(sock, ("10.0.0.2", 53))
        assert sock.send(b"three") == 5
        await asyncio.sleep(0.1)
        assert sock.recv(100) == b"three"
        transport, box = await loop.create_datagram_endpoint(Box, sock=sock)
        transport.sendto(b"four")
        await asyncio.sleep(0.1)
        assert box.log == [(b"four", ("10.0.0.2", 53))]
        transport.close()
        await box.lost
        assert sock.fileno() == -1

    net.run(main())

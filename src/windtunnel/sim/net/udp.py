"""UDP: packets that are lost, repeated and overtaken, as the links' weather decides.

A packet meets bandwidth, loss, duplication and latency of its link, each on its own. A cut loses it; a cut that holds keeps
it until the heal. A packet for a port where nobody listens comes back as an ICMP error, which only a connected socket hears of.
255.255.255.255 reaches every machine, a multicast address the sockets that joined it.
"""

from __future__ import annotations

import asyncio
import errno
import os
import socket
from collections import deque
from contextvars import Context, copy_context
from typing import TYPE_CHECKING, Any
from zlib import crc32

if TYPE_CHECKING:
    from windtunnel.sim.net.network import Interface
    from windtunnel.sim.net.sockets import SimSocket

HEADERS = 28  # bytes of IP and UDP around a packet
PACKET_MAX = 65_507  # bytes of payload that fit into one
BROADCAST = "255.255.255.255"
QUEUE_MAX = 256  # packets that wait for a program that does not read; more are dropped


class PacketSocket:
    """A datagram socket: the inside of a SimSocket, or of a transport. local: its address, None until it is bound."""

    __slots__ = ("context", "family", "groups", "interface", "local", "queue", "remote", "shared", "transport", "waiters")

    def __init__(self, interface: Interface, family: int, *, shared: bool = False) -> None:
        self.interface = interface
        self.family = family
        self.shared = shared
        self.local: Any = None
        self.remote: Any = None
        self.transport: DatagramTransport | None = None
        self.context: Context = copy_context()
        self.queue: deque[tuple[bytes, Any]] = deque()
        self.waiters: list[asyncio.Future[None]] = []
        self.groups: list[str] = []

    # --- Names ---

    def bind(self, local: Any) -> None:
        """Take an address. Raises OSError when somebody has it."""
        interface = self.interface
        if interface.packets is None:
            interface.packets = {}
        others = interface.packets.setdefault(local[1], [])
        wild = ("0.0.0.0", "::")  # noqa: S104 - simulated addresses
        for other in others:
            same = other.local[0] == local[0] or other.local[0] in wild or local[0] in wild
            if same and not (other.shared and self.shared):
                raise OSError(errno.EADDRINUSE, os.strerror(errno.EADDRINUSE))
        others.append(self)
        self.local = local

    def connect(self, remote: Any) -> None:
        """Send to `remote`, and hear only from it. Raises OSError when there is no way to it."""
        target = self.interface.reach(remote[0])
        if target is None and remote[0] != BROADCAST and not _is_group(remote[0]):
            raise OSError(errno.ENETUNREACH, os.strerror(errno.ENETUNREACH))
        self._need_name(remote[0])
        self.remote = remote

    def join(self, group: str) -> None:
        """Hear what is sent to a multicast address."""
        self.interface.network.groups.setdefault(group, {})[self] = None
        self.groups.append(group)

    def _need_name(self, towards: str) -> None:
        if self.local is None:
            interface = self.interface
            target = interface.reach(towards) or interface
            port = interface.ephemeral()
            source = interface.source(target, towards) if self.remote or target is interface else interface.ip
            self.bind((source, port, 0, 0) if self.family == socket.AF_INET6 else (source, port))

    # --- Sending ---

    def send(self, data: bytes, address: Any) -> int:
        """Send one packet. Raises OSError for one that is too large, or without a destination."""
        to = address or self.remote
        if to is None:
            raise OSError(errno.EDESTADDRREQ, os.strerror(errno.EDESTADDRREQ))
        if len(data) > PACKET_MAX:
            raise OSError(errno.EMSGSIZE, os.strerror(errno.EMSGSIZE))
        interface = self.interface
        names = interface.network.dns.addresses(interface, to[0], 0)
        self._need_name(names[0])
        interface.network.kernel.mix(len(data) << 32 ^ crc32(data))
        for target in self._targets(names[0]):
            self._send_to(target, names[0], int(to[1]), data)
        return len(data)

    def _targets(self, address: str) -> list[Interface]:
        network = self.interface.network
        if address == BROADCAST:
            return [host.interface for host in network.world.hosts.values()]
        if _is_group(address):
            return list(dict.fromkeys(member.interface for member in network.groups.get(address, ())))
        target = self.interface.reach(address)
        return [] if target is None else [target]

    def _send_to(self, target: Interface, address: str, port: int, data: bytes) -> None:
        network = self.interface.network
        arrivals = network.kernel.datagram(self.interface.port, target.port, len(data) + HEADERS)
        if arrivals is None:
            network.held.append(lambda: self._send_to(target, address, port, data))
            return
        source = self.local
        if source[0] in ("0.0.0.0", "::"):  # noqa: S104 - the system fills in the address that it sends from
            source = (self.interface.source(target, address), *source[1:])
        for due in arrivals:
            network.at(due, self._arrive, target, address, port, data, source)

    def _arrive(self, target: Interface, address: str, port: int, data: bytes, source: Any) -> None:
        if not target.up:
            return
        network = self.interface.network
        if _is_group(address):
            found = [
                one for one in network.groups.get(address, ()) if one.interface is target and one.local and one.local[1] == port
            ]
        else:
            found = [one for one in (target.packets or {}).get(port, ()) if one.hears(address, source)][:1]
        for one in found:
            network.kernel.task_true(network.kernel.now, one.take_in, data, source, context=one.context)
        if not found and self.remote is not None:
            back = network.kernel.datagram(target.port, self.interface.port, HEADERS)
            for due in back or ():
                network.kernel.task_true(due, self._refused, context=self.context)

    def _refused(self) -> None:
        if self.transport is not None:
            self.transport.tell_error(ConnectionRefusedError(errno.ECONNREFUSED, os.strerror(errno.ECONNREFUSED)))

    # --- Receiving ---

    def hears(self, address: str, source: Any) -> bool:
        """Whether a packet to `address` from `source` is for this socket, the port being right."""
        mine = self.local[0]
        if mine not in ("0.0.0.0", "::") and address not in (mine, BROADCAST):  # noqa: S104 - simulated addresses
            return False
        return self.remote is None or tuple(self.remote[:2]) == tuple(source[:2])

    def take_in(self, data: bytes, source: Any) -> None:
        """A packet is here, in the context of the program."""
        if self.local is None:
            return
        if self.transport is not None:
            self.transport.received(data, source)
        elif len(self.queue) < QUEUE_MAX:
            self.queue.append((data, source))
            for waiter in self.waiters:
                if not waiter.done():
                    waiter.set_result(None)
            self.waiters.clear()

    def take(self) -> tuple[bytes, Any] | None:
        """The oldest packet that waits."""
        return self.queue.popleft() if self.queue else None

    # --- Ending ---

    def close(self) -> None:
        """Give the address up."""
        if self.local is not None:
            others = (self.interface.packets or {}).get(self.local[1], [])
            if self in others:
                others.remove(self)
            if not others and self.interface.packets is not None:
                self.interface.packets.pop(self.local[1], None)
        for group in self.groups:
            self.interface.network.groups[group].pop(self, None)
        self.groups.clear()

    def die(self) -> None:
        """The process is gone."""
        self.close()
        self.local = None


class DatagramTransport(asyncio.DatagramTransport):
    """As asyncio's own. Sending never waits, so the protocol is never asked to pause."""

    def __init__(self, packets: PacketSocket, protocol: Any, sock: SimSocket) -> None:
        super().__init__({"sockname": packets.local, "socket": sock})
        if packets.remote is not None:
            self._extra["peername"] = packets.remote  # type: ignore[attr-defined] # of asyncio's base class
        self._packets = packets
        self._protocol = protocol
        self._sock = sock
        self._closing = False
        packets.transport = self
        packets.context = copy_context()

    def sendto(self, data: Any, addr: Any = None) -> None:
        """As asyncio's."""
        if not isinstance(data, bytes | bytearray | memoryview):
            raise TypeError(f"data argument must be a bytes-like object, not {type(data).__name__!r}")
        remote = self._packets.remote
        if remote is not None and addr not in (None, remote):
            raise ValueError(f"Invalid address: must be None or {remote}")
        if self._closing:
            return
        try:
            self._packets.send(bytes(data), addr)
        except OSError as error:
            self.tell_error(error)

    def received(self, data: bytes, source: Any) -> None:
        """A packet for the protocol."""
        if not self._closing:
            self._protocol.datagram_received(data, source)

    def tell_error(self, error: OSError) -> None:
        """A packet that was sent came to nothing."""
        if not self._closing:
            self._protocol.error_received(error)

    def is_closing(self) -> bool:
        """As asyncio's."""
        return self._closing

    def close(self) -> None:
        """As asyncio's."""
        if self._closing:
            return
        self._closing = True
        network = self._packets.interface.network
        if self._packets.local is not None:
            self._packets.close()
            network.loop.call_soon(self._lost, context=self._packets.context)

    def abort(self) -> None:
        """As asyncio's."""
        self.close()

    def _lost(self) -> None:
        try:
            self._protocol.connection_lost(None)
        finally:
            self._sock.ended()

    def set_protocol(self, protocol: Any) -> None:
        """As asyncio's."""
        self._protocol = protocol

    def get_protocol(self) -> Any:
        """As asyncio's."""
        return self._protocol

    def get_write_buffer_size(self) -> int:
        """Nothing ever waits."""
        return 0


def _is_group(address: str) -> bool:
    first = address.partition(".")[0]
    return first.isdigit() and 224 <= int(first) <= 239

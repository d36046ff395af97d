"""The network of a world, and each machine's place in it.

An address follows from the machine's number: the host of port i is 10.x.y.z with i + 1 in its last three bytes, so nothing needs
to be kept for machines that never speak. Latency, weather, bandwidth and cuts are the links' (`sim.links`); what travels draws
from the same stream as messages of the callback tier.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextvars import Context
from typing import Any, NamedTuple

from windtunnel.sim.net import pairs, sockets
from windtunnel.sim.net.names import Names
from windtunnel.sim.net.tcp import Transport, transport_type
from windtunnel.sim.pipe import SEGMENT_MAX, WINDOW

FIRST_EPHEMERAL, LAST_EPHEMERAL = 32_768, 60_999  # net.ipv4.ip_local_port_range
LOOPBACK = frozenset(("127.0.0.1", "::1", "0.0.0.0", "::", ""))  # noqa: S104 - reach the machine itself, on Linux


class NetEvent(NamedTuple):
    """Something about a connection that a log should show. kind: connected, accepted, refused, reset, timed out, parked ..."""

    at_s: float
    kind: str
    host: str
    text: str


class Network:
    """All machines' network. `world`: has `kernel`, `loop`, and `hosts` by name.

    dns: the names. window: bytes that a receiver takes before its program reads them. segment_max: bytes that arrive at once, at
    most; a small one shows programs that take one write for one read. Both hold for connections made later.
    """

    def __init__(self, world: Any) -> None:
        self.world = world
        self.kernel = world.kernel
        self.loop = world.loop
        self.dns = Names(self)
        self.window = WINDOW
        self.segment_max = SEGMENT_MAX
        self.nobody = Context()  # of what the systems of the machines do: it belongs to no life
        self.transport: type[Transport] = transport_type(self.kernel.pipe_type)
        self.groups: dict[str, dict[Any, None]] = {}  # multicast address -> sockets that joined
        self.held: list[Callable[[], object]] = []  # datagrams that a cut holds
        self._listeners: list[Callable[[NetEvent], object]] = []
        self.loop.network = self
        self.kernel.on_heal.append(self._mended)
        self.kernel.on_cut.append(self._cut)
        sockets.install()
        pairs.install()

    def attach(self, host: Any) -> Interface:
        """The place of a machine."""
        return Interface(self, host)

    def interfaces(self) -> Iterator[Interface]:
        """Of all machines that have used the network or were looked for."""
        for host in self.world.hosts.values():
            if getattr(host, "_interface", None) is not None:
                yield host.interface

    def find(self, address: str) -> Interface | None:
        """The machine that has an address, or None."""
        parts = address.split(".")
        if len(parts) != 4 or parts[0] != "10":
            return None
        try:
            index = (int(parts[1]) << 16 | int(parts[2]) << 8 | int(parts[3])) - 1
        except ValueError:
            return None
        ports = self.kernel.ports
        if not 0 <= index < len(ports):
            return None
        host = self.world.hosts.get(ports[index].name)
        return None if host is None else host.interface

    def on_event(self, listener: Callable[[NetEvent], object]) -> None:
        """Tell `listener` of every NetEvent from now on."""
        self._listeners.append(listener)

    def tell(self, kind: str, interface: Interface, text: Callable[[], str]) -> None:
        """Something happened; `text` is only asked for when somebody listens."""
        if self._listeners:
            event = NetEvent(self.kernel.now, kind, interface.host.name, text())
            for listener in self._listeners:
                listener(event)

    def later(self, delay_s: float, callback: Callable[..., Any], *args: Any) -> Any:
        """Have the systems of the machines do something after `delay_s` virtual seconds. Returns the handle."""
        return self.kernel.task_true(self.kernel.now + delay_s, callback, *args, context=self.nobody)

    def at(self, when_s: float, callback: Callable[..., Any], *args: Any) -> Any:
        """The same at a virtual time."""
        return self.kernel.task_true(when_s, callback, *args, context=self.nobody)

    def _mended(self) -> None:
        held, self.held = self.held, []
        for send in held:
            send()

    def _cut(self) -> None:
        for interface in self.interfaces():
            interface.watch()


class Interface:
    """One machine's place in the network: its address, what listens there, its connections."""

    __slots__ = ("_next", "ends", "host", "ip", "listeners", "network", "packets", "paths", "port", "watched")

    def __init__(self, network: Network, host: Any) -> None:
        self.network = network
        self.host = host
        self.port = host.port
        number = host.port.index + 1
        self.ip = f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}"
        self.ends: dict[Transport, None] = {}  # of connections that are not closed here
        self.listeners: dict[int, list[Any]] | None = None  # port -> listeners on different addresses
        self.packets: dict[int, list[Any]] | None = None  # port -> datagram sockets
        self.paths: dict[str, Any] | None = None  # Unix sockets
        self.watched: dict[Transport, None] | None = None  # connections with keep-alive
        self._next = FIRST_EPHEMERAL

    @property
    def up(self) -> bool:
        """Whether the machine answers at all: it does when only its process has ended."""
        return bool(self.host.up)

    # --- Addresses ---

    def reach(self, address: str) -> Interface | None:
        """The machine that `address` means, seen from here."""
        if address in LOOPBACK or address == self.ip or address.startswith("127."):
            return self
        return self.network.find(address)

    def owns(self, address: str) -> bool:
        """Whether one may bind to `address` here."""
        return address in LOOPBACK or address == self.ip or address.startswith("127.")

    def source(self, target: Interface, address: str) -> str:
        """The address that a connection to `address` comes from."""
        if target is not self:
            return self.ip
        return "::1" if ":" in address else self.ip if address == self.ip else "127.0.0.1"

    def ephemeral(self) -> int:
        """A port that nobody here has."""
        for _ in range(LAST_EPHEMERAL - FIRST_EPHEMERAL + 1):
            port = self._next
            self._next = port + 1 if port < LAST_EPHEMERAL else FIRST_EPHEMERAL
            if not (self.listeners and port in self.listeners) and not (self.packets and port in self.packets):
                return port
        raise OSError(99, "Cannot assign requested address")

    # --- Life ---

    def crash(self) -> None:
        """The power goes: whatever was open is forgotten. Peers hear nothing; they learn by their own timeouts."""
        ends, self.ends = self.ends, {}
        for end in ends:
            end.die()
        self._forget()

    def reset(self) -> None:
        """The process dies: its system closes what it had open, and resets whoever goes on talking."""
        ends, self.ends = self.ends, {}
        for end in ends:
            end.hang_up()
        self._forget()

    def open_connections(self) -> list[Transport]:
        """The connections that the process has open, oldest first."""
        return [end for end in self.ends if not end.is_closing()]

    def watch(self) -> None:
        """Links were cut: keep-alive may have to find out."""
        for end in tuple(self.watched or ()):
            end.keep_watch()

    def _forget(self) -> None:
        for listeners in tuple((self.listeners or {}).values()):
            for listener in tuple(listeners):
                listener.close()
        for listener in tuple((self.paths or {}).values()):
            listener.close()
        for packets in tuple((self.packets or {}).values()):
            for packet in tuple(packets):
                packet.die()
        self.listeners = self.packets = self.paths = self.watched = None

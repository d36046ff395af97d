"""How a connection comes about: the three-way handshake, listeners and their backlog.

SYN, SYN-ACK and the client's first segment each cross the link. The client is connected when the SYN-ACK is there; the server
accepts when the client's first segment is, which travels in the order of the stream, so that nothing overtakes it. A SYN that
finds no machine, a full backlog or a cut is repeated after 1 s, 2 s, 4 s ..., as on Linux, for two minutes.
"""

from __future__ import annotations

import asyncio
import errno
import os
import socket
from collections.abc import Callable
from contextvars import copy_context
from typing import TYPE_CHECKING, Any

from windtunnel.sim.life import LIFE
from windtunnel.sim.net.reliable import CLOSED, DEAD, OPENED
from windtunnel.sim.pipe import HEADERS

if TYPE_CHECKING:
    from windtunnel.sim.net.network import Interface, Network
    from windtunnel.sim.net.tcp import Transport

SYN_TIMEOUT_S = 1.0  # then twice as long, each time
SYN_RETRIES = 6  # net.ipv4.tcp_syn_retries: given up after 127 s
NO_NEIGHBOUR_S = 3.0  # until the system says that a machine of the own network does not exist


class Listener:
    """A bound stream socket, and once `listen` was called a listening one. Raises OSError when the address is taken.

    accept(end): takes a new connection; None: they wait for `sock_accept`. pending: connections whose handshake is done or under
    way and which the program has not accepted. reuse: whether others may have the same address (SO_REUSEPORT).
    """

    # half_open: calls that were answered and have not answered back. Those of callers that died go when somebody counts.

    __slots__ = (
        "_accepting",
        "accept",
        "address",
        "backlog",
        "closed",
        "half_open",
        "interface",
        "key",
        "listening",
        "queue",
        "reuse",
        "waiters",
    )

    def __init__(self, interface: Interface, address: Any, *, reuse: bool = False) -> None:
        self.interface = interface
        self.address = address
        self.accept: Callable[[Transport], None] | None = None
        self.backlog = 0
        self.listening = False
        self.reuse = reuse
        self.closed = False
        self._accepting = 0  # connected, and not the program's yet
        self.half_open: dict[Dial, None] = {}
        self.queue: list[Transport] = []  # accepted by the system, not by the program
        self.waiters: list[asyncio.Future[None]] = []
        self.key = address if isinstance(address, str) else address[0]
        self._enter()

    def _enter(self) -> None:
        interface = self.interface
        if isinstance(self.address, str):
            if interface.paths is None:
                interface.paths = {}
            if self.address in interface.paths:
                raise OSError(errno.EADDRINUSE, os.strerror(errno.EADDRINUSE))
            interface.paths[self.address] = self
            return
        if interface.listeners is None:
            interface.listeners = {}
        others = interface.listeners.setdefault(self.address[1], [])
        for other in others:
            if _overlap(other.key, self.key) and not (other.reuse and self.reuse):
                raise OSError(errno.EADDRINUSE, os.strerror(errno.EADDRINUSE))
        others.append(self)

    def listen(self, backlog: int, accept: Callable[[Transport], None] | None = None) -> None:
        """From now on connections are taken."""
        self.backlog = max(0, backlog)
        self.accept = accept
        self.listening = True

    def close(self) -> None:
        """Stop listening; what was not accepted is reset."""
        if self.closed:
            return
        self.closed = True
        interface = self.interface
        if isinstance(self.address, str):
            if interface.paths is not None and interface.paths.get(self.address) is self:
                del interface.paths[self.address]
        elif interface.listeners is not None:
            others = interface.listeners.get(self.address[1], [])
            if self in others:
                others.remove(self)
            if not others:
                interface.listeners.pop(self.address[1], None)
        for end in self.queue:
            end.reset_peer()
            end.forget()
        self.queue.clear()

    @property
    def pending(self) -> int:
        """Connections that take a place in the backlog."""
        for dial in [dial for dial in self.half_open if not dial.waits()]:
            del self.half_open[dial]
        return len(self.half_open) + self._accepting

    def expect(self, dial: Dial) -> None:
        """A call was answered."""
        self.half_open[dial] = None

    def connected(self, dial: Dial, end: Transport) -> None:
        """The caller has the answer: its first segment is on the way."""
        self.half_open.pop(dial, None)
        self._accepting += 1
        end.listener = self

    def forsaken(self, end: Transport) -> None:
        """The client's first segment will never come."""
        self._accepting -= 1
        end.listener = None

    def opened(self, end: Transport) -> None:
        """The client's first segment is here: the connection is the program's."""
        self._accepting -= 1
        end.listener = None
        if self.closed or not self.interface.up:
            end.state = CLOSED
            if self.interface.up:
                end.answer_with_reset()
            elif end.peer is not None:
                end.state = DEAD
                end.peer.strand()
            return
        network = self.interface.network
        self.interface.ends[end] = None
        network.tell("accepted", self.interface, lambda: f"{end}")
        if self.accept is not None:
            self.accept(end)
            return
        self._accepting += 1
        self.queue.append(end)
        for waiter in self.waiters:
            if not waiter.done():
                waiter.set_result(None)
        self.waiters.clear()

    def take(self) -> Transport | None:
        """The oldest connection that waits to be accepted."""
        if not self.queue:
            return None
        self._accepting -= 1
        return self.queue.pop(0)


def _overlap(one: str, other: str) -> bool:
    wild = ("0.0.0.0", "::", "")  # noqa: S104 - simulated addresses
    return one == other or one in wild or other in wild


def listener_at(interface: Interface, address: str, port: int) -> Listener | None:
    """Who listens there. Of several with SO_REUSEPORT, the one with the fewest connections waiting."""
    found = [one for one in (interface.listeners or {}).get(port, ()) if one.listening and _overlap(one.key, address)]
    exact = [one for one in found if one.key == address] or found
    return min(exact, key=lambda one: one.pending) if exact else None


class Dial:
    """One attempt to connect. The future's result is the client's end."""

    __slots__ = ("_address", "_context", "_done", "_family", "_interface", "_local", "_network", "_target", "_timer", "_tries")

    def __init__(self, interface: Interface, target: Interface, address: Any, local: Any, family: int) -> None:
        self._interface = interface
        self._target = target
        self._address = address
        self._local = local
        self._family = family
        self._network: Network = interface.network
        self._context = copy_context()
        self._done: asyncio.Future[Transport] = self._network.loop.create_future()
        self._timer: Any = None
        self._tries = 0

    async def connect(self) -> Transport:
        """The end, once the SYN-ACK is here. Raises ConnectionRefusedError and TimeoutError, as the system does."""
        self._call()
        try:
            return await self._done
        finally:
            if self._timer is not None:
                self._timer.cancel()

    def waits(self) -> bool:
        """Whether the program that calls is still there and waits."""
        life = self._context.get(LIFE)
        return not self._done.done() and (life is None or life.alive)

    def _call(self) -> None:
        self._timer = None
        if self._done.done():
            return
        due = self._network.kernel.carry(self._interface.port, self._target.port, HEADERS)
        if due < 0.0:
            self._silence()
        else:
            self._network.at(due, self._ring)

    def _silence(self) -> None:
        """Nobody answers: call again after a while."""
        if self._done.done():
            return
        network = self._network
        if self._tries == 0:
            network.tell("no answer", self._interface, lambda: f"to {self._shown()}: the SYN is repeated")
        wait = SYN_TIMEOUT_S * 2.0**self._tries
        self._tries += 1
        if self._tries > SYN_RETRIES:
            self._timer = self._network.kernel.task_true(network.kernel.now + wait, self._give_up, context=self._context)
        else:
            self._timer = network.later(wait, self._call)

    def _ring(self) -> None:
        """The SYN reaches the other machine."""
        target, network = self._target, self._network
        if self._done.done():
            return
        if not target.up:
            self._silence()
            return
        if self._family == socket.AF_UNIX:
            listener = (target.paths or {}).get(self._address)
            listener = listener if listener is not None and listener.listening else None
        else:
            listener = listener_at(target, self._address[0], self._address[1])
        if listener is not None and listener.pending > listener.backlog:
            network.tell("backlog full", target, lambda: f"{self._shown()}: a SYN is dropped")
            self._silence()
            return
        back = network.kernel.carry(target.port, self._interface.port, HEADERS)
        if back < 0.0:
            self._silence()
        elif listener is None:
            network.kernel.task_true(back, self._refuse, context=self._context)
        else:
            listener.expect(self)
            network.kernel.task_true(back, self._answered, listener, context=self._context)

    def _refuse(self) -> None:
        self._network.tell("refused", self._interface, lambda: f"{self._shown()}: connection refused")
        if not self._done.done():
            text = f"[Errno {errno.ECONNREFUSED}] Connect call failed {self._address!r}"
            self._done.set_exception(ConnectionRefusedError(errno.ECONNREFUSED, text.partition("] ")[2]))

    def _give_up(self) -> None:
        self._network.tell("timed out", self._interface, lambda: f"to {self._shown()}: no answer to {self._tries} SYNs")
        if not self._done.done():
            self._done.set_exception(TimeoutError(errno.ETIMEDOUT, f"Connect call failed {self._address!r}"))

    def _answered(self, listener: Listener) -> None:
        """The SYN-ACK is here: the connection exists for the client, and soon for the server."""
        interface, network = self._interface, self._network
        if self._done.done():
            return
        local = self._local
        near = network.transport(network.kernel, interface.port, None)  # type: ignore[call-arg] # the pipe's constructor
        far = network.transport(network.kernel, self._target.port, None)  # type: ignore[call-arg]
        near.set_up(interface, local, self._address, self._family)
        far.set_up(self._target, self._address, local, self._family)
        near.peer, far.peer = far, near
        listener.connected(self, far)
        interface.ends[near] = None
        near.transmit(OPENED, 0)
        network.tell("connected", interface, lambda: f"{near}")
        self._done.set_result(near)

    def _shown(self) -> str:
        return self._address if isinstance(self._address, str) else f"{self._address[0]}:{self._address[1]}"


async def connect(interface: Interface, address: Any, local: Any = None, family: int = socket.AF_INET) -> Transport:
    """Connect from a machine. address: what `sock.connect` takes. Raises OSError as the system does."""
    if family == socket.AF_UNIX:
        path = os.fspath(address)
        path = path.decode() if isinstance(path, bytes) else path
        if path not in (interface.paths or {}):
            missing = errno.ECONNREFUSED if os.path.exists(path) else errno.ENOENT  # noqa: ASYNC240, PTH110 - the host's files
            raise OSError(missing, os.strerror(missing))
        return await Dial(interface, interface, path, "", family).connect()
    target = interface.reach(address[0])
    if target is None:
        await no_route(interface, address[0])
    assert target is not None, "no_route raises"
    source = local[0] if local and local[0] not in ("", "0.0.0.0", "::") else interface.source(target, address[0])  # noqa: S104
    port = (local[1] if local else 0) or interface.ephemeral()
    full = (source, port, 0, 0) if family == socket.AF_INET6 else (source, port)
    return await Dial(interface, target, tuple(address), full, family).connect()


async def no_route(interface: Interface, address: str) -> None:
    """What the system says of an address that no machine has. Raises OSError."""
    network = interface.network
    if not address.startswith("10."):
        raise OSError(errno.ENETUNREACH, f"Network is unreachable: no simulated machine has the address {address}")
    waiter = network.loop.create_future()
    network.kernel.task_true(network.kernel.now + NO_NEIGHBOUR_S, _release, waiter, context=copy_context())
    await waiter
    raise OSError(errno.EHOSTUNREACH, f"No route to host: no simulated machine has the address {address}")


def _release(waiter: asyncio.Future[None]) -> None:
    if not waiter.done():
        waiter.set_result(None)


def bind(interface: Interface, host: str, port: int, family: int) -> Any:
    """The address that binding gives: a free port for 0. Raises OSError for an address of another machine."""
    if not interface.owns(host):
        raise OSError(errno.EADDRNOTAVAIL, os.strerror(errno.EADDRNOTAVAIL))
    port = port or interface.ephemeral()
    return (host, port, 0, 0) if family == socket.AF_INET6 else (host, port)

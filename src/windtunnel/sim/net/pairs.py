"""`socket.socketpair` inside a host: two ends of one connection that never leaves the machine."""

from __future__ import annotations

import functools
import socket
from typing import TYPE_CHECKING, Any

from windtunnel.sim.escapes import escaped
from windtunnel.sim.net.sockets import SimSocket, interface_here

if TYPE_CHECKING:
    from windtunnel.sim.net.network import Interface
    from windtunnel.sim.net.tcp import Transport

_real = socket.socketpair


@functools.wraps(_real)
def socketpair(family: Any = None, type: Any = socket.SOCK_STREAM, proto: int = 0) -> tuple[socket.socket, socket.socket]:  # noqa: A002
    """See `socket.socketpair`. Inside a host only of streams."""
    interface = interface_here()
    if interface is None:
        return _real(family, type, proto)
    if type & 0xF != socket.SOCK_STREAM:
        raise escaped("socket.socketpair", "only pairs of stream sockets are simulated")
    near, far = _end(interface), _end(interface)
    near.peer, far.peer = far, near
    pair = SimSocket.of(near), SimSocket.of(far)
    for sock in pair:
        sock.end.socket = sock  # type: ignore[union-attr] # made with one
        sock.settimeout(0.0 if type & socket.SOCK_NONBLOCK else None)
    return pair


def _end(interface: Interface) -> Transport:
    network = interface.network
    end = network.transport(network.kernel, interface.port, None)  # type: ignore[call-arg] # the pipe's constructor
    end.set_up(interface, "", "", socket.AF_UNIX)
    interface.ends[end] = None
    return end


def install() -> None:
    """Let `socket.socketpair` give simulated pairs inside hosts, from now on; elsewhere nothing changes."""
    socket.socketpair = socketpair

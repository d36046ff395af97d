"""`socket.socket` inside a simulation: what libraries make themselves and then hand to the loop.

Inside a host, `socket.socket(...)` gives a `SimSocket`, which is a `socket.socket` without a descriptor of the system:
`__new__` of the real class decides, so code that imported the class long ago gets one, too. It binds, listens, connects through
`loop.sock_connect`, and becomes part of a transport. Calls that would block raise Escaped; a non-blocking socket gets
BlockingIOError where the system would give it.

`fileno()` is a real descriptor, made when somebody asks: an event counter that polls as readable after the end of the
stream and never before, which is what connection pools look for.
"""

from __future__ import annotations

import asyncio
import errno
import os
import socket
import struct
from collections.abc import Callable
from os import close as close_descriptor
from os import eventfd, eventfd_write
from typing import TYPE_CHECKING, Any, NoReturn

from windtunnel.sim.escapes import escaped
from windtunnel.sim.life import current_host
from windtunnel.sim.net.connecting import Listener, bind
from windtunnel.sim.net.reliable import ATTACHED, FIN, RESET

if TYPE_CHECKING:
    from windtunnel.sim.net.network import Interface
    from windtunnel.sim.net.tcp import Transport

FAMILIES = (-1, socket.AF_INET, socket.AF_INET6, socket.AF_UNIX)
TYPES = (-1, socket.SOCK_STREAM, socket.SOCK_DGRAM)
_real_new = socket.socket.__new__


def interface_here() -> Interface | None:
    """The place in the network of the host that runs, if it has one."""
    host = current_host()
    if host is None or getattr(host.world, "network", None) is None:
        return None
    interface: Interface = host.interface
    return interface


def _new(cls: Any, family: int = -1, type: int = -1, proto: int = -1, fileno: int | None = None) -> Any:  # noqa: A002 - as the real one
    del type, proto
    if cls is socket.socket and fileno is None and family in FAMILIES and interface_here() is not None:
        cls = SimSocket
    return _real_new(cls)


def install() -> None:
    """Let `socket.socket` give simulated sockets inside hosts, from now on; elsewhere nothing changes."""
    socket.socket.__new__ = _new  # type: ignore[method-assign]


class SimSocket(socket.socket):
    """A simulated socket. end: of a connection; listener: of a bound stream socket; packets: of a datagram socket."""

    __slots__ = ("_descriptor", "_family", "_interface", "_options", "_remote", "_timeout", "_type", "end", "listener", "packets")

    def __init__(self, family: int = -1, type: int = -1, proto: int = -1, fileno: int | None = None) -> None:  # noqa: A002
        del proto, fileno
        interface = interface_here()
        assert interface is not None, "only made inside a host"
        self._set_up(interface, socket.AF_INET if family == -1 else family, socket.SOCK_STREAM if type == -1 else type)

    def _set_up(self, interface: Interface, family: int, type_: int) -> None:
        self._io_refs = 0
        self._closed = False
        self._interface = interface
        self._family = socket.AddressFamily(family)
        self._type = socket.SocketKind(type_ & 0xF)
        self._timeout: float | None = 0.0 if type_ & socket.SOCK_NONBLOCK else None
        self._options: dict[tuple[int, int], Any] = {}
        self._remote: Any = None
        self._descriptor = -1
        self.end: Transport | None = None
        self.listener: Listener | None = None
        self.packets: Any = None

    @classmethod
    def of(cls, end: Transport) -> SimSocket:
        """The socket inside a transport."""
        made: SimSocket = _real_new(cls)
        made._set_up(end.interface, end.family, socket.SOCK_STREAM)
        made._timeout = 0.0
        made.end = end
        return made

    @classmethod
    def bound(cls, interface: Interface, family: int, type_: int = socket.SOCK_STREAM) -> SimSocket:
        """A fresh socket of a machine, non-blocking."""
        made: SimSocket = _real_new(cls)
        made._set_up(interface, family, type_ | socket.SOCK_NONBLOCK)
        return made

    def __repr__(self) -> str:
        state = "closed" if self._closed else f"local={self._name()!r}, remote={self._peer()!r}"
        return f"<simulated socket of {self._interface.host.name}: {self._family.name} {self._type.name}, {state}>"

    # --- What it is ---

    @property
    def family(self) -> socket.AddressFamily:
        """AF_INET, AF_INET6 or AF_UNIX."""
        return self._family

    @property
    def type(self) -> socket.SocketKind:
        """SOCK_STREAM or SOCK_DGRAM."""
        return self._type

    @property
    def proto(self) -> int:
        """The number of the protocol."""
        if self._family == socket.AF_UNIX:
            return 0
        return int(socket.IPPROTO_TCP if self._type == socket.SOCK_STREAM else socket.IPPROTO_UDP)

    @property
    def interface(self) -> Interface:
        """The machine that it belongs to."""
        return self._interface

    @property
    def timeout(self) -> float | None:
        """As `socket.socket.timeout`."""
        return self._timeout

    def gettimeout(self) -> float | None:
        """As the real one."""
        return self._timeout

    def settimeout(self, value: float | None, /) -> None:
        """As the real one."""
        self._timeout = None if value is None else float(value)

    def setblocking(self, flag: Any, /) -> None:
        """As the real one."""
        self._timeout = None if flag else 0.0

    def getblocking(self) -> bool:
        """As the real one."""
        return self._timeout != 0.0

    def get_inheritable(self) -> bool:
        """As the real one."""
        return False

    def set_inheritable(self, inheritable: Any) -> None:
        """No effect."""

    def getsockname(self) -> Any:
        """As the real one."""
        self._need_open()
        name = self._name()
        if name is not None:
            return name
        if self._family == socket.AF_UNIX:
            return ""
        return ("0.0.0.0", 0) if self._family == socket.AF_INET else ("::", 0, 0, 0)  # noqa: S104 - simulated addresses

    def getpeername(self) -> Any:
        """As the real one. Raises OSError where there is no peer."""
        self._need_open()
        peer = self._peer()
        if peer is None:
            raise OSError(errno.ENOTCONN, os.strerror(errno.ENOTCONN))
        return peer

    def _name(self) -> Any:
        for part in (self.end, self.packets):
            if part is not None:
                return part.local
        return None if self.listener is None else self.listener.address

    def _peer(self) -> Any:
        return self.end.remote if self.end is not None else self._remote

    def fileno(self) -> int:
        """A descriptor that becomes readable at the end of the stream; -1 when closed."""
        if self._closed:
            return -1
        if self._descriptor < 0:
            self._descriptor = eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
            if self.end is not None and (self.end.eof_seen or self.end.gone or self.end.unread):
                eventfd_write(self._descriptor, 1)
        return self._descriptor

    def show_readable(self) -> None:
        """The end of the stream, or bytes that nobody reads, are here."""
        if self._descriptor >= 0:
            eventfd_write(self._descriptor, 1)

    # --- Options ---

    def setsockopt(self, level: int, optname: int, value: Any, optlen: int | None = None, /) -> None:
        """As the real one. Keep-alive, user timeout, linger, port sharing and multicast groups have their effect."""
        self._need_open()
        self._options[level, optname] = optlen if value is None else value
        if self.end is not None:
            apply_options(self.end, self._options)
        if level == socket.IPPROTO_IP and optname == socket.IP_ADD_MEMBERSHIP:
            self._packets().join(socket.inet_ntoa(bytes(value)[:4]))

    def getsockopt(self, level: int, optname: int, buflen: int = 0, /) -> Any:
        """As the real one: what was set, or 0."""
        self._need_open()
        if (level, optname) == (socket.SOL_SOCKET, socket.SO_TYPE):
            return int(self._type)
        if (level, optname) == (socket.SOL_SOCKET, socket.SO_ERROR):
            error = self.end.error if self.end is not None else None
            return error.errno if isinstance(error, OSError) else 0
        value = self._options.get((level, optname), b"\0" * buflen if buflen else 0)
        return struct.pack("i", value)[:buflen] if buflen and isinstance(value, int) else value

    @property
    def shares_port(self) -> bool:
        """Whether SO_REUSEPORT is set."""
        return bool(self._options.get((socket.SOL_SOCKET, socket.SO_REUSEPORT)))

    # --- Names and listening ---

    def bind(self, address: Any, /) -> None:
        """As the real one. Raises OSError for a foreign address or one in use."""
        self._need_open()
        if self._family == socket.AF_UNIX:
            path = os.fspath(address)
            self.listener = Listener(self._interface, path.decode() if isinstance(path, bytes) else path)
            return
        host = str(address[0])
        names = self._interface.network.dns.addresses(self._interface, host, self._family) if host else ("0.0.0.0",)  # noqa: S104
        where = bind(self._interface, names[0], int(address[1]), self._family)
        if self._type == socket.SOCK_STREAM:
            self.listener = Listener(self._interface, where, reuse=self.shares_port)
        else:
            self._packets().bind(where)

    def listen(self, backlog: int = 128, /) -> None:
        """As the real one."""
        self._need_open()
        self.serve(backlog, None)

    def serve(self, backlog: int, accept: Callable[[Transport], None] | None) -> None:
        """Listen, and give new connections to `accept`."""
        if self.listener is None:
            self.bind(("0.0.0.0", 0))  # noqa: S104 - a simulated address
        assert self.listener is not None, "bound by now"
        self.listener.listen(backlog, accept)

    def accept(self) -> tuple[socket.socket, Any]:
        """As the real one, non-blocking."""
        self._need_open()
        if self.listener is None or not self.listener.listening:
            raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))
        end = self.listener.take()
        if end is None:
            self._would_block("accept")
        return SimSocket.of(end), end.remote

    def _packets(self) -> Any:
        if self.packets is None:
            from windtunnel.sim.net.udp import PacketSocket  # noqa: PLC0415 - it imports this module

            self.packets = PacketSocket(self._interface, self._family, shared=self.shares_port)
        return self.packets

    # --- Bytes ---

    def connected_end(self) -> Transport:
        """The end of its connection. Raises OSError when it has none."""
        self._need_open()
        if self.end is None:
            raise OSError(errno.ENOTCONN, os.strerror(errno.ENOTCONN))
        return self.end

    def recv(self, bufsize: int, flags: int = 0, /) -> bytes:
        """As the real one, non-blocking."""
        if self._type == socket.SOCK_DGRAM:
            return self.recvfrom(bufsize, flags)[0]
        data = take(self.connected_end(), bufsize, peek=bool(flags & socket.MSG_PEEK))
        if data is None:
            self._would_block("recv")
        return data

    def recv_into(self, buffer: Any, nbytes: int = 0, flags: int = 0, /) -> int:
        """As the real one, non-blocking."""
        view = memoryview(buffer).cast("B")
        data = self.recv(nbytes or len(view), flags)
        view[: len(data)] = data
        return len(data)

    def recvfrom(self, bufsize: int, flags: int = 0, /) -> tuple[bytes, Any]:
        """As the real one, non-blocking."""
        self._need_open()
        if self._type == socket.SOCK_STREAM:
            return self.recv(bufsize, flags), None
        found = self._packets().take()
        if found is None:
            self._would_block("recvfrom")
        return found[0][:bufsize], found[1]

    def send(self, data: Any, flags: int = 0, /) -> int:  # noqa: ARG002 - as the real one
        """As the real one, non-blocking: what fits into the window."""
        if self._type == socket.SOCK_DGRAM:
            return self.sendto(data, self._remote)
        end = self.connected_end()
        view = memoryview(data).cast("B")
        room = room_of(end)
        if room <= 0 and len(view):
            self._would_block("send")
        part = view[:room]
        end.send(bytes(part))
        return len(part)

    def sendall(self, data: Any, flags: int = 0, /) -> None:
        """As the real one, non-blocking."""
        if self.send(data, flags) < len(memoryview(data).cast("B")):
            self._would_block("sendall")

    def sendto(self, data: Any, *rest: Any) -> int:
        """As the real one, for datagrams."""
        self._need_open()
        return int(self._packets().send(bytes(data), rest[-1]))

    def connect(self, address: Any, /) -> None:
        """As the real one for datagrams; a stream connects by `loop.sock_connect`."""
        self._need_open()
        if self._type != socket.SOCK_DGRAM:
            self._would_block("connect")
        self._remote = tuple(address)
        self._packets().connect(self._remote)

    def connect_ex(self, address: Any, /) -> int:
        """As the real one: the error number."""
        try:
            self.connect(address)
        except BlockingIOError:
            return errno.EINPROGRESS
        except OSError as error:
            return error.errno or errno.EIO
        return 0

    # --- Ending ---

    def shutdown(self, how: int, /) -> None:
        """As the real one."""
        end = self.connected_end()
        if how in (socket.SHUT_WR, socket.SHUT_RDWR):
            end.write_eof()

    def close(self) -> None:
        """As the real one: a connection that no transport has is closed; a listener stops listening."""
        if self._closed:
            return
        self._closed = True
        if self._descriptor >= 0:
            close_descriptor(self._descriptor)
            self._descriptor = -1
        if self.listener is not None:
            self.listener.close()
        if self.packets is not None and self.packets.transport is None:
            self.packets.close()
        end = self.end
        if end is not None and end.protocol is None and end.state == ATTACHED:
            end.close_socket()

    def ended(self) -> None:
        """The transport around it has closed."""
        self._closed = True
        if self._descriptor >= 0:
            close_descriptor(self._descriptor)
            self._descriptor = -1

    def detach(self) -> int:
        """Refused: it has no descriptor of the system."""
        return self._refuse("detach")

    def dup(self) -> NoReturn:
        """Refused: it has no descriptor of the system."""
        self._refuse("dup")

    def makefile(self, *_args: Any, **_options: Any) -> NoReturn:
        """Refused: reading it would block."""
        self._refuse("makefile")

    def sendfile(self, *_args: Any, **_options: Any) -> NoReturn:
        """Refused: it blocks. `loop.sock_sendfile` works."""
        self._refuse("sendfile")

    def _refuse(self, verb: str) -> NoReturn:
        raise escaped(f"socket.{verb}", "blocks, and simulated code has no threads; use the event loop")

    def _would_block(self, verb: str) -> NoReturn:
        if self._timeout != 0.0:
            self._refuse(verb)
        code = errno.EINPROGRESS if verb == "connect" else errno.EAGAIN
        raise BlockingIOError(code, os.strerror(code))

    def _need_open(self) -> None:
        if self._closed:
            raise OSError(errno.EBADF, os.strerror(errno.EBADF))

    def __del__(self) -> None:
        if getattr(self, "_descriptor", -1) >= 0:
            close_descriptor(self._descriptor)


# --- Reading and writing an end without a protocol ---


def take(end: Transport, count: int, *, peek: bool = False) -> bytes | None:
    """Up to `count` bytes; b"" at the end of the stream; None when nothing is here. Raises what broke the connection."""
    unread = end.unread
    if unread:
        item = unread[0]
        if item is FIN:
            end.eof_seen = True
            return b""
        if item is not RESET:
            data, rest = item[:count], item[count:]
            if not peek:
                if rest:
                    unread[0] = rest
                else:
                    unread.popleft()
                end.consumed(len(data))
            return bytes(data)
    if end.error is not None:
        raise end.error
    return None


def room_of(end: Transport) -> int:
    """Bytes that may be sent now. Raises OSError when nobody would get them."""
    if end.error is not None:
        raise end.error
    if end.eof_asked or end.gone:
        raise BrokenPipeError(errno.EPIPE, os.strerror(errno.EPIPE))
    return 0 if end.backlog else max(0, end.window - end.in_flight)


async def readable(end: Transport, count: int) -> bytes:
    """As `take`, once there is something."""
    while True:
        data = take(end, count)
        if data is not None:
            return data
        waiter: asyncio.Future[None] = end.interface.network.loop.create_future()
        if end.readers is None:
            end.readers = []
        end.readers.append(waiter)
        await waiter


async def flushed(end: Transport) -> None:
    """Until everything sent is within the peer's window."""
    while end.backlog and end.error is None:
        waiter: asyncio.Future[None] = end.interface.network.loop.create_future()
        if end.writers is None:
            end.writers = []
        end.writers.append(waiter)
        await waiter
    if end.error is not None:
        raise end.error


def apply_options(end: Transport, options: dict[tuple[int, int], Any]) -> None:
    """Let the options of a socket have their effect on its connection."""
    level = socket.IPPROTO_TCP
    timeout_ms = options.get((level, socket.TCP_USER_TIMEOUT), 0)
    end.user_timeout_s = timeout_ms / 1000.0
    linger = options.get((socket.SOL_SOCKET, socket.SO_LINGER))
    if isinstance(linger, bytes | bytearray) and len(linger) >= 8:
        on, seconds = struct.unpack("ii", bytes(linger[:8]))
        end.lingers = bool(on) and seconds == 0
    if options.get((socket.SOL_SOCKET, socket.SO_KEEPALIVE)):
        end.keep_alive(
            idle_s=float(options.get((level, socket.TCP_KEEPIDLE), 0)),
            interval_s=float(options.get((level, socket.TCP_KEEPINTVL), 0)),
            count=int(options.get((level, socket.TCP_KEEPCNT), 0)),
        )

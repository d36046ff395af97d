"""A connection's end as programs see it: the transport of asyncio, or the inside of a simulated socket.

`Transport` is mixed into the kernel's `Pipe`, which has the fast path; what follows an end's life is here. It is as much of a
`asyncio.Transport` as uvloop's transports are: every method, not the base class.

Where Linux and asyncio leave a choice, this does what they do: closing with unread bytes resets; `abort` throws away what was not
sent and closes; bytes for a closed end are answered with a reset; a peer that was killed looks like one that closed.
"""

from __future__ import annotations

import asyncio
import errno
from asyncio import BufferedProtocol
from asyncio.sslproto import SSLProtocol
from collections import deque
from contextvars import Context
from functools import cache
from typing import TYPE_CHECKING, Any

from windtunnel.sim.net.reliable import ATTACHED, CLOSED, CLOSING, DEAD, FIN, LOST, OPENED, RESET, Reliable
from windtunnel.sim.net.tls import silence

if TYPE_CHECKING:
    from windtunnel.sim.net.network import Interface

HIGH_WATER = 65_536  # bytes that wait for the window at which the program is asked to pause, as in asyncio
GET_BUFFER_EMPTY = "get_buffer() returned an empty buffer"


class Transport(Reliable):
    """One end of a stream connection. local, remote: addresses as `getsockname` gives them; strings for Unix sockets."""

    if not TYPE_CHECKING:
        __slots__ = ()  # see FIELDS

    received: Any
    opaque: bool
    unread: deque[Any] | None
    local: Any
    remote: Any
    family: int
    protocol: Any
    listener: Any  # that has not accepted it yet
    server: Any  # that it belongs to
    socket: Any  # made when somebody asks for it
    started: bool
    reading_paused: bool
    writing_paused: bool
    eof_asked: bool
    eof_sent: bool
    eof_seen: bool
    lingers: bool
    high: int
    low: int
    readers: list[asyncio.Future[None]] | None  # of a socket without a protocol
    writers: list[asyncio.Future[None]] | None
    error: BaseException | None

    def set_up(self, interface: Interface, local: Any, remote: Any, family: int) -> None:
        """Give a new pipe its place: a constructor would have to know the pipe's."""
        network = interface.network
        self.interface = interface
        self.window = network.window
        self.segment_max = network.segment_max
        self.local, self.remote, self.family = local, remote, family
        self.protocol = self.listener = self.server = self.socket = None
        self.resend = self.keep = self.backlog = self.readers = self.writers = self.error = None
        self.state = ATTACHED
        self.gone = self.acking = self.started = self.reading_paused = self.writing_paused = False
        self.eof_asked = self.eof_sent = self.eof_seen = self.lingers = False
        self.backlog_size = 0
        self.user_timeout_s = 0.0
        self.high, self.low = HIGH_WATER, HIGH_WATER // 4

    def __repr__(self) -> str:
        return f"<Transport {self}>"

    def __str__(self) -> str:
        near, far = self.interface, self.interface if isinstance(self.remote, str) else self.interface.reach(self.remote[0])
        return f"{_shown(near, self.local)} to {_shown(far, self.remote)}"

    @property  # type: ignore[misc] # only ever read
    def __class__(self) -> type:
        """What programs take it for, `isinstance(transport, asyncio.Transport)`: the pipe's layout allows no such base."""
        return asyncio.Transport

    # --- Beginning ---

    def open_for(self, protocol: Any, context: Context) -> None:
        """The connection is made: tell the protocol, and from now on give it what arrives."""
        self.context = context
        self.set_protocol(protocol)
        self.ready = self.resend is None and not self.gone and self.peer is not None and self.peer.state != DEAD
        try:
            context.run(protocol.connection_made, self)
        except (SystemExit, KeyboardInterrupt):
            raise
        except BaseException as error:  # noqa: BLE001 - reported as asyncio does
            self.report("exception in protocol.connection_made()", error)
        self.started = True
        self._hand_over()

    def set_protocol(self, protocol: Any) -> None:
        """As asyncio's."""
        self.protocol = protocol
        self.received = None if isinstance(protocol, BufferedProtocol) else protocol.data_received
        self.opaque = isinstance(protocol, SSLProtocol)
        self._set_flowing()

    def get_protocol(self) -> Any:
        """As asyncio's."""
        return self.protocol

    def _set_flowing(self) -> None:
        free = self.started and not self.reading_paused and not self.unread
        self.flowing = free and self.state == ATTACHED and self.received is not None

    def _hand_over(self) -> None:
        """Give what came too early to the protocol: each piece arrives once more, now."""
        unread, self.unread = self.unread, None
        self._set_flowing()
        if unread:
            self.flight.extendleft(reversed(unread))
            for _ in unread:
                self.kernel.segment_at(self.kernel.now, self.port, self)

    # --- Reading ---

    def receive_aside(self, item: Any) -> None:
        """What the pipe does not hand to the protocol itself."""
        if item is OPENED:
            self.listener.opened(self)
        elif self.state >= LOST:
            if type(item) is bytes:
                if self.state != DEAD and self.interface.up:
                    self.answer_with_reset()
                elif self.peer is not None:
                    self.flight.appendleft(item)
                    self.peer.strand()
            else:
                self._part()
        elif item is RESET:
            self._meet_reset()
        elif self.state >= CLOSING or self.reading_paused or not self.started or self.unread:
            if self.unread is None:
                self.unread = deque()
            self.unread.append(item)
            self.flowing = False
            if self.readers:
                wake(self.readers)
            if self.socket is not None:
                self.socket.show_readable()
        else:
            self._take(item)

    def _take(self, item: Any) -> None:
        if item is FIN:
            self._meet_eof()
            return
        size = len(item)
        try:
            rest = self.context.run(self._fill, item)
            if rest:
                size -= len(rest)
                self.unread = deque([rest])
        except (SystemExit, KeyboardInterrupt):
            raise
        except BaseException as error:  # noqa: BLE001 - as asyncio does
            self.failed(error, "Fatal error: the protocol raised while it received data.")
        self.consumed(size)

    def _fill(self, data: bytes) -> bytes:
        """Give `data` to a buffered protocol; returns what it did not want yet."""
        start, size = 0, len(data)
        while start < size:
            protocol = self.protocol
            buffer = protocol.get_buffer(size - start)
            count = min(len(buffer), size - start)
            if not count:
                raise RuntimeError(GET_BUFFER_EMPTY)
            buffer[:count] = data[start : start + count]
            start += count
            protocol.buffer_updated(count)
            if self.state != ATTACHED or self.protocol is not protocol or self.reading_paused:
                break
        if start < size and self.state == ATTACHED and not self.reading_paused:  # another protocol took over
            if self.received is None:
                return self._fill(data[start:])
            self.received(data[start:])
            return b""
        return data[start:]

    def consumed(self, size: int) -> None:
        """The program has taken `size` bytes."""
        peer = self.peer
        if peer is not None:
            peer.in_flight -= size
            if peer.stalled:
                self.acknowledge()

    def _meet_eof(self) -> None:
        self.eof_seen = True
        if self.socket is not None:
            self.socket.show_readable()
        if self.state != ATTACHED:
            return
        try:
            keep_open = self.context.run(self.protocol.eof_received)
        except (SystemExit, KeyboardInterrupt):
            raise
        except BaseException as error:  # noqa: BLE001 - as asyncio does
            self.failed(error, "Fatal error: protocol.eof_received() call failed.")
            return
        if not keep_open:
            self.close()

    def _meet_reset(self) -> None:
        self.interface.network.tell("reset", self.interface, lambda: f"{self}: reset by peer")
        self.leave_wire()
        if self.socket is not None:
            self.socket.show_readable()
        if self.state == ATTACHED and self.protocol is not None and (self.reading_paused or self.eof_seen or self.unread):
            if not self.eof_seen:
                self.unread = self.unread or deque()
                self.unread.append(RESET)
            return  # nobody reads: the next write will find out, or whoever reads on
        self.lose(ConnectionResetError(errno.ECONNRESET, "Connection reset by peer"))

    def pause_reading(self) -> None:
        """As asyncio's: what arrives stays in the receive window."""
        if self.state == ATTACHED and not self.reading_paused:
            self.reading_paused = True
            self.flowing = False

    def resume_reading(self) -> None:
        """As asyncio's."""
        if self.state == ATTACHED and self.reading_paused:
            self.reading_paused = False
            if self.started:
                self._hand_over()

    def is_reading(self) -> bool:
        """As asyncio's."""
        return self.state == ATTACHED and not self.reading_paused

    # --- Writing ---

    def write_aside(self, data: Any) -> None:
        """A write that is not the plain case."""
        if not isinstance(data, bytes | bytearray | memoryview):
            raise TypeError(f"data argument must be a bytes-like object, not {type(data).__name__!r}")
        if self.eof_asked:
            raise RuntimeError("Cannot call write() after write_eof()")
        if self.state >= LOST or not len(data):
            return
        if self.gone:
            self.lose(BrokenPipeError(errno.EPIPE, "Broken pipe"))
            return
        self.send(bytes(data))
        if self.backlog_size > self.high and not self.writing_paused:
            self.writing_paused = True
            self._tell_protocol("pause_writing")

    def writelines(self, list_of_data: Any) -> None:
        """As asyncio's."""
        self.write(b"".join(list_of_data))  # type: ignore[attr-defined] # of the pipe

    def write_eof(self) -> None:
        """As asyncio's: half a close. The peer may go on sending."""
        if self.state >= CLOSING or self.eof_asked:
            return
        self.eof_asked = True
        self.ready = False
        if not self.backlog:
            self._send_eof()

    def can_write_eof(self) -> bool:
        """Always."""
        return True

    def _send_eof(self) -> None:
        if not self.eof_sent:
            self.eof_sent = True
            self.transmit(FIN, 0)

    def flushed(self) -> None:
        """More was sent of what waited, or nothing holds writes back any longer. Called by `flow`."""
        if self.state >= LOST:
            return
        if not self.backlog and self.resend is None and not self.gone:
            if self.eof_asked:
                self._send_eof()
            if self.state == CLOSING:
                self._leave(None)
                return
            self.ready = self.started and not self.eof_asked and self.peer is not None and self.peer.state != DEAD
        if self.writing_paused and self.backlog_size <= self.low:
            self.writing_paused = False
            self.context.run(self._tell_protocol, "resume_writing")
        if self.writers and not self.backlog:
            wake(self.writers)

    def _tell_protocol(self, verb: str) -> None:
        try:
            getattr(self.protocol, verb)()
        except (SystemExit, KeyboardInterrupt):
            raise
        except BaseException as error:  # noqa: BLE001 - reported as asyncio does
            self._report(f"protocol.{verb}() failed", error)

    def get_write_buffer_size(self) -> int:
        """Bytes that wait for the peer's window."""
        return self.backlog_size

    def get_write_buffer_limits(self) -> tuple[int, int]:
        """As asyncio's: (low, high)."""
        return self.low, self.high

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        """As asyncio's."""
        if high is None:
            high = HIGH_WATER if low is None else 4 * low
        if low is None:
            low = high // 4
        if not high >= low >= 0:
            raise ValueError(f"high ({high!r}) must be >= low ({low!r}) must be >= 0")
        self.high, self.low = high, low
        if self.backlog_size > high and not self.writing_paused:
            self.writing_paused = True
            self._tell_protocol("pause_writing")

    # --- Ending ---

    def is_closing(self) -> bool:
        """As asyncio's."""
        return self.state >= CLOSING

    def close(self) -> None:
        """As asyncio's: sends what is still waiting, then closes."""
        if self.state == ATTACHED:
            self.state = CLOSING
            self.ready = self.flowing = False
            if not self.backlog:
                self._leave(None)

    def abort(self) -> None:
        """As asyncio's: closes at once; what still waits is lost."""
        self._force_close(None)

    def lose(self, error: BaseException) -> None:
        """The connection broke."""
        if self.protocol is None and self.context is None:  # a socket of its own: the next call on it tells
            self.error = error
            wake(self.readers)
            wake(self.writers)
        else:
            self._force_close(error)

    def failed(self, error: BaseException, message: str) -> None:
        """The protocol raised: report that, and close."""
        if not isinstance(error, OSError):
            self.report(message, error)
        self._force_close(error)

    def _force_close(self, error: BaseException | None) -> None:
        if self.state >= LOST:
            return
        self.backlog = None
        self.backlog_size = 0
        self._leave(error)

    def _leave(self, error: BaseException | None) -> None:
        self._close_on_wire()
        self.interface.network.loop.call_soon(self._tell_lost, error, context=self.context)

    def _close_on_wire(self) -> None:
        """What the system does when the program closes: a FIN, or a reset where bytes were left unread."""
        self.state = LOST
        self.ready = self.flowing = self.stalled = False
        if self.gone:
            return
        if self.lingers or (self.unread and any(type(item) is bytes for item in self.unread)):
            self.reset_peer()
        else:
            self._send_eof()

    def _tell_lost(self, error: BaseException | None) -> None:
        protocol = self.protocol
        try:
            if self.started:
                protocol.connection_lost(error)
        finally:
            self.forget()

    def forget(self) -> None:
        """The program has closed this end."""
        if self.state == DEAD:
            return
        self.state = CLOSED
        self.protocol = self.received = self.unread = None
        self.interface.ends.pop(self, None)
        if self.interface.watched is not None:
            self.interface.watched.pop(self, None)
        if self.server is not None:
            self.server.detach(self)
            self.server = None
        if self.socket is not None:
            self.socket.ended()
        self._part()

    def _part(self) -> None:
        """Once both ends are closed and nothing is on its way, let go of each other: a cycle would wait for the collector."""
        peer = self.peer
        if peer is not None and self.state == peer.state == CLOSED and not self.flight and not peer.flight:
            self.peer = peer.peer = None

    def close_socket(self) -> None:
        """The program closes a socket that no transport has."""
        self._close_on_wire()
        self.forget()

    def die(self) -> None:
        """The machine crashed. Nothing of this end runs again, and the peer hears nothing."""
        self.state = DEAD
        self.ready = self.flowing = False
        self.unread = None
        silence(self.protocol)
        self.leave_wire()
        peer = self.peer
        if peer is not None and peer.state != DEAD:
            peer.strand()

    def hang_up(self) -> None:
        """The process died: the system closes what it had open."""
        if self.state < LOST:
            self.backlog = None
            self._close_on_wire()
        self.state = CLOSED
        self.unread = None
        silence(self.protocol)

    # --- The rest of asyncio's transport ---

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """As asyncio's: "sockname", "peername", "socket"."""
        if name == "peername":
            return self.remote
        if name == "sockname":
            return self.local
        if name == "socket":
            if self.socket is None:
                from windtunnel.sim.net.sockets import SimSocket  # noqa: PLC0415 - made only where it is asked for

                self.socket = SimSocket.of(self)
            return self.socket
        return default

    def report(self, message: str, error: BaseException) -> None:
        """Tell the loop's exception handler, as this end's program."""
        (self.context or Context()).run(self._report, message, error)

    def _report(self, message: str, error: BaseException) -> None:
        context = {"message": message, "exception": error, "transport": self, "protocol": self.protocol}
        self.interface.network.loop.call_exception_handler(context)


FIELDS = (
    "acking backlog backlog_size eof_asked eof_seen eof_sent error family gone high interface keep lingers listener local low "
    "protocol reading_paused readers remote resend server socket started state user_timeout_s writers writing_paused __weakref__"
)


@cache
def transport_type(pipe: type[Any]) -> type[Transport]:
    """Transports over the pipes of a kernel."""
    return type(
        "Transport", (Transport, pipe), {"__slots__": FIELDS.split(), "__module__": __name__, "__doc__": Transport.__doc__}
    )


def wake(waiters: list[asyncio.Future[None]] | None) -> None:
    """Let all go on that wait."""
    for waiter in waiters or ():
        if not waiter.done():
            waiter.set_result(None)
    if waiters:
        waiters.clear()


def _shown(interface: Interface | None, address: Any) -> str:
    if isinstance(address, str):
        return address or "(unnamed)"
    return f"{interface.host.name if interface else address[0]}:{address[1]}"

"""One end of a stream connection, in the pure-Python kernel: what every segment passes. The rest of TCP is in `sim/net/tcp.py`.

A connection is two pipes, each other's `peer`. Segments keep their order, so the heap needs to know only *when* the next one
arrives: its entry is (time, number, SEGMENT, pipe), and what arrives is the first of the pipe's own queue. A segment that
the order of the stream holds back until the one before it joins that one, as a receiver that reads both at once would see them.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from contextvars import Context
from typing import TYPE_CHECKING, Any
from zlib import crc32

if TYPE_CHECKING:
    from windtunnel.sim.port import Port
    from windtunnel.sim.pure import Kernel

HEADERS = 40  # bytes of IP and TCP around a segment, for the bandwidth
SEGMENT_MAX = 65_536  # bytes of one segment, unless a network says otherwise: what offloading hands over at once
WINDOW = 131_072  # bytes that the receiver takes before its program has read them: the default of tcp_rmem on Linux


class Pipe:
    """The fast path of a connection's end: `write` puts a segment on the link, `arrive` hands one to the protocol.

    ready: nothing keeps a `write` from being sent at once. flowing: what arrives goes to the protocol at once. opaque: only the
    number of bytes counts for the fingerprint (TLS: its randomness is not ours). stalled: bytes wait for the peer's program.
    in_flight: bytes sent that the peer's program has not consumed. Whatever is not the plain case is left to a subclass:

    write_aside(data)       write when not ready, or not bytes, or not fitting
    receive_aside(item)     a segment for a pipe that is not flowing, or one that is no bytes
    acknowledge()           bytes were consumed here while the peer is stalled
    failed(error, message)  the protocol raised
    """

    __slots__ = (
        "context",
        "flight",
        "flowing",
        "in_flight",
        "kernel",
        "last_due",
        "opaque",
        "peer",
        "port",
        "ready",
        "received",
        "segment_max",
        "stalled",
        "unread",
        "window",
    )

    write_aside: Callable[[Any], None]
    receive_aside: Callable[[Any], None]
    acknowledge: Callable[[], None]
    failed: Callable[[BaseException, str], None]

    def __init__(self, kernel: Kernel, port: Port, context: Context | None) -> None:
        self.kernel = kernel
        self.port = port
        self.peer: Any = None
        self.context: Any = context
        self.received: Any = None  # the protocol's data_received
        self.ready = self.flowing = self.opaque = self.stalled = False
        self.in_flight = 0
        self.window = WINDOW
        self.segment_max = SEGMENT_MAX
        self.last_due = 0.0
        self.flight: deque[Any] = deque()  # on the way to this end
        self.unread: Any = None  # a deque of what arrived and was not consumed, where there is any

    def write(self, data: Any) -> None:
        """Send `data`; never blocks. As `asyncio.WriteTransport.write`."""
        if self.ready and type(data) is bytes:
            size = len(data)
            if 0 < size <= self.segment_max and self.in_flight + size <= self.window and self.launch(data, size):
                return
        self.write_aside(data)

    def launch(self, item: Any, size: int) -> bool:
        """Put a segment, `size` bytes of payload, on the link. False while nothing passes it; then nothing was done."""
        kernel, peer = self.kernel, self.peer
        due = kernel.carry(self.port, peer.port, size + HEADERS)
        if due < 0.0:
            return False
        self.in_flight += size
        kernel.mix(size << 32 if self.opaque or not size else size << 32 ^ crc32(item))
        last = self.last_due
        if due <= last:
            due = last
            if size and last > kernel.now and peer.flight:
                before = peer.flight[-1]
                if type(before) is bytes and len(before) + size <= self.segment_max:
                    peer.flight[-1] = before + item
                    return True
        self.last_due = due
        peer.flight.append(item)
        kernel.segment_at(due, self.port, peer)
        return True

    def arrive(self) -> None:
        """The next segment is here. Called by the kernel."""
        if not self.flight:  # a crash of this host took what was on its way
            return
        item = self.flight.popleft()
        if not self.flowing or type(item) is not bytes:
            self.receive_aside(item)
            return
        try:
            self.context.run(self.received, item)
        except (SystemExit, KeyboardInterrupt):
            raise
        except BaseException as error:  # noqa: BLE001 - as asyncio does
            self.failed(error, "Fatal error: protocol.data_received() call failed.")
        peer = self.peer
        if peer is None:  # the protocol closed this end, and the other one was closed
            return
        peer.in_flight -= len(item)
        if peer.stalled:
            self.acknowledge()

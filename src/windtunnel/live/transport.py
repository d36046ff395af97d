"""Messages over TCP: one connection per directed link, one write per link and loop turn, nothing unbounded.

Theory of operation. A node listens, and dials every peer: what it sends to n2 travels on the connection that it dialed to
n2, and what n2 sends back on the one that n2 dialed. Two connections per pair cost little and make a directed link a
thing that can be cut by itself. A client dials the nodes that it asks, and is answered on the same connection: whoever is
not in `addresses` is answered on the connection on which it spoke last.

`send` only appends to the buffer of its link, `flush` writes each buffer with one system call; the driver calls it at the end
of a turn. A buffer keeps the newest messages that fit into `BUFFER_BYTES` while its link is down or its peer does not read,
and drops the oldest: a protocol that survives loss prefers news. A lost connection is dialed again, soon at first, then
every `BACKOFF_MAX_S`. Messages that were written but not read when a connection broke are lost.

asyncio sets TCP_NODELAY on every connection, so a flush leaves at once.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias, cast

from windtunnel.base.messages import NodeId
from windtunnel.runtime.codec import BadFrame, Codec, Frames

Address: TypeAlias = tuple[str, int]
Deliver: TypeAlias = Callable[[NodeId, Any], None]

BUFFER_BYTES = 4 << 20  # per link: seconds of heavy traffic, and far from what could hurt the machine
READ_BYTES = 256 << 10  # per read, as asyncio does; but allocated once, which takes a quarter off a busy node's work
BACKOFF_MIN_S = 0.01
BACKOFF_MAX_S = 0.2  # on loopback a refused dial costs microseconds; a healed link should be noticed soon
STEADY_S = 1.0  # a connection that lived this long was a real one: a proxy accepts first and refuses later


class _Channel(asyncio.BufferedProtocol):
    """One end of a connection, with its buffer of outgoing frames."""

    __slots__ = ("_bytes", "_dirty", "_frames", "_incoming", "_owner", "_paused", "_src", "_wire")

    def __init__(self, owner: Transport) -> None:
        self._owner = owner
        self._wire: asyncio.Transport | None = None
        self._frames: deque[bytes] = deque()
        self._bytes = 0
        self._dirty = False
        self._paused = False
        self._incoming = Frames(owner.codec)
        self._src: NodeId | None = None

    # --- Outgoing ---

    def put(self, frame: bytes) -> None:
        """Buffer one frame."""
        self._frames.append(frame)
        self._bytes += len(frame)
        if self._bytes > BUFFER_BYTES:
            self._drop()
        if not self._dirty:
            self._dirty = True
            self._owner.dirty.append(self)

    def _drop(self) -> None:
        while self._bytes > BUFFER_BYTES and len(self._frames) > 1:
            self._bytes -= len(self._frames.popleft())
            self._owner.dropped += 1

    def flush(self) -> None:
        """Write what is buffered, unless the link is down or the peer does not read."""
        self._dirty = False
        if self._wire is None or self._paused or not self._frames:
            return
        frames = self._frames
        self._wire.write(frames[0] if len(frames) == 1 else b"".join(frames))
        frames.clear()
        self._bytes = 0

    def abort(self) -> None:
        """Break the connection at once."""
        if self._wire is not None:
            self._wire.abort()

    def pause_writing(self) -> None:
        """The peer does not read."""
        self._paused = True

    def resume_writing(self) -> None:
        """The peer reads again."""
        self._paused = False
        self.flush()

    # --- Incoming ---

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The connection stands."""
        wire = self._wire = cast("asyncio.Transport", transport)
        wire.set_write_buffer_limits(high=BUFFER_BYTES)
        self._paused = False
        self._incoming = Frames(self._owner.codec)
        self.flush()

    def get_buffer(self, sizehint: int) -> memoryview:  # noqa: ARG002 - asyncio's signature
        """Where to read to. All channels share it: what was read is taken out before anybody reads again."""
        return self._owner.buffer

    def buffer_updated(self, nbytes: int) -> None:
        """Bytes of the peer."""
        try:
            messages = self._incoming.feed(bytes(self._owner.buffer[:nbytes]))
        except BadFrame as error:
            self._owner.say(f"dropped a connection: {error}")
            self.abort()
            return
        deliver = self._owner.deliver
        for src, message in messages:
            if src != self._src:
                self._owner.learn(src, self)
                self._src = src
            deliver(src, message)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's signature
        """The connection is gone."""
        self._wire = None


class _Incoming(_Channel):
    """A connection that somebody else dialed."""

    __slots__ = ()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self._owner.incoming[self] = None

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self._owner.forget(self)


class _Link(_Channel):
    """A connection that this end dials, and dials again for as long as it lives."""

    __slots__ = ("_address", "_backoff_s", "_dialing", "_since")

    def __init__(self, owner: Transport, address: Address) -> None:
        super().__init__(owner)
        self._address = address
        self._backoff_s = 0.0
        self._dialing: asyncio.Task[None] | None = None
        self._since = 0.0

    def put(self, frame: bytes) -> None:
        super().put(frame)
        if self._wire is None and self._dialing is None:
            self.dial()

    def dial(self) -> None:
        """Begin to connect, if that is not under way."""
        if self._dialing is None and self._wire is None and not self._owner.closed:
            self._dialing = self._owner.loop.create_task(self._connect())

    async def _connect(self) -> None:
        loop = self._owner.loop
        host, port = self._address
        while True:
            if self._backoff_s:
                await asyncio.sleep(self._backoff_s)
            self._backoff_s = min(BACKOFF_MAX_S, max(BACKOFF_MIN_S, 2.0 * self._backoff_s))
            try:
                await loop.create_connection(lambda: self, host, port)
            except OSError:
                continue
            self._dialing = None
            if self._wire is None:  # lost again before this task ran
                self.dial()
            return

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._since = self._owner.loop.time()
        super().connection_made(transport)

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        if self._owner.loop.time() - self._since > STEADY_S:
            self._backoff_s = 0.0
        self.dial()

    def hang_up(self) -> None:
        """Stop dialing and break the connection."""
        if self._dialing is not None:
            self._dialing.cancel()
        self.abort()


class Transport:
    """All connections of one node or client. It is a `Network` for a driver.

    me: the name that frames carry. addresses: whom this end dials, and where. deliver: called with every message that arrives.
    say: takes one line about trouble. Counters: `sent`, `lost` (nobody of that name), `dropped` (buffer full).
    """

    def __init__(
        self,
        me: NodeId,
        codec: Codec,
        addresses: Mapping[NodeId, Address],
        deliver: Deliver,
        *,
        say: Callable[[str], None],
    ) -> None:
        self.me = me
        self.codec = codec
        self.deliver = deliver
        self.say = say
        self.loop = asyncio.get_running_loop()
        self.closed = False
        self.sent = self.lost = self.dropped = 0
        self.dirty: list[_Channel] = []
        self.incoming: dict[_Incoming, None] = {}
        self.buffer = memoryview(bytearray(READ_BYTES))
        self._encode = codec.encode
        self._links = {name: _Link(self, address) for name, address in addresses.items()}
        self._channels: dict[NodeId, _Channel] = dict(self._links)
        self._server: asyncio.Server | None = None

    async def listen(self, host: str, port: int) -> int:
        """Accept connections; returns the port, which is chosen by the system if `port` is 0. Raises OSError."""
        self._server = await self.loop.create_server(lambda: _Incoming(self), host, port)
        return int(self._server.sockets[0].getsockname()[1])

    def dial(self) -> None:
        """Connect to every address now rather than with the first message."""
        for link in self._links.values():
            link.dial()

    def send(self, dst: NodeId, message: Any) -> None:
        """Buffer `message` for `dst`; lost if nobody of that name is known. Raises UsageError if it cannot be encoded."""
        channel = self._channels.get(dst)
        if channel is not None:
            self.sent += 1
            channel.put(self._encode(self.me, message))
        elif dst == self.me:
            self.loop.call_soon(self.deliver, dst, message)
        else:
            self.lost += 1

    def flush(self) -> None:
        """Write every buffer that something was put into since the last flush."""
        if self.dirty:
            dirty, self.dirty = self.dirty, []
            for channel in dirty:
                channel.flush()

    async def close(self) -> None:
        """Break every connection and stop listening."""
        self.closed = True
        for link in self._links.values():
            link.hang_up()
        for channel in list(self.incoming):
            channel.abort()
        if self._server is not None:
            self._server.close()
            await self._server.wait_closed()
        await asyncio.sleep(0)  # aborted connections are told in the next turn

    # --- For the channels ---

    def learn(self, src: NodeId, channel: _Channel) -> None:
        """`src` spoke on `channel`: answer it there, unless it has an address."""
        if src not in self._links:
            self._channels[src] = channel

    def forget(self, channel: _Incoming) -> None:
        """`channel` is gone."""
        self.incoming.pop(channel, None)
        for src in [src for src, known in self._channels.items() if known is channel]:
            del self._channels[src]

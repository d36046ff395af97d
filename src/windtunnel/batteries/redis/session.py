"""One client's connection: its protocol version, its transaction, its subscriptions."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from windtunnel.batteries.redis.commands import BLOCKED, Call
from windtunnel.batteries.resp import Error, ProtocolError, Push, Requests, reply

if TYPE_CHECKING:
    from windtunnel.batteries.redis.server import RedisServer, Waiter

UNSENT_BYTES_MAX = 256 << 20  # a client that does not read is cut off, as by client-output-buffer-limit


class Session(asyncio.Protocol):
    """A connection to the server, or its own link to a primary (`is_link`), or to a replica (`acknowledged` is not None).

    queued: the commands of an open transaction. spoiled: a watched key was written, or a command could not be queued.
    waiter: the blocking command that the client waits for; what it sends meanwhile waits too.
    """

    def __init__(self, server: RedisServer, *, is_link: bool = False) -> None:
        self.server = server
        self.is_link = is_link
        self.id = server.next_id()
        self.name = b""
        self.version = 2
        self.db = 0
        self.queued: list[list[bytes]] | None = None
        self.executing = False
        self.failed = False  # a command of the transaction could not be queued
        self.spoiled = False  # a watched key was written
        self.watched: dict[tuple[int, bytes], None] = {}
        self.channels: dict[bytes, None] = {}
        self.patterns: dict[bytes, None] = {}
        self.waiter: Waiter | None = None
        self.acknowledged: int | None = None
        self.listening_port = 0
        self.transport: asyncio.Transport | None = None
        self._requests = Requests()
        self._out: list[bytes] = []
        self._closing = False  # no command is executed any more
        self._lost = False

    # --- Connection ---

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See asyncio."""
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self.server.sessions[self] = None

    def connection_lost(self, exc: Exception | None) -> None:
        """See asyncio. A transaction that was not executed is dropped; a blocked client waits no longer."""
        del exc
        self._closing = self._lost = True
        self.server.forget(self)

    def data_received(self, data: bytes) -> None:
        """See asyncio."""
        self._requests.feed(data)
        self.proceed()
        self.server.flush()

    def proceed(self) -> None:
        """Execute what has come, until a command blocks."""
        while self.waiter is None and not self._closing:
            try:
                arguments = self._requests.next()
            except ProtocolError as error:
                self.send(Error(f"ERR {error}"))
                self.close()
                return
            if arguments is None:
                return
            if arguments:
                result = self.server.execute(self, arguments)
                if result is not BLOCKED:
                    self.send(result)

    def answered(self, value: Any) -> None:
        """The blocking command has its result."""
        self.waiter = None
        self.send(value)
        self.proceed()

    # --- Sending: nothing leaves before the server's flush ---

    def send(self, value: Any) -> None:
        """A reply; several in one list of `Replies`."""
        for one in value if isinstance(value, Replies) else (value,):
            self.send_raw(reply(one, self.version))

    def send_raw(self, data: bytes) -> None:
        """Bytes that are encoded already."""
        if not self._lost and self.transport is not None:
            self._out.append(data)
            self.server.outgoing[self] = None

    def push(self, *parts: Any) -> None:
        """A message that the client did not ask for."""
        self.send(Push(parts))

    def flush(self) -> None:
        """Hand everything to the transport."""
        transport = self.transport
        if self._out and transport is not None:
            transport.write(b"".join(self._out))
            self._out.clear()
            if transport.get_write_buffer_size() > UNSENT_BYTES_MAX:
                transport.abort()

    def close(self) -> None:
        """Execute nothing more, and close at the next flush, after the replies."""
        self._closing = True
        self.server.ending[self] = None

    # --- Transactions ---

    def watch(self, keys: tuple[bytes, ...]) -> None:
        """Let the next transaction fail if one of the keys is written before."""
        for key in keys:
            self.watched[self.db, key] = None
            self.server.watchers.setdefault((self.db, key), {})[self] = None

    def unwatch(self) -> None:
        """Watch nothing any more."""
        for place in self.watched:
            watching = self.server.watchers[place]
            del watching[self]
            if not watching:
                del self.server.watchers[place]
        self.watched.clear()
        self.spoiled = False

    def discard(self) -> None:
        """The transaction is over."""
        self.queued = None
        self.failed = False
        self.unwatch()

    def subscriptions(self) -> int:
        """How many channels and patterns."""
        return len(self.channels) + len(self.patterns)

    def call(self, arguments: list[bytes]) -> Call:
        """A call from this connection."""
        return Call(self.server, self, self.server.databases[self.db], arguments)


class Replies(list[Any]):
    """Several replies to one command, as subscribing has them; none at all for a command that is never answered."""

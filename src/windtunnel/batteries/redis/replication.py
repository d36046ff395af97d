"""Replication: a replica copies its primary, asynchronously, and may be promoted.

A primary numbers every byte of the stream of changes that it sends; a stream has an id. A replica asks for the stream with
`PSYNC id offset`. If the primary has that part in its backlog it goes on from there, else it sends a snapshot first. A promoted
replica starts a stream of its own but still knows the id of the old one, so that its siblings need no snapshot. Replies to
clients do not wait for replicas: what a primary acknowledged can be lost when it dies. `WAIT` asks how many replicas have it.

`lag_s` is a fault: a replica lets what arrives lie for so long before it applies it.

Source: https://redis.io/docs/latest/operate/oss_and_stack/management/replication/
Departs: the snapshot is a stream of commands, so only servers of this kind can replicate from each other.
"""

from __future__ import annotations

import asyncio
import secrets
from collections import deque
from typing import TYPE_CHECKING, Any

from windtunnel.batteries.redis.commands import COMMANDS
from windtunnel.batteries.resp import ProtocolError, Requests, request

if TYPE_CHECKING:
    from windtunnel.batteries.redis.server import RedisServer
    from windtunnel.batteries.redis.session import Session

BACKLOG_BYTES = 1 << 20
PING_S = 10.0
SILENCE_S = 60.0  # repl-timeout: a primary that says nothing for so long is given up
RETRY_S = 1.0

GETACK = request(b"REPLCONF", b"GETACK", b"*")


class Replication:
    """Both sides of it, for one server. offset: bytes of the stream so far. lag_s: how long a replica waits before applying."""

    def __init__(self, server: RedisServer) -> None:
        self.id = secrets.token_hex(20)
        self.former_id = ""
        self.former_end = -1
        self.offset = 0
        self.primary: tuple[str, int] | None = None
        self.lag_s = 0.0
        self.applying = False
        self.link: Link | None = None
        self._server = server
        self._session: Session | None = None  # what the commands of the primary are executed as
        self._replicas: dict[Session, None] = {}
        self._backlog = bytearray()
        self._selected = -1
        self._task: asyncio.Task[None] | None = None
        self._pings: asyncio.TimerHandle | None = None

    def close(self) -> None:
        """The end of the server."""
        self._stop_following()
        if self._pings is not None:
            self._pings.cancel()

    # --- As a primary ---

    def feed(self, db: int, arguments: list[bytes]) -> None:
        """Send a change to every replica."""
        if db != self._selected:
            self._selected = db
            self._send(request(b"SELECT", b"%d" % db))
        self._send(request(*arguments))

    def _send(self, data: bytes) -> None:
        self.offset += len(data)
        self._backlog += data
        if len(self._backlog) > 2 * BACKLOG_BYTES:
            del self._backlog[:-BACKLOG_BYTES]
        for session in self._replicas:
            session.send_raw(data)

    def serve(self, session: Session, stream_id: str, offset: int) -> None:
        """Answer PSYNC: go on from that byte, or start with a snapshot."""
        known = stream_id == self.id or (stream_id == self.former_id and offset <= self.former_end + 1)
        missing = self.offset + 1 - offset
        if known and 0 <= missing <= len(self._backlog):
            session.send_raw(b"+CONTINUE %b\r\n" % self.id.encode())
            session.send_raw(bytes(self._backlog[len(self._backlog) - missing :]))
        else:
            snapshot = self._server.snapshot()
            session.send_raw(b"+FULLRESYNC %b %d\r\n" % (self.id.encode(), self.offset))
            session.send_raw(b"$%d\r\n%b" % (len(snapshot), snapshot))
            self._selected = -1
        session.acknowledged = 0
        self._replicas[session] = None
        if self._pings is None:
            self._pings = asyncio.get_running_loop().call_later(PING_S, self._ping)

    def acknowledged(self, session: Session, offset: int) -> None:
        """A replica says how far it is."""
        session.acknowledged = offset
        for waiter in list(self._server.waiting_for_replicas):
            self._server.retry(waiter)

    def ask(self) -> None:
        """Let the replicas say how far they are."""
        if self._replicas:
            self._send(GETACK)

    def having(self, offset: int) -> int:
        """How many replicas have said that they have that byte."""
        return sum(1 for session in self._replicas if (session.acknowledged or 0) >= offset)

    def replicas(self) -> list[Session]:
        """The connections of the replicas."""
        return list(self._replicas)

    def forget(self, session: Session) -> None:
        """A connection has ended."""
        self._replicas.pop(session, None)

    def _ping(self) -> None:
        self._pings = None
        if self._replicas:
            if self.primary is None:
                self._send(request(b"PING"))
                self._server.flush()
            self._pings = asyncio.get_running_loop().call_later(PING_S, self._ping)

    # --- As a replica ---

    def follow(self, host: str, port: int) -> None:
        """Become a replica of another server."""
        from windtunnel.batteries.redis.session import Session  # noqa: PLC0415 - they know each other

        if self.primary == (host, port):
            return
        self._stop_following()
        self.primary = (host, port)
        self._session = Session(self._server, is_link=True)
        self._task = asyncio.get_running_loop().create_task(self._keep_following(host, port), name="replication")

    def promote(self) -> None:
        """Become a primary, with what has been applied so far; what has arrived and waits for `lag_s` is lost."""
        if self.primary is None:
            return
        self._stop_following()
        self.primary = None
        self.former_id, self.former_end = self.id, self.offset
        self.id = secrets.token_hex(20)
        self._selected = -1
        self._server.arm_all()

    def apply(self, arguments: list[bytes]) -> None:
        """Execute one command of the primary, and pass it on as it came."""
        data = request(*arguments)
        session = self._session
        assert session is not None
        name = arguments[0].upper()
        if name == b"REPLCONF":
            self._send(data)
            self.tell()
            return
        self.applying = True
        try:
            self._server.execute(session, arguments)
        finally:
            self.applying = False
        if self._server.log is not None and (name in {b"MULTI", b"EXEC"} or COMMANDS[name].writes):
            self._server.log.append(session.db, arguments)
        self._send(data)

    def restart_from(self, stream_id: str, offset: int, snapshot: bytes) -> None:
        """Take over a snapshot in place of everything."""
        from windtunnel.batteries.redis.session import Session  # noqa: PLC0415

        for db in self._server.databases:
            db.clear()
        self._session = Session(self._server, is_link=True)
        requests = Requests()
        requests.feed(snapshot)

        def read(execute: Any) -> None:
            while (arguments := requests.next()) is not None:
                execute(arguments)

        self._server.load(read)
        self.id, self.offset = stream_id, offset
        self._backlog.clear()
        for session in self.replicas():
            session.close()  # they ask anew
        if self._server.log is not None:
            self._server.log.rewrite(snapshot)

    def tell(self) -> None:
        """Say to the primary how far this one is."""
        if self.link is not None and self.link.transport is not None:
            self.link.transport.write(request(b"REPLCONF", b"ACK", b"%d" % self.offset))

    async def _keep_following(self, host: str, port: int) -> None:
        loop = asyncio.get_running_loop()
        while True:
            link = Link(self._server)
            try:
                await loop.create_connection(lambda link=link: link, host, port)  # type: ignore[misc]
                self.link = link
                await link.lost
            except (OSError, ProtocolError):
                pass
            finally:
                self.link = None
                link.abandon()
            await asyncio.sleep(RETRY_S)

    def _stop_following(self) -> None:
        if self._task is not None:
            self._task.cancel()
            self._task = None
        if self.link is not None:
            self.link.abandon()
            self.link = None


class Link(asyncio.Protocol):
    """A replica's connection to its primary. lost: done when it has ended."""

    def __init__(self, server: RedisServer) -> None:
        self.transport: asyncio.Transport | None = None
        self.synced = False
        self.lost: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._server = server
        self._data = bytearray()  # of the greeting
        self._greetings = 2  # lines to come before the answer to PSYNC
        self._snapshot: tuple[str, int, int] | None = None  # id, offset, bytes; -1: not known yet
        self._requests = Requests()
        self._late: deque[tuple[float, bytes]] = deque()
        self._timer: asyncio.TimerHandle | None = None
        self._silence: asyncio.TimerHandle | None = None
        self._heard = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See asyncio: ask for the stream."""
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        replication = self._server.replication
        port, stream, offset = self._server.port, replication.id, replication.offset + 1
        transport.write(request(b"PING") + request(b"REPLCONF", b"listening-port", b"%d" % port))
        transport.write(request(b"PSYNC", stream.encode(), b"%d" % offset))
        self._heard = asyncio.get_running_loop().time()
        self._watch()

    def connection_lost(self, exc: Exception | None) -> None:
        """See asyncio."""
        del exc
        self.transport = None
        if not self._late:
            self._end()  # otherwise when the last of it is applied

    def data_received(self, data: bytes) -> None:
        """See asyncio."""
        loop = asyncio.get_running_loop()
        self._heard = loop.time()
        if not self.synced:
            self._data += data
            self._greet()
            return
        self._arrived(data)

    def abandon(self) -> None:
        """Drop the connection, and what has arrived but was not applied."""
        self._late.clear()
        if self.transport is not None:
            self.transport.abort()
        self._end()

    # --- Inside ---

    def _greet(self) -> None:
        while not self.synced:
            if self._snapshot is not None and self._snapshot[2] >= 0:
                stream_id, offset, size = self._snapshot
                if len(self._data) < size:
                    return
                self._server.replication.restart_from(stream_id, offset, bytes(self._data[:size]))
                del self._data[:size]
                self._begin()
                return
            end = self._data.find(b"\r\n")
            if end < 0:
                return
            line = bytes(self._data[:end]).decode()
            del self._data[: end + 2]
            self._answer(line)

    def _answer(self, line: str) -> None:
        if line.startswith("-"):
            self.abandon()  # not ready, or no server of this kind: asked again later
        elif self._greetings:
            self._greetings -= 1
        elif line.startswith("+FULLRESYNC "):
            _, stream_id, offset = line.split()
            self._snapshot = (stream_id, int(offset), -1)
        elif line.startswith("$") and self._snapshot is not None:
            self._snapshot = (*self._snapshot[:2], int(line[1:]))
        elif line.startswith("+CONTINUE"):
            self._server.replication.id = line.split()[1]
            self._begin()

    def _begin(self) -> None:
        self.synced = True
        rest, self._data = bytes(self._data), bytearray()
        self._server.replication.tell()
        if rest:
            self._arrived(rest)

    def _arrived(self, data: bytes) -> None:
        lag_s = self._server.replication.lag_s
        loop = asyncio.get_running_loop()
        if lag_s <= 0.0 and not self._late:
            self._requests.feed(data)
            self._apply()
            return
        self._late.append((loop.time() + lag_s, data))
        if self._timer is None:
            self._timer = loop.call_at(self._late[0][0], self._apply_late)

    def _apply_late(self) -> None:
        self._timer = None
        loop = asyncio.get_running_loop()
        while self._late and self._late[0][0] <= loop.time() + 1e-9:
            self._requests.feed(self._late.popleft()[1])
        self._apply()
        if self._late:
            self._timer = loop.call_at(self._late[0][0], self._apply_late)
        elif self.transport is None:
            self._end()

    def _apply(self) -> None:
        while (arguments := self._requests.next()) is not None:
            self._server.replication.apply(arguments)
        self._server.flush()

    def _watch(self) -> None:
        loop = asyncio.get_running_loop()
        if loop.time() - self._heard >= SILENCE_S:
            self.abandon()
            return
        self._silence = loop.call_at(self._heard + SILENCE_S, self._watch)

    def _end(self) -> None:
        for timer in (self._timer, self._silence):
            if timer is not None:
                timer.cancel()
        self._timer = self._silence = None
        if not self.lost.done():
            self.lost.set_result(None)

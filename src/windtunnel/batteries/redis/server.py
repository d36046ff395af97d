"""A Redis server: executes commands, keeps the log, feeds replicas.

Everything happens in one thread, one command after another, as in Redis. What a turn of the event loop has written is logged,
and under `always` synced, before any reply of that turn leaves.

Source: the documentation of the commands at https://redis.io/commands/ and the answers of redis-server 7.0.
Keeps:   strings, hashes, lists, sets, sorted sets, times, transactions, blocking pops, publish and subscribe, the append-only
         file, asynchronous replication with partial resynchronization, WAIT, RESP2 and RESP3.
Omits:   scripts, streams, modules, clusters, access control, snapshots (RDB), eviction, keyspace notifications.
Departs: the order of keys and of members is that in which they came; a replica's first copy is made of commands, not of RDB.
"""

from __future__ import annotations

import asyncio
import heapq
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Any

from windtunnel.base.errors import StorageError
from windtunnel.batteries.redis.commands import BLOCKED, COMMANDS, Call, Command
from windtunnel.batteries.redis.keyspace import Database, Hash, List, Set, SortedSet, now_ms
from windtunnel.batteries.redis.log import Log, Policy
from windtunnel.batteries.redis.replication import Replication
from windtunnel.batteries.redis.session import Session
from windtunnel.batteries.resp import Error, number, request

ITEMS_PER_COMMAND = 64  # of a container in a snapshot, as redis-server writes them


class Waiter:
    """A client that waits for keys, or for replicas (then without keys)."""

    __slots__ = ("attempt", "call", "keys", "otherwise", "timer")

    def __init__(self, call: Call, keys: list[tuple[int, bytes]], attempt: Callable[[Call], Any], otherwise: Any) -> None:
        self.call = call
        self.keys = keys
        self.attempt = attempt
        self.otherwise = otherwise
        self.timer: asyncio.TimerHandle | None = None


class RedisServer:
    """One server.

    directory: where the append-only file is; None keeps nothing. appendfsync: when it is synced. databases: how many. The
    replication lag, a fault: `server.replication.lag_s`.
    """

    def __init__(self, directory: str | Path | None = None, *, appendfsync: Policy = "everysec", databases: int = 16) -> None:
        self.databases = [Database(i, self.changed, self._ended) for i in range(databases)]
        self.log = None if directory is None else Log(Path(directory), appendfsync)
        self.replication = Replication(self)
        self.sessions: dict[Session, None] = {}
        self.outgoing: dict[Session, None] = {}  # sessions with something to send
        self.ending: dict[Session, None] = {}  # sessions to be closed after that
        self.watchers: dict[tuple[int, bytes], dict[Session, None]] = {}
        self.channels: dict[bytes, dict[Session, None]] = {}
        self.patterns: dict[bytes, dict[Session, None]] = {}
        self.waiting_for_replicas: dict[Waiter, None] = {}
        self.scripts: dict[bytes, str] = {}  # known ones that were loaded, by the client's digest
        self.dirty = 0
        self.port = 0
        self.started_ms = now_ms()
        self._ids = 0
        self._loading = False
        self._waiting: dict[tuple[int, bytes], deque[Waiter]] = {}
        self._ready: dict[tuple[int, bytes], None] = {}
        self._ends: list[tuple[int, int, bytes]] = []
        self._end_timer: asyncio.TimerHandle | None = None
        self._end_at = 0
        self._batch: list[tuple[int, list[bytes]]] | None = None  # what the transaction that runs has changed
        self._listening: asyncio.Server | None = None
        self._done: asyncio.Future[None] | None = None

    # --- Life ---

    async def start(self, host: str | None = None, port: int = 6379) -> None:
        """Load the append-only file and listen. Raises StorageError for a damaged file, OSError for a port in use."""
        self._done = asyncio.get_running_loop().create_future()
        if self.log is not None:
            self.load(self.log.load)
        self._listening = await asyncio.get_running_loop().create_server(lambda: Session(self), host, port)
        self.port = self._listening.sockets[0].getsockname()[1]

    async def serve_forever(self) -> None:
        """Until `close`, SHUTDOWN, or an error of the log under `always`, which it raises."""
        assert self._done is not None, "not started"
        try:
            await self._done
        finally:
            await self.close()

    async def close(self) -> None:
        """Stop listening, drop every connection, write what is left of the log."""
        if self._end_timer is not None:
            self._end_timer.cancel()
        self.replication.close()
        if self._listening is not None:
            self._listening.close()
        for session in list(self.sessions):
            if session.transport is not None:
                session.transport.abort()
        if self.log is not None:
            self.log.close()
        self.stop()

    def stop(self, error: BaseException | None = None) -> None:
        """Let `serve_forever` return, or raise `error`."""
        if self._done is not None and not self._done.done():
            if error is None:
                self._done.set_result(None)
            else:
                self._done.set_exception(error)

    def next_id(self) -> int:
        """A number for a client."""
        self._ids += 1
        return self._ids

    @property
    def primary(self) -> tuple[str, int] | None:
        """The server that this one is a replica of, or None."""
        return self.replication.primary

    # --- Executing ---

    def execute(self, session: Session, arguments: list[bytes]) -> Any:
        """The reply to one command, or BLOCKED, or an Error; for a transaction it is queued."""
        try:
            command = self._command(session, arguments)
        except Error as error:
            session.failed = session.failed or session.queued is not None
            return error
        if session.queued is not None and command.in_transaction:
            session.queued.append(arguments)
            return "QUEUED"
        result = self.run(session, command, arguments)
        if not session.executing:
            self._wake()
        return result

    def run(self, session: Session, command: Command, arguments: list[bytes]) -> Any:
        """Run one command now, and hand on what it changed."""
        call, before = session.call(arguments), self.dirty
        try:
            result = command.run(call, *arguments[1:])
        except Error as error:
            return error
        if self.dirty != before and command.writes and not session.is_link:
            self._hand_on(call)
        return result

    def transaction(self, session: Session, queued: list[list[bytes]]) -> list[Any]:
        """Run the commands of a transaction; what they change is logged as one."""
        session.executing = True
        self._batch = []
        try:
            results = [self.run(session, COMMANDS[arguments[0].upper()], arguments) for arguments in queued]
        finally:
            session.executing = False
            batch, self._batch = self._batch, None
        if len(batch) > 1:
            batch = [(batch[0][0], [b"MULTI"]), *batch, (batch[-1][0], [b"EXEC"])]
        for db, arguments in batch:
            self._record(db, arguments)
        return results

    def _command(self, session: Session, arguments: list[bytes]) -> Command:
        name = arguments[0]
        command = COMMANDS.get(name.upper())
        if command is None:
            shown = "".join(f"'{argument.decode(errors='replace')[:128]}' " for argument in arguments[1:])
            raise Error(f"ERR unknown command '{name.decode(errors='replace')[:128]}', with args beginning with: {shown}")
        if len(arguments) != command.arity if command.arity > 0 else len(arguments) < -command.arity:
            raise Error(f"ERR wrong number of arguments for '{command.name}' command")
        if session.version == 2 and session.subscriptions() and not command.while_subscribed:
            allowed = "(P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / RESET are allowed in this context"
            raise Error(f"ERR Can't execute '{command.name}': only {allowed}")
        if command.writes and not session.is_link:
            if self.primary is not None:
                raise Error("READONLY You can't write against a read only replica.")
            if self.log is not None and self.log.failed is not None:
                raise Error(f"MISCONF Errors writing to the AOF file: {self.log.failed.strerror}")
        return command

    # --- What a command has changed ---

    def changed(self, db: Database, key: bytes) -> None:
        """A key was written or removed."""
        self.dirty += 1
        place = (db.index, key)
        for session in self.watchers.get(place, ()):
            session.spoiled = True
        if place in self._waiting:
            self._ready[place] = None
        if key in db.ends and self.primary is None and not self._loading:
            self._arm(db.ends[key], db.index, key)

    def _hand_on(self, call: Call) -> None:
        for arguments in [call.arguments] if call.effect is None else call.effect:
            self._record(call.db.index, arguments)

    def _record(self, db: int, arguments: list[bytes]) -> None:
        if self._loading:
            return
        if self._batch is not None:
            self._batch.append((db, arguments))
            return
        if self.log is not None:
            self.log.append(db, arguments)
        self.replication.feed(db, arguments)

    def flush(self) -> None:
        """The end of a turn: log, then let the replies go."""
        if self.log is not None:
            try:
                self.log.flush()
            except OSError as error:
                for session in self.sessions:
                    if session.transport is not None:
                        session.transport.abort()  # nobody is told of what may not be on the disk
                self.outgoing.clear()
                self.stop(error)
                return
        while self.outgoing:
            sessions, self.outgoing = self.outgoing, {}
            for session in sessions:
                session.flush()
        ending, self.ending = self.ending, {}
        for session in ending:
            if session.transport is not None:
                session.transport.close()

    def forget(self, session: Session) -> None:
        """A connection has ended."""
        self.sessions.pop(session, None)
        self.outgoing.pop(session, None)
        session.discard()
        for table, names in ((self.channels, session.channels), (self.patterns, session.patterns)):
            for name in list(names):
                self.unsubscribe(session, table, names, name)
        if session.waiter is not None:
            self._leave(session.waiter)
            session.waiter = None
        self.replication.forget(session)

    def unsubscribe(
        self, session: Session, table: dict[bytes, dict[Session, None]], names: dict[bytes, None], name: bytes
    ) -> None:
        """Take one subscription away."""
        names.pop(name, None)
        subscribers = table.get(name)
        if subscribers is not None:
            subscribers.pop(session, None)
            if not subscribers:
                del table[name]

    # --- Waiting ---

    def block(self, call: Call, keys: list[bytes], timeout_s: float, attempt: Callable[[Call], Any], otherwise: Any) -> Waiter:
        """Let a client wait until `attempt` gives something, tried whenever one of `keys` is written."""
        places = list(dict.fromkeys((call.db.index, key) for key in keys))
        waiter = Waiter(call, places, attempt, otherwise)
        call.session.waiter = waiter
        for place in places:
            self._waiting.setdefault(place, deque()).append(waiter)
        if timeout_s > 0:
            waiter.timer = asyncio.get_running_loop().call_later(timeout_s, self._timed_out, waiter)
        return waiter

    def retry(self, waiter: Waiter) -> None:
        """What a client waits for may have come."""
        session, before = waiter.call.session, self.dirty
        call = Call(self, session, waiter.call.db, waiter.call.arguments)
        try:
            result = waiter.attempt(call)
        except Error:
            return  # another type now: the client goes on waiting
        if result is None:
            return
        if self.dirty != before:
            self._hand_on(call)
        self._leave(waiter)
        session.answered(result)

    def _wake(self) -> None:
        while self._ready:
            place = next(iter(self._ready))
            del self._ready[place]
            for waiter in list(self._waiting.get(place, ())):
                self.retry(waiter)

    def _timed_out(self, waiter: Waiter) -> None:
        self._leave(waiter)
        otherwise = waiter.otherwise
        waiter.call.session.answered(otherwise() if callable(otherwise) else otherwise)
        self.flush()

    def _leave(self, waiter: Waiter) -> None:
        if waiter.timer is not None:
            waiter.timer.cancel()
        self.waiting_for_replicas.pop(waiter, None)
        for place in waiter.keys:
            queue = self._waiting[place]
            queue.remove(waiter)
            if not queue:
                del self._waiting[place]

    # --- Times ---

    def _ended(self, db: Database, key: bytes) -> bool:
        """The time of a key has come. Only a primary removes it: its replicas and its log are told so."""
        if self._loading or self.replication.applying:
            return False
        if self.primary is None:
            db.drop(key)
            self.changed(db, key)
            self._record(db.index, [b"DEL", key])
        return True

    def _arm(self, at_ms: int, db: int, key: bytes) -> None:
        heapq.heappush(self._ends, (at_ms, db, key))
        if self._end_timer is None or at_ms < self._end_at:
            self._set_end_timer()

    def _set_end_timer(self) -> None:
        if self._end_timer is not None:
            self._end_timer.cancel()
            self._end_timer = None
        if self._ends:
            self._end_at = self._ends[0][0]
            delay_s = max(self._end_at - now_ms(), 1) / 1000
            self._end_timer = asyncio.get_running_loop().call_later(delay_s, self._remove_ended)

    def _remove_ended(self) -> None:
        self._end_timer = None
        while self._ends and self._ends[0][0] <= now_ms():
            at_ms, index, key = heapq.heappop(self._ends)
            if self.primary is None and self.databases[index].ends.get(key) == at_ms:
                self.databases[index].get(key)
        self._set_end_timer()
        self._wake()
        self.flush()

    def arm_all(self) -> None:
        """Every time to end counts from now on: after loading, or as a primary."""
        self._ends = [(at, db.index, key) for db in self.databases for key, at in db.ends.items()]
        heapq.heapify(self._ends)
        self._set_end_timer()

    # --- Snapshots ---

    def load(self, source: Callable[[Callable[[list[bytes]], None]], Any]) -> None:
        """Execute the commands that `source` hands to its argument, without logging them. Raises StorageError."""
        session = Session(self, is_link=True)
        self._loading = True
        try:
            source(lambda arguments: self._load_one(session, arguments))
        finally:
            self._loading = False
        self.arm_all()

    def _load_one(self, session: Session, arguments: list[bytes]) -> None:
        result = self.execute(session, arguments)
        if isinstance(result, Error) or result is BLOCKED:
            raise StorageError(f"a command in the log cannot be executed: {arguments[0].decode(errors='replace')}: {result}")

    def snapshot(self) -> bytes:
        """Commands that make the present contents."""
        parts: list[bytes] = []
        for db in self.databases:
            if db.values:
                parts.append(request(b"SELECT", b"%d" % db.index))
            for key, value in db.values.items():
                parts += _made(key, value)
                if key in db.ends:
                    parts.append(request(b"PEXPIREAT", key, b"%d" % db.ends[key]))
        return b"".join(parts)


def _made(key: bytes, value: Any) -> list[bytes]:
    if isinstance(value, bytes):
        return [request(b"SET", key, value)]
    items: list[bytes]
    if isinstance(value, Hash):
        name, items = b"HSET", [text for pair in value.items() for text in pair]
    elif isinstance(value, List):
        name, items = b"RPUSH", list(value)
    elif isinstance(value, Set):
        name, items = b"SADD", list(value)
    else:
        assert isinstance(value, SortedSet)
        name, items = b"ZADD", [text for score, member in value.order for text in (number(score), member)]
    return [request(name, key, *items[i : i + ITEMS_PER_COMMAND]) for i in range(0, len(items), ITEMS_PER_COMMAND)]

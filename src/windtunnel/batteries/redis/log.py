"""The append-only file: every change, as the command that makes it, in the order in which they were made.

Policies of `appendfsync`, as in Redis: `always` syncs before any reply to what was written leaves; `everysec` at most a second
later; `no` never. A file that ends in the middle of a command, or of a transaction, was torn by a crash: it is cut there (Redis:
`aof-load-truncated yes`). Anything else that cannot be read is damage, and the server refuses to start.

The file is created, and replaced by a rewrite, by the book: write, sync, rename, sync the directory. It is a single one with the
name and the format of Redis 6; there is no snapshot at its head.

Source: https://redis.io/docs/latest/operate/oss_and_stack/management/persistence/, section "Append-only file".
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from pathlib import Path
from typing import Literal, TypeAlias

from windtunnel.base.errors import StorageError
from windtunnel.batteries.durable import make_directory, sync_directory
from windtunnel.batteries.resp import ProtocolError, Requests, request

Policy: TypeAlias = Literal["always", "everysec", "no"]

NAME = "appendonly.aof"
SYNC_EVERY_S = 1.0


class Log:
    """The append-only file in `directory`. failed: the error that the last write met; writes are refused while it stands."""

    def __init__(self, directory: Path, policy: Policy) -> None:
        self.path = directory / NAME
        self.policy: Policy = policy
        self.failed: OSError | None = None
        self.cut_bytes = 0  # what loading cut off
        self._fd = -1
        self._size = 0
        self._selected = -1
        self._buffer: list[bytes] = []
        self._timer: asyncio.TimerHandle | None = None
        self._clean = True

    def load(self, execute: Callable[[list[bytes]], None]) -> int:
        """Open the file and execute every command in it; returns how many. Raises StorageError for a damaged file."""
        make_directory(self.path.parent)
        new = not self.path.exists()
        self._fd = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o644)
        if new:
            sync_directory(self.path.parent)
        data = self.path.read_bytes()
        requests, count, whole = Requests(), 0, 0
        requests.feed(data)
        begun: list[list[bytes]] | None = None  # of a transaction that has not ended
        while whole < len(data) or begun is not None:
            at = requests.consumed
            if data[at : at + 1] not in {b"*", b""}:
                raise self._damaged(at)
            try:
                arguments = requests.next()
            except ProtocolError as error:
                raise self._damaged(at) from error
            if arguments is None:
                break
            name = arguments[0].upper() if arguments else b""
            if name == b"MULTI":
                begun = []
            elif begun is not None and name != b"EXEC":
                begun.append(arguments)
            else:
                for one in [arguments] if begun is None else begun:
                    execute(one)
                    count += 1
                begun = None
            if begun is None:
                whole = requests.consumed
        self.cut_bytes = len(data) - whole
        if self.cut_bytes:
            os.ftruncate(self._fd, whole)
            os.fsync(self._fd)
        self._size = whole
        return count

    def append(self, db: int, arguments: list[bytes]) -> None:
        """Add a command; `flush` writes it."""
        if db != self._selected:
            self._buffer.append(request(b"SELECT", b"%d" % db))
            self._selected = db
        self._buffer.append(request(*arguments))

    def flush(self) -> None:
        """Write what was added, and sync it if the policy says so before anybody hears of it. Raises OSError under `always`."""
        if not self._buffer or self._fd < 0:
            return
        data = b"".join(self._buffer)
        try:
            _write(self._fd, data)
            self._size += len(data)
            self._buffer.clear()
            self.failed = None
            if self.policy == "always":
                os.fsync(self._fd)
                return
        except OSError as error:
            self.failed = error
            if self.policy == "always":
                raise  # what was executed cannot be taken back, and its reply must not leave
            os.ftruncate(self._fd, self._size)  # half a command must not stay in the middle of the file
            self._arm()
            return
        self._clean = False
        if self.policy == "everysec":
            self._arm()

    def rewrite(self, commands: bytes) -> None:
        """Replace the file by one that holds `commands`. Raises OSError; the old file stays then."""
        beside = self.path.with_suffix(".tmp")
        fd = os.open(beside, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND | os.O_CLOEXEC, 0o644)
        try:
            _write(fd, commands)
            os.fsync(fd)
            beside.replace(self.path)
        except OSError:
            os.close(fd)
            raise
        sync_directory(self.path.parent)
        os.close(self._fd)
        self._fd, self._size = fd, len(commands)
        self._selected = -1
        self._buffer.clear()

    def close(self) -> None:
        """Write and sync what is left."""
        if self._timer is not None:
            self._timer.cancel()
        if self._fd >= 0:
            try:
                self.flush()
                os.fsync(self._fd)
            finally:
                os.close(self._fd)
                self._fd = -1

    def _arm(self) -> None:
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(SYNC_EVERY_S, self._sync)

    def _sync(self) -> None:
        self._timer = None
        self.flush()
        if not self._clean and self.policy == "everysec" and self._fd >= 0:
            try:
                os.fsync(self._fd)
                self._clean = True
            except OSError as error:
                self.failed = error
                self._arm()

    def _damaged(self, at: int) -> StorageError:
        return StorageError(f"bad file format reading {self.path} at byte {at}: make a backup, then cut the file there")


def _write(fd: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(fd, view) :]

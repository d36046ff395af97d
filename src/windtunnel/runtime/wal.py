"""A node's records on a real disk: an append-only log, checked at every boot.

Theory of operation. The file is a header and then frames, `length: u32 | crc: u32 | body`, big-endian. One frame holds one
*batch*: everything that was committed by one write and one fdatasync, as a msgpack array of records. The next frame is
written only after the sync of the one before has returned, so a crash can damage nothing but the last frame, whatever the
order in which the drive wrote its sectors. That is what tells the two kinds of damage apart at recovery:

* a bad frame with nothing valid behind it is a torn write; nobody was told that it is durable, and it is cut off;
* a bad frame with a valid one behind it was durable once. Dropping it would break every protocol that relies on it, so
  recovery refuses and says where (Alagappan et al., "Protocol-aware recovery for consensus-based storage", FAST 2018).

A batch that rots at the very end looks torn; no log of one file can tell. The checksum covers the frame's own offset, so a
frame is valid only where it was written: a copy of a log inside a record is not taken for the log.

A checkpoint writes the new log beside the old one, syncs it, renames it over the old one and syncs the directory: after a
crash there is the old log or the new one, whole. An error of the disk is final: after a failed fsync the kernel may have
dropped the dirty pages, so a second try would lie (Rebello et al., "Can applications recover from fsync failures?", 2020).
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import struct
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from windtunnel.base.errors import StorageError, UsageError
from windtunnel.base.messages import Message
from windtunnel.runtime.codec import union_of

MAGIC = b"windtunnel wal 1\n"

_FRAME = struct.Struct(">II")
_SEED = struct.Struct(">QI")  # offset and length, in front of the body under the checksum


@dataclass(frozen=True, slots=True)
class Batch:
    """What one commit makes durable. fresh: it replaces the log instead of growing it."""

    records: tuple[Any, ...]
    fresh: bool


class Wal:
    """The log of one node; open it with `Wal.open`.

    `append` and `replace` only collect; `take` seals what was collected into a batch; `commit` writes and syncs it, blocking.
    One commit runs at a time, in whatever thread. `torn_bytes`: what recovery cut off.
    """

    def __init__(self, path: Path, types: Iterable[type[Message]]) -> None:
        self.path = path
        self.torn_bytes = 0
        self._types = frozenset(types)
        self._encode = msgspec.msgpack.Encoder().encode
        self._pending: list[Any] = []
        self._fresh = False
        self._fd = -1
        self._end = 0

    @classmethod
    def open(cls, path: Path, types: Sequence[type[Message]]) -> tuple[Wal, list[Any]]:
        """Open or create the log at `path`; returns it with the records that it holds, oldest first.

        types: the record types of the system. Raises StorageError for a damaged or foreign file, or one in use.
        """
        wal = cls(path, types)
        try:
            new = not path.exists()
            wal._fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            records = wal._boot(types, new=new)
        except OSError as error:
            wal.close()
            raise StorageError(f"{path}: {error.strerror}") from error
        except StorageError:
            wal.close()
            raise
        return wal, records

    # --- Writing ---

    def append(self, record: Any) -> None:
        """Add `record` to the coming batch. Raises UsageError for a type that recovery could not read."""
        self._check(record)
        self._pending.append(record)

    def replace(self, records: Sequence[Any]) -> None:
        """Let the coming batch replace the whole log, what was appended before in it included."""
        for record in records:
            self._check(record)
        self._pending = list(records)
        self._fresh = True

    def take(self) -> Batch | None:
        """Seal and hand out what was collected since the last call; None if that is nothing."""
        if not self._pending and not self._fresh:
            return None
        batch = Batch(tuple(self._pending), self._fresh)
        self._pending = []
        self._fresh = False
        return batch

    def commit(self, batch: Batch) -> None:
        """Make `batch` durable. Blocks for a write and an fdatasync. Raises StorageError; the log is dead then."""
        assert self._fd >= 0, "commit on a closed log"
        try:
            if batch.fresh:
                self._rewrite(batch.records)
            else:
                frame = self._frame(batch.records, self._end)
                _write_all(self._fd, frame, self._end)
                os.fdatasync(self._fd)
                self._end += len(frame)
        except OSError as error:
            self.close()
            raise StorageError(f"{self.path}: {error.strerror}") from error

    def close(self) -> None:
        """Let go of the file. What was not committed is lost."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def _check(self, record: Any) -> None:
        if type(record) not in self._types:
            raise UsageError(f"{type(record).__name__} is not declared: add it to the records of its System")

    def _frame(self, records: Sequence[Any], offset: int) -> bytes:
        body = self._encode(records)
        return _FRAME.pack(len(body), _checksum(offset, body)) + body

    def _rewrite(self, records: Sequence[Any]) -> None:
        beside = self._beside()
        content = MAGIC + self._frame(records, len(MAGIC))
        fd = os.open(beside, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            _write_all(fd, content, 0)
            os.fsync(fd)
            os.rename(beside, self.path)  # noqa: PTH104 - the verb of the protocol
            _sync_directory(self.path.parent)
        except OSError:
            os.close(fd)
            raise
        os.close(self._fd)
        self._fd = fd
        self._end = len(content)

    def _beside(self) -> Path:
        return self.path.with_name(self.path.name + ".new")

    # --- Recovery ---

    def _boot(self, types: Sequence[type[Message]], *, new: bool) -> list[Any]:
        try:
            fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise StorageError(f"{self.path}: in use by another process") from None
        with contextlib.suppress(FileNotFoundError):
            self._beside().unlink()  # a checkpoint that did not get as far as its rename
        data = self.path.read_bytes()
        if len(data) < len(MAGIC) and MAGIC.startswith(data):
            os.ftruncate(self._fd, 0)
            _write_all(self._fd, MAGIC, 0)
            os.fsync(self._fd)
            if new:
                _sync_directory(self.path.parent)
            self._end = len(MAGIC)
            return []
        if not data.startswith(MAGIC):
            raise StorageError(f"{self.path}: not a log of this release (it starts with {data[: len(MAGIC)]!r})")
        return self._read(data, types)

    def _read(self, data: bytes, types: Sequence[type[Message]]) -> list[Any]:
        decode = msgspec.msgpack.Decoder(list[union_of(types)] if types else list[None]).decode  # type: ignore[misc]
        records: list[Any] = []
        at = len(MAGIC)
        while at < len(data):
            stop = _valid_until(data, at)
            if stop is None:
                self._cut(data, at)
                break
            try:
                records += decode(data[at + _FRAME.size : stop])
            except (ValueError, RecursionError) as error:
                raise StorageError(f"{self.path}: byte {at}: the batch is intact but unreadable: {error}") from None
            at = stop
        self._end = at
        return records

    def _cut(self, data: bytes, at: int) -> None:
        """Drop the torn batch at `at`; refuse when something valid follows it."""
        for later in range(at + 1, len(data) - _FRAME.size):
            if _valid_until(data, later) is not None:
                raise StorageError(
                    f"{self.path}: byte {at}: damaged batch with an intact one behind it at byte {later}: "
                    "this was durable once, refusing to start without it"
                )
        self.torn_bytes = len(data) - at
        os.ftruncate(self._fd, at)
        os.fsync(self._fd)


def _checksum(offset: int, body: bytes) -> int:
    return zlib.crc32(body, zlib.crc32(_SEED.pack(offset, len(body))))


def _valid_until(data: bytes, at: int) -> int | None:
    """Where the frame at `at` ends, or None if there is no valid one."""
    start = at + _FRAME.size
    if start > len(data):
        return None
    length, crc = _FRAME.unpack_from(data, at)
    stop: int = start + length
    if length == 0 or stop > len(data) or _checksum(at, data[start:stop]) != crc:
        return None
    return stop


def _write_all(fd: int, content: bytes, offset: int) -> None:
    view = memoryview(content)
    while view:
        count = os.pwrite(fd, view, offset)
        view = view[count:]
        offset += count


def _sync_directory(path: Path) -> None:
    fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)

"""What a file system is made of: files with a log of unsynced writes, directories, symbolic links, devices.

A file's contents are one buffer, the page cache, and the operations on it since the last sync, each with what it overwrote. So
a write costs what it writes, a sync forgets the log, and a crash undoes the log and redoes the part of it that had reached the
disk. No operation copies the file.
"""

from __future__ import annotations

import stat
from typing import TypeAlias

from windtunnel.base.streams import Stream

SECTOR_BYTES = 512  # what a disk writes atomically
UNSYNCED_BYTES_MAX = 64 << 20  # of one file; beyond it the older half is written back, as an operating system does in time
UNSYNCED_WRITES_MAX = 65536  # the same, for small writes

_KEEPS = 0.5  # probability that a write reached the disk, where writes of one file may be reordered
_TEARS = 0.5  # probability that the last write that reached the disk did so in part
_BYTEWISE = 0.5  # probability that it is cut at a byte and not at a sector


class Node:
    """An inode. ino: its number; lower: the real path that it stands for, or None when the host made it; times in ns."""

    __slots__ = ("atime_ns", "ctime_ns", "dev", "gid", "ino", "links", "lower", "mode", "mtime_ns", "uid")

    def __init__(self, ino: int, mode: int, now_ns: int = 0, lower: str | None = None) -> None:
        self.ino = ino
        self.mode = mode
        self.links = 0
        self.uid = self.gid = 0
        self.dev = 0
        self.atime_ns = self.mtime_ns = self.ctime_ns = now_ns
        self.lower = lower


Change: TypeAlias = tuple[int, bytes | None, bytes, int]
"""Of contents: offset, bytes written (None: truncated to that offset), what was there before, size before."""


class File(Node):
    """A regular file. While `data` is None nobody has written to it: it is the real file `lower`.

    log: what was done since the last sync, oldest first. shadow: the contents on the disk, kept apart only after a failed sync
    has dropped writes that the page cache still shows. bad: unreadable sectors.
    """

    __slots__ = ("bad", "data", "log", "shadow", "unsynced_bytes")

    def __init__(self, ino: int, mode: int, now_ns: int = 0, lower: str | None = None) -> None:
        super().__init__(ino, mode, now_ns, lower)
        self.data: bytearray | None = None if lower is not None else bytearray()
        self.log: list[Change] = []
        self.unsynced_bytes = 0
        self.shadow: bytearray | None = None
        self.bad: dict[int, None] | None = None

    def write(self, offset: int, chunk: bytes) -> None:
        """Put `chunk` at `offset`; a gap before it reads as zeros."""
        data = self.data
        assert data is not None, "written before it was copied up"
        size = len(data)
        if offset == size:
            data += chunk
            self.log.append((offset, chunk, b"", size))
        else:
            before = bytes(data[offset : offset + len(chunk)])
            _put(data, offset, chunk)
            self.log.append((offset, chunk, before, size))
        self.unsynced_bytes += len(chunk)
        if self.bad:
            self._rewrite(offset, offset + len(chunk))
        if self.unsynced_bytes > UNSYNCED_BYTES_MAX or len(self.log) > UNSYNCED_WRITES_MAX:
            self._write_back()

    def truncate(self, size: int) -> None:
        """Cut the file, or let it grow by zeros."""
        data = self.data
        assert data is not None, "truncated before it was copied up"
        if size != len(data) or self.shadow is not None:
            self.log.append((size, None, bytes(data[size:]), len(data)))
            _resize(data, size)

    def synced(self) -> None:
        """Everything written so far is on the disk."""
        if self.shadow is not None:
            for change in self.log:
                _redo(self.shadow, change)
        self.log.clear()
        self.unsynced_bytes = 0

    def dropped(self) -> None:
        """A sync failed: what it should have written never gets to the disk, and the page cache calls it clean."""
        if self.log and self.data is not None:
            if self.shadow is None:
                self.shadow = bytearray(self.data)
                _undo(self.shadow, self.log)
            self.log.clear()
            self.unsynced_bytes = 0

    def crashed(self, stream: Stream, *, reorder: bool) -> tuple[int, int]:
        """Power is lost: keep what was synced, and of the rest what `stream` says. Returns writes and bytes lost."""
        data = self.data
        assert data is not None, "dirty before it was copied up"
        log, self.log = self.log, []
        if self.shadow is not None:
            data, self.data, self.shadow = self.shadow, self.shadow, None
        else:
            _undo(data, log)
        self.unsynced_bytes = 0
        kept = [c for c in log if stream.chance(_KEEPS)] if reorder else log[: stream.below(len(log) + 1)]
        if kept and stream.chance(_TEARS):
            kept[-1:] = _torn(kept[-1], stream)
        for change in kept:
            _redo(data, change)
        return len(log) - len(kept), sum(len(c[1] or b"") for c in log) - sum(len(c[1] or b"") for c in kept)

    def durable(self) -> bytes:
        """The contents that are certain to survive a crash."""
        assert self.data is not None, "a file of the lower layer"
        image = bytearray(self.data if self.shadow is None else self.shadow)
        if self.shadow is None:
            _undo(image, self.log)
        return bytes(image)

    def flip(self, offset: int, mask: int) -> None:
        """Change bits of one byte on the disk, and in the page cache, as after the next boot."""
        for image in (self.data, self.shadow):
            if image is not None and offset < len(image):
                image[offset] ^= mask

    def unreadable(self, start: int, end: int) -> bool:
        """Whether a bad sector lies in `start` .. `end`."""
        return self.bad is not None and any(start < (s + 1) * SECTOR_BYTES and s * SECTOR_BYTES < end for s in self.bad)

    def _rewrite(self, start: int, end: int) -> None:
        """A drive remaps a bad sector when it is written anew, whole."""
        assert self.bad is not None
        for sector in [s for s in self.bad if start <= s * SECTOR_BYTES and (s + 1) * SECTOR_BYTES <= end]:
            del self.bad[sector]

    def _write_back(self) -> None:
        half = len(self.log) // 2 + 1
        if self.shadow is not None:
            for change in self.log[:half]:
                _redo(self.shadow, change)
        del self.log[:half]
        self.unsynced_bytes = sum(len(c[1] or b"") for c in self.log)


class Directory(Node):
    """Names.

    entries: None stands for a name that is gone though the lower layer has it; a name that is missing here is looked up in
    `lower`. parent and name: where it hangs; a directory has one name only.
    """

    __slots__ = ("entries", "name", "parent")

    def __init__(self, ino: int, mode: int, now_ns: int = 0, lower: str | None = None) -> None:
        super().__init__(ino, mode, now_ns, lower)
        self.entries: dict[str, Node | None] = {}
        self.parent: Directory = self
        self.name = ""


class Symlink(Node):
    """A symbolic link."""

    __slots__ = ("target",)

    def __init__(self, ino: int, target: str, now_ns: int = 0, lower: str | None = None) -> None:
        super().__init__(ino, stat.S_IFLNK | 0o777, now_ns, lower)
        self.target = target


class Device(Node):
    """What the lower layer has besides: devices, pipes, sockets."""

    __slots__ = ()


# --- Contents ---


def _put(data: bytearray, offset: int, chunk: bytes) -> None:
    if offset > len(data):
        data.extend(bytes(offset - len(data)))
    data[offset : offset + len(chunk)] = chunk


def _resize(data: bytearray, size: int) -> None:
    if size < len(data):
        del data[size:]
    else:
        data.extend(bytes(size - len(data)))


def _undo(data: bytearray, log: list[Change]) -> None:
    for offset, chunk, before, size in reversed(log):
        if chunk is None:
            del data[min(offset, size) :]
            data += before
        else:
            data[offset : offset + len(before)] = before
            del data[size:]


def _redo(data: bytearray, change: Change) -> None:
    offset, chunk, _before, _size = change
    if chunk is None:
        _resize(data, offset)
    else:
        _put(data, offset, chunk)


def _torn(change: Change, stream: Stream) -> list[Change]:
    """The part of a write that reached the disk; nothing when not even a sector did."""
    offset, chunk, before, size = change
    if chunk is None or len(chunk) < 2:
        return [change]
    end = offset + 1 + stream.below(len(chunk) - 1)
    if not stream.chance(_BYTEWISE):
        end -= end % SECTOR_BYTES
    return [(offset, chunk[: end - offset], before, size)] if end > offset else []

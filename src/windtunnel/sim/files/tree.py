"""The file system of one simulated host: a layer of its own over the real one, and the ways in which a disk disappoints.

What the host never wrote is read from the real file system: package data, templates, certificates. All that it writes, deletes,
renames stays in its own layer. The real disk is never changed.

Model of a crash (`crash`). Contents and names are durable apart. A sync of a file makes its contents and size durable, not its
name; a sync of a directory makes the names in it durable, not the contents. Of what was not synced a crash keeps, of each file,
a random prefix of the writes, the last one perhaps torn; of each directory, a random prefix of the changes of names. A rename is
one change: afterwards there is the old state or the new one, whole. A write that was not synced may thus survive a rename, or
not: a file that was renamed without a sync before may be empty. With `reorder` any subset of the writes to a file may
survive, not only a prefix. With `journalled` a sync of anything makes every change of names so far durable, as ext4 and XFS
happen to do; POSIX does not promise it.

A process that is killed (`kill`) loses its open files and their buffers, and nothing else: the page cache belongs to the machine.

Omits: permissions (the process is root on its disk), access times, extended attributes, quotas; modes and times survive as they
are. `fdatasync` is `fsync`.
"""

from __future__ import annotations

import errno
import os
import posix
import stat
from collections.abc import Callable, Iterator
from typing import Literal, NamedTuple

from windtunnel.base.streams import Stream
from windtunnel.sim.disk import SYNC_S
from windtunnel.sim.escapes import escaped
from windtunnel.sim.files.descriptors import FIRST, SIZE_BYTES_MAX, Description, error, relinked, status_of
from windtunnel.sim.files.names import Names, Place, real_node
from windtunnel.sim.files.nodes import SECTOR_BYTES, Device, Directory, File, Node, Symlink

_REAL_DEVICES = frozenset({"/dev/null", "/dev/zero", "/dev/full"})  # they keep nothing and tell nothing


class Lost(NamedTuple):
    """What a crash took: writes (torn ones included), bytes of them, changes of names."""

    writes: int
    bytes: int
    names: int


class FileSystem:
    """One host's files.

    stream: decides what crashes keep. clock: the host's wall clock, seconds since 1970. stall: makes the whole host wait, for a
    call that blocks has no other way to take time. sync_s: how long a sync takes, or the range it is drawn from. full,
    read_only: no room left, mounted read-only. failing_syncs: so many of the next syncs fail with EIO and drop what they should
    have written. on_change: called before each change of the disk with the operation and the path; what it raises, the call
    raises, so that a crash in the middle of a function can be had.
    """

    __slots__ = (
        *("_clock", "_next", "_stall", "_stream", "descriptors", "dirty", "failing_syncs", "full", "journalled", "locks"),
        *("names", "on_change", "read_only", "reorder", "sync_s", "syncs"),
    )

    def __init__(
        self,
        stream: Stream,
        clock: Callable[[], float],
        *,
        stall: Callable[[float], object] | None = None,
        reorder: bool = False,
        journalled: bool = False,
    ) -> None:
        self._stream = stream
        self._clock = clock
        self._stall = stall
        self._next = FIRST
        self.names = Names(self.now_ns)
        self.descriptors: dict[int, Description] = {}
        self.dirty: dict[File, None] = {}
        self.locks: dict[Node, dict[Description, int]] = {}
        self.reorder = reorder
        self.journalled = journalled
        self.sync_s: float | tuple[float, float] = SYNC_S
        self.full = False
        self.read_only = False
        self.failing_syncs = 0
        self.syncs = 0
        self.on_change: Callable[[str, str], object] | None = None

    # --- The end of a machine, of a process ---

    def crash(self) -> Lost:
        """Power is lost. Returns what was lost with it."""
        self.kill()
        names = self.names.crash(self._stream)
        writes = size = 0
        for file in self.dirty:
            lost = file.crashed(self._stream, reorder=self.reorder)
            writes += lost[0]
            size += lost[1]
        self.dirty.clear()
        return Lost(writes, size, names)

    def kill(self) -> None:
        """The process is gone: its descriptors, its locks, what Python had buffered, its working directory."""
        for description in list(self.descriptors.values()):
            description.gone = True
            description.close()
        self.descriptors.clear()
        self.locks.clear()
        self.names.cwd = None

    # --- Faults ---

    def disk(self, mode: Literal["ok", "slow", "full", "corrupt"], *, sync_s: float = 0.0) -> None:
        """The verb of `base.world.World`."""
        if mode == "ok":
            self.repair()
        elif mode == "slow":
            self.sync_s = sync_s
        elif mode == "full":
            self.full = True
        else:
            self.corrupt()

    def corrupt(self, path: str | None = None, how: Literal["error", "flip"] = "error") -> str | None:
        """Damage a durable sector of the file at `path`, or of one drawn: unreadable (EIO), or with one bit flipped, silently.

        Returns the path, or None when nothing is durable that the host wrote.
        """
        found = {p: node for p, node in self._written() if isinstance(node, File) and node.data and node.durable()}
        chosen = path if path is not None else (self._stream.choice(sorted(found)) if found else None)
        if chosen is None or chosen not in found:
            return None
        file = found[chosen]
        size = len(file.durable())
        position = self._stream.below(size)
        if how == "error":
            file.bad = {**(file.bad or {}), position // SECTOR_BYTES: None}
        else:
            assert file.data is not None
            file.flip(position, 1 << self._stream.below(8))
        return chosen

    def repair(self) -> None:
        """There is space, the disk is writable and as fast as before, every sector is readable. Flipped bits stay."""
        self.full = self.read_only = False
        self.failing_syncs = 0
        self.sync_s = SYNC_S
        for _, node in self._written():
            if isinstance(node, File):
                node.bad = None

    # --- Reports ---

    def tree(self) -> dict[str, str]:
        """What differs from the real file system: path, and what is there."""
        return {path: _described(node) for path, node in sorted(self._written(), key=lambda pair: pair[0])}

    def unsynced(self) -> list[str]:
        """What a crash may take now, one line each."""
        lines = [
            f"{path}: {len(node.log)} writes, {node.unsynced_bytes} bytes"
            for path, node in sorted(self._written(), key=lambda pair: pair[0])
            if isinstance(node, File) and node.log
        ]
        for change in self.names.journal:
            for directory, name, _before, after in change:
                if directory.links:
                    lines.append(f"{self.names.path_of(directory)}: the name {name!r} is {'gone' if after is None else 'set'}")
        return lines

    def read_bytes(self, path: str) -> bytes:
        """The contents of a file, for tests and reports that look from outside."""
        description = self.open(path, os.O_RDONLY)
        try:
            return description.read_at(-1, 0)
        finally:
            description.references = 1
            description.close()

    # --- For the calls of this package ---

    def now_ns(self) -> int:
        """The host's wall clock."""
        return int(self._clock() * 1e9)

    def description(self, fd: int) -> Description:
        """The open file of a descriptor. Raises OSError (EBADF)."""
        try:
            return self.descriptors[fd]
        except KeyError:
            raise error(errno.EBADF) from None

    def new_descriptor(self, description: Description, fd: int = -1) -> int:
        """A number for an open file."""
        if fd < 0:
            fd = self._next
            self._next += 1
        else:
            self._next = max(self._next, fd + 1)
        description.references += 1
        self.descriptors[fd] = description
        return fd

    def changing(self, operation: str, path: str, *, grows: bool = False) -> None:
        """The disk is about to be changed. Raises OSError where it cannot be."""
        if self.on_change is not None:
            self.on_change(operation, path)
        if self.read_only:
            raise error(errno.EROFS)
        if grows and self.full:
            raise error(errno.ENOSPC)

    def open(self, path: str, flags: int, mode: int = 0o777, at: Directory | None = None) -> Description:
        """Open or create a file. Raises OSError without a file name; Escaped for a device."""
        if flags & os.O_TMPFILE == os.O_TMPFILE:
            return self._open_nameless(path, flags, mode, at)
        exclusive = flags & (os.O_CREAT | os.O_EXCL) == os.O_CREAT | os.O_EXCL
        follow = not (exclusive or flags & os.O_NOFOLLOW)
        place = self.names.walk(path, at, follow=follow, create=bool(flags & os.O_CREAT))
        node = place.node
        if node is None:
            return Description(self, self._created(place, path, flags, mode), flags, path)
        if exclusive:
            raise error(errno.EEXIST)
        if isinstance(node, Symlink):
            raise error(errno.ELOOP)
        writes = flags & os.O_ACCMODE != os.O_RDONLY or flags & os.O_TRUNC
        if isinstance(node, Directory):
            if writes or flags & os.O_CREAT:
                raise error(errno.EISDIR)
            return Description(self, node, flags, path)
        if flags & os.O_DIRECTORY:
            raise error(errno.ENOTDIR)
        if isinstance(node, Device):
            return Description(self, node, flags, path, _device(node, flags))
        assert isinstance(node, File)
        if writes and self.read_only:
            raise error(errno.EROFS)
        if flags & os.O_TRUNC:
            self.resize(node, 0, path)
        real = -1
        if node.data is None:
            assert node.lower is not None
            real = posix.open(node.lower, os.O_RDONLY | os.O_CLOEXEC)
        return Description(self, node, flags, path, real)

    def resize(self, file: File, size: int, path: str) -> None:
        """Cut or grow a file."""
        if size < 0:
            raise error(errno.EINVAL)
        data = self.copied_up(file) if file.data is None else file.data
        self.changing("truncate", path, grows=size > len(data))
        if size > SIZE_BYTES_MAX:
            raise error(errno.EFBIG)
        file.truncate(size)
        self.dirty[file] = None
        file.mtime_ns = file.ctime_ns = self.now_ns()

    def copied_up(self, file: File) -> bytearray:
        """The contents of a file of the lower layer, which are about to change: from now on they are the host's own."""
        assert file.lower is not None, "a file without contents"
        fd = posix.open(file.lower, os.O_RDONLY | os.O_CLOEXEC)
        try:
            data = bytearray()
            while chunk := posix.read(fd, 1 << 20):
                data += chunk
        finally:
            posix.close(fd)
        file.data = data
        return data

    def sync(self, node: Node | None) -> None:
        """Make a file's contents or a directory's names durable; None: everything. Takes time. Raises OSError (EIO)."""
        if self.on_change is not None:
            self.on_change("sync", "")
        self.syncs += 1
        if self._stall is not None:
            span = self.sync_s
            self._stall(self._stream.uniform(*span) if isinstance(span, tuple) else span)
        if self.failing_syncs > 0:
            self.failing_syncs -= 1
            if isinstance(node, File):
                node.dropped()
            raise error(errno.EIO)
        if isinstance(node, File):
            self._synced(node)
        elif node is None:
            for file in list(self.dirty):
                self._synced(file)
        if node is None or self.journalled:
            self.names.commit()
        elif isinstance(node, Directory):
            self.names.commit(node)
        if not self.names.journal:
            for file in [f for f in self.dirty if f.links == 0]:
                del self.dirty[file]  # nothing can bring its name back

    def status(self, node: Node) -> os.stat_result:
        """What `stat` tells of a node."""
        if isinstance(node, File):
            if node.data is None:
                assert node.lower is not None
                below = posix.stat(node.lower)
                return below if node.links == 1 else relinked(below, node.links - 1)
            return status_of(node, len(node.data))
        return status_of(node, len(os.fsencode(node.target)) if isinstance(node, Symlink) else 0)

    def unlock(self, description: Description) -> None:
        """Release what an open file has locked."""
        locks = self.locks.get(description.node)
        if locks is not None:
            locks.pop(description, None)
            if not locks:
                del self.locks[description.node]

    # --- Inside ---

    def _synced(self, file: File) -> None:
        file.synced()
        if file.shadow is None:  # otherwise the page cache still shows what a crash will take
            self.dirty.pop(file, None)

    def _created(self, place: Place, path: str, flags: int, mode: int) -> File:
        if not flags & os.O_CREAT:
            raise error(errno.ENOENT)
        self.changing("create", path, grows=True)
        file = self._new_file(mode)
        self.names.change((place.parent, place.name, file))
        return file

    def _new_file(self, mode: int) -> File:
        return File(self.names.next_ino(), stat.S_IFREG | self.names.permissions(mode), self.now_ns())

    def _open_nameless(self, path: str, flags: int, mode: int, at: Directory | None) -> Description:
        if not isinstance(self.names.walk(path, at).node, Directory):
            raise error(errno.ENOTDIR)
        self.changing("create", path, grows=True)
        return Description(self, self._new_file(mode), flags, path)

    def _written(self) -> Iterator[tuple[str, Node | None]]:
        """Every name that the host has set, and what it stands for: None where a name of the lower layer is gone."""
        pending = [("", self.names.root)]
        while pending:
            above, directory = pending.pop()
            for name, node in directory.entries.items():
                path = f"{above}/{name}"
                moved = node is not None and node.lower is not None and node.lower != f"{directory.lower}/{name}"
                if node is None:
                    if real_node(f"{directory.lower}/{name}") is not None:
                        yield path, None
                elif node.lower is None or moved or (isinstance(node, File) and node.data is not None):
                    yield path, node
                if isinstance(node, Directory):
                    pending.append((path, node))


def _described(node: Node | None) -> str:
    if node is None:
        return "deleted"
    if isinstance(node, Directory):
        return "directory"
    if isinstance(node, Symlink):
        return f"link to {node.target}"
    if not isinstance(node, File) or node.data is None:
        return f"real {node.lower}"
    unsynced = f", {len(node.log)} writes unsynced" if node.log else ""
    damaged = f", bad sectors {list(node.bad)}" if node.bad else ""
    return f"{len(node.data)} bytes{unsynced}{damaged}"


def _device(node: Device, flags: int) -> int:
    if node.lower in _REAL_DEVICES:
        return posix.open(node.lower, flags & ~os.O_CREAT | os.O_CLOEXEC)
    raise escaped(f"open({node.lower!r})", "a device, pipe or socket outside the simulation")

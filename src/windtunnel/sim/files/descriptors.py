"""Open files: what a file descriptor of a simulated host stands for, and the system calls that take one.

Descriptors of simulated files are numbers from 2**20 on, which no real call accepts by accident. A file of the lower layer that
nobody has written to is read where it is, through a real descriptor that nobody else sees.
"""

# ruff: noqa: ARG001 - the signatures are those of os

from __future__ import annotations

import errno
import fcntl
import os
import posix
import stat
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from windtunnel.sim.escapes import escaped
from windtunnel.sim.files.nodes import Directory, File, Node

if TYPE_CHECKING:
    from windtunnel.sim.files.tree import FileSystem

FIRST = 1 << 20  # above every limit of open files that a system sets
SIZE_BYTES_MAX = 1 << 30  # of one file: contents are kept in memory, holes included

_SYNCED = os.O_SYNC | os.O_DSYNC
_BLOCK_BYTES = 4096


class Description:
    """An open file: the node, the flags and the position, shared by the descriptors that `dup` makes.

    gone: the process that opened it is dead. Python may still flush buffers of objects that it collects later; they are lost, as
    the memory of the process is. real: a real descriptor for a file of the lower layer, or -1.
    """

    __slots__ = ("files", "flags", "gone", "node", "path", "position", "real", "references")

    def __init__(self, files: FileSystem, node: Node, flags: int, path: str, real: int = -1) -> None:
        self.files = files
        self.node = node
        self.flags = flags
        self.path = path
        self.position = 0
        self.references = 0
        self.gone = False
        self.real = real

    def readable(self) -> bool:
        """Whether the access mode allows to read."""
        return self.flags & os.O_ACCMODE != os.O_WRONLY

    def writable(self) -> bool:
        """Whether the access mode allows to write."""
        return self.flags & os.O_ACCMODE != os.O_RDONLY

    def file(self) -> File:
        """The node, which must be a regular file."""
        if not isinstance(self.node, File):
            raise error(errno.EISDIR if isinstance(self.node, Directory) else errno.EINVAL)
        return self.node

    def size(self) -> int:
        """Bytes in the file."""
        node = self.node
        if isinstance(node, File):
            return posix.fstat(self.real).st_size if node.data is None else len(node.data)
        return 0

    def read_at(self, size: int, offset: int) -> bytes:
        """Up to `size` bytes (negative: all) from `offset`. Raises OSError: a bad sector, not open for reading."""
        if self.gone:
            return b""
        if not self.readable():
            raise error(errno.EBADF)
        file = self.file()
        data = file.data
        if data is None:
            return _read_real(self.real, size, offset)
        end = len(data) if size < 0 else min(offset + size, len(data))
        if file.bad and offset < end and file.unreadable(offset, end):
            raise error(errno.EIO)
        return bytes(data[offset:end])

    def read(self, size: int) -> bytes:
        """Up to `size` bytes (negative: all) from the position, which moves."""
        chunk = self.read_at(size, self.position)
        self.position += len(chunk)
        return chunk

    def write_at(self, chunk: bytes, offset: int) -> int:
        """Write `chunk` at `offset`; at the end, when the file is open for appending. Returns the number of bytes.

        Raises OSError: not open for writing, no space, read-only, too large, a sync that failed.
        """
        if self.gone:
            return len(chunk)
        flags = self.flags
        if flags & os.O_ACCMODE == os.O_RDONLY:
            raise error(errno.EBADF)
        files = self.files
        file = self.file()
        data = file.data
        if data is None:
            data = files.copied_up(file)
        if flags & os.O_APPEND:
            offset = len(data)
        end = offset + len(chunk)
        files.changing("write", self.path, grows=end > len(data))
        if end > SIZE_BYTES_MAX:
            raise OSError(errno.EFBIG, f"simulated files are kept in memory: at most {SIZE_BYTES_MAX} bytes each")
        if chunk:
            file.write(offset, chunk)
            files.dirty[file] = None
            file.mtime_ns = file.ctime_ns = files.now_ns()
            if flags & _SYNCED:
                files.sync(file)
        return len(chunk)

    def write(self, chunk: bytes) -> int:
        """Write at the position, or at the end, and leave the position behind it."""
        count = self.write_at(chunk, self.position)
        if self.flags & os.O_APPEND and not self.gone:
            self.position = self.size()
        else:
            self.position += count
        return count

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Move the position; returns it."""
        if whence == os.SEEK_CUR:
            offset += self.position
        elif whence == os.SEEK_END:
            offset += self.size()
        elif whence in {os.SEEK_DATA, os.SEEK_HOLE}:  # no holes but the one at the end
            size = self.size()
            if not 0 <= offset < size:
                raise error(errno.ENXIO)
            offset = offset if whence == os.SEEK_DATA else size
        elif whence != os.SEEK_SET:
            raise error(errno.EINVAL)
        if offset < 0:
            raise error(errno.EINVAL)
        self.position = offset
        return offset

    def truncate(self, size: int) -> None:
        """Cut or grow the file."""
        if self.gone:
            return
        if size < 0 or not self.writable():
            raise error(errno.EINVAL)
        self.files.resize(self.file(), size, self.path)

    def close(self) -> None:
        """One descriptor less; with the last one the locks are released."""
        self.references -= 1
        if self.references <= 0:
            self.files.unlock(self)
            if self.real >= 0:
                posix.close(self.real)
                self.real = -1


def _read_real(fd: int, size: int, offset: int) -> bytes:
    """Until the end, whatever the size is said to be: files of /proc have none."""
    chunks = []
    left = size
    while left:
        chunk = posix.pread(fd, left if left > 0 else 1 << 20, offset)
        if not chunk:
            break
        chunks.append(chunk)
        offset += len(chunk)
        if size >= 0:
            left -= len(chunk)
    return chunks[0] if len(chunks) == 1 else b"".join(chunks)


def error(number: int) -> OSError:
    """The OSError of that number."""
    return OSError(number, os.strerror(number))


# --- System calls: as those of `os`, for a descriptor of `files` ---


def read(files: FileSystem, fd: int, length: int, /) -> bytes:
    """As `os.read`."""
    if length < 0:
        raise error(errno.EINVAL)
    return files.description(fd).read(length)


def write(files: FileSystem, fd: int, data: Any, /) -> int:
    """As `os.write`."""
    return files.description(fd).write(bytes(data))


def pread(files: FileSystem, fd: int, length: int, offset: int, /) -> bytes:
    """As `os.pread`."""
    if length < 0 or offset < 0:
        raise error(errno.EINVAL)
    return files.description(fd).read_at(length, offset)


def pwrite(files: FileSystem, fd: int, data: Any, offset: int, /) -> int:
    """As `os.pwrite`."""
    if offset < 0:
        raise error(errno.EINVAL)
    return files.description(fd).write_at(bytes(data), offset)


def readv(files: FileSystem, fd: int, buffers: Sequence[Any], /) -> int:
    """As `os.readv`."""
    return _scatter(buffers, files.description(fd).read(_total(buffers)))


def preadv(files: FileSystem, fd: int, buffers: Sequence[Any], offset: int, flags: int = 0, /) -> int:
    """As `os.preadv`; the flags are hints."""
    return _scatter(buffers, pread(files, fd, _total(buffers), offset))


def writev(files: FileSystem, fd: int, buffers: Sequence[Any], /) -> int:
    """As `os.writev`."""
    return files.description(fd).write(b"".join(buffers))


def pwritev(files: FileSystem, fd: int, buffers: Sequence[Any], offset: int, flags: int = 0, /) -> int:
    """As `os.pwritev`; of the flags, RWF_DSYNC and RWF_SYNC count."""
    count = pwrite(files, fd, b"".join(buffers), offset)
    if flags & (getattr(os, "RWF_DSYNC", 2) | getattr(os, "RWF_SYNC", 4)):
        fsync(files, fd)
    return count


def lseek(files: FileSystem, fd: int, position: int, how: int, /) -> int:
    """As `os.lseek`."""
    return files.description(fd).seek(position, how)


def fsync(files: FileSystem, fd: int) -> None:
    """As `os.fsync`: of a file its contents, of a directory its names."""
    files.sync(files.description(fd).node)


def ftruncate(files: FileSystem, fd: int, length: int, /) -> None:
    """As `os.ftruncate`."""
    files.description(fd).truncate(length)


def fstat(files: FileSystem, fd: int) -> os.stat_result:
    """As `os.fstat`."""
    return files.status(files.description(fd).node)


def close(files: FileSystem, fd: int) -> None:
    """As `os.close`."""
    files.description(fd)
    files.descriptors.pop(fd).close()


def dup(files: FileSystem, fd: int, /) -> int:
    """As `os.dup`."""
    return files.new_descriptor(files.description(fd))


def dup2(files: FileSystem, fd: int, fd2: int, inheritable: bool = True) -> int:  # noqa: FBT001, FBT002 - the signature of os
    """As `os.dup2`, between descriptors of simulated files."""
    description = files.description(fd)
    if fd2 < FIRST:
        raise escaped(f"os.dup2({fd}, {fd2})", "a simulated file cannot take the place of a real descriptor")
    if fd2 != fd:
        if fd2 in files.descriptors:
            close(files, fd2)
        files.new_descriptor(description, fd2)
    return fd2


def posix_fallocate(files: FileSystem, fd: int, offset: int, length: int, /) -> None:
    """As `os.posix_fallocate`."""
    description = files.description(fd)
    if not description.writable():
        raise error(errno.EBADF)
    if offset < 0 or length <= 0:
        raise error(errno.EINVAL)
    if offset + length > description.size():
        description.truncate(offset + length)


def posix_fadvise(files: FileSystem, fd: int, offset: int, length: int, advice: int, /) -> None:
    """As `os.posix_fadvise`: a hint, without effect."""
    files.description(fd)


def sendfile(files: FileSystem, out_fd: int, in_fd: int, offset: int | None, count: int) -> int:
    """As `os.sendfile`, into a simulated file, from any file."""
    if out_fd < FIRST:
        raise escaped("os.sendfile from a simulated file", "use loop.sendfile, which the simulated network serves")
    return _copy(files, in_fd, out_fd, count, offset, None)


def copy_file_range(
    files: FileSystem, src: int, dst: int, count: int, offset_src: int | None = None, offset_dst: int | None = None
) -> int:
    """As `os.copy_file_range`."""
    if dst < FIRST:
        raise escaped(f"os.copy_file_range({src}, {dst})", "the real file system is never changed")
    return _copy(files, src, dst, count, offset_src, offset_dst)


def flock(files: FileSystem, fd: int, operation: int, /) -> None:
    """As `fcntl.flock`. Raises Escaped where the call would wait: no other task of the host could run meanwhile."""
    description = files.description(fd)
    locks = files.locks.setdefault(description.node, {})
    kind = operation & ~fcntl.LOCK_NB
    if kind == fcntl.LOCK_UN:
        locks.pop(description, None)
        return
    if kind not in {fcntl.LOCK_SH, fcntl.LOCK_EX}:
        raise error(errno.EINVAL)
    others = [held for holder, held in locks.items() if holder is not description]
    if fcntl.LOCK_EX in others or (kind == fcntl.LOCK_EX and others):
        if operation & fcntl.LOCK_NB:
            raise error(errno.EWOULDBLOCK)
        raise escaped(
            f"fcntl.flock({description.path!r})", "another open file of this host holds the lock; the wait would never end"
        )
    locks[description] = kind


def lockf(files: FileSystem, fd: int, command: int, *_rest: Any) -> None:
    """As `fcntl.lockf` and `os.lockf`: record locks belong to the process, and a host is one, so nobody is ever in the way."""
    files.description(fd)


def control(files: FileSystem, fd: int, command: int, argument: Any = 0, /) -> Any:
    """As `fcntl.fcntl`: flags, duplicates, record locks."""
    description = files.description(fd)
    if command == fcntl.F_GETFL:
        return description.flags
    if command == fcntl.F_SETFL:
        changeable = os.O_APPEND | os.O_NONBLOCK
        description.flags = description.flags & ~changeable | argument & changeable
        return 0
    if command == fcntl.F_GETFD:
        return fcntl.FD_CLOEXEC
    if command in {fcntl.F_DUPFD, fcntl.F_DUPFD_CLOEXEC}:
        return files.new_descriptor(description)
    if command in {fcntl.F_SETFD, fcntl.F_SETLK, fcntl.F_SETLKW}:
        return argument if isinstance(argument, bytes) else 0
    raise error(errno.EINVAL)


def _copy(files: FileSystem, src: int, dst: int, count: int, offset_src: int | None, offset_dst: int | None) -> int:
    if src < FIRST:
        chunk = posix.read(src, count) if offset_src is None else posix.pread(src, count, offset_src)
    elif offset_src is None:
        chunk = read(files, src, count)
    else:
        chunk = pread(files, src, count, offset_src)
    return write(files, dst, chunk) if offset_dst is None else pwrite(files, dst, chunk, offset_dst)


def _total(buffers: Sequence[Any]) -> int:
    return sum(memoryview(buffer).nbytes for buffer in buffers)


def _scatter(buffers: Sequence[Any], chunk: bytes) -> int:
    position = 0
    for buffer in buffers:
        view = memoryview(buffer).cast("B")
        part = chunk[position : position + len(view)]
        view[: len(part)] = part
        position += len(part)
    return position


def status_of(node: Node, size: int) -> os.stat_result:
    """What `stat` tells of a node."""
    times = (node.atime_ns, node.mtime_ns, node.ctime_ns)
    links = 2 if stat.S_ISDIR(node.mode) and node.links else node.links
    return os.stat_result(
        (
            *(node.mode, node.ino, node.dev, links, node.uid, node.gid, size),
            *(ns // 1_000_000_000 for ns in times),
            *(ns / 1e9 for ns in times),
            *times,
            *(_BLOCK_BYTES, (size + 511) // 512, 0),
        )
    )


def relinked(status: os.stat_result, more: int) -> os.stat_result:
    """The status of a real file that has `more` names on this host than below."""
    times = (status.st_atime, status.st_mtime, status.st_ctime, status.st_atime_ns, status.st_mtime_ns, status.st_ctime_ns)
    return os.stat_result((*status[:3], status.st_nlink + more, *status[4:10], *times, status.st_blksize, status.st_blocks, 0))

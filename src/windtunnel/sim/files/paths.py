"""The calls of `os` that take a path, for the file system of a simulated host.

Each function has the signature, the results and the errors of its namesake in `os` on Linux, after the file system itself.
"""

# ruff: noqa: ARG001 - the signatures are those of os

from __future__ import annotations

import errno
import functools
import os
import stat as modes
from collections.abc import Callable, Iterator
from types import TracebackType
from typing import Any, Self, TypeVar

from windtunnel.sim.escapes import escaped
from windtunnel.sim.files import descriptors
from windtunnel.sim.files.descriptors import error
from windtunnel.sim.files.names import Place
from windtunnel.sim.files.nodes import Device, Directory, File, Node, Symlink
from windtunnel.sim.files.tree import FileSystem

C = TypeVar("C", bound=Callable[..., Any])

_DISK_BYTES = 100 << 30  # what statvfs tells of a disk that has space
_BLOCK_BYTES = 4096


def text(path: Any) -> str:
    """A path as text. Raises TypeError for what is no path, ValueError for a null byte."""
    path = os.fspath(path)
    if isinstance(path, bytes):
        path = os.fsdecode(path)
    if "\0" in path:
        raise ValueError("embedded null byte")
    return str(path)


def _start(files: FileSystem, dir_fd: int | None) -> Directory | None:
    if dir_fd is None:
        return None
    node = files.description(dir_fd).node
    if not isinstance(node, Directory):
        raise error(errno.ENOTDIR)
    return node


def _naming(call: C) -> C:
    """Errors of `call` carry its path."""

    @functools.wraps(call)
    def named(files: FileSystem, path: Any = None, *args: Any, **options: Any) -> Any:
        try:
            return call(files, path, *args, **options)
        except OSError as error_:
            error_.filename = path
            raise

    return named  # type: ignore[return-value]


def _naming_two(call: C) -> C:
    """Errors of `call` carry both of its paths."""

    @functools.wraps(call)
    def named(files: FileSystem, src: Any, dst: Any, *args: Any, **options: Any) -> Any:
        try:
            return call(files, src, dst, *args, **options)
        except OSError as error_:
            error_.filename, error_.filename2 = src, dst
            raise

    return named  # type: ignore[return-value]


def _find(files: FileSystem, path: Any, dir_fd: int | None = None, *, follow: bool = True) -> Node:
    """The node at a path, or of a descriptor."""
    if isinstance(path, int):
        return files.description(path).node
    node = files.names.walk(text(path), _start(files, dir_fd), follow=follow).node
    if node is None:
        raise error(errno.ENOENT)
    return node


def _directory(files: FileSystem, path: Any) -> Directory:
    node = _find(files, "." if path is None else path)
    if not isinstance(node, Directory):
        raise error(errno.ENOTDIR)
    return node


# --- Looking ---


@_naming
def open(files: FileSystem, path: Any, flags: int, mode: int = 0o777, *, dir_fd: int | None = None) -> int:  # noqa: A001
    """As `os.open`. Of /dev/null and its like the descriptor is a real one."""
    description = files.open(text(path), flags, mode, _start(files, dir_fd))
    if isinstance(description.node, Device):
        return description.real
    return files.new_descriptor(description)


@_naming
def stat(files: FileSystem, path: Any, *, dir_fd: int | None = None, follow_symlinks: bool = True) -> os.stat_result:
    """As `os.stat`."""
    return files.status(_find(files, path, dir_fd, follow=follow_symlinks))


@_naming
def lstat(files: FileSystem, path: Any, *, dir_fd: int | None = None) -> os.stat_result:
    """As `os.lstat`."""
    return files.status(_find(files, path, dir_fd, follow=False))


@_naming
def access(
    files: FileSystem,
    path: Any,
    mode: int,
    *,
    dir_fd: int | None = None,
    effective_ids: bool = False,
    follow_symlinks: bool = True,
) -> bool:
    """As `os.access`, for a process that is root: everything that exists, and may be run if anybody may run it."""
    try:
        node = _find(files, path, dir_fd, follow=follow_symlinks)
    except OSError:
        return False
    if mode & os.W_OK and files.read_only:
        return False
    return not mode & os.X_OK or isinstance(node, Directory) or bool(node.mode & 0o111)


@_naming
def readlink(files: FileSystem, path: Any, *, dir_fd: int | None = None) -> Any:
    """As `os.readlink`."""
    node = _find(files, path, dir_fd, follow=False)
    if not isinstance(node, Symlink):
        raise error(errno.EINVAL)
    return os.fsencode(node.target) if isinstance(os.fspath(path), bytes) else node.target


@_naming
def listdir(files: FileSystem, path: Any = None) -> list[Any]:
    """As `os.listdir`."""
    names = files.names.list(_directory(files, path))
    return [os.fsencode(name) for name in names] if isinstance(_plain(path), bytes) else list(names)


@_naming
def scandir(files: FileSystem, path: Any = None) -> Scan:
    """As `os.scandir`."""
    directory = _directory(files, path)
    return Scan(files, directory, _plain("." if path is None else path))


def getcwd(files: FileSystem) -> str:
    """As `os.getcwd`."""
    place = files.names.walk(".")
    assert isinstance(place.node, Directory)
    return files.names.path_of(place.node)


def getcwdb(files: FileSystem) -> bytes:
    """As `os.getcwdb`."""
    return os.fsencode(getcwd(files))


@_naming
def statvfs(files: FileSystem, path: Any) -> os.statvfs_result:
    """As `os.statvfs`: a disk of 100 GiB, without a free block when it is full."""
    _find(files, path)
    blocks = _DISK_BYTES // _BLOCK_BYTES
    free = 0 if files.full else blocks // 2
    flag = os.ST_RDONLY if files.read_only else 0
    return os.statvfs_result((_BLOCK_BYTES, _BLOCK_BYTES, blocks, free, free, blocks, free, free, flag, 255, 0))


class Entry:
    """As `os.DirEntry`."""

    __slots__ = ("_files", "_node", "name", "path")

    def __init__(self, files: FileSystem, node: Node, name: Any, path: Any) -> None:
        self._files = files
        self._node = node
        self.name = name
        self.path = path

    def __fspath__(self) -> Any:
        return self.path

    def __repr__(self) -> str:
        return f"<DirEntry {self.name!r}>"

    def inode(self) -> int:
        """The number of the inode."""
        return self._node.ino

    def is_symlink(self) -> bool:
        """Whether it is a symbolic link."""
        return isinstance(self._node, Symlink)

    def is_junction(self) -> bool:
        """No: there are none."""
        return False

    def is_dir(self, *, follow_symlinks: bool = True) -> bool:
        """Whether it is a directory."""
        return isinstance(self._followed(follow=follow_symlinks), Directory)

    def is_file(self, *, follow_symlinks: bool = True) -> bool:
        """Whether it is a regular file."""
        return isinstance(self._followed(follow=follow_symlinks), File)

    def stat(self, *, follow_symlinks: bool = True) -> os.stat_result:
        """As `os.stat`. Raises FileNotFoundError for a link that leads nowhere."""
        node = self._followed(follow=follow_symlinks)
        if node is None:
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), self.path)
        return self._files.status(node)

    def _followed(self, *, follow: bool) -> Node | None:
        if not (follow and isinstance(self._node, Symlink)):
            return self._node
        try:
            return self._files.names.walk(text(self.path)).node
        except OSError as error_:
            if error_.errno in {errno.ENOENT, errno.ENOTDIR}:
                return None
            raise


class Scan:
    """What `os.scandir` returns: an iterator and a context."""

    def __init__(self, files: FileSystem, directory: Directory, path: Any) -> None:
        self._entries = self._scan(files, directory, path)

    def __iter__(self) -> Scan:
        return self

    def __next__(self) -> Entry:
        return next(self._entries)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Nothing more is returned."""
        self._entries = iter(())

    @staticmethod
    def _scan(files: FileSystem, directory: Directory, path: Any) -> Iterator[Entry]:
        for name in files.names.list(directory):
            node = files.names.child(directory, name)
            if node is None:
                continue  # it went meanwhile
            if isinstance(path, int):
                yield Entry(files, node, name, name)
            elif isinstance(path, bytes):
                yield Entry(files, node, os.fsencode(name), os.path.join(path, os.fsencode(name)))  # noqa: PTH118
            else:
                yield Entry(files, node, name, os.path.join(path, name))  # noqa: PTH118


def _plain(path: Any) -> Any:
    return path if path is None or isinstance(path, int) else os.fspath(path)


# --- Changing names ---


@_naming
def mkdir(files: FileSystem, path: Any, mode: int = 0o777, *, dir_fd: int | None = None) -> None:
    """As `os.mkdir`."""
    place = _free(files, text(path).rstrip("/") or text(path)[:1], dir_fd)
    files.changing("mkdir", text(path), grows=True)
    permissions = files.names.permissions(mode) & ~0o6000
    files.names.change((*place, Directory(files.names.next_ino(), modes.S_IFDIR | permissions, files.now_ns())))


@_naming
def rmdir(files: FileSystem, path: Any, *, dir_fd: int | None = None) -> None:
    """As `os.rmdir`."""
    place = _entry(files, path, dir_fd)
    if place.node is None:
        raise error(errno.ENOENT)
    if _last(path) == ".":
        raise error(errno.EINVAL)
    if not isinstance(place.node, Directory):
        raise error(errno.ENOTDIR)
    if files.names.list(place.node) or not place.name:
        raise error(errno.ENOTEMPTY)
    files.changing("rmdir", text(path))
    files.names.change((place.parent, place.name, None))


@_naming
def unlink(files: FileSystem, path: Any, *, dir_fd: int | None = None) -> None:
    """As `os.unlink`."""
    place = _entry(files, path, dir_fd)
    if place.node is None:
        raise error(errno.ENOENT)
    if isinstance(place.node, Directory):
        raise error(errno.EISDIR)
    if place.slash:
        raise error(errno.ENOTDIR)
    files.changing("unlink", text(path))
    files.names.change((place.parent, place.name, None))


@_naming_two
def rename(files: FileSystem, src: Any, dst: Any, *, src_dir_fd: int | None = None, dst_dir_fd: int | None = None) -> None:
    """As `os.rename` and `os.replace`: one change, whatever was at `dst`."""
    source = _entry(files, src, src_dir_fd)
    target = _entry(files, dst, dst_dir_fd)
    if {_last(src), _last(dst)} & {"", ".", ".."}:
        raise error(errno.EBUSY)
    if source.node is None:
        raise error(errno.ENOENT)
    moves = isinstance(source.node, Directory)
    if (source.slash or target.slash) and not moves:
        raise error(errno.ENOTDIR)
    if moves and _above(source.node, target.parent):
        raise error(errno.EINVAL)
    if target.node is source.node:
        return
    if target.node is not None:
        if isinstance(target.node, Directory):
            if _above(target.node, source.parent):
                raise error(errno.ENOTEMPTY)
            if not moves:
                raise error(errno.EISDIR)
            if files.names.list(target.node):
                raise error(errno.ENOTEMPTY)
        elif moves:
            raise error(errno.ENOTDIR)
    files.changing("rename", text(dst), grows=target.node is None)
    files.names.change((source.parent, source.name, None), (target.parent, target.name, source.node))


@_naming_two
def link(
    files: FileSystem,
    src: Any,
    dst: Any,
    *,
    src_dir_fd: int | None = None,
    dst_dir_fd: int | None = None,
    follow_symlinks: bool = True,
) -> None:
    """As `os.link`, which on Linux links a symbolic link itself."""
    node = _find(files, src, src_dir_fd, follow=False)
    place = _free(files, dst, dst_dir_fd)
    if isinstance(node, Directory):
        raise error(errno.EPERM)
    files.changing("link", text(dst), grows=True)
    files.names.change((*place, node))


@_naming_two
def symlink(files: FileSystem, src: Any, dst: Any, target_is_directory: bool = False, *, dir_fd: int | None = None) -> None:  # noqa: FBT001, FBT002
    """As `os.symlink`."""
    target = text(src)
    if not target:
        raise error(errno.ENOENT)
    place = _free(files, dst, dir_fd)
    files.changing("symlink", text(dst), grows=True)
    files.names.change((*place, Symlink(files.names.next_ino(), target, files.now_ns())))


def _entry(files: FileSystem, path: Any, dir_fd: int | None) -> Place:
    """The entry that a path names: the last part is not followed, whatever slashes come behind it."""
    name = text(path)
    place = files.names.walk(name.rstrip("/") or name[:1], _start(files, dir_fd), follow=False)
    return place._replace(slash=name.endswith("/"))


def _free(files: FileSystem, path: Any, dir_fd: int | None) -> tuple[Directory, str]:
    """Where a new name goes. Raises FileExistsError; FileNotFoundError for a slash behind what would be no directory."""
    place = _entry(files, path, dir_fd)
    if place.node is not None:
        raise error(errno.EEXIST)
    if place.slash:
        raise error(errno.ENOENT)
    return place.parent, place.name


def _last(path: Any) -> str:
    """The last part of a path, as it is written."""
    return text(path).rstrip("/").rsplit("/", 1)[-1]


def _above(node: Node, directory: Directory) -> bool:
    """Whether `directory` is `node` or lies below it."""
    while directory is not node:
        if directory is directory.parent:
            return False
        directory = directory.parent
    return True


# --- Changing nodes ---


@_naming
def truncate(files: FileSystem, path: Any, length: int) -> None:
    """As `os.truncate`."""
    if isinstance(path, int):
        descriptors.ftruncate(files, path, length)
        return
    if length < 0:
        raise error(errno.EINVAL)
    node = _find(files, path)
    if not isinstance(node, File):
        raise error(errno.EISDIR if isinstance(node, Directory) else errno.EINVAL)
    files.resize(node, length, text(path))


@_naming
def chmod(files: FileSystem, path: Any, mode: int, *, dir_fd: int | None = None, follow_symlinks: bool = True) -> None:
    """As `os.chmod`."""
    node = _own(files, _find(files, path, dir_fd, follow=follow_symlinks), "chmod", path)
    node.mode = modes.S_IFMT(node.mode) | mode & 0o7777


@_naming
def chown(files: FileSystem, path: Any, uid: int, gid: int, *, dir_fd: int | None = None, follow_symlinks: bool = True) -> None:
    """As `os.chown`, for root."""
    node = _own(files, _find(files, path, dir_fd, follow=follow_symlinks), "chown", path)
    node.uid = uid if uid >= 0 else node.uid
    node.gid = gid if gid >= 0 else node.gid


def lchown(files: FileSystem, path: Any, uid: int, gid: int) -> None:
    """As `os.lchown`."""
    chown(files, path, uid, gid, follow_symlinks=False)


@_naming
def utime(
    files: FileSystem,
    path: Any,
    times: tuple[float, float] | None = None,
    *,
    ns: tuple[int, int] | None = None,
    dir_fd: int | None = None,
    follow_symlinks: bool = True,
) -> None:
    """As `os.utime`."""
    if times is not None and ns is not None:
        raise ValueError("utime: you may specify either 'times' or 'ns' but not both")
    node = _own(files, _find(files, path, dir_fd, follow=follow_symlinks), "utime", path)
    if ns is not None:
        node.atime_ns, node.mtime_ns = ns
    elif times is not None:
        node.atime_ns, node.mtime_ns = (int(t * 1_000_000_000) for t in times)
    else:
        node.atime_ns = node.mtime_ns = files.now_ns()


def _own(files: FileSystem, node: Node, operation: str, path: Any) -> Node:
    """The node, made the host's own: its attributes are about to change."""
    files.changing(operation, str(path))
    if isinstance(node, File) and node.data is None:
        files.copied_up(node)
    node.ctime_ns = files.now_ns()
    return node


# --- Working directory, the rest ---


@_naming
def chdir(files: FileSystem, path: Any) -> None:
    """As `os.chdir`, for this host."""
    files.names.cwd = _directory(files, path)


def fchdir(files: FileSystem, fd: int) -> None:
    """As `os.fchdir`."""
    chdir(files, fd)


def fchmod(files: FileSystem, fd: int, mode: int) -> None:
    """As `os.fchmod`."""
    chmod(files, fd, mode)


def fchown(files: FileSystem, fd: int, uid: int, gid: int) -> None:
    """As `os.fchown`."""
    chown(files, fd, uid, gid)


def umask(files: FileSystem, mask: int, /) -> int:
    """As `os.umask`, for this host."""
    return files.names.umask(mask)


def sync(files: FileSystem) -> None:
    """As `os.sync`."""
    files.sync(None)


@_naming
def no_attributes(files: FileSystem, path: Any, *_args: Any, **_options: Any) -> Any:
    """As `os.getxattr` and its like on a file system without extended attributes."""
    _find(files, path)
    raise error(errno.ENOTSUP)


def refused(name: str) -> Callable[..., Any]:
    """A call that has no meaning on a simulated host."""

    def refuse(_files: FileSystem, *args: Any, **_options: Any) -> Any:
        raise escaped(f"os.{name}{args!r}", "not simulated; the real file system is never changed")

    return refuse

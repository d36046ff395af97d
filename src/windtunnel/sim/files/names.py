"""The names of a file system: who is called what, and which of that is certain to survive a crash.

A change of names takes effect at once and goes to the journal, with what was there before. It is on the disk when a directory
that it touches has been synced. A crash undoes the journal and redoes a part of it: of each directory a prefix of its
changes, drawn for itself. A change that touches two directories (a rename from one to the other) survives in both or in neither.
"""

from __future__ import annotations

import errno
import os
import posix
import stat
import zlib
from collections.abc import Callable
from typing import NamedTuple, TypeAlias

from windtunnel.base.streams import Stream
from windtunnel.sim.files.nodes import Device, Directory, File, Node, Symlink

LINKS_MAX = 40  # symbolic links followed in one path, as Linux counts
NAME_BYTES_MAX = 255
JOURNAL_MAX = 1024  # changes; beyond it the older half is committed, as a journal does every few seconds

Change: TypeAlias = tuple[tuple[Directory, str, Node | None, Node | None], ...]
"""Of names: for each entry that it touches the directory, the name, the node before and the node after."""


class Place(NamedTuple):
    """Where a path leads. name: empty where the path is a root or ends in `..`; node: None when nothing is there."""

    parent: Directory
    name: str
    node: Node | None
    slash: bool


class Names:
    """A tree of names over the real one. `root` stands for the real root; now_ns: the host's wall clock."""

    __slots__ = ("_ino", "_now_ns", "_umask", "cwd", "journal", "root")

    def __init__(self, now_ns: Callable[[], int]) -> None:
        self.root = Directory(2, stat.S_IFDIR | 0o755, lower="")
        self.root.links = 1
        self.cwd: Directory | None = None  # until a relative path is used
        self.journal: list[Change] = []
        self._ino = 1 << 32  # above those of the lower layer
        self._umask = 0o022
        self._now_ns = now_ns

    # --- Looking ---

    def walk(self, path: str, start: Directory | None = None, *, follow: bool = True, create: bool = False) -> Place:
        """Where `path` leads, from `start` or the working directory. Raises OSError without a file name.

        follow: also a link at the end. create: a file would be made there, so a slash at the end is EISDIR.
        """
        if not path:
            raise _error(errno.ENOENT)
        slash = path.endswith(("/", "/."))
        follow = follow or slash
        node: Node = self.root if path[0] == "/" else start or self._working()
        todo = [part for part in reversed(path.split("/")) if part and part != "."]
        links = 0
        while todo:
            name = todo.pop()
            if type(node) is not Directory:  # nobody derives from it; every path passes here
                raise _error(errno.ENOTDIR)
            if name == "..":
                node = node.parent
                continue
            child = node.entries[name] if name in node.entries else self.child(node, name)
            if create and not todo and path.endswith("/"):
                raise _error(errno.EISDIR)
            if type(child) is Symlink and (todo or follow):
                links += 1
                if links > LINKS_MAX:
                    raise _error(errno.ELOOP)
                if not todo and child.target.endswith(("/", "/.")):
                    path, slash = child.target, True
                todo.extend(part for part in reversed(child.target.split("/")) if part and part != ".")
                if child.target[0] == "/":
                    node = self.root
                continue
            if not todo:
                if slash and child is not None and not isinstance(child, Directory):
                    raise _error(errno.ENOTDIR)
                if child is None and (node.links == 0 or path.endswith("/.")):
                    raise _error(errno.ENOENT)  # in a directory that was removed; `.` of one that is not there
                return Place(node, name, child, slash)
            if child is None:
                raise _error(errno.ENOENT)
            node = child
        if not isinstance(node, Directory):
            raise _error(errno.ENOTDIR)
        return Place(node.parent, "", node, slash)

    def child(self, directory: Directory, name: str) -> Node | None:
        """The node that `name` stands for in `directory`, or None."""
        entries = directory.entries
        if name in entries:
            return entries[name]
        if len(name) > NAME_BYTES_MAX // 4 and len(os.fsencode(name)) > NAME_BYTES_MAX:
            raise _error(errno.ENAMETOOLONG)
        if directory.lower is None:
            return None
        node = real_node(f"{directory.lower}/{name}")
        if node is not None:
            entries[name] = node
            node.links = 1
            if isinstance(node, Directory):
                node.parent, node.name = directory, name
        return node

    def list(self, directory: Directory) -> list[str]:
        """The names in `directory`, in an order that is none, as on a hashed directory; the same in every run."""
        names = [name for name, node in directory.entries.items() if node is not None]
        if directory.lower is not None:
            names += [name for name in posix.listdir(directory.lower or "/") if name not in directory.entries]
        names.sort(key=_hashed)
        return names

    def path_of(self, directory: Directory) -> str:
        """The absolute path of a directory. Raises FileNotFoundError when it was removed."""
        parts: list[str] = []
        while directory is not self.root:
            if directory.links == 0:
                raise _error(errno.ENOENT)
            parts.append(directory.name)
            directory = directory.parent
        return "/" + "/".join(reversed(parts))

    def _working(self) -> Directory:
        if self.cwd is None:
            place = self.walk(posix.getcwd(), self.root)
            assert isinstance(place.node, Directory), "the working directory is none"
            self.cwd = place.node
        return self.cwd

    # --- Changing ---

    def next_ino(self) -> int:
        """A number for a new inode."""
        self._ino += 1
        return self._ino

    def umask(self, mask: int) -> int:
        """Set the mask of permissions that new nodes never get; returns the former."""
        former, self._umask = self._umask, mask & 0o777
        return former

    def permissions(self, mode: int) -> int:
        """What is left of `mode` by the mask."""
        return mode & ~self._umask & 0o7777

    def change(self, *entries: tuple[Directory, str, Node | None]) -> None:
        """Let each name in its directory stand for a node, or for nothing: one change, atomic."""
        self.journal.append(tuple((d, name, self.child(d, name), node) for d, name, node in entries))
        now = self._now_ns()
        for directory, name, node in entries:
            _set(directory, name, node)
            directory.mtime_ns = directory.ctime_ns = now
        if len(self.journal) > JOURNAL_MAX:
            del self.journal[: JOURNAL_MAX // 2]

    def commit(self, directory: Directory | None = None) -> None:
        """The changes of `directory` (None: all) are on the disk, and what they stand on: earlier ones of other directories."""
        if directory is None:
            self.journal.clear()
            return
        touched = {directory: None}
        left: list[Change] = []
        for change in reversed(self.journal):
            if any(entry[0] in touched for entry in change):
                touched.update((entry[0], None) for entry in change)
            else:
                left.append(change)
        self.journal = left[::-1]

    def crash(self, stream: Stream) -> int:
        """Power is lost: keep what was committed and a part of the rest. Returns how many changes were lost."""
        journal, self.journal = self.journal, []
        counts: dict[Directory, int] = {}
        for change in journal:
            for directory in _touched(change):
                counts[directory] = counts.get(directory, 0) + 1
        for change in reversed(journal):
            for directory, name, before, _after in reversed(change):
                _set(directory, name, before)
        left = {directory: stream.below(count + 1) for directory, count in counts.items()}
        lost = 0
        for change in journal:
            if all(left[directory] > 0 for directory in _touched(change)):
                for directory in _touched(change):
                    left[directory] -= 1
                for directory, name, _before, after in change:
                    _set(directory, name, after)
            else:
                lost += 1
                for directory in _touched(change):
                    left[directory] = 0  # what came later in this directory is lost too
        self.cwd = None
        return lost


def real_node(path: str) -> Node | None:
    """A node for what the real file system has at `path`, or None. Raises OSError when that cannot be told."""
    try:
        status = posix.lstat(path)
    except (FileNotFoundError, NotADirectoryError):
        return None
    node: Node
    if stat.S_ISREG(status.st_mode):
        node = File(status.st_ino, status.st_mode, lower=path)
    elif stat.S_ISDIR(status.st_mode):
        node = Directory(status.st_ino, status.st_mode, lower=path)
    elif stat.S_ISLNK(status.st_mode):
        node = Symlink(status.st_ino, posix.readlink(path), lower=path)
    else:
        node = Device(status.st_ino, status.st_mode, lower=path)
    node.uid, node.gid, node.dev = status.st_uid, status.st_gid, status.st_dev
    node.atime_ns, node.mtime_ns, node.ctime_ns = status.st_atime_ns, status.st_mtime_ns, status.st_ctime_ns
    return node


def _set(directory: Directory, name: str, node: Node | None) -> None:
    entries = directory.entries
    former = entries.get(name)
    if former is not None:
        former.links -= 1
    if node is None:
        if directory.lower is None:
            entries.pop(name, None)
        else:
            entries[name] = None
        return
    node.links += 1
    entries[name] = node
    if isinstance(node, Directory):
        node.parent, node.name = directory, name


def _touched(change: Change) -> list[Directory]:
    return list({entry[0]: None for entry in change})


def _hashed(name: str) -> tuple[int, str]:
    return zlib.crc32(os.fsencode(name)), name


def _error(number: int) -> OSError:
    return OSError(number, os.strerror(number))

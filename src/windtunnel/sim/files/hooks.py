"""`open`, `os` and their relatives, led to the file system of the host that calls them.

Theory of operation. While `installed()` is entered, the names `builtins.open`, `os.replace`, `fcntl.flock` and so on stand for
hooks. A hook asks which host runs: none, or one that keeps the real disk, and it calls the original. The modules `posix` and
`_io` are left alone: the import system works on them, and so do we.

Code that was imported before has taken copies of the originals: `from os import fsync`, `def close(self, unlink=os.unlink)`,
`scandir = staticmethod(os.scandir)`. So the first entering looks through the modules that are loaded, their functions' defaults
and their classes, and notes every place that holds an original; later ones look through new modules only. What is imported
meanwhile takes copies of hooks, which do nothing outside of a simulation. What this does not find: originals in instances, in
closures, in containers, and in subclasses of `io.FileIO` made before.
"""

from __future__ import annotations

import _io
import builtins
import errno
import fcntl
import io
import mmap
import os
import posix
import sys
from collections.abc import Callable
from types import FunctionType, ModuleType, TracebackType
from typing import Any, Self, TypeAlias

from windtunnel.sim.escapes import escaped
from windtunnel.sim.files import certificates, descriptors, paths
from windtunnel.sim.files.descriptors import FIRST
from windtunnel.sim.files.nodes import File
from windtunnel.sim.files.opened import SimFile, current_files, open_on_host

Undo: TypeAlias = Callable[[], None]

_OWN = ("windtunnel.sim.files", "posix", "_io", "_frozen_importlib", "_frozen_importlib_external", "importlib._bootstrap")


class Hook:
    """A call that goes to the host's file system if a host runs. No function, for it must not bind to an instance."""

    __slots__ = ("__name__", "__wrapped__", "_ours", "_real")

    def __init__(self, real: Callable[..., Any], ours: Callable[..., Any]) -> None:
        self.__name__ = real.__name__
        self.__wrapped__ = real
        self._real = real
        self._ours = ours

    def __repr__(self) -> str:
        return f"<hook of {self._real!r}>"

    def __call__(self, *args: Any, **options: Any) -> Any:
        """For calls that take a path, or nothing. A real descriptor in place of the path means the original."""
        files = current_files()
        if files is None or (args and type(args[0]) is int and args[0] < FIRST):
            return self._real(*args, **options)
        return self._ours(files, *args, **options)


class DescriptorHook(Hook):
    """For calls that take a descriptor, or an object that has one."""

    __slots__ = ()

    def __call__(self, fd: Any, *args: Any, **options: Any) -> Any:
        """The descriptor tells whose call it is."""
        if type(fd) is not int and hasattr(fd, "fileno"):
            fd = fd.fileno()
        if not isinstance(fd, int) or fd < FIRST:
            return self._real(fd, *args, **options)
        files = current_files()
        return self._real(fd, *args, **options) if files is None else self._ours(files, fd, *args, **options)


class CopyHook(Hook):
    """For calls that take two descriptors."""

    __slots__ = ()

    def __call__(self, first: int, second: int, *args: Any, **options: Any) -> Any:
        """One simulated descriptor makes it ours."""
        files = current_files()
        if files is None or max(first, second) < FIRST:
            return self._real(first, second, *args, **options)
        return self._ours(files, first, second, *args, **options)


class AnyHook(Hook):
    """For calls that are ours on a host, whatever they are given."""

    __slots__ = ()

    def __call__(self, *args: Any, **options: Any) -> Any:
        """A host is all that counts."""
        files = current_files()
        return self._real(*args, **options) if files is None else self._ours(files, *args, **options)


class _LikeMmap(type(mmap.mmap)):  # type: ignore[misc] # the metaclass of a C type
    def __instancecheck__(cls, instance: object) -> bool:
        return isinstance(instance, _mmap)


_mmap = mmap.mmap


class SimMmap(_mmap, metaclass=_LikeMmap):
    """Stands in for `mmap.mmap`. Of simulated files only those that nobody has written to can be mapped, to be read."""

    def __new__(cls, fileno: int, length: int, *args: Any, **options: Any) -> Any:
        """See `mmap.mmap`. Raises Escaped for a file of a host's own."""
        files = current_files()
        if files is None or fileno < FIRST:
            return _mmap(fileno, length, *args, **options)
        description = files.description(fileno)
        if description.real < 0 or options.get("access") != mmap.ACCESS_READ or not isinstance(description.node, File):
            raise escaped(
                f"mmap of {description.path!r}",
                "writes through memory have no order that a crash could respect; "
                "on simulated hosts only files of the real file system can be mapped, with access=mmap.ACCESS_READ",
            )
        return _mmap(description.real, length, *args, **options)


def _quiet(result: Any) -> Callable[..., Any]:
    """A call without effect on a simulated descriptor."""

    def answer(_files: Any, fd: int, *_args: Any) -> Any:
        _files.description(fd)
        return result

    return answer


def _not_a_terminal(_files: Any, _fd: int, *_args: Any) -> Any:
    raise descriptors.error(errno.ENOTTY)


_PATH_CALLS: dict[str, Callable[..., Any]] = {
    name: getattr(paths, name)
    for name in (
        *("access", "chdir", "chmod", "chown", "getcwd", "getcwdb", "lchown", "link", "listdir", "lstat", "mkdir", "open"),
        *("readlink", "rename", "rmdir", "scandir", "stat", "statvfs", "symlink", "truncate", "unlink", "utime"),
    )
} | {"remove": paths.unlink, "replace": paths.rename}
_PATH_CALLS |= dict.fromkeys(("getxattr", "listxattr", "removexattr", "setxattr"), paths.no_attributes)

_DESCRIPTOR_CALLS: dict[str, Callable[..., Any]] = {
    name: getattr(descriptors, name)
    for name in (
        *("close", "dup", "dup2", "fstat", "fsync", "ftruncate", "lockf", "lseek", "posix_fadvise", "posix_fallocate"),
        *("pread", "preadv", "pwrite", "pwritev", "read", "readv", "write", "writev"),
    )
} | {
    "fchdir": paths.fchdir,
    "fchmod": paths.fchmod,
    "fchown": paths.fchown,
    "fdatasync": descriptors.fsync,
    "fstatvfs": paths.statvfs,
    "get_blocking": _quiet(True),
    "get_inheritable": _quiet(False),
    "isatty": _quiet(False),
    "set_blocking": _quiet(None),
    "set_inheritable": _quiet(None),
    "tcgetpgrp": _not_a_terminal,
    "ttyname": _not_a_terminal,
}


def _table() -> dict[int, tuple[Any, Any]]:
    """By the id of an original: the original, so that the id stays its own, and what replaces it."""
    pairs: list[tuple[Any, Any]] = [
        (builtins.open, AnyHook(builtins.open, open_on_host)),
        (io.open_code, AnyHook(io.open_code, lambda files, path: open_on_host(files, path, "rb"))),
        (_io.FileIO, SimFile),
        (_mmap, SimMmap),
        (fcntl.flock, DescriptorHook(fcntl.flock, descriptors.flock)),
        (fcntl.lockf, DescriptorHook(fcntl.lockf, descriptors.lockf)),
        (fcntl.fcntl, DescriptorHook(fcntl.fcntl, descriptors.control)),
        (fcntl.ioctl, DescriptorHook(fcntl.ioctl, _not_a_terminal)),
        (posix.umask, AnyHook(posix.umask, paths.umask)),
        (posix.sync, AnyHook(posix.sync, paths.sync)),
        (posix.sendfile, CopyHook(posix.sendfile, descriptors.sendfile)),
        (posix.copy_file_range, CopyHook(posix.copy_file_range, descriptors.copy_file_range)),
    ]
    for name in ("chroot", "closerange", "mkfifo", "mknod"):
        real = getattr(posix, name)
        pairs.append((real, AnyHook(real, paths.refused(name))))
    pairs += [(getattr(posix, name), Hook(getattr(posix, name), ours)) for name, ours in _PATH_CALLS.items()]
    pairs += [(getattr(posix, name), DescriptorHook(getattr(posix, name), ours)) for name, ours in _DESCRIPTOR_CALLS.items()]
    return {id(real): (real, ours) for real, ours in pairs}


# --- Where the originals are ---


class Sites:
    """Every place that holds an original, in the modules seen so far."""

    def __init__(self) -> None:
        self._table = _table()
        self._places: list[tuple[Callable[[Any], None], Any, Any]] = []  # how to set, the original, the hook
        self._seen: dict[str, ModuleType | None] = {}
        self._swaps: list[tuple[set[Any], Any]] = [
            (supported, self._table[id(call)][1])
            for supported in (os.supports_dir_fd, os.supports_fd, os.supports_follow_symlinks, os.supports_effective_ids)
            for call in sorted(supported, key=lambda c: c.__name__)
            if id(call) in self._table
        ]

    def patch(self) -> None:
        """Put the hooks in place."""
        self._look()
        for put, _, ours in self._places:
            put(ours)
        for supported, ours in self._swaps:
            supported.add(ours)

    def restore(self) -> None:
        """Put the originals back."""
        for put, real, _ in self._places:
            put(real)
        for supported, ours in self._swaps:
            supported.discard(ours)

    def _look(self) -> None:
        """Through the modules that are new since the last time."""
        if len(self._seen) == len(sys.modules):
            return
        for name, module in list(sys.modules.items()):
            if self._seen.get(name) is not module or name not in self._seen:
                self._seen[name] = module
                if issubclass(type(module), ModuleType) and not name.startswith(_OWN):
                    self._look_through(name, vars(module))

    def _look_through(self, module: str, space: dict[str, Any]) -> None:
        table = self._table
        for name, value in list(space.items()):
            if id(value) in table:
                self._add(_in_module(space, name), value)
            elif type(value) is FunctionType and value.__module__ == module:
                self._defaults_of(value)
            elif issubclass(type(value), type) and value.__module__ == module:  # isinstance would wake up lazy objects
                for key, held in list(vars(value).items()):
                    inner = held.__func__ if isinstance(held, staticmethod | classmethod) else held
                    if id(inner) in table:
                        self._add(_in_class(value, key, static=isinstance(held, staticmethod)), inner)
                    elif type(inner) is FunctionType:
                        self._defaults_of(inner)

    def _defaults_of(self, function: FunctionType) -> None:
        for i, value in enumerate(function.__defaults__ or ()):
            if id(value) in self._table:
                self._add(_in_defaults(function, i), value)
        named: dict[str, Any] = function.__kwdefaults__ or {}
        for name, value in named.items():
            if id(value) in self._table:
                self._add(_in_module(named, name), value)

    def _add(self, put: Callable[[Any], None], value: Any) -> None:
        self._places.append((put, *self._table[id(value)]))


def _in_module(space: dict[str, Any], name: str) -> Callable[[Any], None]:
    def put(value: Any) -> None:
        space[name] = value

    return put


def _in_class(holder: type, name: str, *, static: bool) -> Callable[[Any], None]:
    def put(value: Any) -> None:
        type.__setattr__(holder, name, staticmethod(value) if static else value)

    return put


def _in_defaults(function: FunctionType, position: int) -> Callable[[Any], None]:
    def put(value: Any) -> None:
        defaults = list(function.__defaults__ or ())
        defaults[position] = value
        function.__defaults__ = tuple(defaults)

    return put


# --- Installing ---

_sites: Sites | None = None
_depth = 0


class installed:  # noqa: N801 - reads as a state: `with installed():`
    """While this context is entered, files of hosts are theirs. Contexts nest; the last one out restores everything."""

    def __enter__(self) -> Self:
        global _sites, _depth  # noqa: PLW0603 - the names that are patched are the process's own
        _depth += 1
        if _depth == 1:
            if _sites is None:
                _sites = Sites()
            _sites.patch()
            certificates.patch()
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None) -> None:
        global _depth  # noqa: PLW0603
        _depth -= 1
        if _depth == 0:
            assert _sites is not None
            certificates.restore()
            _sites.restore()

"""File objects of simulated hosts: `open` and `io.FileIO`.

The raw layer is ours; the buffered and text layers above it are Python's own. `SimFile` is a subclass of `io.FileIO`, for
libraries ask for that class, and stands in for its name while the hooks are installed.
"""

from __future__ import annotations

import _io
import errno
import io
import os
import warnings
from collections.abc import Callable
from typing import Any, NoReturn

from windtunnel.sim.files.descriptors import FIRST, Description, error
from windtunnel.sim.files.nodes import Device, Directory
from windtunnel.sim.files.paths import text
from windtunnel.sim.files.tree import FileSystem
from windtunnel.sim.life import LIFE

_MODES = {"r": os.O_RDONLY, "w": os.O_CREAT | os.O_TRUNC, "a": os.O_CREAT | os.O_APPEND, "x": os.O_CREAT | os.O_EXCL}


def current_files() -> FileSystem | None:
    """The file system of the host that runs; None outside of a simulation. Raises OSError (EIO) when the host is dead."""
    life = LIFE.get()
    if life is None or life.host is None:
        return None
    if not life.alive:
        raise OSError(errno.EIO, "this host is down")  # what is closed after the end of a run has no disk any more
    files: FileSystem | None = life.host.files
    return files


class _LikeFileIO(type):
    """Makes every real FileIO an instance of SimFile, for `isinstance(x, io.FileIO)` while the name means SimFile."""

    def __instancecheck__(cls, instance: object) -> bool:
        return isinstance(instance, _io.FileIO) if cls is SimFile else super().__instancecheck__(instance)


class SimFile(_io.FileIO, metaclass=_LikeFileIO):  # type: ignore[metaclass] # FileIO is no abstract class really
    """An unbuffered file of a simulated host. Made outside of one, or of a real descriptor, it is a plain `io.FileIO`."""

    _description: Description | None = None
    _fd = -1
    _mode = "rb"
    _owns = True

    def __new__(cls, file: Any, mode: str = "r", closefd: bool = True, opener: Any = None) -> Any:  # noqa: FBT001, FBT002
        """See `io.FileIO`."""
        files = current_files()
        real = files is None or (isinstance(file, int) and file < FIRST)
        return _io.FileIO(file, mode, closefd, opener) if real else super().__new__(cls)

    def __init__(
        self,
        file: Any,
        mode: str = "r",
        closefd: bool = True,  # noqa: FBT001, FBT002 - the signature of io
        opener: Callable[[Any, int], int] | None = None,
    ) -> None:
        files = current_files()
        assert files is not None, "made outside of a host"
        letters = set(mode) - {"b"}
        if len(letters - {"+"}) != 1 or not letters <= {*_MODES, "+"}:
            raise ValueError(f"invalid mode: {mode!r}")
        kind = next(iter(letters - {"+"}))
        access = os.O_RDWR if "+" in letters else os.O_RDONLY if kind == "r" else os.O_WRONLY
        fd = file if isinstance(file, int) else _opened(files, file, _MODES[kind] | access | os.O_CLOEXEC, opener)
        self._description = description = files.description(fd)
        if isinstance(description.node, Directory):
            if not isinstance(file, int):
                files.descriptors.pop(fd).close()
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), file)
        self._fd = fd
        self._owns = closefd
        self._mode = {"r": "rb", "w": "wb", "a": "ab", "x": "xb"}[kind] + ("+" if "+" in letters else "")
        self._readable = access != os.O_WRONLY
        self._writable = access != os.O_RDONLY
        self.name = file
        if kind == "a":
            description.seek(0, os.SEEK_END)

    def __repr__(self) -> str:
        return f"<windtunnel SimFile name={getattr(self, 'name', None)!r} mode={self._mode!r} closed={self.closed}>"

    def __del__(self) -> None:
        """As the real one: an open file that nobody holds is worth a warning, unless its process is dead."""
        if self._fd >= 0:
            self._dealloc_warn(self)
            self.close()

    def __getstate__(self) -> NoReturn:
        """Files cannot be pickled."""
        raise TypeError("cannot pickle 'SimFile' object")

    # --- What it is ---

    @property
    def closed(self) -> bool:
        """See `io.FileIO`."""
        return self._fd < 0

    @property
    def mode(self) -> str:  # type: ignore[override] # nor is this writable in C
        """See `io.FileIO`."""
        return self._mode

    @property
    def closefd(self) -> bool:
        """See `io.FileIO`."""
        return self._owns

    def fileno(self) -> int:
        """The simulated descriptor."""
        self._check()
        return self._fd

    def isatty(self) -> bool:
        """No."""
        self._check()
        return False

    def seekable(self) -> bool:
        """Yes."""
        self._check()
        return True

    def readable(self) -> bool:
        """See `io.FileIO`."""
        self._check()
        return self._readable

    def writable(self) -> bool:
        """See `io.FileIO`."""
        self._check()
        return self._writable

    # --- What it does ---

    def read(self, size: int | None = -1, /) -> bytes:
        """See `io.FileIO`."""
        return self._reading().read(-1 if size is None else size)

    def readall(self) -> bytes:
        """See `io.FileIO`."""
        return self._reading().read(-1)

    def readinto(self, buffer: Any, /) -> int:
        """See `io.FileIO`."""
        view = memoryview(buffer).cast("B")
        chunk = self._reading().read(len(view))
        view[: len(chunk)] = chunk
        return len(chunk)

    def write(self, data: Any, /) -> int:
        """See `io.FileIO`."""
        if self._fd < 0 or not self._writable:
            self._check()
            raise io.UnsupportedOperation("File not open for writing")
        return self._description.write(bytes(data))  # type: ignore[union-attr] # open, as checked

    def seek(self, offset: int, whence: int = os.SEEK_SET, /) -> int:
        """See `io.FileIO`."""
        return self._check().seek(offset, whence)

    def tell(self) -> int:
        """See `io.FileIO`."""
        return self._check().position

    def truncate(self, size: int | None = None, /) -> int:
        """See `io.FileIO`."""
        description = self._check()
        if not self._writable:
            raise io.UnsupportedOperation("File not open for writing")
        size = description.position if size is None else size
        description.truncate(size)
        return size

    def close(self) -> None:
        """See `io.FileIO`."""
        fd, self._fd = self._fd, -1
        description = self._description
        if fd >= 0 and self._owns and description is not None and not description.gone:
            files = description.files
            if files.descriptors.get(fd) is not description:
                raise error(errno.EBADF)
            del files.descriptors[fd]
            description.close()

    def _dealloc_warn(self, source: object) -> None:
        """Called by the buffered layer too, when it is collected."""
        description = self._description
        if self._fd >= 0 and self._owns and description is not None and not description.gone:
            warnings.warn(f"unclosed file {source!r}", ResourceWarning, stacklevel=2, source=source)

    def _check(self) -> Description:
        if self._fd < 0:
            raise ValueError("I/O operation on closed file")
        assert self._description is not None
        return self._description

    def _reading(self) -> Description:
        description = self._check()
        if not self._readable:
            raise io.UnsupportedOperation("File not open for reading")
        return description


def _opened(files: FileSystem, file: Any, flags: int, opener: Callable[[Any, int], int] | None) -> int:
    try:
        if opener is None:
            return files.new_descriptor(files.open(text(file), flags, 0o666))
        fd = opener(file, flags)
    except OSError as error_:
        error_.filename = file
        raise
    if fd < FIRST:
        raise ValueError(f"opener returned {fd}: no descriptor of a simulated file")
    return fd


def open_on_host(
    files: FileSystem,
    file: Any,
    mode: str = "r",
    buffering: int = -1,
    encoding: str | None = None,
    errors: str | None = None,
    newline: str | None = None,
    closefd: bool = True,  # noqa: FBT001, FBT002 - the signature of open
    opener: Any = None,
) -> Any:
    """As `open`, on a simulated host."""
    if isinstance(file, int) and file < FIRST:
        return _io.open(file, mode, buffering, encoding, errors, newline, closefd, opener)
    if not isinstance(file, int):
        file = os.fspath(file)
        if opener is None and _is_device(files, file):
            return _io.open(file, mode, buffering, encoding, errors, newline, closefd)
    binary = "b" in mode
    _check_mode(mode, buffering, encoding, errors, newline)
    if encoding is None and not binary:
        encoding = io.text_encoding(encoding, 3)
    raw = SimFile(file, "".join(letter for letter in mode if letter not in "bt"), closefd, opener)
    try:
        line_buffering = buffering == 1 and not binary
        size = io.DEFAULT_BUFFER_SIZE if buffering < 0 or line_buffering else buffering
        if size == 0:
            return raw
        layer = io.BufferedRandom if "+" in mode else io.BufferedReader if "r" in mode else io.BufferedWriter
        buffer = layer(raw, size)
        if binary:
            return buffer
        wrapper = io.TextIOWrapper(buffer, encoding, errors, newline, line_buffering)
    except BaseException:
        raw.close()
        raise
    wrapper.mode = mode  # type: ignore[misc]
    return wrapper


def _is_device(files: FileSystem, file: Any) -> bool:
    """Whether the path leads to one of the devices that are used as they are, as os.devnull."""
    if not os.fsdecode(file).startswith("/dev/"):
        return False
    node = files.names.walk(text(file)).node
    if not isinstance(node, Device):
        return False
    description = files.open(text(file), os.O_RDONLY)
    description.close()
    return True


def _check_mode(mode: str, buffering: int, encoding: str | None, errors: str | None, newline: str | None) -> None:
    """What `open` itself checks, in its words."""
    if not isinstance(mode, str):
        raise TypeError(f"open() argument 'mode' must be str, not {type(mode).__name__}")
    letters = set(mode)
    if letters - set("axrwb+t") or len(mode) > len(letters):
        raise ValueError(f"invalid mode: {mode!r}")
    if "t" in letters and "b" in letters:
        raise ValueError("can't have text and binary mode at once")
    if len(letters & set("axrw")) != 1:
        raise ValueError("must have exactly one of create/read/write/append mode")
    if "b" in letters:
        for name, value in (("encoding", encoding), ("errors", errors), ("newline", newline)):
            if value is not None:
                raise ValueError(f"binary mode doesn't take {'an' if name[0] == 'e' else 'a'} {name} argument")
        if buffering == 1:
            warnings.warn(
                "line buffering (buffering=1) isn't supported in binary mode, the default buffer size will be used",
                RuntimeWarning,
                stacklevel=4,
            )
    elif buffering == 0:
        raise ValueError("can't have unbuffered text I/O")

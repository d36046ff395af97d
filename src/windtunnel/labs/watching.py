"""Waiting for a learner to save: by inotify where the kernel tells of changes, else by looking at the files now and then.

Folders that come over a network or into a container may change without the kernel noticing, so that even with inotify the files
are looked at once a second.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import select
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Self

POLL_S = 0.2
LOOK_S = 1.0
"""How often files are looked at beside inotify."""

SETTLE_S = 0.02
"""Editors write a file in several steps: what is read right after the first may be half of it."""

_CHANGES = 0x2 | 0x8 | 0x40 | 0x80 | 0x100 | 0x200  # modify, close-write, moved from and to, create, delete
_CLOEXEC_NONBLOCK = 0o2000000 | 0o4000

Seen = dict[str, tuple[int, int]]


def looked_at(folder: Path) -> Seen:
    """Time of change and size of every file that counts, by name."""
    seen: Seen = {}
    for path in folder.rglob("*"):
        parts = path.relative_to(folder).parts
        if any(part.startswith((".", "__pycache__")) or part.endswith("~") for part in parts):
            continue
        with contextlib.suppress(OSError):
            if path.is_file():
                status = path.stat()
                seen["/".join(parts)] = (status.st_mtime_ns, status.st_size)
    return seen


class Watch:
    """Watches a folder while its block runs. how: "inotify", or "polling" and why."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._fd = -1
        self.how = "polling every 0.2 s"
        self._seen = looked_at(folder)

    def __enter__(self) -> Self:
        libc: Any = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None
        if libc is None:
            return self
        fd = int(libc.inotify_init1(_CLOEXEC_NONBLOCK))
        if fd < 0:
            return self
        folders = [self._folder, *(path for path in self._folder.rglob("*") if path.is_dir() and not path.name.startswith("."))]
        if all(libc.inotify_add_watch(fd, os.fsencode(path), _CHANGES) >= 0 for path in folders):
            self._fd, self.how = fd, "inotify"
        else:
            os.close(fd)
        return self

    def __exit__(self, *_: object) -> None:
        if self._fd >= 0:
            os.close(self._fd)

    def changes(self) -> Iterator[list[str]]:
        """The names of the files that changed, each time that some have; for ever."""
        while True:
            if self._fd >= 0:
                ready, _, _ = select.select([self._fd], [], [], LOOK_S)
                if ready:
                    time.sleep(SETTLE_S)
                    with contextlib.suppress(BlockingIOError):
                        while os.read(self._fd, 1 << 16):
                            pass
            else:
                time.sleep(POLL_S)
            now = looked_at(self._folder)
            names = sorted(name for name in {**now, **self._seen} if now.get(name) != self._seen.get(name))
            self._seen = now
            if names:
                yield names

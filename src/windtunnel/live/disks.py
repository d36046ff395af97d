"""Disks that can be made to disappoint, although the file system under them is fine."""

from __future__ import annotations

import os
import struct
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from windtunnel.base.errors import StorageError
from windtunnel.runtime.wal import MAGIC, Wal

_LENGTH = struct.Struct(">I")
_FRAME_HEADER_BYTES = 8


class FaultyWal(Wal):
    """A real log with two knobs: `full` makes it refuse, `sync_s` makes every commit at least that slow."""

    full = False
    sync_s = 0.0

    def commit(self, batch: Any) -> None:
        """See Wal."""
        if self.full:
            raise StorageError(f"{self.path}: no space left on device")
        if self.sync_s > 0.0:
            time.sleep(self.sync_s)
        super().commit(batch)


@dataclass(frozen=True, slots=True)
class Scar:
    """One damaged byte of a log: enough to mend it."""

    path: Path
    inode: int
    offset: int
    was: int


def corrupt(path: Path) -> Scar | None:
    """Damage the oldest batch of the log at `path`, under a node that may be running.

    None, and no damage, when the log holds fewer than two batches: a single damaged batch could not be told from a torn
    write, and the node would boot without records that it had promised to keep.
    """
    try:
        data = path.read_bytes()
    except OSError:
        return None
    offset = len(MAGIC) + _FRAME_HEADER_BYTES
    if len(data) < offset:
        return None
    (length,) = _LENGTH.unpack_from(data, len(MAGIC))
    if len(data) < offset + length + _FRAME_HEADER_BYTES:
        return None
    with path.open("r+b") as file:
        file.seek(offset)
        file.write(bytes([data[offset] ^ 0xFF]))
        return Scar(path, os.fstat(file.fileno()).st_ino, offset, data[offset])


def mend(scar: Scar) -> None:
    """Restore the byte, unless a checkpoint has replaced the file since."""
    try:
        with scar.path.open("r+b") as file:
            if os.fstat(file.fileno()).st_ino == scar.inode:
                file.seek(scar.offset)
                file.write(bytes([scar.was]))
    except FileNotFoundError:
        return

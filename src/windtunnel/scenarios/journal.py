"""The journal of a sweep: one JSON object per line, the first says which sweep it is, each further one is a seed.

Lines are appended whole and synced about once a second, so that a crash or a power cut loses at most that second. A last line
without its end was being written when the world ended: it is cut off before the next one is appended.
"""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Any

from windtunnel.base.errors import UsageError

SYNC_EVERY_S = 1.0


class Journal:
    """An open journal. `rows`: what it held when it was opened.

    head: what makes two sweeps the same sweep; a journal with another head is refused. Raises UsageError for that, for a file
    that is no journal and for a disk that refuses.
    """

    def __init__(self, file: Path, head: dict[str, Any]) -> None:
        self.file = file
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            self._descriptor = os.open(file, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o644)
        except OSError as error:
            raise UsageError(f"cannot write the journal {file}: {error.strerror}") from None
        try:
            self.rows = self._recover(head)
        except BaseException:
            os.close(self._descriptor)
            raise
        self._synced_s = time.monotonic()

    def append(self, row: dict[str, Any]) -> None:
        """Write one row. Raises UsageError when the disk refuses; nothing half-written stays."""
        self._write(row)
        if time.monotonic() - self._synced_s >= SYNC_EVERY_S:
            os.fsync(self._descriptor)
            self._synced_s = time.monotonic()

    def close(self) -> None:
        """Make everything durable and close."""
        os.fsync(self._descriptor)
        os.close(self._descriptor)

    def _write(self, row: dict[str, Any]) -> None:
        line = json.dumps(row, ensure_ascii=False).encode() + b"\n"
        end = os.lseek(self._descriptor, 0, os.SEEK_END)
        try:
            written = os.write(self._descriptor, line)
        except OSError as error:
            raise UsageError(f"cannot write to {self.file}: {error.strerror}") from None
        if written < len(line):  # the disk filled up in the middle of the line
            os.ftruncate(self._descriptor, end)
            raise UsageError(f"cannot write to {self.file}: no space left on device")

    def _recover(self, head: dict[str, Any]) -> list[dict[str, Any]]:
        whole, torn = _split(self.file.read_bytes())
        if torn:
            os.ftruncate(self._descriptor, len(whole))
        if not whole:
            self._write(head)
            os.fsync(self._descriptor)
            return []
        rows = [_parsed(line, f"{self.file}:{number}") for number, line in enumerate(whole.splitlines(), 1)]
        expected = json.loads(json.dumps(head))
        if rows[0] != expected:
            what = next((key for key in expected if rows[0].get(key) != expected[key]), "sweep")
            raise UsageError(f"{self.file} is of another sweep: {what} differs; resume with the command that began it")
        return rows[1:]


def _split(content: bytes) -> tuple[bytes, bytes]:
    end = content.rfind(b"\n") + 1
    return content[:end], content[end:]


def _parsed(line: bytes, where: str) -> dict[str, Any]:
    try:
        row = json.loads(line)
    except ValueError:
        row = None
    if not isinstance(row, dict):
        raise UsageError(f"{where}: expected one JSON object; this is no journal of a sweep")
    return row

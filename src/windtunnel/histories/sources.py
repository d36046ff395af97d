"""Files as text, safely: bounded in size, decoded strictly, every failure with its place."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from windtunnel.base.errors import UsageError
from windtunnel.histories.malformed import MalformedHistory, excerpt

BYTES_MAX = 256 * 2**20
"""Largest file that is read, bytes: about 1.3 million operations, which take about 1 GB as objects."""

LINE_BYTES_MAX = 16 * 2**20
"""Longest line that is read, bytes."""

HEAD_BYTES = 64 * 2**10
"""How much of a file the format is guessed from, bytes."""

_BOM = b"\xef\xbb\xbf"
_MAGIC = {b"\x1f\x8b": "gzip", b"PK\x03\x04": "zip", b"\x28\xb5\x2f\xfd": "zstd", b"BZh": "bzip2", b"\xfd7zXZ": "xz"}


def open_source(path: Path) -> BinaryIO:
    """The file, open for reading. Raises UsageError when there is none that can be read."""
    try:
        if path.exists() and not path.is_file():
            what = "a directory" if path.is_dir() else "a pipe or a device: save it to a file first"
            raise UsageError(f"{path}: expected a history file, got {what}")
        return path.open("rb")
    except OSError as error:
        raise UsageError(f"{path}: cannot read the history: {error.strerror or error}") from error


def refuse_large(path: Path, stream: BinaryIO, bytes_max: int) -> None:
    """Raises MalformedHistory before anything is read of a file that is too large; one that grows is counted while read."""
    size = os.fstat(stream.fileno()).st_size
    if size > bytes_max:
        raise _too_large(path, 1, size, bytes_max)


def _too_large(path: Path, line: int, size: int, bytes_max: int) -> MalformedHistory:
    limit = f"at most {bytes_max / 2**20:,.0f} MiB (split the history by key or by time)"
    return MalformedHistory(str(path), line, limit, f"{size / 2**20:,.0f} MiB")


def head_of(path: Path) -> str:
    """The first lines of a file, for guessing its format. Raises MalformedHistory for what is empty or no text."""
    with open_source(path) as stream:
        data = stream.read(HEAD_BYTES)
    if not data.removeprefix(_BOM).strip():
        raise MalformedHistory(str(path), 1, "a history", "an empty file" if not data else "nothing but blanks")
    for magic, name in _MAGIC.items():
        if data.startswith(magic):
            raise MalformedHistory(str(path), 1, "text", f"a {name} archive: unpack it first")
    if len(data) == HEAD_BYTES:
        data = data[: data.rfind(b"\n") + 1] or data.rstrip(bytes(range(0x80, 0xC0)))[:-1]  # never cut a character in two
    return decode(path, data.removeprefix(_BOM), 1)


def decode(path: Path, data: bytes, line: int) -> str:
    """UTF-8 text that starts at `line`. Raises MalformedHistory where it is binary or in another encoding."""
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        at = line + data.count(b"\n", 0, error.start)
        got = f"the byte 0x{data[error.start]:02x} ({excerpt(data[max(0, error.start - 20) : error.start + 20])})"
        raise MalformedHistory(str(path), at, "UTF-8 text", got) from None
    at = text.find("\0")
    if at >= 0:
        raise MalformedHistory(str(path), line + text.count("\n", 0, at), "text", "binary data (a zero byte)")
    return text


def numbered_lines(path: Path, bytes_max: int = BYTES_MAX) -> Iterator[tuple[int, str]]:
    """(number, text) of every line that is not blank, without its end, one at a time."""
    for number, raw in raw_lines(path, bytes_max):
        text = decode(path, raw, number).strip()
        if text:
            yield number, text


def raw_lines(path: Path, bytes_max: int = BYTES_MAX) -> Iterator[tuple[int, bytes]]:
    """(number, bytes) of every line, with its end, one at a time."""
    with open_source(path) as stream:
        refuse_large(path, stream, bytes_max)
        total = 0
        number = 0
        while raw := stream.readline(LINE_BYTES_MAX + 1):
            number += 1
            total += len(raw)
            if len(raw) > LINE_BYTES_MAX:
                raise MalformedHistory(str(path), number, f"a line of at most {LINE_BYTES_MAX // 2**20} MiB", "a longer one")
            if total > bytes_max:
                raise _too_large(path, number, total, bytes_max)
            yield number, raw.removeprefix(_BOM) if number == 1 else raw


def whole_text(path: Path, bytes_max: int = BYTES_MAX) -> str:
    """The whole file as text."""
    with open_source(path) as stream:
        refuse_large(path, stream, bytes_max)
        data = stream.read(bytes_max + 1)
    if len(data) > bytes_max:
        raise _too_large(path, 1 + data.count(b"\n"), len(data), bytes_max)
    return decode(path, data.removeprefix(_BOM), 1)

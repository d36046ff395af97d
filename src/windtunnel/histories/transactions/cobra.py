"""Logs of Cobra (Tan et al. 2020): a folder, one file per session, big-endian records that begin with a letter.

`S txn`, `C txn`, `W write key value`, `R txn write key value`, each i64. The number of the write names the version, so it is
taken for the value. A transaction without its C may have committed.
"""

from __future__ import annotations

import re
import struct
from pathlib import Path

from windtunnel.base.errors import UsageError
from windtunnel.histories.malformed import MalformedHistory
from windtunnel.histories.sources import BYTES_MAX
from windtunnel.histories.transactions.columns import INFO, NIL, OK, Interface, Transactions
from windtunnel.histories.transactions.sessions import Sessions

_UNWRITTEN = (0xBEBEEBEE, 0xDEADBEEF)
"""Writes that were none: the initial state, and nothing."""

_SIZES = {b"S": struct.Struct(">q"), b"C": struct.Struct(">q"), b"W": struct.Struct(">qqq"), b"R": struct.Struct(">qqqq")}


def session_files(folder: Path) -> list[Path]:
    """The files of the sessions, by number."""
    found = [path for path in folder.iterdir() if re.fullmatch(r"T\d+\.log", path.name)]
    return sorted(found, key=lambda path: int(path.stem[1:]))


def read_cobra(path: Path, interface: Interface | None = None, bytes_max: int = BYTES_MAX) -> Transactions:  # noqa: ARG001
    """Read a folder of Cobra's logs. Raises MalformedHistory, whose line is 1 plus the offset in bytes."""
    if not path.is_dir():
        raise UsageError(f"{path}: expected a folder with T0.log, T1.log ..., got a file")
    files = session_files(path)
    if sum(file.stat().st_size for file in files) > bytes_max:
        raise MalformedHistory(str(path), 1, f"at most {bytes_max / 2**20:,.0f} MiB", "more")
    found = Sessions(str(path))
    for file in files:
        _fill(found, file)
    if not len(found):
        raise MalformedHistory(str(path), 1, "at least one transaction", "none")
    return found.transactions()


def _fill(found: Sessions, file: Path) -> None:
    data = file.read_bytes()
    at = begun = 0
    micros: list[tuple[bool, int, int]] | None = None
    number = 0
    while at < len(data):
        layout = _SIZES.get(data[at : at + 1])
        if layout is None or at + 1 + layout.size > len(data):
            got = "the end of the file" if layout is not None else f"the byte 0x{data[at]:02x}"
            raise MalformedHistory(str(file), at + 1, f"a record that begins with S, C, W or R at byte {at:,}", got)
        tag, values = data[at : at + 1], layout.unpack_from(data, at + 1)
        if (tag == b"S") == (micros is not None):
            expected = "the end of the transaction before another one" if tag == b"S" else "the beginning of a transaction (S)"
            raise MalformedHistory(str(file), at + 1, f"{expected} at byte {at:,}", f"the record {tag.decode()}")
        if tag == b"S":
            micros, begun, number = [], at, values[0]
        elif micros is not None and tag == b"C":
            if values[0] != number:
                raise MalformedHistory(
                    str(file), at + 1, f"the end of transaction {number} at byte {at:,}", f"that of {values[0]}"
                )
            found.add(file.stem, micros, OK, begun + 1)
            micros = None
        elif micros is not None:
            write, key = (values[0], values[1]) if tag == b"W" else (values[1], values[2])
            micros.append((tag == b"W", key, NIL if tag == b"R" and write in _UNWRITTEN else write))
        at += 1 + layout.size
    if micros is not None:
        found.add(file.stem, micros, INFO, begun + 1)

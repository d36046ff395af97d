"""Histories of dbcop (Biswas & Enea 2019): its binary form, and the same as YAML and JSON. Registers, no times, unwritten is 0.

The binary form (bincode) is little-endian: i64 id, nodes, variables, transactions, events; three texts (i64 length, UTF-8):
information, begin, end; i64 number of sessions; per session i64 number of transactions; per transaction i64 number of events,
the events (u8 whether it writes, i64 key, i64 value, u8 whether it succeeded), u8 whether it committed. Events that failed
are left out.
"""

from __future__ import annotations

import json
import re
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from windtunnel.histories.malformed import MalformedHistory, excerpt
from windtunnel.histories.sources import BYTES_MAX, numbered_lines, open_source, refuse_large, whole_text
from windtunnel.histories.transactions.columns import FAIL, OK, Interface, Transactions
from windtunnel.histories.transactions.sessions import Sessions

_EVENT = struct.Struct("<?qq?")
_NUMBER = struct.Struct("<q")
_TEXTS = 3
_HEAD = 5

YAML_BEGIN = re.compile(r"- - events:|-\s*$|-\s+-\s*$")


class _Cut(Exception):  # noqa: N818 - the file is
    """The bytes end where something is expected. args: what, where."""


class _Bytes:
    """Bytes that are read from the front."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.at = 0

    def number(self, what: str, most: int | None = None) -> int:
        """An i64; not negative and at most `most` if that is given."""
        if self.at + 8 > len(self.data):
            raise _Cut(what, self.at)
        (found,) = _NUMBER.unpack_from(self.data, self.at)
        if most is not None and not 0 <= found <= most:
            raise _Cut(f"{what} of at most {most:,}", self.at)
        self.at += 8
        return int(found)


def looks_binary(data: bytes) -> bool:
    """Whether a file that begins so is dbcop's binary form: five counts, then three texts."""
    stream = _Bytes(data)
    try:
        for _ in range(_HEAD):
            stream.number("a count", 10**9)
        for _ in range(_TEXTS):
            length = stream.number("a length", 10**4)
            data[stream.at : stream.at + length].decode("utf-8")
            stream.at += length
    except (_Cut, UnicodeDecodeError):
        return False
    return stream.at <= len(data)


def read_dbcop(path: Path, interface: Interface | None = None, bytes_max: int = BYTES_MAX) -> Transactions:  # noqa: ARG001
    """Read dbcop's binary form. Raises MalformedHistory, whose line is 1 plus the offset in bytes."""
    with open_source(path) as source:
        refuse_large(path, source, bytes_max)
        stream = _Bytes(source.read(bytes_max + 1))
    found = Sessions(str(path), initial=0)
    try:
        _fill(found, stream)
    except _Cut as cut:
        what, at = cut.args
        raise MalformedHistory(str(path), at + 1, f"{what} at byte {at:,}", "the end of the file or something else") from None
    if not len(found):
        raise MalformedHistory(str(path), 1, "at least one transaction", "none")
    return found.transactions()


def _fill(found: Sessions, stream: _Bytes) -> None:
    size = len(stream.data)
    for _ in range(_HEAD):
        stream.number("a count", 2**62)
    for _ in range(_TEXTS):
        length = stream.number("the length of a text", size)
        stream.at += length
    for session in range(stream.number("the number of sessions", size)):
        for _ in range(stream.number("the number of transactions", size)):
            begun = stream.at
            micros = []
            count = stream.number("the number of events", size)
            if stream.at + count * _EVENT.size + 1 > size:
                raise _Cut(f"{count:,} events", stream.at)
            for writes, key, value, succeeded in _EVENT.iter_unpack(stream.data[stream.at : stream.at + count * _EVENT.size]):
                if succeeded:
                    micros.append((writes, key, value))
            stream.at += count * _EVENT.size
            committed = stream.data[stream.at]
            stream.at += 1
            if committed > 1:
                raise _Cut("0 or 1 for committed", stream.at - 1)
            found.add(session, micros, OK if committed else FAIL, begun + 1)
    if stream.at != size:
        raise _Cut("the end of the file", stream.at)


# --- YAML and JSON: lists of sessions of transactions of events ---


def read_dbcop_json(path: Path, interface: Interface | None = None, bytes_max: int = BYTES_MAX) -> Transactions:  # noqa: ARG001
    """Read dbcop's JSON form: `{"data": [[{"events": [...], "success": true}]]}`. Raises MalformedHistory."""
    text = whole_text(path, bytes_max)
    try:
        whole = json.loads(text)
    except (ValueError, RecursionError) as error:
        line = error.lineno if isinstance(error, json.JSONDecodeError) else 1
        raise MalformedHistory(str(path), line, "one JSON object", str(error)) from None
    data = whole.get("data") if isinstance(whole, dict) else whole
    return _from_lists(path, data)


def _from_lists(path: Path, data: Any) -> Transactions:
    found = Sessions(str(path), initial=0)
    if not isinstance(data, list):
        raise MalformedHistory(str(path), 1, "a list of sessions", excerpt(repr(data)))
    for number, session in enumerate(data):
        if not isinstance(session, list):
            raise MalformedHistory(str(path), 1, f"a list of transactions as session {number}", excerpt(repr(session)))
        for transaction in session:
            if not isinstance(transaction, dict) or not isinstance(transaction.get("events"), list):
                raise MalformedHistory(str(path), 1, f"a transaction with events in session {number}", excerpt(repr(transaction)))
            committed = transaction.get("success", transaction.get("committed", True))
            micros = [_micro(path, event) for event in transaction["events"] if _succeeded(event)]
            found.add(number, micros, OK if committed else FAIL)
    if not len(found):
        raise MalformedHistory(str(path), 1, "at least one transaction", "none")
    return found.transactions()


def _succeeded(event: Any) -> bool:
    return not isinstance(event, dict) or event.get("success", True) is True


def _micro(path: Path, event: Any) -> tuple[bool, int, int]:
    if isinstance(event, dict):
        writes, key, value = event.get("write"), event.get("variable"), event.get("value")
        whole = [type(key) is int, type(value) is int]
        if isinstance(writes, bool) and all(whole) and abs(int(str(value))) < 2**61:
            assert isinstance(key, int) and isinstance(value, int), "just looked at"  # noqa: PT018
            return writes, key, value
    raise MalformedHistory(str(path), 1, "an event with write, variable and value", excerpt(repr(event)))


_YAML_LINE = re.compile(r"((?:- )*)\s*(events|write|variable|value|success|committed):\s*(\S*)")


def read_dbcop_yaml(path: Path, interface: Interface | None = None, bytes_max: int = BYTES_MAX) -> Transactions:  # noqa: ARG001
    """Read dbcop's YAML form, as serde writes it: no other YAML. Raises MalformedHistory."""
    return _from_lists(path, list(_yaml_sessions(path, bytes_max)))


def _yaml_sessions(path: Path, bytes_max: int) -> Iterator[list[Any]]:
    session: list[Any] | None = None
    transaction: dict[str, Any] = {}
    event: dict[str, Any] | None = None
    for line, text in numbered_lines(path, bytes_max):
        match = _YAML_LINE.fullmatch(text)
        if match is None:
            if text == "---":
                continue
            raise MalformedHistory(str(path), line, "dbcop's sessions of events in YAML", excerpt(text))
        dashes, name, word = len(match[1]) // 2, match[2], match[3]
        if name == "events":
            if dashes == 2:
                if session is not None:
                    yield session
                session = []
            if session is None or dashes == 0:
                raise MalformedHistory(str(path), line, "`- - events:` to begin a session", excerpt(text))
            transaction, event = {"events": []}, None
            session.append(transaction)
            continue
        value = {"true": True, "false": False}.get(word, int(word) if re.fullmatch(r"-?\d{1,18}", word) else None)
        if value is None or session is None:
            raise MalformedHistory(str(path), line, "true, false or a number in an event of a session", excerpt(text))
        if dashes:
            event = {}
            transaction["events"].append(event)
        if event is not None and name not in event:
            event[name] = value
        else:
            transaction[name], event = value, None  # a name that the event has already is the transaction's
    if session is not None:
        yield session

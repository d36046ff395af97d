"""The Redis serialization protocol: requests in, replies out, versions 2 and 3.

Source: https://redis.io/docs/latest/develop/reference/protocol-spec/ and the texts of redis-server's own errors.

Replies are plain values: bytes a bulk string, str a status, int, float, bool, None; list an array, dict a map, `Members` a set,
`Push` a message that nobody asked for, `Error` an error. Version 2 knows fewer types: maps and sets become arrays, floats bulk
strings.
"""

from __future__ import annotations

from typing import Any

BULK_BYTES_MAX = 512 << 20
ARGUMENTS_MAX = 1 << 20
LINE_BYTES_MAX = 64 << 10

_WHITE = b" \t\n\r\0\x0b\x0c"
_ESCAPES = {b"n": b"\n", b"r": b"\r", b"t": b"\t", b"b": b"\b", b"a": b"\a"}


class ProtocolError(Exception):
    """The peer does not speak the protocol: it is told so, and the connection is closed."""


class Error(Exception):
    """An error reply. Its text begins with a code: `ERR`, `WRONGTYPE`, `READONLY`."""


class Members(list[Any]):
    """A reply of the type set."""


class Push(list[Any]):
    """A reply of the type push."""


class NullArray:
    """The reply null where version 2 has a null array: a transaction that was not executed, a pop that timed out."""


NULL_ARRAY = NullArray()


class Requests:
    """Cuts a stream of bytes into requests. What has been read of an unfinished one is not read again."""

    def __init__(self) -> None:
        self._data = bytearray()
        self._position = 0
        self._missing = 0  # arguments that the present request still lacks
        self._length = -1  # of the present argument; -1 while it is not known
        self._arguments: list[bytes] = []

    def feed(self, data: bytes) -> None:
        """More bytes came."""
        if self._position:
            del self._data[: self._position]
            self._position = 0
        self._data += data

    def next(self) -> list[bytes] | None:
        """The next whole request, or None. Raises ProtocolError."""
        while True:
            if self._missing == 0:
                is_array = self._data[self._position : self._position + 1] == b"*"
                line = self._line("too big mbulk count string" if is_array else "too big inline request")
                if line is None:
                    return None
                if line[:1] != b"*":
                    words = split_words(line)
                    if words:
                        return words
                    continue
                self._missing = _number(line[1:], -(1 << 63), ARGUMENTS_MAX, "invalid multibulk length")
                self._missing = max(self._missing, 0)
                self._arguments = []
                continue
            if not self._argument():
                return None
            if self._missing == 0:
                return self._arguments

    @property
    def consumed(self) -> int:
        """Bytes read so far, when all were fed at once."""
        return self._position

    @property
    def pending(self) -> int:
        """Bytes that belong to a request that is not whole, at least; 0 between two requests."""
        return len(self._data) - self._position + (1 if self._missing else 0)

    def _argument(self) -> bool:
        """Read one argument; False when it is not all there."""
        if self._length < 0:
            line = self._line("too big bulk count string")
            if line is None:
                return False
            if line[:1] != b"$":
                raise ProtocolError(f"Protocol error: expected '$', got '{chr(line[0]) if line else ' '}'")
            self._length = _number(line[1:], 0, BULK_BYTES_MAX, "invalid bulk length")
        end = self._position + self._length
        if len(self._data) < end + 2:
            return False
        self._arguments.append(bytes(self._data[self._position : end]))
        self._position = end + 2
        self._length = -1
        self._missing -= 1
        return True

    def _line(self, too_long: str) -> bytes | None:
        end = self._data.find(b"\n", self._position)
        if end < 0 or end - self._position > LINE_BYTES_MAX:
            if len(self._data) - self._position > LINE_BYTES_MAX:
                raise ProtocolError(f"Protocol error: {too_long}")
            return None
        line = bytes(self._data[self._position : end])
        self._position = end + 1
        return line.removesuffix(b"\r")


def _number(text: bytes, low: int, high: int, problem: str) -> int:
    digits = text.removeprefix(b"-")
    if not digits.isdigit() or len(digits) > 20 or not low <= int(text) <= high:
        raise ProtocolError(f"Protocol error: {problem}")
    return int(text)


def split_words(line: bytes) -> list[bytes]:
    """The words of a request that a person typed; quotes as redis-cli has them. Raises ProtocolError for unbalanced ones."""
    words: list[bytes] = []
    i = 0
    while True:
        while i < len(line) and line[i] in _WHITE:
            i += 1
        if i == len(line):
            return words
        word, i = _word(line, i)
        words.append(word)


def _word(line: bytes, i: int) -> tuple[bytes, int]:
    word, quote = bytearray(), b""
    while i < len(line):
        c = line[i : i + 1]
        if not quote:
            if c[0] in _WHITE:
                break
            if c in {b'"', b"'"}:
                quote = c
            else:
                word += c
        elif quote == b'"' and c == b"\\" and i + 1 < len(line):
            if line[i + 1 : i + 2] == b"x" and _is_hex(line[i + 2 : i + 4]):
                word.append(int(line[i + 2 : i + 4], 16))
                i += 3
            else:
                escaped = line[i + 1 : i + 2]
                word += _ESCAPES.get(escaped, escaped)
                i += 1
        elif quote == b"'" and line[i : i + 2] == b"\\'":
            word += b"'"
            i += 1
        elif c == quote:
            if i + 1 < len(line) and line[i + 1] not in _WHITE:
                raise ProtocolError("Protocol error: unbalanced quotes in request")
            return bytes(word), i + 1
        else:
            word += c
        i += 1
    if quote:
        raise ProtocolError("Protocol error: unbalanced quotes in request")
    return bytes(word), i


def _is_hex(digits: bytes) -> bool:
    return len(digits) == 2 and all(c in b"0123456789abcdefABCDEF" for c in digits)


def request(*arguments: bytes) -> bytes:
    """A request as a client sends it, and as logs and replication streams hold it."""
    return b"*%d\r\n" % len(arguments) + b"".join(b"$%d\r\n%b\r\n" % (len(a), a) for a in arguments)


def reply(value: Any, version: int) -> bytes:
    """A reply in the protocol of `version` (2 or 3)."""
    if isinstance(value, bytes):
        return b"$%d\r\n%b\r\n" % (len(value), value)
    if isinstance(value, bool):
        return (b"#t\r\n" if value else b"#f\r\n") if version == 3 else b":%d\r\n" % value
    if isinstance(value, int):
        return b":%d\r\n" % value
    if value is None:
        return b"_\r\n" if version == 3 else b"$-1\r\n"
    if isinstance(value, str):
        return b"+" + value.encode() + b"\r\n"
    if isinstance(value, Error):
        return b"-" + " ".join(str(value).split("\r\n")).encode(errors="surrogateescape") + b"\r\n"
    if isinstance(value, float):
        return b",%b\r\n" % number(value) if version == 3 else reply(number(value), version)
    if isinstance(value, dict):
        flat = [part for pair in value.items() for part in pair]
        return _many(b"%%%d\r\n" % len(value) if version == 3 else b"*%d\r\n" % len(flat), flat, version)
    if isinstance(value, NullArray):
        return b"_\r\n" if version == 3 else b"*-1\r\n"
    assert isinstance(value, list), f"no reply: {value!r}"
    sign = b"*" if version == 2 else b"~" if isinstance(value, Members) else b">" if isinstance(value, Push) else b"*"
    return _many(b"%b%d\r\n" % (sign, len(value)), value, version)


def _many(head: bytes, values: list[Any], version: int) -> bytes:
    return head + b"".join(reply(value, version) for value in values)


def number(value: float) -> bytes:
    """A double as text: the shortest that reads back the same, without a point where there is nothing behind it."""
    if value != value:  # noqa: PLR0124 - not a number
        return b"nan"
    if value in {float("inf"), float("-inf")}:
        return b"inf" if value > 0 else b"-inf"
    return b"%d" % int(value) if value == int(value) and abs(value) < 1e17 else repr(value).encode()

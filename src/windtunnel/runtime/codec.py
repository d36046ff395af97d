"""The wire: messages to bytes and back, in frames that say their length and version.

A frame is `length: u32 | version: u8 | body`, big-endian; `length` counts the body only. The body is the msgpack array
`[src, message]`, and a message is the array `[class name, field, field, ...]`: no field names travel, so both ends must
have the same code, which is what the version is for. Every frame names its sender: frames need no state of the connection
that they arrive on, and many clients can share one.

What comes back equals what was sent as long as fields have types: a field typed `tuple[int, ...]` is a tuple again, a nested
message is a message again. A field typed `Any` carries plain values only: in it, a tuple comes back as a list and a message
as the list of its fields. The body of a call may be a message, a number, a string, a boolean, None or a dict, but not a bare
list.

Sizes: see `docs/design/wire.md`.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable
from typing import Any, Union

import msgspec

from windtunnel.base.errors import UsageError, WindtunnelError
from windtunnel.base.interface import Reply, Request
from windtunnel.base.messages import Message, NodeId
from windtunnel.runtime.rpc import Answer, Call

VERSION = 1
LIMIT_BYTES = 16 << 20  # a length beyond this is taken for noise: a stray peer must not make us wait for 4 GiB

_HEADER = struct.Struct(">IB")
_HEADER_BYTES = _HEADER.size


class BadFrame(WindtunnelError):  # noqa: N818 - reads as what it is
    """Bytes that are no frame of ours: another version, another program, or damage. The connection is of no use any more."""


def union_of(types: Iterable[type[Message]]) -> Any:
    """The tagged union of message types, for a decoder. Raises UsageError when two types share a name."""
    unique = tuple(dict.fromkeys(types))
    by_name: dict[str, type[Message]] = {}
    for kind in unique:
        other = by_name.setdefault(kind.__name__, kind)
        if other is not kind:
            raise UsageError(
                f"two message types are named {kind.__name__!r} ({other.__module__} and {kind.__module__}): "
                "names travel on the wire, rename one"
            )
    return Union[unique]  # noqa: UP007 - built from data


class Codec:
    """Encodes and decodes the messages of one system.

    types: the system's own message types. Client requests, their replies and the envelopes of calls are always included.
    """

    __slots__ = ("_decode", "_encode", "_known", "limit_bytes")

    def __init__(self, types: Iterable[type[Message]], *, limit_bytes: int = LIMIT_BYTES) -> None:
        self.limit_bytes = limit_bytes
        plain: tuple[type[Message], ...] = (*types, Request, Reply)
        union_of((*plain, Call, Answer))  # for the names: the generic envelopes below hide theirs
        body: Any = union_of(plain) | None | bool | int | float | str | dict[str, Any]
        wire: Any = union_of(plain) | Call[body] | Answer[body]
        self._known = frozenset((*plain, Call, Answer))
        self._encode = msgspec.msgpack.Encoder().encode
        self._decode = msgspec.msgpack.Decoder(tuple[NodeId, wire]).decode

    def encode(self, src: NodeId, message: object) -> bytes:
        """One frame. Raises UsageError for a message that the receiver could not decode: undeclared, or too large."""
        if type(message) not in self._known:
            raise UsageError(f"{type(message).__name__} is not declared: add it to the messages of its System")
        body = self._encode((src, message))
        if len(body) > self.limit_bytes:
            raise UsageError(f"a {type(message).__name__} of {len(body)} bytes; a frame holds at most {self.limit_bytes}")
        return _HEADER.pack(len(body), VERSION) + body

    def decode(self, body: bytes | memoryview) -> tuple[NodeId, Any]:
        """The sender and the message of one frame's body. Raises BadFrame."""
        try:
            return self._decode(body)
        except (ValueError, RecursionError) as error:  # msgspec's errors and bad UTF-8 are ValueErrors
            raise BadFrame(f"not a message of this system: {error}") from None


def check_header(length: int, version: int, limit_bytes: int) -> None:
    """Raise BadFrame unless this can be the start of a frame."""
    if version != VERSION:
        raise BadFrame(f"wire version {version}, expected {VERSION}: the peer runs another program or another release")
    if length > limit_bytes:
        raise BadFrame(f"a frame of {length} bytes, the limit is {limit_bytes}")


class Frames:
    """Incremental decoder of one connection's bytes. After BadFrame it is of no further use: drop the connection."""

    __slots__ = ("_codec", "_rest", "_wanted")

    def __init__(self, codec: Codec) -> None:
        self._codec = codec
        self._rest = bytearray()
        self._wanted = 0  # bytes of `_rest` below which it cannot hold a whole frame

    def feed(self, data: bytes) -> list[tuple[NodeId, Any]]:
        """The messages completed by `data`, in order. Raises BadFrame."""
        rest = self._rest
        if rest:
            rest += data
            if len(rest) < self._wanted:
                return []
            data = bytes(rest)
            rest.clear()
        messages = []
        unpack, decode, limit = _HEADER.unpack_from, self._codec.decode, self._codec.limit_bytes
        at, end = 0, len(data)
        while end - at >= _HEADER_BYTES:
            length, version = unpack(data, at)
            if version != VERSION or length > limit:
                check_header(length, version, limit)
            start = at + _HEADER_BYTES
            stop = start + length
            if stop > end:
                self._wanted = stop - at
                break
            messages.append(decode(data[start:stop]))
            at = stop
        else:
            self._wanted = _HEADER_BYTES
        if at < end:
            rest += data[at:] if at else data
        return messages


class Splitter:
    """Cuts a byte stream at frame boundaries without looking inside: for proxies, which must lose whole messages only."""

    __slots__ = ("_limit", "_rest")

    def __init__(self, limit_bytes: int = LIMIT_BYTES) -> None:
        self._rest = bytearray()
        self._limit = limit_bytes

    def feed(self, data: bytes) -> list[bytes]:
        """The whole frames completed by `data`, headers included. Raises BadFrame."""
        rest = self._rest
        rest += data
        frames = []
        at, end = 0, len(rest)
        while end - at >= _HEADER_BYTES:
            length, version = _HEADER.unpack_from(rest, at)
            check_header(length, version, self._limit)
            stop = at + _HEADER_BYTES + length
            if stop > end:
                break
            frames.append(bytes(rest[at:stop]))
            at = stop
        del rest[:at]
        return frames

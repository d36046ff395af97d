"""A small HTTP/1.1 server: a function from requests to responses, over asyncio streams.

Source: RFC 9110 and RFC 9112.
Keeps:   persistent connections, pipelining, chunked bodies, `Expect: 100-continue`, HEAD; what can be read in two ways is
         refused.
Omits:   compression, upgrades, trailers, bodies that stream: a body is in memory, whole.
"""

from __future__ import annotations

import asyncio
import contextlib
import inspect
import re
import ssl
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from email.utils import formatdate
from http import HTTPStatus
from typing import TypeAlias
from urllib.parse import parse_qsl, unquote_to_bytes

HEAD_BYTES_MAX = 64 << 10
BODY_BYTES_MAX = 1 << 30

_TOKEN = re.compile(rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_TARGET = re.compile(rb"[\x21-\x7e\x80-\xff]+")
_VALUE = re.compile(rb"[\t \x21-\x7e\x80-\xff]*")
_LENGTH = re.compile(rb"[0-9]{1,15}")
_CHUNK = re.compile(rb"([0-9A-Fa-f]{1,15})(?:[ \t]*;[\t \x21-\x7e\x80-\xff]*)?")


class BadRequest(Exception):  # noqa: N818 - the name of the status
    """The peer does not speak HTTP, or asks for too much. status: what it is told before the connection is closed."""

    def __init__(self, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.status = status


@dataclass(slots=True)
class Request:
    """One request. path: decoded; query: in order; headers: by lower-case name, repeated ones joined by commas."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes = b""
    http_1_0: bool = False
    path: str = ""
    query: dict[str, str] = field(default_factory=dict)

    @property
    def persistent(self) -> bool:
        """Whether the connection goes on after it."""
        words = [word.strip().lower() for word in self.headers.get("connection", "").split(",")]
        return "keep-alive" in words if self.http_1_0 else "close" not in words


@dataclass(slots=True)
class Response:
    """One response. headers: without those that frame the message."""

    status: int
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    length: int | None = None  # of the body that a HEAD is about


Handler: TypeAlias = Callable[[Request], Response | Awaitable[Response]]


# --- Reading ---


def parse_head(data: bytes) -> Request:
    """The request whose head is `data`, up to the empty line. Raises BadRequest."""
    line, *rest = data.rstrip(b"\r\n").split(b"\r\n")
    parts = line.split(b" ")
    if len(parts) != 3 or not _TOKEN.fullmatch(parts[0]) or not _TARGET.fullmatch(parts[1]):
        raise BadRequest("malformed request line")
    if parts[2] not in {b"HTTP/1.1", b"HTTP/1.0"}:
        raise BadRequest("unknown version", 505 if parts[2].startswith(b"HTTP/") else 400)
    headers: dict[str, str] = {}
    for header in rest:
        name, colon, value = header.partition(b":")
        value = value.strip(b" \t")
        if not colon or not _TOKEN.fullmatch(name) or not _VALUE.fullmatch(value):
            raise BadRequest("malformed header")
        key = name.decode("ascii").lower()
        if key in headers and key in {"content-length", "transfer-encoding", "host"}:
            raise BadRequest(f"{key} is repeated")
        text = value.decode("latin-1")
        headers[key] = f"{headers[key]}, {text}" if key in headers else text
    target = parts[1].decode("latin-1")
    if "content-length" in headers and "transfer-encoding" in headers:
        raise BadRequest("both a length and a transfer encoding")
    path, _, query = target.partition("?")
    request = Request(parts[0].decode("ascii"), target, headers, http_1_0=parts[2] == b"HTTP/1.0")
    request.path = unquote_to_bytes(path.encode("latin-1")).decode("utf-8", "surrogateescape")
    request.query = dict(parse_qsl(query, keep_blank_values=True, errors="surrogateescape"))
    return request


async def read_request(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> Request | None:
    """The next request on a connection, or None at its end. Raises BadRequest, IncompleteReadError."""
    try:
        data = await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError as error:
        if error.partial.strip(b"\r\n"):
            raise
        return None
    except asyncio.LimitOverrunError as error:
        raise BadRequest("the head is too long", 431) from error
    request = parse_head(data.lstrip(b"\r\n"))
    length = request.headers.get("content-length")
    coding = request.headers.get("transfer-encoding")
    if length is None and coding is None:
        return request
    if coding is not None and coding.lower() != "chunked":
        raise BadRequest("unknown transfer encoding", 501)
    if length is not None and not _LENGTH.fullmatch(length.encode()):
        raise BadRequest("malformed length")
    if length is not None and int(length) > BODY_BYTES_MAX:
        raise BadRequest("the body is too long", 413)
    if request.headers.get("expect", "").lower() == "100-continue":
        writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
    request.body = await _read_chunks(reader) if length is None else await reader.readexactly(int(length))
    return request


async def _read_chunks(reader: asyncio.StreamReader) -> bytes:
    parts: list[bytes] = []
    total = 0
    while True:
        size = chunk_size(await _line(reader))
        total += size
        if total > BODY_BYTES_MAX:
            raise BadRequest("the body is too long", 413)
        if size == 0:
            break
        parts.append(await reader.readexactly(size))
        if await reader.readexactly(2) != b"\r\n":
            raise BadRequest("malformed chunk")
    while await _line(reader):
        pass  # trailers
    return b"".join(parts)


def chunk_size(line: bytes) -> int:
    """The size that a chunk's first line tells; extensions are ignored. Raises BadRequest."""
    match = _CHUNK.fullmatch(line)
    if match is None:
        raise BadRequest("malformed chunk size")
    return int(match[1], 16)


async def _line(reader: asyncio.StreamReader) -> bytes:
    try:
        return (await reader.readuntil(b"\r\n"))[:-2]
    except asyncio.LimitOverrunError as error:
        raise BadRequest("the line is too long") from error


# --- Writing ---


def encode(response: Response, *, head_only: bool, persistent: bool) -> bytes:
    """A response as it goes out."""
    try:
        reason = HTTPStatus(response.status).phrase
    except ValueError:
        reason = "Unknown"
    empty = response.status in {204, 304}
    lines = [f"HTTP/1.1 {response.status} {reason}", f"Date: {formatdate(time.time(), usegmt=True)}"]
    lines += [f"{name}: {value}" for name, value in response.headers.items()]
    if not empty:
        lines.append(f"Content-Length: {len(response.body) if response.length is None else response.length}")
    if not persistent:
        lines.append("Connection: close")
    head = "\r\n".join([*lines, "", ""]).encode("latin-1", "replace")
    return head if head_only or empty else head + response.body


# --- Serving ---


class HttpServer:
    """Serves `handler` on every connection; what it raises is a 500."""

    def __init__(self, handler: Handler) -> None:
        self.port = 0
        self._handler = handler
        self._listening: asyncio.Server | None = None
        self._connections: dict[asyncio.Task[None], None] = {}

    async def start(self, host: str | None = None, port: int = 8080, *, tls: ssl.SSLContext | None = None) -> None:
        """Listen. Raises OSError for a port in use."""
        self._listening = await asyncio.start_server(self._accept, host, port, limit=HEAD_BYTES_MAX, ssl=tls)
        self.port = self._listening.sockets[0].getsockname()[1]

    async def close(self) -> None:
        """Stop listening, drop every connection."""
        assert self._listening is not None, "not started"
        self._listening.close()
        connections = list(self._connections)
        for task in connections:
            task.cancel()
        await asyncio.gather(*connections, return_exceptions=True)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._connections[task] = None
        try:
            await self._converse(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass  # the peer is gone, or we are
        finally:
            del self._connections[task]
            writer.close()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            try:
                request = await read_request(reader, writer)
            except BadRequest as error:
                response = Response(error.status, str(error).encode(), {"Content-Type": "text/plain"})
                writer.write(encode(response, head_only=False, persistent=False))
                await writer.drain()
                return
            if request is None:
                return
            response = await self._respond(request)
            writer.write(encode(response, head_only=request.method == "HEAD", persistent=request.persistent))
            await writer.drain()
            if not request.persistent:
                return

    async def _respond(self, request: Request) -> Response:
        try:
            response = self._handler(request)
            if inspect.isawaitable(response):
                response = await response
        except Exception as error:  # noqa: BLE001 - one request must not take the server down
            return Response(500, f"{type(error).__name__}: {error}".encode(), {"Content-Type": "text/plain"})
        return response

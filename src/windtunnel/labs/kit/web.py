"""A client for HTTP, as small as a grader's questions: JSON there, JSON back, one connection each.

    answer = await send("POST", "server", "/charges", {"amount": 5}, {"Idempotency-Key": "k1"})
    assert answer.status == 201

A request that may have been carried out although no answer came is what the whole subject is about, so that is one exception.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Answer:
    """status: of HTTP. body: what the JSON says, None if there is none. headers: by lower-case name. raw: the body's bytes."""

    status: int
    body: Any
    headers: Mapping[str, str]
    raw: bytes


async def send(
    method: str, host: str, path: str, body: Any = None, headers: Mapping[str, str] | None = None, *, port: int = 80
) -> Answer:
    """Send one request and read its answer. body: what is sent as JSON, or bytes as they are.

    Raises OSError if no whole answer came: the request may have been carried out all the same.
    """
    data = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
    lines = [f"{method} {path} HTTP/1.1", f"Host: {host}", "Connection: close", f"Content-Length: {len(data)}"]
    lines += [f"{name}: {value}" for name, value in {"Content-Type": "application/json", **(headers or {})}.items()]
    reader, writer = await asyncio.open_connection(host, port)
    try:
        writer.write("\r\n".join([*lines, "", ""]).encode("latin-1") + data)
        return parsed(await reader.read())
    finally:
        writer.close()


def parsed(data: bytes) -> Answer:
    """The answer that `data` is, from the status line to the end. Raises ConnectionResetError if it is not whole."""
    head, found, raw = data.partition(b"\r\n\r\n")
    if not found:
        raise ConnectionResetError("the connection ended before an answer")
    status, *rows = head.decode("latin-1").split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (row.partition(":") for row in rows)}
    if len(raw) < int(headers.get("content-length", len(raw))):
        raise ConnectionResetError("the connection ended within an answer")
    try:
        body = json.loads(raw) if raw else None
    except ValueError:
        body = None
    return Answer(int(status.split(" ")[1]), body, headers, raw)

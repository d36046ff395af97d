"""The smallest protocol that does: one connection for one question, one line of JSON each way.

    await serve(80, handle)                     # on a host: for ever
    answer = await ask("inventory", 80, {"sku": 7})

Whatever keeps an answer from coming is an OSError: no connection, one that ends early, a timeout of the network. What the handler
raises ends the connection without an answer, as a program does that dies.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

LINE_BYTES_MAX = 1 << 20
BACKLOG_MAX = 1024  # connections that arrive at once; TCP lets those above it wait for a second


async def ask(host: str, port: int, question: Any) -> Any:
    """The answer to `question`. Raises OSError if none came; the question may have been answered all the same."""
    reader, writer = await asyncio.open_connection(host, port, limit=LINE_BYTES_MAX)
    try:
        writer.write(json.dumps(question).encode() + b"\n")
        line = await reader.readline()
    finally:
        writer.close()
    if not line.endswith(b"\n"):
        raise ConnectionResetError(f"{host}:{port} closed the connection without an answer")
    return json.loads(line)


async def serve(port: int, handler: Callable[[Any], Awaitable[Any]]) -> None:
    """Answer questions with what `handler` returns, until cancelled."""

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            line = await reader.readline()
            if line.endswith(b"\n"):
                writer.write(json.dumps(await handler(json.loads(line))).encode() + b"\n")
                await writer.drain()
        except OSError:
            pass  # the peer is gone
        finally:
            writer.close()

    server = await asyncio.start_server(accept, None, port, limit=LINE_BYTES_MAX, backlog=BACKLOG_MAX)
    async with server:
        await server.serve_forever()

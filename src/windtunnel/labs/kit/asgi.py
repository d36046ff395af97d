"""A learner's ASGI application on a host of the simulated world, without any server to install.

    world.host("server", main=lambda: serve(lab.app))

Source: the ASGI specification 3.0, HTTP and lifespan. Omits: WebSockets, streaming (bodies are whole), extensions.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, MutableMapping
from typing import Any, TypeAlias

from windtunnel.batteries.http import HttpServer, Request, Response

Message: TypeAlias = MutableMapping[str, Any]
App: TypeAlias = Callable[[Message, Callable[[], Awaitable[Message]], Callable[[Message], Awaitable[None]]], Awaitable[None]]

PORT = 80


async def serve(app: App, *, port: int = PORT) -> None:
    """Start the application and serve it for ever: the main function of a host."""
    async with _lifespan(app):
        server = HttpServer(lambda request: _respond(app, request))
        await server.start(port=port)
        await asyncio.Event().wait()


async def _respond(app: App, request: Request) -> Response:
    """One request, one response. An application that ends without an answer is a 500."""
    path, _, query = request.target.partition("?")
    scope: Message = {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.0" if request.http_1_0 else "1.1",
        "method": request.method,
        "scheme": "http",
        "path": request.path,
        "raw_path": path.encode("latin-1"),
        "query_string": query.encode("latin-1"),
        "root_path": "",
        "headers": [(name.encode("latin-1"), value.encode("latin-1")) for name, value in request.headers.items()],
        "client": None,
        "server": (request.headers.get("host", "server").partition(":")[0], PORT),
    }
    given: list[Message] = [{"type": "http.request", "body": request.body, "more_body": False}]
    status, headers, parts = 500, dict[str, str](), list[bytes]()

    async def receive() -> Message:
        return given.pop(0) if given else {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        nonlocal status
        if message["type"] == "http.response.start":
            status = int(message["status"])
            for name, value in message.get("headers", ()):
                if name.lower() not in {b"content-length", b"connection", b"transfer-encoding"}:
                    headers[name.decode("latin-1")] = value.decode("latin-1")
        elif message["type"] == "http.response.body":
            parts.append(message.get("body", b""))

    await app(scope, receive, send)
    return Response(status, b"".join(parts), headers)


@contextlib.asynccontextmanager
async def _lifespan(app: App) -> AsyncIterator[None]:
    """Startup before the block, shutdown after it; an application that knows neither is served all the same.

    Raises RuntimeError if the startup fails.
    """
    asked: asyncio.Queue[Message] = asyncio.Queue()
    told: asyncio.Queue[Message] = asyncio.Queue()
    task = asyncio.ensure_future(app({"type": "lifespan", "asgi": {"version": "3.0"}, "state": {}}, asked.get, told.put))
    await asked.put({"type": "lifespan.startup"})
    hears = asyncio.ensure_future(told.get())
    await asyncio.wait((task, hears), return_when=asyncio.FIRST_COMPLETED)
    if hears.done() and hears.result()["type"] == "lifespan.startup.failed":
        raise RuntimeError(f"the startup of the application failed: {hears.result().get('message', '')}")
    knows = hears.done()
    if not knows:
        hears.cancel()
        task.exception()  # an application without a lifespan raises; that is how it says so
    try:
        yield
    finally:
        if knows:
            await asked.put({"type": "lifespan.shutdown"})
            await asyncio.wait((task,))

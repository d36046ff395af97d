"""The studio as a server: a loopback port, a token, and an end that leaves nothing running."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import socket
import sys
import threading
from collections.abc import Callable

import uvicorn

from windtunnel.base.errors import UsageError, WindtunnelError
from windtunnel.studio.app import Studio, application
from windtunnel.studio.guard import Guard
from windtunnel.studio.places import Places
from windtunnel.studio.school import home

HOST = "127.0.0.1"
TOKEN_BYTES = 32
GRACE_S = 1
"""For answers that are being written when the server ends; streams end at once."""


def opened(port: int) -> socket.socket:
    """A listening socket on this machine only; port 0 takes a free one. Raises UsageError."""
    door = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    door.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        door.bind((HOST, port))
    except OSError as error:
        door.close()
        raise UsageError(f"port {port} of {HOST} cannot be used: {error.strerror}; choose another with --port N") from None
    door.listen(128)
    return door


def serve(places: Places, port: int, ready: Callable[[str], None]) -> None:
    """Serve until Ctrl-C or SIGTERM. ready: called with the address, token included, once the port answers."""
    door = opened(port)
    port = door.getsockname()[1]
    token = secrets.token_urlsafe(TOKEN_BYTES)
    app = application(places)
    studio = app.state.studio
    config = uvicorn.Config(
        Guard(app, token=token, port=port),
        log_level="warning",
        access_log=False,
        server_header=False,
        date_header=False,
        ws="none",
        http="h11",
        loop="asyncio",
        lifespan="on",
        timeout_graceful_shutdown=GRACE_S,
        limit_concurrency=200,
    )
    address = f"http://{HOST}:{port}/?token={token}"
    server = _Server(config, lambda: ready(address), studio.jobs.closing.set, lambda: warm(studio))
    try:
        asyncio.run(server.serve(sockets=[door]))
    except KeyboardInterrupt:
        sys.stderr.write("windtunnel studio: ended\n")


def warm(studio: Studio) -> None:
    """Load what the first page asks for while the browser is still starting."""
    with contextlib.suppress(WindtunnelError):  # a damaged file of the learner: the page that needs it will say so
        home(studio)


class _Server(uvicorn.Server):
    """A server that says when it answers, loads the rest then, and ends its streams before it waits for them."""

    def __init__(
        self, config: uvicorn.Config, ready: Callable[[], None], closing: Callable[[], None], warm: Callable[[], None]
    ) -> None:
        super().__init__(config)
        self._ready = ready
        self._warm = warm
        self._closing = closing

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if not self.should_exit:
            self._ready()
            threading.Thread(target=self._warm, daemon=True).start()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._closing()
        await super().shutdown(sockets)

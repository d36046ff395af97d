"""An object store with the interface of S3: `await serve(port=9000, directory="/data")`, or `ObjectStore` behind `HttpServer`."""

from __future__ import annotations

import asyncio
from pathlib import Path

from windtunnel.batteries.http import HttpServer
from windtunnel.batteries.objects.api import ObjectStore

__all__ = ["ObjectStore", "serve"]


async def serve(host: str | None = None, port: int = 9000, *, directory: str | Path, buckets: tuple[str, ...] = ()) -> None:
    """Run a store until it is cancelled. buckets: made at the start where they do not exist.

    Raises StorageError for damaged files in `directory`.
    """
    objects = ObjectStore(directory)
    for name in buckets:
        if name not in objects.store.buckets:
            objects.store.create(name, 0.0)
    server = HttpServer(objects)
    await server.start(host, port)
    try:
        await asyncio.get_running_loop().create_future()  # for ever
    finally:
        await server.close()

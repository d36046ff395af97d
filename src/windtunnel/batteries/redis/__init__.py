"""A small Redis server that real clients talk to: `await serve(port=6379, directory="/data")`, or `RedisServer` in parts."""

from windtunnel.batteries.redis import clients, hashes, keys, lists, scripts, sets, sorted_sets, strings
from windtunnel.batteries.redis.server import RedisServer

__all__ = ["RedisServer", "serve"]

COMMAND_MODULES = (clients, hashes, keys, lists, scripts, sets, sorted_sets, strings)
"""Importing them fills the table of commands."""


async def serve(
    host: str | None = None,
    port: int = 6379,
    *,
    directory: str | None = None,
    appendfsync: str = "everysec",
    replicaof: tuple[str, int] | None = None,
) -> None:
    """Run a server until it is shut down or cancelled.

    directory: where the append-only file is; None keeps nothing. appendfsync: always, everysec or no. replicaof: host and port
    of a primary. Raises StorageError for a damaged file, OSError when the disk fails under `always`.
    """
    assert appendfsync in {"always", "everysec", "no"}, appendfsync
    server = RedisServer(directory, appendfsync=appendfsync)  # type: ignore[arg-type]
    await server.start(host, port)
    if replicaof is not None:
        server.replication.follow(*replicaof)
    await server.serve_forever()

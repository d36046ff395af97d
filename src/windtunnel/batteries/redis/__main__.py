"""`python -m windtunnel.batteries.redis --port 6379 --dir DIRECTORY`: the server for real."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import sys

from windtunnel.base.errors import StorageError
from windtunnel.batteries.redis import serve


def main() -> int:
    """Exit code 0 after SHUTDOWN or an interrupt, 1 when the disk or the port refused."""
    parser = argparse.ArgumentParser(prog="python -m windtunnel.batteries.redis", description="A small Redis server.")
    parser.add_argument("--bind", default="127.0.0.1", help="address to listen on")
    parser.add_argument("--port", type=int, default=6379)
    parser.add_argument("--dir", help="keep an append-only file here; without it nothing is kept")
    parser.add_argument("--appendfsync", choices=("always", "everysec", "no"), default="everysec")
    parser.add_argument("--replicaof", nargs=2, metavar=("HOST", "PORT"), help="be a replica of that server")
    options = parser.parse_args()
    primary = None if options.replicaof is None else (options.replicaof[0], int(options.replicaof[1]))
    with contextlib.suppress(KeyboardInterrupt):
        try:
            asyncio.run(
                serve(options.bind, options.port, directory=options.dir, appendfsync=options.appendfsync, replicaof=primary)
            )
        except (OSError, StorageError) as error:
            print(error, file=sys.stderr)  # noqa: T201 - a face
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""`python -m windtunnel.batteries.objects --port 9000 --dir DIRECTORY`: the store for real."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import sys

from windtunnel.base.errors import StorageError
from windtunnel.batteries.objects import serve


def main() -> int:
    """Exit code 0 after an interrupt, 1 when the disk or the port refused."""
    parser = argparse.ArgumentParser(prog="python -m windtunnel.batteries.objects", description="An object store like S3.")
    parser.add_argument("--bind", default="127.0.0.1", help="address to listen on")
    parser.add_argument("--port", type=int, default=9000)
    parser.add_argument("--dir", required=True, help="where the objects are kept")
    parser.add_argument("--bucket", action="append", default=[], help="a bucket to make at the start")
    options = parser.parse_args()
    with contextlib.suppress(KeyboardInterrupt):
        try:
            asyncio.run(serve(options.bind, options.port, directory=options.dir, buckets=tuple(options.bucket)))
        except (OSError, StorageError) as error:
            print(error, file=sys.stderr)  # noqa: T201 - a face
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""What file calls of a simulated host cost, beside the same calls on the real disk.

python benchmarks/bench_files.py [--quick]

Ours and the real rounds are interleaved in one process; the minimum of the rounds counts, in calls per second of real time. The
real figures are those of the disk under the working directory. Syncs take no virtual time here: no host is there to stall.
"""

# ruff: noqa: PTH103, PTH105, PTH116, PTH120, PTH123 - these calls are what is measured

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from contextvars import Context
from pathlib import Path
from types import SimpleNamespace

from windtunnel.base.streams import Stream
from windtunnel.sim.files import FileSystem, installed
from windtunnel.sim.life import LIFE, Life

COMMAND = "python benchmarks/bench_files.py"
RECORD = b"x" * 64


def appends(path, count, *, before=0, sync=True):
    """Append 64 bytes, flush, sync, to a file that holds `before` bytes."""
    with open(path, "wb") as file:
        file.write(bytes(before))
        file.flush()
        os.fsync(file.fileno())
        fd = file.fileno()
        start = time.perf_counter()
        for _ in range(count):
            file.write(RECORD)
            file.flush()
            if sync:
                os.fsync(fd)
        return (time.perf_counter() - start) / count


def replaces(path, count, **_options):
    """Write beside, sync, rename, sync the directory."""
    beside = path + ".tmp"
    start = time.perf_counter()
    for _ in range(count):
        with open(beside, "wb") as file:
            file.write(RECORD)
            file.flush()
            os.fsync(file.fileno())
        os.replace(beside, path)
        fd = os.open(os.path.dirname(path), os.O_RDONLY)
        os.fsync(fd)
        os.close(fd)
    return (time.perf_counter() - start) / count


def reads(path, count, **_options):
    """Open, read 64 bytes, close."""
    Path(path).write_bytes(RECORD)
    start = time.perf_counter()
    for _ in range(count):
        with open(path, "rb") as file:
            file.read()
    return (time.perf_counter() - start) / count


def stats(path, count, **_options):
    """os.stat of a path of four parts."""
    Path(path).write_bytes(RECORD)
    start = time.perf_counter()
    for _ in range(count):
        os.stat(path)
    return (time.perf_counter() - start) / count


MEASUREMENTS = (
    ("append 64 B, flush, fsync", appends, 4000, 200, {}),
    ("the same on a file of 16 MiB", appends, 4000, 200, {"before": 16 << 20}),
    ("append 64 B, flush", appends, 4000, 4000, {"sync": False}),
    ("replace a file by the book", replaces, 1000, 50, {}),
    ("open, read 64 B, close", reads, 4000, 4000, {}),
    ("stat", stats, 10000, 10000, {}),
)


def on_host(function, *args, **options):
    """The result of `function` on a fresh host."""
    files = FileSystem(Stream(1, "files"), time.time)

    def run():
        LIFE.set(Life(None, SimpleNamespace(files=files)))
        os.makedirs("/srv/app/data")
        return function("/srv/app/data/file", *args, **options)

    with installed():
        return Context().run(run)


def rows(quick: bool = False) -> list[dict]:  # noqa: FBT001, FBT002 - called by name
    """One row per measurement. ratio: how many times faster than the real disk."""
    found = []
    with tempfile.TemporaryDirectory(dir=Path.cwd()) as directory:
        for name, function, ours, real, options in MEASUREMENTS:
            rounds = [
                (on_host(function, ours, **options), function(f"{directory}/file", real, **options))
                for _ in range(2 if quick else 7)
            ]
            us, them = (1.0 / min(side) for side in zip(*rounds, strict=True))
            row = {"name": f"files: {name}", "unit": "per second", "ours": round(us), "peer_name": "the real disk"}
            found.append({**row, "peer": round(them), "ratio": round(us / them, 2), "kernel": "-", "command": COMMAND})
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--quick", action="store_true", help="fewer rounds")
    for row in rows(parser.parse_args().quick):
        took = f"{1e6 / row['ours']:8.1f} us {1e6 / row['peer']:10.1f} us"
        print(f"{row['name']:40} {row['ours']:>10,} {row['peer']:>10,} {row['ratio']:8.2f}x  {took}", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())

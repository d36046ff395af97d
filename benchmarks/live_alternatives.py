"""The alternatives behind docs/design/wire.md, measured: `python benchmarks/live_alternatives.py`.

Codecs for one AppendEntries message, ways to grow a log file, and fdatasync inline or in a thread under live Raft.
"""

from __future__ import annotations

import json
import os
import pickle
import statistics
import tempfile
import time
import timeit
from pathlib import Path

import msgspec

from bench_live import DISK, TIMING, loops, median, ours, run
from live_loads import VALUE, Load
from windtunnel.base.interface import Op, Request
from windtunnel.live.cluster import LiveWorld
from windtunnel.runtime.codec import Codec, Frames
from windtunnel.systems import find
from windtunnel.systems.consensus.raft.log import Entry
from windtunnel.systems.consensus.raft.replication import AppendEntries

REPEATS = 20_000


def codecs() -> None:
    """Encode and decode one message, microseconds (the best of five), and its size in bytes."""
    for count in (2, 32):
        entries = tuple(Entry(3, Request(f"c{i}.1", i, Op("write", f"k{i}", VALUE[:16]))) for i in range(count))
        message = AppendEntries(3, 100, 3, entries, 99, 7)
        for name, (encode, decode) in ways(message).items():
            data = encode()
            there, back = best_us(encode, REPEATS // count), best_us(lambda d=data, f=decode: f(d), REPEATS // count)
            print(f"{count:3} entries  {name:30} {there:7.2f} us out {back:7.2f} us in {len(data):6} bytes")


def ways(message: AppendEntries) -> dict:
    """How to encode `message`, and how to decode it."""
    codec = Codec(find("raft").messages)
    frames = Frames(codec)
    plain = msgspec.to_builtins(message)
    return {
        "ours: msgpack arrays, framed": (lambda: codec.encode("n1", message), frames.feed),
        "msgspec, JSON arrays": (lambda: msgspec.json.encode(message), msgspec.json.Decoder(AppendEntries).decode),
        "pickle, protocol 5": (lambda: pickle.dumps(message, 5), pickle.loads),
        "json of the standard library": (lambda: json.dumps(plain).encode(), json.loads),
    }


def best_us(work, number: int) -> float:
    """Microseconds per call."""
    return 1e6 * min(timeit.repeat(work, number=number, repeat=5)) / number


def files() -> None:
    """Milliseconds of one 300-byte write and its fdatasync, on a file that grows and on one filled with zeros beforehand."""
    for name, size in (("growing file", 0), ("16 MiB of zeros beforehand", 16 << 20)):
        with tempfile.NamedTemporaryFile(dir=DISK) as file:
            fd = file.fileno()
            os.write(fd, bytes(size))
            os.fsync(fd)
            took = []
            for i in range(400):
                began = time.perf_counter()
                os.pwrite(fd, b"x" * 300, 300 * i)
                os.fdatasync(fd)
                took.append(1e3 * (time.perf_counter() - began))
        print(f"{name:30} median {statistics.median(took):.3f} ms")


async def synced(loop: str, *, threaded: bool, rounds: int, seconds: float) -> dict[int, Load]:
    """Live Raft of three processes with one and 32 clients."""
    system = find("raft")
    found: dict[int, list[Load]] = {1: [], 32: []}
    with tempfile.TemporaryDirectory(prefix="windtunnel-bench-", dir=DISK) as directory:
        world = LiveWorld(
            system,
            loader="windtunnel.systems:find",
            directory=Path(directory),
            seed=1,
            size=3,
            options=system.options(**TIMING),
            proxied=False,
            threaded=threaded,
            loop=loop,
        )
        async with world:
            for number in range(rounds):
                for clients, loads in found.items():
                    names = [f"s{number}.{clients}.{i}" for i in range(clients)]
                    loads.append(await ours(world, Codec(system.messages), names, seconds))
    return {clients: median(loads) for clients, loads in found.items()}


def syncs() -> None:
    """Operations per second with the sync inline and in a thread."""
    for loop in loops():
        for threaded in (False, True):
            for clients, load in run(loop, synced(loop, threaded=threaded, rounds=3, seconds=1.5)).items():
                where = "in a thread" if threaded else "inline"
                print(f"fdatasync {where:12} {clients:3} clients {load.per_s:9,.0f} ops/s  p50 {load.p50_ms:.2f} ms  {loop}")


if __name__ == "__main__":
    codecs()
    files()
    syncs()

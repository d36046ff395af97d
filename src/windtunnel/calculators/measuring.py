"""What this machine takes for the rows of the latency ladder that Python can measure. Real clocks; about two seconds."""

from __future__ import annotations

import contextlib
import mmap
import os
import socket
import tempfile
import threading
import time
import zlib
from collections.abc import Callable
from math import log10
from pathlib import Path

import numpy as np

from windtunnel.quant.agreement import Row
from windtunnel.quant.calculator import Evidence, Values
from windtunnel.quant.catalogue.latency_ladder import measured
from windtunnel.quant.ladder import LADDER
from windtunnel.quant.result import Result

WALL_S = 0.12  # for each measurement
FACTOR = 30.0
FILE_BYTES = 16 * 1024 * 1024


def _once_s(work: Callable[[], object], batch: int = 1) -> float:
    """The median time of `work`, seconds; batch: calls between two looks at the clock."""
    samples = []
    end = time.perf_counter() + WALL_S
    while True:
        began = time.perf_counter()
        for _ in range(batch):
            work()
        now = time.perf_counter()
        samples.append((now - began) / batch)
        if now > end and len(samples) >= 3:
            return sorted(samples)[len(samples) // 2]


def measure() -> str:
    """The figures of this machine as the ladder reads them: `mutex=60ns, ...`. What cannot be measured here is left out."""
    found: dict[str, float] = {}
    lock = threading.Lock()

    def locked() -> None:
        lock.acquire()
        lock.release()

    found["mutex"] = _once_s(locked, 1000)
    found["syscall"] = _once_s(os.getppid, 1000)
    data = np.ones(8 * 1024 * 1024)
    found["ram-1m"] = _once_s(data.sum) / 67.108864
    text = (b"the quick brown fox jumps over the lazy dog; " * 30)[:1000]
    found["compress-1k"] = _once_s(lambda: zlib.compress(text, 1), 20)
    with tempfile.TemporaryDirectory(prefix="windtunnel-ladder-") as folder:
        found |= _files(Path(folder) / "data")
    found["loopback"] = _loopback_s()
    return ", ".join(f"{name}={value * 1e9:.4g}ns" for name, value in found.items())


def _files(path: Path) -> dict[str, float]:
    found: dict[str, float] = {}
    path.write_bytes(os.urandom(FILE_BYTES))
    descriptor = os.open(path, os.O_RDWR)
    try:
        os.fsync(descriptor)
        found["page-cache-4k"] = _once_s(lambda: os.pread(descriptor, 4096, 8192), 100)

        def synced() -> None:
            os.pwrite(descriptor, b"x" * 4096, 0)
            os.fsync(descriptor)

        found["fsync"] = _once_s(synced)
    finally:
        os.close(descriptor)
    direct = getattr(os, "O_DIRECT", None)
    if direct is not None:
        with contextlib.suppress(OSError):  # this file system, or its disk, has no way past the cache
            found["ssd-4k"] = _direct_s(path, direct)
    return found


def _direct_s(path: Path, direct: int) -> float:
    """Reads of 4 kB past the page cache. Raises OSError where the file system does not allow it."""
    pages = FILE_BYTES // 4096
    descriptor = os.open(path, os.O_RDONLY | direct)
    try:
        with mmap.mmap(-1, 4096) as page:
            place = 0

            def read() -> None:
                nonlocal place
                place = (place * 1103515245 + 12345) % pages
                os.preadv(descriptor, [page], place * 4096)

            return _once_s(read)
    finally:
        os.close(descriptor)


def _loopback_s() -> float:
    with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname()) as client:
        other, _address = server.accept()
        with other:
            for end in (client, other):
                end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

            def echo() -> None:
                while data := other.recv(64):
                    other.sendall(data)

            thread = threading.Thread(target=echo, daemon=True)
            thread.start()

            def there_and_back() -> None:
                client.sendall(b"x")
                client.recv(64)

            took = _once_s(there_and_back)
            client.shutdown(socket.SHUT_RDWR)
            thread.join(5)
            return took


def ladder(values: Values, result: Result, seed: int, length: float) -> Evidence:
    """Published against measured: agrees within a factor of 30, else it is other hardware, and nothing is decided."""
    _ = seed, length
    here = measured(values["measured"] or measure())
    rows = []
    for rung in LADDER:
        if rung.name not in here:
            continue
        value = here[rung.name]
        near = 1.0 / FACTOR <= value / rung.seconds <= FACTOR
        why = "" if near else f"a factor of {10 ** abs(log10(value / rung.seconds)):.0f}: other hardware than the source's"
        bounds = (value / FACTOR, value * FACTOR)
        formula = result.number(rung.name)
        rows.append(
            Row(
                output=rung.name,
                formula=formula,
                observed=value,
                low=bounds[0],
                high=bounds[1],
                agrees=near or None,
                unit="s",
                by="this machine",
                why=why,
            )
        )
    return (
        rows,
        f"Measured on this machine, medians over {WALL_S:g} s each; published figures agree within a factor of {FACTOR:g}.",
    )

"""Memory of simulated machines: with a task each, and with a server and a connection each.

Every figure is a process of its own: resident memory (VmRSS) late in a run with that many hosts, all alive, less what it was
before, when everything was imported and a small world had been run. `python benchmarks/bench_hosts.py [hosts]`; the bars, for
10,000 hosts, are 100 MB and 250 MB.
"""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

HOSTS = 10_000
BARS_MB = {"a task": 100.0, "a server and a connection": 250.0}
UNTIL_S = 3.0


def resident_mb() -> float:
    for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024.0
    raise AssertionError("no VmRSS in /proc/self/status")


async def ticking() -> None:
    while True:  # noqa: ASYNC110 - a heartbeat, it waits for nothing
        await asyncio.sleep(1.0)


async def talking(name: str, peer: str) -> None:
    """A server for one neighbour, and a connection to another, with a line a second."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while line := await reader.readline():
            writer.write(line)

    server = await asyncio.start_server(answer, None, 80)
    await asyncio.sleep(0.5)
    reader, writer = await asyncio.open_connection(peer, 80)
    while server.is_serving():
        writer.write(f"{name}\n".encode())
        await reader.readline()
        await asyncio.sleep(1.0)


def simulated(kind: str, hosts: int) -> tuple[float, float]:
    """Resident megabytes shortly before the end of the run, and events per second."""
    from windtunnel.sim import World

    world = World(1)
    for i in range(hosts):
        main = ticking if kind == "a task" else partial(talking, f"h{i}", f"h{(i + 1) % hosts}")
        world.host(f"h{i}", main)
    seen: list[float] = []
    world.kernel.call_at(UNTIL_S - 0.05, lambda: seen.append(resident_mb()))
    began = time.perf_counter()
    world.run(asyncio.sleep, UNTIL_S)
    return seen[0], world.kernel.events / (time.perf_counter() - began)


def child(kind: str, hosts: int) -> None:
    simulated(kind, 10)
    before = resident_mb()
    after, rate = simulated(kind, hosts)
    print(json.dumps({"mb": after - before, "events_per_s": rate}))


def rows(*, quick: bool = False, hosts: int = HOSTS) -> list[dict[str, object]]:
    found: list[dict[str, object]] = []
    for kernel in ("compiled",) if quick else ("compiled", "pure"):
        for kind, bar in BARS_MB.items():
            command = [sys.executable, __file__, "--child", kind, str(hosts)]
            done = subprocess.run(
                command, env={**os.environ, "WINDTUNNEL_KERNEL": kernel}, check=False, capture_output=True, text=True
            )
            if done.returncode:
                print(f"no {kernel} kernel: {done.stderr.strip().splitlines()[-1]}", file=sys.stderr)
                continue
            mb = json.loads(done.stdout)["mb"]
            found.append(
                {
                    "name": f"{hosts:,} hosts, each with {kind}",
                    "unit": "MB",
                    "ours": round(mb, 1),
                    "peer_name": "bar",
                    "peer": bar,
                    "ratio": round(bar / mb, 2),
                    "kernel": kernel,
                    "command": "python benchmarks/bench_hosts.py",
                }
            )
    return found


if __name__ == "__main__":
    if "--child" in sys.argv:
        child(sys.argv[2], int(sys.argv[3]))
    else:
        from run import line

        for row in rows(hosts=int(sys.argv[1]) if len(sys.argv) > 1 else HOSTS):
            print(line(row))

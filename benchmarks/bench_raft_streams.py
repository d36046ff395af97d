"""Somebody's Raft over asyncio streams in simulated time: 5 nodes, 100 operations a second, elections, replication, commit.

`raft_streams.py` is the program, ordinary asyncio with JSON lines; it knows nothing of the simulator. Rates are simulated seconds
per second of the processor (a run has one thread), of whole runs of `FOR_S` seconds with a crash of the leader in the middle;
all operations must be on a majority at the end. `python benchmarks/bench_raft_streams.py`; each kernel runs in a process of its
own. The bar is 40.
"""

from __future__ import annotations

import asyncio
import json
import os
import statistics
import subprocess
import sys
import time
from typing import Any

FOR_S = 30.0
RATE_PER_S = 100.0
BAR = 40.0


async def load(world: Any, names: list[str], nodes: dict[str, Any], for_s: float) -> int:
    """One client, `RATE_PER_S` operations a second in order, retried until they are done; the leader crashes half way."""
    from raft_streams import Node, Peer

    for name in names:

        def boot(name: str = name) -> Any:
            nodes[name] = Node(name, names)
            return nodes[name].main()

        world.host(name, boot)

    def crash_the_leader() -> None:
        leader = next((name for name in names if nodes[name].role == "leader"), names[0])
        world.crash(leader)
        world.kernel.call_later(1.0, world.restart, leader)

    await asyncio.sleep(1.0)
    if for_s > 0.0:
        world.kernel.call_at(for_s / 2.0, crash_the_leader)
    done = 0
    async with world.client("client"):
        peers = {name: Peer(name) for name in names}
        at = names[0]
        loop = asyncio.get_running_loop()
        began = loop.time()
        while loop.time() - began < for_s - 1.0:
            answer = await peers[at].call({"kind": "put", "key": f"k{done % 10}", "value": done})
            if answer is not None and answer["ok"]:
                done += 1
                await asyncio.sleep(max(0.0, began + done / RATE_PER_S - loop.time()))
            else:
                at = (answer or {}).get("leader") or names[(names.index(at) + 1) % len(names)]
                await asyncio.sleep(0.01)
        for peer in peers.values():
            if peer.streams is not None:
                peer.streams[1].close()
                await peer.streams[1].wait_closed()
    return done


def one(seed: int, for_s: float) -> tuple[float, int, int]:
    """Simulated seconds per processor second, events, operations."""
    from windtunnel.sim import World

    names = [f"n{i}" for i in range(5)]
    nodes: dict[str, Any] = {}
    world = World(seed)
    began = time.process_time()
    done = world.run(load, world, names, nodes, for_s)
    busy = time.process_time() - began
    replicated = sorted(sum(command is not None for _, command in node.log) for node in nodes.values())
    assert replicated[2] >= done >= 0.9 * RATE_PER_S * (for_s - 3.0), (replicated, done)
    return world.now / busy, world.kernel.events, done


def child(*, quick: bool) -> None:
    rounds, for_s = (3, 10.0) if quick else (5, FOR_S)
    one(1, 5.0)
    print(json.dumps(statistics.median(one(seed, for_s)[0] for seed in range(rounds))))


def rows(*, quick: bool = False) -> list[dict[str, object]]:
    found: list[dict[str, object]] = []
    for kernel in ("compiled", "pure"):
        command = [sys.executable, __file__, "--child", *(["--quick"] if quick else [])]
        env = {**os.environ, "WINDTUNNEL_KERNEL": kernel}
        done = subprocess.run(command, env=env, check=False, capture_output=True, text=True)
        if done.returncode:
            print(f"no {kernel} kernel: {done.stderr.strip().splitlines()[-1]}", file=sys.stderr)
            continue
        found.append(
            {
                "name": "5-node Raft over asyncio streams, 100 ops/s",
                "unit": "sim-s/CPU-s",
                "ours": round(json.loads(done.stdout), 1),
                "peer_name": "real time",
                "peer": 1.0,
                "ratio": round(json.loads(done.stdout), 1),
                "kernel": kernel,
                "command": "python benchmarks/bench_raft_streams.py",
            }
        )
    return found


if __name__ == "__main__":
    if "--child" in sys.argv:
        child(quick="--quick" in sys.argv)
    else:
        from run import line

        for row in rows(quick="--quick" in sys.argv):
            print(line(row))

"""How fast and how small the kernel is, beside SimPy and beside asyncio's own loop.

python benchmarks/bench_kernel.py [--quick]

Each measurement runs in a process of its own, ours and the peer's rounds interleaved, and reports medians. Rates are per second
of CPU time, so that other work on the machine does not count. Both kernels are measured; WINDTUNNEL_KERNEL=pure forces one.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import os
import random
import resource
import subprocess
import sys
import time
from collections import deque
from math import log
from pathlib import Path
from statistics import median

COMMAND = "python benchmarks/bench_kernel.py"
ARRIVALS, SERVICES = 0.8, 1.0  # M/M/1: mean time in system 1 / (1.0 - 0.8) = 5


# --- M/M/1: customers per second ---


def mm1_ours(customers):
    from windtunnel.sim.kernel import Kernel

    kernel, draw, waiting = Kernel(1), random.Random(42).random, deque()
    later, left, total = kernel.call_later, customers, 0.0

    def arrive():
        nonlocal left
        waiting.append(kernel.now)
        if len(waiting) == 1:
            later(-log(1.0 - draw()) / SERVICES, depart)
        left -= 1
        if left:
            later(-log(1.0 - draw()) / ARRIVALS, arrive)

    def depart():
        nonlocal total
        total += kernel.now - waiting.popleft()
        if waiting:
            later(-log(1.0 - draw()) / SERVICES, depart)

    later(-log(1.0 - draw()) / ARRIVALS, arrive)
    start = time.process_time()
    kernel.run()
    rate = customers / (time.process_time() - start)
    check_wait(total / customers, customers)
    return rate


def mm1_simpy(customers):
    import simpy

    env, draw = simpy.Environment(), random.Random(42).random
    server, total = simpy.Resource(env, 1), 0.0

    def customer():
        nonlocal total
        arrived = env.now
        with server.request() as turn:
            yield turn
            yield env.timeout(-log(1.0 - draw()) / SERVICES)
        total += env.now - arrived

    def source():
        for _ in range(customers):
            yield env.timeout(-log(1.0 - draw()) / ARRIVALS)
            env.process(customer())

    env.process(source())
    start = time.process_time()
    env.run()
    rate = customers / (time.process_time() - start)
    check_wait(total / customers, customers)
    return rate


def check_wait(mean, customers):
    """Both models must give the textbook's mean time in system."""
    if customers >= 100_000:
        assert 4.5 < mean < 5.5, f"M/M/1 mean time in system {mean:.2f}, expected 5"


# --- Ping-pong: messages per second ---


class Ping:
    """Returns every message to its sender."""

    __slots__ = ("out",)

    def __init__(self, out):
        self.out = out

    def on_start(self):
        """Nothing to begin with."""

    def on_timer(self, name):
        """Never armed."""

    def on_message(self, src, message):
        """Send it back."""
        self.out.send(src, message)


def pingpong_ours(messages, nodes=5):
    from windtunnel.sim.kernel import Kernel

    kernel = Kernel(1)
    ports = [kernel.add_node(f"n{i}") for i in range(nodes)]
    for i, port in enumerate(ports):
        port.bind(Ping(port))
        port.send(f"n{(i + 1) % nodes}", "ping")
    start = time.process_time()
    kernel.run(max_events=messages)
    return messages / (time.process_time() - start)


def pingpong_simpy(messages, nodes=5):
    import simpy

    env, draw = simpy.Environment(), random.Random(1).random
    boxes = [simpy.Store(env) for _ in range(nodes)]
    seen = 0

    def node(i):
        nonlocal seen
        while True:
            src = yield boxes[i].get()
            seen += 1
            yield env.timeout(0.001 + 0.009 * draw())
            yield boxes[src].put(i)

    for i in range(nodes):
        env.process(node(i))
        boxes[(i + 1) % nodes].put(i)
    start = time.process_time()
    while seen < messages:
        env.step()
    return messages / (time.process_time() - start)


# --- Memory: bytes of resident set for nodes with a timer each ---


def resident():
    """Bytes of the resident set now."""
    gc.collect()
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()


class Ticker:
    """A node with one pending timer."""

    __slots__ = ("out",)

    def __init__(self, out):
        self.out = out

    def on_start(self):
        """Arm the timer."""
        self.out.set_timer("tick", 1.0)

    def on_timer(self, name):
        """Arm it again."""
        self.out.set_timer(name, 1.0)

    def on_message(self, src, message):
        """Never sent."""


def memory_ours(nodes):
    from windtunnel.sim.kernel import Kernel

    kernel = Kernel(1)
    before = resident()
    for i in range(nodes):
        port = kernel.add_node(f"n{i}")
        core = Ticker(port)
        port.bind(core)
        core.on_start()
    built = resident()
    kernel.run(1.0)
    return max(built, resident()) - before


def memory_simpy(nodes):
    import simpy

    env = simpy.Environment()

    def ticker():
        while True:
            yield env.timeout(1.0)

    before = resident()
    keep = [env.process(ticker()) for _ in range(nodes)]
    env.run(until=1.5)
    grown = resident() - before
    assert len(keep) == nodes
    return grown


# --- Tasks: virtual loop beside asyncio's own, in CPU seconds ---


async def sleepers(tasks, sleeps):
    draw = random.Random(1).random

    async def one(delays):
        for delay in delays:
            await asyncio.sleep(delay)

    await asyncio.gather(*[one([draw() * 0.01 + 1e-4 for _ in range(sleeps)]) for _ in range(tasks)])


async def ring(tasks, rounds):
    queues = [asyncio.Queue() for _ in range(tasks)]

    async def one(i):
        for _ in range(rounds):
            queues[(i + 1) % tasks].put_nowait(await queues[i].get())

    queues[0].put_nowait("token")
    await asyncio.gather(*[one(i) for i in range(tasks)])


def tasks_ours(program, tasks, rounds):
    from windtunnel.sim.kernel import Kernel
    from windtunnel.sim.loop import SimLoop

    with asyncio.Runner(loop_factory=lambda: SimLoop(Kernel(1))) as runner:
        start = time.process_time()
        runner.run(program(tasks, rounds))
        return tasks * rounds / (time.process_time() - start)


def tasks_asyncio(program, tasks, rounds):
    with asyncio.Runner() as runner:
        start = time.process_time()
        runner.run(program(tasks, rounds))
        return tasks * rounds / (time.process_time() - start)


# --- Measuring ---


def rounds_of(count, ours, peer):
    """Medians of interleaved rounds: (ours, peer)."""
    pairs = [(ours(), peer()) for _ in range(count)]
    return median(a for a, _ in pairs), median(b for _, b in pairs)


def measure(name, quick):
    """One measurement in this process: (ours, peer)."""
    scale = 10 if quick else 1
    count = 3
    if name == "mm1":
        # SimPy is given a tenth of the customers: its rate does not depend on their number, and ten seconds a round would.
        return rounds_of(count, lambda: mm1_ours(1_000_000 // scale), lambda: mm1_simpy(100_000 // scale))
    if name == "pingpong":
        return rounds_of(count, lambda: pingpong_ours(1_000_000 // scale), lambda: pingpong_simpy(100_000 // scale))
    if name == "memory":
        return memory_ours(100_000), 0.0
    if name == "memory-simpy":
        return 0.0, memory_simpy(100_000)
    program = ring if name == "ring" else sleepers
    turns = 500 // scale
    return rounds_of(count, lambda: tasks_ours(program, 100, turns), lambda: tasks_asyncio(program, 100, min(turns, 200)))


MEASUREMENTS = (
    ("mm1", "M/M/1, 1e6 customers", "customers/CPU-s", "SimPy"),
    ("pingpong", "5-node ping-pong", "messages/CPU-s", "SimPy Store"),
    ("memory", "100,000 nodes with a timer each", "MB", "SimPy processes"),
    ("sleeps", "100 tasks sleeping", "sleeps/CPU-s", "asyncio"),
    ("ring", "100 tasks, token through queues", "hops/CPU-s", "asyncio"),
)


def child(name, kernel, *, quick):
    """Run one measurement in a process of its own, on the given kernel."""
    words = [sys.executable, __file__, "--measure", name, *(["--quick"] if quick else [])]
    environment = {**os.environ, "WINDTUNNEL_KERNEL": kernel}
    done = subprocess.run(words, env=environment, capture_output=True, text=True, timeout=600, check=False)
    if done.returncode:
        raise RuntimeError(f"{name} on the {kernel} kernel failed:\n{done.stderr}")
    return json.loads(done.stdout)


def kernels():
    """The kernels that exist here."""
    import importlib.util

    return ["compiled", "pure"] if importlib.util.find_spec("windtunnel.sim._kernel") else ["pure"]


def rows(quick: bool = False) -> list[dict]:  # noqa: FBT001, FBT002 - called by name
    """One row per measurement and kernel; ratio: how many times better than the peer (for memory: smaller)."""
    found = []
    for name, title, unit, peer_name in MEASUREMENTS:
        for kernel in kernels():
            ours, peer = child(name, kernel, quick=quick)
            if name == "memory":
                ours, peer = ours / 1e6, child("memory-simpy", kernel, quick=quick)[1] / 1e6
            ratio = peer / ours if name == "memory" else ours / peer
            row = {"name": title, "unit": unit, "ours": round(ours, 1), "peer_name": peer_name, "peer": round(peer, 1)}
            found.append({**row, "ratio": round(ratio, 2), "kernel": kernel, "command": COMMAND})
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--quick", action="store_true", help="a tenth of the work")
    parser.add_argument("--measure", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.measure:
        print(json.dumps(measure(options.measure, options.quick)))
        return
    print(f"{'what':34} {'kernel':9} {'ours':>12} {'peer':>12} {'ratio':>7}  unit")
    for row in rows(options.quick):
        line = f"{row['name']:34} {row['kernel']:9} {row['ours']:12,.1f} {row['peer']:12,.1f} {row['ratio']:6.1f}x"
        print(f"{line}  {row['unit']} (peer: {row['peer_name']})", flush=True)


if __name__ == "__main__":
    main()

"""What hooks cost: builtins with the hooks installed, outside of a run and inside one, against the same builtins without hooks.

    python benchmarks/bench_hooks.py          # WINDTUNNEL_HOOKS=patched for the fallback

All three states are measured in turn in one process, many rounds; each figure is the least of its rounds, for whatever else
runs on the machine only adds.
"""

from __future__ import annotations

import datetime as dt
import os
import random
import threading
import time
import tracemalloc
import uuid
from contextvars import Context

from windtunnel.sim import ambient
from windtunnel.sim.kernel import Kernel
from windtunnel.sim.life import LIFE, Life
from windtunnel.sim.loop import SimLoop

LOOPS = 20_000
LOCK = threading.Lock()
OWN = random.Random(1)


class Machine:
    """As much of a host as the hooks need."""

    __slots__ = ("entropy", "env", "life", "loop", "name", "port", "process")

    def __init__(self, loop, name):
        self.loop, self.name, self.env = loop, name, None
        self.port = loop.kernel.add_node(name)
        self.life = Life(self.port, self)
        self.entropy = ambient.Entropy(self)
        self.process = ambient.Process(self)


def lock():
    with LOCK:
        pass


SUBJECTS = {
    "time.time": lambda: time.time,
    "time.monotonic": lambda: time.monotonic,
    "time.time_ns": lambda: time.time_ns,
    "datetime.now": lambda: dt.datetime.now,
    "random.random": lambda: random.random,
    "Random(1).random": lambda: OWN.random,
    "random.randint(0, 99)": lambda: lambda: random.randint(0, 99),
    "os.urandom(16)": lambda: lambda: os.urandom(16),
    "uuid.uuid4": lambda: uuid.uuid4,
    "os.getpid": lambda: os.getpid,
    "os.environ['PATH']": lambda: lambda: os.environ["PATH"],
    "with threading.Lock()": lambda: lock,
}


def least_ns(make, loops):
    """Nanoseconds of one call, loop included."""
    call = make()  # looked up now: the fallback replaces names
    clock = time.perf_counter_ns
    with ambient.outside():
        began = clock()
    for _ in range(loops):
        call()
    with ambient.outside():
        return (clock() - began) / loops


def measure(rounds):
    """Least nanoseconds of a call by name: without hooks, with them outside a run, on a host."""
    kernel = Kernel(1)
    machine = Machine(SimLoop(kernel), "a")
    context = Context()
    context.run(LIFE.set, machine.life)
    found = {name: [1e9, 1e9, 1e9] for name in SUBJECTS}
    for _ in range(rounds):
        for state in range(3):
            if state == 0:
                ambient.uninstall()
            else:
                ambient.install()
            for name, make in SUBJECTS.items():
                if state == 2:
                    with ambient.installed(kernel):
                        took = context.run(least_ns, make, LOOPS // 4)
                else:
                    took = least_ns(make, LOOPS)
                found[name][state] = min(found[name][state], took)
    return found


def entering_us(rounds):
    """Microseconds to enter and leave a run, the least."""
    kernel, best = Kernel(1), 1e9
    ambient.install()
    for _ in range(rounds):
        began = time.perf_counter_ns()
        for _ in range(100):
            with ambient.installed(kernel):
                pass
        best = min(best, (time.perf_counter_ns() - began) / 100_000)
    return best


def installing_ms(rounds):
    """Milliseconds of the first entering in a process, the least."""
    best = 1e9
    for _ in range(rounds):
        ambient.uninstall()
        began = time.perf_counter_ns()
        ambient.install()
        best = min(best, (time.perf_counter_ns() - began) / 1e6)
    return best


def bytes_per_host(count=10_000):
    """Bytes of a host's ambient state: untouched; and what bytes, the `random` module, the environment add when used."""
    machines = [Machine(loop, f"h{i}") for loop in [SimLoop(Kernel(1))] for i in range(count)]
    found = []
    for make in (
        lambda m: (ambient.Entropy(m), ambient.Process(m)),
        lambda m: m.entropy.urandom(16),
        lambda m: m.entropy.random.random(),
        lambda m: m.process.environ,
    ):
        tracemalloc.start()
        kept = [make(machine) for machine in machines]
        found.append(tracemalloc.get_traced_memory()[0] / count)
        tracemalloc.stop()
        del kept
    return found


def rows(*, quick=False):
    rounds = 5 if quick else 20
    found = []

    def row(name, unit, ours, peer_name=None, peer=None):
        ratio = None if peer is None else peer / ours
        found.append(
            {
                "name": name,
                "unit": unit,
                "ours": ours,
                "peer_name": peer_name,
                "peer": peer,
                "ratio": ratio,
                "kernel": ambient.HOOKS,
                "command": "python benchmarks/bench_hooks.py",
            }
        )

    for name, (without, outside, inside) in measure(rounds).items():
        row(f"{name}, hooks installed, outside a run", "ns", outside, "without hooks", without)
        row(f"{name}, on a host", "ns", inside, "without hooks", without)
    row("install the hooks", "ms", installing_ms(rounds))
    row("enter and leave a run", "us", entering_us(rounds))
    for name, size in zip(("untouched", "urandom used", "random used", "environ used"), bytes_per_host(), strict=True):
        row(f"ambient state of a host, {name}", "bytes", size)
    ambient.uninstall()
    return found


if __name__ == "__main__":
    from run import line

    for each in rows():
        print(line(each))

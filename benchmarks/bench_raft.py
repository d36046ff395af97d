"""Simulated Raft against real time: 5 nodes, 100 client operations a second, 50 ms heartbeats, the full protocol.

Clients, network, disks with syncs and the recorded history are included; "checked" adds the five properties of figure 3 after
every event. `python benchmarks/bench_raft.py`; each kernel runs in a process of its own.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import time

FOR_S = 60.0


def one(*, properties: bool, for_s: float) -> tuple[float, int, int]:
    """Simulated seconds per wall second, events, and operations that succeeded, of one run."""
    from windtunnel.scenarios.simulated import _Simulation
    from windtunnel.scenarios.spec import Scenario
    from windtunnel.systems import find

    scenario = Scenario(system="raft", seed=7, for_s=for_s, rate_per_s=100.0, properties=properties)
    simulation = _Simulation(scenario, find("raft"), trace=False)
    began = time.perf_counter()
    observed = simulation.run(None)
    wall = time.perf_counter() - began
    assert observed.breach is None, observed.breach
    return observed.sim_s / wall, observed.events, observed.history.counts()["ok"]


def child(*, quick: bool) -> None:
    """Interleaved rounds of both settings under this process's kernel, as JSON on stdout."""
    rounds, for_s = (3, 20.0) if quick else (5, FOR_S)
    rates: dict[str, list[float]] = {"off": [], "on": []}
    for _ in range(rounds):
        rates["off"].append(one(properties=False, for_s=for_s)[0])
        rates["on"].append(one(properties=True, for_s=for_s)[0])
    print(json.dumps({name: statistics.median(found) for name, found in rates.items()}))


def rows(*, quick: bool = False) -> list[dict[str, object]]:
    found: list[dict[str, object]] = []
    for kernel in ("compiled", "pure"):
        command = [sys.executable, __file__, "--child", *(["--quick"] if quick else [])]
        env = {**os.environ, "WINDTUNNEL_KERNEL": kernel}
        done = subprocess.run(command, env=env, check=False, capture_output=True, text=True)
        if done.returncode:
            print(f"no {kernel} kernel: {done.stderr.strip().splitlines()[-1]}", file=sys.stderr)
            continue
        for checked, rate in json.loads(done.stdout).items():
            found.append(
                {
                    "name": f"5-node Raft kv, 100 ops/s, invariants {checked}",
                    "unit": "sim-s/wall-s",
                    "ours": rate,
                    "peer_name": "real time",
                    "peer": 1.0,
                    "ratio": rate,
                    "kernel": kernel,
                    "command": "python benchmarks/bench_raft.py",
                }
            )
    return found


if __name__ == "__main__":
    if "--child" in sys.argv:
        child(quick="--quick" in sys.argv)
    else:
        for row in rows(quick="--quick" in sys.argv):
            print(f"{row['name']:50} {row['ours']:8.0f} {row['unit']}   {row['kernel']}")

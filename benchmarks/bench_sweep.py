"""A sweep on all cores against the same sweep in one process: same totals, less time."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path


def sweep_s(workers: int, seeds: int) -> tuple[float, dict[str, object]]:
    """Wall seconds of `windtunnel sweep raft`, and its JSON."""
    exe = str(Path(sys.executable).with_name("windtunnel"))
    with tempfile.TemporaryDirectory() as store:
        command = [exe, "sweep", "raft", "--seeds", str(seeds), "--faults", "partition,crash", "--for", "30"]
        command += ["--workers", str(workers), "--json", "--store", store]
        began = time.perf_counter()
        done = subprocess.run(command, check=False, capture_output=True, text=True)
        took = time.perf_counter() - began
        assert done.returncode in (0, 2), done.stderr  # 2: sixty seeds need not see every situation
        return took, json.loads(done.stdout)


def rows(*, quick: bool = False) -> list[dict[str, object]]:
    seeds, rounds = (60, 1) if quick else (200, 3)
    cores = min(2, os.cpu_count() or 1)
    alone, together = [], []
    for _ in range(rounds):
        one, totals_one = sweep_s(1, seeds)
        all_, totals_all = sweep_s(cores, seeds)
        assert totals_one["verdicts"] == totals_all["verdicts"], "the number of workers changed the totals"
        alone.append(one)
        together.append(all_)
    ours, peer = seeds / statistics.median(together), seeds / statistics.median(alone)
    return [
        {
            "name": f"sweep of raft, 30 s a seed, {cores} workers",
            "unit": "seeds/s",
            "ours": ours,
            "peer_name": "one worker",
            "peer": peer,
            "ratio": ours / peer,
            "kernel": "compiled",
            "command": "python benchmarks/bench_sweep.py",
        }
    ]


if __name__ == "__main__":
    for row in rows(quick="--quick" in sys.argv):
        print(f"{row['name']:50} {row['ours']:8.1f} {row['unit']} against {row['peer']:.1f}: {row['ratio']:.2f}x")

"""How long until something happens: `--help`, the import, a first verdict. Medians of whole processes."""

from __future__ import annotations

import compileall
import statistics
import subprocess
import sys
import time
from pathlib import Path

import windtunnel


def wall_ms(command: list[str], rounds: int) -> float:
    """Median wall time of a command, milliseconds; one warm-up run first."""
    took = []
    for _ in range(rounds + 1):
        began = time.perf_counter()
        subprocess.run(command, check=True, capture_output=True)
        took.append(1e3 * (time.perf_counter() - began))
    return statistics.median(took[1:])


def rows(*, quick: bool = False) -> list[dict[str, object]]:
    rounds = 5 if quick else 15
    compileall.compile_dir(str(Path(windtunnel.__file__).parent), quiet=2)
    exe = str(Path(sys.executable).with_name("windtunnel"))
    bare = wall_ms([sys.executable, "-c", "pass"], rounds)
    found = []
    for name, command in (
        ("windtunnel --help", [exe, "--help"]),
        ("import windtunnel", [sys.executable, "-c", "import windtunnel"]),
        ("windtunnel run raft, defaults, to the verdict", [exe, "run", "raft", "--seed", "7", "--no-store"]),
    ):
        ours = wall_ms(command, 3 if "raft" in name else rounds)
        shown = " ".join(Path(word).name if "/" in word else word for word in command)
        found.append(
            {
                "name": name,
                "unit": "ms",
                "ours": ours,
                "peer_name": "python -c pass",
                "peer": bare,
                "ratio": bare / ours,
                "kernel": "compiled" if "raft" in name else "-",
                "command": shown,
            }
        )
    return found


if __name__ == "__main__":
    for row in rows():
        print(f"{row['name']:50} {row['ours']:8.1f} ms   (bare interpreter {row['peer']:.1f} ms)")

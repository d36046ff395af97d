"""Every figure in the docs, beside its peer, in one run: `make bench`.

Prints a table and writes `benchmarks/results.json`: a list of {name, unit, ours, peer_name, peer, ratio, kernel, command}.
`ratio` is ours against the peer, above 1 is better for us, whatever the unit. `--quick` takes fewer rounds; `--only WORD` runs
the groups whose name contains the word. Machines are noisy: trust ratios, not absolute figures.
"""

from __future__ import annotations

import argparse
import importlib
import json
import sys
from pathlib import Path

HERE = Path(__file__).parent
GROUPS = (
    "bench_kernel",
    "bench_raft",
    "bench_start",
    "bench_sweep",
    "bench_seeds",
    "bench_checkers",
    "bench_transactions",
    "bench_live",
    "bench_files",
    "bench_hooks",
    "bench_streams",
    "bench_hosts",
    "bench_raft_streams",
    "bench_resilience",
    "bench_viewer",
)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="fewer rounds")
    parser.add_argument("--only", default="", help="groups whose name contains this word")
    args = parser.parse_args()
    sys.path.insert(0, str(HERE))
    rows: list[dict[str, object]] = []
    for group in GROUPS:
        if args.only not in group:
            continue
        print(f"# {group}", flush=True)
        for row in importlib.import_module(group).rows(quick=args.quick):
            rows.append(row)
            print(line(row), flush=True)
    if not args.only:
        target = HERE / "results.json"
        fresh = target.with_suffix(".tmp")
        fresh.write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")
        fresh.replace(target)
        print(f"written: {target}")
    return 0


def line(row: dict[str, object]) -> str:
    """One row as text."""
    ratio = f"{row['ratio']:.2f}x" if row["ratio"] is not None else "-"
    peer = f"{row['peer']:,.4g}" if isinstance(row["peer"], int | float) else "-"
    name, unit = row["name"], row["unit"]
    return f"{name:58} {row['ours']:>12,.4g} {unit:16} {row['peer_name'] or '-':>28} {peer:>10} {ratio:>8} {row['kernel']}"


if __name__ == "__main__":
    sys.exit(main())

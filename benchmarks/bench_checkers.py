"""How long a verdict takes, pure Python. Medians of several rounds, histories already read.

The peer is Porcupine (Go), whose figures were stored on another day on the same kind of machine: check only, one file after the
other. `None` where it was not measured or came to no end.
"""

from __future__ import annotations

import csv
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

from windtunnel.checkers import check
from windtunnel.checkers.keyvalue import KeyValue
from windtunnel.checkers.linearizable import linearizable
from windtunnel.histories import History, read_history

TESTS = Path(__file__).parent.parent / "tests"
DATA = TESTS / "data" / "porcupine"
sys.path.insert(0, str(TESTS / "checkers"))

from random_histories import random_history  # noqa: E402 - the tests' generator, not a package

PORCUPINE = "Porcupine, stored"


def rows(*, quick: bool = False) -> list[dict[str, object]]:
    rounds = 3 if quick else 9
    logs = [read_history(path) for path in sorted((DATA / "jepsen").glob("*.log"))]
    bad = read_history(DATA / "kv" / "c50-bad.txt")
    found = [
        _row("52 etcd logs, sum, verdicts only", lambda: [_verdict(log) for log in logs], rounds, 484.0),
        _row("52 etcd logs, sum, explained", lambda: [check(log, "cas-register") for log in logs], rounds, None),
        _row("etcd_002, the hardest", lambda: _verdict(_named("etcd_002", logs)), rounds, 442.0),
        _row("c50-bad, first bad key, verdict only", lambda: _verdict(bad), rounds, 27.0),
        _row("c50-bad, all ten keys", lambda: linearizable(bad, KeyValue(), every_key=True), rounds, None),
    ]
    fair = random_history(1, operations=10_000, clients=10, keys=5, unique=True, crash=0.002)
    found.append(_row("10,000 operations, 5 keys, valid", lambda: check(fair, "kv"), rounds, None))
    for clients in (5, 10, 20, 30):
        stale = _one_stale_read(random_history(1, operations=10_000, clients=clients, unique=True, crash=0.001))
        name = f"10,000 operations, 1 key, {clients} clients, a stale read"
        found.append(_row(name, lambda stale=stale: check(stale, "kv"), 3, None))
    return found


def _verdict(history: History) -> bool | None:
    return linearizable(history, KeyValue(), explained=False).valid


def _named(name: str, logs: list[History]) -> History:
    return next(log for log in logs if log.source is not None and name in log.source)


def _one_stale_read(history: History) -> History:
    """The same history; the read in the middle returns what had been written forty writes before."""
    reads = [op for op in history if op.f == "read" and op.type == "ok"]
    stale = reads[len(reads) // 2]
    before = [op.value for op in history if op.f == "write" and op.completed is not None and op.completed < stale.invoked]
    stale.result = before[-40]
    return history


def _row(name: str, work: Callable[[], object], rounds: int, porcupine_ms: float | None) -> dict[str, object]:
    took = []
    for _ in range(rounds):
        began = time.perf_counter()
        work()
        took.append(1e3 * (time.perf_counter() - began))
    ours = statistics.median(took)
    return {
        "name": name,
        "unit": "ms",
        "ours": ours,
        "peer_name": PORCUPINE if porcupine_ms is not None else None,
        "peer": porcupine_ms,
        "ratio": None if porcupine_ms is None else porcupine_ms / ours,
        "kernel": "pure",
        "command": "python benchmarks/run.py --only checkers",
    }


def verdicts_hold() -> bool:
    """Whether what is timed is also right: the stored verdict of every log."""
    with (DATA / "MANIFEST.tsv").open(encoding="utf-8") as manifest:
        expected = {row["file"]: row["expected"] == "ok" for row in csv.DictReader(manifest, delimiter="\t")}
    return all(
        check(read_history(DATA / name), "kv" if name.startswith("kv") else "cas-register").valid is verdict
        for name, verdict in expected.items()
    )


if __name__ == "__main__":
    assert verdicts_hold()
    for row in rows():
        print(row)

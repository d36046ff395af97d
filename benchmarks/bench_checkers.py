"""How long a verdict takes, beside Porcupine (Go) on the same histories in the same run.

`PORCUPINE=/path/to/its/checkout python benchmarks/run.py --only checkers`. Without it the peer's figures are stored ones, of
Porcupine 55508eb with Go 1.19 on two cores of another day, and each row says so; then only the 52 etcd logs that are kept here
are judged.

Ours is everything from operations in memory to the verdict: ingest into columns, preparation, search. Theirs is their check of
events in memory, with their own model, with and without a hash of its state, whichever is faster. The best of several rounds of
each.
"""

from __future__ import annotations

import csv
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from made_histories import busy_history, cas_history, falsified, one_lie, queue_columns, register_columns
from porcupine_peer import Porcupine, porcupine
from windtunnel.checkers import check, linearizable
from windtunnel.checkers.keyvalue import CasRegister, KeyValue, Register
from windtunnel.checkers.objects.fifo_queue import FifoQueue
from windtunnel.checkers.searches import SEARCH
from windtunnel.histories import History, read_history

TESTS = Path(__file__).parent.parent / "tests"
DATA = TESTS / "data" / "porcupine"
QUEUE = TESTS / "data" / "histories" / "popl2016" / "big" / "ScalObject-msq.0.log"
COMMAND = "PORCUPINE=... python benchmarks/run.py --only checkers"
STORED = "Porcupine, stored"
HARD_S = 1e-3
LIMIT_S = 60


def rows(*, quick: bool = False) -> Iterator[dict[str, object]]:
    with tempfile.TemporaryDirectory() as folder:
        peer = porcupine(Path(folder))
        rounds = 5 if quick else 15
        yield from _etcd(peer, rounds)
        yield from _stores(peer, rounds)
        yield from _clients(peer, quick=quick)
        yield from _busy(quick=quick)
        yield from _long(peer, quick=quick)


def _etcd(peer: Porcupine | None, rounds: int) -> list[dict[str, object]]:
    paths = [path for path in (peer.logs if peer else sorted((DATA / "jepsen").glob("*.log"))) if path.stat().st_size]
    logs = [read_history(path) for path in paths]
    ours = [_seconds(lambda log=log: linearizable(log, CasRegister, explained=False), rounds) for log in logs]
    found = [linearizable(log, CasRegister, explained=False).word for log in logs]
    count = len(logs)
    if peer is None:
        return [
            _row(f"{count} etcd logs, sum", 1e3 * sum(ours), 484.0, stored=True),
            _row(f"{count} etcd logs, median", 1e3 * statistics.median(ours), 0.16, stored=True),
        ]
    theirs = peer.times_s(logs, "register", rounds=rounds, limit_s=LIMIT_S)
    assert [{"Ok": "valid", "Illegal": "invalid"}[verdict] for verdict, _ in theirs] == found
    times = [seconds for _, seconds in theirs]
    hard = [(theirs_s / ours_s, ours_s, theirs_s) for ours_s, theirs_s in zip(ours, times, strict=True) if theirs_s > HARD_S]
    ratio, ours_s, theirs_s = min(hard)
    assert ratio == theirs_s / ours_s
    pure = _pure_seconds(paths, max(3, rounds // 3))
    return [
        _row(f"{count} etcd logs, sum", 1e3 * sum(ours), 1e3 * sum(times)),
        _row(f"{count} etcd logs, sum", 1e3 * pure, 1e3 * sum(times), kernel="pure"),
        _row(f"{count} etcd logs, median", 1e3 * statistics.median(ours), 1e3 * statistics.median(times)),
        _row(f"the least gain of {len(hard)} logs over 1 ms", 1e3 * ours_s, 1e3 * theirs_s),
    ]


def _pure_seconds(paths: list[Path], rounds: int) -> float:
    """The same logs in a process that has the pure search."""
    code = f"""
import sys; sys.path.insert(0, {str(Path(__file__).parent)!r})
from bench_checkers import CasRegister, _seconds, linearizable, read_history
logs = [read_history(path) for path in sys.argv[1:]]
print(sum(_seconds(lambda log=log: linearizable(log, CasRegister, explained=False), {rounds}) for log in logs))
"""
    environment = {**os.environ, "WINDTUNNEL_KERNEL": "pure"}
    command = [sys.executable, "-c", code, *map(str, paths)]
    done = subprocess.run(command, env=environment, check=True, capture_output=True, text=True, timeout=300)
    return float(done.stdout)


def _stores(peer: Porcupine | None, rounds: int) -> list[dict[str, object]]:
    folder = peer.source / "test_data" / "kv" if peer else DATA / "kv"
    names = [name for name in ("c50-bad", "c50-ok") if (folder / f"{name}.txt").exists()]
    stores = [read_history(folder / f"{name}.txt") for name in names]
    times = [seconds for _, seconds in peer.times_s(stores, "kv", rounds=5, limit_s=LIMIT_S)] if peer else [0.027, 0.213]
    found = []
    for name, history, theirs in zip(names, stores, times, strict=False):
        ours = _ms(lambda h=history: linearizable(h, KeyValue, explained=False), rounds)
        found.append(_row(f"{name}, verdict", ours, 1e3 * theirs, stored=peer is None))
    bad = _ms(lambda: linearizable(stores[0], KeyValue, every_key=True, explained=False), rounds)
    return [*found, _row("c50-bad, all ten bad keys", bad, None)]


def _clients(peer: Porcupine | None, *, quick: bool) -> list[dict[str, object]]:
    """A register with compare-and-set under 10, 20 and 30 clients: as it was, with a stale read, with a value of nobody."""

    def verdict(history: History) -> bool | None:
        return linearizable(history, CasRegister, explained=False, budget_s=LIMIT_S).valid

    found: list[dict[str, object]] = []
    cases = [(clients, 5, "valid", None) for clients in (10, 20, 30)]
    cases += [(10, 5, "a read falsified", None), (20, 50, "a read falsified", None), (30, 50, "a read falsified", None)]
    cases += [(clients, 5, "a value that nobody wrote", 99) for clients in (10, 20, 30)]
    for clients, values, name, lie in cases:
        history = cas_history(10_000, clients, values=values)
        if name != "valid":
            history = falsified(history, verdict, lie)
        ours = _ms(lambda h=history: verdict(h), 1 if quick else 3)
        assert verdict(history) is (name == "valid")
        theirs = None
        if peer is not None and clients == 10:
            theirs = peer.times_s([history], "register", rounds=1 if quick else 3, limit_s=LIMIT_S)[0][1]
        row_name = f"cas-register, 10,000 operations, {clients} clients, {values} values, {name}"
        found.append(_row(row_name, ours, theirs and 1e3 * theirs))
    return found


def _busy(*, quick: bool) -> Iterator[dict[str, object]]:
    """30 clients that never pause, 0.2 % of the operations unanswered, one false read: histories that only levels decide."""
    for seed in (10, 24, 30)[: 1 if quick else 3]:
        history = busy_history(10_000, 30, values=12, unanswered=0.002, seed=seed)
        one_lie(history, seed, 12)
        assert linearizable(history, CasRegister, explained=False, budget_s=LIMIT_S).valid is False
        ours = _ms(lambda h=history: linearizable(h, CasRegister, explained=False, budget_s=LIMIT_S), 1 if quick else 3)
        yield _row(
            f"cas-register, 10,000 operations, 30 busy clients, 0.2 % unanswered, a read falsified, no. {seed}", ours, None
        )


def _long(peer: Porcupine | None, *, quick: bool) -> list[dict[str, object]]:
    found: list[dict[str, object]] = []
    queue = read_history(QUEUE)
    theirs = peer.times_s([queue], "queue", rounds=5, limit_s=LIMIT_S)[0][1] * 1e3 if peer else 40.0
    name = "queue, stored log of 10,000 operations"
    found.append(_row(name, _ms(lambda: linearizable(queue, FifoQueue), 5), theirs, stored=peer is None))
    count = 100_000 if quick else 1_000_000
    for keys, clients in ((1, 10), (1000, 64), (100_000, 64)):
        columns = register_columns(count, keys, clients)
        assert linearizable(columns, Register).valid
        theirs_s = None
        if peer is not None and keys > 1 and not quick:
            theirs_s = peer.times_s([columns], "register", rounds=1, limit_s=LIMIT_S)[0][1]
        many = "one key" if keys == 1 else f"{keys:,} keys"
        name = f"registers, values written once, {count:,} operations, {many}"
        found.append(_row(name, _ms(lambda c=columns: linearizable(c, Register), 5), theirs_s and 1e3 * theirs_s))
    columns = queue_columns(count)
    found.append(_row(f"queue, {count:,} operations", _ms(lambda: linearizable(columns, FifoQueue), 5), None))
    return found


def _ms(work: Callable[[], object], rounds: int) -> float:
    return 1e3 * _seconds(work, rounds)


def _seconds(work: Callable[[], object], rounds: int) -> float:
    took = []
    for _ in range(rounds):
        began = time.perf_counter()
        work()
        took.append(time.perf_counter() - began)
    return min(took)


def _row(name: str, ours: float, theirs: float | None, *, stored: bool = False, kernel: str = SEARCH) -> dict[str, object]:
    return {
        "name": name,
        "unit": "ms",
        "ours": ours,
        "peer_name": None if theirs is None else STORED if stored else "Porcupine, same run",
        "peer": theirs,
        "ratio": None if theirs is None else theirs / ours,
        "kernel": kernel,
        "command": COMMAND,
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

"""How long a verdict about transactions takes: processor time, the best of several rounds, histories already read but for files.

The peer is Elle (Clojure, Java 17), whose figures were stored on another day on the same kind of machine, warm, on a history of
the same shape: 20 clients, 1 to 4 micro-operations a transaction, 32 appends a key, half of the micro-operations reads. `None`
where it was not run. Imports of numpy are outside of all figures.
"""

from __future__ import annotations

import gc
import heapq
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from windtunnel.base.streams import Stream
from windtunnel.checkers import isolation
from windtunnel.checkers.transactions import kernels, pure_kernels
from windtunnel.checkers.transactions.dependencies import assemble
from windtunnel.checkers.transactions.list_append import analysed
from windtunnel.histories import History, Operation
from windtunnel.histories.transactions import read_transactions, transactions_of

CLIENTS, KEYS, LENGTH, APPENDS = 20, 10, 4, 32
ELLE = "Elle, stored"
ELLE_100K_S = 5.2
COMMAND = "python benchmarks/run.py --only transactions"


def lists(count: int, seed: int = 1) -> History:
    """Transactions of a strictly serializable store, each at an instant between its events."""
    stream = Stream(seed, "bench")
    free = [(stream.random(), client) for client in range(CLIENTS)]
    heapq.heapify(free)
    times = []
    for number in range(count):
        begin, client = heapq.heappop(free)
        took = 0.5 + stream.exponential(20.0)
        times.append((begin, begin + took, begin + took * stream.random(), client, number))
        heapq.heappush(free, (begin + took + stream.random(), client))
    active, fresh, appended = list(range(KEYS)), KEYS, dict.fromkeys(range(KEYS), 0)
    asked: list[list[list[object]]] = []
    for _ in range(count):
        micros: list[list[object]] = []
        for _ in range(1 + stream.below(LENGTH)):
            at = min(int(stream.exponential(2.1)), KEYS - 1)
            key = active[at]
            if stream.chance(0.5):
                micros.append(["r", key, None])
                continue
            appended[key] += 1
            micros.append(["append", key, appended[key]])
            if appended[key] == APPENDS:
                active[at], appended[fresh] = fresh, 0
                fresh += 1
        asked.append(micros)
    store: dict[object, list[object]] = {}
    answers: list[list[list[object]]] = [[] for _ in range(count)]
    for *_, number in sorted(times, key=lambda item: item[2]):
        for f, key, value in asked[number]:
            held = store.setdefault(key, [])
            if f == "append":
                held.append(value)
            answers[number].append([f, key, list(held) if f == "r" else value])
    operations = [Operation(number, client, "txn", None, asked[number], "ok", answers[number]) for *_, client, number in times]
    events = [(begin, number, "invoked") for begin, *_, number in times]
    events += [(end, number, "completed") for _, end, *_, number in times]
    for position, (_, number, name) in enumerate(sorted(events)):
        setattr(operations[number], name, position)
    return History(operations, timed=False)


def write_edn(history: History, path: Path) -> None:
    """The history as Jepsen writes it, one event a line."""
    with path.open("w", encoding="utf-8") as stream:
        for index, (kind, op) in enumerate(history.events()):
            micros = op.value if kind == "invoke" else op.result
            words = " ".join(f"[:{f} {key} {_edn(value)}]" for f, key, value in micros)
            stream.write(f"{{:index {index}, :type :{kind}, :process {op.process}, :f :txn, :value [{words}]}}\n")


def _edn(value: object) -> str:
    return "nil" if value is None else f"[{' '.join(map(str, value))}]" if isinstance(value, list) else str(value)


def rows(*, quick: bool = False) -> list[dict[str, object]]:
    rounds = 3 if quick else 9
    history = lists(100_000)
    columns = transactions_of(history)
    gc.collect()
    gc.freeze()  # the history itself is not garbage to look through
    assert isolation(columns).valid is True
    found = [
        _row("list-append 100k, strict, from Python objects", lambda: isolation(history), rounds, ELLE_100K_S),
        _row("list-append 100k, strict, from columns", lambda: isolation(columns), rounds, ELLE_100K_S),
        _row("list-append 100k, serializable, from columns", lambda: isolation(columns, level="serializable"), rounds, 2.8),
    ]
    edges = assemble(analysed(columns)[1])
    components = (edges.nodes, edges.source, edges.target)
    found.append(_row("its graph, 700k edges: components, compiled", lambda: kernels.strong(*components), rounds, None))
    found.append(_row("its graph, 700k edges: components, pure", lambda: pure_kernels.strong(*components), 3, None))
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "lists.edn"
        write_edn(history, file)
        found.append(_row("list-append 100k, strict, from an EDN file", lambda: isolation(file), rounds, 8.7))
        if not quick:
            gc.unfreeze()
            del history, columns
            write_edn(lists(1_000_000), file)
            gc.collect()
            found.append(_row("list-append 1M, strict, from an EDN file", lambda: isolation(file), 3, None))
            found.append(_memory(file))
    return found


def _memory(file: Path) -> dict[str, object]:
    columns = read_transactions(file)
    row = _row("columns of 1M transactions, bytes each", lambda: None, 1, None)
    return row | {"unit": "bytes", "ours": columns.nbytes() / len(columns)}


def _row(name: str, work: Callable[[], object], rounds: int, elle_s: float | None) -> dict[str, object]:
    took = []
    for _ in range(rounds):
        began = time.process_time()
        work()
        took.append(time.process_time() - began)
    ours = float(np.min(took))
    return {
        "name": name,
        "unit": "s",
        "ours": ours,
        "peer_name": None if elle_s is None else ELLE,
        "peer": elle_s,
        "ratio": None if elle_s is None else elle_s / max(ours, 1e-9),
        "kernel": "compiled" if kernels.COMPILED else "pure",
        "command": COMMAND,
    }


if __name__ == "__main__":
    for each in rows(quick="--quick" in sys.argv):
        print(each)

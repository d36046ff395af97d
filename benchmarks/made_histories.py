"""Histories for the benchmarks of checkers: legal by construction, of any length, some as columns at once."""

from __future__ import annotations

import heapq
from array import array

import numpy as np

from windtunnel.base.streams import Stream
from windtunnel.histories import History, Operation
from windtunnel.histories.columns import Columns


def cas_history(operations: int, clients: int, *, values: int = 5, seed: int = 1) -> History:
    """Clients of a register: a third each of reads, writes, compare-and-sets; exponential service, short pauses."""
    stream = Stream(seed, "bench")
    waiting = [(stream.random(), client) for client in range(clients)]
    heapq.heapify(waiting)
    made: list[tuple[float, Operation]] = []
    for number in range(operations):
        begun, client = heapq.heappop(waiting)
        takes = stream.exponential(1.0) + 0.05
        f = ("read", "write", "cas")[stream.below(3)]
        value = None if f == "read" else stream.below(values) if f == "write" else (stream.below(values), stream.below(values))
        op = Operation(number, client, f, None, value, "ok", None, None, begun, begun + takes)
        made.append((begun + takes * stream.random(), op))
        heapq.heappush(waiting, (begun + takes + 0.3 * stream.random(), client))
    _answer(made)
    return _placed([op for _, op in made])


def busy_history(operations: int, clients: int, *, values: int, unanswered: float, seed: int) -> History:
    """As `cas_history`, but clients never pause; some operations are never answered: half of those take effect, late perhaps."""
    stream = Stream(seed, "busy")
    waiting = [(stream.random(), client) for client in range(clients)]
    heapq.heapify(waiting)
    made: list[tuple[float, Operation]] = []
    found: list[Operation] = []
    for number in range(operations):
        begun, client = heapq.heappop(waiting)
        takes = stream.exponential(1.0) + 0.05
        f = ("read", "write", "cas")[stream.below(3)]
        value = None if f == "read" else stream.below(values) if f == "write" else [stream.below(values), stream.below(values)]
        lost = stream.random() < unanswered
        op = Operation(
            number, client, f, None, value, "info" if lost else "ok", None, None, begun, None if lost else begun + takes
        )
        found.append(op)
        at = begun + takes * stream.random()
        if lost:
            client = clients + number
            at = begun + stream.exponential(3.0) if stream.random() < 0.5 else -1.0
        if at >= 0:
            made.append((at, op))
        heapq.heappush(waiting, (begun + takes, client))
    _answer(made)
    return _placed(found)


def one_lie(history: History, seed: int, values: int) -> Operation:
    """Let one read of the second half answer another value; the history may be legal by luck."""
    stream = Stream(seed, "lie")
    reads = [op for op in history.operations if op.f == "read" and op.type == "ok"]
    read = reads[len(reads) // 2 + stream.below(len(reads) - len(reads) // 2)]
    honest = read.result
    while read.result == honest:
        read.result = stream.below(values)
    return read


def _answer(made: list[tuple[float, Operation]]) -> None:
    """What a register answers when operations take effect at these times."""
    held = None
    for _, op in sorted(made, key=lambda item: item[0]):
        done: object = held
        if op.f == "write":
            held, done = op.value, None
        elif op.f == "cas":
            done = held == op.value[0]
            held = op.value[1] if done else held
        if op.type == "ok":
            op.result = done


def _placed(found: list[Operation]) -> History:
    """Positions from times; operations by invocation."""
    events = [(op.invoked_s, 0, op) for op in found] + [(op.completed_s, 1, op) for op in found if op.completed_s is not None]
    events.sort(key=lambda event: event[:2])
    for position, (_, completes, op) in enumerate(events):
        if completes:
            op.completed = position
        else:
            op.invoked = position
    found.sort(key=lambda op: op.invoked)
    for index, op in enumerate(found):
        op.index = index
    return History(found)


def falsified(history: History, check, value: object = None, tries: int = 40) -> History:
    """The same with one read in the middle that answers something else, or `value`, so that `check` finds no order."""
    reads = [op for op in history if op.f == "read"]
    answers = sorted({op.result for op in reads if op.result is not None})
    for at, read in enumerate(reads[len(reads) // 2 :][:tries]):
        honest = read.result
        read.result = value if value is not None else answers[(7 * at) % len(answers)]
        if read.result != honest and check(history) is False:
            return history
        read.result = honest
    raise AssertionError("every read that was tried may answer anything")


def _columns(operations: dict[str, np.ndarray], functions: list[str], keys: int, values: int, processes: int) -> Columns:
    codes = dict(zip(("process", "f", "key", "value", "result", "type", "invoked", "completed"), "ihiiibii", strict=True))
    kinds = {"i": np.int32, "h": np.int16, "b": np.int8}
    arrays = [array(code, np.ascontiguousarray(operations[name], dtype=kinds[code]).tobytes()) for name, code in codes.items()]
    table = [None, *range(1, values + 1)]
    numbers = {value: number for number, value in enumerate(table)}
    return Columns(arrays, [list(range(processes)), functions, list(range(keys)), table], numbers, [])


def _ranked(call: np.ndarray, back: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The order of the calls, and positions of calls and returns in that order."""
    times = np.concatenate([call, back])
    position = np.empty(len(times), np.int64)
    position[np.argsort(times, kind="stable")] = np.arange(len(times))
    order = np.argsort(position[: len(call)])
    return order, position[: len(call)][order], position[len(call) :][order]


def register_columns(operations: int, keys: int, clients: int, seed: int = 0) -> Columns:
    """Registers whose writes are all of different values; half the operations are reads."""
    rng = np.random.default_rng(seed)
    each = operations // clients
    takes, pause = rng.integers(2, 2000, (clients, each)), rng.integers(1, 501, (clients, each))
    back = np.cumsum(takes + pause, 1)
    call, back = (back - takes).ravel().astype(float), back.ravel() + 0.5
    order, invoked, completed = _ranked(call, back)
    call, back, process = call[order], back[order], np.repeat(np.arange(clients), each)[order]
    count = len(call)
    effect = call + rng.random(count) * (back - call)
    key, write = rng.integers(0, keys, count), rng.random(count) < 0.5
    names = np.cumsum(write)
    by_key = np.lexsort((effect, key))
    last = np.maximum.accumulate(np.where(write[by_key], np.arange(count), -1))
    known = last >= np.searchsorted(key[by_key], key[by_key], "left")
    result = np.zeros(count, np.int64)
    result[by_key] = np.where(known, np.where(write[by_key], names[by_key], 0)[np.maximum(last, 0)], 0)
    rows = {
        "process": process, "f": write, "key": key, "value": np.where(write, names, 0), "result": np.where(write, 0, result),
        "type": np.zeros(count), "invoked": invoked, "completed": completed,
    }  # fmt: skip
    return _columns(rows, ["read", "write"], keys, int(write.sum()), clients)


def queue_columns(operations: int, seed: int = 1) -> Columns:
    """A FIFO queue of different values."""
    rng = np.random.default_rng(seed)
    count = operations // 2
    put = np.cumsum(rng.integers(1, 20, count))
    take = np.maximum.accumulate(put + rng.integers(5, 400, count)) + np.arange(count)
    effect = np.concatenate([put, take])
    order, invoked, completed = _ranked(
        (effect - rng.integers(0, 50, 2 * count)).astype(float), effect + rng.integers(1, 50, 2 * count) + 0.5
    )
    f, name, none = np.repeat([0, 1], count)[order], np.tile(np.arange(1, count + 1), 2)[order], np.zeros(2 * count)
    rows = {
        "process": none, "f": f, "key": none, "value": np.where(f == 0, name, 0), "result": np.where(f == 1, name, 0),
        "type": none, "invoked": invoked, "completed": completed,
    }  # fmt: skip
    return _columns(rows, ["enqueue", "dequeue"], 1, count, 1)

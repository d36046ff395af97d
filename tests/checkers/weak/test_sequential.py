import os
from itertools import permutations

import pytest
import weak_oracles

from windtunnel.base.streams import Stream
from windtunnel.checkers import check
from windtunnel.checkers.objects.fifo_queue import FifoQueue
from windtunnel.checkers.weak.sequential import sequential
from windtunnel.histories import History, Operation, history_of

CASES = int(os.environ.get("WINDTUNNEL_CASES", "5000"))


def verdict(drawing):
    return check(history_of(drawing), "sequential")


# --- Known histories ---


def test_stale_reads_of_others_are_sequential():
    """A read may miss a write that was answered long before, if it is another process's: no real time."""
    drawing = "A (w x 1)\nB            (r x nil) (r x 1)"
    assert verdict(drawing).valid
    assert check(history_of(drawing), "register").valid is False


def test_it_is_not_local():
    """Two keys, each sequential by itself, and together not: both processes miss the other's write."""
    found = verdict("A (w x 1) (r y nil)\nB (w y 1) (r x nil)")
    assert found.valid is False
    assert found.why.startswith("CyclicSC: ")
    assert len(found.evidence.operations) == 4
    assert verdict("A (w x 1) (r x 1)\nB (w x 2) (r x 2)").valid


def test_independent_reads_of_independent_writes():
    """Two observers disagree about the order of two writes: causal, but not sequential."""
    drawing = "A (w x 1)\nB (w y 1)\nC (r x 1) (r y nil)\nD (r y 1) (r x nil)"
    assert verdict(drawing).valid is False
    assert check(history_of(drawing), "causal").valid


def test_a_compare_and_set_that_cannot_be():
    """Objects other than registers are searched; the evidence says what each process waits for."""
    found = verdict("A (w x 1)\nB            (cas x 2 3)\nC (cas x 1 4)")
    assert found.valid is False
    assert found.why.startswith("no-order: no order of the operations is right")
    assert "cas x [2, 3] -> true by process B" in found.explanation
    assert verdict("A (w x 1)\nB            (cas x 4 3)\nC (cas x 1 4)").valid


def test_a_cas_without_an_answer_is_optional():
    """It may have happened or not."""
    assert verdict("A (w x 1) (r x 2)\nB (cas x 1 2>").valid
    assert verdict("A (w x 1) (r x 1)\nB (cas x 1 2>").valid


def test_any_specification():
    """A queue in sequential order need not be one in real time."""
    drawing = "A (enqueue 1) (enqueue 2)\nB                           (dequeue -> nil) (dequeue -> 1) (dequeue -> 2)"
    assert sequential(history_of(drawing), specification=FifoQueue()).valid
    drawing = "A (enqueue 1) (enqueue 2)\nB                           (dequeue -> 2) (dequeue -> 1)"
    assert sequential(history_of(drawing), specification=FifoQueue()).valid is False


def test_a_spent_budget_is_unknown():
    """The limit on frontiers is said."""
    lines = [f"P{n} (cas x 1 {n + 2})" for n in range(8)]
    history = history_of("\n".join(lines))
    found = sequential(history, frontiers=0)
    assert found.unknown
    assert "frontiers" in found.why


# --- Against every order ---


def random_objects(seed):
    """A few operations with compare-and-set on keys with few values."""
    stream = Stream(seed, "sc")
    operations = []
    for index in range(2 + stream.below(5)):
        key, f = "xy"[stream.below(2)], stream.choice(("read", "write", "cas"))
        kind = "info" if f != "read" and stream.chance(0.1) else "ok"
        value = stream.below(3) if f == "write" else [stream.below(3), stream.below(3)] if f == "cas" else None
        result = stream.choice((None, 0, 1, 2)) if f == "read" else stream.chance(0.5) if f == "cas" and kind == "ok" else None
        operation = Operation(index, stream.below(3) + 10 * (kind == "info"), f, key, value, kind, result)
        operation.invoked, operation.completed = 2 * index, 2 * index + 1
        operations.append(operation)
    return History(operations, timed=False)


def by_brute_force(history):
    """Whether any subset of the unanswered and all answered operations has an order that is right."""
    unanswered = [op for op in history if op.type == "info"]
    for mask in range(2 ** len(unanswered)):
        left_out = {op.index for at, op in enumerate(unanswered) if not mask >> at & 1}
        chosen = [op for op in history if op.index not in left_out]
        if any(_right(order) for order in permutations(chosen)):
            return True
    return False


def _right(order):
    store, last = {}, {}
    for op in order:
        if last.get(op.process, -1) > op.index:
            return False
        last[op.process] = op.index
        if op.f == "read":
            if store.get(op.key) != op.result:
                return False
        elif op.f == "write":
            store[op.key] = op.value
        else:
            equal = store.get(op.key) == op.value[0]
            if op.type == "ok" and equal is not op.result:
                return False
            if equal:
                store[op.key] = op.value[1]
    return True


def differ(cases, base):
    for seed in range(base, base + cases):
        registers = weak_oracles.any_registers(seed, operations=6, crash=0.1 * (seed % 2))
        if any(operation.type == "ok" for operation in registers):
            assert check(registers, "sequential").valid is weak_oracles.sequential(registers), seed
        objects = random_objects(seed)
        if any(operation.type == "ok" for operation in objects):
            assert check(objects, "sequential").valid is by_brute_force(objects), seed


def test_small_histories_against_every_order():
    """Registers with unique values, and objects with repeated ones."""
    differ(300, 0)


@pytest.mark.campaign
def test_many_small_histories_against_every_order():
    """Thousands of them."""
    differ(CASES, 50_000)


def test_the_order_of_models():
    """What is linearizable is sequential, what is sequential is causal memory and causally convergent."""
    for seed in range(200):
        history = weak_oracles.any_registers(seed, operations=14, processes=4)
        if check(history, "register").valid:
            assert check(history, "sequential").valid, seed
        if check(history, "sequential").valid:
            assert check(history, "causal").valid, seed
            assert check(history, "causal-convergence").valid, seed


def store(seed, operations, *, clients=8, keys=5, stale=False):
    """What clients of one store see, one operation at a time; the last read of a stale one shows an overwritten value."""
    stream = Stream(seed, "store")
    values, done = {}, []
    for index in range(operations):
        key = stream.below(keys)
        write = stream.chance(0.4)
        operation = Operation(index, stream.below(clients), "write" if write else "read", key, None, "ok")
        if write:
            operation.value = index
            values[key] = index
        else:
            operation.result = values.get(key)
        operation.invoked, operation.completed = 2 * index, 2 * index + 1
        done.append(operation)
    if stale:
        read = next(op for op in reversed(done) if op.f == "read")
        mine = [op for op in done if op.process == read.process and op.f == "read" and op.key == read.key]
        read.result = mine[0].result
    return History(done, timed=False)


def test_long_histories_are_decided():
    """Thousands of operations of eight clients: valid, and with one value that went back in time."""
    assert check(store(1, 2000), "sequential", budget_s=30).valid
    found = check(store(1, 2000, stale=True), "sequential", budget_s=30)
    assert found.valid is False
    assert found.why.startswith("CyclicSC")

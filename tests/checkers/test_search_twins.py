from dataclasses import fields

import pytest
from random_histories import random_history

from windtunnel.checkers import search
from windtunnel.checkers.keyvalue import OTHER, KeyValue
from windtunnel.checkers.problem import Reductions, prepare, relevant
from windtunnel.histories.columns import columns_of

compiled = pytest.importorskip("windtunnel.checkers._search")
SWITCHES = [None, *(field.name for field in fields(Reductions))]


def twins(history, rules):
    """The same problem in both searches; the pure one first."""
    specification = KeyValue()
    chosen = relevant(specification, history.operations)
    return [kind.Search(prepare(specification, chosen, rules), rules) for kind in (search, compiled)]


def shown(one):
    return [(at, ordered, used, repr(one.state(state))) for at, ordered, used, state in one.deepest()]


@pytest.mark.parametrize("off", SWITCHES)
@pytest.mark.parametrize("functions", [("read", "write", "cas"), ("read", "write", "append")])
def test_both_searches_do_the_same_work(off, functions):
    """Verdict, steps, depth, memory and the deepest configurations are equal, whichever shortcut is switched off."""
    rules = Reductions(**({off: False} if off else {}))
    for seed in range(60):
        history = random_history(
            seed,
            operations=5 + seed % 13,
            clients=2 + seed % 9,
            crash=(0, 0.1, 0.4)[seed % 3],
            lie=(0, 0.1)[seed % 2],
            functions=functions,
        )
        pure, fast = twins(history, rules)
        assert pure.run(2000) is fast.run(2000)
        assert (pure.steps, pure.depth, pure.held, pure.returns) == (fast.steps, fast.depth, fast.held, fast.returns)
        if pure.returns > pure.depth:
            assert pure.stuck == fast.stuck
        assert shown(pure) == shown(fast)


def test_more_than_a_word_of_operations_at_once():
    """Bits beyond the first machine word, of pending and of unanswered operations, count as well."""
    for seed in range(4):
        history = random_history(seed, operations=300, clients=150, crash=0.3, lie=0.02, values=2)
        pure, fast = twins(history, Reductions())
        assert pure.run(1500) is fast.run(1500)
        assert (pure.steps, pure.depth, pure.held) == (fast.steps, fast.depth, fast.held)
        assert shown(pure) == shown(fast)


def test_the_compiled_search_can_be_interrupted():
    """In steps of one configuration it comes to the same end, with the same work."""
    history = random_history(4, operations=60, clients=5, crash=0.05, lie=0.05)
    whole, parts = twins(history, Reductions())[1], twins(history, Reductions())[1]
    found = whole.run(1_000_000)
    assert found is not None
    results = []
    while not results or results[-1] is None:
        results.append(parts.run(1))
    assert results[-1] is found
    assert parts.steps == whole.steps


@pytest.mark.parametrize("off", SWITCHES)
def test_registers_from_columns_are_searched_as_from_objects(off):
    """What C prepares from columns is the same problem as what Python prepares from operations."""
    rules = Reductions(**({off: False} if off else {}))
    for seed in range(80):
        history = random_history(
            seed, operations=5 + seed % 13, clients=2 + seed % 7, keys=1 + seed % 3, crash=0.2, lie=0.1, values=2 + seed % 3
        )
        specification = KeyValue()
        registers = compiled.Registers(columns_of(history.operations), OTHER)
        for number, key in enumerate(registers.columns.keys):
            chosen = relevant(specification, [op for op in history if op.key == key])
            assert [history.operations[n] for n in registers.operations(number)] == chosen
            place = registers.unsourced(number)
            assert (None if place < 0 else chosen[place]) is specification.unsourced(chosen)
            pure = search.Search(prepare(specification, chosen, rules), rules)
            fast = registers.search(number, rules)
            assert pure.run(2000) is fast.run(2000)
            assert (pure.steps, pure.depth, pure.held, pure.returns) == (fast.steps, fast.depth, fast.held, fast.returns)
            assert shown(pure) == shown(fast)


def test_registers_refuse_what_is_no_compare_and_set():
    """A compare-and-set without a pair is left to whoever can say what is wrong with it."""
    operation = random_history(1, functions=("cas",), crash=0).operations[0]
    operation.value = 3
    with pytest.raises(ValueError, match="pair"):
        compiled.Registers(columns_of([operation]), OTHER)

"""The search level by level: against every order tried, against the search in depth, and against its compiled twin."""

import os
import sys
from collections import Counter
from dataclasses import fields, replace
from pathlib import Path

import pytest
from brute_force import linearizable_by_brute_force
from random_histories import ALL, random_history

from windtunnel.checkers import MODELS, levels, linearizable, search
from windtunnel.checkers.keyvalue import OTHER, CasRegister, KeyValue
from windtunnel.checkers.objects.locks import Semaphore
from windtunnel.checkers.problem import Reductions, prepare, relevant
from windtunnel.checkers.specification import Specification
from windtunnel.histories import history_of
from windtunnel.histories.columns import columns_of

sys.path.insert(0, str(Path(__file__).parent / "objects"))
from random_objects import OBJECTS, random_object_history

SWITCHES = [None, *(field.name for field in fields(Reductions))]
MIXES = (("read", "write"), ("read", "write", "cas"), ("read", "append"), ALL, ("read", "cas"))
CASES = int(os.environ.get("WINDTUNNEL_CASES", "20000"))


def prepared(history, rules, specification=None):
    specification = specification or KeyValue()
    if type(specification).suited is not Specification.suited:
        specification = specification.suited(history.operations)
    return prepare(specification, relevant(specification, history.operations), rules)


def by_levels(history, rules=None, kind=levels, specification=None):
    rules = rules or Reductions()
    return kind.Levels(prepared(history, rules, specification), rules)


def without(off):
    return replace(Reductions(), **({off: False} if off else {}))


def small_history(seed):
    return random_history(
        seed,
        operations=3 + seed % 5,
        clients=2 + seed % 3,
        values=2 + seed % 2,
        functions=MIXES[seed % len(MIXES)],
        crash=(0.0, 0.1, 0.3)[seed % 3],
        lie=(0.0, 0.15, 0.4)[seed // 5 % 3],
    )


def against_every_order(seeds):
    seen = Counter()
    for seed in seeds:
        history = small_history(seed)
        expected = linearizable_by_brute_force(history.operations)
        found = by_levels(history, without(SWITCHES[seed % len(SWITCHES)])).run(1_000_000)
        assert found is expected, f"seed {seed} without {SWITCHES[seed % len(SWITCHES)]}"
        seen[expected] += 1
    return seen


@pytest.mark.slow
def test_levels_agree_with_every_order_tried():
    """On random small histories, legal and not, with each shortcut off in turn."""
    seen = against_every_order(range(900))
    assert min(seen[True], seen[False]) > 50, "the fuzz must show both verdicts"


@pytest.mark.campaign
@pytest.mark.skipif("WINDTUNNEL_CASES" not in os.environ, reason="WINDTUNNEL_CASES says how many")
def test_levels_agree_with_every_order_tried_at_length():
    """The same with as many histories as are asked for."""
    against_every_order(range(1000, 1000 + CASES))


@pytest.mark.parametrize("off", SWITCHES)
def test_levels_agree_with_the_search_in_depth(off):
    """Larger histories, many unanswered: the same verdict, whichever shortcut is off."""
    rules, seen = without(off), Counter()
    for seed in range(70):
        history = random_history(
            seed,
            operations=8 + seed % 16,
            clients=2 + seed % 8,
            values=2 + seed % 3,
            crash=(0.05, 0.3)[seed % 2],
            lie=0.1,
            functions=MIXES[seed % len(MIXES)],
        )
        deep = search.Search(prepared(history, rules), rules)
        expected = deep.run(20_000)
        if expected is not None:
            one = by_levels(history, rules)
            assert one.run(10_000_000) is expected, f"seed {seed}"
            assert expected or one.depth == deep.depth, f"seed {seed}: no order passes the same return"
            seen[expected] += 1
    assert min(seen[True], seen[False]) > 10


@pytest.mark.parametrize("name", OBJECTS)
def test_levels_agree_about_any_object(name):
    """Queues, locks, sets: what holds for registers holds for whatever a specification describes."""
    for seed in range(60):
        history = random_object_history(
            seed, name, operations=5 + seed % 8, clients=2 + seed % 4, crash=0.15, lie=(0, 0.2)[seed % 2], unique=seed % 3 != 0
        )
        specification = Semaphore(2) if name == "semaphore" else MODELS[name].specification
        if specification.per_key and len({op.key for op in history}) > 1:
            continue
        rules = Reductions()
        expected = search.Search(prepared(history, rules, specification), rules).run(100_000)
        assert by_levels(history, rules, specification=specification).run(100_000) is expected, f"{name} {seed}"


@pytest.mark.parametrize("off", SWITCHES)
def test_the_compiled_levels_do_the_same_work(off):
    """Verdict, steps, depth, memory and the configurations of the last level are equal in both twins, and from columns."""
    compiled = pytest.importorskip("windtunnel.checkers._search")
    rules = without(off)

    def shown(one):
        return sorted((at, ordered, used, repr(one.state(state))) for at, ordered, used, state in one.deepest())

    for seed in range(45):
        wide = seed % 15 == 0  # bits beyond the first machine word
        functions = MIXES[seed % 4]
        history = random_history(
            seed,
            operations=300 if wide else 5 + seed % 25,
            clients=150 if wide else 2 + seed % 9,
            crash=(0.3, 0, 0.1)[seed % 3],
            lie=(0, 0.1)[seed % 2],
            values=2 + seed % 4,
            functions=functions,
        )
        pure, fast = by_levels(history, rules), by_levels(history, rules, compiled)
        twins = [pure, fast]
        if "append" not in functions:
            twins.append(compiled.Registers(columns_of(history.operations), OTHER).search(0, rules, levels=True))
        found = {one.run(300) for one in twins}
        assert len(found) == 1, f"seed {seed}"
        assert len({(one.steps, one.depth, one.held, one.returns) for one in twins}) == 1, f"seed {seed}"
        assert shown(pure) == shown(fast), f"seed {seed}"


def test_levels_can_be_interrupted():
    """In steps of one configuration they come to the same end, with the same work."""
    history = random_history(4, operations=60, clients=5, crash=0.05, lie=0.05)
    whole, parts = by_levels(history), by_levels(history)
    found = whole.run(1_000_000)
    assert found is not None
    results = []
    while not results or results[-1] is None:
        results.append(parts.run(1))
    assert results[-1] is found
    assert parts.steps == whole.steps


def test_levels_save_work_where_unanswered_operations_pile_up():
    """A long history with one false read, sixteen clients and a few unanswered writes: a sixth of the configurations, or less."""
    history = random_history(48, operations=500, clients=16, values=6, crash=0.01, lie=0.01)
    rules = Reductions()
    deep = search.Search(prepared(history, rules), rules)
    wide = by_levels(history)
    assert wide.run(100_000) is deep.run(100_000) is False
    assert 6 * wide.steps < deep.steps


def test_levels_forget_what_is_behind():
    """Memory follows the overlap, not the length: what is held in the end does not grow with the history."""
    held = []
    for count in (100, 1000):
        one = by_levels(
            history_of("".join(f"A (w {n % 3}) (r {n % 3}) " if not n else f"(w {n % 3}) (r {n % 3}) " for n in range(count)))
        )
        assert one.run(1_000_000) is True
        held.append(one.held)
    assert held[0] == held[1] <= 2


def test_an_end_before_the_beginning():
    """Where nothing has to return there is an order, the empty one."""
    assert by_levels(history_of("A (w 1>")).run(10) is True


def test_verdict_and_evidence_from_levels(monkeypatch):
    """Without windows, and with a first round that is too short, a false read is found by levels, and told as ever."""
    module = sys.modules["windtunnel.checkers.linearizable"]
    history = random_history(48, operations=500, clients=16, values=6, crash=0.01, lie=0.01)
    expected = linearizable(history, CasRegister)
    monkeypatch.setattr(module, "FIRST_STEPS", 1000)
    monkeypatch.setattr(module, "_SLICE", 500)
    monkeypatch.setattr(module.Shrinking, "window_around", lambda *_: None)
    monkeypatch.setattr(module.Shrinking, "sweep", lambda *_: None)
    found = linearizable(history, CasRegister, guesses=False)
    assert found.valid is expected.valid is False
    assert "cannot be ordered" in found.why

"""Differential tests: the checker against every order tried, against itself without its shortcuts, against changed histories."""

import sys
from collections import Counter
from dataclasses import fields, replace

import pytest
from brute_force import linearizable_by_brute_force
from random_histories import ALL, random_history

from windtunnel.checkers.keyvalue import KeyValue
from windtunnel.checkers.linearizable import linearizable
from windtunnel.checkers.problem import Reductions
from windtunnel.checkers.shrink import Shrinking
from windtunnel.histories import History

MIXES = (("read", "write"), ("read", "write", "cas"), ("read", "append"), ALL, ("read", "cas"))


def small_history(seed):
    """At most 7 operations with crashes and lies: of 5 mixes, of few values or unique ones."""
    return random_history(
        seed,
        operations=3 + seed % 5,
        clients=2 + seed % 3,
        values=2 + seed % 2,
        functions=MIXES[seed % len(MIXES)],
        crash=(0.0, 0.1, 0.25)[seed % 3],
        lie=(0.0, 0.15, 0.4)[seed // 5 % 3],
        unique=seed % 7 == 0,
    )


@pytest.mark.slow
@pytest.mark.parametrize("block", range(6))
def test_agrees_with_every_order_tried(block):
    """On random small histories, legal and not, the verdict is the one that trying all permutations gives."""
    seen = Counter()
    for seed in range(block * 350, (block + 1) * 350):
        history = small_history(seed)
        if not any(op.type == "ok" for op in history):
            continue
        expected = linearizable_by_brute_force(history.operations)
        assert linearizable(history, KeyValue()).valid is expected, f"seed {seed}"
        seen[expected] += 1
    assert min(seen[True], seen[False]) > 50, "the fuzz must show both verdicts"


@pytest.mark.slow
@pytest.mark.parametrize("off", [field.name for field in fields(Reductions)])
def test_no_reduction_changes_a_verdict(off):
    """Each shortcut of the search can be switched off, alone, without changing a verdict: it only saves work."""
    without = replace(Reductions(), **{off: False})
    seen = Counter()
    for seed in range(500):
        history = random_history(
            seed,
            operations=12 + seed % 10,
            clients=2 + seed % 4,
            functions=MIXES[seed % len(MIXES)],
            crash=(0.0, 0.1)[seed % 2],
            lie=(0.0, 0.1)[seed // 2 % 2],
            unique=seed % 3 == 0,
        )
        if not any(op.type == "ok" for op in history):
            continue
        verdict = linearizable(history, KeyValue()).valid
        assert linearizable(history, KeyValue(), reductions=without).valid is verdict, f"seed {seed} without {off}"
        seen[verdict] += 1
    assert min(seen[True], seen[False]) > 30


def test_all_reductions_off_agree():
    """The bare search and the full one agree."""
    bare = Reductions(**{field.name: False for field in fields(Reductions)})
    for seed in range(200):
        history = small_history(seed)
        if any(op.type == "ok" for op in history):
            assert linearizable(history, KeyValue(), reductions=bare).valid is linearizable(history, KeyValue()).valid, seed


def test_each_reduction_saves_work():
    """Each shortcut expands fewer configurations than the search without it on some history; otherwise it would be ballast."""
    saved = Counter()
    for seed in range(60):
        history = random_history(
            seed, operations=40, clients=5, functions=MIXES[seed % len(MIXES)], crash=0.05, lie=0.02, unique=seed % 2 == 0
        )
        with_all = linearizable(history, KeyValue()).stats.get("configurations", 0)
        for field in fields(Reductions):
            without = linearizable(history, KeyValue(), reductions=replace(Reductions(), **{field.name: False}))
            saved[field.name] += without.stats.get("configurations", 0) > with_all
    assert all(saved[field.name] for field in fields(Reductions)), saved


def test_windows_are_sound():
    """What is wrong from some moment on, whatever came before, is wrong as a whole: no window of a legal history is broken."""
    for seed in range(120):
        history = random_history(
            seed, operations=30, clients=4, functions=MIXES[seed % len(MIXES)], crash=0.05, unique=seed % 2 == 0
        )
        operations = [op for op in history.operations if op.type == "ok" or op.f != "read"]
        last = max(max(op.invoked, op.completed or 0) for op in operations)
        shrinking = Shrinking(KeyValue(), Reductions(), 1_000_000)
        for since in range(0, last, 4):
            until = min(last, since + 7 + seed % 20)
            assert shrinking.broken(operations, since, until) is None, f"seed {seed}, {since} to {until}"
            assert shrinking.broken(operations, None, until) is None, f"seed {seed}, up to {until}"


def test_verdicts_from_windows_agree_with_the_search(monkeypatch):
    """With a search that is cut off at once, so that windows are tried everywhere, every verdict stays."""
    module = sys.modules["windtunnel.checkers.linearizable"]
    decided = Counter()
    for seed in range(250):
        history = random_history(
            seed,
            operations=10 + seed % 40,
            clients=2 + seed % 4,
            functions=MIXES[seed % len(MIXES)],
            crash=(0.0, 0.08)[seed % 2],
            lie=(0.0, 0.1)[seed // 2 % 2],
            unique=seed % 3 == 0,
        )
        expected = linearizable(history, KeyValue(), explained=False)
        monkeypatch.setattr(module, "FIRST_STEPS", 1)
        monkeypatch.setattr(module, "SWEEP_AFTER", 0)
        hurried = linearizable(history, KeyValue(), explained=False)
        monkeypatch.undo()
        assert hurried.valid is expected.valid, f"seed {seed}"
        if hurried.valid is False and hurried.stats["configurations"] < expected.stats["configurations"]:
            decided["by a window"] += 1
    assert decided["by a window"] > 10


@pytest.mark.slow
def test_evidence_is_wrong_by_itself():
    """The operations of the evidence, alone, have no legal order; and so the whole history has none."""
    judged = 0
    for seed in range(400):
        history = random_history(
            seed, operations=25, clients=3, functions=MIXES[seed % len(MIXES)], crash=0.05, lie=0.1, unique=seed % 2 == 0
        )
        verdict = linearizable(history, KeyValue())
        if verdict.valid is not False:
            continue
        judged += 1
        operations = verdict.evidence.operations
        if not any(line.startswith("This holds whatever") for line in verdict.evidence.text) and len(operations) <= 7:
            assert not linearizable_by_brute_force(operations), f"seed {seed}"
        assert linearizable(History(operations), KeyValue()).valid is False, f"seed {seed}"
    assert judged > 60


# --- Metamorphic: what must not matter does not ---


def renamed(history):
    """The same history with other names for values, keys and processes."""
    names = {None: None, True: True, False: False}

    def other(value):
        if isinstance(value, tuple):
            return tuple(other(item) for item in value)
        return names.setdefault(value, f"value {len(names)}")

    return History(
        [
            replace(op, value=other(op.value), result=other(op.result), key=f"key of {op.key}", process=f"p{op.process}")
            for op in history
        ]
    )


@pytest.mark.parametrize("seed", range(0, 200, 5))
def test_names_do_not_matter(seed):
    """Renaming values, keys and processes one to one changes no verdict."""
    history = random_history(seed, operations=14, keys=2, crash=0.1, lie=0.1)
    assert linearizable(renamed(history), KeyValue()).valid is linearizable(history, KeyValue()).valid


@pytest.mark.parametrize("seed", range(0, 200, 5))
def test_keys_are_judged_apart(seed):
    """A history of several keys is legal exactly if the part of each key is."""
    history = random_history(seed, operations=24, clients=4, keys=3, crash=0.1, lie=0.05)
    parts = {}
    for op in history:
        parts.setdefault(op.key, []).append(op)
    verdicts = [linearizable(History(ops), KeyValue()).valid for ops in parts.values()]
    assert linearizable(history, KeyValue()).valid is (False not in verdicts)


@pytest.mark.parametrize("seed", range(40))
def test_a_longer_operation_is_never_worse(seed):
    """Stretching an operation only adds orders: a legal history stays legal."""
    history = random_history(seed, operations=12, clients=3, crash=0.1)
    last = max(max(op.invoked, op.completed or 0) for op in history)
    for at, op in enumerate(history.operations):
        if op.type == "ok":
            stretched = list(history.operations)
            stretched[at] = replace(op, completed=last + 1)
            assert linearizable(History(stretched), KeyValue()).valid is True

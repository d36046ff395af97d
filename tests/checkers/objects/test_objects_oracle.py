import os

import pytest
from random_objects import OBJECTS, linearizable_object, random_object_history

from windtunnel.checkers import MODELS, linearizable
from windtunnel.checkers.objects.collection import Collection
from windtunnel.checkers.objects.locks import Semaphore
from windtunnel.histories import History
from windtunnel.histories.columns import columns_of

CASES = int(os.environ.get("WINDTUNNEL_CASES", "20000"))
COLLECTIONS = ("queue", "stack", "priority-queue")


def specification(name):
    return Semaphore(2) if name == "semaphore" else MODELS[name].specification


def made(seed, name):
    return random_object_history(
        seed,
        name,
        operations=3 + seed % 8,
        clients=2 + seed % 4,
        crash=(0, 0, 0.15)[seed % 3],
        lie=(0, 0.1, 0.4)[seed // 3 % 3],
        unique=seed % 5 != 0,
    )


def compare(name, seeds):
    """Our verdict is the oracle's for all these seeds; how many were illegal."""
    illegal = 0
    for seed in seeds:
        history = made(seed, name)
        if not any(op.type == "ok" for op in history):
            continue
        expected = linearizable_object(name, history)
        illegal += not expected
        assert linearizable(history, specification(name), explained=False).valid is expected, f"{name} {seed}"
    return illegal


@pytest.mark.parametrize("name", OBJECTS)
def test_verdicts_agree_with_trying_every_order(name):
    """Over a thousand small histories of every object, with lies and unanswered operations."""
    assert compare(name, range(1500)) > 60


@pytest.mark.campaign
@pytest.mark.skipif("WINDTUNNEL_CASES" not in os.environ, reason="WINDTUNNEL_CASES says how many")
@pytest.mark.parametrize("name", OBJECTS)
def test_verdicts_agree_with_trying_every_order_at_length(name):
    """The same with as many histories as are asked for."""
    assert compare(name, range(1000, 1000 + CASES)) > CASES // 40


@pytest.mark.parametrize("name", COLLECTIONS)
def test_algorithms_agree_with_trying_every_order(name):
    """What is judged without a search is right, and what is named as a contradiction is one by itself."""
    judged = {True: 0, False: 0}
    for seed in range(600):
        history = made(seed, name)
        chosen = specification(name)
        assert isinstance(chosen, Collection)
        core = chosen.conflict(columns_of(history.operations), 0)
        if core is None:
            continue
        judged[not core] += 1
        assert linearizable_object(name, history) is (not core), f"{name} {seed}"
        if core:
            assert not linearizable_object(name, [history.operations[at] for at in core]), f"{name} {seed}: {core}"
    assert min(judged.values()) > 50


@pytest.mark.parametrize("name", COLLECTIONS)
def test_long_histories_are_judged_at_once_and_explained(name):
    """Thousands of operations without a search; one wrong answer among them is found, with few operations."""
    history = random_object_history(7, name, operations=3000, clients=5)
    verdict = linearizable(history, specification(name))
    assert verdict.valid
    assert verdict.stats["keys_by_algorithm"] == 1
    assert verdict.stats["configurations"] == 0
    taken = [op for op in history if op.f == specification(name).take and op.result is not None]
    taken[-1].result = taken[len(taken) // 2].result
    bad = linearizable(history, specification(name))
    assert bad.valid is False
    assert 1 <= len(bad.evidence.operations) <= 4
    assert taken[-1] in bad.evidence.operations
    again = linearizable(History(sorted(bad.evidence.operations, key=lambda op: op.invoked)), specification(name))
    assert again.valid is False


@pytest.mark.parametrize("name", OBJECTS)
def test_evidence_is_illegal_by_itself(name):
    """Whoever accepts the few operations of an explanation must accept the verdict; the drawing shows them."""
    found = 0
    for seed in range(200):
        history = made(seed, name)
        if not any(op.type == "ok" for op in history):
            continue
        verdict = linearizable(history, specification(name))
        if verdict.valid is not False:
            continue
        found += 1
        evidence = verdict.evidence
        assert evidence.stuck in evidence.operations
        assert verdict.why
        assert evidence.drawing.count("<rect") == len(evidence.operations)
        assert verdict.to_html().startswith("<!doctype html>")
        if name not in ("counter", "multi-register"):  # whose last sixteen operations alone may be legal
            assert not linearizable_object(name, evidence.operations), f"{name} {seed}"
    assert found > 5

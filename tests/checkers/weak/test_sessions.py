import os

import pytest
import weak_oracles

from windtunnel.base.errors import UsageError
from windtunnel.checkers import check
from windtunnel.histories import history_of

MODELS = ("read-your-writes", "monotonic-reads", "monotonic-writes", "writes-follow-reads")
CASES = int(os.environ.get("WINDTUNNEL_CASES", "20000"))

BAD = {
    "read-your-writes": [
        "A (w x 1) (r x nil)",
        "A (w x 1) (w x 2) (r x 1)",
        "A (add 1) (add 2) (read -> [2])",
        "A (w x 1) (r x 2) (w y 1)\nB (w x 2)                 (w x 3) (r x 2) (r x 3) (w x 4) (r x 3)",
    ],
    "monotonic-reads": [
        "A (w x 1)\nB (r x 1) (r x nil)",
        "A (w x 1) (w x 2)\nB (r x 2) (r x 1)",
        "A (add 1)\nB          (read -> [1]) (read -> [])",
        "A (w x 1)\nB (w x 2)\nC (r x 1) (r x 2) (r x 1)",
    ],
    "monotonic-writes": [
        "A (w x 1) (w y 1)\nB (r y 1) (r x nil)",
        "A (add 1) (add 2)\nB                     (read -> [2])",
        "A (append 1) (append 2)\nB                         (read -> [2, 1])",
    ],
    "writes-follow-reads": [
        "A (w x 1)\nB           (r x 1) (w y 1)\nC                           (r y 1) (r x nil)",
        "A (add 1)\nB          (read -> [1]) (add 2)\nC                                 (read -> [2])",
        "A (append 1)\nB             (read -> [1]) (append 2)\nC                                      (read -> [2, 1])",
        "A (r x 1) (w y 1)\nB (r y 1) (w x 1)",
    ],
}


@pytest.mark.parametrize(("model", "drawing"), [(model, drawing) for model in BAD for drawing in BAD[model]])
def test_known_bad_histories(model, drawing):
    """Each breaks its guarantee; the evidence names operations that show it."""
    found = check(history_of(drawing), model)
    assert found.valid is False
    assert found.stats[model] >= 1
    assert len(found.evidence.operations) >= 2
    assert found.evidence.property == model.replace("-", " ")


@pytest.mark.parametrize(
    ("model", "drawing"),
    [
        ("read-your-writes", "A (w x 1)\nB           (r x nil)"),
        ("monotonic-reads", "A (w x 1)\nB (w x 2)\nC (r x 1) (r x 2)\nD (r x 2) (r x 1)"),
        ("monotonic-reads", "A (w x 1) (r x nil)\nB (r x 1)"),
        ("monotonic-writes", "A (w x 1)\nB           (r x 1) (w y 1)\nC                           (r y 1) (r x nil)"),
        ("writes-follow-reads", "A (w x 1) (w y 1)\nB (r y 1) (r x nil)"),
        ("read-your-writes", "A (w x 1)           (r x 2)\nB           (w x 2)"),
        ("monotonic-writes", "A (add 1>\nB (add 2)\nC            (read -> [2])"),
    ],
)
def test_each_guarantee_alone(model, drawing):
    """What another guarantee forbids is allowed by this one."""
    assert check(history_of(drawing), model).valid


def test_the_explanation_names_the_missing_write():
    """What should have been seen, why, and by whom."""
    found = check(history_of("A (w x 1) (w x 2) (r x 1)"), "read-your-writes")
    assert "read x -> 1 by process A" in found.why
    assert "is older than write x 2 by process A" in found.why
    found = check(history_of("A (add 1) (read -> [])"), "read-your-writes")
    assert "lacks 1, which its session had written" in found.why


def test_two_kinds_of_history_at_once_are_refused():
    """Registers and sets are judged in different ways."""
    with pytest.raises(UsageError, match=r"expected add, as in .*, or write, and not both, got write"):
        check(history_of("A (w x 1) (add 2)"), "monotonic-reads")
    with pytest.raises(UsageError, match="a read to answer a list of values, got 3"):
        check(history_of("A (add 2) (read -> 3)"), "monotonic-reads")


def differ(seeds, crash=0.0):
    for seed in seeds:
        registers = weak_oracles.any_registers(seed, operations=7, crash=crash)
        sets = weak_oracles.any_sets(seed, log=seed % 2 == 0)
        for model in MODELS:
            if any(operation.type == "ok" for operation in registers):
                assert check(registers, model).valid is weak_oracles.guarantee(registers, model), (model, seed)
            assert check(sets, model).valid is weak_oracles.guarantee_in_sets(sets, model), (model, seed)


def test_small_histories_against_the_definitions():
    """Hundreds of histories of registers, sets and logs."""
    differ(range(300))
    differ(range(1000, 1200), crash=0.2)


@pytest.mark.campaign
def test_many_small_histories_against_the_definitions():
    """Tens of thousands."""
    differ(range(50_000, 50_000 + CASES), crash=0.1)


def test_stronger_models_imply_them():
    """PRAM implies the first three guarantees, causal memory all four."""
    for seed in range(400):
        history = weak_oracles.any_registers(seed, operations=14, processes=4)
        if check(history, "pram").valid:
            assert all(check(history, model).valid for model in MODELS[:3]), seed
        if check(history, "causal").valid:
            assert check(history, "writes-follow-reads").valid, seed

import os

import pytest
import weak_oracles

from windtunnel.checkers import check
from windtunnel.histories import History, history_of

CASES = int(os.environ.get("WINDTUNNEL_CASES", "20000"))
MODELS = {
    "causal": weak_oracles.causal,
    "weak-causal": weak_oracles.weak_causal,
    "causal-convergence": weak_oracles.causal_convergence,
    "pram": weak_oracles.pram,
}


def verdict(drawing, model="causal"):
    return check(history_of(drawing), model)


# --- Known bad histories, one per pattern ---


def test_thin_air():
    """Nobody wrote what was read; or who would have written it was refused."""
    found = verdict("A (w x 1) (r x 7)")
    assert found.why.startswith("ThinAirRead: read x -> 7 by process A")
    assert "which only a write that failed" in verdict("A (w x 7!\nB           (r x 7)").why


def test_cyclic_causality():
    """Two reads of what the other process writes only afterwards."""
    found = verdict("A (r x 1) (w y 1)\nB (r y 1) (w x 1)")
    assert found.why.startswith("CyclicCO: ")
    assert len(found.evidence.operations) == 4


def test_initial_value_after_a_cause():
    """An effect is seen and then not its cause."""
    found = verdict("A (w x 1) (w y 1)\nB                   (r y 1) (r x nil)")
    assert found.why.startswith("WriteCOInitRead: read x -> null by process B")
    assert "was seen by read y -> 1" in found.explanation


def test_overwritten_by_a_cause():
    """A reply to the newer value is seen, and then the older value."""
    found = verdict("A (w x 1) (w x 2) (w y 1)\nB                             (r y 1) (r x 1)")
    assert found.why.startswith("WriteCORead: read x -> 1 by process B")
    assert [op.describe() for op in found.evidence.operations][:2] == ["write x 1", "write x 2"]


def test_cycle_in_a_view():
    """A process sees two concurrent writes in both orders: each read alone is explained, both together are not."""
    drawing = "A (w x 1)\nB (w x 2) (r x 1) (r x 2)"
    found = verdict(drawing)
    assert found.why.startswith("CyclicHB: process B cannot have seen both orders")
    assert verdict(drawing, "weak-causal").valid
    assert verdict(drawing, "pram").valid is False


def test_initial_value_in_a_view():
    """What a read shows of two writes puts a third write before a read of the initial value."""
    drawing = "A (w y 1)\nB (w x 1) (w y 2) (w t 1)\nC (r y 1) (r x nil) (r t 1) (r y 1)"
    found = verdict(drawing)
    assert found.why.startswith("WriteHBInitRead: read x -> null by process C")
    assert "shows after it" in found.explanation
    assert verdict(drawing, "causal-convergence").valid
    assert verdict(drawing, "weak-causal").valid


def test_conflicting_orders():
    """Two processes see two writes in different orders and stay so: causal memory, but nothing converges."""
    drawing = "A (w x 1)\nB (w x 2)\nC           (r x 1) (r x 2)\nD           (r x 2) (r x 1)"
    assert verdict(drawing).valid
    found = verdict(drawing, "causal-convergence")
    assert found.why.startswith("CyclicCF: ")
    assert {op.f for op in found.evidence.operations} == {"read", "write"}


def test_pram_is_not_causal():
    """The reply of a third process may overtake its cause in PRAM, not in causal memory."""
    drawing = "A (w x 1)\nB           (r x 1) (w y 1)\nC                           (r y 1) (r x nil)"
    assert verdict(drawing, "pram").valid
    assert verdict(drawing).valid is False


# --- What cannot be judged ---


def test_a_value_written_twice_is_unknown_if_it_is_read():
    """Which write was seen is not known; unread values may repeat."""
    assert verdict("A (w x 1) (w x 1) (r x 1)").unknown
    assert "written once" in verdict("A (w x 1) (w x 1) (r x 1)").why
    assert verdict("A (w x 1) (w x 1) (w x 2) (r x 2)").valid


def test_no_answers_say_nothing():
    """A history without an answer is unknown."""
    assert verdict("A (w x 1>").unknown


# --- Against the definitions ---


def differ(seeds, **sizes):
    for seed in seeds:
        history = weak_oracles.any_registers(seed, **sizes)
        if not any(operation.type == "ok" for operation in history):
            continue
        for model, oracle in MODELS.items():
            assert check(history, model).valid is oracle(history), (model, seed)


def test_every_small_history_against_the_definitions():
    """Hundreds of histories, legal and not, with writes that failed or were not answered."""
    for shift, crash in ((0, 0.0), (10_000, 0.2)):
        differ(range(shift, shift + 150), operations=6, crash=crash)


@pytest.mark.campaign
def test_many_small_histories_against_the_definitions():
    """Tens of thousands of them, larger."""
    differ(range(100_000, 100_000 + CASES), operations=6, crash=0.1)
    differ(range(900_000, 900_000 + CASES // 20), operations=7, crash=0.1)


def test_stronger_models_imply_weaker_ones():
    """Causal memory and convergence imply weak causality, causal memory implies PRAM."""
    for seed in range(300):
        history = weak_oracles.any_registers(seed, operations=14, processes=4)
        held = {model for model in MODELS if check(history, model).valid}
        assert not held & {"causal", "causal-convergence"} or "weak-causal" in held
        assert "causal" not in held or "pram" in held


def test_names_do_not_matter():
    """Renaming keys, values and processes, and adding a key of its own, change no verdict."""
    for seed in range(100):
        history = weak_oracles.any_registers(seed, operations=12)
        renamed = [(f"p{op.process}", f"k{op.key}") for op in history]
        before = {model: check(history, model).valid for model in MODELS}
        for operation, (process, key) in zip(history, renamed, strict=True):
            operation.process, operation.key = process, key
            operation.value = operation.value and {"v": operation.value}
            operation.result = operation.result and {"v": operation.result}
        longer = history_of("Z (w q 1) (r q 1)").operations
        for operation in longer:
            operation.index += len(history)
        assert {model: check(History([*history, *longer]), model).valid for model in MODELS} == before

import pytest

from windtunnel.base.errors import UsageError
from windtunnel.checkers import linearizable
from windtunnel.checkers.keyvalue import KeyValue
from windtunnel.checkers.objects.fifo_queue import FifoQueue
from windtunnel.checkers.plain import specification_of
from windtunnel.histories import history_of

GOOD = "A (w 1)   (r 2)\nB     (w 2)"
BAD = "A (w 1) (w 2) (r 1)"


def step(state, operation):
    """A register as anybody would write it."""
    return (state, state) if operation.f == "read" else (operation.value, None)


class Bank:
    """A model with everything that it may have."""

    name = "bank"
    initial = (("a", 10), ("b", 0))
    per_key = False
    reads = ("balances",)

    def step(self, state, operation):
        accounts = dict(state)
        if operation.f == "balances":
            return state, accounts
        giver, taker, amount = operation.value
        if accounts[giver] < amount:
            return state, "too little"
        accounts[giver] -= amount
        accounts[taker] += amount
        return tuple(accounts.items()), None


def test_a_function_is_a_model():
    """`step(state, operation) -> (state, result)` is all that is needed."""
    assert linearizable(history_of(GOOD), model=step).valid
    bad = linearizable(history_of(BAD), model=step)
    assert bad.valid is False
    assert "needs a state in which read answers 1" in bad.why
    assert bad.model == "step"


def test_a_class_is_a_model():
    """With a first state, a name, reads, and one object for all keys."""
    good = 'A (transfer ["a","b",4])\nB         (balances -> {"a":10,"b":0}) (balances -> {"a":6,"b":4})'
    assert linearizable(history_of(good), model=Bank).valid
    assert linearizable(history_of(good.replace('"b":4}', '"b":5}')), model=Bank()).valid is False
    assert specification_of(Bank).per_key is False
    assert specification_of(Bank).name == "bank"


def test_specifications_and_their_classes_are_models():
    """An instance, or a class of the library."""
    assert linearizable(history_of(GOOD), model=KeyValue).valid
    assert linearizable(history_of("A (enqueue 1)(dequeue -> 1)"), model=FifoQueue()).valid


def test_what_is_no_model_is_refused():
    """Something without a step, and a step that answers no pair, are named."""
    with pytest.raises(UsageError, match="expected a model with step"):
        linearizable(history_of(GOOD), model=7)
    with pytest.raises(UsageError, match=r"expected step to return \(state, result\), got 1"):
        linearizable(history_of(GOOD), model=lambda state, operation: 1)

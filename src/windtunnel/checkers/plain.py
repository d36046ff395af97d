"""Models in plain Python: `step(state, operation) -> (state, result)`, what the object does and answers, and nothing else.

    def step(state, operation):
        if operation.f == "read":
            return state, state
        return operation.value, None

    linearizable(history, model=step)

The history is right where every answer is the one that `step` gives. A model may also be a class or an object with `step`, and
with any of `initial` (the first state, None), `name`, `per_key` (whether each key is an object of its own, true), and `reads`
(names of operations that change no state, which makes checking faster). `step` must be a pure function; it is asked once per
pair of state and call. States must be JSON values, tuples, frozensets, or anything else that can be a key of a dict.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from windtunnel.base.errors import UsageError
from windtunnel.base.messages import Value
from windtunnel.checkers.specification import ILLEGAL, UNKNOWN, Call, Specification, same
from windtunnel.histories.operations import shown


@dataclass(frozen=True, slots=True)
class Asked:
    """What a plain model sees of an operation: its name and its argument."""

    f: str
    value: Value


class PlainModel(Specification):
    """A plain model as a specification."""

    functions: Mapping[str, str] = {}

    def __init__(self, model: Any) -> None:
        step = model if not hasattr(model, "step") else model.step
        if not callable(step):
            raise UsageError(f"expected a model with step(state, operation) -> (state, result), got {model!r}")
        self._step: Callable[[Any, Asked], tuple[Any, Value]] = step
        self.initial = getattr(model, "initial", None)
        self.name = str(getattr(model, "name", getattr(model, "__name__", type(model).__name__)))  # type: ignore[misc]
        self.per_key = bool(getattr(model, "per_key", True))  # type: ignore[misc]
        self._reads = frozenset(getattr(model, "reads", ()))

    def step(self, state: Any, call: Call) -> Any:
        """The state, if the answer is the one that was given."""
        answered = self._step(state, Asked(call.f, call.value))
        if not isinstance(answered, tuple) or len(answered) != 2:
            raise UsageError(f"{self.name}: expected step to return (state, result), got {answered!r} for {call.f}")
        after, result = answered
        return after if call.result is UNKNOWN or same(result, call.result) else ILLEGAL

    def reads_only(self, call: Call) -> bool:
        """What the model lists in `reads`."""
        return call.f in self._reads

    def needs(self, call: Call) -> str:
        """The answer."""
        return f"a state in which {call.f} answers {shown(call.result)}"


def specification_of(model: Any) -> Specification:
    """The specification that is meant: one, a class of one, or a plain model. Raises UsageError."""
    if isinstance(model, Specification):
        return model
    if isinstance(model, type) and issubclass(model, Specification):
        return model()
    if isinstance(model, type):
        return PlainModel(model())
    return PlainModel(model)

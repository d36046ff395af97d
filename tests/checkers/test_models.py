import pytest

from windtunnel.base.errors import UsageError
from windtunnel.checkers import ILLEGAL, MODELS, UNKNOWN, Specification, check
from windtunnel.histories import history_of


def test_every_interface_has_a_model():
    """The models of the interfaces and of the literature are there, each documented and with its promise."""
    assert list(MODELS)[:3] == ["register", "cas-register", "kv"]
    assert {"broadcast", "txn", "ledger", "list-append"} <= set(MODELS)
    objects = "multi-register mutex semaphore fencing-lock set queue stack priority-queue counter"
    assert set(objects.split()) <= set(MODELS)
    for name, model in MODELS.items():
        assert model.name == name
        assert model.doc
        assert model.promise
        assert model.functions


def test_an_unknown_model_is_answered_with_a_suggestion():
    """A near name is suggested, and all are listed."""
    with pytest.raises(UsageError, match=r"unknown model 'cas_register'; did you mean cas-register\? known: register, "):
        check(history_of("A (w 1)"), "cas_register")


def test_a_model_that_does_not_fit_is_answered_with_those_that_do():
    """What the history holds is said, and which models know it."""
    with pytest.raises(UsageError, match=r"no operation 'cas'; the history holds cas, write; .*: cas-register, kv, sequential$"):
        check(history_of("A (w 1) (cas 1 2)"), "register")
    with pytest.raises(UsageError, match="no model knows all of these"):
        check(history_of("A (enqueue 1) (push 1)"), "kv")
    with pytest.raises(UsageError, match=r"models that know all of these: queue$"):
        check(history_of("A (enqueue 1)"), "kv")


@pytest.mark.parametrize(("model", "text", "words"), [("kv", "append x 5", "append takes a text"), ("kv", "cas 1 2", None)])
def test_malformed_arguments_are_named(model, text, words):
    """An argument that the operation cannot have is refused with the place of the operation."""
    history = history_of(f"A ({text})")
    if words is None:
        history.operations[0].value = 5
        words = r"operation 0 at .*: cas takes \[old, new\], got 5"
    with pytest.raises(UsageError, match=words):
        check(history, model)


class Counter(Specification):
    """A counter: add, read. As a user would write it."""

    name = "counter"
    initial = 0
    functions = {"add": "add(n)", "read": "read() -> sum"}  # noqa: RUF012 - what the example in the module shows

    def step(self, state, call):
        if call.f == "add":
            return state + call.value
        return state if call.result is UNKNOWN or call.result == state else ILLEGAL

    def reads_only(self, call):
        return call.f == "read"


@pytest.mark.parametrize(
    ("drawing", "valid"),
    [
        ("A (add 1) (read -> 1)", True),
        ("A (add 1     )\nB   (read -> 0) (add 2) (read -> 3)", True),
        ("A (add 1) (read -> 0)", False),
        ("A (add 1) (add 5>\nB                    (read -> 1) (read -> 6)", True),
        ("A (add 1) (add 5>\nB                    (read -> 6) (read -> 1)", False),
    ],
)
def test_a_specification_of_the_user(drawing, valid):
    """Any object can be judged that plain Python can describe; the evidence needs no help from it."""
    found = check(history_of(drawing), Counter())
    assert found.valid is valid
    if not valid:
        assert found.evidence.stuck.f == "read"
        assert found.evidence.text


def test_a_specification_that_lies_is_a_bug():
    """A call that is said to only read and changes the state is an error of the specification, not a verdict."""

    class Liar(Counter):
        def reads_only(self, call):
            return True

    with pytest.raises(AssertionError, match="only reads changed the state"):
        check(history_of("A (add 1)"), Liar())


def test_a_specification_without_a_step_says_so():
    """The base class has no behaviour of its own."""
    with pytest.raises(AssertionError, match="does not say what add does"):
        check(history_of("A (add 1)"), Specification())

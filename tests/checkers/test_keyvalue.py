import pytest

from windtunnel.checkers.keyvalue import OTHER, KeyValue, Observed
from windtunnel.checkers.specification import ILLEGAL, UNKNOWN, UNSET, Call


def read(result):
    return Call("read", None, result)


def write(value, result=None):
    return Call("write", value, result)


def cas(old, new, result=True):  # noqa: FBT002 - a result is a value
    return Call("cas", (old, new), result)


def append(text, result=None):
    return Call("append", text, result)


@pytest.mark.parametrize(
    ("state", "call", "after"),
    [
        (1, read(1), 1),
        (1, read(2), ILLEGAL),
        (1, read(UNKNOWN), 1),
        (None, read(""), None),
        (1, write(2), 2),
        (1, write(""), None),
        (1, cas(1, 2), 2),
        (3, cas(1, 2), ILLEGAL),
        (1, cas(1, 2, False), ILLEGAL),
        (3, cas(1, 2, False), 3),
        (1, cas(1, 2, UNKNOWN), 2),
        (3, cas(1, 2, UNKNOWN), 3),
        ("a", append("b"), "ab"),
        (None, append("b"), "b"),
        (None, append(""), None),
        (5, append("b"), ILLEGAL),
        (OTHER, append("b"), OTHER),
        ("a", append(OTHER), OTHER),
        (5, append(OTHER), ILLEGAL),
        ("a", Call("append", "b", None, "a"), "ab"),
        ("x", Call("append", "b", None, "a"), ILLEGAL),
    ],
)
def test_steps(state, call, after):
    """Each operation does what a store does, and is illegal where its answer does not fit."""
    assert KeyValue().step(state, call) == after


def test_values_that_nobody_observes_become_one():
    """Writes of values that no read and no compare asks for are the same call; the others stay."""
    calls = [write(1), write(2), write(3), cas(1, 9), read(2), cas(7, 8, UNKNOWN)]
    _, focused = KeyValue().focus(calls)
    assert [call.value for call in focused] == [1, 2, OTHER, (1, OTHER), None, (7, OTHER)]


def test_texts_live_while_they_may_be_observed():
    """With appends a text is kept while it begins an observed one, and what nobody saw appended is dead."""
    specification, focused = KeyValue().focus([write("a"), write("x"), append("b"), append("q"), read("ab")])
    assert [call.value for call in focused] == ["a", OTHER, "b", OTHER, None]
    assert specification.step("a", append("b")) == "ab"
    assert specification.step("ab", append("b")) is OTHER


def test_predecessors_are_read_off():
    """A read shows in which state each appended text took effect, if there is one way to cut it."""
    _, focused = KeyValue().focus([append("b"), append("a"), append("c"), read("abc")])
    assert [call.requires for call in focused] == ["a", None, "ab", UNSET]
    _, focused = KeyValue().focus([write("a"), append("b"), read("ab")])
    assert [call.requires for call in focused] == [UNSET, "a", UNSET]


@pytest.mark.parametrize(
    "calls",
    [
        [append("a"), append("a"), read("aa")],  # appended twice: either may be first
        [append("ab"), append("a"), append("b"), read("ab")],  # two ways to cut
        [append("a"), cas("a", "b", False)],  # nobody has seen it
        [append("b"), write("ab"), write("a"), read("ab")],  # written whole, or appended
    ],
)
def test_predecessors_are_not_guessed(calls):
    """Where more than one cut is possible, or none is proven, nothing is required."""
    _, focused = KeyValue().focus(calls)
    assert all(call.requires is UNSET for call in focused)


def test_predecessors_can_be_left_alone():
    """A window that begins anywhere must not use what the beginning would prove."""
    _, focused = KeyValue().focus([append("b"), append("a"), read("ab")], predecessors=False)
    assert all(call.requires is UNSET for call in focused)


@pytest.mark.parametrize(
    ("calls", "droppable"),
    [
        ([write(1), write(2), read(2)], [True, False, True]),
        ([write(1), cas(1, 2)], [False, True]),
        ([write(1), cas(3, 4, False)], [False, True]),  # without the write the compare might succeed
        ([append("a"), append("b"), read("b")], [True, False, True]),
    ],
)
def test_what_can_be_dropped(calls, droppable):
    """Reads can go, and updates that nobody observes while no failed compare is left."""
    assert KeyValue().droppable(calls) == droppable


def test_possible_states_cover_every_question():
    """The states to start a window from: what calls ask for, what may grow into it, and one for the rest."""
    assert KeyValue().possible_states([read(1), write(2), cas(3, 4)]) == [1, 3, OTHER]
    assert set(KeyValue().possible_states([append("b"), read("ab")])) == {"ab", "a", None, OTHER}
    assert KeyValue().possible_states([append("b"), read("x" * 10_000)]) is None


def test_sources_make_what_was_found():
    """Who can have made a value: writes of it, successful compare-and-sets to it, appends of its end."""
    calls = [write(1), cas(0, 1), cas(0, 1, False), write(2), append("1")]
    assert KeyValue().sources(read(1), calls) == [0, 1]
    assert KeyValue().sources(read("a1"), calls) == [4]
    assert KeyValue().sources(write(1), calls) is None


def test_observed_values_are_canonical():
    """True and 1 are observed apart."""
    observed = Observed.by([read(True)])
    assert observed.alive(True)
    assert not observed.alive(1)

import pytest

from windtunnel.checkers.specification import Call, Specification, canonical, same


@pytest.mark.parametrize(
    ("a", "b", "equal"),
    [
        (1, 1, True),
        (1, 1.0, True),
        (1, True, False),
        (0, False, False),
        (0, None, False),
        ("1", 1, False),
        ([1, 2], (1, 2), True),
        ([1, [True]], [1, [1]], False),
        ({"a": 1, "b": [2]}, {"b": [2], "a": 1}, True),
        ({"a": 1}, [["a", 1]], False),
        ({1, 2}, frozenset({2, 1}), True),
        ([], {}, False),
    ],
)
def test_values_are_equal_as_json(a, b, equal):
    """Equal JSON values are the same, others are not; the stand-in agrees and can be hashed."""
    assert same(a, b) is equal
    assert (canonical(a) == canonical(b)) is equal
    hash(canonical(a))


def test_defaults_claim_nothing():
    """What a specification does not say is assumed to be the hard case."""
    specification, call = Specification(), Call("f", 1, None)
    assert not specification.reads_only(call)
    assert not specification.blind(call)
    assert specification.droppable([call]) == [False]
    assert specification.possible_states([call]) is None
    assert specification.sources(call, [call]) is None
    assert specification.unsourced([]) is None
    assert specification.focus([call]) == (specification, [call])
    assert "f" in specification.needs(call)
    assert specification.show([1]) == "[1]"

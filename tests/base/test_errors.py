import pytest

from windtunnel.base.errors import unknown

KNOWN = ("register", "cas-register", "kv", "broadcast")


@pytest.mark.parametrize(
    ("name", "near"),
    [("cas", "cas-register"), ("regster", "register"), ("KV", "kv"), ("br", "broadcast"), ("xyz", None), ("", None)],
)
def test_an_unknown_name_is_answered_with_the_nearest_and_all(name, near):
    """What begins like the name comes first, then what is spelt like it; the list is always there, on one line."""
    text = str(unknown("model", name, KNOWN))
    assert text.startswith(f"unknown model {name!r}")
    assert ("did you mean" in text) == (near is not None)
    assert near is None or f"did you mean {near}?" in text
    assert text.endswith("known: register, cas-register, kv, broadcast")
    assert "\n" not in text


def test_where_nothing_is_known_that_is_said():
    """An empty list reads as `none`."""
    assert str(unknown("scenario", "x", ())) == "unknown scenario 'x'; known: none"

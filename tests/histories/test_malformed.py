import pytest

from windtunnel.base.errors import UsageError
from windtunnel.histories.malformed import MalformedHistory, excerpt


def test_the_message_has_place_expected_and_got():
    """A malformed history is wrong usage, told in one line that an editor can jump to."""
    error = MalformedHistory("h.jsonl", 7, "a map", "`5`")
    assert isinstance(error, UsageError)
    assert str(error) == "h.jsonl:7: expected a map, got `5`"
    assert (error.path, error.line) == ("h.jsonl", 7)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("abc", "`abc`"),
        ("a\nb", "`a\\nb`"),
        (b"\xffa", "`\\xffa`"),
        ("\x1b[31m", "`\\x1b[31m`"),
        ("x" * 99, "`" + "x" * 60 + "…`"),
    ],
)
def test_excerpts_are_short_and_printable(text, shown):
    """What came is quoted without control characters and cut."""
    assert excerpt(text) == shown

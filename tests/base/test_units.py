"""Durations as people write them."""

import pytest

from windtunnel.base.errors import UsageError
from windtunnel.base.units import seconds


@pytest.mark.parametrize(
    ("text", "expected"),
    [("60", 60.0), ("1.5s", 1.5), ("250ms", 0.25), ("2m", 120.0), ("1h", 3600.0), ("10us", 1e-5), (".5", 0.5)],
)
def test_durations_are_read(text, expected):
    """Plain numbers are seconds; us, ms, s, m and h are understood."""
    assert seconds(text) == pytest.approx(expected)


@pytest.mark.parametrize("text", ["", "-1", "1d", "inf", "nan", "ten", "1 2", "1e3"])
def test_anything_else_is_refused(text):
    """The error shows what came and what would do."""
    with pytest.raises(UsageError, match="expected a duration"):
        seconds(text)

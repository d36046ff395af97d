"""Quantiles and intervals."""

import pytest

from windtunnel.base.streams import Stream
from windtunnel.quant.agreement import Agreement, Row, exact, within
from windtunnel.quant.intervals import mean_interval, quantile, share_interval, t_quantile


@pytest.mark.parametrize(
    ("confidence", "freedom", "t"),
    [(0.95, 10, 2.228), (0.95, 19, 2.093), (0.99, 19, 2.861), (0.999, 19, 3.883), (0.999, 30, 3.646), (0.95, 1e6, 1.960)],
)
def test_students_t(confidence, freedom, t):
    """The values of the printed tables."""
    assert t_quantile(confidence, freedom) == pytest.approx(t, abs=2e-3)


def test_intervals_cover_as_often_as_they_say():
    """Means of 20 exponential batches at 95 %: between 91 and 98 of 100, for a seed that was not chosen."""
    stream = Stream(11, "cover")
    covered = 0
    for _ in range(100):
        mean, half = mean_interval([sum(stream.exponential(1.0) for _ in range(10)) / 10 for _ in range(20)], 0.95)
        covered += abs(mean - 1.0) <= half
    assert 89 <= covered <= 99


def test_shares():
    """Wilson's interval has no negative end, and is not empty when nothing was hit."""
    assert share_interval(0, 1000)[1] == 0.0
    assert 0.0 < share_interval(0, 1000)[2] < 0.02
    assert share_interval(500, 1000, 0.95) == pytest.approx((0.5, 0.469, 0.531), abs=1e-3)


def test_quantiles():
    """Interpolated between samples."""
    assert quantile([1.0, 2.0, 3.0, 4.0], 0.5) == 2.5
    assert quantile([7.0], 0.99) == 7.0


def verdict(*rows):
    return Agreement(calculator="x", values={}, rows=rows, how="")


def test_three_verdicts():
    """Invalid if a row differs; unknown if an output was decided by none; valid if each was decided by one."""
    good = exact("a", 1.0, 1.0, by="sum")
    bad = within("a", 1.0, 2.0, 0.5)
    wide = within("b", 1.0, 1.2, 0.9)
    assert [good.agrees, bad.agrees, wide.agrees] == [True, False, None]
    assert verdict(good).verdict == "valid"
    assert verdict(good, bad).verdict == "invalid"
    assert verdict(good, wide).verdict == "unknown"
    assert "wider" in verdict(good, wide).why
    assert verdict(good, wide, exact("b", 1.0, 1.0, by="sum")).verdict == "valid"
    assert verdict().verdict == "unknown"
    assert isinstance(good, Row)

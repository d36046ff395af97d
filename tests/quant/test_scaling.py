"""Scaling laws and their fits; the capacity plan."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from windtunnel.base.errors import UsageError
from windtunnel.quant import CALCULATORS, QuantError
from windtunnel.quant.scaling import amdahl, fit, gustafson, usl, usl_peak

SIZES = (1, 2, 4, 8, 16, 32, 64)


def test_spec_sdm91():
    """The published fit of this data: alpha 0.0277, beta 0.000104, most at 96.5 users: 1884 (package usl for R, Moeding 2013)."""
    found = CALCULATORS["usl"].compute({})
    assert found.number("alpha") == pytest.approx(0.02773, abs=1e-4)
    assert found.number("beta") == pytest.approx(0.0001044, abs=1e-6)
    assert found.number("peak") == pytest.approx(96.5, abs=0.1)
    assert found.number("most") == pytest.approx(1884, abs=1)


def test_the_peak():
    """Sqrt((1 - a)/b): a = 0.03 and b = 0.0008 peak at 35; without b there is no peak."""
    assert usl_peak(0.03, 0.0008) == pytest.approx(34.8, abs=0.05)
    assert usl_peak(0.03, 0.0) == float("inf")


@settings(max_examples=30, deadline=None)
@given(st.floats(0.0, 0.5), st.floats(0.0, 0.01), st.floats(1.0, 1e5))
def test_planted_parameters_are_recovered(alpha, beta, one):
    """From points without noise the fit finds what they were made of."""
    found = fit([(n, usl(n, one, alpha, beta)) for n in SIZES])
    assert found.alpha == pytest.approx(alpha, rel=1e-4, abs=1e-6)
    assert found.beta == pytest.approx(beta, rel=1e-4, abs=1e-7)
    assert found.one == pytest.approx(one, rel=1e-5)


def test_superlinear_points_stay_at_the_bound():
    """Where a fit would want a negative cost, it is 0, and the interval has no width."""
    found = fit([(1, 10.0), (2, 21.0), (4, 43.0), (8, 90.0)])
    assert found.alpha == found.beta == 0.0
    assert found.halves[1:] == (0.0, 0.0)


def test_three_points_have_no_interval():
    """Three parameters through three points: nothing is left to estimate the error from."""
    found = CALCULATORS["usl"].compute({"points": "1:100, 8:600, 32:1200"})
    assert found.output("alpha").high == float("inf")


def test_amdahl_and_gustafson():
    """5 % serial on 64: 15.4 times for a fixed job, 60.85 for a growing one."""
    assert amdahl(64, 0.05) == pytest.approx(15.42, abs=0.01)
    assert gustafson(64, 0.05) == pytest.approx(60.85)
    assert amdahl(1, 0.3) == gustafson(1, 0.3) == 1.0


@pytest.mark.parametrize("points", ["1:2", "a:3, 4:5, 6:7", "1:10, 2:-4, 3:5", "0:1, 2:3, 4:5", "1:nan, 2:3, 3:4", ""])
def test_wrong_points_are_refused(points):
    """What is no pair of sizes and throughputs, or too few of them."""
    with pytest.raises(QuantError, match="points: expected"):
        CALCULATORS["usl"].compute({"points": points})


# --- Capacity ---

CAPACITY = CALCULATORS["capacity"]


def test_problem_of_45_servers():
    """1000 requests in flight a core-second: 1000/s of 20 ms are 20 busy cores, 29 at 70 %: 8 servers of 4."""
    found = CAPACITY.compute({})
    assert found.number("needed-now") == 8
    assert found.output("binds-now").value == "utilization"
    assert found.number("servers-now") == 13  # 12 in three zones leave 8 after the loss of one; and one spare


@settings(max_examples=20, deadline=None)
@given(st.floats(1.0, 3000.0), st.floats(1.0, 1.5), st.integers(0, 3), st.integers(1, 4))
def test_more_load_never_needs_fewer_servers(arrivals, more, spare, zones):
    """Monotone in load; what is planned leaves what is needed after the loss."""
    given_ = {"arrivals": arrivals, "spare": spare, "zones": zones, "months": 0}
    one, other = CAPACITY.compute(given_), CAPACITY.compute({**given_, "arrivals": arrivals * more})
    assert other.number("servers-now") >= one.number("servers-now")
    total, needed = int(one.number("servers-now")) - spare, int(one.number("needed-now"))
    assert total - (-(-total // zones) if zones > 1 else 0) >= needed


def test_memory_is_for_requests_in_flight():
    """Memory binds when what is in flight does not fit, not with the rate."""
    found = CAPACITY.compute({"memory-request": "8GB", "months": 0})
    assert found.output("binds-now").value == "memory"


def test_growth():
    """5 % a month for a year is 1.796 exponentially and 1.6 linearly; a logistic stays below its limit."""
    last = {m: CAPACITY.compute({"model": m}).number("demand-last") for m in ("linear", "exponential", "logistic")}
    assert last["exponential"] == pytest.approx(1795.86, abs=0.01)
    assert last["linear"] == pytest.approx(1600)
    assert CAPACITY.compute({"model": "logistic", "months": 120, "growth": 0.2}).number("demand-last") <= 5000


def test_impossible_objectives_are_refused():
    """No number of servers makes a request faster than its service; unknown models are named."""
    with pytest.raises(QuantError, match="no number of servers helps"):
        CAPACITY.compute({"objective": "50ms"})
    with pytest.raises(UsageError, match="did you mean linear"):
        CAPACITY.compute({"model": "lineal"})

"""Staleness of quorum reads, and the cost of a commit."""

import pytest

from windtunnel.quant import CALCULATORS, QuantError
from windtunnel.quant.quorums import draw, miss

STALENESS = CALCULATORS["staleness"]
DELAYS_S = (0.01, 0.002, 0.002, 0.002)


@pytest.mark.parametrize(("n", "r", "w", "share"), [(3, 1, 1, 2 / 3), (3, 2, 1, 1 / 3), (3, 2, 2, 0), (5, 2, 2, 0.3)])
def test_quorums_that_do_not_spread(n, r, w, share):
    """C(N-W, R)/C(N, R), as in Bailis et al. 2012, section 2.1."""
    assert miss(n, r, w) == pytest.approx(share)


@pytest.mark.parametrize(("reads", "writes"), [(2, 2), (1, 3), (3, 1)])
def test_overlapping_quorums_are_never_stale(reads, writes):
    """R + W > N: no stale read, at once or later."""
    assert draw(3, reads, writes, DELAYS_S, trials=500, seed=3).fresh_after_s[-1] == 0.0


def test_overlap_is_not_called_linearizable():
    """The figure is 0, and the note says what it does not promise."""
    found = STALENESS.compute({"reads": 2, "writes": 2, "after": 0})
    assert found.number("p-stale") == 0.0
    assert "not linearizability" in found.notes[0]


def test_staleness_falls_with_time():
    """The later the read, the fewer are stale; at once at most what a quorum without spread would miss."""
    drawn = draw(3, 1, 1, DELAYS_S, trials=2000, seed=5)
    shares = [drawn.stale(t) for t in (0.0, 0.005, 0.01, 0.02, 0.05)]
    assert shares == sorted(shares, reverse=True)
    assert shares[0] < miss(3, 1, 1)
    assert shares[-1] < 0.02


def test_larger_quorums_are_slower():
    """R and W trade latency for freshness."""
    one, three = (draw(3, reads, 1, DELAYS_S, trials=500, seed=4) for reads in (1, 3))
    assert three.read_s[250] > one.read_s[250]
    assert three.fresh_after_s[400] <= one.fresh_after_s[400]


def test_a_node_that_repairs_in_four_hours():
    """One failure a year with 4 h of repair is 99.954 %; two of three then serve better than six nines, not 97.2 %."""
    node = 1 - 4 / 8760
    found = STALENESS.compute({"reads": 2, "writes": 2, "node": node})
    assert found.number("reads-served") > 0.999999


def test_a_quorum_above_n_is_refused():
    """With the number of replicas."""
    with pytest.raises(QuantError, match=r"reads: expected at most as many as replicas \(3\); got 4"):
        STALENESS.compute({"reads": 4})


def test_the_cost_of_a_commit():
    """Two-phase commit: 3N messages, 4N with acknowledgements, in two round trips; not 3N in three."""
    found = CALCULATORS["two-phase-commit"].compute({"participants": 5})
    assert [found.number(name) for name in ("messages", "messages-acked", "round-trips")] == [15, 20, 2]

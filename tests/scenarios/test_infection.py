"""Infection curves of ten thousand sites agree with theory, within tolerances that statistics allows."""

import statistics

import pytest

from windtunnel.scenarios.infection import Curve, infection_curve
from windtunnel.systems.gossip.rumor import Options, infected, push_rounds, residue


@pytest.mark.slow
@pytest.mark.parametrize(("mode", "rate"), [("push", 1.0), ("pull", 1.0), ("push-pull", 2.0)])
def test_poisson_contacts_give_the_logistic_curve(mode, rate):
    """From 10 % on the process is nearly deterministic: fluctuations are of order n^-1/2 = 0.01, and two of them are allowed."""
    curve = infection_curve(sites=10_000, seed=3, options=Options(mode=mode, poisson=True), forever=True)
    assert curve.residue == 0.0
    for rounds, heard in zip(curve.rounds, curve.heard, strict=True):
        expected = infected(rate * (rounds - curve.half_rounds))
        assert abs(heard / curve.sites - expected) < 0.02, (rounds, heard, expected)


@pytest.mark.campaign
@pytest.mark.parametrize("k", [1, 2])
def test_the_residue_is_that_of_the_paper(k):
    """Mean of four runs. For k = 1 the variance of the count is 0.2727 n (Watson 1988): four standard errors are 0.0104."""
    options = Options(k=k, coin=True, poisson=True)
    curves = [infection_curve(sites=10_000, seed=seed, options=options, step_rounds=1.0) for seed in range(4)]
    assert abs(statistics.mean(curve.residue for curve in curves) - residue(k)) < 4 * (0.2727 / 10_000 / 4) ** 0.5


@pytest.mark.slow
def test_steady_pushes_take_log2_n_plus_ln_n_rounds():
    """Up to a constant: over ten runs of 1,000 sites it is 0.8 with a standard error of 0.4; four of them are allowed."""
    rounds = [infection_curve(sites=1000, seed=seed, forever=True).rounds[-1] for seed in range(10)]
    assert abs(statistics.mean(rounds) - push_rounds(1000) - 0.8) < 1.6


def test_a_curve_is_the_same_every_time():
    """Same seed, same curve; another seed, another curve."""
    first, again, other = (infection_curve(sites=200, seed=seed) for seed in (1, 1, 2))
    assert first == again != other


def test_half_time_is_interpolated():
    """Between 20 and 60 of 100 sites, half is at three quarters of the way."""
    assert Curve(100, (0.0, 1.0, 2.0), (0, 20, 60), 0, 0).half_rounds == 1.75
    with pytest.raises(ValueError, match="fewer than half"):
        assert Curve(100, (0.0, 1.0), (0, 20), 0, 0).half_rounds

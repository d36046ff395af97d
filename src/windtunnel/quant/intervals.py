"""Confidence intervals of means, of batch means and of shares.

Sources: Student's t by the expansion of Cornish and Fisher (Abramowitz & Stegun 1964, 26.7.5; relative error below 1e-3 from
eight degrees of freedom on); Wilson's interval for shares (Wilson, "Probable inference", 1927); batch means as in Law,
"Simulation Modeling and Analysis", chapter 9.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import fsum, inf, sqrt
from statistics import NormalDist

CONFIDENCE = 0.999
"""Of the intervals of a check: one row in a thousand is outside by luck, so that a false alarm is rare and a bug is not."""


def normal_quantile(confidence: float) -> float:
    """The z of a two-sided interval."""
    return NormalDist().inv_cdf(0.5 + confidence / 2)


def t_quantile(confidence: float, freedom: float) -> float:
    """Student's t of a two-sided interval with `freedom` degrees of freedom (meant for 8 and more)."""
    if freedom <= 0:
        return inf
    z = normal_quantile(confidence)
    first = (z**3 + z) / 4
    second = (5 * z**5 + 16 * z**3 + 3 * z) / 96
    third = (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384
    fourth = (79 * z**9 + 776 * z**7 + 1482 * z**5 - 1920 * z**3 - 945 * z) / 92160
    return z + first / freedom + second / freedom**2 + third / freedom**3 + fourth / freedom**4


def mean_interval(samples: Sequence[float], confidence: float = CONFIDENCE) -> tuple[float, float]:
    """(mean, half width) of independent samples, or of the means of batches."""
    count = len(samples)
    if count < 2:
        return (samples[0] if count else 0.0), inf
    mean = fsum(samples) / count
    variance = fsum((sample - mean) ** 2 for sample in samples) / (count - 1)
    return mean, t_quantile(confidence, count - 1) * sqrt(variance / count)


def share_interval(hits: float, trials: float, confidence: float = CONFIDENCE) -> tuple[float, float, float]:
    """(observed, low, high) of a probability after `hits` of `trials` independent trials: Wilson."""
    if trials <= 0:
        return 0.0, 0.0, 1.0
    z = normal_quantile(confidence)
    p = hits / trials
    centre = (p + z * z / (2 * trials)) / (1 + z * z / trials)
    half = z * sqrt(p * (1 - p) / trials + z * z / (4 * trials * trials)) / (1 + z * z / trials)
    return p, max(0.0, centre - half), min(1.0, centre + half)


def quantile(ordered: Sequence[float], share: float) -> float:
    """The quantile of sorted samples, interpolated (Hyndman & Fan 1996, type 7)."""
    place = share * (len(ordered) - 1)
    below = int(place)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (place - below) * (ordered[above] - ordered[below])

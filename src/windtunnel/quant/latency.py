"""The distribution of a request's latency: exact arithmetic on a grid, and draws of single requests.

On the grid, steps that follow each other are a convolution, the slowest of several the product of their distributions, the
fastest the product of their tails, a hedged call S(t) S(t - after). Nothing is sampled; the error is a step of the grid, 1/8192
of the longest time. Source for the order statistics of fan-outs: Dean & Barroso, "The tail at scale", CACM 56(2), 2013.
"""

from __future__ import annotations

from collections.abc import Callable
from math import exp, log, sqrt
from statistics import NormalDist
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from windtunnel.quant.call_graphs import FIBER_KM_PER_S, Step
from windtunnel.quant.queueing import check_stable, erlang_c, mmc_response_tail, quantile_of_tail

BINS = 8192
REST = 1e-6  # the share of each leaf that the grid may cut off
Z99 = NormalDist().inv_cdf(0.99)
Masses: TypeAlias = NDArray[np.float64]


def longest_s(step: Step) -> float:
    """A time that all but a share of about `REST` of the requests stay below, seconds."""
    match step.kind:
        case "const":
            once = step.numbers[0]
        case "fiber":
            once = 2.0 * step.numbers[0] / FIBER_KM_PER_S
        case "uniform":
            once = step.numbers[1]
        case "exp":
            once = -step.numbers[0] * log(REST)
        case "lognormal":
            once = step.numbers[0] * exp(_sigma(step) * NormalDist().inv_cdf(1.0 - REST))
        case "mmc":
            once = quantile_of_tail(_mmc_tail(step), 1.0 - REST, step.numbers[1])
        case "sum":
            once = sum(longest_s(each) for each in step.steps)
        case "any":
            once = min(longest_s(each) for each in step.steps)
        case "hedge":
            once = min(longest_s(step.steps[0]), longest_s(step.steps[0]) / 2 + step.numbers[0])
        case "fanout":
            once = longest_s(step.steps[0]) * (1.0 + log(step.numbers[0]) / -log(REST))
        case _:
            once = max(longest_s(each) for each in step.steps)
    # The sum of many alike steps is far from its worst: its spread grows with the root of their number.
    return once if step.times == 1 else mean_s(step) + (once - mean_s(step) / step.times) * sqrt(step.times) * 1.5


def mean_s(step: Step) -> float:
    """The mean where it has a closed form; for parallel steps the larger of the means, which is too low."""
    match step.kind:
        case "lognormal":
            once = step.numbers[0] * exp(_sigma(step) ** 2 / 2)
        case "uniform":
            once = sum(step.numbers) / 2
        case "fiber":
            once = 2.0 * step.numbers[0] / FIBER_KM_PER_S
        case "mmc":
            once = step.numbers[1]
        case "sum":
            once = sum(mean_s(each) for each in step.steps)
        case "all" | "any" | "fanout" | "hedge":
            once = max(mean_s(each) for each in step.steps)
        case _:
            once = step.numbers[0]
    return once * step.times


def _sigma(step: Step) -> float:
    return log(step.numbers[1] / step.numbers[0]) / Z99


def _mmc_tail(step: Step) -> Callable[[float], float]:
    rate, service_s, servers = step.numbers
    check_stable(rate, 1.0 / service_s, int(servers))
    return mmc_response_tail(rate, 1.0 / service_s, int(servers))


class Grid:
    """Distributions as masses at 0, h, 2h, ...; `step_s` is h. The last bin holds whatever lies beyond."""

    def __init__(self, upper_s: float) -> None:
        self.step_s = max(upper_s, 1e-12) * 1.02 / (BINS - 1)

    def of(self, step: Step) -> Masses:
        """The distribution of a step."""
        once = self._once(step)
        if step.times == 1:
            return once
        result: Masses | None = None
        power, count = once, step.times
        while count:
            if count & 1:
                result = power if result is None else self._after(result, power)
            count >>= 1
            if count:
                power = self._after(power, power)
        assert result is not None, "a step happens at least once"
        return result

    def _once(self, step: Step) -> Masses:
        match step.kind:
            case "sum":
                total = self.of(step.steps[0])
                for each in step.steps[1:]:
                    total = self._after(total, self.of(each))
                return total
            case "all":
                return self._masses(np.prod([self.cumulative(self.of(each)) for each in step.steps], axis=0))
            case "any":
                return self._masses(1.0 - np.prod([1.0 - self.cumulative(self.of(each)) for each in step.steps], axis=0))
            case "fanout":
                return self._masses(self.cumulative(self.of(step.steps[0])) ** step.numbers[0])
            case "hedge":
                tail = 1.0 - self.cumulative(self.of(step.steps[0]))
                late = min(BINS, round(step.numbers[0] / self.step_s))
                second = np.concatenate([np.ones(late), tail[: BINS - late]])
                return self._masses(1.0 - tail * second)
            case "const" | "fiber":
                return self._point(mean_s(step) / step.times)
            case _:
                return self._spread(step)

    def _point(self, at_s: float) -> Masses:
        """All mass at one time, shared between its two neighbours on the grid so that the mean is kept."""
        place = min(at_s / self.step_s, BINS - 1.0)
        below = int(place)
        masses: Masses = np.zeros(BINS)
        masses[below] = 1.0 - (place - below)
        if place > below:
            masses[below + 1] = place - below
        return masses

    def _spread(self, step: Step) -> Masses:
        """A leaf, each instant shared between its two neighbours on the grid: that keeps the mean, however coarse the grid.

        The mass at i is the second difference of the integral of F; the integral is Simpson's, bin by bin.
        """
        halves: Masses = np.asarray(np.arange(2 * BINS + 1) * self.step_s / 2, dtype=np.float64)
        values = np.concatenate([[0.0], self._leaf(step, halves[1:])])
        inside = (values[:-2:2] + 4.0 * values[1::2] + values[2::2]) / 6.0  # mean of F over each bin
        masses: Masses = np.asarray(np.diff(inside, prepend=0.0)[:BINS], dtype=np.float64)
        masses[-1] += 1.0 - inside[BINS - 1]
        return np.asarray(np.clip(masses, 0.0, 1.0))

    def _leaf(self, step: Step, edges: Masses) -> Masses:
        match step.kind:
            case "exp":
                return np.asarray(1.0 - np.exp(-edges / step.numbers[0]))
            case "uniform":
                low, high = step.numbers
                return np.asarray(np.clip((edges - low) / max(high - low, 1e-300), 0.0, 1.0))
            case "lognormal":
                normal = NormalDist(log(step.numbers[0]), _sigma(step))
                return np.array([normal.cdf(log(edge)) for edge in edges])
            case _:
                tail = _mmc_tail(step)
                return np.array([1.0 - tail(edge) for edge in edges])

    def _masses(self, cumulative: Masses) -> Masses:
        masses = np.diff(cumulative, prepend=0.0)
        masses[-1] += 1.0 - cumulative[-1]
        return np.asarray(np.clip(masses, 0.0, 1.0))

    def _after(self, one: Masses, other: Masses) -> Masses:
        size = 2 * BINS
        both = np.fft.irfft(np.fft.rfft(one, size) * np.fft.rfft(other, size), size)
        both[BINS - 1] += both[BINS:].sum()
        return np.asarray(np.clip(both[:BINS], 0.0, 1.0))

    def cumulative(self, masses: Masses) -> Masses:
        """P(T <= (i + 1/2) h) for each i."""
        return np.asarray(np.minimum(np.cumsum(masses), 1.0))

    def mean_s(self, masses: Masses) -> float:
        """The mean."""
        return float((masses * np.arange(BINS)).sum() * self.step_s)

    def quantile_s(self, masses: Masses, share: float) -> float:
        """The time that `share` of the requests do not exceed, interpolated."""
        cumulative = self.cumulative(masses)
        place = int(np.searchsorted(cumulative, share))
        before = float(cumulative[place - 1]) if place else 0.0
        gain = float(cumulative[min(place, BINS - 1)]) - before
        part = (share - before) / gain if gain > 0.0 else 0.5
        return max(0.0, (place - 0.5 + part) * self.step_s)

    def within(self, masses: Masses, limit_s: float) -> float:
        """The share of requests that take at most `limit_s`."""
        place = limit_s / self.step_s + 0.5
        if place >= BINS:
            return 1.0
        cumulative = np.concatenate([[0.0], self.cumulative(masses)])
        below = int(place)
        return float(cumulative[below] + (place - below) * (cumulative[min(below + 1, BINS)] - cumulative[below]))


def sampler(step: Step, random: Callable[[], float]) -> Callable[[], float]:
    """Draws of one request, seconds: every step drawn by itself, as it would happen."""
    once = _sampler(step, random)
    if step.times == 1:
        return once
    return lambda: sum(once() for _ in range(step.times))


def _sampler(step: Step, random: Callable[[], float]) -> Callable[[], float]:
    numbers: Any = step.numbers
    inside = [sampler(each, random) for each in step.steps]
    match step.kind:
        case "exp":
            return lambda: -numbers[0] * log(1.0 - random())
        case "uniform":
            return lambda: numbers[0] + (numbers[1] - numbers[0]) * random()
        case "lognormal":
            normal = NormalDist(log(numbers[0]), _sigma(step))
            return lambda: exp(normal.inv_cdf(random() or 0.5))
        case "mmc":
            rate, service_s, servers = numbers
            waiting = erlang_c(int(servers), rate * service_s)
            drain_s = 1.0 / (servers / service_s - rate)
            return lambda: -service_s * log(1.0 - random()) - (drain_s * log(1.0 - random()) if random() < waiting else 0.0)
        case "sum":
            return lambda: sum(draw() for draw in inside)
        case "all":
            return lambda: max(draw() for draw in inside)
        case "any":
            return lambda: min(draw() for draw in inside)
        case "fanout":
            return lambda: max(inside[0]() for _ in range(int(numbers[0])))
        case "hedge":
            return lambda: min(inside[0](), numbers[0] + inside[0]())
        case _:
            fixed = mean_s(step) / step.times
            return lambda: fixed

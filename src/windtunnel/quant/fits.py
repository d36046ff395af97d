"""What the fits of the two scaling calculators share: outputs, charts, the oracle. Not a calculator."""

from __future__ import annotations

from math import cos, log, sqrt, tau

from windtunnel.base.streams import Stream
from windtunnel.quant.agreement import Row, exact
from windtunnel.quant.calculator import Evidence
from windtunnel.quant.intervals import share_interval
from windtunnel.quant.result import Chart
from windtunnel.quant.scaling import Fit, Points, fit, usl

REPLICAS = 300


def curve(points: Points, fitted: Fit, upper: float) -> Chart:
    """The measured points and the fitted curve up to `upper`."""
    sizes = [1.0 + (upper - 1.0) * i / 60 for i in range(61)]
    chart = Chart("line", "throughput over size", "size", "throughput", [])
    chart.series.append(("fit", list(sizes), [usl(n, fitted.one, fitted.alpha, fitted.beta) for n in sizes]))
    chart.series.append(("measured", [x for x, _ in points], [y for _, y in points]))
    return chart


def checked(points: Points, fitted: Fit, seed: int, *, coherency: bool) -> Evidence:
    """A search that knows no derivatives finds no better fit; planted parameters are recovered; intervals cover them."""
    best = _searched(points, fitted, coherency=coherency)
    planted = [(x, usl(x, fitted.one, fitted.alpha, fitted.beta)) for x, _y in points]
    again = fit(planted, coherency=coherency)
    squares = sum(r * r for r in fitted.residuals)
    scale = sum(y * y for _x, y in points)
    agrees = squares <= best + 1e-9 * scale
    by = "pattern search"
    rows = [Row(output="squares", formula=squares, observed=best, low=0.0, high=best + 1e-9 * scale, agrees=agrees, by=by)]
    rows.append(
        exact("alpha", fitted.alpha, again.alpha, by="planted", tolerance=1e-5)
        if fitted.alpha > 1e-9
        else _zero("alpha", again.alpha)
    )
    if coherency:
        rows.append(
            exact("beta", fitted.beta, again.beta, by="planted", tolerance=1e-5)
            if fitted.beta > 1e-9
            else _zero("beta", again.beta)
        )
    how = "A pattern search without derivatives looks for a better fit; parameters planted in points without noise are recovered"
    spare = len(points) - (3 if coherency else 2)
    if spare < 1 or fitted.alpha == 0.0 or (coherency and fitted.beta == 0.0):
        return rows, how + "."
    noise = sqrt(squares / spare) or 1e-6 * fitted.one
    stream = Stream(seed, "noise")
    covered = 0
    for _ in range(REPLICAS):
        noisy = [(x, max(1e-9, y + noise * _normal(stream.random(), stream.random()))) for x, y in planted]
        copy = fit(noisy, coherency=coherency)
        covered += abs(copy.alpha - fitted.alpha) <= copy.halves[1]
    share, low, high = share_interval(covered, REPLICAS, 0.999)
    # The interval claims 95 %; near its bound at 0, and with a point or two to spare, a linear interval covers less.
    covers = low <= 0.95 <= high
    why = "" if covers else "so near a bound a linear interval does not cover 95 %"
    rows.append(
        Row(
            output="coverage",
            formula=0.95,
            observed=share,
            low=low,
            high=high,
            agrees=covers or None,
            unit="fraction",
            by="planted",
            why=why,
        )
    )
    return rows, f"{how}; {REPLICAS} noisy copies show how often the interval of alpha covers it."


def _zero(name: str, found: float) -> Row:
    return Row(output=name, formula=0.0, observed=found, low=0.0, high=1e-6, agrees=found <= 1e-6, by="planted")


def _searched(points: Points, fitted: Fit, *, coherency: bool) -> float:
    """The least sum of squares that a pattern search finds around the fit."""

    def error(parameters: list[float]) -> float:
        return sum((y - usl(x, *parameters)) ** 2 for x, y in points)

    here = [fitted.one * 1.1, fitted.alpha * 1.2 + 0.01, (fitted.beta * 1.2 + 1e-4) if coherency else 0.0]
    steps = [fitted.one * 0.1, 0.01, 1e-4 if coherency else 0.0]
    best = error(here)
    for _ in range(3000):
        moved = False
        for i in range(3):
            for sign in (1, -1):
                there = list(here)
                there[i] = max(0.0, there[i] + sign * steps[i])
                value = error(there)
                if value < best:
                    here, best, moved = there, value, True
        if not moved:
            steps = [step / 2 for step in steps]
            if steps[0] < 1e-12 * fitted.one:
                break
    return best


def _normal(one: float, other: float) -> float:
    """A standard normal draw from two uniform ones (Box and Muller)."""
    return sqrt(-2.0 * log(1.0 - one)) * cos(tau * other)

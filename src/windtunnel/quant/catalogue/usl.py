"""The universal scalability law, fitted to measured throughputs."""

from __future__ import annotations

from math import inf, isfinite

from windtunnel.quant.calculator import Calculator, Evidence, Input, Values
from windtunnel.quant.fits import checked, curve
from windtunnel.quant.result import Output, Result
from windtunnel.quant.scaling import fit, read_points, usl, usl_peak

# SPEC SDM91 on a 16-processor SPARCcenter 2000, October 1994, users against scripts an hour; used in Gunther 2007.
SDM91 = "1:64.9, 18:995.9, 36:1652.4, 72:1853.2, 108:1828.9, 144:1775.0, 216:1702.2"


def solve(values: Values) -> Result:
    """Least squares, with 95 % intervals."""
    points = read_points(values["points"], 3)
    fitted = fit(points)
    peak = usl_peak(fitted.alpha, fitted.beta)
    at = values["size"]
    half = fitted.halves
    outputs = [
        Output("alpha", "contention", fitted.alpha, "", max(0.0, fitted.alpha - half[1]), fitted.alpha + half[1]),
        Output("beta", "coherency", fitted.beta, "", max(0.0, fitted.beta - half[2]), fitted.beta + half[2]),
        Output("one", "throughput at size 1", fitted.one, "", fitted.one - half[0], fitted.one + half[0]),
        Output("peak", "size with the most throughput", peak),
        Output("most", "throughput there", usl(peak, fitted.one, fitted.alpha, fitted.beta) if isfinite(peak) else inf),
        Output("predicted", f"throughput at size {at:g}", usl(at, fitted.one, fitted.alpha, fitted.beta)),
        Output("speed-up", f"times that of size 1, at size {at:g}", usl(at, 1.0, fitted.alpha, fitted.beta)),
        Output("r-squared", "share of the variance that the fit explains", fitted.r_squared),
    ]
    largest = max(x for x, _y in points)
    notes = ["Residuals: " + ", ".join(f"{x:g}: {r:+.3g}" for (x, _y), r in zip(points, fitted.residuals, strict=True)) + "."]
    if at > 2 * largest:
        notes.append(f"Size {at:g} is far beyond the largest measured one ({largest:g}): a forecast, not a fit.")
    if fitted.beta == 0.0:
        notes.append("No coherency cost shows in these points: the peak, if there is one, lies beyond them.")
    return Result(outputs, [curve(points, fitted, max(largest, at, min(peak * 1.3, 4 * largest)))], notes)


def oracle(values: Values, _result: Result, seed: int) -> Evidence:
    """See `fits.checked`."""
    points = read_points(values["points"], 3)
    return checked(points, fit(points), seed, coherency=True)


CALCULATOR = Calculator(
    name="usl",
    title="Universal scalability law (fit)",
    group="scaling",
    inputs=(
        Input("points", "measured", "", 0, 0, SDM91, "text", what="SIZE:THROUGHPUT, ...; at least three sizes"),
        Input("size", "size to predict", "", 1.0, 1e9, 300.0),
    ),
    formula="X(N) = X(1) N/(1 + alpha (N - 1) + beta N (N - 1)),  peak at sqrt((1 - alpha)/beta)",
    source="Gunther, Guerrilla Capacity Planning, 2007",
    assumptions=(
        "the same work per request at every size",
        "errors of alike size at every point",
        "a curve of three numbers fits",
    ),
    solve=solve,
    main="predicted",
    oracle=oracle,
    rows=("QUAN-21",),
)

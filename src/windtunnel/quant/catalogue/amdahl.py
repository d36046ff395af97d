"""Amdahl's law fitted to measured throughputs, and Gustafson's beside it."""

from __future__ import annotations

from windtunnel.quant.calculator import Calculator, Evidence, Input, Values
from windtunnel.quant.fits import checked, curve
from windtunnel.quant.result import Output, Result
from windtunnel.quant.scaling import amdahl, fit, gustafson, read_points


def solve(values: Values) -> Result:
    """Least squares with one serial share, with a 95 % interval."""
    points = read_points(values["points"], 2)
    fitted = fit(points, coherency=False)
    serial, half, at = fitted.alpha, fitted.halves[1], values["size"]
    outputs = [
        Output("serial", "share that cannot be split", serial, "fraction", max(0.0, serial - half), serial + half),
        Output("speed-up", f"of a fixed job, at size {at:g} (Amdahl)", amdahl(at, serial)),
        Output("limit", "speed-up that no size exceeds", 1.0 / serial if serial else float("inf")),
        Output("scaled", f"speed-up of a job that grows, at size {at:g} (Gustafson)", gustafson(at, serial)),
        Output("predicted", f"throughput at size {at:g}", fitted.one * amdahl(at, serial)),
        Output("r-squared", "share of the variance that the fit explains", fitted.r_squared),
    ]
    notes = ["Throughput that falls at large sizes is beyond Amdahl's law: use usl."] if points[-1][1] < points[-2][1] else []
    return Result(outputs, [curve(points, fitted, max(at, points[-1][0]))], notes)


def oracle(values: Values, _result: Result, seed: int) -> Evidence:
    """See `fits.checked`."""
    points = read_points(values["points"], 2)
    return checked(points, fit(points, coherency=False), seed, coherency=False)


CALCULATOR = Calculator(
    name="amdahl",
    title="Amdahl's law (fit)",
    group="scaling",
    inputs=(
        Input(
            "points",
            "measured",
            "",
            0,
            0,
            "1:100, 2:189, 4:341, 8:572, 16:855",
            "text",
            what="SIZE:THROUGHPUT, ...; two sizes or more",
        ),
        Input("size", "size to predict", "", 1.0, 1e9, 64.0),
    ),
    formula="S(N) = 1/(s + (1 - s)/N),  limit 1/s;  Gustafson: N - s (N - 1)",
    source="Amdahl, AFIPS 1967; Gustafson, CACM 31(5), 1988",
    assumptions=("the serial share does not depend on the size", "no cost of talking to each other: else use usl"),
    solve=solve,
    main="speed-up",
    oracle=oracle,
    rows=("QUAN-21",),
)

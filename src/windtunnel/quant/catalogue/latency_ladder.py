"""The latency ladder: published figures with source and year, distance by the speed of light, and a measured column."""

from __future__ import annotations

from math import log10

from windtunnel.quant.calculator import Calculator, Input, Values
from windtunnel.quant.call_graphs import FIBER_KM_PER_S
from windtunnel.quant.errors import QuantError
from windtunnel.quant.ladder import LADDER, MEASURED
from windtunnel.quant.result import Chart, Output, Result
from windtunnel.quant.units import parse, show

HUMAN_CYCLE_S = 0.3e-9
"""On the human scale, a cycle of 0.3 ns takes a second."""


def measured(text: str) -> dict[str, float]:
    """`mutex=60ns, loopback=30us` as seconds by name. Raises QuantError."""
    found = {}
    for item in filter(None, (piece.strip() for piece in text.split(","))):
        name, equals, value = (piece.strip() for piece in item.partition("="))
        if not equals or name not in MEASURED:
            raise QuantError(f"measured: expected NAME=TIME with a name of {', '.join(MEASURED)}; got {item!r}")
        try:
            found[name] = parse(value, "s")
        except QuantError as error:
            raise QuantError(f"measured: {name}: {error}") from None
        if found[name] <= 0.0:
            raise QuantError(f"measured: {name}: expected a time above 0; got {value!r}")
    return found


def solve(values: Values) -> Result:
    """The table."""
    here = measured(values["measured"])
    outputs = []
    for rung in LADDER:
        scaled = show(rung.seconds / HUMAN_CYCLE_S, "s")
        label = f"{rung.what} ({rung.year}; {rung.hardware}); if a cycle took a second: {scaled}"
        outputs.append(Output(rung.name, label, rung.seconds, "s"))
        if rung.name in here:
            times = show(here[rung.name] / rung.seconds, "")
            outputs.append(
                Output(f"{rung.name}-here", f"on this machine: {MEASURED[rung.name]}; {times} times that", here[rung.name], "s")
            )
    fiber = 2.0 * values["distance"] / FIBER_KM_PER_S
    outputs.append(
        Output("fiber", f"there and back over {show(values['distance'], 'km')} of glass, at the speed of light", fiber, "s")
    )
    known = {rung.name for rung in LADDER}
    rest = [(name, value) for name, value in here.items() if name not in known]
    outputs += [Output(f"{name}-here", f"on this machine: {MEASURED[name]}", value, "s") for name, value in rest]
    chart = Chart("bar", "published latencies, powers of ten above a nanosecond", "operation", "log10 of nanoseconds", [])
    chart.series.append(("published", [rung.name for rung in LADDER], [max(0.05, log10(rung.seconds * 1e9)) for rung in LADDER]))
    if here:
        chart.series.append(("measured here", list(here), [max(0.05, log10(value * 1e9)) for value in here.values()]))
    sources = "; ".join(dict.fromkeys(rung.source for rung in LADDER))
    notes = [f"Sources: {sources}.", "Hardware of 2009 is not yours: --measure fills a column on this machine."]
    return Result(outputs, [chart], notes)


CALCULATOR = Calculator(
    name="latency-ladder",
    title="Latency ladder",
    group="latency",
    inputs=(
        Input("distance", "length of the fiber, one way", "km", 0.0, 1e6, 1000.0),
        Input("measured", "figures of this machine", "", 0, 0, "", "text", what="NAME=TIME, ...; --measure fills it"),
    ),
    formula="published figures; fiber: 2 km / (200,000 km/s)",
    source="Dean, LADIS 2009; Scott 2020; each row says which",
    assumptions=(
        "every figure is of one machine at one time",
        "fiber follows the distance that is given; cables are longer than maps",
    ),
    solve=solve,
    main="fiber",
    rows=("QUAN-04", "QUAN-25"),
)

"""Little's law: any two of arrival rate, time and number give the third."""

from __future__ import annotations

from windtunnel.quant.calculator import Calculator, Input, Values
from windtunnel.quant.errors import QuantError
from windtunnel.quant.result import Chart, Output, Result


def solve(values: Values) -> Result:
    """The missing one of the three; with all three given, they must agree to one part in a thousand."""
    arrivals, time_s, items = values["arrivals"], values["time"], values["items"]
    given = [name for name in ("arrivals", "time", "items") if values[name] is not None]
    if len(given) < 2:
        raise QuantError(f"little: expected two of --arrivals, --time and --items; got {' and '.join(given) or 'none'}")
    if len(given) == 3 and abs(items - arrivals * time_s) > 1e-3 * items:
        raise QuantError(
            f"little: expected items = arrivals * time; got items {items:g}, but arrivals * time = {arrivals * time_s:g}: "
            "leave one of them out, or look for what does not leave (the system may not be in steady state)"
        )
    if arrivals is None:
        arrivals = items / time_s
    elif time_s is None:
        time_s = items / arrivals
    else:
        items = arrivals * time_s
    outputs = [
        Output("arrivals", "arrival rate, lambda", arrivals, "1/s"),
        Output("time", "mean time in the system, W", time_s, "s"),
        Output("items", "mean number in the system, L", items),
    ]
    times = [time_s * i / 20 for i in range(41)]
    chart = Chart(
        "line", "number in the system over time in it", "time", "items", [("L", list(times), [arrivals * t for t in times])], "s"
    )
    return Result(outputs, [chart], ["Holds for any queue and any distribution, as long as what arrives also leaves."])


CALCULATOR = Calculator(
    name="little",
    title="Little's law",
    group="queueing",
    inputs=(
        Input("arrivals", "arrival rate, lambda", "1/s", 0.0, 1e12, None, above=True),
        Input("time", "mean time in the system, W", "s", 0.0, 1e12, None, above=True),
        Input("items", "mean number in the system, L", "", 0.0, 1e15, None, above=True),
    ),
    formula="L = lambda W",
    source="Little, 'A proof for the queuing formula L = lambda W', Operations Research 9(3), 1961",
    assumptions=("the system is stable: what arrives also leaves", "means over a long time"),
    solve=solve,
    main="items",
    rows=("QUAN-01",),
    example={"arrivals": "80/s", "time": "50ms"},
)

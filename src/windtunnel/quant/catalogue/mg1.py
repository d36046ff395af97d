"""M/G/1: one server, any distribution of the service time (Pollaczek-Khinchine)."""

from __future__ import annotations

from windtunnel.quant.calculator import Calculator, Input, Values
from windtunnel.quant.loads import ARRIVALS, SERVICE, steady, wait_by_load
from windtunnel.quant.queueing import check_stable, mg1_wait_s
from windtunnel.quant.result import Chart, Result, Series


def solve(values: Values) -> Result:
    """Means; percentiles need the whole distribution of the service. Raises Unstable."""
    arrivals, service, cs = values["arrivals"], values["service"], values["cs"]
    rho = check_stable(arrivals, service)
    outputs = steady(rho, rho, mg1_wait_s(arrivals, service, cs), 1 / service, arrivals)
    spread = [0.0, 0.5, 1.0, 1.5, 2.0, 3.0, 4.0, 5.0]
    series: list[Series] = [("mean wait", list(spread), [mg1_wait_s(arrivals, service, c) for c in spread])]
    charts = [
        wait_by_load(rho, lambda x: mg1_wait_s(x * service, service, cs)),
        Chart("line", "mean wait over the spread of the service", "cs", "mean wait", series, "", "s"),
    ]
    return Result(outputs, charts, ["Constant service (cs = 0) waits half as long as exponential service (cs = 1)."])


CALCULATOR = Calculator(
    name="mg1",
    title="M/G/1 queue (Pollaczek-Khinchine)",
    group="queueing",
    inputs=(
        ARRIVALS,
        SERVICE.with_default(100.0),
        Input("cs", "coefficient of variation of the service time", "", 0.0, 100.0, 1.5, what="standard deviation over mean"),
    ),
    formula="rho = lambda/mu\nWq = rho/(1 - rho) (1 + cs^2)/2 / mu,  W = Wq + 1/mu,  L = lambda W",
    source="Pollaczek 1930; Khinchine 1932; Kleinrock, Queueing Systems 1, 1975, chapter 5",
    assumptions=("Poisson arrivals", "service times independent, with a finite variance", "one server, first come first served"),
    solve=solve,
    main="wait",
    rows=("QUAN-02",),
)

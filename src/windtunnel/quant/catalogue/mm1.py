"""M/M/1: one server, random arrivals, exponential service."""

from __future__ import annotations

from math import exp, log

from windtunnel.quant.calculator import Calculator, Values
from windtunnel.quant.loads import ARRIVALS, SERVICE, distribution, steady, wait_by_load
from windtunnel.quant.queueing import check_stable
from windtunnel.quant.result import Output, Result


def solve(values: Values) -> Result:
    """Means and percentiles. Raises Unstable."""
    arrivals, service = values["arrivals"], values["service"]
    rho = check_stable(arrivals, service)
    gap = service - arrivals
    outputs = steady(rho, rho, rho / gap, 1 / service, arrivals)
    outputs += [
        Output("wait-p99", "wait, 99th percentile", max(0.0, log(rho / 0.01) / gap), "s"),
        Output("response-p50", "response, median", log(2) / gap, "s"),
        Output("response-p99", "response, 99th percentile", log(100) / gap, "s"),
    ]
    charts = [wait_by_load(rho, lambda x: x / (1 - x) / service), distribution("response time", lambda t: exp(-gap * t), 6 / gap)]
    return Result(outputs, charts, ["For several servers use mmc: one pool of c servers waits far less than c single ones."])


CALCULATOR = Calculator(
    name="mm1",
    title="M/M/1 queue",
    group="queueing",
    inputs=(
        ARRIVALS,
        SERVICE.with_default(100.0),
    ),
    formula="rho = lambda/mu\nWq = rho/(mu - lambda),  W = 1/(mu - lambda),  Lq = lambda Wq\nP(T > t) = exp(-(mu - lambda) t)",
    source="Erlang 1909; Kleinrock, Queueing Systems 1, 1975, chapter 3",
    assumptions=(
        "Poisson arrivals",
        "exponential service times",
        "one server, first come first served",
        "endless room, nobody leaves",
    ),
    solve=solve,
    main="wait",
    rows=("QUAN-02",),
)

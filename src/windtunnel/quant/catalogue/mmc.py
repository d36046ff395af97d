"""M/M/c: one queue, c servers (Erlang C)."""

from __future__ import annotations

from windtunnel.quant.calculator import Calculator, Values
from windtunnel.quant.loads import ARRIVALS, SERVERS, SERVICE, distribution, steady, wait_by_load
from windtunnel.quant.queueing import (
    check_stable,
    erlang_c,
    mmc_response_quantile_s,
    mmc_response_tail,
    mmc_wait_quantile_s,
    mmc_wait_s,
)
from windtunnel.quant.result import Output, Result

CURVE_SERVERS_MAX = 2000
"""The curve of the load takes fifty evaluations of c steps each: above this it would take seconds."""


def solve(values: Values) -> Result:
    """Means and percentiles. Raises Unstable."""
    arrivals, service, servers = values["arrivals"], values["service"], values["servers"]
    rho = check_stable(arrivals, service, servers)
    waiting = erlang_c(servers, arrivals / service)
    outputs = steady(rho, waiting, mmc_wait_s(arrivals, service, servers), 1 / service, arrivals)
    high = mmc_response_quantile_s(arrivals, service, servers, 0.99)
    outputs += [
        Output("wait-p99", "wait, 99th percentile", mmc_wait_quantile_s(arrivals, service, servers, 0.99), "s"),
        Output("response-p50", "response, median", mmc_response_quantile_s(arrivals, service, servers, 0.5), "s"),
        Output("response-p99", "response, 99th percentile", high, "s"),
    ]
    charts = [distribution("response time", mmc_response_tail(arrivals, service, servers), 1.5 * high)]
    if servers <= CURVE_SERVERS_MAX:
        charts.insert(0, wait_by_load(rho, lambda x: mmc_wait_s(x * servers * service, service, servers)))
    notes = [f"{arrivals / service:.4g} erlangs are offered: that many servers are busy on average."]
    return Result(outputs, charts, notes)


CALCULATOR = Calculator(
    name="mmc",
    title="M/M/c queue (Erlang C)",
    group="queueing",
    inputs=(ARRIVALS, SERVICE, SERVERS),
    formula=(
        "a = lambda/mu,  rho = a/c\n"
        "B(0) = 1,  B(k) = a B(k-1)/(k + a B(k-1)),  C = B(c)/(1 - rho (1 - B(c)))\n"
        "Wq = C/(c mu - lambda),  P(Wq > t) = C exp(-(c mu - lambda) t),  W = Wq + 1/mu,  L = lambda W"
    ),
    source="Erlang 1917; Kleinrock, Queueing Systems 1, 1975, chapter 3",
    assumptions=(
        "Poisson arrivals",
        "exponential service times",
        "one queue for all servers, first come first served",
        "endless room",
    ),
    solve=solve,
    main="wait",
    rows=("QUAN-02",),
)

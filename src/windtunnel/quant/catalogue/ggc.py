"""G/G/c: any arrivals, any service, c servers: the approximation of Allen and Cunneen."""

from __future__ import annotations

from windtunnel.quant.calculator import Calculator, Input, Values
from windtunnel.quant.loads import ARRIVALS, SERVERS, SERVICE, wait_by_load
from windtunnel.quant.queueing import check_stable, ggc_wait_s
from windtunnel.quant.result import Output, Result

TOLERANCE = 0.25
"""What the approximation claims, as a share of the wait: Allen and Cunneen report 10 % in heavy traffic, more in light."""


def solve(values: Values) -> Result:
    """Means. Raises Unstable."""
    arrivals, service, servers = values["arrivals"], values["service"], values["servers"]
    rho = check_stable(arrivals, service, servers)
    ca, cs = values["ca"], values["cs"]
    wait_s = ggc_wait_s(arrivals, service, servers, ca=ca, cs=cs)
    outputs = [
        Output("load", "load of a server, rho", rho, "fraction"),
        Output("wait", "mean wait in queue, Wq (approximate)", wait_s, "s"),
        Output("response", "mean response time, W", wait_s + 1 / service, "s"),
        Output("waiting", "mean number waiting, Lq", arrivals * wait_s),
        Output("in-system", "mean number in the system, L", arrivals * wait_s + arrivals / service),
    ]

    def at(load: float) -> float:
        return ggc_wait_s(load * servers * service, service, servers, ca=ca, cs=cs)

    note = (
        f"An approximation: exact for ca = cs = 1 and for M/G/1, else trusted to {TOLERANCE:.0%} of the wait; --check simulates "
        "renewal arrivals and services with these two moments, and says when it is further off."
    )
    return Result(outputs, [wait_by_load(rho, at)], [note])


CALCULATOR = Calculator(
    name="ggc",
    title="G/G/c queue (Allen-Cunneen)",
    group="queueing",
    inputs=(
        ARRIVALS,
        SERVICE,
        SERVERS.with_limit(2000),
        Input(
            "ca", "coefficient of variation of the gaps between arrivals", "", 0.0, 10.0, 1.0, what="1 for Poisson, 0 for a clock"
        ),
        Input("cs", "coefficient of variation of the service time", "", 0.0, 10.0, 1.5, what="standard deviation over mean"),
    ),
    formula="Wq = Wq(M/M/c) (ca^2 + cs^2)/2,  W = Wq + 1/mu,  L = lambda W",
    source="Allen, Probability, Statistics and Queueing Theory, 2nd ed. 1990; for c = 1 Kingman 1961",
    assumptions=("gaps and service times are independent of each other and of the past", "one queue, first come first served"),
    solve=solve,
    main="wait",
    rows=("QUAN-02",),
)

"""M/M/c/K: c servers and a bounded queue; what finds it full is turned away."""

from __future__ import annotations

from windtunnel.quant.calculator import Calculator, Input, Values
from windtunnel.quant.errors import QuantError
from windtunnel.quant.loads import ARRIVALS, SERVERS, SERVICE
from windtunnel.quant.queueing import mmck
from windtunnel.quant.result import Chart, Output, Result, Series

ROOM_MAX = 100_000
"""Every place is a step of the sum, at each of the forty points of the curve."""


def solve(values: Values) -> Result:
    """Any load is allowed: the bound on the queue makes a steady state."""
    arrivals, service, servers, room = (values[name] for name in ("arrivals", "service", "servers", "room"))
    if room < servers:
        raise QuantError(
            f"room: expected at least as many places as servers ({servers}), for K counts those in service; got {room}"
        )
    blocked, waiting, p_wait = mmck(arrivals, service, servers, room)
    admitted = arrivals * (1 - blocked)
    wait_s = waiting / admitted
    outputs = [
        Output("offered", "offered load, lambda/(c mu)", arrivals / (servers * service), "fraction"),
        Output("load", "load of a server", admitted / (servers * service), "fraction"),
        Output("p-block", "share turned away", blocked, "fraction"),
        Output("p-wait", "share of the admitted who wait", p_wait, "fraction"),
        Output("throughput", "admitted and served", admitted, "1/s"),
        Output("wait", "mean wait of the admitted", wait_s, "s"),
        Output("response", "mean response time of the admitted", wait_s + 1 / service, "s"),
        Output("waiting", "mean number waiting", waiting),
        Output("in-system", "mean number in the system", waiting + admitted / service),
    ]
    rooms = sorted({servers + round((room - servers) * i / 20) for i in range(41)})
    series: list[Series] = [("share turned away", list(rooms), [mmck(arrivals, service, servers, k)[0] for k in rooms])]
    chart = Chart("line", "share turned away over room", "room K", "share turned away", series, "", "fraction")
    return Result(outputs, [chart], ["More room turns fewer away and lets the admitted wait longer."])


CALCULATOR = Calculator(
    name="mmck",
    title="M/M/c/K queue (bounded)",
    group="queueing",
    inputs=(
        ARRIVALS,
        SERVICE,
        SERVERS.with_limit(ROOM_MAX),
        Input("room", "places in service and queue, K", "", 1, ROOM_MAX, 20, kind="whole"),
    ),
    formula=(
        "a = lambda/mu,  p(n) = a p(n-1)/min(n, c) for n <= K\n"
        "p(K) are turned away,  Lq = sum (n - c) p(n),  Wq = Lq/(lambda (1 - p(K)))"
    ),
    source="Kleinrock, Queueing Systems 1, 1975, chapter 3",
    assumptions=("Poisson arrivals", "exponential service times", "who finds K inside is gone and does not retry"),
    solve=solve,
    main="p-block",
    rows=("QUAN-02",),
)

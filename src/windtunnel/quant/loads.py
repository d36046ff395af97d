"""What the declarations of the queueing calculators share: inputs, curves, notes. Not a calculator."""

from __future__ import annotations

from collections.abc import Callable
from math import inf

from windtunnel.quant.calculator import Input
from windtunnel.quant.errors import QuantError
from windtunnel.quant.result import Chart, Output, Series

SERVERS_MAX = 1_000_000

ARRIVALS = Input("arrivals", "arrival rate, lambda", "1/s", 0.0, 1e12, 80.0, above=True)
SERVICE = Input(
    "service", "service rate of one server, mu", "1/s", 0.0, 1e12, 12.0, above=True, what="one over the mean service time"
)
SERVERS = Input("servers", "servers, c", "", 1, SERVERS_MAX, 8, kind="whole")


def steady(load: float, waiting: float, wait_s: float, service_s: float, arrivals_per_s: float) -> list[Output]:
    """The five figures that every queue has; all but the wait follow from Little's law. waiting: share of arrivals that wait."""
    response_s = wait_s + service_s
    return [
        Output("load", "load of a server, rho", load, "fraction"),
        Output("p-wait", "share of arrivals that wait", waiting, "fraction"),
        Output("wait", "mean wait in queue, Wq", wait_s, "s"),
        Output("response", "mean response time, W", response_s, "s"),
        Output("waiting", "mean number waiting, Lq", arrivals_per_s * wait_s),
        Output("in-system", "mean number in the system, L", arrivals_per_s * response_s),
    ]


def wait_by_load(load: float, wait_at: Callable[[float], float]) -> Chart:
    """The curve of the mean wait over the load, up to 98 %. wait_at: the wait, seconds, at a load."""
    loads = [i / 50 for i in range(1, 50)]
    series: list[Series] = [("mean wait", list(loads), [_or_nothing(wait_at, x) for x in loads])]
    series.append(("here", [load], [_or_nothing(wait_at, load)]))
    return Chart("line", "mean wait over load", "load of a server", "mean wait", series, "fraction", "s")


def _or_nothing(wait_at: Callable[[float], float], load: float) -> float:
    try:
        return wait_at(load)
    except QuantError:
        return inf


def distribution(title: str, tail: Callable[[float], float], upper_s: float) -> Chart:
    """A cumulative distribution from P(T > t), in 60 steps up to `upper_s`."""
    times = [upper_s * i / 60 for i in range(61)]
    series: list[Series] = [("share within", list(times), [1.0 - tail(t) for t in times])]
    return Chart("cdf", title, "time", "share of arrivals", series, "s", "fraction")

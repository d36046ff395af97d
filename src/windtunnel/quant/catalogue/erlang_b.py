"""Erlang B: how many lines, connections or slots, when nobody waits."""

from __future__ import annotations

from windtunnel.quant.calculator import Calculator, Values
from windtunnel.quant.loads import ARRIVALS, SERVERS, SERVICE
from windtunnel.quant.queueing import erlang_b
from windtunnel.quant.result import Chart, Output, Result, Series


def solve(values: Values) -> Result:
    """Any load is allowed: what finds no server is gone."""
    arrivals, service, servers = values["arrivals"], values["service"], values["servers"]
    offered = arrivals / service
    blocked = erlang_b(servers, offered)
    carried = offered * (1 - blocked)
    outputs = [
        Output("offered", "offered traffic, erlangs", offered),
        Output("p-block", "share turned away", blocked, "fraction"),
        Output("carried", "carried traffic: servers busy on average", carried),
        Output("throughput", "admitted and served", arrivals * (1 - blocked), "1/s"),
        Output("load", "load of a server", carried / servers, "fraction"),
    ]
    counts = sorted({max(1, round(servers * i / 20)) for i in range(1, 41)})
    series: list[Series] = [("share turned away", list(counts), [erlang_b(c, offered) for c in counts])]
    chart = Chart("line", "share turned away over servers", "servers", "share turned away", series, "", "fraction")
    return Result(outputs, [chart], ["Depends on the mean of the service time only, not on its distribution (insensitivity)."])


CALCULATOR = Calculator(
    name="erlang-b",
    title="Erlang B (loss system)",
    group="queueing",
    inputs=(ARRIVALS, SERVICE, SERVERS),
    formula="a = lambda/mu\nB(0) = 1,  B(k) = a B(k-1)/(k + a B(k-1)),  blocked = B(c)",
    source="Erlang 1917; Kleinrock, Queueing Systems 1, 1975, chapter 3; insensitivity: Sevastyanov 1957",
    assumptions=("Poisson arrivals", "any service time with a finite mean", "who finds no server is gone and does not retry"),
    solve=solve,
    main="p-block",
    rows=("QUAN-02",),
)

"""Capacity plan: the fewest servers that keep the latency objective after a loss, month by month, and what binds."""

from __future__ import annotations

from math import ceil, exp, inf

from windtunnel.quant.calculator import Calculator, Input, Values
from windtunnel.quant.errors import QuantError, Unstable
from windtunnel.quant.queueing import mmc_response_quantile_s, mmc_wait_s
from windtunnel.quant.result import Chart, Output, Result

CORES_MAX = 200_000


def demand(values: Values, month: int) -> float:
    """Peak requests a second at the end of a month; month 0 is now."""
    now, growth = values["arrivals"], values["growth"]
    match values["model"]:
        case "linear":
            return float(now * (1.0 + growth * month))
        case "logistic":
            # Begins like the exponential and levels off at `limit` times today's demand.
            limit = values["limit"]
            return float(now * limit / (1.0 + (limit - 1.0) * exp(-growth * month * limit / max(limit - 1.0, 1e-9))))
        case _:
            return float(now * (1.0 + growth) ** month)


def meets(values: Values, arrivals: float, cores: int) -> bool:
    """Whether M/M/cores keeps the objective at that load."""
    try:
        return bool(mmc_response_quantile_s(arrivals, 1.0 / values["service"], cores, 0.99) <= values["objective"])
    except Unstable:
        return False


def servers_for(values: Values, arrivals: float) -> tuple[int, str]:
    """(servers that must survive, what binds): the largest of the needs by latency, by utilization and by memory."""
    cores = values["cores"]
    offered = arrivals * values["service"]
    by_load = ceil(offered / (cores * values["utilization"]) - 1e-9)
    if offered > CORES_MAX:
        raise QuantError(f"arrivals: expected a load that {CORES_MAX:,} cores can carry; got {offered:,.0f} busy cores")
    low = int(offered) // cores + 1
    step = 1
    while not meets(values, arrivals, (low + step - 1) * cores):
        step *= 2
    before, low = low - 1 + step // 2 if step > 1 else low - 1, low + step - 1
    while low - before > 1:  # `before` misses the objective, `low` keeps it
        middle = (low + before) // 2
        if meets(values, arrivals, middle * cores):
            low = middle
        else:
            before = middle
    by_latency = low
    flight = arrivals * (values["service"] + mmc_wait_s(arrivals, 1.0 / values["service"], max(low, by_load) * cores))
    room = values["memory"] - values["memory-base"]
    by_memory = ceil(flight * values["memory-request"] / room - 1e-9) if values["memory-request"] else 1
    needs = {"latency": by_latency, "utilization": by_load, "memory": by_memory}
    needed = max(needs.values())
    return needed, next(name for name in ("utilization", "latency", "memory") if needs[name] == needed)


def with_spare(values: Values, needed: int) -> int:
    """The servers to have so that `needed` are left after the loss of a zone, and of `spare` more."""
    zones = values["zones"]
    total = needed
    if zones > 1:
        while total - ceil(total / zones) < needed:
            total += 1
    return total + int(values["spare"])


def solve(values: Values) -> Result:
    """Month by month. Raises QuantError when no number of servers can keep the objective."""
    floor = 4.605170185988091 * values["service"]  # ln 100: the 99th percentile of the service alone
    if values["objective"] <= floor:
        raise QuantError(
            f"objective: expected more than {floor * 1000:.4g} ms, the 99th percentile of the service alone: no number of "
            f"servers helps; got {values['objective'] * 1000:.4g} ms"
        )
    if values["memory-base"] >= values["memory"]:
        raise QuantError("memory-base: expected less than the memory of a server; nothing is left for requests")
    months = list(range(values["months"] + 1))
    plan = [servers_for(values, demand(values, month)) for month in months]
    totals = [with_spare(values, needed) for needed, _why in plan]
    price = values["price"]
    owned = values["owned"]
    exhausted = next((float(m) for m, total in zip(months, totals, strict=True) if total > owned), inf) if owned else inf
    loads = demand(values, values["months"])
    use = values["arrivals"] * values["service"] / (totals[0] * values["cores"])
    outputs = [
        Output("servers-now", "servers to have now", totals[0]),
        Output("needed-now", "servers that must be left after a loss", plan[0][0]),
        Output("binds-now", "what binds now", plan[0][1]),
        Output("servers-last", "servers to have at the end", totals[-1]),
        Output("binds-last", "what binds then", plan[-1][1]),
        Output("demand-last", "peak demand at the end", loads, "1/s"),
        Output("cost-now", "cost now", totals[0] * price, "$/month"),
        Output("cost-total", "cost of the whole time", sum(totals[1:]) * price, "$"),
        Output("exhausted", "month in which the owned servers no longer do", exhausted, "months"),
        Output("utilization-now", "load of a core with all servers up", use, "fraction"),
    ]
    chart = Chart(
        "line", "servers to have, by month", "month", "servers", [("servers", list(months), [float(t) for t in totals])]
    )
    costs = Chart("line", "cost by month", "month", "cost", [("cost", list(months), [t * price for t in totals])], "", "$")
    notes = [f"Month by month: {', '.join(f'{m}: {t} ({why})' for m, t, (_n, why) in zip(months, totals, plan, strict=True))}."]
    return Result(outputs, [chart, costs], notes)


CALCULATOR = Calculator(
    name="capacity",
    title="Capacity plan",
    group="scaling",
    inputs=(
        Input("arrivals", "peak demand now", "1/s", 0.0, 1e9, 1000.0, above=True),
        Input("service", "processor time of a request", "s", 0.0, 1e6, 0.02, above=True),
        Input("cores", "cores of a server", "", 1, 1024, 4, "whole"),
        Input("objective", "99 % of requests take at most", "s", 0.0, 1e6, 0.15, above=True),
        Input("utilization", "highest load of a core", "fraction", 0.0, 1.0, 0.7, above=True, below=True),
        Input("growth", "growth a month", "fraction", -0.5, 1.0, 0.05),
        Input("model", "how it grows", "", 0, 0, "exponential", "choice", ("linear", "exponential", "logistic")),
        Input("limit", "logistic: where it levels off, times today", "", 1.0, 1e6, 5.0, above=True),
        Input("months", "months to plan", "months", 0, 120, 12, "whole"),
        Input("zones", "zones, one of which may be lost", "", 1, 100, 3, "whole", what="1: no loss of a zone"),
        Input("spare", "further servers that may be lost", "", 0, 10000, 1, "whole"),
        Input("memory", "memory of a server", "B", 0.0, 1e15, 16e9, above=True),
        Input("memory-base", "of which the program itself takes", "B", 0.0, 1e15, 2e9),
        Input("memory-request", "memory of a request in flight", "B", 0.0, 1e15, 20e6),
        Input("price", "price of a server", "$/month", 0.0, 1e9, 140.0),
        Input("owned", "servers that are there already", "", 0, 1e7, 0, "whole", what="0: not asked"),
    ),
    formula=(
        "fewest c: P99 of M/M/c (cores) <= objective, load <= highest load, requests in flight (L = lambda W) fit in memory\n"
        "servers: so many that c are left after the loss of a zone and of the spare ones;  exponential: d (1 + g)^m"
    ),
    source="Erlang C as in mmc; Gunther, Guerrilla Capacity Planning, 2007",
    assumptions=(
        "the balancer gives a request to a free core, if there is one, of any server",
        "Poisson arrivals at the peak, exponential service",
        "memory is for requests in flight, not for requests a second",
    ),
    solve=solve,
    main="cost-total",
    rows=("QUAN-05",),
)

"""The oracle of the capacity plan: the queue simulated with the planned cores, and with one server fewer."""

from __future__ import annotations

from math import inf

from windtunnel.calculators.station import observe
from windtunnel.quant.agreement import Row
from windtunnel.quant.calculator import Evidence, Values
from windtunnel.quant.intervals import CONFIDENCE, mean_interval
from windtunnel.quant.result import Result


def capacity(values: Values, result: Result, seed: int, length: float) -> Evidence:
    """After the loss the objective holds; where latency binds, one server fewer misses it."""
    needed = int(result.number("needed-now"))
    rows = [_look("needed-now", values, needed, seed, length, holds=True)]
    if result.output("binds-now").value == "latency" and needed > 1:
        rows.append(_look("one fewer", values, needed - 1, seed + 1, length, holds=False))
    how = f"The queue after the loss, simulated: its 99th percentile against the objective; intervals of {CONFIDENCE:.1%}."
    return rows, how


def _look(name: str, values: Values, servers: int, seed: int, length: float, *, holds: bool) -> Row:
    """A row: the objective stands under "formula", the simulated percentile under "observed"."""
    cores = servers * values["cores"]
    goal = values["objective"]
    if values["arrivals"] * values["service"] >= cores:
        why = "unstable, so it cannot hold"
        return Row(output=name, formula=goal, observed=inf, low=inf, high=inf, agrees=not holds, unit="s", why=why)
    seen = observe(
        arrivals_per_s=values["arrivals"], services_per_s=1.0 / values["service"], servers=cores, seed=seed, length=length
    )
    if seen is None:
        why = "too many cores for a simulation of seconds"
        return Row(output=name, formula=goal, observed=float("nan"), low=0.0, high=inf, agrees=None, unit="s", why=why)
    mean, half = mean_interval(seen.response_p99_s)
    low, high = mean - half, mean + half
    said = "holds" if mean <= goal else "missed"
    agrees = True if (high <= goal if holds else low > goal) else None if low <= goal <= high else False
    why = (
        f"{servers} servers: {said}"
        if agrees is not None
        else f"{servers} servers: so near the objective that the interval contains it"
    )
    return Row(output=name, formula=goal, observed=mean, low=low, high=high, agrees=agrees, unit="s", why=why)

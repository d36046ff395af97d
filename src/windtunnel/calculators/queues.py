"""Oracles of the queueing calculators: the simulated queue, and the balance equations solved state by state."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil, exp, expm1, inf, lgamma, log

from windtunnel.calculators.station import Seen, observe
from windtunnel.quant.agreement import Row, exact, within
from windtunnel.quant.calculator import Evidence, Values
from windtunnel.quant.catalogue.ggc import TOLERANCE
from windtunnel.quant.intervals import CONFIDENCE, mean_interval
from windtunnel.quant.queueing import balance_equations
from windtunnel.quant.result import Result

EVENTS_MIN = 400
"""Fewer customers who waited, or were turned away, say nothing about a mean: rows that depend on them are left open."""
STATES_MAX = 200_000
BALANCE = "balance equations"
WORK_MAX = 3_000_000
SLOW = "the load is too near 1, or the servers are too many, for a simulation of seconds: the queue forgets too slowly"
RARE = {"p-wait", "wait", "waiting", "wait-p99", "p-block"}
PERCENTILES = {"wait-p99", "response-p50", "response-p99"}
FIELDS = {
    "arrivals": "arrivals_per_s",
    "throughput": "served_per_s",
    "p-wait": "p_wait",
    "p-block": "p_block",
    "wait": "wait_s",
    "response": "response_s",
    "waiting": "waiting",
    "in-system": "inside",
    "items": "inside",
    "time": "response_s",
    "carried": "inside",
    "wait-p99": "wait_p99_s",
    "response-p50": "response_p50_s",
    "response-p99": "response_p99_s",
}


def _rows(result: Result, seen: Seen | None, names: Sequence[str], slack: float = 0.0) -> list[Row]:
    """One row for each output in `names`. slack: what the formula itself claims, in the unit of the output."""
    rows = []
    for name in names:
        output = result.output(name)
        value = result.number(name)
        why = SLOW if seen is None else _too_few(name, seen)
        if why or seen is None:
            rows.append(_open(name, value, output.unit, why))
            continue
        mean, half = mean_interval(getattr(seen, FIELDS[name]))
        rows.append(within(name, value, mean, half, unit=output.unit, slack=slack))
    return rows


def _too_few(name: str, seen: Seen) -> str:
    """Why the events that the output depends on were too few for a mean, or ""."""
    if name not in RARE:
        return ""
    admitted = seen.customers - seen.blocked
    events, what = (seen.blocked, "were turned away") if name == "p-block" else (seen.waited, "waited")
    others = seen.customers - events if name == "p-block" else admitted - events
    if events < EVENTS_MIN:
        return f"only {events} of {seen.customers} customers {what}"
    return (
        f"all but {others} of {seen.customers} customers {what}" if others < EVENTS_MIN and name in ("p-block", "p-wait") else ""
    )


def _open(name: str, value: float, unit: str, why: str) -> Row:
    return Row(output=name, formula=value, observed=float("nan"), low=0.0, high=inf, agrees=None, unit=unit, why=why)


def _how(seen: Seen | None, what: str) -> str:
    if seen is None:
        return f"{what}; not simulated."
    return (
        f"{what}, simulated event by event: {seen.customers} customers in 20 batches after a warm-up of one; "
        f"intervals of {CONFIDENCE:.1%} from the means of the batches."
    )


def _balance_rows(result: Result, values: Values, servers: int, room: int) -> list[Row]:
    """What the balance equations give, without any closed form."""
    if room > STATES_MAX:
        return []
    arrivals, service = values["arrivals"], values["service"]
    states, first = balance_equations(arrivals, service, servers, room)
    numbered = list(enumerate(states, first))
    waiting = sum((n - servers) * p for n, p in numbered if n > servers)
    inside = sum(n * p for n, p in numbered)
    full = sum(p for n, p in numbered if n == room)
    busy = sum(p for n, p in numbered if servers <= n < room)
    admitted = arrivals * (1.0 - full)
    found = {"waiting": waiting, "in-system": inside, "carried": inside, "p-block": full, "throughput": admitted}
    found |= {"wait": waiting / admitted, "response": inside / admitted, "p-wait": busy / (1.0 - full)}
    names = [output.name for output in result.outputs if output.name in found]
    return [
        exact(name, result.number(name), found[name], by=BALANCE, unit=result.output(name).unit, tolerance=1e-7) for name in names
    ]


def _percentile_rows(result: Result, values: Values, servers: int, names: Sequence[str]) -> list[Row]:
    """Percentiles from the states: who finds n >= c inside waits for n - c + 1 departures, a Poisson count of rate c mu."""
    service = values["service"]
    states, first = balance_equations(values["arrivals"], service, servers, _tail_room(values, servers))
    queue = [p for n, p in enumerate(states, first) if n >= servers and p > 1e-14]
    steps = 100
    if len(queue) * steps * 3 * len(names) > WORK_MAX:
        return []

    def wait_tail(t_s: float) -> float:
        mean = servers * service * t_s
        below, total = 0.0, 0.0
        for j, p in enumerate(queue):
            below += exp(j * log(mean) - mean - lgamma(j + 1)) if mean > 0.0 else float(j == 0)
            total += p * min(below, 1.0)
        return total

    def response_tail(t_s: float) -> float:
        # P(T > t) = P(S > t) + integral over s < t of mu exp(-mu s) P(Wq > t - s): Simpson over v, where exp(-mu s) = (1 - v)^3,
        # which makes the integrand smooth at the end.
        top = -expm1(-service * t_s / 3.0)
        total = 0.0
        for i in range(steps + 1):
            left = 1.0 - top * i / steps
            weight = (1.0 if i in (0, steps) else 4.0 if i % 2 else 2.0) * 3.0 * left * left
            total += weight * wait_tail(max(0.0, t_s + 3.0 * log(max(left, 1e-300)) / service))
        return exp(-service * t_s) + total * top / steps / 3.0

    rows = []
    for name in names:
        value = result.number(name)
        target = 0.5 if name.endswith("p50") else 0.01
        tail = wait_tail if name.startswith("wait") else response_tail
        if value == 0.0:
            rows.append(
                Row(output=name, formula=0.0, observed=0.0, low=0.0, high=0.0, agrees=tail(0.0) <= target, unit="s", by=BALANCE)
            )
            continue
        slope = (tail(value * 0.999) - tail(value * 1.001)) / (0.002 * value)
        found = value + (tail(value) - target) / slope
        rows.append(exact(name, value, found, by=BALANCE, unit="s", tolerance=1e-3))
    return rows


def _tail_room(values: Values, servers: int) -> int:
    """A room so large that an endless queue is beyond it less often than 1e-17."""
    ratio = values["arrivals"] / (servers * values["service"])
    places = 40.0 / max(1e-9, 1.0 - ratio) if ratio > 0.01 else 50
    return min(STATES_MAX + 1, servers + ceil(places))


def little(values: Values, result: Result, seed: int, length: float) -> Evidence:
    """A system with that rate and that time, counted three ways: arrivals, times and the number inside are measured apart."""
    _ = values
    arrivals, time_s, items = (result.number(name) for name in ("arrivals", "time", "items"))
    single = items <= 20
    servers = 1 if single else ceil(items + 12 * items**0.5)
    service = arrivals + 1 / time_s if single else 1 / time_s
    seen = observe(arrivals_per_s=arrivals, services_per_s=service, servers=servers, seed=seed, length=length)
    what = "One server that gives this mean time" if single else "So many servers that nobody waits"
    return _rows(result, seen, ("arrivals", "time", "items")), _how(seen, what)


def mm1(values: Values, result: Result, seed: int, length: float) -> Evidence:
    """M/M/1."""
    return mmc({**values, "servers": 1}, result, seed, length)


def mmc(values: Values, result: Result, seed: int, length: float) -> Evidence:
    """M/M/c."""
    servers = values["servers"]
    seen = observe(arrivals_per_s=values["arrivals"], services_per_s=values["service"], servers=servers, seed=seed, length=length)
    names = [output.name for output in result.outputs if output.name in FIELDS]
    rows = _rows(result, seen, names) + _balance_rows(result, values, servers, _tail_room(values, servers))
    open_ones = [row.output for row in rows if row.agrees is None and row.output in PERCENTILES]
    if open_ones and (seen is None or length > 1.0):
        rows += _percentile_rows(result, values, servers, open_ones)
    return rows, _how(seen, f"M/M/{servers}")


def mmck(values: Values, result: Result, seed: int, length: float) -> Evidence:
    """M/M/c/K."""
    servers, room = values["servers"], values["room"]
    seen = observe(
        arrivals_per_s=values["arrivals"],
        services_per_s=values["service"],
        servers=servers,
        room=room,
        seed=seed,
        length=length,
    )
    names = ("p-block", "p-wait", "throughput", "wait", "response", "waiting", "in-system")
    rows = _rows(result, seen, names) + _balance_rows(result, values, servers, room)
    return rows, _how(seen, f"M/M/{servers}/{room}")


def loss(values: Values, result: Result, seed: int, length: float) -> Evidence:
    """M/G/c/c with constant service times: Erlang B holds for any distribution, so the check takes another one than Erlang's."""
    servers = values["servers"]
    seen = observe(
        arrivals_per_s=values["arrivals"],
        services_per_s=values["service"],
        servers=servers,
        room=servers,
        cs=0.0,
        seed=seed,
        length=length,
    )
    rows = _rows(result, seen, ("p-block", "carried", "throughput")) + _balance_rows(result, values, servers, servers)
    return rows, _how(seen, f"M/D/{servers}/{servers} (constant service times: the formula holds for any)")


def mg1(values: Values, result: Result, seed: int, length: float) -> Evidence:
    """M/G/1 with a service of these two moments."""
    seen = observe(
        arrivals_per_s=values["arrivals"],
        services_per_s=values["service"],
        servers=1,
        cs=values["cs"],
        seed=seed,
        length=length,
    )
    rows = _rows(result, seen, ("p-wait", "wait", "response", "waiting", "in-system"))
    return rows, _how(seen, f"M/G/1 with {_named(values['cs'])} service")


def ggc(values: Values, result: Result, seed: int, length: float) -> Evidence:
    """G/G/c with gaps and services of these moments; the formula is given its own tolerance."""
    seen = observe(
        arrivals_per_s=values["arrivals"],
        services_per_s=values["service"],
        servers=values["servers"],
        ca=values["ca"],
        cs=values["cs"],
        seed=seed,
        length=length,
    )
    wait_s = result.number("wait")
    rows = _rows(result, seen, ("wait", "response"), TOLERANCE * wait_s)
    rows += _rows(result, seen, ("waiting", "in-system"), TOLERANCE * wait_s * values["arrivals"])
    what = f"G/G/{values['servers']} with {_named(values['ca'])} gaps and {_named(values['cs'])} service"
    return rows, f"{_how(seen, what)} The approximation is given {TOLERANCE:.0%} beside them."


def _named(variation: float) -> str:
    if variation in (0.0, 1.0):
        return "exponential" if variation else "constant"
    return f"{'hyperexponential' if variation > 1 else 'Erlang-mixture'} (cv {variation:g})"

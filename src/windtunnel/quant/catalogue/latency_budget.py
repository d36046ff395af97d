"""Latency of a call graph, percentile by percentile, against a budget."""

from __future__ import annotations

from functools import lru_cache
from math import sqrt
from typing import Any

from windtunnel.base.streams import busy_stream
from windtunnel.quant.agreement import Row, within
from windtunnel.quant.calculator import Calculator, Evidence, Input, Values
from windtunnel.quant.call_graphs import Step, hops_of, read_graph, steps_of
from windtunnel.quant.intervals import CONFIDENCE, mean_interval, normal_quantile, share_interval
from windtunnel.quant.result import Chart, Output, Result

TRIALS = 40_000
HOPS_MAX = 12
SHARES = {"p50": 0.5, "p90": 0.9, "p99": 0.99, "p999": 0.999}


@lru_cache(maxsize=8)  # a slider of the budget asks for the same graph again and again
def _distribution(text: str) -> tuple[Step, Any, Any]:
    """(graph, grid, masses on it) of a text."""
    from windtunnel.quant.latency import Grid, longest_s  # noqa: PLC0415 - loads numpy

    graph = read_graph(text)
    grid = Grid(longest_s(graph))
    return graph, grid, grid.of(graph)


def solve(values: Values) -> Result:
    """On a grid: no sampling."""
    graph, grid, masses = _distribution(values["graph"])
    budget, share = values["budget"], values["share"]
    there = grid.quantile_s(masses, share)
    outputs = [Output("mean", "mean", grid.mean_s(masses), "s")]
    outputs += [Output(name, f"{100 * p:g} % take at most", grid.quantile_s(masses, p), "s") for name, p in SHARES.items()]
    outputs += [
        Output("within", "share of requests within the budget", grid.within(masses, budget), "fraction"),
        Output("left", f"budget left at {100 * share:g} %", budget - there, "s"),
    ]
    hops = hops_of(graph)
    saved = []
    for i, hop in enumerate(hops[:HOPS_MAX]):
        rest = tuple(other for j, other in enumerate(hops) if j != i)
        without = grid.quantile_s(grid.of(Step("sum", steps=rest)), share) if rest else 0.0
        saved.append((hop.label or f"hop {i + 1}", there - without))
    times = [grid.step_s * i * 128 for i in range(64)]
    cdf = Chart("cdf", "latency of a request", "time", "share of requests", [], "s", "fraction")
    cdf.series.append(("share within", list(times), [grid.within(masses, t) for t in times]))
    bars = Chart("bar", f"what each hop adds to the {100 * share:g} % latency", "hop", "time", [], "", "s")
    bars.series.append(("added", [name for name, _ in saved], [value for _, value in saved]))
    notes = ["What the hops add does not sum to the whole: percentiles do not add up, means do."]
    return Result(outputs, [cdf, bars], notes)


def oracle(values: Values, result: Result, seed: int) -> Evidence:
    """Single requests, drawn step by step."""
    from windtunnel.quant.latency import Grid, longest_s, sampler  # noqa: PLC0415 - loads numpy

    graph = read_graph(values["graph"])
    step_s = Grid(longest_s(graph)).step_s
    trials = max(1000, min(TRIALS, TRIALS * 40 // steps_of(graph)))
    draw = sampler(graph, busy_stream(seed, "requests").random)
    times = sorted(draw() for _ in range(trials))
    z = normal_quantile(CONFIDENCE)
    rows: list[Row] = []
    mean, half = mean_interval(times)
    rows.append(within("mean", result.number("mean"), mean, half, unit="s", by="Monte Carlo", slack=step_s))
    for name, p in SHARES.items():
        spread = z * sqrt(trials * p * (1 - p))
        low, high = (times[max(0, min(trials - 1, round(trials * p + sign * spread)))] for sign in (-1, 1))
        middle = times[int(trials * p)]
        agrees = low - 2 * step_s <= result.number(name) <= high + 2 * step_s
        rows.append(
            Row(
                output=name,
                formula=result.number(name),
                observed=middle,
                low=low,
                high=high,
                agrees=agrees,
                unit="s",
                by="Monte Carlo",
            )
        )
    inside = sum(t <= values["budget"] for t in times)
    share, low, high = share_interval(inside, trials)
    slack = sum(abs(t - values["budget"]) <= step_s for t in times) / trials
    rows.append(
        within(
            "within",
            result.number("within"),
            share,
            max(high - share, share - low),
            unit="fraction",
            by="Monte Carlo",
            slack=slack,
        )
    )
    return rows, f"{trials} requests drawn step by step; intervals of {CONFIDENCE:.1%}; the grid adds {step_s * 1000:.3g} ms."


CALCULATOR = Calculator(
    name="latency-budget",
    title="Latency budget of a call graph",
    group="latency",
    inputs=(
        Input(
            "graph",
            "what a request does",
            "",
            0,
            0,
            "gateway: 2ms + all(user: exp(5ms), cart: exp(8ms)) + db: hedge(lognormal(4ms, 60ms), 15ms)",
            "text",
            what="steps with +, all(), any(), fanout(N, x), hedge(x, after); exp(5ms), lognormal(p50, p99), fiber(9km)",
        ),
        Input("budget", "what a request may take", "s", 0.0, 1e9, 0.1, above=True),
        Input("share", "share of requests that must make it", "fraction", 0.0, 1.0, 0.99, above=True, below=True),
    ),
    formula=(
        "one after the other: convolution;  all: F = product of F;  any: 1 - F = product of (1 - F)\n"
        "hedge: 1 - F(t) = S(t) S(t - after);  fan-out of n: F^n, so that 0.99^100 = 37 % of fan-outs meet no slow one"
    ),
    source="Dean & Barroso, 'The tail at scale', CACM 56(2), 2013; light in glass: c over an index of 1.47",
    assumptions=(
        "steps are independent: a shared slow disk breaks this",
        "a hedged call's second try costs capacity, which is not charged",
    ),
    solve=solve,
    main="left",
    oracle=oracle,
    rows=("QUAN-04", "QUAN-24"),
)

"""When does a cached key pay for itself, and what does the cache do to latency?"""

from __future__ import annotations

from windtunnel.base.streams import busy_stream
from windtunnel.quant.agreement import exact, within
from windtunnel.quant.calculator import Calculator, Evidence, Input, Values
from windtunnel.quant.intervals import mean_interval
from windtunnel.quant.result import Chart, Output, Result

DRAWS = 20_000


def cost(values: Values, keys: float, reads_each: float) -> tuple[float, float]:
    """(without, with) a cache, dollars a month, for `keys` keys of `reads_each` reads a month each."""
    without = keys * reads_each * values["query-cost"]
    return without, keys * values["key-cost"] + without * (1.0 - values["hits"])


def solve(values: Values) -> Result:
    """Costs and means."""
    reads_each = values["reads"] * 730 * 3600 / values["keys"]
    without, with_cache = cost(values, values["keys"], reads_each)
    saved_each = values["query-cost"] * values["hits"]
    even = values["key-cost"] / saved_each if saved_each else float("inf")
    latency = values["hits"] * values["hit-time"] + (1.0 - values["hits"]) * (values["hit-time"] + values["miss-time"])
    outputs = [
        Output("break-even", "reads a key must have in a month to pay for its place", even),
        Output("reads-each", "reads that a key has in a month", reads_each),
        Output("without", "queries without the cache", without, "$/month"),
        Output("with", "queries and cache", with_cache, "$/month"),
        Output("saved", "saved", without - with_cache, "$/month"),
        Output("origin", "queries that still reach the origin", values["reads"] * (1.0 - values["hits"]), "1/s"),
        Output("latency", "mean latency", latency, "s"),
    ]
    shares = [i / 50 for i in range(51)]
    origin = [values["reads"] * (1.0 - share) for share in shares]
    chart = Chart(
        "line",
        "load of the origin over the hit rate",
        "hit rate",
        "queries",
        [("origin", list(shares), origin)],
        "fraction",
        "1/s",
    )
    note = "From 99 % to 98 % hits the origin's load doubles: size it for the day the cache is cold."
    return Result(outputs, [chart], [note])


def oracle(values: Values, result: Result, seed: int) -> Evidence:
    """At the break-even both bills are equal; single reads drawn for the latency."""
    even = result.number("break-even")
    rows = []
    if even < float("inf"):
        without, with_cache = cost(values, 1e6, even)
        rows.append(exact("break-even", without, with_cache, by="both bills", unit="$/month"))
    random = busy_stream(seed, "reads").random
    times = [values["hit-time"] + (0.0 if random() < values["hits"] else values["miss-time"]) for _ in range(DRAWS)]
    mean, half = mean_interval(times)
    rows.append(within("latency", result.number("latency"), mean, half + 1e-15, unit="s", by="Monte Carlo", width_max=9))
    return rows, f"The two bills compared at the break-even; {DRAWS} reads drawn."


CALCULATOR = Calculator(
    name="cache",
    title="What a cache is worth",
    group="money",
    inputs=(
        Input("reads", "reads", "1/s", 0.0, 1e12, 500.0, above=True),
        Input("keys", "keys that are cached", "", 1.0, 1e15, 1e6),
        Input("hits", "share of reads that hit", "fraction", 0.0, 1.0, 0.9),
        Input("key-cost", "a cached key for a month", "$/month", 0.0, 1e6, 5e-7),
        Input("query-cost", "a query of the origin", "$", 0.0, 1e6, 0.001),
        Input("hit-time", "time of a lookup", "s", 0.0, 1e6, 0.001),
        Input("miss-time", "time of the origin, after a miss", "s", 0.0, 1e6, 0.02),
    ),
    formula=(
        "break-even reads = key cost/(query cost * hit rate)\n"
        "load of the origin = reads (1 - hits),  latency = lookup + (1 - hits) origin"
    ),
    source="Gray & Putzolu, 'The 5 minute rule for trading memory for disc accesses', SIGMOD 1987 (the same trade)",
    assumptions=("the hit rate does not depend on the load", "a miss costs a lookup and a query", "keys are read equally often"),
    solve=solve,
    main="saved",
    oracle=oracle,
    rows=("QUAN-12",),
)

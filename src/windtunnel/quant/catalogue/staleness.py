"""How stale are reads from N replicas, and what does freshness cost?"""

from __future__ import annotations

from windtunnel.quant.calculator import Calculator, Input, Values
from windtunnel.quant.errors import QuantError
from windtunnel.quant.intervals import quantile, share_interval
from windtunnel.quant.quorums import draw, miss
from windtunnel.quant.reliability import vote
from windtunnel.quant.result import Chart, Output, Result

TRIALS = 20_000
DRAWS_SEED = 1
"""Of the formula's own draws: the same input gives the same figures."""


def solve(values: Values) -> Result:
    """By drawing WARS delays; intervals of 99.9 % from the number of draws."""
    replicas, reads, writes = values["replicas"], values["reads"], values["writes"]
    if reads > replicas or writes > replicas:
        name = "reads" if reads > replicas else "writes"
        raise QuantError(f"{name}: expected at most as many as replicas ({replicas}); got {values[name]}")
    means = (values["write-delay"], values["ack-delay"], values["read-delay"], values["response-delay"])
    drawn = draw(replicas, reads, writes, means, trials=TRIALS, seed=DRAWS_SEED)
    share, low, high = share_interval(drawn.stale(values["after"]) * TRIALS, TRIALS)
    overlap = reads + writes > replicas
    if overlap:
        low = high = 0.0
    down = 1.0 - values["node"]
    outputs = [
        Output("p-stale", "share of reads that miss the last acknowledged write", share, "fraction", low, high),
        Output("p-stale-at-once", "the same for reads that start at once", drawn.stale(0.0), "fraction"),
        Output("fresh-after", "after this time 99.9 % of reads see it", quantile(drawn.fresh_after_s, 0.999), "s"),
        Output("p-miss", "share that would miss it if writes never spread further", miss(replicas, reads, writes), "fraction"),
        Output("read-p50", "read latency, median", quantile(drawn.read_s, 0.5), "s"),
        Output("read-p99", "read latency, 99th percentile", quantile(drawn.read_s, 0.99), "s"),
        Output("write-p50", "write latency, median", quantile(drawn.write_s, 0.5), "s"),
        Output("write-p99", "write latency, 99th percentile", quantile(drawn.write_s, 0.99), "s"),
        Output("reads-served", "share of time that R replicas are up", 1.0 - vote(reads, [down] * replicas), "fraction"),
        Output("writes-served", "share of time that W replicas are up", 1.0 - vote(writes, [down] * replicas), "fraction"),
    ]
    upper = max(1.5 * values["after"], drawn.fresh_after_s[-1] * 0.7, 1e-6)
    times = [upper * i / 40 for i in range(41)]
    chart = Chart("line", "stale reads over the time since the write", "time since the write", "stale", [], "s", "fraction")
    chart.series.append(("stale", list(times), [drawn.stale(t) for t in times]))
    note = (
        "R + W > N: in a quiet run every read meets the last acknowledged write. That is not linearizability: concurrent and "
        "failed writes, and reads beside them, need an order and a repair as well."
        if overlap
        else "R + W <= N: a read may meet none of the replicas that have acknowledged the write."
    )
    return Result(outputs, [chart], [note])


CALCULATOR = Calculator(
    name="staleness",
    title="Staleness of quorum reads (N, R, W)",
    group="consistency",
    inputs=(
        Input("replicas", "replicas, N", "", 1, 50, 3, "whole"),
        Input("reads", "read quorum, R", "", 1, 50, 1, "whole"),
        Input("writes", "write quorum, W", "", 1, 50, 1, "whole"),
        Input("after", "time from the acknowledged write to the read", "s", 0.0, 1e6, 0.01),
        Input("write-delay", "mean delay of a write to a replica", "s", 0.0, 1e6, 0.01, above=True),
        Input("ack-delay", "mean delay of its acknowledgement", "s", 0.0, 1e6, 0.002, above=True),
        Input("read-delay", "mean delay of a read to a replica", "s", 0.0, 1e6, 0.002, above=True),
        Input("response-delay", "mean delay of its response", "s", 0.0, 1e6, 0.002, above=True),
        Input("node", "availability of a replica", "fraction", 0.0, 1.0, 0.999),
    ),
    formula=(
        "write acknowledged at t(w): the W-th smallest of W(i) + A(i);  a read starts at t(w) + t\n"
        "it is stale if W(i) > t(w) + t + R(i) for each of the R fastest R(i) + S(i)\n"
        "without further spread: C(N-W, R)/C(N, R);  R + W > N: never"
    ),
    source="Bailis et al., 'Probabilistically bounded staleness for practical partial quorums', VLDB 2012",
    assumptions=(
        "exponential delays, independent of each other",
        "every write goes to all N replicas; no read repair, no hinted hand-off, no failure",
        "one write at a time: the read asks for the last one that was acknowledged",
        "replicas fail independently (availability of a quorum)",
    ),
    solve=solve,
    main="p-stale",
    rows=("QUAN-11", "LAWS-15"),
)

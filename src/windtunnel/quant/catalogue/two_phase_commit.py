"""What agreement costs: messages, round trips, time and money of a two-phase commit."""

from __future__ import annotations

from windtunnel.quant.calculator import Calculator, Input, Values
from windtunnel.quant.result import Chart, Output, Result
from windtunnel.quant.units import MONTH_S


def solve(values: Values) -> Result:
    """Counts and times of the failure-free case."""
    count, rtt, disk, rate = values["participants"], values["rtt"], values["sync"], values["rate"]
    messages = 3 * count
    latency = rtt + 2 * disk
    monthly = rate * MONTH_S * messages
    outputs = [
        Output("messages", "messages of a transaction: prepare, vote, outcome", messages),
        Output("messages-acked", "with an acknowledgement of the outcome", 4 * count),
        Output("round-trips", "round trips, acknowledgements included", 2),
        Output("latency", "until the client has its answer", latency, "s"),
        Output("held", "how long a participant holds its locks", latency, "s"),
        Output("in-flight", "transactions in flight (Little)", rate * latency),
        Output("same-key", "most transactions a second on one key", 1.0 / latency if latency else float("inf"), "1/s"),
        Output("cost", "messages in a month, at their price", monthly / 1e6 * values["price"], "$/month"),
        Output("cost-each", "messages of a thousand transactions, at their price", messages / 1e3 * values["price"], "$"),
    ]
    counts = list(range(1, max(9, count + 1)))
    chart = Chart("line", "messages over participants", "participants", "messages", [])
    chart.series.append(("messages", list(counts), [3.0 * n for n in counts]))
    note = "A participant that has voted yes waits for as long as the coordinator is down: run two-phase-commit under crashes."
    return Result(outputs, [chart], [note])


CALCULATOR = Calculator(
    name="two-phase-commit",
    title="Cost of a two-phase commit",
    group="consistency",
    inputs=(
        Input("participants", "participants, the coordinator not among them", "", 1, 1000, 3, "whole"),
        Input("rtt", "round trip between coordinator and participant", "s", 0.0, 1e4, 0.002),
        Input("sync", "time to make a record durable", "s", 0.0, 1e4, 0.001),
        Input("rate", "transactions", "1/s", 0.0, 1e9, 200.0),
        Input("price", "price of a million messages", "$", 0.0, 1e6, 0.4),
    ),
    formula=(
        "prepare, vote, outcome: 3 N messages; with acknowledgements 4 N and 2 round trips\n"
        "answer after rtt + 2 sync: a vote is durable before it is sent, and so is the decision"
    ),
    source="Gray & Lamport, 'Consensus on transaction commit', ACM TODS 31(1), 2006, section 3",
    assumptions=("no failure, no abort", "the coordinator is beside the client", "all participants are equally far"),
    solve=solve,
    main="latency",
    rows=("QUAN-19",),
)

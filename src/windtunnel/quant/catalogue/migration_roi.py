"""Does splitting the monolith pay? A cash flow with effort, dual running, a ramp, and what is gained."""

from __future__ import annotations

from collections.abc import Callable
from math import inf

from windtunnel.base.streams import busy_stream
from windtunnel.quant.agreement import exact, within
from windtunnel.quant.calculator import Calculator, Evidence, Input, Values
from windtunnel.quant.intervals import share_interval
from windtunnel.quant.ledgers import discounted_annuity, payback_month, present_value
from windtunnel.quant.result import Chart, Output, Result

DRAWS = 2000
DRAWS_SEED = 1


def ramp(values: Values, month: int) -> float:
    """The share of the benefit that has arrived in a month: from 0 at the end of the migration to 1, linearly."""
    since = month - values["migration-months"]
    return 0.0 if since <= 0 else min(1.0, since / values["ramp"]) if values["ramp"] else 1.0


def costs(values: Values) -> list[float]:
    """What the migration costs, month by month: effort and dual running, then the dearer infrastructure."""
    length = values["migration-months"]
    effort = values["effort"] * values["person-month"] / length
    return [effort + values["dual-running"] if m <= length else values["infra"] for m in range(1, values["months"] + 1)]


def benefit(values: Values) -> float:
    """What it brings in a month, once it has fully arrived, dollars."""
    gained = values["developers"] * values["person-month"] * values["gain"]
    return float(gained + (values["incidents-before"] - values["incidents-after"]) * values["incident-cost"])


def flow_of(values: Values) -> list[float]:
    """Benefits minus costs, month by month."""
    full = benefit(values)
    return [full * ramp(values, m) - cost for m, cost in enumerate(costs(values), 1)]


def losses(values: Values, random: Callable[[], float], draws: int) -> int:
    """How often the present value is below 0, with effort from -s to +2s and benefit from -2s to +s of the estimate (uniform)."""
    s, d = values["spread"], values["discount"]
    length = values["migration-months"]
    spent = costs(values)
    effort = present_value(spent[:length], d)
    later = present_value([0.0] * min(length, len(spent)) + spent[length:], d)
    gains = present_value([benefit(values) * ramp(values, m) for m in range(1, values["months"] + 1)], d)
    lost = 0
    for _ in range(draws):
        spent_more = effort * (1.0 - s + 3.0 * s * random())
        lost += gains * (1.0 + s - 3.0 * s * random()) < spent_more + later
    return lost


def solve(values: Values) -> Result:
    """Cash flow, present value, payback, break-even."""
    flow = flow_of(values)
    worth = present_value(flow, values["discount"])
    none = present_value(flow_of({**values, "developers": 0.0}), values["discount"])
    each = present_value(flow_of({**values, "developers": 1.0}), values["discount"]) - none
    share, low, high = share_interval(losses(values, busy_stream(DRAWS_SEED, "estimates").random, DRAWS), DRAWS)
    total = 0.0
    sums = []
    for amount in flow:
        total += amount
        sums.append(total)
    outputs = [
        Output("npv", "net present value", worth, "$"),
        Output("payback", "month in which it has paid for itself", payback_month(flow), "months"),
        Output("cost", "cost of the migration, present value", present_value(costs(values), values["discount"]), "$"),
        Output("benefit", "benefit once it has fully arrived", benefit(values), "$/month"),
        Output("deepest", "most money that is out at a time", -min(0.0, *sums), "$"),
        Output("break-even-team", "developers from which on it pays", -none / each if each > 0.0 else inf),
        Output("p-loss", "chance of a loss, with estimates this wrong", share, "fraction", low, high),
    ]
    chart = Chart("line", "money since the start", "month", "money", [("sum", list(range(1, len(sums) + 1)), sums)], "", "$")
    return Result(
        outputs, [chart], ["The gain in productivity is the least known input: see what it takes with --sensitivity npv."]
    )


def oracle(values: Values, result: Result, seed: int) -> Evidence:
    """Annuities instead of months; no benefit is a loss of the cost; one developer more or less changes the sign."""
    v, d = values, values["discount"]
    length, months = v["migration-months"], v["months"]
    end = min(length, months)
    spent = (v["effort"] * v["person-month"] / length + v["dual-running"]) * discounted_annuity(1, end, 0.0, d)
    spent += v["infra"] * discounted_annuity(length + 1, months, 0.0, d)
    slope = v["ramp"]
    gained = sum(
        discounted_annuity(m, m, 0.0, d) * (m - length) / slope for m in range(length + 1, min(months, length + slope) + 1)
    )
    gained += discounted_annuity(length + slope + 1, months, 0.0, d)
    rows = [
        exact("cost", result.number("cost"), spent, by="annuities", unit="$", tolerance=1e-8),
        exact("npv", result.number("npv"), benefit(v) * gained - spent, by="annuities", unit="$", tolerance=1e-8),
    ]
    nothing = {**v, "gain": 0.0, "incidents-after": v["incidents-before"]}
    rows.append(exact("npv", present_value(flow_of(nothing), d), -spent, by="no benefit: -cost", unit="$", tolerance=1e-8))
    team = result.number("break-even-team")
    if 0.0 < team < inf:
        ends = [present_value(flow_of({**v, "developers": team * f}), d) >= 0.0 for f in (1 - 1e-6, 1 + 1e-6)]
        rows.append(exact("break-even-team", 1.0, float(ends == [False, True]), by="tried on both sides"))
    share, low, high = share_interval(losses(v, busy_stream(seed, "check").random, 2 * DRAWS), 2 * DRAWS)
    _own, own_low, own_high = share_interval(result.number("p-loss") * DRAWS, DRAWS)
    half = max(high - share, share - low) + (own_high - own_low) / 2
    rows.append(within("p-loss", result.number("p-loss"), share, half, unit="fraction", by="Monte Carlo", width_max=99))
    return rows, "Present values by annuities; without benefit the loss is the cost; the chance of a loss by other draws."


CALCULATOR = Calculator(
    name="migration-roi",
    title="Return on a migration to services",
    group="money",
    inputs=(
        Input("developers", "developers who will work in it", "", 0.0, 1e6, 40.0),
        Input("person-month", "cost of a person for a month", "$", 0.0, 1e7, 13000.0),
        Input("effort", "person-months of the migration", "", 0.0, 1e6, 90.0),
        Input("migration-months", "months that it takes", "months", 1, 600, 12, "whole"),
        Input("dual-running", "running both meanwhile", "$/month", 0.0, 1e9, 8000.0),
        Input("ramp", "months until the benefit has fully arrived", "months", 0, 600, 9, "whole"),
        Input("gain", "productivity gained", "fraction", -1.0, 10.0, 0.12, what="share of the developers' time"),
        Input("incidents-before", "incidents a month, before", "", 0.0, 1e6, 6.0),
        Input("incidents-after", "incidents a month, after", "", 0.0, 1e6, 5.0),
        Input("incident-cost", "cost of an incident", "$", 0.0, 1e9, 8000.0),
        Input("infra", "dearer infrastructure afterwards", "$/month", -1e9, 1e9, 6000.0, what="below 0: cheaper"),
        Input("months", "horizon", "months", 1, 600, 48, "whole"),
        Input("discount", "discount rate, a year", "fraction", 0.0, 10.0, 0.10),
        Input("spread", "how wrong the estimates may be", "fraction", 0.0, 0.99, 0.3, what="effort -s to +2s, benefit -2s to +s"),
    ),
    formula=(
        "flow(m) = benefit * ramp(m) - effort/months - dual running, later - infrastructure\n"
        "npv = sum flow(m)/(1 + d)^(m/12);  payback: first month whose sum is 0 again"
    ),
    source="Brealey, Myers & Allen, Principles of Corporate Finance, chapters 2 and 5; the inputs are yours",
    assumptions=("effort is spent evenly", "the benefit arrives linearly after the migration", "no benefit before its end"),
    solve=solve,
    main="npv",
    oracle=oracle,
    rows=("QUAN-10",),
)

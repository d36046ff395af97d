"""Build or buy: two cost curves, a weighted score, and which weights would flip the answer."""

from __future__ import annotations

from collections.abc import Callable
from math import inf

from windtunnel.base.streams import busy_stream
from windtunnel.quant.agreement import Row, exact, within
from windtunnel.quant.calculator import Calculator, Evidence, Input, Values
from windtunnel.quant.errors import QuantError
from windtunnel.quant.intervals import share_interval
from windtunnel.quant.ledgers import discounted_annuity, present_value
from windtunnel.quant.result import Chart, Output, Result
from windtunnel.quant.units import parse

DRAWS = 2000
DRAWS_SEED = 1
Scores = dict[str, tuple[float, float, float]]
"""(build, buy, weight) by criterion."""


def build_flow(v: Values) -> list[float]:
    """Dollars of each month when it is built: people, delay until it is there, then upkeep."""
    flow = []
    for month in range(1, v["months"] + 1):
        if month <= v["build-months"]:
            flow.append(v["build-people"] * v["person-month"] + v["delay-cost"])
        else:
            flow.append(v["run-people"] * v["person-month"] + v["run-infra"])
    return flow


def buy_flow(v: Values) -> list[float]:
    """Dollars of each month when it is bought: setup, integration, a price that grows, delay, exit at the end."""
    growth = (1.0 + v["buy-growth"]) ** (1 / 12)
    flow = []
    for month in range(1, v["months"] + 1):
        amount = v["buy-price"] * growth ** (month - 1) + (v["delay-cost"] if month <= v["buy-months"] else 0.0)
        if month == 1:
            amount += v["buy-setup"] + v["integration"] * v["person-month"]
        flow.append(amount + (v["exit-cost"] if month == v["months"] else 0.0))
    return flow


def scores_of(v: Values, build: float, buy: float) -> Scores:
    """All criteria. The cheaper and the sooner one have 10, the other one in proportion; the rest as they were given."""
    found: Scores = {
        "cost": (*_against(build, buy), v["weight-cost"]),
        "time": (*_against(v["build-months"], v["buy-months"]), v["weight-time"]),
    }
    for item in filter(None, (piece.strip() for piece in v["scores"].split(","))):
        name, equals, rest = item.partition("=")
        pair, at, weight = rest.partition("@")
        one, slash, other = pair.partition("/")
        try:
            row = parse(one, ""), parse(other, ""), parse(weight, "fraction")
        except QuantError:
            row = (-1.0, -1.0, -1.0)
        if not (equals and slash and at):
            row = (-1.0, -1.0, -1.0)
        if not all(0.0 <= score <= 10.0 for score in row[:2]) or not 0.0 <= row[2] <= 100.0 or name.strip() in found:
            raise QuantError(
                f"scores: expected NAME=BUILD/BUY@WEIGHT, scores 0 to 10, a weight of at least 0, each once; got {item!r}"
            )
        found[name.strip()] = row
    if sum(weight for _, _, weight in found.values()) <= 0.0:
        raise QuantError("scores: expected a weight above 0 for at least one criterion; got only zeros")
    return found


def _against(one: float, other: float) -> tuple[float, float]:
    best = min(one, other)
    return tuple(10.0 if value == best else 10.0 * max(0.0, best) / value for value in (one, other))  # type: ignore[return-value]


def weighted(scores: Scores, which: int) -> float:
    """The weighted mean of one column."""
    total = sum(row[2] for row in scores.values())
    return sum(row[which] * row[2] for row in scores.values()) / total


def flip(scores: Scores, name: str) -> float:
    """The weight of `name` at which both are equal while the others stay; infinite when no weight does it."""
    build, buy, _weight = scores[name]
    rest = sum((row[0] - row[1]) * row[2] for other, row in scores.items() if other != name)
    weight = -rest / (build - buy) if build != buy else inf
    return weight if weight > 1e-12 else inf


def cheaper(v: Values, random: Callable[[], float], draws: int) -> int:
    """How often building is cheaper when estimates are wrong: effort by a triangle from -s to +2s, prices from -s to +s."""
    spread, hits = v["spread"], 0
    monthly = (1.0 + v["discount"]) ** (1 / 12)
    factors = [monthly ** -(m + 1) for m in range(v["months"])]
    build, buy = build_flow(v), buy_flow(v)
    until = min(v["build-months"], v["months"])
    effort = sum(a * f for a, f in zip(build[:until], factors, strict=False))
    upkeep = sum(a * f for a, f in zip(build[until:], factors[until:], strict=True))
    bought = sum(a * f for a, f in zip(buy, factors, strict=True))
    for _ in range(draws):
        first = effort * _triangle(1.0 - spread, 1.0, 1.0 + 2.0 * spread, random())
        later = upkeep * _triangle(1.0 - spread, 1.0, 1.0 + 2.0 * spread, random())
        hits += first + later < bought * _triangle(1.0 - spread, 1.0, 1.0 + spread, random())
    return hits


def _triangle(low: float, mode: float, high: float, u: float) -> float:
    if high <= low:
        return mode
    cut = (mode - low) / (high - low)
    return float(
        low + ((high - low) * (mode - low) * u) ** 0.5 if u < cut else high - ((high - low) * (high - mode) * (1 - u)) ** 0.5
    )


def solve(values: Values) -> Result:
    """Costs, scores, flips."""
    build, buy = build_flow(values), buy_flow(values)
    costs = present_value(build, values["discount"]), present_value(buy, values["discount"])
    scores = scores_of(values, *costs)
    totals = weighted(scores, 0), weighted(scores, 1)
    hits = cheaper(values, busy_stream(DRAWS_SEED, "estimates").random, DRAWS)
    share, low, high = share_interval(hits, DRAWS)
    sums = [0.0, 0.0]
    curves: list[list[float]] = [[], []]
    crossing = inf
    for month in range(values["months"]):
        sums[0] += build[month]
        sums[1] += buy[month]
        curves[0].append(sums[0])
        curves[1].append(sums[1])
    behind = [a > b for a, b in zip(*curves, strict=True)]
    for month in range(len(behind), 0, -1):
        if behind[month - 1]:
            break
        crossing = float(month)
    flips = {name: flip(scores, name) for name in scores}
    said = [
        f"{name} {'above' if weight > scores[name][2] else 'below'} {weight:.3g}"
        for name, weight in flips.items()
        if weight < inf
    ]
    outputs = [
        Output("build-cost", "build, present value", costs[0], "$"),
        Output("buy-cost", "buy, present value", costs[1], "$"),
        Output("difference", "build minus buy", costs[0] - costs[1], "$"),
        Output("break-even", "from this month on building has cost less in all", crossing, "months"),
        Output("p-build-cheaper", "chance that building is cheaper, with estimates this wrong", share, "fraction", low, high),
        Output("build-score", "build, of 10", totals[0]),
        Output("buy-score", "buy, of 10", totals[1]),
        Output("answer", "the higher score", "equal" if totals[0] == totals[1] else "build" if totals[0] > totals[1] else "buy"),
        Output("flips", "weights at which the answer changes, each alone", ", ".join(said) or "none"),
    ]
    months = list(range(1, values["months"] + 1))
    chart = Chart("line", "cumulative cost", "month", "cost", [], "", "$")
    chart.series.extend([("build", list(months), curves[0]), ("buy", list(months), curves[1])])
    bars = Chart("bar", "scores by criterion", "criterion", "score", [])
    bars.series.extend([(name, list(scores), [row[i] for row in scores.values()]) for i, name in enumerate(("build", "buy"))])
    return Result(outputs, [chart, bars], ["A score is an opinion with arithmetic: look at which weights flip it."])


def oracle(values: Values, result: Result, seed: int) -> Evidence:
    """Closed forms of the costs; the flips tried on both sides; the chance with other draws; dominance."""
    v = values
    months, discount = v["months"], v["discount"]
    until = min(v["build-months"], months)
    built = (v["build-people"] * v["person-month"] + v["delay-cost"]) * discounted_annuity(1, until, 0.0, discount)
    built += (v["run-people"] * v["person-month"] + v["run-infra"]) * discounted_annuity(until + 1, months, 0.0, discount)
    monthly = (1.0 + discount) ** (1 / 12)
    bought = v["buy-price"] * discounted_annuity(1, months, (1.0 + v["buy-growth"]) ** (1 / 12) - 1.0, discount)
    bought += v["delay-cost"] * discounted_annuity(1, min(v["buy-months"], months), 0.0, discount)
    bought += (v["buy-setup"] + v["integration"] * v["person-month"]) / monthly + v["exit-cost"] * monthly**-months
    rows = [
        exact("build-cost", result.number("build-cost"), built, by="annuities", unit="$"),
        exact("buy-cost", result.number("buy-cost"), bought, by="annuities", unit="$"),
    ]
    scores = scores_of(v, built, bought)
    for name, row in scores.items():
        at = flip(scores, name)
        if at == inf:
            continue
        signs = []
        for weight in (at * (1 - 1e-6) - 1e-9, at * (1 + 1e-6) + 1e-9):
            tried = {**scores, name: (row[0], row[1], weight)}
            signs.append(sum((r[0] - r[1]) * r[2] for r in tried.values()) > 0)
        rows.append(exact(f"flip-{name}", 1.0, float(signs[0] != signs[1]), by="tried on both sides"))
    ahead = [i for i in (0, 1) if all(row[i] >= row[1 - i] for row in scores.values())]
    if len(ahead) == 1:
        won = result.output("answer").value == ("build", "buy")[ahead[0]]
        rows.append(exact("dominance", 1.0, float(won), by="better in every criterion"))
    hits = cheaper(v, busy_stream(seed, "check").random, 2 * DRAWS)
    share, low, high = share_interval(hits, 2 * DRAWS)
    _own, own_low, own_high = share_interval(result.number("p-build-cheaper") * DRAWS, DRAWS)
    half = max(high - share, share - low) + (own_high - own_low) / 2
    close: Row = within(
        "p-build-cheaper", result.number("p-build-cheaper"), share, half, unit="fraction", by="Monte Carlo", width_max=99
    )
    return [*rows, close], "Costs by annuities, flips by trying both sides of each, the chance by other draws of the estimates."


CALCULATOR = Calculator(
    name="build-or-buy",
    title="Build or buy",
    group="money",
    inputs=(
        Input("build-people", "people who build", "", 0.0, 1e5, 4.0),
        Input("build-months", "months until it is built", "months", 1, 600, 8, "whole"),
        Input("person-month", "cost of a person for a month", "$", 0.0, 1e7, 13000.0),
        Input("run-people", "people who keep it running", "", 0.0, 1e5, 0.75),
        Input("run-infra", "its infrastructure", "$/month", 0.0, 1e9, 1500.0),
        Input("buy-price", "price of the bought one", "$/month", 0.0, 1e9, 14000.0),
        Input("buy-growth", "growth of that price, a year", "fraction", -0.99, 10.0, 0.10),
        Input("buy-setup", "setup of the bought one, once", "$", 0.0, 1e9, 20000.0),
        Input("integration", "person-months to integrate it", "", 0.0, 1e5, 3.0),
        Input("buy-months", "months until it is in use", "months", 1, 600, 2, "whole"),
        Input("delay-cost", "what a month without it costs", "$/month", 0.0, 1e9, 5000.0),
        Input("exit-cost", "cost of leaving the vendor, at the end", "$", 0.0, 1e9, 40000.0),
        Input("months", "horizon", "months", 1, 600, 48, "whole"),
        Input("discount", "discount rate, a year", "fraction", 0.0, 10.0, 0.08),
        Input(
            "spread", "how wrong the estimates may be", "fraction", 0.0, 0.99, 0.3, what="effort from -s to +2s, prices -s to +s"
        ),
        Input("weight-cost", "weight of cost", "fraction", 0.0, 100.0, 0.35),
        Input("weight-time", "weight of time", "fraction", 0.0, 100.0, 0.2),
        Input(
            "scores",
            "other criteria",
            "",
            0,
            0,
            "control=9/4@0.15, risk=4/7@0.15, fit=8/6@0.15",
            "text",
            what="NAME=BUILD/BUY@WEIGHT, ..., scores 0 to 10",
        ),
    ),
    formula=(
        "score = sum w s / sum w,  costs: present values\n"
        "flip of w(i): -sum over the others of w (build - buy) / (build(i) - buy(i))"
    ),
    source="Keeney & Raiffa, Decisions with Multiple Objectives, 1976 (additive scores); present values as in tco",
    assumptions=("criteria do not overlap", "scores are on one scale", "errors of the estimates are independent"),
    solve=solve,
    main="difference",
    oracle=oracle,
    rows=("QUAN-07",),
)

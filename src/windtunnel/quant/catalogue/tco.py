"""Total cost of ownership: one ledger, and every figure a sum of it."""

from __future__ import annotations

from math import fsum

from windtunnel.quant.agreement import exact
from windtunnel.quant.calculator import Calculator, Evidence, Input, Values
from windtunnel.quant.ledgers import annuity, discounted_annuity, ledger_of, read_items
from windtunnel.quant.result import Chart, Output, Result

EXAMPLE = "servers: 20 * $140/month growth 2%/month; staff: 2 * $12000/month; licence: $24000/year from 4; migration: $50000 at 3"


def solve(values: Values) -> Result:
    """Sums of the ledger."""
    ledger = ledger_of(read_items(values["items"]), values["months"])
    total = ledger.total()
    outputs = [
        Output("total", "sum of all payments", total, "$"),
        Output("present-value", f"discounted at {values['discount']:.3g} a year", ledger.present_value(values["discount"]), "$"),
        Output("month-1", "in the first month", ledger.monthly()[0], "$"),
        Output("month-last", "in the last month", ledger.monthly()[-1], "$"),
    ]
    outputs += [Output(f"year-{i}", f"in year {i}", amount, "$") for i, amount in enumerate(ledger.yearly(), 1)]
    drivers = sorted(((fsum(row), name) for name, row in ledger.rows.items()), key=lambda pair: (-abs(pair[0]), pair[1]))
    months = list(range(1, values["months"] + 1))
    curve = Chart("line", "cost by month", "month", "cost", [("all items", list(months), ledger.monthly())], "", "$")
    bars = Chart("bar", "what the money goes to", "item", "total", [], "", "$")
    bars.series.append(("total", [name for _, name in drivers], [amount for amount, _ in drivers]))
    tornado = Chart("tornado", "total when one item is 10 % cheaper or dearer", "total", "item", [], "$")
    names = [name for _, name in drivers]
    tornado.series.append(("lower", list(names), [total - 0.1 * amount for amount, _ in drivers]))
    tornado.series.append(("higher", list(names), [total + 0.1 * amount for amount, _ in drivers]))
    most, largest = drivers[0]
    note = f"{largest} is {most / total:.0%} of the total." if total else "Nothing is paid."
    return Result(outputs, [curve, bars, tornado], [note])


def oracle(values: Values, result: Result, _seed: int) -> Evidence:
    """Geometric sums, item by item, instead of the ledger."""
    months, discount = values["months"], values["discount"]
    items = read_items(values["items"])
    total, present = [], []
    years: list[list[float]] = [[] for _ in range(0, months, 12)]
    for item in items:
        last = int(min(item.last, months))
        total.append(item.amount * annuity(last - item.first + 1, item.growth))
        present.append(item.amount * discounted_annuity(item.first, last, item.growth, discount))
        for i, year in enumerate(years):
            first, end = max(item.first, 12 * i + 1), min(last, 12 * i + 12)
            year.append(item.amount * (1 + item.growth) ** (first - item.first) * annuity(end - first + 1, item.growth))
    rows = [
        exact("total", result.number("total"), fsum(total), by="geometric sums", unit="$"),
        exact("present-value", result.number("present-value"), fsum(present), by="geometric sums", unit="$"),
    ]
    sums = [result.number(f"year-{i + 1}") for i in range(len(years))]
    rows += [exact(f"year-{i}", sums[i - 1], fsum(year), by="geometric sums", unit="$") for i, year in enumerate(years, 1)]
    rows.append(exact("total", result.number("total"), fsum(sums), by="sum of the years", unit="$"))
    return rows, "Each item summed by the closed form of a geometric series; the years must add up to the total."


CALCULATOR = Calculator(
    name="tco",
    title="Total cost of ownership",
    group="money",
    inputs=(
        Input(
            "items",
            "what is paid",
            "",
            0,
            0,
            EXAMPLE,
            "text",
            what="NAME: [N *] $PRICE[/h|day|month|year] [growth 2%/month] [from M]",
        ),
        Input("months", "horizon", "months", 1, 600, 36, "whole"),
        Input("discount", "discount rate, a year", "fraction", 0.0, 10.0, 0.08),
    ),
    formula="amount(m) = quantity * price * (1 + growth)^(m - first)\ntotal = sum,  present value = sum amount(m)/(1 + d)^(m/12)",
    source="Brealey, Myers & Allen, Principles of Corporate Finance, chapter 2 (present values)",
    assumptions=(
        "payments at the end of each month",
        "growth compounds monthly and is applied once",
        "no taxes, no depreciation",
    ),
    solve=solve,
    main="total",
    oracle=oracle,
    rows=("QUAN-06", "LAWS-08"),
)

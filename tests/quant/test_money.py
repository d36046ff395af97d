"""Ledgers, decisions, regions, savings."""

from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from windtunnel.quant import CALCULATORS, QuantError
from windtunnel.quant.ledgers import annuity, discounted_annuity, payback_month, present_value

TCO = CALCULATORS["tco"]

# --- Ledger ---


def test_a_worked_example_to_the_cent():
    """The example of the page, added up in decimal arithmetic month by month."""
    total, years = Decimal(0), [Decimal(0)] * 3
    servers = Decimal(2800)
    for month in range(1, 37):
        amount = servers + 24000 + (2000 if month >= 4 else 0) + (50000 if month == 3 else 0)
        servers *= Decimal("1.02")
        years[(month - 1) // 12] += amount
        total += amount
    found = TCO.compute({})
    assert f"{found.number('total'):.2f}" == f"{total:.2f}"
    assert [f"{found.number(f'year-{i + 1}'):.2f}" for i in range(3)] == [f"{year:.2f}" for year in years]


items = st.builds(
    lambda n, price, unit, growth, first: f"{n}: {price}*$3.5/{unit} growth {growth}%/month from {first}",
    st.sampled_from(["a", "b", "c"]),
    st.integers(0, 500),
    st.sampled_from(["h", "day", "month", "year"]),
    st.integers(-20, 20),
    st.integers(1, 30),
)


@settings(max_examples=40, deadline=None)
@given(st.lists(items, min_size=1, max_size=5), st.integers(1, 60))
def test_years_add_up_to_the_total(lines, months):
    """Per-year sums equal the total, whatever grows; so do the drivers."""
    found = TCO.compute({"items": "; ".join(lines), "months": months})
    years = sum(found.number(f"year-{i + 1}") for i in range((months + 11) // 12))
    assert years == pytest.approx(found.number("total"), rel=1e-12)
    assert sum(found.charts[1].series[0][2]) == pytest.approx(found.number("total"), rel=1e-12)


def test_without_growth_and_discount_it_is_a_product():
    """3 servers of $100 for 24 months are $7200, and the present value is the same."""
    found = TCO.compute({"items": "s: 3 * $100/month", "months": 24, "discount": 0})
    assert found.number("total") == found.number("present-value") == pytest.approx(7200)


def test_prices_per_hour_and_per_year():
    """$1 an hour is $730 a month; an annual licence is paid every year."""
    assert TCO.compute({"items": "s: $1/h", "months": 1}).number("total") == pytest.approx(730)
    assert TCO.compute({"items": "s: $1200/year", "months": 36}).number("total") == pytest.approx(3600)


@settings(deadline=None)
@given(st.integers(1, 200), st.floats(-0.2, 0.2), st.floats(0.0, 0.5))
def test_annuities_are_sums(count, growth, discount):
    """The closed forms equal the sums they stand for."""
    assert annuity(count, growth) == pytest.approx(sum((1 + growth) ** i for i in range(count)), rel=1e-9)
    flow = [(1 + growth) ** i for i in range(count)]
    assert discounted_annuity(1, count, growth, discount) == pytest.approx(present_value(flow, discount), rel=1e-9)


def test_payback():
    """The first month whose sum is back at 0; never, if it stays below."""
    assert payback_month([-10, 4, 4, 4]) == 4
    assert payback_month([-10, 1]) == float("inf")
    assert payback_month([1, 1]) == 0


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("x", "expected NAME:"),
        ("", "expected at least one"),
        ("a: $5/month growth 2%", "growth needs its time"),
        ("a: $5 growth 2%/month", "is paid once"),
        ("a: $5/fortnight", "got /fortnight"),
        ("a: $5/month from 5 to 3", "got from 5 to 3"),
        ("a: $5/month at 3", "use from and to"),
        ("a: $5 at 0", "a month from 1 to 600"),
        ("a: $5/month sometimes", "got 'sometimes'"),
    ],
)
def test_wrong_items_are_refused(text, says):
    """The message shows the item."""
    with pytest.raises(QuantError, match="items:") as error:
        TCO.compute({"items": text})
    assert says in str(error.value)


# --- Decisions ---


@settings(max_examples=20, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 9), st.floats(0.0, 1.0)), min_size=1, max_size=5), st.booleans())
def test_better_in_everything_wins(rows, build):
    """Dominance: cheaper, sooner and better in every criterion is the answer under any weights."""
    pairs = [(score + 1, score) if build else (score, score + 1) for score, _weight in rows]
    scores = ", ".join(f"c{i}={a}/{b}@{weight:.6f}" for i, ((a, b), (_s, weight)) in enumerate(zip(pairs, rows, strict=True)))
    values = {"scores": scores, "weight-cost": 0.1}
    values |= (
        {"build-months": 1, "buy-months": 2, "buy-price": "$1M/month"}
        if build
        else {"buy-months": 1, "buy-price": 0, "buy-setup": 0}
    )
    assert CALCULATORS["build-or-buy"].compute(values).output("answer").value == ("build" if build else "buy")


def test_an_annual_licence_counts_every_year():
    """Twelve thousand a year for four years are four times twelve thousand."""
    same = {
        "buy-price": "$12000/year",
        "buy-growth": 0,
        "buy-setup": 0,
        "integration": 0,
        "delay-cost": 0,
        "exit-cost": 0,
        "discount": 0,
    }
    assert CALCULATORS["build-or-buy"].compute({**same, "months": 48}).number("buy-cost") == pytest.approx(48000)


def test_a_migration_without_benefit_loses_its_cost():
    """Zero benefit: NPV = -cost, no payback, a certain loss."""
    found = CALCULATORS["migration-roi"].compute({"gain": 0, "incidents-before": 5, "incidents-after": 5})
    assert found.number("npv") == pytest.approx(-found.number("cost"))
    assert found.number("payback") == float("inf")
    assert found.number("p-loss") == 1.0


def test_the_break_even_team():
    """At that size the present value is 0, and one developer more makes it positive."""
    roi = CALCULATORS["migration-roi"]
    team = roi.compute({}).number("break-even-team")
    assert roi.compute({"developers": team}).number("npv") == pytest.approx(0, abs=1.0)
    assert roi.compute({"developers": team + 1}).number("npv") > 0


# --- Cloud, cache, regions ---


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 50), st.integers(1, 100), st.integers(1, 24), st.integers(1, 7), st.booleans())
def test_savings_never_exceed_the_bill(count, cpu, hours, days, interruptible):
    """No dollar is saved twice: what is left is above 0, and at most what adding up would promise is saved."""
    fleet = f"g: {count} * $100/month cpu {cpu}% hours {hours}x{days}{' interruptible' * interruptible}"
    found = CALCULATORS["cloud-savings"].compute({"fleet": fleet})
    assert 0 < found.number("after") <= found.number("bill") + 1e-9
    assert found.number("saved") <= found.number("naive") + 1e-9


def test_the_break_even_of_a_cached_key():
    """$5e-7 a key-month against $0.001 a query: 0.0005 reads a month, not 67 a day."""
    assert CALCULATORS["cache"].compute({"hits": 1}).number("break-even") == pytest.approx(0.0005)


def test_regions_are_not_independent():
    """Two regions with 5 % common outages are nowhere near the square of one; without common outages they are better."""
    regions = CALCULATORS["multi-region"]
    single = 1 - regions.compute({"strategy": "single"}).number("availability")
    both = {"failover": 0, "switch": 1}
    double = 1 - regions.compute(both).number("availability")
    assert double > 10 * single**2
    assert 1 - regions.compute({**both, "beta": 0}).number("availability") == pytest.approx(single**2, rel=1e-3)


def test_symmetric_regions_are_alike():
    """With equal users and round trips it does not matter which region is the primary."""
    regions = CALCULATORS["multi-region"]
    one, other = (regions.compute({"users": users, "rtt": "us-eu=90ms"}) for users in ("us=50%, eu=50%", "eu=50%, us=50%"))
    assert one.number("read") == other.number("read") == pytest.approx(0.02 + 0.045)
    assert one.number("cost") == other.number("cost")


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({"users": "us=50%"}, "add up to 100 %"),
        ({"users": "us=50%, eu=50%", "rtt": ""}, "missing: us-eu"),
        ({"users": "us=100%", "rtt": ""}, "at least two regions"),
        ({"rtt": "us-mars=3s"}, "two regions of us, eu, asia"),
    ],
)
def test_wrong_maps_are_refused(values, says):
    """With what is missing."""
    with pytest.raises(QuantError, match=says):
        CALCULATORS["multi-region"].compute(values)

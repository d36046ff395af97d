"""What every calculator of the catalogue has."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from windtunnel.base.errors import UsageError
from windtunnel.quant import CALCULATORS, Input, QuantError, find
from windtunnel.quant.registry import GROUPS
from windtunnel.quant.units import DIMENSIONS

EVERY = sorted(CALCULATORS)


def first_look(name):
    calculator = CALCULATORS[name]
    return calculator, calculator.read(calculator.example)


def test_the_catalogue_is_complete():
    """The calculators that the school relies on are there, by group."""
    expected = {
        "little",
        "mm1",
        "mmc",
        "mmck",
        "mg1",
        "ggc",
        "erlang-b",
        "availability",
        "latency-ladder",
        "latency-budget",
        "usl",
    }
    expected |= {
        "usl",
        "amdahl",
        "capacity",
        "tco",
        "build-or-buy",
        "multi-region",
        "migration-roi",
        "staleness",
        "cloud-savings",
    }
    assert expected <= set(CALCULATORS)
    assert {calculator.group for calculator in CALCULATORS.values()} == set(GROUPS)


@pytest.mark.parametrize("name", EVERY)
def test_each_has_a_source_assumptions_and_units(name):
    """Formula, source, assumptions; inputs and outputs with units that exist."""
    calculator, values = first_look(name)
    assert calculator.formula
    assert calculator.source
    assert calculator.assumptions
    result = calculator.compute(values)
    assert all(each.unit in DIMENSIONS for each in calculator.inputs)
    assert all(output.unit in DIMENSIONS for output in result.outputs)
    assert len({output.name for output in result.outputs}) == len(result.outputs)
    assert isinstance(result.number(calculator.main), float)


@pytest.mark.parametrize("name", EVERY)
def test_each_has_a_chart(name):
    """With as many y as x, and labels."""
    calculator, values = first_look(name)
    charts = calculator.compute(values).charts
    assert charts
    for chart in charts:
        assert chart.title
        assert chart.series
        for _name, xs, ys in chart.series:
            assert len(xs) == len(ys) > 0


@pytest.mark.parametrize("name", EVERY)
def test_each_is_json(name):
    """The declaration, the result and the tornado are strict JSON: no infinity, no NaN."""
    calculator, values = first_look(name)
    for made in (calculator, calculator.compute(values)):
        json.dumps(made.to_json(), allow_nan=False)


@pytest.mark.parametrize("name", EVERY)
def test_each_has_a_tornado(name):
    """Longest bar first; every numeric input has one; both ends are in the domain."""
    calculator, values = first_look(name)
    found = calculator.sensitivity(values)
    json.dumps(found.to_json(), allow_nan=False)
    spans = [bar.span for bar in found.bars]
    assert spans == sorted(spans, reverse=True)
    moved = [each.name for each in calculator.inputs if each.kind in ("number", "whole") and values[each.name] is not None]
    assert sorted(bar.name for bar in found.bars) == sorted(moved)
    for bar in found.bars:
        each = calculator.input(bar.name)
        assert each.low <= bar.low <= bar.high <= each.high


def numeric_inputs():
    return [
        pytest.param(name, each, id=f"{name}-{each.name}")
        for name in EVERY
        for each in CALCULATORS[name].inputs
        if each.kind in ("number", "whole")
    ]


@pytest.mark.parametrize(("name", "each"), numeric_inputs())
def test_each_refuses_what_is_outside_its_domain(name, each):
    """Words, NaN, infinities, booleans, lists, and numbers beyond both ends: by the name of the input, with what was expected."""
    calculator = CALCULATORS[name]
    wrong = ["many", "", "12 parsecs", float("nan"), float("inf"), True, [1], each.high * 2 + 1]
    wrong += [each.low] if each.above else [each.low - 1]
    wrong += [1.5] if each.kind == "whole" else []
    for value in wrong:
        with pytest.raises(QuantError, match=f"^{each.name}: expected"):
            calculator.read({each.name: value})


def test_a_tornado_shows_where_an_input_is_refused():
    """More arrivals would be unstable: the bar is endless and says why."""
    found = CALCULATORS["mm1"].sensitivity({"arrivals": 95, "service": 100}, "wait")
    assert found.bars[0].at_high is None or found.bars[0].at_low is None
    assert "unstable" in found.bars[0].why


def test_a_share_near_one_swings_by_its_distance_from_one():
    """99.9 % goes to 99.89 and 99.91 %."""
    share = Input("a", "a", "fraction", 0.0, 1.0, 0.5)
    assert share.swing(0.999, 0.1) == pytest.approx((0.9989, 0.9991))


def test_names_are_suggested():
    """Of calculators, inputs and outputs; dashes and underscores are one."""
    with pytest.raises(UsageError, match="did you mean mmck"):
        find("mmckk")
    with pytest.raises(UsageError, match="did you mean servers"):
        CALCULATORS["mmc"].read({"server": 3})
    with pytest.raises(UsageError, match="did you mean wait"):
        CALCULATORS["mmc"].sensitivity({}, "wai")
    with pytest.raises(UsageError, match="unknown numeric output 'answer'"):
        CALCULATORS["build-or-buy"].sensitivity({}, "answer")
    assert CALCULATORS["multi-region"].read({"region_cost": 5})["region-cost"] == 5


SIGNS = "( ) & | , = + 3* : ; - e9 @0.5 9/4 nan inf 1e308 0 -1 µ /month"
WORDS = "2of3 a b.1 db 99.9% 1000h/2h 5ms exp( all( fanout( hedge( $5 1:10 2:19 us-eu=9ms lognormal(5ms,9ms) mmc(9/s,1ms,2)"
PHRASES = ("growth 2%/month", "from 3", "to 9", "at 2", "cpu 12%", "hours 10x5", "20 * $140/h", " ", "\n")
PIECES = st.sampled_from((*SIGNS.split(), *WORDS.split(), *PHRASES))


@pytest.mark.parametrize(
    ("name", "each"), [(name, each.name) for name in EVERY for each in CALCULATORS[name].inputs if each.kind == "text"]
)
@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_texts_are_read_or_refused(name, each, data):
    """Whatever is typed into a text input: an answer, or one line that says what was expected; never another error."""
    text = "".join(data.draw(st.lists(PIECES, max_size=12)))
    try:
        result = CALCULATORS[name].compute({**CALCULATORS[name].example, each: text})
    except UsageError:
        return
    json.dumps(result.to_json(), allow_nan=False)


@pytest.mark.parametrize(
    ("name", "each", "text"),
    [
        ("availability", "diagram", "(" * 3000 + "a" + ")" * 3000),
        ("latency-budget", "graph", "(" * 3000 + "5ms" + ")" * 3000),
        ("latency-budget", "graph", "10000*fanout(10000, exp(5ms))"),
        ("usl", "points", "1:1e300, 2:1e308, 3:1e307"),
        ("tco", "items", "a: $1e300/month growth 900%/month"),
    ],
)
def test_hostile_texts_are_refused(name, each, text):
    """Deep nesting, endless work and numbers that overflow are wrong input, not crashes."""
    with pytest.raises(QuantError, match=r"expected|beyond all bounds"):
        CALCULATORS[name].compute({each: text})


def test_cut_sets_that_are_too_many_are_left_out():
    """Availability is still computed, and the note says what is missing."""
    found = CALCULATORS["availability"].compute({"diagram": "20of40(x)"})
    assert found.output("cut-sets").value is None
    assert "too many" in found.notes[0]
    assert found.number("availability") > 0.99

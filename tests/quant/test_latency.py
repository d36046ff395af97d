"""Latency of call graphs, and the ladder."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from windtunnel.quant import CALCULATORS, QuantError, Unstable
from windtunnel.quant.call_graphs import read_graph
from windtunnel.quant.ladder import LADDER
from windtunnel.quant.latency import Grid, longest_s

BUDGET = CALCULATORS["latency-budget"]


def result(graph, **more):
    return BUDGET.compute({"graph": graph, **more})


def test_the_worked_example_of_a_thousand_kilometres():
    """1000 km one way, 5 hops of 0.5 ms, 80/s on a server of 10 ms, 2 ms to serialize, 5 ms of disk: 64.5 ms on average."""
    found = result("fiber(500km) + 5*0.5ms + mmc(80/s, 10ms, 1) + 2ms + 5ms")
    assert found.number("mean") == pytest.approx(0.0645, rel=1e-3)


def test_fan_out_to_a_hundred():
    """0.99^100 = 37 % of requests meet no server at its slowest percent (Dean & Barroso 2013: 63 % meet one)."""
    slowest = 0.005 * math.log(100)
    found = result("fanout(100, exp(5ms))", budget=slowest)
    assert found.number("within") == pytest.approx(0.99**100, abs=2e-3)
    harmonic = sum(1 / i for i in range(1, 101))
    assert found.number("mean") == pytest.approx(0.005 * harmonic, rel=1e-3)


@pytest.mark.parametrize(
    ("graph", "mean", "p99"),
    [
        ("exp(10ms)", 0.010, 0.010 * math.log(100)),
        ("all(exp(10ms), exp(10ms))", 0.015, -0.010 * math.log(1 - math.sqrt(0.99))),
        ("any(exp(10ms), exp(10ms))", 0.005, 0.005 * math.log(100)),
        ("exp(10ms) + exp(10ms)", 0.020, 0.06638),
        ("hedge(exp(10ms), 10ms)", 0.010 * (1 - math.exp(-1) / 2), 0.010 * (math.log(100) + 1) / 2),
        ("mmc(80/s, 10ms, 1)", 0.050, 0.050 * math.log(100)),
        ("uniform(10ms, 20ms)", 0.015, 0.0199),
        ("lognormal(10ms, 40ms)", 0.010 * math.exp((math.log(4) / 2.3263478740408408) ** 2 / 2), 0.040),
        ("20ms", 0.020, 0.020),
        ("4*5ms", 0.020, 0.020),
    ],
)
def test_closed_forms(graph, mean, p99):
    """Exponentials, their sums, maxima, minima and hedges have known means and percentiles."""
    found = result(graph)
    assert found.number("mean") == pytest.approx(mean, rel=2e-3)
    assert found.number("p99") == pytest.approx(p99, rel=2e-3)


@settings(max_examples=8, deadline=None)
@given(st.lists(st.floats(0.5, 50.0), min_size=1, max_size=5), st.integers(1, 40))
def test_means_add_up(means, times):
    """The mean of steps in a row is the sum of their means."""
    graph = read_graph(" + ".join(f"{times}*exp({mean}ms)" for mean in means))
    grid = Grid(longest_s(graph))
    assert grid.mean_s(grid.of(graph)) == pytest.approx(times * sum(means) / 1000, rel=2e-3)


def test_percentiles_do_not_add_up():
    """Two steps in a row: p99 of the sum is below the sum of the p99."""
    assert result("exp(10ms) + exp(10ms)").number("p99") < 2 * result("exp(10ms)").number("p99")


@pytest.mark.parametrize(
    ("graph", "says"),
    [
        ("5ms +", "expected a time or a step"),
        ("all(", "the end of the text"),
        ("foo(3ms)", "expected a step (const, exp"),
        ("exp(80/s)", "got '80/s', which is a rate"),
        ("5 apples", "got '5 apples'"),
        ("uniform(5ms, 1ms)", "low <= high"),
        ("lognormal(5ms, 5ms)", "0 < median < p99"),
        ("exp(0ms)", "a mean above 0"),
        ("0*5ms", "1 to 10000 times"),
        ("fanout(0, 5ms)", "N from 1 to"),
        ("5ms)", "+ or the end"),
        ("-5ms", "nothing below 0"),
    ],
)
def test_wrong_graphs_are_refused(graph, says):
    """The message shows where it stopped making sense."""
    with pytest.raises(QuantError, match="expected") as error:
        result(graph)
    assert says in str(error.value)


def test_a_queue_without_steady_state_is_refused():
    """Inside a graph as well."""
    with pytest.raises(Unstable):
        result("2ms + mmc(200/s, 10ms, 1)")


def test_every_rung_says_who_when_and_on_what():
    """Source, year and hardware; the fiber is 5 ms for 1000 km one way."""
    ladder = CALCULATORS["latency-ladder"].compute({})
    for rung in LADDER:
        label = ladder.output(rung.name).label
        assert str(rung.year) in label
        assert rung.hardware in label
        assert any(rung.source in note for note in ladder.notes)
    assert ladder.number("fiber") == pytest.approx(0.010)


def test_the_measured_column():
    """Figures of this machine stand beside the published ones; what is no figure is refused."""
    ladder = CALCULATORS["latency-ladder"]
    found = ladder.compute({"measured": "mutex=60ns, loopback=30us"})
    assert found.number("mutex-here") == pytest.approx(60e-9)
    assert found.charts[0].series[1][0] == "measured here"
    for text in ("mutex", "warp=3s", "mutex=soon", "mutex=0s"):
        with pytest.raises(QuantError, match="measured:"):
            ladder.compute({"measured": text})

"""Each formula against its oracle; and what is wrong is found."""

import json

import pytest

from windtunnel.base.errors import UsageError
from windtunnel.base.streams import Stream
from windtunnel.calculators import check, has_oracle
from windtunnel.calculators.checking import ORACLES, _oracle
from windtunnel.calculators.station import drawing
from windtunnel.quant import CALCULATORS, QuantError, Result
from windtunnel.quant.result import Output

LIGHT = {  # loads that a short run can judge
    "little": {"arrivals": 20, "time": "50ms"},
    "mm1": {"arrivals": 40, "service": 100},
    "mmc": {"arrivals": 15, "service": 10, "servers": 3},
    "mmck": {"arrivals": 40, "service": 10, "servers": 3, "room": 8},
    "mg1": {"arrivals": 40, "service": 100, "cs": 1.5},
    "ggc": {"arrivals": 30, "service": 10, "servers": 4, "ca": 1, "cs": 0.5},
    "erlang-b": {"arrivals": 40, "service": 10, "servers": 4},
    "latency-ladder": {"measured": "mutex=60ns, compress-1k=8us"},
    "capacity": {"arrivals": 70, "months": 0, "utilization": "99%", "objective": "130ms", "cores": 1, "zones": 1},
}
SHORT = 0.3


def test_every_calculator_can_be_checked():
    """By an oracle of this package or by its own, never by both."""
    for name, calculator in CALCULATORS.items():
        assert has_oracle(name)
        assert (name in ORACLES) != (calculator.oracle is not None)


def looked(name, result=None, *, seed=0, length=SHORT):
    """The rows of a short look."""
    calculator = CALCULATORS[name]
    values = calculator.read(LIGHT.get(name) or calculator.example)
    rows, how = _oracle(calculator)(values, result or calculator.compute(values), seed, length)
    assert how
    return rows


@pytest.mark.parametrize("name", sorted(CALCULATORS))
def test_no_formula_differs_from_its_oracle(name):
    """A short look: something agrees, nothing differs."""
    rows = looked(name)
    assert not [row.cells() for row in rows if row.agrees is False]
    assert any(row.agrees for row in rows)


@pytest.mark.parametrize("name", ["erlang-b", "availability", "latency-ladder", "staleness", "tco", "two-phase-commit"])
def test_a_check_ends_in_a_verdict(name):
    """Valid; strict JSON; it says how it came about."""
    found = check(name, LIGHT.get(name, {}))
    assert found.verdict == "valid", [row.cells() for row in found.rows]
    assert found.how
    json.dumps(found.to_json(), allow_nan=False)


@pytest.mark.campaign
@pytest.mark.parametrize("name", sorted(CALCULATORS))
def test_every_check_is_valid_at_first_sight(name):
    """With the values that a newcomer has: the defaults."""
    found = check(name, {})
    assert found.verdict == "valid", [row.cells() for row in found.rows]


def tampered(result, factor):
    """The same answer with every figure moved."""
    outputs = [
        Output(o.name, o.label, o.value * factor if isinstance(o.value, float | int) else o.value, o.unit) for o in result.outputs
    ]
    return Result(outputs)


@pytest.mark.parametrize(
    ("name", "factor"),
    [
        ("little", 1.3),
        ("mmc", 1.3),
        ("mmck", 0.8),
        ("mg1", 1.5),
        ("erlang-b", 1.2),
        ("availability", 0.9999),
        ("latency-budget", 1.1),
        ("tco", 1.0001),
        ("staleness", 1.3),
        ("multi-region", 1.3),
        ("two-phase-commit", 1.1),
        ("cloud-savings", 1.01),
        ("migration-roi", 1.01),
    ],
)
def test_a_wrong_formula_is_found(name, factor):
    """Every figure moved by that factor: at least one row differs."""
    calculator = CALCULATORS[name]
    right = calculator.compute(calculator.read(LIGHT.get(name) or calculator.example))
    assert any(row.agrees is False for row in looked(name, tampered(right, factor), seed=1))


def test_the_same_seed_gives_the_same_rows():
    """And another one other rows."""
    one, same, other = ([row.to_json() for row in looked("mm1", seed=seed, length=0.05)] for seed in (3, 3, 4))
    assert one == same != other


def test_an_approximation_that_fails_is_called_invalid():
    """Allen-Cunneen at regular arrivals and light load is off by more than the quarter it is given."""
    calculator = CALCULATORS["ggc"]
    values = calculator.read({"arrivals": 5, "service": 10, "servers": 1, "ca": 0, "cs": 1})
    rows, _how = _oracle(calculator)(values, calculator.compute(values), 0, SHORT)
    assert rows[0].agrees is False


def test_ten_thousand_servers_are_checked_without_simulation():
    """By the balance equations; the simulated rows are left open, with the reason."""
    found = check("mmc", {"servers": 10_000, "arrivals": 9500, "service": 1})
    assert found.verdict == "valid"
    assert any(row.agrees is None and "too many" in row.why for row in found.rows)


def test_what_is_outside_the_domain_is_refused_before_anything_runs():
    """Unstable loads, unknown calculators."""
    with pytest.raises(QuantError, match="unstable"):
        check("mm1", {"arrivals": 100, "service": 100})
    with pytest.raises(UsageError, match="did you mean mmc"):
        check("mmd", {})


@pytest.mark.parametrize("variation", [0.0, 0.3, 0.5, 0.7071067811865476, 0.9, 1.0, 1.5, 3.0])
def test_draws_have_their_two_moments(variation):
    """Constant, Erlang mixtures, exponential, hyperexponential: mean 2, and the coefficient of variation that was asked for."""
    draw = drawing(2.0, variation, Stream(5, "moments").random)
    samples = [draw() for _ in range(12_000)]
    mean = sum(samples) / len(samples)
    deviation = (sum((x - mean) ** 2 for x in samples) / len(samples)) ** 0.5
    assert mean == pytest.approx(2.0, rel=0.05 + 0.05 * variation)
    assert deviation / mean == pytest.approx(variation, rel=0.08, abs=1e-9)


@pytest.mark.campaign
@pytest.mark.parametrize(
    "name", ["mm1", "mmc", "mmck", "mg1", "erlang-b", "little", "staleness", "latency-budget", "multi-region"]
)
def test_no_false_alarm_in_many_seeds(name):
    """Right formulas stay valid or open over 40 seeds: the intervals are as wide as they say."""
    values = LIGHT.get(name, {})
    assert all(check(name, values, seed=seed).verdict != "invalid" for seed in range(40))

"""Availability of block diagrams."""

import itertools
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from windtunnel.quant import CALCULATORS, QuantError
from windtunnel.quant.diagrams import Gate, Part, parts_of, read_diagram
from windtunnel.quant.reliability import cut_sets, importance, unavailability, works

AVAILABILITY = CALCULATORS["availability"]


def compute(**values):
    return AVAILABILITY.compute(values)


def test_two_of_three_regions():
    """99.9, 99.8 and 99.7 % give 99.9989 %, 0.47 minutes in 30 days; not 99.988 % and 5.2 minutes."""
    result = compute(diagram="2of3(a, b, c)", parts="a=99.9%, b=99.8%, c=99.7%", beta=0)
    assert result.number("availability") == pytest.approx(0.999989, abs=1e-7)
    assert result.number("downtime-30d") / 60 == pytest.approx(0.47, abs=0.01)


def test_three_of_five():
    """At 99.9 % each: eight nines, not seven."""
    assert compute(diagram="3of5(x)", parts="x=99.9%", beta=0).number("nines") == pytest.approx(8.0, abs=0.01)


def test_one_of_n_plus_m():
    """N+M is a binomial sum: 9 of 10 at 99 %."""
    expected = 1 - (0.99**10 + 10 * 0.01 * 0.99**9)
    assert unavailability(read_diagram("9of10(x)"), {f"x.{i}": 0.01 for i in range(1, 11)}) == pytest.approx(expected, rel=1e-9)


def test_mtbf_and_mttr():
    """A = MTBF / (MTBF + MTTR), for one part."""
    assert compute(diagram="a", mtbf="999h", mttr="1h").number("availability") == pytest.approx(0.999)


def test_five_nines_are_five_minutes_a_year():
    """5.26 minutes in 365.25 days, 5.256 in 365."""
    assert compute(diagram="a", parts="a=99.999%").number("downtime-year") / 60 == pytest.approx(5.256, abs=1e-3)


def test_shared_parts_are_one_part():
    """(lb & a) | (lb & b) is lb & (a | b): a balancer that stands twice on paper does not stand twice."""
    down = {"lb": 0.1, "a": 0.2, "b": 0.3}
    twice = unavailability(read_diagram("(lb & a) | (lb & b)"), down)
    assert twice == pytest.approx(unavailability(read_diagram("lb & (a | b)"), down))
    assert cut_sets(read_diagram("(lb & a) | (lb & b)")) == [frozenset({"lb"}), frozenset({"a", "b"})]


@pytest.mark.parametrize(("beta", "share"), [(0.0, 1e-6), (1.0, 1e-3), (0.05, 5.09e-5)])
def test_common_causes_bound_redundancy(beta, share):
    """Two parts of 99.9 %: independent 1e-6, wholly common 1e-3, and with 5 % common already 5e-5."""
    down = 1 - compute(diagram="1of2(x)", parts="x=99.9%", beta=beta).number("availability")
    assert down == pytest.approx(share, rel=1e-2)


def test_common_causes_are_on_by_default():
    """Without being asked, the result is worse than independence, and says by how much."""
    result = compute()
    assert result.number("availability") < result.number("independent")


def test_failover_costs_time():
    """Two parts, 30 s for each failure of the busy one: MTBF of 1000 h gives 30 s in 1002 h."""
    with_it = 1 - compute(diagram="a | b", failover="30s", beta=0).number("availability")
    without = 1 - compute(diagram="a | b", beta=0).number("availability")
    assert with_it - without == pytest.approx(30 / (1002 * 3600), rel=1e-3)


# --- Any diagram ---

names = st.sampled_from("abcdef")


def gates(children):
    def made(branches, need):
        return Gate(min(need, len(branches)), tuple(branches))

    return st.builds(made, st.lists(children, min_size=1, max_size=3), st.integers(1, 3))


diagrams = st.recursive(st.builds(Part, names), gates, max_leaves=7)


def all_states(block):
    """(failed, works) for every combination of failed parts."""
    parts = sorted(set(parts_of(block)))
    for size in range(len(parts) + 1):
        for failed in itertools.combinations(parts, size):
            yield frozenset(failed), works(block, frozenset(failed))


@settings(max_examples=40, deadline=None)
@given(diagrams, st.lists(st.floats(0.0, 1.0), min_size=6, max_size=6))
def test_exact_is_enumeration(block, shares):
    """Factoring gives what adding up all states gives, shared parts included."""
    down = dict(zip("abcdef", shares, strict=True))
    parts = set(parts_of(block))
    total = math.fsum(
        math.prod(down[p] if p in failed else 1 - down[p] for p in parts) for failed, up in all_states(block) if not up
    )
    assert unavailability(block, down) == pytest.approx(total, rel=1e-9, abs=1e-12)


@settings(max_examples=40, deadline=None)
@given(diagrams)
def test_cut_sets_are_the_minimal_ones(block):
    """Exactly the sets whose failure brings it down while no smaller one does."""
    broken = [failed for failed, up in all_states(block) if not up]
    minimal = {cut for cut in broken if not any(other < cut for other in broken)}
    assert set(cut_sets(block)) == minimal


@settings(max_examples=40, deadline=None)
@given(diagrams, st.floats(0.001, 0.5), st.floats(0.0, 0.5))
def test_worse_parts_are_never_better(block, q, more):
    """Monotone in every part; importance is a share."""
    down = dict.fromkeys("abcdef", q)
    assert unavailability(block, {**down, "a": min(1.0, q + more)}) >= unavailability(block, down) - 1e-15
    assert all(-1e-9 <= share <= 1 + 1e-9 for share in importance(block, down).values())


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({"diagram": "2of3(db"}, "expected , or )"),
        ({"diagram": "a & & b"}, "expected a part, KofN(...) or (; got '& b' at position 4"),
        ({"diagram": "4of3(x)"}, "1 <= K <= N"),
        ({"diagram": ""}, "the end of the text"),
        ({"diagram": "a b"}, "expected &, | or the end; got 'b'"),
        ({"diagram": "2of3(a, b)"}, "3 branches"),
        ({"diagram": "1of400(x)"}, "<= 300"),
        ({"diagram": "a", "parts": "b=99%"}, "with a name of the diagram (a); got 'b=99%'"),
        ({"diagram": "a", "parts": "a=soon"}, "got 'soon'"),
        ({"diagram": "a", "mtbf": 0}, "mtbf: expected a time, above 0 s"),
        ({"diagram": "a", "beta": "150%"}, "beta: expected a share, at least 0 %, at most 100 %; got 150%"),
        ({"diagram": "a", "slo": 1}, "slo: expected a share"),
        ({"diagram": 7}, "diagram: expected a text"),
    ],
)
def test_wrong_diagrams_and_figures_are_refused(values, says):
    """The message shows where it stopped making sense."""
    with pytest.raises(QuantError, match="expected") as error:
        AVAILABILITY.compute(values)
    assert says in str(error.value)

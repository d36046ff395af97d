"""Pauses: within their ceilings, whatever the attempt and the draw."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from windtunnel.resilience import BadSetting, Constant, Exponential, pauses_max_s

UNIT = st.floats(0, 1, exclude_max=True)
JITTERS = st.sampled_from(["full", "equal", "decorrelated", "none"])


@given(st.integers(1, 10**6), st.floats(0, 100), UNIT, JITTERS, st.floats(1, 10))
@settings(max_examples=50, deadline=None)
def test_no_pause_exceeds_the_cap_or_overflows(attempt, previous_s, u, jitter, factor):
    """At a millionth attempt as at the first: 0 <= pause <= cap."""
    backoff = Exponential(first_s=0.1, cap_s=20.0, factor=factor, jitter=jitter)
    assert 0 <= backoff.delay_s(attempt, previous_s, u) <= 20.0


@given(st.lists(UNIT, min_size=1, max_size=12), JITTERS)
@settings(max_examples=40, deadline=None)
def test_pauses_stay_below_what_a_deadline_must_leave_room_for(draws, jitter):
    """The sum of drawn pauses is at most `pauses_max_s`."""
    backoff = Exponential(first_s=0.1, cap_s=3.0, jitter=jitter)
    total = previous = 0.0
    for attempt, u in enumerate(draws, 1):
        previous = backoff.delay_s(attempt, previous, u)
        assert previous <= backoff.longest_s(attempt) + 1e-9
        total += previous
    assert total <= pauses_max_s(backoff, len(draws) + 1) + 1e-9


def test_ceilings_double_up_to_the_cap():
    """0.1, 0.2, 0.4, ... and then the cap, in closed form."""
    backoff = Exponential(first_s=0.1, cap_s=1.0, jitter="none")
    assert [backoff.delay_s(n, 0, 0.5) for n in (1, 2, 3, 4, 5, 6)] == pytest.approx([0.1, 0.2, 0.4, 0.8, 1.0, 1.0])


@pytest.mark.parametrize(("jitter", "low", "high"), [("full", 0.0, 0.4), ("equal", 0.2, 0.4), ("decorrelated", 0.1, 0.6)])
def test_ranges_of_jitter(jitter, low, high):
    """The third pause, the second having been 0.2: from nothing, from the half, from the first to three times the last."""
    backoff = Exponential(first_s=0.1, cap_s=10.0, jitter=jitter)
    assert backoff.delay_s(3, 0.2, 0.0) == pytest.approx(low)
    assert backoff.delay_s(3, 0.2, 1.0) == pytest.approx(high)


def test_constant_pauses_are_spread_evenly():
    """10 % either way around a second."""
    backoff = Constant(pause_s=1.0, spread=0.1)
    assert [backoff.delay_s(9, 0, u) for u in (0.0, 0.5, 1.0)] == pytest.approx([0.9, 1.0, 1.1])
    assert backoff.longest_s(1) == pytest.approx(1.1)


@pytest.mark.parametrize(
    ("make", "word"),
    [
        (lambda: Exponential(first_s=0), "first_s"),
        (lambda: Exponential(cap_s=0.01), "cap_s"),
        (lambda: Exponential(factor=0.5), "factor"),
        (lambda: Exponential(jitter="some"), "jitter"),
        (lambda: Constant(pause_s=float("inf")), "pause_s"),
        (lambda: Constant(spread=2), "spread"),
        (lambda: pauses_max_s(Constant(), 0), "attempts"),
    ],
)
def test_settings_outside_their_domain_are_named(make, word):
    """The message starts with the setting, and says what was expected and what came."""
    with pytest.raises(BadSetting, match=f"^{word}: expected .*, got "):
        make()

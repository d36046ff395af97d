"""The breaker's core against a reference that keeps everything, and its rules against plain counting."""

import copy
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from windtunnel.resilience import BadSetting, Breaker, Consecutive, FailureRate, FailureRateOver

# --- The reference: a list of all that happened, and the definition of each state ---


class Reference:
    """A circuit breaker by its definition: it keeps all outcomes of this stay, and all probes that are out."""

    def __init__(self, failures, open_s, probes, successes, growth, most):
        self.failures, self.open_s, self.probes = failures, open_s, probes
        self.successes, self.growth, self.most = successes, growth, most
        self.state, self.since, self.stay = "closed", 0.0, 0
        self.outcomes, self.out, self.failed_probes = [], {}, 0

    def go(self, state, now):
        self.state, self.since = state, now
        self.stay += 1
        self.outcomes, self.out = [], {}

    def pause(self):
        return min(self.most, self.open_s * self.growth**self.failed_probes)

    def ask(self, now, call):
        if self.state == "open" and now >= self.since + self.pause():
            self.go("half_open", now)
        if self.state == "half_open" and self.out and now >= max(self.out.values()) + self.open_s:
            self.failed_probes += 1
            self.go("open", now)
        if self.state == "open" or (self.state == "half_open" and len(self.out) >= self.probes):
            return None
        if self.state == "half_open":
            self.out[call] = now
        return self.stay

    def ended(self, now, call, stay, outcome):
        if stay != self.stay or self.state == "open":
            return
        self.out.pop(call, None)
        if outcome == "abandoned":
            return
        self.outcomes.append(outcome)
        if self.state == "closed":
            if len(self.outcomes) >= self.failures and set(self.outcomes[-self.failures :]) == {"failed"}:
                self.go("open", now)
        elif outcome == "failed":
            self.failed_probes += 1
            self.go("open", now)
        elif self.outcomes.count("succeeded") >= self.successes:
            self.failed_probes = 0
            self.go("closed", now)


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["ask", "ask", "succeeded", "failed", "failed", "abandoned"]),
        st.integers(0, 5),
        st.sampled_from([0.0, 0.0, 0.5, 1.0, 2.5, 4.0]),
    ),
    max_size=60,
)


@given(STEPS, st.integers(1, 4), st.integers(1, 3), st.integers(1, 3), st.sampled_from([1.0, 2.0]))
@settings(max_examples=120, deadline=None)
def test_every_transition_is_exactly_the_reference_s(steps, failures, probes, successes, growth):
    """Any calls in any order and at any times, late answers included: same state, same admissions, step by step."""
    breaker = Breaker(Consecutive(failures), open_s=4.0, probes=probes, successes=successes, growth=growth, open_max_s=16.0)
    reference = Reference(failures, 4.0, probes, successes, growth, 16.0)
    now, number, calls = 0.0, 0, []
    for verb, which, later in steps:
        now += later
        if verb == "ask":
            number += 1
            permit, stay = breaker.ask(now), reference.ask(now, number)
            assert (permit == 0) == (stay is None)
            if permit:
                calls.append((number, permit, stay))
        elif calls:
            call, permit, stay = calls.pop(which % len(calls))
            reference.ended(now, call, stay, verb)
            if verb == "abandoned":
                breaker.abandoned(permit)
            else:
                getattr(breaker, verb)(permit, now)
        assert breaker.state == reference.state
        assert 0 <= breaker.out <= probes
        assert breaker.out == len(reference.out)


def tripped(**settings):
    """A breaker that opened at time 0."""
    breaker = Breaker(Consecutive(1), open_s=10.0, **settings)
    breaker.failed(breaker.ask(0.0), 0.0)
    assert breaker.state == "open"
    return breaker


def test_it_opens_at_the_threshold_and_not_before():
    """Four failures in a row leave it closed, a success starts the count again, the fifth in a row opens it."""
    breaker = Breaker(Consecutive(5))
    for outcome in "ffffsffff":
        (breaker.failed if outcome == "f" else breaker.succeeded)(breaker.ask(0.0), 0.0)
        assert breaker.state == "closed"
    breaker.failed(breaker.ask(0.0), 0.0)
    assert breaker.state == "open"


def test_it_half_opens_when_the_pause_is_over_and_not_before():
    """One instant before it refuses and says how long; at the instant it lets one through."""
    breaker = tripped()
    assert (breaker.ask(9.999), breaker.wait_s(9.0)) == (0, 1.0)
    assert breaker.ask(10.0)
    assert breaker.state == "half_open"
    assert not breaker.ask(10.0)


def test_a_late_answer_says_nothing_about_the_present():
    """A call from before the circuit opened fails while a probe is out: the probe decides alone."""
    breaker = Breaker(Consecutive(1), open_s=10.0)
    slow = breaker.ask(0.0)
    breaker.failed(breaker.ask(0.0), 0.0)
    probe = breaker.ask(10.0)
    breaker.failed(slow, 10.5)
    assert breaker.state == "half_open"
    breaker.succeeded(probe, 11.0)
    assert breaker.state == "closed"
    breaker.failed(probe, 12.0)
    assert breaker.state == "closed"


def test_a_probe_that_hangs_reopens():
    """A dependency that never answers cannot hold the circuit half-open: recovery is bounded."""
    breaker = tripped(probe_s=3.0)
    assert breaker.ask(10.0)
    assert not breaker.ask(12.9)
    assert breaker.state == "half_open"
    assert not breaker.ask(13.0)
    assert breaker.state == "open"
    assert breaker.ask(23.0)


def test_an_abandoned_probe_frees_its_place():
    """A probe that was cancelled says nothing: the next call is a probe."""
    breaker = tripped()
    breaker.abandoned(breaker.ask(10.0))
    assert breaker.ask(10.0)


def test_pauses_grow_with_each_failed_probe():
    """10, 20, 40 and then the maximum of 60 s; after a success it begins again with 10."""
    breaker = tripped(growth=2.0, open_max_s=60.0)
    now, pauses = 0.0, []
    for _ in range(4):
        pauses.append(breaker.wait_s(now))
        now += pauses[-1]
        breaker.failed(breaker.ask(now), now)
    assert pauses == [10.0, 20.0, 40.0, 60.0]
    now += 60.0
    breaker.succeeded(breaker.ask(now), now)
    breaker.failed(breaker.ask(now), now)
    assert breaker.wait_s(now) == 10.0


def test_a_copy_is_independent_and_equal_states_are_equal():
    """A core is a value: search may copy and compare it."""
    breaker = Breaker(FailureRate(calls=4, calls_min=2))
    other = copy.deepcopy(breaker)
    assert breaker == other
    breaker.failed(1, 0.0)
    assert breaker != other


def test_by_hand():
    """Forced open it refuses and half-opens after its pause; forced closed it lets through."""
    breaker = Breaker(open_s=5.0)
    breaker.force("open", 0.0)
    assert not breaker.ask(4.0)
    assert breaker.ask(5.0)
    breaker.force("closed", 5.0)
    assert breaker.ask(5.0)
    assert breaker.state == "closed"


# --- Rules ---


@given(st.lists(st.booleans(), max_size=80), st.integers(1, 12), st.integers(1, 12), st.integers(1, 10))
@settings(max_examples=50, deadline=None)
def test_the_rate_is_that_of_the_last_calls(outcomes, calls, least, tenths):
    """After every call: trips exactly if the last `calls` hold enough calls and at least that fraction failed."""
    least = min(least, calls)
    rule = FailureRate(rate=tenths / 10, calls=calls, calls_min=least)
    for i, failed in enumerate(outcomes, 1):
        last = outcomes[max(0, i - calls) : i]
        expected = len(last) >= least and Fraction(sum(last), len(last)) >= Fraction(tenths, 10)
        assert rule.outcome(0.0, failed=failed) == expected


@given(
    st.lists(st.tuples(st.booleans(), st.booleans(), st.integers(0, 7)), max_size=60),
    st.integers(1, 6),
)
@settings(max_examples=50, deadline=None)
def test_the_rate_over_time_is_that_of_the_last_parts(events, least):
    """Against plain counting of the calls in the last five parts of a second each, failures and slow calls alike."""
    rule = FailureRateOver(rate=0.5, window_s=5.0, buckets=5, calls_min=least, slow_s=1.0, slow_rate=0.75)
    now, seen = 0, []
    for failed, slow, halves in events:
        now += halves
        seen.append((now // 2, failed, slow))
        last = [event for event in seen if event[0] > now // 2 - 5]
        expected = len(last) >= least and (
            2 * sum(event[1] for event in last) >= len(last) or 4 * sum(event[2] for event in last) >= 3 * len(last)
        )
        assert rule.outcome(now / 2, failed=failed, took_s=1.0 if slow else 0.5) == expected


def test_slow_calls_trip():
    """Calls that succeed too late count as slow, and enough of them open the circuit; a slow probe opens it again."""
    breaker = Breaker(FailureRate(calls=10, calls_min=4, slow_s=1.0, slow_rate=0.5), open_s=5.0)
    for took_s in (0.1, 0.1, 2.0, 1.0):
        breaker.succeeded(breaker.ask(0.0), 0.0, took_s)
    assert breaker.state == "open"
    breaker.succeeded(breaker.ask(5.0), 6.0, 1.0)
    assert breaker.state == "open"


@pytest.mark.parametrize(
    ("make", "word"),
    [
        (lambda: Consecutive(0), "failures"),
        (lambda: FailureRate(rate=0), "rate"),
        (lambda: FailureRate(calls=5, calls_min=6), "calls_min"),
        (lambda: FailureRate(slow_s=-1), "slow_s"),
        (lambda: FailureRateOver(window_s=0), "window_s"),
        (lambda: Breaker(open_s=0), "open_s"),
        (lambda: Breaker(probes=True), "probes"),
        (lambda: Breaker(growth=0.9), "growth"),
        (lambda: Breaker(open_s=10, open_max_s=5), "open_max_s"),
        (lambda: Breaker(probe_s=0), "probe_s"),
    ],
)
def test_rules_and_breakers_refuse_settings_outside_their_domain(make, word):
    """The message names the setting."""
    with pytest.raises(BadSetting, match=rf"^{word}: expected .*, got "):
        make()

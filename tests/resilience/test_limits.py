"""Limits: never more than they say in any window, and no less than they must."""

from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from windtunnel.resilience import (
    BadSetting,
    FixedWindow,
    Gcra,
    LeakyBucket,
    Locked,
    SlidingCounter,
    SlidingLog,
    TokenBucket,
)

NS = 10**9
GAPS = st.lists(
    st.one_of(
        st.just(0), st.just(0), st.integers(0, 1000), st.integers(0, 2 * NS), st.sampled_from([NS // 3, NS // 10, NS, NS - 1])
    ),
    min_size=1,
    max_size=80,
)
STARTS = st.integers(0, 10**18)
RATES = st.sampled_from([0.1, 1, 3, 7.5, 10, 1000, 333333.3])


def admitted(limit, gaps, start, sizes=None):
    """[(time, how many)] of what was admitted."""
    now, taken = start, []
    for i, gap in enumerate(gaps):
        now += gap
        n = 1 if sizes is None else sizes[i % len(sizes)]
        if limit.ask(now, n) == 0:
            taken.append((now, n))
    return taken


@given(
    GAPS,
    STARTS,
    RATES,
    st.integers(1, 20),
    st.lists(st.integers(1, 4), min_size=1, max_size=5),
    st.sampled_from([Gcra, TokenBucket]),
)
@settings(max_examples=60, deadline=None)
def test_no_window_holds_more_than_rate_times_window_plus_burst(gaps, start, rate, burst, sizes, kind):
    """In exact arithmetic, over every window that begins and ends with an admission, both included."""
    taken = admitted(kind(rate, burst=burst), gaps, start, sizes)
    exact = Fraction(repr(rate))
    for i, (begin, _) in enumerate(taken):
        total = 0
        for end, n in taken[i:]:
            total += n
            assert total <= burst + exact * Fraction(end - begin, NS)


@given(GAPS, STARTS, RATES, st.integers(1, 20), st.lists(st.integers(1, 4), min_size=1, max_size=5))
@settings(max_examples=50, deadline=None)
def test_gcra_and_the_token_bucket_are_one_limit(gaps, start, rate, burst, sizes):
    """Same calls admitted, same waits told, whatever arrives when."""
    one, other = Gcra(rate, burst=burst), TokenBucket(rate, burst=burst)
    now = start
    for i, gap in enumerate(gaps):
        now += gap
        n = sizes[i % len(sizes)]
        assert one.ask(now, n) == other.ask(now, n)


@given(
    GAPS, STARTS, st.integers(1, 8), st.sampled_from([0.001, 0.1, 1.0, 1.5]), st.lists(st.integers(1, 3), min_size=1, max_size=4)
)
@settings(max_examples=50, deadline=None)
def test_the_log_admits_exactly_what_fits_the_window(gaps, start, count, per_s, sizes):
    """Against a list of all admissions: admitted if and only if those of the last per_s, with it, are at most count."""
    limit = SlidingLog(count, per_s)
    now, taken = start, []
    window = int(Fraction(repr(per_s)) * NS)
    for i, gap in enumerate(gaps):
        now += gap
        n = sizes[i % len(sizes)]
        held = sum(size for at, size in taken if at > now - window)
        assert (limit.ask(now, n) == 0) == (held + n <= count)
        if held + n <= count:
            taken.append((now, n))


@given(GAPS, STARTS, st.integers(1, 8), st.integers(1, 10), st.lists(st.integers(1, 3), min_size=1, max_size=4))
@settings(max_examples=50, deadline=None)
def test_the_counter_never_exceeds_and_errs_within_one_part(gaps, start, count, parts, sizes):
    """No window of 1 s holds more than count; what it refuses would exceed count in a window of 1 s and one part."""
    limit = SlidingCounter(count, 1.0, parts)
    part = -(-NS // parts)
    now, taken = start, []
    for i, gap in enumerate(gaps):
        now += gap
        n = sizes[i % len(sizes)]
        if limit.ask(now, n) == 0:
            taken.append((now, n))
            assert sum(size for at, size in taken if at > now - NS) <= count
        else:
            assert sum(size for at, size in taken if at > now - part * (parts + 1)) + n > count


@given(GAPS, STARTS, st.integers(1, 8))
@settings(max_examples=40, deadline=None)
def test_a_fixed_window_admits_at_most_twice_the_count_in_any_window(gaps, start, count):
    """Its weakness has a bound too."""
    taken = admitted(FixedWindow(count), gaps, start)
    for now, _ in taken:
        assert sum(1 for at, _ in taken if now - NS < at <= now) <= 2 * count


LIMITS = st.sampled_from(
    [
        lambda: Gcra(7.5, burst=3),
        lambda: TokenBucket(3, burst=3),
        lambda: SlidingLog(3, 0.7),
        lambda: SlidingCounter(3, 0.7, 4),
        lambda: FixedWindow(3, 0.7),
        lambda: Locked(Gcra(3, burst=3)),
    ]
)


@given(LIMITS, GAPS, STARTS, st.integers(1, 3))
@settings(max_examples=60, deadline=None)
def test_after_the_wait_there_is_room_and_not_a_nanosecond_before(make, gaps, start, n):
    """Whoever comes back when told is admitted if nobody came between; one nanosecond earlier is too early."""
    limit, early = make(), make()
    now = start
    for gap in gaps:
        now += gap
        limit.ask(now)
        early.ask(now)
    wait = limit.ask(now, n)
    if wait:
        assert early.ask(now + wait - 1, n) > 0
        assert limit.ask(now + wait, n) == 0


@given(GAPS, STARTS, RATES, st.integers(0, 5))
@settings(max_examples=50, deadline=None)
def test_the_leaky_bucket_leaves_evenly_and_holds_no_more_than_its_capacity(gaps, start, rate, capacity):
    """Departures are at least 1/rate apart, in order, never before the arrival; it refuses exactly when it is full."""
    bucket = LeakyBucket(rate, capacity=capacity)
    now, departures = start, []
    for gap in gaps:
        now += gap
        leaves = bucket.offer(now)
        waiting = sum(1 for at in departures if at > now)
        if leaves is None:
            assert waiting >= capacity
        else:
            assert leaves >= now
            if departures:
                assert Fraction(leaves - departures[-1], NS) >= 1 / Fraction(repr(rate))
            departures.append(leaves)
            assert sum(1 for at in departures if at > now) <= capacity + 1


def test_the_bounds_are_reached():
    """They are not met by refusing everything: hammered each microsecond for 3 s, each limit of 1000/s admits what it may."""

    def hammered(limit):
        return sum(limit.ask(now) == 0 for now in range(0, 3 * NS, 100_000))

    assert hammered(Gcra(1000)) == 3000
    assert hammered(Gcra(1000, burst=1000)) == 4000 - 1
    assert hammered(SlidingLog(1000)) == 3000
    assert hammered(FixedWindow(1000)) == 3000
    assert 2700 <= hammered(SlidingCounter(1000, parts=10)) <= 3000


def test_a_burst_at_the_edge_of_a_fixed_window_is_twice_the_count():
    """Ten at 0.99 s and ten at 1.00 s: both pass a fixed window, the others stop the second ten."""

    def both(limit):
        return sum(limit.ask(990_000_000) == 0 for _ in range(10)) + sum(limit.ask(NS) == 0 for _ in range(10))

    assert both(FixedWindow(10)) == 20
    assert both(SlidingLog(10)) == 10
    assert both(SlidingCounter(10)) == 10
    assert both(Gcra(10, burst=10)) == 10


def test_a_clock_that_steps_back_admits_no_more():
    """Readings that come late, as from another thread, never admit twice."""
    for limit in (Gcra(10, burst=2), TokenBucket(10, burst=2), SlidingLog(2), SlidingCounter(2), FixedWindow(2)):
        assert sum(limit.ask(now) == 0 for now in (NS, NS - 5, NS - 5, NS)) <= 2, limit


@pytest.mark.parametrize(
    ("make", "word"),
    [
        (lambda: Gcra(0), "rate"),
        (lambda: Gcra(1, per_s=float("inf")), "per_s"),
        (lambda: Gcra(1, burst=0), "burst"),
        (lambda: TokenBucket(1, burst=1.5), "burst"),
        (lambda: LeakyBucket(1, capacity=-1), "capacity"),
        (lambda: SlidingLog(0), "count"),
        (lambda: SlidingCounter(1, parts=0), "parts"),
        (lambda: FixedWindow(1, per_s=-1), "per_s"),
        (lambda: Gcra("3"), "rate"),
    ],
)
def test_limits_refuse_settings_outside_their_domain(make, word):
    """The message names the setting."""
    with pytest.raises(BadSetting, match=rf"^{word}: expected .*, got "):
        make()

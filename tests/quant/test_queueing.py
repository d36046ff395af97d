"""Closed forms of queues: published values, limits, properties."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from windtunnel.quant import CALCULATORS, QuantError, Unstable
from windtunnel.quant.queueing import (
    balance_equations,
    erlang_b,
    erlang_c,
    ggc_wait_s,
    mg1_wait_s,
    mmc_response_quantile_s,
    mmc_response_tail,
    mmc_wait_quantile_s,
    mmc_wait_s,
    mmck,
    servers_for_wait,
)

# --- Published values ---


@pytest.mark.parametrize(
    ("servers", "offered", "blocked"),
    [(1, 0.0101, 0.01), (5, 1.361, 0.01), (10, 4.461, 0.01), (20, 12.031, 0.01), (100, 84.064, 0.01), (10, 6.216, 0.05)],
)
def test_erlang_b_table(servers, offered, blocked):
    """The traffic that 1 % (5 %) blocking allows, as in the tables of the ITU-D handbook of teletraffic engineering (2005)."""
    assert erlang_b(servers, offered) == pytest.approx(blocked, rel=2e-3)


@pytest.mark.parametrize(("servers", "waiting"), [(2, 0.711), (4, 0.596), (8, 0.458), (16, 0.305)])
def test_erlang_c_at_80_percent(servers, waiting):
    """71, 60, 46 and 31 %: a course that forgets 1/(1 - rho) has 44, 23, 11 and 5 %."""
    assert erlang_c(servers, 0.8 * servers) == pytest.approx(waiting, abs=1e-3)


def test_sixty_servers_wait_less_than_a_millisecond():
    """1000/s of 50 ms on 60 servers wait 0.6 ms, on 70 servers 0.01 ms; not 250 and 100 ms."""
    assert mmc_wait_s(1000, 20, 60) == pytest.approx(0.6e-3, rel=0.1)
    assert mmc_wait_s(1000, 20, 70) == pytest.approx(0.01e-3, rel=0.5)


def test_a_pool_of_twelve_connections_is_enough():
    """500/s of 20 ms with a mean wait below 5 ms need 12 connections (4.5 ms); a formula for one server says 50."""
    assert servers_for_wait(500, 50, 0.005) == 12
    assert mmc_wait_s(500, 50, 12) == pytest.approx(0.0045, rel=0.02)


def test_ninety_percent_of_one_server():
    """8.1 wait in M/M/1 at 90 %, not 81."""
    assert CALCULATORS["mm1"].compute({"arrivals": 90, "service": 100}).number("waiting") == pytest.approx(8.1)


# --- Limits ---


@settings(max_examples=25, deadline=None)
@given(st.floats(0.02, 0.95), st.integers(1, 60))
def test_large_rooms_are_endless(load, servers):
    """M/M/c/K with a large K is M/M/c."""
    arrivals = load * servers
    blocked, waiting, p_wait = mmck(arrivals, 1.0, servers, servers + 800)
    assert blocked < 1e-9
    assert waiting == pytest.approx(arrivals * mmc_wait_s(arrivals, 1.0, servers), rel=1e-6, abs=1e-300)
    assert p_wait == pytest.approx(erlang_c(servers, arrivals), rel=1e-6, abs=1e-300)


@settings(max_examples=40, deadline=None)
@given(st.floats(0.05, 30.0), st.integers(1, 20))
def test_no_room_to_wait_is_erlang_b(offered, servers):
    """M/M/c/c blocks as Erlang B says, at any load."""
    assert mmck(offered, 1.0, servers, servers)[0] == pytest.approx(erlang_b(servers, offered), rel=1e-12)


@settings(deadline=None)
@given(st.floats(0.01, 0.99))
def test_exponential_service_is_mm1(load):
    """M/G/1 with cs = 1, G/G/1 with ca = cs = 1 and M/M/c with one server are M/M/1; constant service waits half as long."""
    expected = load / (1 - load)
    assert mg1_wait_s(load, 1.0, 1.0) == pytest.approx(expected)
    assert ggc_wait_s(load, 1.0, 1, ca=1.0, cs=1.0) == pytest.approx(expected)
    assert mmc_wait_s(load, 1.0, 1) == pytest.approx(expected)
    assert mg1_wait_s(load, 1.0, 0.0) == pytest.approx(expected / 2)


@settings(max_examples=40, deadline=None)
@given(st.floats(0.05, 0.97), st.integers(1, 40), st.floats(0.3, 0.9999))
def test_percentiles_are_on_the_distribution(load, servers, share):
    """The tail at the quantile is what is left of the share, waits and responses alike."""
    arrivals = load * servers
    t = mmc_response_quantile_s(arrivals, 1.0, servers, share)
    assert mmc_response_tail(arrivals, 1.0, servers)(t) == pytest.approx(1 - share, rel=1e-6)
    wait = mmc_wait_quantile_s(arrivals, 1.0, servers, share)
    left = erlang_c(servers, arrivals) * math.exp(-(servers - arrivals) * wait)
    assert left == pytest.approx(1 - share) if wait else left <= 1 - share + 1e-12


def test_long_times_overflow_nothing():
    """A hundred services later, with a queue that drains slowly, the tail is still a number."""
    tail = mmc_response_tail(3999.5, 1.0, 4000)
    assert 0.0 < tail(1000.0) < tail(10.0) < 1.0


def test_equal_rates_of_wait_and_service():
    """Where c mu - lambda = mu the response is a sum of two equal exponentials, and the formula has no hole."""
    near, at = (mmc_response_tail(7.0 - d, 1.0, 8)(2.0) for d in (1e-7, 0.0))
    assert at == pytest.approx(near, rel=1e-6)


# --- Properties ---


@settings(max_examples=40, deadline=None)
@given(st.floats(0.05, 0.9), st.floats(1.001, 1.08), st.integers(1, 100))
def test_more_load_waits_longer_and_more_servers_less(load, more, servers):
    """Monotone in load and in servers."""
    arrivals = load * servers
    assert (
        mmc_wait_s(arrivals * more, 1.0, servers) >= mmc_wait_s(arrivals, 1.0, servers) >= mmc_wait_s(arrivals, 1.0, servers + 1)
    )


@settings(max_examples=30, deadline=None)
@given(st.floats(0.05, 3.0), st.integers(1, 30), st.integers(0, 40))
def test_closed_forms_are_the_balance_equations(load, servers, places):
    """M/M/c/K equals its own equations solved state by state, below and above the capacity."""
    room = servers + places
    states, first = balance_equations(load * servers, 1.0, servers, room)
    blocked, waiting, _p_wait = mmck(load * servers, 1.0, servers, room)
    assert sum(p for n, p in enumerate(states, first) if n == room) == pytest.approx(blocked, rel=1e-9, abs=1e-15)
    expected = sum((n - servers) * p for n, p in enumerate(states, first) if n > servers)
    assert waiting == pytest.approx(expected, rel=1e-9, abs=1e-15)


def test_ten_thousand_servers_overflow_nothing():
    """No factorial: 10,000 servers at 99 % have a wait, and as Erlang B a share that is turned away."""
    wait = mmc_wait_s(9900.0, 1.0, 10_000)
    assert 1e-4 < wait < 1e-2
    assert 0.0 < erlang_b(10_000, 9900.0) < 0.01
    assert mmck(20_000.0, 1.0, 10_000, 10_100)[0] == pytest.approx(0.5, rel=0.01)


@pytest.mark.parametrize("name", ["mm1", "mmc", "mg1", "ggc"])
def test_full_load_is_refused_with_what_would_do(name):
    """At rho = 1 there is no steady state; the message says so and how many servers there must be."""
    values = {"arrivals": 96, "service": 12} | ({"servers": 8} if name in ("mmc", "ggc") else {})
    with pytest.raises(Unstable, match=r"rho < 1, that is arrivals below .*, or at least 9 servers"):
        CALCULATORS[name].compute(values)


def test_little_solves_for_the_third():
    """Any two give the third; three must agree; one is too few."""
    little = CALCULATORS["little"]
    assert little.compute({"arrivals": "80/s", "time": "50ms"}).number("items") == pytest.approx(4)
    assert little.compute({"arrivals": "80/s", "items": 4}).number("time") == pytest.approx(0.05)
    assert little.compute({"time": "50ms", "items": 4}).number("arrivals") == pytest.approx(80)
    assert little.compute({"arrivals": 1000, "time": 5}).number("items") == 5000
    with pytest.raises(QuantError, match="expected items = arrivals \\* time; got items 9, but arrivals \\* time = 4"):
        little.compute({"arrivals": 80, "time": 0.05, "items": 9})
    with pytest.raises(QuantError, match=r"expected two of .* got arrivals"):
        little.compute({"arrivals": 80})


def test_a_room_smaller_than_the_servers_is_refused():
    """K counts the places in service."""
    with pytest.raises(QuantError, match=r"at least as many places as servers \(8\).*got 5"):
        CALCULATORS["mmck"].compute({"room": 5})

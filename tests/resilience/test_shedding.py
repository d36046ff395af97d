"""Shedding and adaptive limits: goodput under overload, in virtual time."""

import asyncio
from math import ceil

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from windtunnel.base.streams import Stream
from windtunnel.resilience import Aimd, BadSetting, Bulkhead, CoDel, Gradient, QueueDelay, Refused
from windtunnel.sim import World

# --- Cores ---


def test_codel_drops_by_its_law():
    """RFC 8289: the first drop after a whole interval above the target, the others 100 ms / sqrt(n) apart; none below it."""
    codel = CoDel(0.005, 0.1)
    drops = [ms for ms in range(1000) if codel.drop(0.02, ms / 1000)]
    law = [100.0]
    for n in range(1, len(drops)):
        law.append(law[-1] + 100 / n**0.5)
    assert drops == [ceil(round(at, 6)) for at in law]
    assert len(drops) == 27
    assert not codel.drop(0.004, 1.0)
    assert not codel.dropping
    assert not codel.drop(0.02, 1.01)


def test_codel_remembers_how_fast_it_dropped():
    """Overload again within 16 intervals: it does not begin at one, as section 5.4 of the RFC says."""
    codel = CoDel(0.005, 0.1)
    for ms in range(1000):
        codel.drop(0.02, ms / 1000)
    codel.drop(0.0, 1.0)
    again = [ms for ms in range(1001, 1300) if codel.drop(0.02, ms / 1000)]
    assert again[1] - again[0] < 30


@given(st.lists(st.tuples(st.floats(0, 0.004), st.floats(0, 1)), max_size=60), st.sampled_from([CoDel, QueueDelay]))
@settings(max_examples=50, deadline=None)
def test_nothing_is_dropped_while_waits_are_short(waits, kind):
    """Waits below the target, at any times: no drop."""
    rule, now = kind(0.005, 0.1), 0.0
    for waited, gap in waits:
        now += gap
        assert not rule.drop(waited, now)


def test_queue_delay_drops_only_what_waited_too_long():
    """After an interval in which the least wait was above the target; and it stops when an interval had a short wait."""
    rule = QueueDelay(0.005, 0.1)
    assert not any(rule.drop(0.02, ms / 1000) for ms in range(100))
    assert rule.drop(0.02, 0.1)
    assert not rule.drop(0.008, 0.101)
    assert not rule.drop(0.001, 0.15)
    assert not rule.drop(0.02, 0.3)


@given(
    st.lists(st.tuples(st.floats(0, 10), st.integers(1, 200), st.booleans()), max_size=100),
    st.sampled_from([lambda: Aimd(first=10, least=2, most=50), lambda: Gradient(first=10, least=2, most=50)]),
)
@settings(max_examples=60, deadline=None)
def test_limits_stay_in_their_range(samples, make):
    """Whatever is measured."""
    core = make()
    for took_s, running, ok in samples:
        core.ended(took_s, running, ok=ok)
        assert 2 <= core.limit <= 50


def test_aimd_adds_one_and_multiplies():
    """10, 11, 12, then x 0.9 on a failure or a slow call; nothing is learned while few are running."""
    core = Aimd(first=10, slow_s=1.0)
    core.ended(0.1, 10, ok=True)
    core.ended(0.1, 11, ok=True)
    assert core.value == 12
    core.ended(0.1, 12, ok=False)
    core.ended(2.0, 10, ok=True)
    assert core.value == pytest.approx(12 * 0.9 * 0.9)
    core.ended(0.1, 1, ok=True)
    assert core.value == pytest.approx(12 * 0.9 * 0.9)


def test_gradient_follows_latency():
    """Steady latency: it grows; three times the latency: it shrinks; few callers: it stays."""
    core = Gradient(first=20, most=100)
    for _ in range(50):
        core.ended(0.1, core.limit, ok=True)
    grown = core.value
    assert grown > 25
    core.ended(0.1, 1, ok=True)
    assert core.value == grown
    for _ in range(10):
        core.ended(0.3, core.limit, ok=True)
    assert core.value < grown


@pytest.mark.parametrize(
    ("make", "word"),
    [
        (lambda: CoDel(0), "target_s"),
        (lambda: QueueDelay(0.005, -1), "interval_s"),
        (lambda: Aimd(backoff=1), "backoff"),
        (lambda: Aimd(first=0), "first"),
        (lambda: Gradient(first=5, most=4), "first"),
        (lambda: Gradient(tolerance=0.5), "tolerance"),
        (lambda: Gradient(smoothing=0), "smoothing"),
    ],
)
def test_shedding_refuses_settings_outside_their_domain(make, word):
    """The message names the setting."""
    with pytest.raises(BadSetting, match=rf"^{word}: expected .*, got "):
        make()


# --- A server at twice its capacity: 4 cores, 10 ms of work, 800 requests a second; an answer is good within 200 ms ---

CAPACITY_PER_S = 400
GOOD_S = 0.2


def overload(make, *, rate_per_s=2 * CAPACITY_PER_S, for_s=8.0, seed=5):
    """(good answers per second from 3 s on, longest queue, all running at the end)."""
    world = World(seed, limit_s=3600)
    good, longest = [], [0]
    guard = make()

    async def main():
        server = world.host("server", cpu=4)
        stream = Stream(seed, "arrivals")
        loop = asyncio.get_running_loop()

        async def request():
            begun = loop.time()
            try:
                async with guard.call():
                    longest[0] = max(longest[0], guard.running + guard.waiting)
                    await server.cpu(0.01)
            except Refused:
                return
            if loop.time() - begun <= GOOD_S and begun >= 3.0:
                good.append(begun)

        async with asyncio.TaskGroup() as group:
            while loop.time() < for_s:
                await asyncio.sleep(stream.exponential(1 / rate_per_s))
                group.create_task(request())

    world.run(main)
    return len(good) / (for_s - 3.0), longest[0], guard.running


@pytest.mark.slow
def test_without_a_guard_goodput_collapses():
    """At twice the capacity an unbounded queue serves only those who have long given up."""
    good, longest, _ = overload(lambda: Bulkhead(4, waiting_max=100_000))
    assert good < 0.1 * CAPACITY_PER_S
    assert longest > 1000


@pytest.mark.slow
@pytest.mark.parametrize(
    "make",
    [
        pytest.param(lambda: Bulkhead(4, waiting_max=20), id="a short queue"),
        pytest.param(lambda: Bulkhead(4, waiting_max=100_000, shedding=QueueDelay(0.02, 0.1)), id="queue delay"),
        pytest.param(lambda: Bulkhead(Gradient(first=10, room=2)), id="gradient"),
        pytest.param(lambda: Bulkhead(Aimd(first=10, slow_s=0.08)), id="aimd"),
    ],
)
def test_with_a_guard_goodput_stays(make):
    """At twice the capacity at least 90 % of the capacity is answered in time, and the queue is bounded."""
    good, longest, running = overload(make)
    assert good >= 0.9 * CAPACITY_PER_S
    assert longest < 200
    assert running == 0


@pytest.mark.slow
def test_codel_alone_is_slow_against_callers_who_do_not_slow_down():
    """Why QueueDelay exists: CoDel's drop rate rises with the square root of time, and the queue grows meanwhile."""
    good, longest, _ = overload(lambda: Bulkhead(4, waiting_max=100_000, shedding=CoDel(0.02, 0.1)))
    assert longest > 1000
    assert good < 0.9 * CAPACITY_PER_S

"""Limiters around coroutines, and one limit for many processes, in virtual time."""

import asyncio
import itertools
import json
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from windtunnel.resilience import (
    BadSetting,
    Gcra,
    LeakyBucket,
    Limiter,
    Locked,
    MemoryStore,
    RateLimited,
    Shaper,
    SharedLimiter,
    SlidingLog,
    Tally,
    deadline,
)
from windtunnel.sim import World


def now():
    return asyncio.get_running_loop().time()


@given(
    st.lists(st.tuples(st.integers(0, 3000), st.sampled_from([None, None, 50, 400])), min_size=1, max_size=25),
    st.sampled_from([1, 3]),
)
@settings(max_examples=25, deadline=None)
def test_waiting_callers_are_served_in_order_and_never_too_fast(callers, burst):
    """Any arrivals, some of which give up: at 10/s, admissions keep the bound, in the order of arrival."""

    async def main():
        limiter = Limiter(Gcra(10, burst=burst))
        served = []

        async def caller(number, at_ms, patience_ms):
            await asyncio.sleep(at_ms / 1000)
            try:
                async with asyncio.timeout(None if patience_ms is None else patience_ms / 1000):
                    await limiter.acquire()
            except TimeoutError:
                return
            served.append((at_ms, number, now()))

        await asyncio.gather(*[caller(i, at, patience) for i, (at, patience) in enumerate(callers)])
        assert not limiter._waiting
        return served

    served = World(1).run(main)
    assert len(served) >= sum(1 for _, patience in callers if patience is None)
    assert [at for at, _, _ in served] == sorted(at for at, _, _ in served)
    times = [round(when * 1e9) for _, _, when in served]
    for i, j in itertools.combinations(range(len(times)), 2):
        assert j - i + 1 <= burst + 10 * Fraction(times[j] - times[i] + 2, 10**9)  # 2 ns: virtual time is a float


def test_who_waits_is_not_passed():
    """While one waits for three at once, a later call for one does not slip in."""

    async def main():
        limiter = Limiter(Gcra(1, burst=3))
        assert limiter.try_acquire(3)
        big = asyncio.create_task(limiter.acquire(3))
        await asyncio.sleep(2.0)
        assert not limiter.try_acquire()
        small = asyncio.create_task(limiter.acquire())
        await big
        first = now()
        await small
        return first, now()

    assert World(1).run(main) == pytest.approx((3.0, 4.0))


def test_a_decorated_coroutine_waits_and_a_function_is_refused():
    """The coroutine runs later; the function raises RateLimited with the time to come back."""

    async def main():
        tally = Tally()
        limiter = Limiter(Gcra(2), name="api", observer=tally)

        @limiter
        async def call():
            return now()

        @limiter
        def plain():
            return "went"

        assert await call() == 0.0
        assert await call() == 0.5
        with pytest.raises(RateLimited, match="api has no room") as refused:
            plain()
        assert refused.value.retry_after_s == pytest.approx(0.5)
        await asyncio.sleep(0.5)
        assert plain() == "went"
        return tally.counts

    assert World(1).run(main) == {("api", "waited"): 1, ("api", "refused"): 1}


def test_nobody_waits_for_a_turn_after_the_deadline():
    """With 1 s left and a turn in 2 s, RateLimited comes at once; and the turn is not lost."""

    async def main():
        limiter = Limiter(Gcra(0.5))
        await limiter.acquire()
        with pytest.raises(RateLimited, match="after the deadline"):
            async with deadline(1.0):
                await limiter.acquire()
        assert now() == 0.0
        await limiter.acquire()
        return now()

    assert World(1).run(main) == 2.0


def test_the_queue_of_a_limiter_is_bounded():
    """With room for two who wait, the third is refused."""

    async def main():
        limiter = Limiter(Gcra(1), waiting_max=2)
        answers = await asyncio.gather(*[limiter.acquire() for _ in range(4)], return_exceptions=True)
        return [type(answer).__name__ for answer in answers]

    assert World(1).run(main) == ["NoneType", "NoneType", "NoneType", "RateLimited"]


def test_more_than_the_burst_is_refused_rather_than_waited_for():
    """It would wait for ever."""

    async def main():
        with pytest.raises(BadSetting, match=r"^n: expected 1 to 5"):
            await Limiter(SlidingLog(5)).acquire(6)

    World(1).run(main)
    with pytest.raises(BadSetting, match="a Shaper serves"):
        Limiter(LeakyBucket(1))


def test_locked_limits_serve_threads():
    """Eight threads hammer one limit; exactly its burst gets through, since no time passes."""
    from threading import Thread

    limiter = Limiter(Locked(Gcra(1e-3, burst=500)), clock_ns=lambda: 0)
    passed = []

    def run():
        passed.append(sum(limiter.try_acquire() for _ in range(200)))

    threads = [Thread(target=run) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert sum(passed) == 500


def test_a_shaper_lets_go_evenly():
    """Ten at once through a bucket of 4 places at 2/s: five leave half a second apart, five are refused."""

    async def main():
        shaper = Shaper(LeakyBucket(2, capacity=4))
        left = []

        async def one():
            async with shaper:
                left.append(now())

        answers = await asyncio.gather(*[one() for _ in range(10)], return_exceptions=True)
        assert sum(isinstance(answer, RateLimited) for answer in answers) == 5
        return left

    assert World(1).run(main) == [0.0, 0.5, 1.0, 1.5, 2.0]


# --- One limit for many processes ---

RATE, BURST, LEASE_S = 100, 20, 0.1


class RemoteStore:
    """A store on another host: one line of JSON per question."""

    async def take(self, key, wanted):
        reader, writer = await asyncio.open_connection("store", 7000)
        try:
            writer.write(json.dumps([key, wanted]).encode() + b"\n")
            granted, wait_s = json.loads(await reader.readline())
            return granted, wait_s
        finally:
            writer.close()


async def serve_store():
    store = MemoryStore(lambda _key: Gcra(RATE, burst=BURST))

    async def answer(reader, writer):
        key, wanted = json.loads(await reader.readline())
        writer.write(json.dumps(await store.take(key, wanted)).encode() + b"\n")
        writer.close()

    server = await asyncio.start_server(answer, port=7000)
    await server.serve_forever()


def flood(seed, *, outage=None, cut=False):
    """Three processes ask for 500 a second each, for 4 s; one is perhaps cut off for 2 s. [(time, process)], round trips."""
    world = World(seed)
    admitted, asked = [], []

    async def process(name):
        limiter = SharedLimiter(
            RemoteStore(),
            "api",
            lease=5,
            lease_s=LEASE_S,
            timeout_s=0.05,
            outage=None if outage is None else outage(),
            outage_s=0.2,
        )
        start = now()
        while now() < start + 4.0:
            if await limiter.try_acquire():
                admitted.append((world.now, name))
            await asyncio.sleep(0.002)
        asked.append(limiter.asked)

    async def main():
        world.host("store", main=serve_store)
        await asyncio.sleep(0.1)
        hosts = [world.host(name, main=lambda name=name: process(name)) for name in ("a", "b", "c")]
        await asyncio.sleep(1.0)
        if cut:
            world.cut([("a", "store"), ("store", "a")])
            await asyncio.sleep(2.0)
            world.heal()
        await asyncio.sleep(4.5)
        return hosts

    world.run(main)
    return admitted, sum(asked)


def worst_excess(times, rate, burst, extra_s):
    """The largest count - (burst + rate x (w + extra)) over all windows; at most 0 if the bound holds."""
    worst = -(10**9)
    for i, j in itertools.combinations_with_replacement(range(len(times)), 2):
        worst = max(worst, j - i + 1 - (burst + rate * (times[j] - times[i] + extra_s)))
    return worst


@pytest.mark.slow
@pytest.mark.parametrize("cut", [False, True])
def test_all_processes_together_keep_the_stated_bound(cut):
    """With and without a partition: in any window, what the store grants in the window and one lease before it."""
    admitted, asked = flood(3, cut=cut)
    times = sorted(when for when, _ in admitted)
    assert worst_excess(times, RATE, BURST, LEASE_S) <= 1e-6
    assert len(times) >= 0.8 * RATE * 4, "the limit is used, not only kept"
    assert asked < len(times) / 2, "leases save round trips"
    assert {name for _, name in admitted} == {"a", "b", "c"}


@pytest.mark.slow
def test_a_process_that_is_cut_off_has_the_limit_that_it_was_given():
    """Without a store it refuses, or goes on under its own limit, which adds to the bound."""

    def in_the_cut(outage):
        admitted, _ = flood(4, outage=outage, cut=True)
        times = sorted(when for when, _ in admitted)
        if outage is not None:
            assert worst_excess(times, RATE + 10, BURST + 1, LEASE_S) <= 1e-6
        return sum(1 for when, name in admitted if name == "a" and 1.5 < when < 3.0)

    assert in_the_cut(None) == 0
    assert 10 <= in_the_cut(lambda: Gcra(10)) <= 16


def test_a_lease_must_outlive_a_question():
    """An answer that comes later than its lease lasts could never be used."""
    with pytest.raises(BadSetting, match=r"^timeout_s: expected less than lease_s"):
        SharedLimiter(MemoryStore(lambda _: Gcra(1)), "k", lease_s=0.1, timeout_s=0.1)


def test_concurrent_callers_share_one_question():
    """Fifty tasks of one process that find no lease ask the store once, not fifty times."""

    async def main():
        limiter = SharedLimiter(MemoryStore(lambda _: Gcra(1, burst=50)), "k", lease=50, lease_s=10)
        answers = await asyncio.gather(*[limiter.try_acquire() for _ in range(60)])
        return sum(answers), limiter.asked

    passed, asked = World(1).run(main)
    assert passed == 50
    assert asked == 2

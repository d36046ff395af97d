"""What guards cost around a call that succeeds, and how many calls limiters really admit, beside the libraries people use.

python benchmarks/bench_resilience.py [--quick]

Costs: nanoseconds per call around a function that does nothing, bare call included. All are measured in turn, in small
batches, in one process, many rounds; the fastest batch of each is reported, so that other work on the machine does not count.

Windows: each limiter, set to 1,000 per second, is asked every 100 microseconds for 3.5 s, beginning at different points of a
second, with and without a pause before. The clock is virtual: ours take time as an argument, for `limits` time.time is replaced,
aiolimiter runs in the simulator. Reported: the most calls admitted in any window of 1 s (half-open), against rate + burst as
the limiter's own documentation defines them. Ratio: allowed against admitted, below 1 is an excess.

Probes: fifty tasks call at once when a breaker has just half-opened, over a dependency that takes half a second.
"""

from __future__ import annotations

import argparse
import asyncio
import time
from bisect import bisect_left
from importlib.metadata import version
from unittest.mock import patch

COMMAND = "python benchmarks/bench_resilience.py"
BATCH = 500
RATE = 1000
STEP_NS = 100_000
HAMMER_NS = 3_500_000_000


def named(package):
    return f"{package} {version(package)}"


# --- What a guard costs ---


def nothing():
    return 1


async def nothing_async():
    return 1


def sync_guards():
    """{what: {who: guarded function}}; "" is ours."""
    import circuitbreaker
    import purgatory
    import pybreaker
    import stamina
    import tenacity

    from windtunnel.resilience import CircuitBreaker, FailureRate, FailureRateOver, Retry, RetryBudget

    tenacious = tenacity.retry(
        retry=tenacity.retry_if_exception_type(OSError),
        stop=tenacity.stop_after_attempt(3),
        wait=tenacity.wait_random_exponential(0.1, 10),
        reraise=True,
    )
    purged = purgatory.SyncCircuitBreakerFactory()
    retries = {named("tenacity"): tenacious(nothing), named("stamina"): stamina.retry(on=OSError, attempts=3)(nothing)}
    breakers = {
        named("circuitbreaker"): circuitbreaker.circuit(failure_threshold=5)(nothing),
        named("pybreaker"): pybreaker.CircuitBreaker(fail_max=5)(nothing),
        named("purgatory"): purged("bench")(nothing),
    }
    return {
        "retry": {"": Retry(OSError)(nothing), **retries},
        "retry with a budget": {"": Retry(OSError, budget=RetryBudget())(nothing)},
        "breaker": {"": CircuitBreaker()(nothing), **breakers},
        "breaker, failure rate of 100 calls": {"": CircuitBreaker(rule=FailureRate())(nothing)},
        "breaker, failure rate of 10 s": {"": CircuitBreaker(rule=FailureRateOver())(nothing)},
        "bare call": {"": nothing},
    }


def async_guards():
    import circuitbreaker
    import purgatory
    import stamina
    import tenacity

    from windtunnel.resilience import Bulkhead, CircuitBreaker, Fallback, Hedge, Retry, timeout

    tenacious = tenacity.retry(
        retry=tenacity.retry_if_exception_type(OSError),
        stop=tenacity.stop_after_attempt(3),
        wait=tenacity.wait_random_exponential(0.1, 10),
        reraise=True,
    )

    async def stdlib():
        async with asyncio.timeout(60):
            return await nothing_async()

    stamina_retry = stamina.retry(on=OSError, attempts=3)(nothing_async)
    return {
        "async retry": {
            "": Retry(OSError)(nothing_async),
            named("tenacity"): tenacious(nothing_async),
            named("stamina"): stamina_retry,
        },
        "async breaker": {
            "": CircuitBreaker()(nothing_async),
            named("circuitbreaker"): circuitbreaker.circuit(failure_threshold=5)(nothing_async),
            named("purgatory"): purgatory.AsyncCircuitBreakerFactory()("bench")(nothing_async),
        },
        "async bulkhead": {"": Bulkhead(10)(nothing_async)},
        "async fallback": {"": Fallback(0)(nothing_async)},
        "async timeout": {"": timeout(60)(nothing_async), "asyncio.timeout": stdlib},
        "async hedge": {"": Hedge(60)(nothing_async)},
        "bare await": {"": nothing_async},
    }


def sync_limiters():
    """One decision, admitted: keyed storage of `limits` included, since it cannot be used without."""
    import limits

    from windtunnel.resilience import FixedWindow, Gcra, Limiter, SlidingCounter, SlidingLog

    storage = limits.storage.MemoryStorage()
    item = limits.RateLimitItemPerSecond(10**9)
    small = limits.RateLimitItemPerSecond(10**5)  # the log keeps a time for each

    def hit(strategy, item, key):
        limiter = strategy(storage)
        return lambda: limiter.hit(item, key)

    many = 10**9
    core, clock_ns = Gcra(many, burst=many).ask, time.monotonic_ns
    return {
        "limiter, core (Gcra.ask of the clock)": {"": lambda: core(clock_ns())},
        "limiter, decision (GCRA)": {"": Limiter(Gcra(many, burst=many)).try_acquire},
        "limiter, fixed window": {
            "": Limiter(FixedWindow(many)).try_acquire,
            named("limits"): hit(limits.strategies.FixedWindowRateLimiter, item, "a"),
        },
        "limiter, sliding counter": {
            "": Limiter(SlidingCounter(many)).try_acquire,
            named("limits"): hit(limits.strategies.SlidingWindowCounterRateLimiter, item, "b"),
        },
        "limiter, sliding log": {
            "": Limiter(SlidingLog(10**5, 0.01)).try_acquire,
            named("limits"): hit(limits.strategies.MovingWindowRateLimiter, small, "c"),
        },
    }


def async_limiters():
    import aiolimiter

    from windtunnel.resilience import Gcra, Limiter

    many = 10**9
    ours, theirs = Limiter(Gcra(many, burst=many)), aiolimiter.AsyncLimiter(many, 1)

    async def with_ours():
        async with ours:
            pass

    async def with_theirs():
        async with theirs:
            pass

    peer = named("aiolimiter")
    return {
        "limiter, await acquire()": {"": ours.acquire, peer: theirs.acquire},
        "limiter, async with": {"": with_ours, peer: with_theirs},
    }


def sync_batch(fn):
    begin = time.perf_counter_ns()
    for _ in range(BATCH):
        fn()
    return (time.perf_counter_ns() - begin) / BATCH


async def async_batch(fn):
    begin = time.perf_counter_ns()
    for _ in range(BATCH):
        await fn()
    return (time.perf_counter_ns() - begin) / BATCH


def costs(quick):
    """{what: {who: ns}}."""
    functions = {**sync_guards(), **sync_limiters()}
    best = {}

    def keep(what, who, ns):
        row = best.setdefault(what, {})
        row[who] = min(ns, row.get(who, ns))

    async def measure():
        coroutines = {**async_guards(), **async_limiters()}
        for _ in range(15 if quick else 80):
            for what, guarded in functions.items():
                for who, fn in guarded.items():
                    keep(what, who, sync_batch(fn))
            for what, guarded in coroutines.items():
                for who, fn in guarded.items():
                    keep(what, who, await async_batch(fn))

    asyncio.run(measure())
    for what in ("limiter, core (Gcra.ask of the clock)", "limiter, decision (GCRA)"):
        best[what][named("aiolimiter") + ", async with"] = best["limiter, async with"][named("aiolimiter")]
    return best


# --- How many are admitted ---


def worst_window(times_ns):
    """The most of the sorted times in any half-open second."""
    return max(bisect_left(times_ns, at + 1_000_000_000) - i for i, at in enumerate(times_ns))


def hammers():
    """Times of the questions: from several points of a second, at once and after one admitted call and a pause."""
    for offset_ms in range(0, 1000, 100):
        start = 10_000_000_000 + offset_ms * 1_000_000
        yield range(start, start + HAMMER_NS, STEP_NS)
        yield [start, *range(start + 700_000_000, start + 700_000_000 + HAMMER_NS, STEP_NS)]


def worst_of(make):
    worst = 0
    for asked in hammers():
        limit = make()
        worst = max(worst, worst_window([now for now in asked if limit(now)]))
    return worst


def ours_in_windows():
    from windtunnel.resilience import FixedWindow, Gcra, SlidingCounter, SlidingLog, TokenBucket

    def asking(make):
        def fresh():
            ask = make().ask
            return lambda now: ask(now) == 0

        return fresh

    return {
        "Gcra, burst 1": (worst_of(asking(lambda: Gcra(RATE))), RATE + 1),
        "Gcra, burst 1000": (worst_of(asking(lambda: Gcra(RATE, burst=RATE))), 2 * RATE),
        "TokenBucket, burst 100": (worst_of(asking(lambda: TokenBucket(RATE, burst=100))), RATE + 100),
        "SlidingLog": (worst_of(asking(lambda: SlidingLog(RATE))), RATE),
        "SlidingCounter": (worst_of(asking(lambda: SlidingCounter(RATE))), RATE),
        "FixedWindow, for comparison": (worst_of(asking(lambda: FixedWindow(RATE))), RATE),
    }


def limits_in_windows():
    import limits

    found = {}
    clock = [0.0]
    with patch("time.time", lambda: clock[0]):  # for the thread of the storage too, which forgets what has expired
        for strategy in ("FixedWindowRateLimiter", "SlidingWindowCounterRateLimiter", "MovingWindowRateLimiter"):

            def make(strategy=strategy):
                limiter = getattr(limits.strategies, strategy)(limits.storage.MemoryStorage())
                item = limits.RateLimitItemPerSecond(RATE)

                def ask(now_ns):
                    clock[0] = 4e9 + now_ns / 1e9
                    return limiter.hit(item, "key")

                return ask

            found[f"{named('limits')} {strategy.removesuffix('RateLimiter')}"] = (worst_of(make), RATE)
    return found


def aiolimiter_in_windows():
    import aiolimiter

    from windtunnel.sim import World

    async def main():
        limiter, times = aiolimiter.AsyncLimiter(RATE, 1), []

        async def one():
            await limiter.acquire()
            times.append(round(asyncio.get_running_loop().time() * 1e9))

        await asyncio.gather(*[one() for _ in range(3 * RATE)])
        return worst_window(sorted(times))

    return {named("aiolimiter"): (World(1, still_steps=10_000_000).run(main), 2 * RATE)}


# --- How many probes reach a dependency that has just come back ---


def probes():
    """{who: how many of fifty concurrent calls reach the dependency while half-open}, in virtual time."""
    import circuitbreaker
    import purgatory

    from windtunnel.resilience import CircuitBreaker, Consecutive
    from windtunnel.sim import World

    def reached(decorate):
        async def main():
            calls, up = [], [False]

            async def work():
                calls.append(1)
                await asyncio.sleep(0.5)
                if not up[0]:
                    raise OSError

            guarded = decorate()(work)
            for _ in range(5):
                await asyncio.gather(guarded(), return_exceptions=True)
            assert len(calls) == 5
            await asyncio.sleep(31)
            await asyncio.gather(*[guarded() for _ in range(50)], return_exceptions=True)
            return len(calls) - 5

        return World(1).run(main)

    return {
        "": reached(lambda: CircuitBreaker(rule=Consecutive(5), open_s=30)),
        named("circuitbreaker"): reached(lambda: circuitbreaker.circuit(failure_threshold=5, recovery_timeout=30)),
        named("purgatory"): reached(lambda: purgatory.AsyncCircuitBreakerFactory(5, 30)("probe")),
    }


def rows(quick: bool = False) -> list[dict]:  # noqa: FBT001, FBT002 - called by name
    """One row per comparison; ratio: above 1 is better for us, and for windows above or at 1 keeps the limit."""
    found = []
    for what, row in costs(quick).items():
        ours = row.pop("")
        for who, ns in row.items() or [(None, None)]:
            found.append(entry(what, "ns/call", ours, who, ns, None if ns is None else ns / ours))
    for what, (admitted, allowed) in {**ours_in_windows(), **limits_in_windows(), **aiolimiter_in_windows()}.items():
        found.append(entry(f"worst second: {what}", "admitted", admitted, "allowed: rate + burst", allowed, allowed / admitted))
    reached = probes()
    ours = reached.pop("")
    for who, count in reached.items():
        found.append(entry("probes that reach a half-open target", "of 50 calls", ours, who, count, count / ours))
    return found


def entry(name, unit, ours, peer_name, peer, ratio):
    rounded = None if ratio is None else round(ratio, 3)
    row = {"name": name, "unit": unit, "ours": round(ours, 1), "peer_name": peer_name, "peer": peer and round(peer, 1)}
    return {**row, "ratio": rounded, "kernel": "-", "command": COMMAND}


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--quick", action="store_true", help="fewer rounds")
    options = parser.parse_args()
    for row in rows(options.quick):
        peer = "" if row["peer"] is None else f"{row['peer']:>10,.0f}  {row['ratio']:8.2f}x  {row['peer_name']}"
        print(f"{row['name']:46} {row['ours']:>10,.0f} {row['unit']:12} {peer}", flush=True)


if __name__ == "__main__":
    main()

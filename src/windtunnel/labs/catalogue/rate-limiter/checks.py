"""The grader: every window of every run is counted, and every refusal is held against an exact bucket."""

import asyncio
import random
import time

from windtunnel.labs.checking import check, expect
from windtunnel.labs.kit import lines

TICK_S = 0.001
TINY = 1e-4  # of a call: what rounding may do


def busiest(admitted_s, rate_per_s):
    """The window with the most calls above its rate: (calls, length in seconds, calls above rate * length)."""
    best, first = (0, 0.0, 0.0), 0
    for j, at_s in enumerate(admitted_s):
        if at_s * rate_per_s - j > admitted_s[first] * rate_per_s - first:
            first = j
        length_s = at_s - admitted_s[first]
        best = max(best, (j - first + 1, length_s, j - first + 1 - rate_per_s * length_s), key=lambda window: window[2])
    return best


def expect_within(admitted_s, rate_per_s, burst):
    """In no window, of any length, more than burst + rate * length."""
    calls, length_s, above = busiest(admitted_s, rate_per_s)
    most = burst + rate_per_s * length_s
    expect(
        above <= burst + TINY,
        f"at {rate_per_s:g}/s with a burst of {burst}, a window of {length_s:.3f} s has at most {most:.1f} calls",
        calls=calls,
    )


class Bucket:
    """The exact one: says whether a refusal was needed. It is told of every call that was admitted."""

    def __init__(self, rate_per_s, burst, now):
        self.rate_per_s, self.burst = rate_per_s, burst
        self.tokens, self.at_s = float(burst), now

    def level(self, now):
        self.tokens = min(self.burst, self.tokens + (now - self.at_s) * self.rate_per_s)
        self.at_s = now
        return self.tokens


# --- Yes and no ---


@check("a burst, then the rate", seeds=1)
async def burst_then_rate(world, lab):
    limiter = lab.Limiter(rate_per_s=10.0, burst=5)
    granted = [limiter.allow() for _ in range(7)]
    expect(granted == [True] * 5 + [False] * 2, "a new limiter with burst=5 admits 5 calls at once", got=granted)
    for n in range(1, 4):
        await asyncio.sleep(0.1 + TICK_S)
        granted = [limiter.allow() for _ in range(2)]
        expect(granted == [True, False], f"0.1 s later, at 10/s, it admits one more ({n} of 3)", got=granted)
    await asyncio.sleep(60.0)
    granted = sum(limiter.allow() for _ in range(100))
    expect(granted == 5, "after a minute without calls it admits 5 at once again, not more", got=granted)


@check("the edge of a window is no door", seeds=1)
async def edge(world, lab):
    for start_s in (10.95, 20.99, 30.5, 40.0):
        limiter = lab.Limiter(rate_per_s=10.0, burst=10)
        admitted_s = []
        await asyncio.sleep(start_s - world.now)
        for _ in range(300):
            admitted_s += [world.now] * sum(limiter.allow() for _ in range(20))
            await asyncio.sleep(0.01)
        most = max(sum(1 for other_s in admitted_s if at_s <= other_s <= at_s + 0.1 + TINY) for at_s in admitted_s)
        expect(most <= 11, "at 10/s with a burst of 10, no tenth of a second has more than 11 calls", calls=most, from_s=start_s)
        expect_within(admitted_s, 10.0, 10)


@check("never more than burst plus rate in any window, and no refusal without need", seeds=10, limit_s=100_000)
async def oracle(world, lab):
    rate_per_s, burst = random.choice((0.5, 3.0, 7.5, 20.0)), random.choice((1, 2, 5, 20))
    await asyncio.sleep(random.uniform(0.0, 10.0))
    limiter, bucket = lab.Limiter(rate_per_s=rate_per_s, burst=burst), Bucket(rate_per_s, burst, world.now)
    admitted_s = []
    for _ in range(60):  # phases of even, bursty, sparse and hammering load
        gap_s = random.choice((0.001, 0.02, 0.3, 1.0)) / rate_per_s * random.uniform(0.5, 1.5)
        for _ in range(random.randrange(1, 30)):
            level = bucket.level(world.now)
            if limiter.allow():
                admitted_s.append(world.now)
                bucket.tokens -= 1.0
            else:
                expect(
                    level < 1.0 + TINY,
                    f"at {rate_per_s:g}/s with a burst of {burst}, the bucket has a token, so the call is admitted",
                    tokens=round(level, 6),
                    admitted_so_far=len(admitted_s),
                )
            await asyncio.sleep(gap_s)
        if random.random() < 0.2:
            await asyncio.sleep(random.uniform(0.0, 3.0 * burst / rate_per_s))
    expect_within(admitted_s, rate_per_s, burst)


@check("retry_after_s tells when", seeds=1)
async def retry_after(world, lab):
    limiter = lab.Limiter(rate_per_s=4.0, burst=2)
    expect(limiter.retry_after_s() == 0.0, "a new limiter would admit a call now: 0", got=limiter.retry_after_s())
    limiter.allow()
    limiter.allow()
    for n in range(50):
        limiter.allow()  # refused: that costs nothing
        after_s = limiter.retry_after_s()
        expect(
            0.249 <= after_s <= 0.251,
            "empty at 4/s, the next call is admitted in 0.25 s, refusals or not",
            got=after_s,
            refused=n + 1,
        )
    await asyncio.sleep(0.1)
    after_s = limiter.retry_after_s()
    expect(0.149 <= after_s <= 0.151, "0.1 s later that is 0.15 s", got=after_s)
    await asyncio.sleep(after_s - TICK_S)
    expect(not limiter.allow(), "a millisecond before that it refuses")
    await asyncio.sleep(2 * TICK_S)
    expect(limiter.allow(), "a millisecond after it admits")


# --- Waiting ---


@check("those who wait get their turn in order, at the rate", seeds=2)
async def in_turn(world, lab):
    limiter = lab.Limiter(rate_per_s=10.0, burst=3)
    done = []

    async def one(n):
        await limiter.wait()
        done.append((n, world.now))

    tasks = []
    for n in range(23):
        tasks.append(asyncio.create_task(one(n)))
        await asyncio.sleep(random.uniform(0.001, 0.05))
    await asyncio.wait(tasks, timeout=30.0)
    expect(len(done) == 23, "all of 23 calls that wait are admitted", got=len(done))
    expect([n for n, _ in done] == list(range(23)), "in the order in which they came", got=[n for n, _ in done])
    expect_within([at_s for _, at_s in done], 10.0, 3)
    expect(done[-1][1] < 2.0 + 0.05, "at 10/s with a burst of 3, the last of 23 is admitted after 2 s", got=round(done[-1][1], 3))


@check("who stops waiting takes nothing with it", seeds=2)
async def cancelled(world, lab):
    limiter = lab.Limiter(rate_per_s=10.0, burst=1)
    limiter.allow()
    done = []

    async def one(n):
        await limiter.wait()
        done.append((n, world.now))

    impatient = [asyncio.create_task(one(-n)) for n in range(1, 11)]
    await asyncio.sleep(0.001)
    patient = [asyncio.create_task(one(n)) for n in range(1, 6)]
    await asyncio.sleep(0.001)
    for task in impatient:
        task.cancel()
    await asyncio.sleep(0.001)
    patient += [asyncio.create_task(one(n)) for n in range(6, 11)]
    await asyncio.wait(patient, timeout=30.0)
    numbers = [n for n, _ in done]
    expect(
        numbers == list(range(1, 11)), "ten that stop waiting are not admitted; the ten behind them are, in order", got=numbers
    )
    expect_within([0.0] + [at_s for _, at_s in done], 10.0, 1)
    expect(done[-1][1] < 1.0 + 0.05, "at 10/s the tenth of those who stayed is admitted after 1 s", got=round(done[-1][1], 3))


# --- Keys and clocks ---


@check("each key has a limiter of its own", seeds=1)
async def keys(world, lab):
    limiters = lab.Limiters(rate_per_s=1.0, burst=3)
    granted = {key: sum(limiters.of(key).allow() for _ in range(9)) for key in ("ann", "ben")}
    expect(granted == {"ann": 3, "ben": 3}, "with burst=3 each of two keys has three calls", got=granted)
    expect(not limiters.of("ann").allow(), 'of("ann") is the same limiter each time')


@check("a jump of the clock on the wall changes nothing", seeds=1)
async def jump(world, lab):
    world.host("api")
    for jump_s in (3600.0, -7200.0):

        async def hammered(jump_s=jump_s):
            limiter = lab.Limiter(rate_per_s=10.0, burst=5)
            admitted_s = []
            for n in range(200):
                if n == 100:
                    world.skew("api", offset_s=jump_s)
                admitted_s += [world.now] * sum(limiter.allow() for _ in range(10))
                await asyncio.sleep(0.01)
            return admitted_s

        admitted_s = await world.hosts["api"].run(hammered())
        calls = len(admitted_s)
        expect(
            23 <= calls <= 25,
            f"in 2 s at 10/s with a burst of 5, 25 calls are admitted, also when the clock on the wall jumps by {jump_s:+g} s",
            got=calls,
        )


@check("customers behind a bad network get their rate, no more and no less", seeds=5, faults="partition,pause,clock", for_s=16)
async def network(world, lab):
    rate_per_s, burst = 5.0, 4
    admitted_s, wrong = {}, []

    async def serve():
        limiters, buckets = lab.Limiters(rate_per_s=rate_per_s, burst=burst), {}

        async def handle(customer):
            now = time.monotonic()  # of this machine, which drifts: nobody here can know better
            bucket = buckets.setdefault(customer, Bucket(rate_per_s, burst, now))
            level = bucket.level(now)
            if limiters.of(customer).allow():
                admitted_s.setdefault(customer, []).append(now)
                bucket.tokens -= 1.0
                return "yes"
            if level >= 1.0 + TINY:
                wrong.append((customer, now, level))
            return "no"

        await lines.serve(80, handle)

    world.host("api", main=serve)

    async def customer(name):
        async with world.client(name):
            while world.now < 20.0:
                asking = [asyncio.create_task(lines.ask("api", 80, name)) for _ in range(random.choice((1, 1, 2, 8)))]
                await asyncio.wait(asking, timeout=2.0)
                for task in asking:
                    task.cancel()
                await asyncio.gather(*asking, return_exceptions=True)
                await asyncio.sleep(random.choice((0.02, 0.2, 1.0)))

    await asyncio.gather(*(customer(name) for name in ("ann", "ben", "eve")))
    for times_s in admitted_s.values():
        expect_within(times_s, rate_per_s, burst)
    expect(not wrong, "no call is refused while its customer's bucket has a token", first=wrong[:1])

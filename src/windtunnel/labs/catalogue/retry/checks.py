"""The grader: which errors, how long, how many; then what all the callers together do to a service."""

import asyncio
import random
from collections import Counter
from contextlib import suppress

from windtunnel.labs.checking import check, expect
from windtunnel.labs.kit import lines

TICK_S = 0.0015


class Attempts:
    """An operation that fails with `error` the first `failures` times. at_s: when it was tried."""

    def __init__(self, failures, error=ConnectionRefusedError):
        self.failures = failures
        self.error = error
        self.at_s = []

    async def __call__(self):
        self.at_s.append(asyncio.get_running_loop().time())
        if len(self.at_s) <= self.failures:
            raise self.error(f"attempt {len(self.at_s)}")
        return "done"


# --- One call ---


@check("retries what may pass, and nothing else", seeds=1)
async def what(world, lab):
    flaky = Attempts(2)
    answer = await lab.retry(flaky, attempts_max=4)
    expect(
        (answer, len(flaky.at_s)) == ("done", 3), "two failures, then the answer: three attempts", got=(answer, len(flaky.at_s))
    )
    for settings, most in (({"attempts_max": 3}, 3), ({"attempts_max": 1}, 1), ({}, 4)):
        hopeless = Attempts(9)
        try:
            outcome = await lab.retry(hopeless, **settings)
        except OSError as error:
            outcome = str(error)
        told = f"attempts_max={most}" + ("" if settings else ", the default,")
        expect(len(hopeless.at_s) == most, f"{told} means so many attempts, the first included", got=len(hopeless.at_s))
        expect(outcome == f"attempt {most}", f"with {told} the error of the last attempt is raised", got=outcome)
    denied = Attempts(9, PermissionDenied)
    with suppress(PermissionDenied):
        await lab.retry(denied, attempts_max=4)
    expect(len(denied.at_s) == 1, "an error that is no OSError is an answer, and is raised at once", attempts=len(denied.at_s))


class PermissionDenied(Exception):
    pass


@check("stops when its caller does", seeds=1)
async def cancelled(world, lab):
    begun = []

    async def hangs():
        begun.append(world.now)
        await asyncio.sleep(3.0)

    for at_s, where, operation in ((1.0, "an attempt", hangs), (1.0, "a wait", Attempts(9))):
        call = asyncio.create_task(lab.retry(operation, attempts_max=5, base_s=20.0, cap_s=20.0))
        await asyncio.sleep(at_s)
        before = len(begun)
        call.cancel()
        await asyncio.wait([call], timeout=0.1)
        expect(call.done() and call.cancelled(), f"retry that is cancelled during {where} ends at once, cancelled")
        await asyncio.sleep(60.0)
        expect(len(begun) == before, f"after a cancel during {where} nothing is tried again", attempts=len(begun) - before)


@check("waits a random time below a bound that doubles up to the cap", seeds=2)
async def waits(world, lab):
    doubling = (0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 5.0, 5.0)
    for settings, bounds_s in (({"base_s": 0.5, "cap_s": 4.0}, (0.5, 1.0, 2.0, 4.0, 4.0)), ({}, doubling)):
        calls, attempts_max = [Attempts(99) for _ in range(250)], len(bounds_s) + 1
        told = ", ".join(f"{name}={value:g}" for name, value in settings.items()) or "the defaults"

        async def one(operation, settings=settings, attempts_max=attempts_max):
            with suppress(OSError):
                await lab.retry(operation, attempts_max=attempts_max, **settings)
            expect(world.now - operation.at_s[-1] < TICK_S, "after the last attempt nothing is waited for")

        await asyncio.gather(*map(one, calls))
        for n, bound_s in enumerate(bounds_s, 1):
            gaps = sorted(operation.at_s[n] - operation.at_s[n - 1] for operation in calls)
            mean_s = sum(gaps) / len(gaps)
            expect(
                gaps[-1] <= bound_s + TICK_S and 0.4 * bound_s < mean_s < 0.6 * bound_s and gaps[0] < 0.1 * bound_s,
                f"with {told}, the wait before retry {n} is drawn evenly from 0 to {bound_s:g} s",
                seen_in_250_calls=f"{gaps[0]:.3f} to {gaps[-1]:.3f} s, mean {mean_s:.3f} s",
            )


# --- The budget ---


@check("a budget is paid into by calls and spent by retries", seeds=1)
async def budget_alone(world, lab):
    budget = lab.Budget(ratio=0.25, reserve=3.0)
    granted = [budget.withdraw() for _ in range(5)]
    expect(granted == [True] * 3 + [False] * 2, "a new budget has its reserve: three retries of five", got=granted)
    for _ in range(4):
        budget.deposit()
    granted = [budget.withdraw() for _ in range(2)]
    expect(granted == [True, False], "four calls at a ratio of 0.25 pay for one retry", got=granted)
    for _ in range(4000):
        budget.deposit()
    granted = sum(budget.withdraw() for _ in range(1000))
    default = lab.Budget()
    counts = [sum(default.withdraw() for _ in range(50))]
    for _ in range(31):
        default.deposit()
    counts.append(sum(default.withdraw() for _ in range(50)))
    expect(counts == [10, 3], "by default the reserve is 10, and 31 calls pay for three retries", got=counts)
    expect(granted == 3, "a long quiet time fills the budget up to its reserve, not above", retries=granted)


@check("a budget caps the amplification of an outage", seeds=1)
async def amplification(world, lab):
    asked = Counter()

    async def handle(_question):
        asked["requests"] += 1
        raise ConnectionAbortedError("out of order")

    world.host("stock", main=lambda: lines.serve(80, handle))
    budget = lab.Budget(ratio=0.1, reserve=10.0)

    async def call():
        with suppress(OSError):
            await lab.retry(lambda: lines.ask("stock", 80, "?"), attempts_max=4, budget=budget)

    async with world.client("shop"):
        await burst(call, calls=200, rate_per_s=40.0)
    most = 200 + 0.1 * 200 + 10
    expect(
        asked["requests"] <= most + 1,
        f"200 calls to a service that is out of order make at most {most:g} requests, with ratio=0.1 and reserve=10",
        requests=asked["requests"],
    )
    expect(asked["requests"] >= most - 2, "and all that the budget allows is made use of", requests=asked["requests"], most=most)


async def burst(call, *, calls, rate_per_s):
    """Begin so many calls at this rate, whatever becomes of them, and wait until all have ended."""
    tasks = []
    for _ in range(calls):
        tasks.append(asyncio.create_task(call()))
        await asyncio.sleep(random.uniform(0.5, 1.5) / rate_per_s)
    await asyncio.gather(*tasks)


@check("three layers do not multiply", seeds=1)
async def layers(world, lab):
    asked = Counter()

    async def store(_question):
        asked["store"] += 1
        raise ConnectionAbortedError("out of order")

    def passing_on(me, below):
        budget = lab.Budget(ratio=0.1, reserve=2.0)

        async def handle(question):
            asked[me] += 1
            return await lab.retry(lambda: lines.ask(below, 80, question), attempts_max=4, budget=budget)

        return lambda: lines.serve(80, handle)

    world.host("store", main=lambda: lines.serve(80, store))
    world.host("orders", main=passing_on("orders", "store"))
    world.host("gateway", main=passing_on("gateway", "orders"))
    budget = lab.Budget(ratio=0.1, reserve=2.0)

    async def call():
        with suppress(OSError):
            await lab.retry(lambda: lines.ask("gateway", 80, "?"), attempts_max=4, budget=budget)

    async with world.client("browser"):
        await burst(call, calls=25, rate_per_s=20.0)
    expect(
        asked["store"] <= 40,
        "of 25 calls through three layers with four attempts each, at most 40 requests reach the store, which is out of order",
        gateway=asked["gateway"],
        orders=asked["orders"],
        store=asked["store"],
    )


# --- Everybody at once ---


@check("a failure of everybody at once is not followed by everybody at once", seeds=2)
async def spikes(world, lab):
    asked = []

    async def handle(_question):
        asked.append(world.now)
        await asyncio.sleep(0.01)
        if world.now < 6.0:
            raise ConnectionAbortedError("restarting")
        return "here"

    world.host("stock", main=lambda: lines.serve(80, handle))

    async def client(name):
        async with world.client(name):
            calls = [lab.retry(lambda: lines.ask("stock", 80, "?"), attempts_max=6, base_s=1.0, cap_s=8.0) for _ in range(40)]
            await asyncio.sleep(5.0 - world.now)
            await asyncio.gather(*calls, return_exceptions=True)

    await asyncio.gather(*(client(f"shop{i}") for i in range(1, 6)))
    bins = Counter(int(at_s * 100) for at_s in asked if at_s > 5.1)  # of 10 ms
    at, most = bins.most_common(1)[0] if bins else (0, 0)
    expect(bins, "the 200 calls that failed at 5 s are tried again")
    expect(
        most <= 14,
        "of 200 clients that failed at the same moment, at most 14 come back within the same 10 ms, with base_s=1",
        clients=most,
        at_s=at / 100,
    )


@check("an overload ends when its cause ends", seeds=1)
async def metastable(world, lab):
    queue, begun, served = asyncio.Queue(maxsize=24), [], []
    slow = [False]

    async def handle(_question):
        """A queue of 24 places before one worker, which does not know whose caller has gone."""
        if queue.full():
            raise ConnectionAbortedError("queue full")
        done = asyncio.get_running_loop().create_future()
        queue.put_nowait(done)
        return await done

    async def work():
        while True:
            done = await queue.get()
            await asyncio.sleep(0.1 if slow[0] else 0.025)
            if not done.done():
                done.set_result("here")

    async def serve():
        worker = asyncio.create_task(work())
        await lines.serve(80, handle)
        worker.cancel()

    world.host("stock", main=serve)
    budget = lab.Budget(ratio=0.1, reserve=5.0)

    async def once():
        async with asyncio.timeout(0.5):
            return await lines.ask("stock", 80, "?")

    async def call():
        began = world.now
        begun.append(began)
        with suppress(OSError):
            await lab.retry(once, attempts_max=4, base_s=0.1, cap_s=1.0, budget=budget)
            served.append(began)

    async def incident():
        await asyncio.sleep(2.0)
        slow[0] = True
        await asyncio.sleep(2.0)
        slow[0] = False

    async with world.client("shop"):
        trouble = asyncio.create_task(incident())
        await burst(call, calls=420, rate_per_s=28.0)
        await trouble
    late = sum(at_s >= 9.0 for at_s in served) / sum(at_s >= 9.0 for at_s in begun)
    expect(
        late >= 0.9,
        "a service of 40/s that was slow from 2 to 4 s, and is asked 28 times a second, serves 90 % of its calls from 9 s on",
        served=f"{late:.0%}",
    )


@check("one attempt after the other, in any weather", seeds=6, faults="partition,crash,loss", for_s=30)
async def in_order(world, lab):
    async def handle(_question):
        await asyncio.sleep(0.02)
        return "here"

    world.host("stock", main=lambda: lines.serve(80, handle))

    async def customer():
        while world.now < 35.0:
            under_way, attempts, answered = 0, 0, False

            async def once():
                nonlocal under_way, attempts, answered
                expect(not answered, "nothing is tried again after an answer")
                expect(under_way == 0, "an attempt begins when the one before it has ended")
                under_way, attempts = under_way + 1, attempts + 1
                try:
                    async with asyncio.timeout(1.0):
                        answer = await lines.ask("stock", 80, "?")
                    answered = True
                    return answer
                finally:
                    under_way -= 1

            began, error = world.now, None
            try:
                answer = await lab.retry(once, attempts_max=4, base_s=0.2, cap_s=0.5)
            except OSError as failed:
                answer, error = None, failed
            expect(attempts <= 4, "at most four attempts", got=attempts)
            expect((answer == "here") == answered, "what the attempt answered is what retry returns", got=answer)
            expect(answered or attempts == 4, "it gives up after four attempts, not before", attempts=attempts, error=error)
            expect(
                world.now - began < 4 * 1.0 + 0.2 + 0.4 + 0.5 + 0.1,
                "it ends within its attempts and waits",
                got=world.now - began,
            )
            await asyncio.sleep(random.uniform(0.1, 1.0))

    async with world.client("shop"):
        await asyncio.gather(*(customer() for _ in range(5)))

"""The grader: thresholds to the millisecond, then shops and warehouses on a network that breaks.

The last check holds every decision of the breaker against `Model`, the README as an executable text. The model is told when a
call was asked for, when it began and how it ended, and says whether it was to be let through.
"""

import asyncio
import random
from contextlib import suppress

from windtunnel.labs.checking import check, expect
from windtunnel.labs.kit import lines

SETTINGS = {"failures_max": 5, "open_s": 10.0, "probes_needed": 2}
OPEN_S = SETTINGS["open_s"]
TICK_S = 0.001


def opened(lab):
    breaker = lab.Breaker(**SETTINGS)
    for _ in range(SETTINGS["failures_max"]):
        breaker.record_failure()
    return breaker


async def half_open(lab):
    breaker = opened(lab)
    await asyncio.sleep(OPEN_S + TICK_S)
    return breaker


# --- The states of one breaker ---


@check("opens at the fifth failure in a row", stage="states", seeds=1)
async def opens(world, lab):
    breaker = lab.Breaker(**SETTINGS)
    expect(breaker.state == "closed", "a new breaker is closed", got=breaker.state)
    for row in range(2):
        for n in range(1, 5):
            breaker.record_failure()
            expect(breaker.state == "closed", f"after {n} failures in a row, of 5, the breaker is closed", got=breaker.state)
        if row == 0:
            breaker.record_success()
    breaker.record_failure()
    expect(breaker.state == "open", "after the fifth failure in a row the breaker is open", got=breaker.state)
    expect(breaker.is_open(), "an open breaker refuses calls")
    breaker = lab.Breaker()
    for _ in range(5):
        expect(breaker.state == "closed", "five failures in a row are the default, not fewer", got=breaker.state)
        breaker.record_failure()
    expect(breaker.state == "open", "five failures in a row are the default, not more", got=breaker.state)


@check("tries again after open_s, not before and not later", stage="states", seeds=1)
async def half_opens(world, lab):
    breaker = opened(lab)
    await asyncio.sleep(OPEN_S / 2)
    for _ in range(2):  # of calls that began before: they say nothing new
        breaker.record_failure()
        breaker.record_success()
    expect(breaker.state == "open", "results that come while the breaker is open do not change its state", got=breaker.state)
    await asyncio.sleep(OPEN_S / 2 - TICK_S)
    expect(breaker.is_open(), f"the breaker still refuses {OPEN_S - TICK_S} s after it opened, with open_s={OPEN_S:g}")
    await asyncio.sleep(2 * TICK_S)
    expect(
        breaker.state == "half-open" and not breaker.is_open(),
        f"the breaker is half-open and lets a probe through {OPEN_S + TICK_S} s after it opened, whatever failed meanwhile",
        state=breaker.state,
        is_open=breaker.is_open(),
    )


@check("closes after two good probes, opens after a bad one", stage="states", seeds=1)
async def closes(world, lab):
    breaker = await half_open(lab)
    breaker.record_success()
    expect(breaker.state == "half-open", "one good probe, of the two that are needed, leaves it half-open", got=breaker.state)
    breaker.record_failure()
    expect(breaker.state == "open", "a single bad probe opens the breaker again", got=breaker.state)
    await asyncio.sleep(OPEN_S - TICK_S)
    expect(breaker.is_open(), "after a bad probe the breaker refuses for a whole open_s again")
    await asyncio.sleep(2 * TICK_S)
    breaker.record_success()
    expect(breaker.state == "half-open", "good probes are counted from the last opening on: this was one", got=breaker.state)
    breaker.record_success()
    expect(breaker.state == "closed", "the second good probe closes the breaker", got=breaker.state)
    for n in range(1, 5):
        breaker.record_failure()
        expect(breaker.state == "closed", f"closed again, it counts failures from 0: this was the {n}. of 5", got=breaker.state)
    breaker = lab.Breaker()
    for _ in range(5):
        breaker.record_failure()
    await asyncio.sleep(30.0 + TICK_S)
    states = [breaker.state]
    for _ in range(2):
        breaker.record_success()
        states.append(breaker.state)
    wanted = ["half-open", "half-open", "closed"]
    expect(states == wanted, "open_s=30 and probes_needed=2 are the defaults: half-open, half-open, closed", got=states)


# --- Calls ---


async def fails():
    raise ConnectionRefusedError("nobody listens")


async def answers():
    return "here"


async def refused(call, lab):
    """Whether the breaker refuses this call; what the operation raises does not matter."""
    try:
        await call
    except lab.CircuitOpen:
        return True
    except OSError:
        pass
    return False


async def broken(lab):
    """Breakers whose target "a" has failed five times."""
    breakers = lab.Breakers(**SETTINGS)
    for n in range(1, 6):
        expect(not await refused(breakers.call("a", fails), lab), f"the {n}. call to a failing target, of 5, is let through")
    return breakers


@check("each target has a breaker of its own", stage="calls", seeds=1)
async def per_target(world, lab):
    breakers = await broken(lab)
    expect(await refused(breakers.call("a", answers), lab), 'after five failures, calls to "a" raise CircuitOpen')
    try:
        answer = await breakers.call("b", answers)
    except lab.CircuitOpen:
        answer = "CircuitOpen"
    expect(answer == "here", '"b" is called and answers, whatever became of "a"', got=answer)
    expect(breakers.of("a") is breakers.of("a"), 'of("a") is the same breaker each time')


@check("an answer that you do not like is an answer", stage="calls", seeds=1)
async def answers_count(world, lab):
    async def not_found():
        raise KeyError("sku 7")

    breakers = lab.Breakers(**SETTINGS)
    for _ in range(6):
        try:
            await breakers.call("a", not_found)
        except KeyError:
            continue
        except lab.CircuitOpen:
            break
    state = breakers.of("a").state
    expect(state == "closed", "an exception that is not an OSError is an answer: six of them leave the breaker closed", got=state)

    breakers = lab.Breakers(**SETTINGS)
    await fail(breakers, 4)
    with suppress(KeyError):
        await breakers.call("a", not_found)
    await fail(breakers, 4)
    state = breakers.of("a").state
    expect(state == "closed", "an answer ends a row of failures: four, an answer, four more leave it closed", got=state)


async def fail(breakers, times):
    for _ in range(times):
        with suppress(OSError):
            await breakers.call("a", fails)


@check("one probe at a time", stage="calls", seeds=1)
async def one_probe(world, lab):
    breakers = await broken(lab)
    await asyncio.sleep(OPEN_S + TICK_S)
    under_way = most = begun = 0

    async def slow():
        nonlocal under_way, most, begun
        under_way, begun = under_way + 1, begun + 1
        most = max(most, under_way)
        await asyncio.sleep(1.0)
        under_way -= 1

    results = await asyncio.gather(*(refused(breakers.call("a", slow), lab) for _ in range(50)))
    expect(most == 1, "of 50 calls at the moment when the breaker half-opens, one reaches the target", got=begun)
    expect(sum(results) == 49, "the others raise CircuitOpen at once", refused=sum(results))
    expect(not await refused(breakers.call("a", slow), lab), "when the first probe has ended, the next call is the second probe")
    expect(breakers.of("a").state == "closed", "after two good probes the breaker is closed", got=breakers.of("a").state)


@check("a cancelled probe gives back its place", stage="calls", seeds=1)
async def cancelled_probe(world, lab):
    breakers = await broken(lab)
    await asyncio.sleep(OPEN_S + TICK_S)
    probe = asyncio.create_task(breakers.call("a", lambda: asyncio.sleep(60.0)))
    await asyncio.sleep(1.0)
    probe.cancel()
    await asyncio.gather(probe, return_exceptions=True)
    state = breakers.of("a").state
    expect(state == "half-open", "a probe that its caller cancelled is neither good nor bad: still half-open", got=state)
    expect(not await refused(breakers.call("a", answers), lab), "after a cancelled probe the next call is a probe")


@check("late answers do not count", stage="calls", seeds=1)
async def late(world, lab):
    async def late_failure():
        await asyncio.sleep(OPEN_S + 2.0)
        raise ConnectionResetError("at last")

    async def late_answer():
        await asyncio.sleep(OPEN_S + 3.0)

    breakers = lab.Breakers(**SETTINGS)
    old = [asyncio.create_task(refused(breakers.call("a", each), lab)) for each in (late_answer, late_failure)]
    await asyncio.sleep(TICK_S)
    await fail(breakers, 5)
    await asyncio.sleep(OPEN_S + 1.0)
    expect(not await refused(breakers.call("a", answers), lab), "half-open, it lets a probe through, whatever still runs")
    await asyncio.gather(*old)
    state = breakers.of("a").state
    expect(
        state == "half-open",
        "half-open with one good probe it stays so: what came in then were results of calls that began before it opened",
        got=state,
    )


# --- On a network ---


class Warehouse:
    """A service that is sick, or not. asked: when it was asked, virtual seconds."""

    def __init__(self, world):
        self.world = world
        self.asked = []
        self.sick = False

    async def serve(self):
        await lines.serve(80, self.handle)

    async def handle(self, question):
        self.asked.append(self.world.now)
        await asyncio.sleep(0.02)
        if self.sick:
            raise ConnectionAbortedError("sick")
        return "here"


@check("an open breaker spares its target, and recovery is bounded", stage="calls", seeds=2)
async def spares(world, lab):
    warehouse = Warehouse(world)
    world.host("warehouse", main=warehouse.serve)
    breakers = lab.Breakers(**SETTINGS)
    answered = []

    async def customer():
        while world.now < 50.0:
            try:
                await breakers.call("warehouse", lambda: lines.ask("warehouse", 80, "?"))
                answered.append(world.now)
            except (OSError, lab.CircuitOpen):
                pass
            await asyncio.sleep(random.uniform(0.2, 0.3))

    async with world.client("shop"):
        customers = [asyncio.create_task(customer()) for _ in range(8)]
        await asyncio.sleep(3.0)
        warehouse.sick = True
        await asyncio.sleep(22.0)
        warehouse.sick = False
        await asyncio.gather(*customers)
    sick = [at_s for at_s in warehouse.asked if 3.0 <= at_s < 25.0]
    most = 5 + 7 + 3  # in a row; under way by then; one probe every 10 s
    expect(len(sick) <= most, f"while the warehouse was sick, 22 s, it got at most {most} requests", got=len(sick))
    back = next((at_s for at_s in answered if at_s > 25.0), None)
    expect(back is not None and back <= 25.0 + OPEN_S + 1.0, "the shop is served again within open_s of 25 s", got=back)
    late_s = [at_s for at_s in answered if at_s > 37.0]
    expect(len(late_s) > 8 * 13 / 0.4, "from 37 s on all eight customers are served as before", answers=len(late_s))


class Model:
    """The README, executable: what a breaker has to do with each call. Times in seconds."""

    def __init__(self):
        self.state, self.since, self.count, self.era, self.probing = "closed", 0.0, 0, 0, False

    def lets_through(self, now):
        """Whether a call that is asked for now is let through; and if so, its era."""
        if self.state == "open" and now >= self.since + OPEN_S:
            self.enter("half-open", now)
        if self.state == "open" or self.probing:
            return None
        self.probing = self.state == "half-open"
        return self.era

    def ended(self, era, good, now):
        """A call of `era` has ended: with an answer, with a failure, or (None) without having learnt anything."""
        if era != self.era:
            return
        self.probing = False
        if good is None:
            return
        wanted = good == (self.state == "half-open")
        self.count = self.count + 1 if wanted else 0
        if self.state == "half-open" and not good:
            self.enter("open", now)
        elif self.state == "half-open" and self.count >= SETTINGS["probes_needed"]:
            self.enter("closed", now)
        elif self.state == "closed" and self.count >= SETTINGS["failures_max"]:
            self.enter("open", now)

    def enter(self, state, now):
        self.state, self.since, self.count, self.probing, self.era = state, now, 0, False, self.era + 1


@check("decides as promised in any weather", stage="calls", seeds=6, faults="partition,crash,pause", for_s=40)
async def as_promised(world, lab):
    names = ("left", "right")
    for name in names:
        world.host(name, main=Warehouse(world).serve)
    breakers, models = lab.Breakers(**SETTINGS), {name: Model() for name in names}

    async def observed(name):
        """One call: what the breaker does with it must be what the model does with it."""
        model, expected, began = models[name], None, False

        async def operation():
            nonlocal began
            began = True
            good = None
            try:
                async with asyncio.timeout(1.0):
                    answer = await lines.ask(name, 80, "?")
                good = True
                return answer
            except OSError:
                good = False
                raise
            finally:
                print(f"{name}: {'cancelled' if good is None else 'answered' if good else 'failed'}")
                if expected is not None:
                    model.ended(expected, good, world.now)

        state, count, since = model.state, model.count, model.since
        expected = model.lets_through(world.now)
        story = f"{name}, {state} since {since:.3f} s with a count of {count}"
        try:
            await breakers.call(name, operation)
        except lab.CircuitOpen:
            print(f"{name}: refused")
            expect(expected is None, f"the breaker of {story}, lets this call through", got="CircuitOpen")
            return
        except OSError:
            pass
        expect(not began or expected is not None, f"the breaker of {story}, refuses this call", got="let through")

    async def customer():
        while world.now < 50.0:
            with suppress(TimeoutError):
                async with asyncio.timeout(random.choice((0.5, 5.0))):  # some customers do not wait
                    await observed(random.choice(names))
            await asyncio.sleep(random.uniform(0.1, 0.5))

    async with world.client("shop"):
        await asyncio.gather(*(customer() for _ in range(4)))

"""The grader: three services, gateway, orders and stock, whose work leaves a trail of virtual times.

Work is done in steps of 10 ms, so `STEP_S` after a deadline a service that was told to stop has done at most the step it was in.
"""

import asyncio
import json
import random
from collections import Counter

from windtunnel.labs.checking import check, expect

STEP_S = 0.01
SLACK_S = 0.03  # a step, and the way of a message or two
OUTCOMES = ("answer", "DeadlineExceeded", "RemoteError", "OSError")
LONG = {"gateway": 0.1, "orders": 0.1, "stock": 8.0}


class Chain:
    """Services that work for some seconds each and then ask the next one. work_s: by service, in order; last: whom the last asks.

    steps: the work that was done, as (at_s, service, question). left_s: what each handler had left when it was last asked.
    """

    def __init__(self, world, lab, work_s, last=None):
        self.world = world
        self.lab = lab
        self.steps = []
        self.left_s = {}
        below = [*list(work_s)[1:], last]
        for (name, seconds), next_name in zip(work_s.items(), below, strict=True):
            world.host(name, main=self.service(name, seconds, next_name))

    def service(self, name, seconds, below):
        async def handle(question, deadline):
            self.left_s[name] = deadline.left_s()
            print(f"{question}: begins, with {deadline.left_s():.3f} s left")
            for _ in range(round(seconds / STEP_S)):
                await asyncio.sleep(STEP_S)
                self.steps.append((self.world.now, name, question))
            return f"{question}: in stock" if below is None else await self.lab.call(below, 80, question, deadline)

        return lambda: self.lab.serve(80, handle)

    def after(self, at_s):
        """How many steps each service did after a moment."""
        return dict(Counter(name for step_s, name, _ in self.steps if step_s > at_s))


async def outcome(coroutine):
    """What a call came to, as a word and a value."""
    try:
        return "answer", await coroutine
    except OSError as error:
        return "OSError", str(error)
    except Exception as error:
        return type(error).__name__, str(error)


# --- The caller ---


@check("the caller waits until its deadline, not longer", seeds=1)
async def caller_leaves(world, lab):
    async def silent(_question, _deadline):
        await asyncio.sleep(3600.0)

    world.host("silent", main=lambda: lab.serve(80, silent))
    world.host("gone", main=lambda: lab.serve(80, silent))
    connections = []

    async def tap(_reader, writer):
        connections.append(world.now)
        writer.close()

    async def serve_tap():
        server = await asyncio.start_server(tap, None, 80)
        await server.serve_forever()

    world.host("tap", main=serve_tap)
    async with world.client("client"):
        world.cut([("client", "gone"), ("gone", "client")])
        for host, what in (("silent", "never answers"), ("gone", "cannot be reached")):
            began = world.now
            try:
                async with asyncio.timeout(20.0):
                    kind, _ = await outcome(lab.call(host, 80, "?", lab.Deadline(0.8)))
            except TimeoutError:
                kind = "nothing within 20 s"
            expect(
                kind == "DeadlineExceeded", f"a call with 0.8 s left to a service that {what} raises DeadlineExceeded", got=kind
            )
            took = world.now - began
            expect(0.79 < took < 0.81, f"and it does so after 0.8 s, where the service {what}", after_s=round(took, 3))
        began = world.now
        kind, _ = await outcome(lab.call("tap", 80, "?", lab.Deadline(-1.0)))
        took = world.now - began
        expect(
            (kind, took) == ("DeadlineExceeded", 0.0), "a call whose deadline has passed raises at once", got=kind, after_s=took
        )
        await asyncio.sleep(1.0)
        expect(not connections, "and does not connect to the service", connections=len(connections))


@check("answers and errors in time are passed on as they are", seeds=1)
async def passed_on(world, lab):
    async def handle(question, _deadline):
        await asyncio.sleep(0.1)
        if question == "bad":
            raise ValueError("no such article")
        if question == "late":
            raise lab.DeadlineExceeded
        return {"asked": question}

    async def rude(_reader, writer):
        writer.close()

    async def serve_rudely():
        server = await asyncio.start_server(rude, None, 80)
        await server.serve_forever()

    world.host("stock", main=lambda: lab.serve(80, handle))
    world.host("rude", main=serve_rudely)
    world.host("off")
    world.host("gone")
    async with world.client("client"):
        got = await outcome(lab.call("stock", 80, [1, 2], lab.Deadline(1.0)))
        expect(got == ("answer", {"asked": [1, 2]}), "an answer in time is returned", got=got)
        got = await outcome(lab.call("stock", 80, "bad", lab.Deadline(1.0)))
        expect(got == ("RemoteError", "no such article"), "an exception of the handler is a RemoteError with its text", got=got)
        got = await outcome(lab.call("stock", 80, "late", lab.Deadline(1.0)))
        expect(got[0] == "DeadlineExceeded", "a DeadlineExceeded of the handler is one for its caller", got=got)
        world.cut([("client", "gone"), ("gone", "client")])
        failures = {
            "off": "nobody listens",
            "rude": "the connection ends without a reply",
            "gone": "TCP gives up after two minutes",
        }
        for host, what in failures.items():
            kind, _ = await outcome(lab.call(host, 80, "?", lab.Deadline(500.0)))
            expect(kind == "OSError", f"where {what}, that is an OSError: the deadline has nothing to do with it", got=kind)


# --- What goes along ---


@check("what is left goes along, less at each service", seeds=2)
async def left(world, lab):
    told = []

    async def tap(reader, writer):
        """A service of the grader's own, which looks at what comes over the wire."""
        told.append(json.loads(await reader.readline()).get("left_s"))
        writer.write(b'{"answer": "socks: in stock"}\n')
        await writer.drain()
        writer.close()

    async def serve_tap():
        server = await asyncio.start_server(tap, None, 80)
        await server.serve_forever()

    chain = Chain(world, lab, {"gateway": 0.3, "orders": 0.2}, last="tap")
    world.host("tap", main=serve_tap)
    for name, jump_s in (("gateway", -40.0), ("orders", 7.0), ("tap", 3600.0)):
        world.skew(name, offset_s=jump_s)
    async with world.client("client"):
        for way_s in (0.001, 0.1):
            world.links.latency("constant", way_s, src="orders", dst="tap")
            world.links.latency("constant", way_s, src="tap", dst="orders")
            got = await outcome(lab.call("gateway", 80, "socks", lab.Deadline(1.0)))
            expect(got[0] == "answer", "1 s is enough for services that work 0.3 and 0.2 s, whatever their clocks say", got=got)
            for name, seconds in (("gateway", 1.0), ("orders", 0.7)):
                expect(
                    abs(chain.left_s[name] - seconds) < 0.02, f"{name} has {seconds:g} s of 1 s left", left_s=chain.left_s[name]
                )
    expect(_near(told[0], 0.5), "after 0.3 s and 0.2 s of work, the third service is told left_s=0.5", got=told[0])
    expect(_near(told[1], 0.3), "connecting takes time too: after 0.2 s of it, the third service is told left_s=0.3", got=told[1])


def _near(value, wanted):
    return isinstance(value, float) and abs(value - wanted) < 0.02


@check("what comes too late is not begun", seeds=1)
async def too_late(world, lab):
    begun = []

    async def handle(question, _deadline):
        begun.append(question)
        return "done"

    world.host("stock", main=lambda: lab.serve(80, handle))
    async with world.client("client"):
        for left_s in (0.0, -2.5):
            reader, writer = await asyncio.open_connection("stock", 80)
            writer.write(json.dumps({"left_s": left_s, "question": left_s}).encode() + b"\n")
            line = await reader.readline()
            writer.close()
            expect(not begun, f"a request with left_s={left_s:g} does not reach the handler")
            expect(line.strip() == b'{"exceeded": true}', 'its reply is {"exceeded": true}', got=line)


# --- What ends ---


@check("no service works after the deadline", seeds=2)
async def all_stop(world, lab):
    chain = Chain(world, lab, LONG)
    async with world.client("client"):
        reader, writer = await asyncio.open_connection("stock", 80)
        writer.write(b'{"left_s": 0.5, "question": "shoes"}\n')
        line = await reader.readline()
        writer.close()
        expect(line.strip() == b'{"exceeded": true}' and world.now < 0.6, "after its 0.5 s a service replies exceeded", got=line)
        chain.steps.clear()
        began = world.now
        got = await outcome(lab.call("gateway", 80, "socks", lab.Deadline(1.0)))
        expect(got[0] == "DeadlineExceeded", "8 s of work are too much for a deadline of 1 s", got=got)
        await asyncio.sleep(10.0)
    late = chain.after(began + 1.0 + SLACK_S)
    expect(not late, "after the deadline of the caller, after 1 s, no service does another step of work", steps_done_later=late)


@check("a service that is cut off stops by itself", seeds=2)
async def cut_off(world, lab):
    chain = Chain(world, lab, LONG)
    async with world.client("client"):
        asked = asyncio.create_task(outcome(lab.call("gateway", 80, "socks", lab.Deadline(1.0))))
        await asyncio.sleep(0.4)
        others = ("client", "gateway", "orders")
        world.cut([(a, "stock") for a in others] + [("stock", a) for a in others])
        await asyncio.sleep(10.0)
        await asked
    late = chain.after(1.0 + SLACK_S)
    expect(not late, "cut off from its caller at 0.4 s, with a deadline at 1 s, a service stops at 1 s", steps_done_later=late)


@check("work stops when its caller hangs up", seeds=2)
async def hang_up(world, lab):
    chain = Chain(world, lab, LONG)
    async with world.client("client"):
        _, writer = await asyncio.open_connection("gateway", 80)
        writer.close()  # without a question: that is no error of the service
        for how in ("cancelled", "killed"):
            chain.steps.clear()
            began = world.now
            asked = asyncio.create_task(outcome(lab.call("gateway", 80, "socks", lab.Deadline(30.0))))
            await asyncio.sleep(1.0)
            if how == "cancelled":
                asked.cancel()
            else:
                world.hosts["gateway"].kill()
            await asyncio.wait([asked])
            await asyncio.sleep(10.0)
            late = chain.after(began + 1.0 + SLACK_S)
            who = "the caller, cancelled at 1 s," if how == "cancelled" else "the gateway, killed at 1 s,"
            expect(not late, f"when {who} has hung up, nobody works for it any more", steps_done_later=late)


@check("no work for nobody, in any weather", seeds=12, faults="partition,crash", for_s=20)
async def weather(world, lab):
    chain = Chain(world, lab, {"gateway": 0.1, "orders": 0.1, "stock": 0.3})
    until = {}

    async def customer(name):
        for n in range(12):
            question, seconds = f"{name}/{n}", random.choice((0.4, 0.7, 2.0))
            until[question] = world.now + seconds
            kind, value = await outcome(lab.call("gateway", 80, question, lab.Deadline(seconds)))
            over = world.now - until[question]
            expect(over < SLACK_S, "every call ends by its deadline", seconds_late=round(over, 3), outcome=kind)
            expect(kind != "answer" or value == f"{question}: in stock", "an answer is the one to the question", got=value)
            expect(kind in OUTCOMES, f"a call comes to one of {', '.join(OUTCOMES)}", got=kind, message=value)
            await asyncio.sleep(random.uniform(0.0, 0.3))

    async with world.client("client"):
        await asyncio.gather(*(customer(name) for name in "abc"))
    await world.healed()
    await asyncio.sleep(20.0)
    late = Counter((service, question) for at_s, service, question in chain.steps if at_s > until[question] + SLACK_S)
    # What a partition held back arrives late, and right behind it the news that its caller has hung up.
    expect(
        max(late.values(), default=0) <= 2,
        "no service does more than a step or two for a caller whose deadline has passed",
        worst=late.most_common(1),
    )

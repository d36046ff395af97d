"""The grader: a client and a bank. The bank never loses its books; the server, and everything between, may fail."""

import asyncio
import json
import random
from contextlib import suppress

from windtunnel.batteries.http import HttpServer, Response
from windtunnel.labs.checking import check, expect
from windtunnel.labs.kit import asgi
from windtunnel.labs.kit.boot import copy_of, program
from windtunnel.labs.kit.web import send

REPLAYED = "idempotent-replayed"


class Bank:
    """Charges once for each reference. charges: by reference, in order.

    declines: sources without money. takes_s: how long a charge takes. ill: answers 503. after: awaited after the effect of a
    charge, before the answer. asked: requests that it got.
    """

    def __init__(self):
        self.charges = {}
        self.asked = 0
        self.declines = set()
        self.takes_s = 0.01
        self.ill = False
        self.after = None

    async def serve(self):
        await HttpServer(self.handle).start(port=80)
        await asyncio.Event().wait()

    async def handle(self, request):
        wanted = json.loads(request.body)
        self.asked += 1
        await asyncio.sleep(self.takes_s)
        if self.ill:
            return Response(503, b'{"error": "closed"}')
        if wanted.get("source") in self.declines:
            return Response(402, b'{"error": "card_declined"}')
        known = self.charges.get(wanted["reference"])
        if known is not None and known["amount"] != wanted["amount"]:
            return Response(409, b'{"error": "another amount under this reference"}')
        number = f"ch_{len(self.charges) + 1}"
        print(f"charged {wanted['amount']} under {wanted['reference']}" if known is None else f"known: {wanted['reference']}")
        charge = self.charges.setdefault(wanted["reference"], {"charge": number, "amount": wanted["amount"]})
        if self.after is not None:
            await self.after()
        return Response(201, json.dumps(charge).encode())


def deployed(world, lab):
    """The server under test, and its bank."""
    bank = Bank()
    world.host("bank", main=bank.serve, faults=False)
    is_app = hasattr(lab, "app") and not hasattr(lab, "serve")
    world.host("server", main=(lambda: asgi.serve(copy_of(lab).app)) if is_app else program(lab, "serve"))
    return bank


async def pay(key, amount=5, source="card", *, within_s=10.0, body=None):
    """POST /payments: the answer, None if there was none."""
    headers, answer = {} if key is None else {"Idempotency-Key": key}, None
    with suppress(OSError):
        async with asyncio.timeout(within_s):
            answer = await send("POST", "server", "/payments", body or {"amount": amount, "source": source}, headers)
    print(f"{key}, {body or amount}: {status(answer)}")
    return answer


def status(answer):
    return "no answer" if answer is None else answer.status


def expect_same(first, second, when):
    """That `second` is a replay of `first`."""
    expect(
        status(second) == first.status, f"{when}, the status is the one of the first answer, {first.status}", got=status(second)
    )
    expect(
        second.raw == first.raw, f"{when}, the body is the one of the first answer, byte by byte", first=first.raw, got=second.raw
    )
    expect(second.headers.get(REPLAYED) == "true", f"{when}, there is a header Idempotent-Replayed: true", got=second.headers)


# --- One client ---


@check("the same key has the same answer", seeds=1)
async def replays(world, lab):
    bank = deployed(world, lab)
    async with world.client("client"):
        first = await pay("k")
        expect(status(first) == 201, "a payment is answered 201", got=status(first))
        for _ in range(3):
            expect_same(first, await pay("k"), "when a key comes again")
        expect(bank.asked == 1, "the bank is asked once", requests=bank.asked)
        other = await pay("another")
        expect(other.body != first.body and len(bank.charges) == 2, "another key is another payment", got=other.body)
        states = []
        for key in ("k", "another", "k", "k", "another"):
            await pay(key)
            states.append(len(bank.charges))
        expect(states == [2] * 5, "replaying requests, in any order, changes nothing", charges=states)


@check("the same key with other parameters is rejected", seeds=1)
async def rejects(world, lab):
    bank = deployed(world, lab)
    async with world.client("client"):
        first = await pay("k", 5)
        for amount, source in ((50, "card"), (5, "purse")):
            answer = await pay("k", amount, source)
            expect(
                status(answer) == 422,
                f"a key of 5 from card, used for {amount} from {source}, is answered 422",
                got=status(answer),
            )
        expect(len(bank.charges) == 1, "and nothing is charged for it", charges=list(bank.charges.values()))
        expect_same(
            first, await pay("k", body=b'{"source":"card",\n  "amount":5}'), "when the same JSON is written in another way"
        )


@check("what makes no sense is refused, and uses up no key", seeds=1)
async def nonsense(world, lab):
    bank = deployed(world, lab)
    async with world.client("client"):
        answer = await pay(None)
        expect(status(answer) == 400, "a request without Idempotency-Key is answered 400", got=status(answer))
        for body in (
            {"amount": 0, "source": "card"},
            {"amount": "5", "source": "card"},
            {"source": "card"},
            {"amount": 5},
            b"{",
            b"[]",
        ):
            answer = await pay("k", body=body)
            expect(
                status(answer) == 400,
                f"a body {body} is answered 400: an amount above 0 and a source are needed",
                got=status(answer),
            )
        for method, path in (("GET", "/payments"), ("POST", "/refunds")):
            answer = await send(method, "server", path, {"amount": 5, "source": "card"}, {"Idempotency-Key": "k"})
            expect(status(answer) == 404, f"{method} {path} is answered 404", got=status(answer))
        expect(not bank.asked, "the bank hears nothing of all that", requests=bank.asked)
        answer = await pay("k", 7)
        expect(status(answer) == 201, "a 400 has not used up the key: corrected, the request is answered 201", got=status(answer))
        expect(answer.body == {"charge": "ch_1", "amount": 7}, "the body is what the bank has answered", got=answer.body)
        expect(REPLAYED not in answer.headers, "and it is no replay", got=answer.headers)


@check("two requests at the same time are one payment", seeds=3)
async def at_once(world, lab):
    bank = deployed(world, lab)
    bank.takes_s = 1.0
    async with world.client("client"):
        paying = [asyncio.create_task(pay("k")) for _ in range(5)]
        await asyncio.sleep(0.5)
        other = await pay("k", 6)
        expect(status(other) == 422, "a request with other parameters is answered 422 meanwhile", got=status(other))
        answers = await asyncio.gather(*paying)
        seen = [status(answer) for answer in answers]
        expect(set(seen) <= {201, 409} and 201 in seen, "each of five requests at the same time is answered 201 or 409", got=seen)
        bodies = {answer.raw for answer in answers if answer.status == 201}
        expect(len(bodies) == 1 and len(bank.charges) == 1, "and money moves once", charges=list(bank.charges.values()))
        expect(bank.asked == 1, "the bank is asked by one of them; not every bank is as careful as this one", requests=bank.asked)
        began = world.now
        answers = await asyncio.gather(*(pay(f"k{n}") for n in range(5)))
        seen = [status(answer) for answer in answers]
        expect(seen == [201] * 5, "five different keys at the same time are five payments", got=seen)
        expect(
            world.now - began < 2.0,
            "which do not wait for each other, at a bank that takes 1 s",
            seconds=round(world.now - began, 2),
        )


# --- The bank ---


@check("a decline is an answer", seeds=1)
async def declined(world, lab):
    bank = deployed(world, lab)
    async with world.client("client"):
        bank.declines = {"card"}
        first = await pay("k")
        expect(status(first) == 402, "a payment that the bank declines is answered 402", got=status(first))
        bank.declines = set()
        expect_same(first, await pay("k"), "when there is money later, and the key comes again")
        expect(not bank.charges, "what was declined is not charged behind the customer's back", charges=bank.charges)


@check("silence of the bank is none", seeds=2)
async def silence(world, lab):
    bank = deployed(world, lab)
    async with world.client("client"):
        bank.ill = True
        answer = await pay("ill")
        expect(status(answer) == 503, "while the bank answers 503, so does the server", got=status(answer))
        bank.ill = False
        bank.after = lambda: asyncio.sleep(3600.0)
        answer = await pay("lost")
        expect(
            status(answer) == 503, "when the bank has charged and does not answer, that is a 503 within 10 s", got=status(answer)
        )
        bank.after = None
        links = [("server", "bank"), ("bank", "server")]
        world.cut(links)
        answer = await pay("cut")
        expect(status(answer) == 503, "when the bank cannot be reached, that is a 503 within 10 s", got=status(answer))
        world.heal()
        for key in ("ill", "lost", "cut"):
            answer = await pay(key)
            expect(status(answer) == 201, f"later the key ({key}) is as good as new: 201", got=status(answer))
        expect(len(bank.charges) == 3, "three keys, three charges, whatever was lost", charges=list(bank.charges.values()))


# --- Crashes ---


async def rebooted(world):
    world.crash("server")
    await asyncio.sleep(0.1)
    world.restart("server")
    await asyncio.sleep(0.1)


@check("a crash between effect and answer", seeds=1)
async def crash(world, lab):
    bank = deployed(world, lab)

    async def die():
        world.crash("server")

    async with world.client("client"):
        bank.after = die
        answer = await pay("k", 5)
        expect(answer is None, "the server crashed when the bank had charged: no answer")
        bank.after = None
        await rebooted(world)
        answer = await pay("k", 50)
        expect(
            status(answer) == 422, "after the crash the key is still the one of 5: for 50 the answer is 422", got=status(answer)
        )
        answer = await pay("k", 5)
        expect(status(answer) == 201, "the customer asks again with the same key and is answered 201", got=status(answer))
        expect(len(bank.charges) == 1, "and the bank has charged once", charges=list(bank.charges.values()))
        expect(answer.body == {"charge": "ch_1", "amount": 5}, "the answer is about this charge", got=answer.body)


@check("what was answered stays answered", seeds=1)
async def durable(world, lab):
    bank = deployed(world, lab)
    async with world.client("client"):
        bank.declines = {"purse"}
        answers = {source: await pay(source, source=source) for source in ("card", "purse")}
        await rebooted(world)
        bank.declines, asked = set(), bank.asked
        for source, first in answers.items():
            expect_same(first, await pay(source, source=source), "after a crash")
        expect(bank.asked == asked, "and the bank is not asked again", requests=bank.asked - asked)


@check("a crash at any moment charges once", seeds=1)
async def any_moment(world, lab):
    bank = deployed(world, lab)
    bank.takes_s = 0.004
    async with world.client("client"):
        began = world.now
        await pay("warm")
        steps = 30
        step_s = 1.2 * (world.now - began) / steps
        for n in range(1, steps + 1):
            asking = asyncio.create_task(pay(f"k{n}", n, within_s=0.5))
            await asyncio.sleep(n * step_s)
            await rebooted(world)
            first = await asking
            again = await pay(f"k{n}", n)
            when = f"after a crash {n * step_s * 1e3:.2f} ms into a request"
            expect(status(again) == 201, f"{when} the key is answered 201", got=status(again))
            expect(
                first is None or first.raw == again.raw, f"{when} the answer is the one that was given", first=first and first.raw
            )
            expect(len(bank.charges) == n + 1, f"{when} there is one charge more", charges=len(bank.charges), wanted=n + 1)


@check("money moves once, in any weather", seeds=4, faults="partition,crash", for_s=14)
async def weather(world, lab):
    bank = deployed(world, lab)
    wanted, given = {}, {}

    async def customer(name):
        while world.now < 15.0:
            key = f"{name}{len(wanted)}"
            wanted[key] = random.randrange(1, 1000)
            for _ in range(random.choice((1, 3, 50))):  # some give up
                answers = await asyncio.gather(*(pay(key, wanted[key], within_s=1.0) for _ in range(random.choice((1, 1, 2)))))
                for answer in answers:
                    kind = status(answer)
                    expect(kind in (201, 409, 503, "no answer"), "the answer is 201, 409 or 503, if there is one", got=kind)
                    if kind == 201:
                        body = given.setdefault(key, answer.raw)
                        expect(answer.raw == body, "all answers 201 to one key are the same", first=body, got=answer.raw)
                if key in given:
                    break
                await asyncio.sleep(random.uniform(0.1, 1.0))
            await asyncio.sleep(random.uniform(0.0, 0.5))

    async with world.client("customers"):
        await asyncio.gather(*(customer(name) for name in "ab"))
        await world.healed()
        await asyncio.sleep(5.0)
        for key, amount in wanted.items():
            answer = await pay(key, amount)
            expect(status(answer) == 201, "when it is over, every key is answered 201", got=status(answer))
            expect(given.get(key, answer.raw) == answer.raw, "and as it was before", before=given.get(key), got=answer.raw)
    total = sum(charge["amount"] for charge in bank.charges.values())
    expect(
        (len(bank.charges), total) == (len(wanted), sum(wanted.values())),
        f"{len(wanted)} keys over {sum(wanted.values())} are as many charges over as much",
        charges=len(bank.charges),
        total=total,
    )

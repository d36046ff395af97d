"""The grader: every step refused, every answer lost, a crash at every point, and then a storm.

Saga number n takes 2**n at each service, so what a service has left tells exactly which sagas it has done.
"""

import asyncio
import random
from contextlib import suppress

from windtunnel.labs.checking import check, expect
from windtunnel.labs.kit import lines
from windtunnel.labs.kit.boot import copy_of
from windtunnel.labs.kit.journal import Journal

SERVICES = ("flights", "hotels", "bank")
SAGAS_MAX = 300
FULL = 1 << SAGAS_MAX
PATIENCE_S = 1800.0  # for orchestrators whose pauses double
TOO_MUCH = FULL << 1


def sagas_in(available):
    """The numbers of the sagas that a service has done, by what it has left."""
    taken = FULL - available
    return [n for n in range(SAGAS_MAX) if taken >> n & 1] if taken >= 0 else ["it has more than at the start"]


# --- Participants ---


def did(action, *args):
    """What calling it came to: "done", or the name of what it raised."""
    try:
        action(*args)
    except Exception as error:
        return type(error).__name__
    return "done"


@check("a step counts once, and a refusal is final", stage="participant", seeds=1)
async def once(world, lab):
    seats = lab.Participant(10)
    got = [did(seats.do, "a", 3), did(seats.do, "a", 3), seats.available]
    expect(
        got == ["done", "done", 7],
        "a step that comes twice is done both times, and takes its 3 of 10 seats once",
        came_to=got[:-1],
        available=got[-1],
    )
    got = [did(seats.do, "b", 8), seats.available]
    expect(got == ["Refused", 7], "8 of 7 seats are Refused, and nothing is taken", came_to=got[:-1], available=got[-1])
    seats.undo("a")
    got = [did(seats.do, "b", 8), seats.available]
    expect(
        got == ["Refused", 10], "what was Refused stays so: its orchestrator has acted on it", came_to=got[:-1], available=got[-1]
    )
    got = [did(seats.do, "c", 10), seats.available]
    expect(got == ["done", 0], "the last seats can be had", came_to=got[:-1], available=got[-1])


@check("a compensation counts once", stage="participant", seeds=1)
async def undo_once(world, lab):
    seats = lab.Participant(10)
    seats.do("a", 3)
    seats.do("b", 4)
    got = [did(seats.undo, "a"), did(seats.undo, "a"), seats.available]
    expect(
        got == ["done", "done", 6],
        "a compensation that comes twice gives the 3 seats back once",
        came_to=got[:-1],
        available=got[-1],
    )
    got = [did(seats.do, "a", 3), seats.available]
    expect(
        got == ["Refused", 6],
        "a compensated saga gets nothing any more: a step that still comes is an old one",
        came_to=got[:-1],
        available=got[-1],
    )
    did(seats.do, "d", 99)
    got = [did(seats.undo, "d"), seats.available]
    expect(got == ["done", 6], "compensating what was Refused gives nothing back", came_to=got[:-1], available=got[-1])


@check("a compensation that comes first keeps its step out", stage="participant", seeds=1)
async def undo_first(world, lab):
    seats = lab.Participant(10)
    got = [did(seats.undo, "late"), seats.available]
    expect(
        got == ["done", 10],
        "a compensation of a step that never came gives nothing back, and is no error",
        came_to=got[:-1],
        available=got[-1],
    )
    got = [did(seats.do, "late", 3), seats.available]
    expect(got == ["Refused", 10], "when the step comes after all, it is Refused", came_to=got[:-1], available=got[-1])


# --- Orchestration, without crashes ---


class Service:
    """A service in memory. refuses, loses, hangs: sagas whose step is refused; is done, but the answer lost; is done, hangs once.

    fails: how many compensations of a saga fail before one succeeds.
    """

    def __init__(self, name, trail, refused):
        self.name, self.trail, self.refused = name, trail, refused
        self.books = set()
        self.refuses, self.loses, self.hangs, self.fails = set(), set(), set(), {}

    def step(self, saga):
        return Step(lambda: self.do(saga), lambda: self.undo(saga))

    async def do(self, saga):
        await asyncio.sleep(0.01)
        if saga in self.refuses:
            raise self.refused(saga)
        self.trail.append(("do", self.name))
        self.books.add(saga)
        if saga in self.loses:
            raise TimeoutError("no answer")
        if saga in self.hangs:
            self.hangs.discard(saga)
            await asyncio.sleep(3600.0)

    async def undo(self, saga):
        await asyncio.sleep(0.01)
        if self.fails.get(saga):
            self.fails[saga] -= 1
            raise ConnectionResetError("not now")
        self.trail.append(("undo", self.name))
        self.books.discard(saga)


class Step:
    """What an orchestrator is given: two things to await."""

    def __init__(self, do, undo):
        self.do = do
        self.undo = undo


class Trip:
    """Four services in memory and an orchestrator with its journal."""

    NAMES = ("flight", "hotel", "car", "payment")

    def __init__(self, lab, file):
        self.lab = lab
        self.trail = []
        self.services = [Service(name, self.trail, lab.Refused) for name in self.NAMES]
        self.journal = Journal(file)

    def steps(self, saga):
        return [service.step(saga) for service in self.services]

    async def run(self, saga="s1"):
        async with asyncio.timeout(PATIENCE_S):
            return await self.lab.run(saga, self.steps(saga), self.journal)

    async def recover(self):
        async with asyncio.timeout(PATIENCE_S):
            await self.lab.recover(self.journal, self.steps)

    def holding(self):
        return [service.name for service in self.services if service.books]


@check("all steps in order, and then it is over", stage="orchestrator", seeds=1)
async def completes(world, lab):
    trip = Trip(lab, "log")
    outcome = await trip.run()
    expect(outcome == "completed", "a saga whose steps are all done is completed", got=outcome)
    expect(trip.trail == [("do", name) for name in trip.NAMES], "its steps are done once each, in order", got=trip.trail)
    await trip.recover()
    expect(len(trip.trail) == 4, "recover leaves a saga alone that has ended", then_it_did=trip.trail[4:])


@check("a refusal at any step is compensated in reverse", stage="orchestrator", seeds=1)
async def refusals(world, lab):
    for k, name in enumerate(Trip.NAMES):
        trip = Trip(lab, f"log{k}")
        trip.services[k].refuses.add("s1")
        outcome = await trip.run()
        expect(outcome == "cancelled", f"a saga that {name} refuses is cancelled", got=outcome)
        expect(not trip.holding(), f"when {name} has refused, no service holds anything", still_holding=trip.holding())
        undone = [who for what, who in trip.trail if what == "undo" and who != name]
        wanted = list(reversed(trip.NAMES[:k]))
        expect(undone == wanted, f"when {name} has refused, what was done before is undone in reverse", got=undone, wanted=wanted)
        await trip.recover()
        expect(not trip.holding(), "and recover changes nothing about it", holding=trip.holding())


@check("silence at any step is compensated too", stage="orchestrator", seeds=1)
async def silence(world, lab):
    for k, name in enumerate(Trip.NAMES):
        trip = Trip(lab, f"log{k}")
        trip.services[k].loses.add("s1")
        outcome = await trip.run()
        held = trip.holding()
        if outcome == "cancelled":
            expect(
                not held,
                f"{name} did its step and its answer was lost: cancelled means that it is undone as well",
                still_holding=held,
            )
        else:
            expect(
                len(held) == 4,
                f"{name} did its step and its answer was lost: completed means all four",
                holding=held,
                outcome=outcome,
            )


@check("a compensation is tried until it succeeds", stage="orchestrator", seeds=1, limit_s=4000)
async def stubborn(world, lab):
    trip = Trip(lab, "log")
    trip.services[3].refuses.add("s1")
    trip.services[1].fails["s1"] = 12
    began = world.now
    outcome = await trip.run()
    expect(
        (outcome, trip.holding()) == ("cancelled", []),
        "a compensation that fails 12 times is tried once more",
        holding=trip.holding(),
    )
    paused_s = (world.now - began) / 12
    expect(paused_s >= 0.05, "between two attempts there is a pause of 0.05 s at least", on_average_s=round(paused_s, 4))
    left = [name for what, name in trip.trail if what == "undo" and name != "payment"]
    expect(left == ["car", "hotel", "flight"], "and those before it wait for it: the reverse order holds", got=left)


# --- Crashes ---


class Agency:
    """Three services and an orchestrator on hosts with disks. stop_at: the point at which the orchestrator crashes, or None.

    A point is passed before and after each record of the journal, each step and each compensation.
    """

    def __init__(self, world, lab):
        self.world, self.lab = world, lab
        self.orders = {}  # by saga: the amount for each service
        self.crash_at(None)
        self.crashes = []  # where, in words
        self.recovered = 0
        self.books = {}
        for name in SERVICES:
            world.host(name, main=lambda name=name: self.service(name))
        world.host("desk", main=self.orchestrator)

    async def service(self, name):
        mine, journal = copy_of(self.lab), Journal("books")
        books = self.books[name] = mine.Participant(FULL)

        def apply(record):
            try:
                books.do(record["saga"], record["amount"]) if "amount" in record else books.undo(record["saga"])
            except mine.Refused:
                return "refused"
            return "done"

        for record in journal.records():
            apply(record)

        async def handle(question):
            await journal.append(question)
            return apply(question)

        await lines.serve(80, handle)

    async def orchestrator(self):
        mine, journal = copy_of(self.lab), Points(self, Journal("sagas"))
        print(f"recover() begins, with {len(journal.records())} records in the journal")
        await mine.recover(journal, lambda saga: self.steps(saga, mine))
        print("recover() has ended")
        self.recovered += 1

        async def handle(saga):
            return await mine.run(saga, self.steps(saga, mine), journal)

        await lines.serve(80, handle)

    def steps(self, saga, mine):
        async def asked(name, question, refused=None):
            what = f"{'step' if 'amount' in question else 'compensation'} at {name}"
            await self.point(f"before the {what}")
            async with asyncio.timeout(1.0):
                answer = await lines.ask(name, 80, question)
            print(f"{saga}, {what}: {answer}")
            await self.point(f"after the {what}")
            if answer == "refused" and refused:
                raise refused(saga)

        def step(name, amount):
            return Step(
                lambda: asked(name, {"saga": saga, "amount": amount}, mine.Refused),
                lambda: asked(name, {"saga": saga}),
            )

        return [step(name, amount) for name, amount in zip(SERVICES, self.orders[saga], strict=True)]

    async def point(self, what):
        self.passed += 1
        if self.passed == self.stop_at:
            self.stop_at = None
            self.crashes.append(what)
            self.world.crash("desk")
            await asyncio.Event().wait()

    def held(self):
        """The sagas that each service has done, by number."""
        return {name: sagas_in(self.books[name].available) for name in SERVICES}

    def halves(self):
        """The first few sagas that some services have done and others not: by number, where they are done."""
        held = self.held()
        numbers = dict.fromkeys(n for rows in held.values() for n in rows)
        where = {n: [name for name in SERVICES if n in held[name]] for n in numbers}
        return dict([(n, names) for n, names in where.items() if len(names) < len(SERVICES)][:5])

    def crash_at(self, point):
        """From now on, crash the orchestrator at this point."""
        self.stop_at, self.passed = point, 0

    async def outcome(self, saga, within_s):
        """Ask the orchestrator for a saga: its outcome, None if none came."""
        with suppress(OSError):
            async with asyncio.timeout(within_s):
                return await lines.ask("desk", 80, saga)
        return None

    def order(self, n, refused_by):
        """The id of a new saga."""
        saga = f"s{n}"
        self.orders[saga] = [TOO_MUCH if name == refused_by else 1 << n for name in SERVICES]
        return saga


class Points:
    """A journal with points."""

    def __init__(self, agency, journal):
        self.agency, self.journal = agency, journal

    def records(self):
        return self.journal.records()

    async def append(self, record):
        await self.agency.point(f"before the record {record}")
        await self.journal.append(record)
        print("journal:", record)
        await self.agency.point(f"after the record {record}")


@check("a crash at any point leaves all or nothing", stage="crashes", seeds=1)
async def any_point(world, lab):
    agency = Agency(world, lab)
    told = set()
    async with world.client("customer"):
        for refused_by in (None, "bank"):
            for point in range(1, 100):
                n = len(agency.orders)
                saga = agency.order(n, refused_by)
                agency.crash_at(point)
                agency.crashes.clear()
                if await agency.outcome(saga, within_s=2.0) == "completed":
                    told.add(n)
                reached = agency.stop_at is None
                if reached:
                    await restarted(agency, again=random.randrange(1, 12))
                halves, where = agency.halves(), ", then ".join(agency.crashes)
                expect(
                    not halves,
                    f"after recovery all services have done the same sagas; crash of saga {n}: {where}",
                    only_at=halves,
                )
                wrong = sorted(told - set(agency.held()["bank"]))
                expect(not wrong, f"a saga that was told completed stays so; crash of saga {n}: {where}", undone=wrong)
                if not reached:
                    break


async def restarted(agency, again):
    """Boot the orchestrator, let it crash at point `again` of its recovery, should it get there, boot it again, and wait."""
    before = agency.recovered
    agency.crash_at(again)
    for _ in range(2):
        agency.world.restart("desk")
        await asyncio.sleep(3.0)
    agency.crash_at(None)
    expect(agency.recovered > before, "recover() ends within 3 s where all services are up")


@check("a saga that is stuck does not hold up the others", stage="crashes", seeds=1)
async def stuck(world, lab):
    desk = world.host("desk")
    trip = Trip(lab, "log")
    flight, car = trip.services[0], trip.services[2]
    flight.hangs.add("s1")
    car.hangs.add("s2")
    flight.fails["s1"] = 1_000_000

    async def begin():
        trip.journal = Journal("log")
        await asyncio.gather(
            trip.lab.run("s1", trip.steps("s1"), trip.journal), trip.lab.run("s2", trip.steps("s2"), trip.journal)
        )

    async def again():
        with suppress(TimeoutError):
            async with asyncio.timeout(60.0):
                await trip.lab.recover(Journal("log"), trip.steps)

    begun = asyncio.ensure_future(desk.run(begin()))
    await asyncio.sleep(1.0)
    desk.crash()
    await asyncio.wait([begun])
    begun.exception()
    desk.restart()
    await desk.run(again())
    held = [service.name for service in trip.services if "s2" in service.books]
    expect(
        len(held) in (0, len(trip.NAMES)),
        "within a minute recover() brings s2 to an end, all or nothing, although the flight of s1 cannot be undone",
        s2_is_held_by=held,
    )


@check("money and seats agree after any storm", stage="crashes", seeds=6, faults="partition,crash", for_s=18)
async def storm(world, lab):
    agency = Agency(world, lab)
    outcomes = {}

    async def customer():
        while world.now < 22.0:
            n = len(agency.orders)
            saga = agency.order(n, random.choice((None, None, "hotels", "bank")))
            outcomes[n] = await agency.outcome(saga, within_s=5.0)
            await asyncio.sleep(random.uniform(0.1, 1.5))

    async with world.client("customers"):
        await asyncio.gather(*(customer() for _ in range(3)))
    await world.healed()
    await asyncio.sleep(60.0)
    halves, held = agency.halves(), agency.held()
    expect(not halves, "when it is over, all services have done the same sagas", only_at=halves)
    expect(agency.recovered, "the orchestrator has recovered")
    for word, there in (("completed", True), ("cancelled", False)):
        wrong = [n for n, outcome in outcomes.items() if outcome == word and (n in held["bank"]) != there]
        expect(not wrong, f"what was told {word} is {'done' if there else 'undone'}", wrong=wrong)
    unexpected = [outcome for outcome in outcomes.values() if outcome not in ("completed", "cancelled", None)]
    expect(not unexpected, "an outcome is completed or cancelled", got=unexpected[:1])

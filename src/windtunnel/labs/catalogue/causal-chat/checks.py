"""The grader of causal-chat: members on a table, then members on hosts that answer each other over UDP, and a history per room.

A network that delays each datagram as it likes brings the later one first. What every member said and what its screen showed is
judged, room by room, as a broadcast in FIFO or in causal order.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections import defaultdict
from contextlib import suppress
from types import ModuleType
from typing import Any

from windtunnel.base.interface import Op
from windtunnel.base.streams import Stream
from windtunnel.checkers import check as judge
from windtunnel.histories import Recorder
from windtunnel.labs.checking import check, expect

log = logging.getLogger("chat")
log.setLevel(logging.INFO)  # what happens is the story of a run that fails

MEMBERS = ("ann", "ben", "cid")
ROOMS = ("news", "tea")
PORT = 7000
TICK_S = 0.2
SETTLE_S = 3.0  # after the last fault: fifteen ticks
REMARKS, ANSWERS_MAX = 6, 4  # by each member
SILENT_BYTES_MAX = 400  # of all that one member sends to one peer between two ticks, when nobody says anything

# --- On a table ---


class Table:
    """Members without a network: packets lie there until somebody carries them."""

    def __init__(self, lab: ModuleType, *members: str) -> None:
        self.screens: dict[str, list[str]] = {me: [] for me in members}
        self.packets: dict[tuple[str, str], list[str]] = defaultdict(list)
        self.members = {me: self._member(lab, me, list(members)) for me in members}

    def _member(self, lab: ModuleType, me: str, members: list[str]) -> Any:
        def send(peer: str, packet: Any) -> None:
            self.packets[me, peer].append(json.dumps(packet))

        def show(_room: str, author: str, text: str) -> None:
            self.screens[me].append(f"{author}: {text}")

        return lab.Member(me, members, send, show)

    def say(self, me: str, text: str, room: str = "tea") -> None:
        """A member says something; nobody hears it yet."""
        self.members[me].say(room, text)

    def carry(self, src: str, dst: str, *, times: int = 1) -> None:
        """Bring the oldest packet from `src` to `dst`, perhaps several times."""
        waiting = self.packets[src, dst]
        expect(waiting, f"{src} has sent something to {dst}")
        packet = waiting.pop(0)
        for _ in range(times):
            self.members[dst].hear(src, json.loads(packet))

    def sees(self, me: str, wanted: list[str], why: str) -> None:
        """Fail unless the screen of `me` shows exactly this."""
        expect(self.screens[me] == wanted, why, screen=self.screens[me])


# --- On hosts ---


class Screen(asyncio.DatagramProtocol):
    """One process: a member, its port, and somebody in front of it who answers now and then."""

    def __init__(self, party: Party, lab: ModuleType, me: str) -> None:
        self.party = party
        self.me = me
        self.dice = Stream(party.world.seed, f"member {me}")
        self.answers = ANSWERS_MAX
        self.sent_bytes: dict[str, int] = defaultdict(int)
        self.transport: Any = None
        self.member = lab.Member(me, list(MEMBERS), self.send, self.show)

    def send(self, peer: str, packet: Any) -> None:
        """What the member sends."""
        data = json.dumps(packet).encode()
        self.sent_bytes[peer] += len(data)
        self.transport.sendto(data, (peer, PORT))

    def datagram_received(self, data: bytes, addr: Any) -> None:
        """What it hears."""
        log.info("hears %s of %s", data.decode(), self.party.names[addr[0]])
        self.member.hear(self.party.names[addr[0]], json.loads(data))

    def show(self, room: str, author: str, text: str) -> None:
        """What it shows; other people's remarks are answered now and then, in the same room."""
        self.party.seen(self.me, room, text)
        log.info("SHOWS %s in room %s", text, room)
        if author != self.me and self.answers and self.dice.chance(0.5):
            self.answers -= 1
            asyncio.get_running_loop().call_later(0.01, self.say, room)

    def say(self, room: str) -> None:
        """The person says something new."""
        text = self.party.said(self.me, room)
        log.info("SAYS %s in room %s", text, room)
        self.member.say(room, text)

    async def serve(self) -> None:
        """Talk for a while, and keep the program running."""
        loop = asyncio.get_running_loop()
        self.transport, _ = await loop.create_datagram_endpoint(lambda: self, local_addr=("0.0.0.0", PORT))  # noqa: S104 - its own host
        talking = loop.create_task(self._talk())
        while True:
            await asyncio.sleep(TICK_S)
            self.sent_bytes.clear()
            self.member.tick()
            if talking.done() and talking.exception():
                await talking

    async def _talk(self) -> None:
        for _ in range(REMARKS):
            await asyncio.sleep(self.dice.uniform(0.1, 0.6))
            self.say(self.dice.choice(ROOMS))


class Party:
    """All of them, and what they said and saw, by room.

    causal: a text comes after all that its author had seen; else only after the earlier texts of its author.
    """

    def __init__(self, world: Any, lab: ModuleType, *, causal: bool = True) -> None:
        self.world = world
        self.causal = causal
        self.before: dict[str, set[str]] = {}  # by text: what must be shown before it
        self.shown: dict[tuple[str, str], set[str]] = defaultdict(set)  # by member and room
        self.trouble = asyncio.Event()  # a screen has shown something too early: the history is bad from here on
        self.recorders = {room: Recorder(lambda: world.now) for room in ROOMS}
        self.texts: dict[str, list[str]] = {room: [] for room in ROOMS}
        self.screens: dict[str, Screen] = {}
        for me in MEMBERS:
            world.host(me, main=lambda me=me: self._boot(lab, me))
        self.names: dict[str, str] = {}

    async def _boot(self, lab: ModuleType, me: str) -> None:
        loop = asyncio.get_running_loop()
        for name in MEMBERS:
            found = await loop.getaddrinfo(name, PORT)
            self.names[found[0][4][0]] = name
        self.screens[me] = Screen(self, lab, me)
        await self.screens[me].serve()

    def said(self, me: str, room: str) -> str:
        """A new text, in the history."""
        text = f"{me}-{sum(map(len, self.texts.values())) + 1}"
        self.texts[room].append(text)
        self.before[text] = {seen for seen in self.shown[me, room] if self.causal or seen.startswith(f"{me}-")}
        recorder = self.recorders[room]
        recorder.ok(recorder.invoke(me, Op("broadcast", value=text)), None)
        return text

    def seen(self, me: str, room: str, text: str) -> None:
        """A text on a screen, in the history."""
        expect(room in ROOMS, f"show(room, author, text) is given one of the rooms {ROOMS}", room=room)
        recorder = self.recorders[room]
        recorder.ok(recorder.invoke(me, Op("deliver")), text)
        if text in self.shown[me, room] or not self.before.get(text, set()) <= self.shown[me, room]:
            self.trouble.set()
        self.shown[me, room].add(text)

    async def over(self) -> None:
        """Everything has been said, faults are over, and there was time to repair; or something is wrong already."""
        await self._pass(0.6 * REMARKS + 1.0)
        if not self.trouble.is_set():
            await self.world.healed()
        await self._pass(SETTLE_S)

    async def _pass(self, seconds: float) -> None:
        with suppress(TimeoutError):
            await asyncio.wait_for(self.trouble.wait(), seconds)

    def in_order(self, model: str, promise: str) -> None:
        """Fail unless the history of every room is a broadcast of that kind."""
        for room in ROOMS:
            verdict = judge(self.recorders[room].history(), model)
            lines = () if verdict.evidence is None else verdict.evidence.text
            expect(verdict.valid is not False, "\n".join((f"in room {room!r}, {promise}; {verdict.why}", *lines)))

    def complete(self) -> None:
        """Fail unless every member has shown everything that was said, its own words too."""
        for room in ROOMS:
            for me in MEMBERS:
                shown = {op.result for op in self.recorders[room].operations if op.process == me and op.f == "deliver"}
                missing = [text for text in self.texts[room] if text not in shown]
                expect(
                    not missing, f"in the end {me} has shown all {len(self.texts[room])} texts of room {room!r}", missing=missing
                )


def shuffling(world: Any) -> None:
    """Datagrams take 5 to 400 ms each, so that later ones overtake earlier ones."""
    world.links.latency("uniform", 0.005, 0.4)


FIFO = "what one member says is shown in the order in which it was said, everywhere, once"
CAUSAL = "nothing is shown before what its author had seen when writing it"

# --- Stage 1: each author in order ---


@check("everybody sees what is said", stage="fifo", seeds=2)
async def seen(world: Any, lab: ModuleType) -> None:
    party = Party(world, lab, causal=False)
    await party.over()
    party.complete()


@check("each author in order", stage="fifo")
def author_in_order(lab: ModuleType) -> None:
    table = Table(lab, "ann", "ben")
    table.say("ann", "one")
    table.say("ann", "two")
    table.say("ann", "three")
    one, two, three = (table.packets["ann", "ben"].pop(0) for _ in range(3))
    table.packets["ann", "ben"] += [three, two, one]
    table.carry("ann", "ben")
    table.sees("ben", [], "ben hears the third text of ann first, and keeps it until the others are there")
    table.carry("ann", "ben")
    table.carry("ann", "ben")
    table.sees("ben", ["ann: one", "ann: two", "ann: three"], "when the first text has come, ben shows all three in ann's order")


@check("a packet that comes twice is shown once", stage="fifo")
def once(lab: ModuleType) -> None:
    table = Table(lab, "ann", "ben")
    table.say("ann", "one")
    table.carry("ann", "ben", times=3)
    table.say("ann", "two")
    table.carry("ann", "ben", times=2)
    table.sees("ben", ["ann: one", "ann: two"], "packets came two and three times, and each text is shown once")


@check("rooms do not wait for each other", stage="fifo")
def rooms_apart(lab: ModuleType) -> None:
    table = Table(lab, "ann", "ben")
    table.say("ann", "long story", room="news")
    late = table.packets["ann", "ben"].pop()
    table.say("ann", "milk?", room="tea")
    table.carry("ann", "ben")
    table.sees("ben", ["ann: milk?"], "what is missing in room news is no reason to wait in room tea")
    table.packets["ann", "ben"].append(late)
    table.carry("ann", "ben")
    table.sees("ben", ["ann: milk?", "ann: long story"], "and what was missing is shown when it comes")


@check("authors in order on a network that shuffles", stage="fifo", seeds=4, faults=("duplicate", "slow"), for_s=5.0)
async def fifo(world: Any, lab: ModuleType) -> None:
    shuffling(world)
    party = Party(world, lab, causal=False)
    await party.over()
    party.in_order("fifo-broadcast", FIFO)
    party.complete()


# --- Stage 2: causes before effects ---


@check("no answer before its question", stage="causal")
def question_first(lab: ModuleType) -> None:
    table = Table(lab, "ann", "ben", "cid")
    table.say("ann", "who has the key?")
    table.carry("ann", "ben")
    table.say("ben", "I have")
    table.carry("ben", "cid")
    table.sees("cid", [], "cid hears the answer of ben first, and keeps it: ben had seen a text of ann that cid has not")
    table.carry("ann", "cid")
    table.sees("cid", ["ann: who has the key?", "ben: I have"], "the question has come: it is shown, and then the answer")


@check("a chain of answers", stage="causal")
def chain(lab: ModuleType) -> None:
    table = Table(lab, "ann", "ben", "cid", "dan")
    table.say("ann", "one")
    table.carry("ann", "ben")
    table.say("ben", "two")
    table.carry("ann", "cid")
    table.carry("ben", "cid")
    table.say("cid", "three")
    table.carry("cid", "dan")
    table.carry("ben", "dan")
    table.sees("dan", [], "three came after two, and two after one; dan has not seen one")
    table.carry("ann", "dan")
    table.sees("dan", ["ann: one", "ben: two", "cid: three"], "when one is there, dan shows the chain in its order")


@check("who knew nothing of each other does not wait", stage="causal")
def strangers(lab: ModuleType) -> None:
    table = Table(lab, "ann", "ben", "cid")
    table.say("ann", "rain")
    table.say("ben", "sun")
    table.carry("ben", "cid")
    table.sees("cid", ["ben: sun"], "ben had not seen the text of ann, so cid need not wait for it")
    table.carry("ann", "cid")
    table.sees("cid", ["ben: sun", "ann: rain"], "and shows that text when it comes")


@check("causes before effects on a network that shuffles", stage="causal", seeds=6, faults=("duplicate", "slow"), for_s=5.0)
async def causal(world: Any, lab: ModuleType) -> None:
    shuffling(world)
    party = Party(world, lab)
    await party.over()
    party.in_order("causal-broadcast", CAUSAL)
    party.complete()


# --- Stage 3: nothing is lost ---


@check("nothing is lost on reconnect", stage="reconnect", seeds=7, faults=("loss:2", "partition"), for_s=5.0)
async def reconnect(world: Any, lab: ModuleType) -> None:
    shuffling(world)
    party = Party(world, lab)
    await party.over()
    party.in_order("causal-broadcast", CAUSAL)
    party.complete()


@check("around a cut", stage="reconnect", seeds=2)
async def around(world: Any, lab: ModuleType) -> None:
    party = Party(world, lab)
    world.cut([("ann", "cid"), ("cid", "ann")])
    await asyncio.sleep(0.6 * REMARKS + 1.0 + SETTLE_S)
    party.in_order("causal-broadcast", CAUSAL)
    party.complete()


@check("a silent chat costs little", stage="reconnect", seeds=1)
async def silent(world: Any, lab: ModuleType) -> None:
    party = Party(world, lab)
    await party.over()
    party.complete()
    await asyncio.sleep(TICK_S)
    for me, screen in party.screens.items():
        most = max(screen.sent_bytes.values(), default=0)
        expect(
            most <= SILENT_BYTES_MAX,
            f"everybody has everything; {me} sends at most {SILENT_BYTES_MAX} bytes to a peer per tick",
            bytes=most,
        )

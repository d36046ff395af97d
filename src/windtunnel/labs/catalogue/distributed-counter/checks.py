"""The grader of distributed-counter: replicas on hosts that tell each other over UDP, customers that add and read, a history.

Datagrams are lost, repeated, late and out of order when the weather is so; a crash takes everything but what was saved. What
customers saw is judged as the history of a growing counter that may lag: in the end every replica shows the sum.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

from windtunnel.base.errors import WindtunnelError
from windtunnel.base.interface import Op
from windtunnel.base.streams import Stream
from windtunnel.batteries.durable import sync_directory
from windtunnel.checkers import check as judge
from windtunnel.histories import Recorder
from windtunnel.labs.checking import check, expect
from windtunnel.labs.kit.boot import copy_of

log = logging.getLogger("counter")
log.setLevel(logging.INFO)  # what happens is the story of a run that fails

NODES = ("oslo", "lima", "pune")
PORT = 7000
TELL_S = 0.2
SETTLE_S = 3.0  # fifteen rounds after the last fault
STATE = Path("counter.json")


class Replica(asyncio.DatagramProtocol):
    """One process: the learner's counter, what it saved, and a port where it hears."""

    def __init__(self, lab: ModuleType, me: str) -> None:
        self.peers = [name for name in NODES if name != me]
        saved = json.loads(STATE.read_text()) if STATE.exists() else None
        self.counter = copy_of(lab).Counter(me, self.peers, save, saved)
        log.info("starts with %s, shows %s", saved, self.counter.value())

    def add(self, amount: int) -> None:
        """A customer adds."""
        self.counter.add(amount)
        log.info("ADDS %s, shows %s", amount, self.counter.value())

    def datagram_received(self, data: bytes, addr: Any) -> None:
        """News of a peer."""
        self.counter.hear(json.loads(data))
        log.info("hears %s, shows %s", data.decode(), self.counter.value())

    async def serve(self) -> None:
        """Tell every peer, again and again."""
        loop = asyncio.get_running_loop()
        transport, _ = await loop.create_datagram_endpoint(lambda: self, local_addr=("0.0.0.0", PORT))  # noqa: S104 - its own host
        while True:
            for peer in self.peers:
                transport.sendto(text_of(self.counter.tell(peer)).encode(), (peer, PORT))
            await asyncio.sleep(TELL_S)


def text_of(news: Any) -> str:
    """News as they travel."""
    try:
        return json.dumps(news)
    except TypeError as error:
        expect(False, f"what tell returns travels as JSON: numbers, strings, lists, dicts; {error}", got=news)
        raise


def save(state: Any) -> None:
    """Durable when it returns: the new file is whole before it takes the place of the old one."""
    new = STATE.with_suffix(".new")
    with new.open("w") as file:
        json.dump(state, file)
        file.flush()
        os.fsync(file.fileno())
    new.replace(STATE)
    sync_directory(Path())


class Shop:
    """The whole deployment: three replicas, and customers that write down what they do."""

    def __init__(self, world: Any, lab: ModuleType) -> None:
        self.world = world
        self.recorder = Recorder(lambda: world.now)
        self.replicas: dict[tuple[str, int], Replica] = {}
        self.customers: list[str] = []
        for name in NODES:
            world.host(name, main=lambda name=name: self._boot(name, lab))

    async def _boot(self, name: str, lab: ModuleType) -> None:
        replica = Replica(lab, name)
        self.replicas[name, self.world.hosts[name].incarnation] = replica
        await replica.serve()

    async def customer(self, node: str, orders: int) -> str:
        """Adds and reads at one replica; after an addition that may or may not have happened, as somebody else. Returns who."""
        dice = Stream(self.world.seed, f"customer at {node}")
        who = self._newcomer(node)
        for _ in range(orders):
            await asyncio.sleep(dice.uniform(0.05, 0.4))
            op = Op("add", value=1 + dice.below(9)) if dice.chance(0.7) else Op("read")
            if not await self.ask(who, node, op):
                who = self._newcomer(node)
        return who

    async def ask(self, who: str, node: str, op: Op) -> bool:
        """One operation at one replica, in the history; whether anybody knows how it ended."""
        token = self.recorder.invoke(who, op)
        host = self.world.hosts[node]
        replica = self.replicas.get((node, host.incarnation))
        if replica is None or not host.running:
            self.recorder.fail(token, f"{node} is down")
            return True
        try:
            answer = await host.run(lambda: replica.add(op.value) if op.f == "add" else replica.counter.value())
        except WindtunnelError as error:  # the host has died meanwhile
            if op.f == "read":
                self.recorder.fail(token, str(error))
                return True
            self.recorder.info(token, str(error))
            return False
        self.recorder.ok(token, answer if op.f == "read" else None)
        return True

    async def business(self, orders: int = 12) -> None:
        """Customers everywhere, then peace, then a last look at every replica; the history decides."""
        await asyncio.sleep(0.2)
        customers = await asyncio.gather(*(self.customer(node, orders) for node in NODES))
        await self.world.healed()
        await asyncio.sleep(SETTLE_S)
        for node, who in zip(NODES, customers, strict=True):
            await self.ask(who, node, Op("read"))
        verdict = judge(self.recorder.history(), "g-counter", level="eventual")
        evidence = () if verdict.evidence is None else verdict.evidence.text
        expect(
            verdict.valid, "in the end every replica shows the sum of all that was added, once; " + _words(verdict.why, evidence)
        )

    def _newcomer(self, node: str) -> str:
        self.customers.append(f"{node}.{len(self.customers) + 1}")
        return self.customers[-1]


def _words(why: str, evidence: Sequence[str]) -> str:
    return "\n".join((why, *evidence))


def pair(lab: ModuleType) -> tuple[Any, Any]:
    """Two replicas on a table, without any network."""
    return tuple(lab.Counter(name, [peer], lambda _: None, None) for name, peer in (("oslo", "lima"), ("lima", "oslo")))  # type: ignore[return-value]


def carried(news: Any) -> Any:
    """What arrives of news: it travels as JSON."""
    return json.loads(text_of(news))


# --- Checks ---


@check("a replica counts")
def counts(lab: ModuleType) -> None:
    oslo, _ = pair(lab)
    oslo.add(3)
    oslo.add(4)
    got = oslo.value()
    expect(got == 7, "3 and 4 were added at a replica, so it shows 7", got=got)


@check("replicas agree on a quiet network", seeds=4)
async def agree(world: Any, lab: ModuleType) -> None:
    await Shop(world, lab).business()


@check("the same news twice is one piece of news")
def repeated(lab: ModuleType) -> None:
    oslo, lima = pair(lab)
    oslo.add(3)
    lima.add(5)
    news = carried(oslo.tell("lima"))
    lima.hear(news)
    lima.hear(news)
    got = lima.value()
    expect(got == 8, "lima has added 5 and hears twice, in the same words, of the 3 of oslo: that makes 8", got=got)


@check("old news does not undo new news")
def outdated(lab: ModuleType) -> None:
    oslo, lima = pair(lab)
    oslo.add(3)
    old = carried(oslo.tell("lima"))
    oslo.add(4)
    new = carried(oslo.tell("lima"))
    lima.hear(new)
    lima.hear(old)
    got = lima.value()
    expect(
        got == 7, "3 and 4 were added at oslo; lima hears the second piece of news first, and then the first: it shows 7", got=got
    )


@check("nothing is lost with a message", seeds=10, faults=("loss:2", "partition"), for_s=8.0)
async def lost(world: Any, lab: ModuleType) -> None:
    await Shop(world, lab).business()


@check("nothing counts twice", seeds=10, faults=("duplicate:2", "slow"), for_s=8.0)
async def twice(world: Any, lab: ModuleType) -> None:
    await Shop(world, lab).business()


@check("nothing is lost in a crash", seeds=12, faults=("crash:2", "loss"), for_s=8.0)
async def crashed(world: Any, lab: ModuleType) -> None:
    await Shop(world, lab).business()

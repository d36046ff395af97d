"""The grader of rumor-broadcast: towns of up to 256 nodes that work in rounds, then ten hosts on a bad network, and a history.

In a town every node has its tick once in a round; then packets are delivered, each lost with a given chance, and so are the
answers to them. On hosts ticks come by the clock, and packets are UDP datagrams.
"""

from __future__ import annotations

import asyncio
import json
import logging
from math import log2
from types import ModuleType
from typing import Any

from windtunnel.base.interface import Op
from windtunnel.base.streams import Stream
from windtunnel.checkers import check as judge
from windtunnel.histories import Recorder
from windtunnel.labs.checking import check, expect

log = logging.getLogger("rumor")
log.setLevel(logging.INFO)  # what happens is the story of a run that fails

PACKETS_MAX = 2  # that one node may send in one tick, or when a client brings a rumor; and one answer to each packet heard
QUIET_BYTES_MAX = 20  # on average, per node and round, when everybody knows everything
ECHOES_MAX = 4  # of answers to answers that are delivered within the round

HOSTS = tuple(f"n{i}" for i in range(1, 11))
PORT = 7000
ROUND_S = 0.2
SETTLE_S = 8.0  # forty rounds after the last fault


# --- A town, in rounds ---


class Town:
    """Nodes that work in rounds. loss: the chance that a packet is lost. walls: groups between which nothing gets through."""

    def __init__(self, lab: ModuleType, size: int, seed: int, loss: float = 0.0) -> None:
        self.names = [f"n{i}" for i in range(1, size + 1)]
        self.dice = Stream(seed, "town")
        self.loss = loss
        self.walls: list[set[str]] = []
        self.packets: list[tuple[str, str, str]] = []
        self.sent_bytes = 0
        self.nodes = {me: self._node(lab, me, seed) for me in self.names}

    def _node(self, lab: ModuleType, me: str, seed: int) -> Any:
        def send(peer: str, packet: Any) -> None:
            text = json.dumps(packet)
            self.sent_bytes += len(text)
            self.packets.append((me, peer, text))

        return lab.Node(me, [name for name in self.names if name != me], send, Stream(seed, f"node {me}").random)

    def broadcast(self, me: str, rumor: int) -> None:
        """A client brings a rumor."""
        self._counted(me, "a client brings a rumor", lambda: self.nodes[me].broadcast(rumor), PACKETS_MAX)

    def round(self) -> None:
        """Every node has its tick; then packets are delivered, and answers to them."""
        for me, node in self.nodes.items():
            self._counted(me, "a tick", node.tick, PACKETS_MAX)
        for _ in range(ECHOES_MAX):
            packets, self.packets = self.packets, []
            for src, dst, text in packets:
                if self.dice.random() >= self.loss and not any((src in wall) != (dst in wall) for wall in self.walls):
                    self._counted(
                        dst, "a packet", lambda src=src, dst=dst, text=text: self.nodes[dst].hear(src, json.loads(text)), 1
                    )

    def rounds_until(self, rumors: list[int], most: int) -> int:
        """Rounds until everybody knows these rumors; `most + 1` if that takes longer."""
        for rounds in range(most + 1):
            if not self.ignorant(rumors):
                return rounds
            self.round()
        return most + 1

    def read(self, me: str) -> list[int]:
        """What a node says that it knows."""
        got = self.nodes[me].read()
        expect(isinstance(got, list | tuple | set), "read returns a list of rumors", got=got)
        return list(got)

    def ignorant(self, rumors: list[int]) -> int:
        """How many nodes lack one of them."""
        return sum(not set(rumors) <= set(self.read(me)) for me in self.names)

    def _counted(self, me: str, event: str, act: Any, most: int) -> None:
        before = len(self.packets)
        act()
        sent = len(self.packets) - before
        expect(sent <= most, f"upon {event}, {me} sends at most {most} packet{'s' * (most > 1)}", sent=sent)


def bound(size: int, loss: float) -> int:
    """Rounds that are allowed: a constant times log2(size), and some for luck. Without loss, pushing takes log2 n + ln n."""
    return int((2.0 + 3.0 * loss) * log2(size)) + 8


# --- Hosts ---


class Host(asyncio.DatagramProtocol):
    """One process: a node and its port."""

    def __init__(self, world: Any, lab: ModuleType, me: str, names: dict[str, str]) -> None:
        self.names = names
        self.transport: Any = None
        peers = [name for name in HOSTS if name != me]
        self.node = lab.Node(me, peers, self.send, Stream(world.seed, f"node {me}").random)

    def send(self, peer: str, packet: Any) -> None:
        """What the node sends."""
        log.info("sends %s: %s", peer, packet)
        self.transport.sendto(json.dumps(packet).encode(), (peer, PORT))

    def datagram_received(self, data: bytes, addr: Any) -> None:
        """What it hears."""
        before = set(self.node.read())
        self.node.hear(self.names[addr[0]], json.loads(data))
        if news := set(self.node.read()) - before:
            log.info("LEARNS %s of %s", sorted(news), self.names[addr[0]])

    async def serve(self) -> None:
        """A tick in every round."""
        loop = asyncio.get_running_loop()
        self.transport, _ = await loop.create_datagram_endpoint(lambda: self, local_addr=("0.0.0.0", PORT))  # noqa: S104 - its own host
        while True:
            await asyncio.sleep(ROUND_S)
            self.node.tick()


async def gossip(world: Any, lab: ModuleType, rumors: int = 12) -> None:
    """Clients broadcast and read at drawn hosts; then peace; then everybody is read. The history decides."""
    hosts: dict[str, Host] = {}
    names: dict[str, str] = {}
    recorder, dice = Recorder(lambda: world.now), Stream(world.seed, "clients")

    async def boot(me: str) -> None:
        loop = asyncio.get_running_loop()
        for name in HOSTS:
            names[(await loop.getaddrinfo(name, PORT))[0][4][0]] = name
        hosts[me] = Host(world, lab, me, names)
        await hosts[me].serve()

    def told(node: Any, rumor: int) -> None:
        log.info("IS TOLD %s by a client", rumor)
        node.broadcast(rumor)

    async def read(who: str, me: str) -> None:
        token = recorder.invoke(who, Op("read"))
        recorder.ok(token, list(await world.hosts[me].run(hosts[me].node.read)))

    for me in HOSTS:
        world.host(me, main=lambda me=me: boot(me))
    await asyncio.sleep(0.5)
    for rumor in range(1, rumors + 1):
        await asyncio.sleep(dice.uniform(0.1, 0.5))
        me = dice.choice(HOSTS)
        token = recorder.invoke("client", Op("broadcast", value=rumor))
        await world.hosts[me].run(lambda me=me, rumor=rumor: told(hosts[me].node, rumor))
        recorder.ok(token, None)
        await read("client", dice.choice(HOSTS))
    await world.healed()
    await asyncio.sleep(SETTLE_S)
    for me in HOSTS:
        await read(f"reader at {me}", me)
    verdict = judge(recorder.history(), "broadcast")
    lines = () if verdict.evidence is None else verdict.evidence.text
    expect(verdict.valid, "\n".join((f"in the end everybody knows every rumor, once; {verdict.why}", *lines)))


# --- Stage 1: spread ---


@check("two nodes", stage="spread")
def two(lab: ModuleType) -> None:
    town = Town(lab, 2, seed=1)
    town.broadcast("n1", 7)
    rounds = town.rounds_until([7], 3)
    expect(rounds <= 3, "what n1 knows, n2 knows three rounds later", n1=town.read("n1"), n2=town.read("n2"))
    for _ in range(5):
        town.round()
    got = town.read("n2")
    expect(sorted(got) == [7], "a rumor that is heard several times is known once", got=got)


@check("nobody shouts", stage="spread")
def nobody_shouts(lab: ModuleType) -> None:
    town = Town(lab, 16, seed=1)
    for rumor in range(5):
        town.broadcast(town.names[rumor], rumor)
        town.round()
    for _ in range(20):
        town.round()


@check("everybody within O(log n) rounds", stage="spread")
def logarithmic(lab: ModuleType) -> None:
    for size, seed in ((16, 1), (16, 2), (64, 3), (64, 4), (256, 5)):
        _spreads(lab, size, seed, 0.0)


@check("also when three packets of ten are lost", stage="spread")
def lossy(lab: ModuleType) -> None:
    for size, seed in ((16, 1), (16, 2), (16, 3), (64, 4), (64, 5), (128, 6)):
        _spreads(lab, size, seed, 0.3)


def _spreads(lab: ModuleType, size: int, seed: int, loss: float) -> None:
    town, most = Town(lab, size, seed, loss), bound(size, loss)
    town.broadcast("n1", 7)
    rounds = town.rounds_until([7], most)
    expect(
        rounds <= most,
        f"among {size} nodes, with {loss:.0%} of the packets lost, everybody knows a rumor after {most} rounds",
        ignorant=town.ignorant([7]),
        seed=seed,
    )


@check("reliable on a bad network", stage="spread", seeds=6, faults=("loss:2", "duplicate", "slow"), for_s=6.0)
async def reliable(world: Any, lab: ModuleType) -> None:
    await gossip(world, lab)


# --- Stage 2: stop, and miss nobody ---


@check("a rumor dies out", stage="stop")
def dies_out(lab: ModuleType) -> None:
    town = Town(lab, 32, seed=1)
    rumors = list(range(1000, 1100))
    for at, rumor in enumerate(rumors):
        town.broadcast(town.names[at % 32], rumor)
    town.rounds_until(rumors, 100)
    for _ in range(60):
        town.round()
    town.sent_bytes = 0
    for _ in range(40):
        town.round()
    average = town.sent_bytes / 40 / 32
    expect(
        average <= QUIET_BYTES_MAX,
        f"everybody has known all 100 rumors for 60 rounds; a node sends at most {QUIET_BYTES_MAX} bytes per round on average",
        bytes_per_round=round(average, 1),
    )


@check("and nobody is missed", stage="stop")
def nobody_is_missed(lab: ModuleType) -> None:
    for seed in range(1, 13):
        town = Town(lab, 24, seed, 0.3)
        rumors = [1, 2, 3]
        for rumor in rumors:
            town.broadcast(town.names[rumor * 5], rumor)
        rounds = town.rounds_until(rumors, 120)
        expect(
            rounds <= 120,
            "rumors die out before everybody has heard, and still everybody hears in the end",
            ignorant=town.ignorant(rumors),
            seed=seed,
        )


@check("two halves that were apart", stage="stop")
def two_halves(lab: ModuleType) -> None:
    for seed in range(1, 6):
        town = Town(lab, 12, seed)
        town.walls = [set(town.names[:6])]
        town.broadcast("n1", 1)
        town.broadcast("n12", 2)
        for _ in range(100):
            town.round()
        town.walls = []
        rounds = town.rounds_until([1, 2], 120)
        expect(
            rounds <= 120,
            "each half knew one rumor, and had stopped telling it when the wall fell; then all hear both",
            ignorant=town.ignorant([1, 2]),
        )


@check("reliable through partitions", stage="stop", seeds=6, faults=("partition:2", "loss"), for_s=6.0)
async def partitions(world: Any, lab: ModuleType) -> None:
    await gossip(world, lab)

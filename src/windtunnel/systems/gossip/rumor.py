"""Rumor mongering with anti-entropy: news spreads like an epidemic, and what the epidemic missed is repaired.

Source:  Demers et al., "Epidemic Algorithms for Replicated Database Maintenance", PODC 1987, sections 1.3 to 1.5.
Keeps:   push, pull and push-pull rumors; loss of interest by feedback, with a counter or a coin; anti-entropy as a backup;
         checksums before contents.
Omits:   deletion and death certificates, spatial distributions, connection limits and hunting, the list of recent updates.
Departs: sites do not work in synchronous cycles; each has its own timer, steady or Poisson. A rumor is a value (a number
         or a string) that never changes, so there are no timestamps. A pull never stops asking.

A site is susceptible (has not heard), infective (spreads the rumor: `hot`) or removed (knows it and has lost interest).
"""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import blake2b
from itertools import islice
from math import exp, log, log2
from typing import Literal, TypeAlias, assert_never

from windtunnel.base.interface import Op, Reply, Request
from windtunnel.base.messages import Message, NodeId
from windtunnel.base.outbox import Delay
from windtunnel.base.properties import Nodes, always, eventually, sometimes
from windtunnel.base.stage import Stage
from windtunnel.base.system import Search, Setup, System, safeguard

Rumor: TypeAlias = int | str

# --- Messages ---


class Gossip(Message, frozen=True):
    """Site to a random site: the rumors that are hot here. `ask`: tell me yours."""

    rumors: tuple[Rumor, ...]
    ask: bool


class Feedback(Message, frozen=True):
    """Answer to a Gossip: these rumors were no news here."""

    known: tuple[Rumor, ...]


class Digest(Message, frozen=True):
    """Site to a random site, rarely: a checksum of all that I know."""

    checksum: int


class Contents(Message, frozen=True):
    """Answer to a Digest that differs: all that I know. `ask`: tell me what is missing there."""

    rumors: tuple[Rumor, ...]
    ask: bool


PeerMessage: TypeAlias = Gossip | Feedback | Digest | Contents


class Heard(Message, frozen=True):
    """Record: a rumor is known here. `asked`: a client brought it."""

    rumor: Rumor
    asked: bool


# --- State ---


@dataclass(frozen=True, slots=True)
class Safeguards:
    """The load-bearing rules."""

    know_for_good: bool = safeguard(
        "A rumor is durable before anybody hears that it is known.",
        source="section 1, taken for granted: what a site has stored survives its crashes",
        breaks=("reliable broadcast",),
        by="scenario origin-crashes",
    )
    lose_interest: bool = safeguard(
        "A site stops spreading a rumor after k contacts that knew it, or with probability 1/k after each of them.",
        source="section 1.4",
        breaks=("rumors_die_out",),
        by="seeds",
    )
    only_news_is_hot: bool = safeguard(
        "Only a rumor that was not known before becomes hot: the removed are immune.",
        source="section 1.4",
        breaks=("rumors_die_out",),
        by="seeds",
    )
    anti_entropy: bool = safeguard(
        "Sites compare all they know with a random site now and then, because rumors may die before everybody has heard.",
        source="section 1.5",
        breaks=("everyone_knows", "reliable broadcast"),
        by="seeds",
    )


@dataclass(frozen=True, slots=True)
class Options:
    """Rates and variants.

    mode: who tells whom in a contact. k: interest. coin: lose it by coin, not by counter. round_s: mean time between a site's
    contacts. poisson: exponential times between them, as the paper's differential equations assume; else steady, within a
    tenth. anti_entropy_s: mean time between a site's comparisons.
    """

    mode: Literal["push", "pull", "push-pull"] = "push"
    k: int = 3
    coin: bool = False
    round_s: float = 0.1
    poisson: bool = False
    anti_entropy_s: float = 1.0


class Site:
    """One node. `known` keeps the order of arrival; `news` is what the last event taught it."""

    __slots__ = (
        "asked",
        "checksum",
        "gossiping",
        "hot",
        "known",
        "me",
        "news",
        "nodes",
        "options",
        "out",
        "repaired",
        "safeguards",
    )

    def __init__(self, setup: Setup) -> None:
        self.me = setup.me
        self.nodes = setup.nodes
        self.out = setup.out
        self.safeguards: Safeguards = setup.safeguards
        self.options: Options = setup.options
        self.known: dict[Rumor, None] = {}
        self.asked: dict[Rumor, None] = {}
        self.hot: dict[Rumor, int] = {}  # contacts that knew it already
        self.news: list[Rumor] = []
        self.checksum = 0
        self.gossiping = False
        self.repaired = False  # has told by comparison what it no longer spreads
        for record in setup.records:
            self._know(record.rumor)
            self.news.append(record.rumor)
            if record.asked:
                self.asked[record.rumor] = None

    # --- Handlers ---

    def on_start(self) -> None:
        """A site that comes back knows its rumors and spreads none of them: others do, or anti-entropy will."""
        if len(self.nodes) == 1:
            return
        if self.options.mode != "push":
            self._gossip_later()
        if self.safeguards.anti_entropy:
            self._compare_later()

    def on_timer(self, name: str) -> None:
        """Time for a contact, or for a comparison."""
        self.news.clear()
        if name == "compare":
            self.out.send(self._peer(), Digest(self.checksum))
            self._compare_later()
            return
        self.gossiping = False
        mode = self.options.mode
        rumors = tuple(self.hot) if mode != "pull" else ()
        if rumors or mode != "push":
            self.out.send(self._peer(), Gossip(rumors, ask=mode != "push"))
            self._gossip_later()

    def on_message(self, src: NodeId, message: PeerMessage | Request) -> None:
        """A contact, what came of one, or a client."""
        self.news.clear()
        match message:
            case Gossip(rumors, ask):
                self._on_gossip(src, rumors, ask=ask)
            case Feedback(known):
                for rumor in known:
                    self._was_no_news(rumor)
            case Digest(checksum):
                if checksum != self.checksum:
                    self.out.send(src, Contents(tuple(self.known), ask=True))
            case Contents(rumors, ask):
                self._on_contents(src, rumors, ask=ask)
            case Request():
                self._on_request(src, message)
            case _:
                assert_never(message)

    # --- Rumors (section 1.4) ---

    def _on_gossip(self, src: NodeId, rumors: tuple[Rumor, ...], *, ask: bool) -> None:
        mine = tuple(self.hot) if ask else ()
        known = tuple(rumor for rumor in rumors if rumor in self.known)
        for rumor in rumors:
            if rumor not in self.known:
                self._learn(rumor)
            elif not self.safeguards.only_news_is_hot:
                self._heat(rumor)
        if known:
            self.out.send(src, Feedback(known))
        if mine:
            self.out.send(src, Gossip(mine, ask=False))

    def _was_no_news(self, rumor: Rumor) -> None:
        contacts = self.hot.get(rumor)
        if contacts is None or not self.safeguards.lose_interest:
            return
        if self.options.coin:
            bored = self.out.random() * self.options.k < 1.0
        else:
            self.hot[rumor] = contacts + 1
            bored = contacts + 1 >= self.options.k
        if bored:
            del self.hot[rumor]

    def _learn(self, rumor: Rumor, *, asked: bool = False) -> None:
        self._know(rumor)
        self.news.append(rumor)
        if asked:
            self.asked[rumor] = None
        if self.safeguards.know_for_good:
            self.out.persist(Heard(rumor, asked))
        self.out.apply(len(self.known), rumor)
        self._heat(rumor)

    def _know(self, rumor: Rumor) -> None:
        self.known[rumor] = None
        # Not a CRC, nor any other linear code: over GF(2) the codes of 10, 11, 12 and 13 cancel, and sites would seem to agree.
        code = int.from_bytes(blake2b(repr(rumor).encode(), digest_size=8).digest(), "little")
        self.checksum = (self.checksum + code) % (1 << 64)

    def _heat(self, rumor: Rumor) -> None:
        self.hot.setdefault(rumor, 0)
        if not self.gossiping and len(self.nodes) > 1:
            self._gossip_later()

    # --- Anti-entropy (sections 1.3, 1.5) ---

    def _on_contents(self, src: NodeId, rumors: tuple[Rumor, ...], *, ask: bool) -> None:
        if ask:
            there = frozenset(rumors)
            missing = tuple(rumor for rumor in self.known if rumor not in there)
            if missing:
                self.repaired = self.repaired or any(rumor not in self.hot for rumor in missing)
                self.out.send(src, Contents(missing, ask=False))
        for rumor in rumors:
            if rumor not in self.known:
                self._learn(rumor)  # and spread it: what one site missed, others may have missed too

    # --- Contacts ---

    def _peer(self) -> NodeId:
        """A random other site."""
        others = len(self.nodes) - 1
        peer = self.nodes[int(self.out.random() * others)]
        return peer if peer != self.me else self.nodes[others]

    def _gossip_later(self) -> None:
        self.gossiping = True
        mean_s = self.options.round_s
        delay: Delay = (0.9 * mean_s, 1.1 * mean_s)
        if self.options.poisson:
            delay = -mean_s * log(1.0 - self.out.random())
        self.out.set_timer("gossip", delay)

    def _compare_later(self) -> None:
        self.out.set_timer("compare", (0.5 * self.options.anti_entropy_s, 1.5 * self.options.anti_entropy_s))

    # --- Clients ---

    def _on_request(self, client: NodeId, request: Request) -> None:
        status: Literal["ok", "fail"] = "ok"
        result: object = None
        match request.op:
            case Op("broadcast", _, int() | str() as rumor):
                if rumor not in self.known:
                    self._learn(rumor, asked=True)
            case Op("read"):
                result = list(self.known)
            case _:
                status, result = "fail", "expected read, or broadcast of a number or a string"
        self.out.reply(client, Reply(request.session, request.seq, status, result))


# --- What must hold ---


class NoPhantom:
    """Always: nobody knows a rumor that no client has broadcast."""

    def __init__(self) -> None:
        self._asked: set[Rumor] = set()

    def after(self, nodes: Nodes, me: NodeId) -> str | None:
        """Look at what the last event taught `me`."""
        site: Site = nodes[me]
        for rumor in site.news:
            if rumor in site.asked:
                self._asked.add(rumor)
            elif rumor not in self._asked:
                return f"{me} heard {rumor!r}, which nobody has said"
        return None


def everyone_knows(nodes: Nodes) -> bool:
    """Eventually: all sites know the same rumors."""
    sites = iter(nodes.values())
    first = next(sites, None)
    return first is None or all(site.checksum == first.checksum for site in sites)


def rumors_die_out(nodes: Nodes) -> bool:
    """Eventually: no site spreads anything any more."""
    return not any(site.hot for site in nodes.values())


def anti_entropy_repairs(nodes: Nodes) -> bool:
    """Sometimes: a site hears by comparison what another knew and had lost interest in."""
    return any(site.repaired for site in islice(nodes.values(), 100))  # asked often, and a hundred sites are enough to see it


# --- What theory says ---


def residue(k: int) -> float:
    """Fraction of sites that push with feedback and a coin of 1/k leaves susceptible, when contacts are Poisson and sites many.

    Source: section 1.4: the root below 1 of s = exp(-(k + 1) (1 - s)).
    """
    s = 0.5
    for _ in range(200):  # a contraction: its slope at the root, (k + 1) s, is below one half
        s = exp(-(k + 1) * (1.0 - s))
    return s


def push_rounds(sites: int) -> float:
    """Rounds until pushing without loss of interest has reached all: log2(n) + ln(n), up to a constant (Pittel 1987)."""
    return log2(sites) + log(sites)


def infected(rounds: float) -> float:
    """Fraction infected `rounds` mean rounds after one half was: the logistic di/dt = i (1 - i) of Poisson pushes."""
    return 1.0 / (1.0 + exp(-rounds))


# --- Scenarios ---


def origin_crashes(stage: Stage) -> None:
    """The only site that knows a rumor dies as soon as it has answered the client, before any contact."""
    stage.request("author", "n1", Op("broadcast", value=1))
    stage.deliver("author", "n1")
    stage.deliver("n1", "author")
    stage.note("the client has its answer, nobody else has heard")
    stage.crash("n1")
    stage.restart("n1")
    for _ in stage.nodes:  # enough comparisons with drawn partners for everybody
        for site in stage.nodes:
            stage.fire(site, "compare")
            stage.settle()
    for site in stage.nodes:
        stage.request(f"reader at {site}", site, Op("read"))
    stage.settle()


# --- The entry of the catalogue ---

SYSTEM = System(
    name="rumor",
    family="gossip",
    title="Rumor mongering with anti-entropy",
    source="Demers et al. 1987",
    interface="broadcast",
    promise="every rumor that a client was told is spread reaches every site in the end",
    build=Site,
    messages=(Request, Reply, Gossip, Feedback, Digest, Contents),
    records=(Heard,),
    safeguards=Safeguards,
    options=Options,
    always=(always(NoPhantom),),
    sometimes=(sometimes(anti_entropy_repairs),),
    eventually=(eventually(everyone_knows), eventually(rumors_die_out)),
    scenarios={"origin-crashes": origin_crashes},
    size=5,
    search=Search(size=3, requests=(Op("broadcast", value=1),), dice=(0.0, 0.5)),
)

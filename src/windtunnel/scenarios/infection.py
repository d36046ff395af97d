"""How fast a rumor spreads: one broadcast in a quiet network, observed until it is over.

Theory speaks of contacts only, so the network here is fast (a ten-thousandth of a round), loses nothing, and there is no
anti-entropy. `windtunnel.systems.gossip.rumor` has the formulas to compare with.
"""

from __future__ import annotations

from dataclasses import dataclass

from windtunnel.base.interface import Op, Request
from windtunnel.base.messages import NodeId
from windtunnel.base.outbox import Outbox
from windtunnel.sim.world import SimWorld
from windtunnel.systems.gossip.rumor import SYSTEM, Options

LATENCY_ROUNDS = 1e-4


@dataclass(frozen=True, slots=True)
class Curve:
    """Who had heard when. rounds: times in mean rounds since the broadcast; heard: sites that knew the rumor by then."""

    sites: int
    rounds: tuple[float, ...]
    heard: tuple[int, ...]
    messages: int
    events: int

    @property
    def residue(self) -> float:
        """Fraction of sites that never heard."""
        return 1.0 - self.heard[-1] / self.sites

    @property
    def half_rounds(self) -> float:
        """When half of the sites had heard, interpolated; rounds."""
        for i, heard in enumerate(self.heard):
            if 2 * heard >= self.sites:
                before, t = (self.heard[i - 1], self.rounds[i - 1]) if i else (0, 0.0)
                return t + (self.rounds[i] - t) * (self.sites / 2 - before) / (heard - before)
        raise ValueError("fewer than half of the sites have heard")


class _Author:
    """The client that says it."""

    def __init__(self, out: Outbox) -> None:
        self._out = out

    def on_start(self) -> None:
        self._out.send("n1", Request("author", 1, Op("broadcast", value=1)))

    def on_timer(self, name: str) -> None:
        """It sets no timers."""

    def on_message(self, src: NodeId, message: object) -> None:
        """The answer does not matter here."""


def infection_curve(
    *, sites: int = 10_000, seed: int = 1, options: Options | None = None, forever: bool = False, step_rounds: float = 0.1
) -> Curve:
    """One rumor, from n1 to all or until nobody spreads it any more.

    options: of the system; rounds of the curve are its `round_s`. forever: sites never lose interest, so that all will hear.
    step_rounds: between two points of the curve.
    """
    options = options or Options()
    off = ["anti_entropy", "lose_interest"] if forever else ["anti_entropy"]
    world = SimWorld(SYSTEM, seed=seed, size=sites, safeguards=SYSTEM.safeguards_without(off), options=options, watch=False)
    world.kernel.links.latency("constant", LATENCY_ROUNDS * options.round_s)
    world.boot()
    cores = list(world.cores.values())
    world.add_client("author", _Author)
    rounds, heard = [0.0], [0]
    while True:
        world.run((len(rounds) * step_rounds) * options.round_s)
        rounds.append(len(rounds) * step_rounds)
        heard.append(sum(1 for core in cores if core.known))
        if heard[-1] == sites if forever else heard[-1] and not any(core.hot for core in cores):
            kernel = world.kernel
            return Curve(sites, tuple(rounds), tuple(heard), kernel.links.sent, kernel.events)

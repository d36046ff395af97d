"""A queue with one line and several servers, on the simulator's kernel, and what a look at it gives: means of batches.

Nothing here knows a formula: customers arrive, wait, are served and leave, and every figure is counted or integrated over time.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from math import inf, log, sqrt

from windtunnel.base.streams import busy_stream
from windtunnel.quant.intervals import quantile
from windtunnel.sim.kernel import Kernel

BATCHES = 20
CUSTOMERS_MAX = 1_200_000  # about three seconds
BATCH_CUSTOMERS_MIN = 6000
RELAXATIONS = 20  # relaxation times that a batch must have: means of neighbouring batches are then all but independent

Draw = Callable[[], float]


def drawing(mean: float, variation: float, random: Draw) -> Draw:
    """Draws with that mean and coefficient of variation: constant, a mixture of Erlangs, exponential, or hyperexponential.

    Source: the fits to two moments of Tijms, "Stochastic Models", 1994, appendix B.
    """
    if variation == 0.0:
        return lambda: mean
    if variation == 1.0:
        return lambda: -mean * log(1.0 - random())
    square = variation**2
    if variation > 1.0:
        often = (1.0 + sqrt((square - 1.0) / (square + 1.0))) / 2.0
        short, long = mean / (2.0 * often), mean / (2.0 * (1.0 - often))

        def hyperexponential() -> float:
            stage = short if random() < often else long
            return -stage * log(1.0 - random())

        return hyperexponential
    stages = int(1.0 / square) + 1 if 1.0 / square != int(1.0 / square) else int(1.0 / square)
    fewer = (stages * square - sqrt(max(0.0, stages * (1.0 + square) - stages**2 * square))) / (1.0 + square)
    stage = mean / (stages - fewer)

    def erlang() -> float:
        product = 1.0
        for _ in range(stages - 1 if random() < fewer else stages):
            product *= 1.0 - random()
        return -stage * log(product)

    return erlang


@dataclass(slots=True)
class Seen:
    """What was seen, one entry per batch. waited: customers who waited, in all; blocked: those turned away, in all."""

    arrivals_per_s: list[float] = field(default_factory=list)
    served_per_s: list[float] = field(default_factory=list)
    wait_s: list[float] = field(default_factory=list)
    response_s: list[float] = field(default_factory=list)
    p_wait: list[float] = field(default_factory=list)
    p_block: list[float] = field(default_factory=list)
    waiting: list[float] = field(default_factory=list)
    inside: list[float] = field(default_factory=list)
    wait_p99_s: list[float] = field(default_factory=list)
    response_p50_s: list[float] = field(default_factory=list)
    response_p99_s: list[float] = field(default_factory=list)
    waited: int = 0
    blocked: int = 0
    customers: int = 0


class Station:
    """The queue. gap, work: draws of the time to the next arrival and of a service, seconds. room: places, inf for endless."""

    def __init__(self, kernel: Kernel, gap: Draw, work: Draw, servers: int, room: float) -> None:
        self._kernel = kernel
        self._gap = gap
        self._work = work
        self._servers = servers
        self._room = room
        self._line: deque[float] = deque()  # when each of those who wait came
        self._inside = 0
        self._changed = 0.0
        self._reset()

    def _reset(self) -> None:
        self._began = self._kernel.now
        self._arrived = self._blocked = self._waited = 0
        self._inside_s = self._line_s = 0.0
        self._waits: list[float] = []
        self._responses: list[float] = []

    def arrive(self) -> None:
        """One customer comes, and the next one is scheduled."""
        kernel = self._kernel
        now = kernel.now
        kernel.call_later(self._gap(), self.arrive)
        self._arrived += 1
        inside = self._inside
        if inside >= self._room:
            self._blocked += 1
            return
        self._integrate(now)
        self._inside = inside + 1
        if inside < self._servers:
            self._waits.append(0.0)
            kernel.call_later(self._work(), self._leave, now)
        else:
            self._line.append(now)
            self._waited += 1

    def _leave(self, came: float) -> None:
        kernel = self._kernel
        now = kernel.now
        self._integrate(now)
        self._inside -= 1
        self._responses.append(now - came)
        if self._line:
            came = self._line.popleft()
            self._waits.append(now - came)
            kernel.call_later(self._work(), self._leave, came)

    def _integrate(self, now: float) -> None:
        since = now - self._changed
        self._inside_s += self._inside * since
        self._line_s += len(self._line) * since
        self._changed = now

    def batch(self, until_s: float, seen: Seen | None) -> None:
        """Go on until then; note the batch in `seen`, or forget it (warm-up)."""
        self._kernel.run(until_s)
        now = self._kernel.now
        self._integrate(now)
        if seen is not None:
            long = now - self._began
            waits, responses = sorted(self._waits), sorted(self._responses)
            seen.arrivals_per_s.append(self._arrived / long)
            seen.served_per_s.append(len(responses) / long)
            seen.wait_s.append(sum(waits) / max(1, len(waits)))
            seen.response_s.append(sum(responses) / max(1, len(responses)))
            seen.p_wait.append(self._waited / max(1, self._arrived - self._blocked))
            seen.p_block.append(self._blocked / max(1, self._arrived))
            seen.waiting.append(self._line_s / long)
            seen.inside.append(self._inside_s / long)
            seen.wait_p99_s.append(quantile(waits, 0.99) if waits else 0.0)
            seen.response_p50_s.append(quantile(responses, 0.5) if responses else 0.0)
            seen.response_p99_s.append(quantile(responses, 0.99) if responses else 0.0)
            seen.waited += self._waited
            seen.blocked += self._blocked
            seen.customers += self._arrived
        self._reset()


def relaxation_customers(load: float, servers: int, *, spread: float = 1.0, room: float = inf) -> float:
    """How many arrivals the queue needs to forget its state, roughly. spread: (ca^2 + cs^2) / 2.

    Source: the relaxation time of M/M/c, 1 / (c mu (1 - sqrt(rho))^2) (Morse, "Queues, Inventories and Maintenance", 1958), and a
    service time for the servers themselves; a bounded room forgets in the square of its size.
    """
    line = load / (1.0 - sqrt(load)) ** 2 if load != 1.0 else inf
    return min(line, (room - servers + 1) ** 2) * max(spread, 1.0) + servers * min(load, 1.0)


def observe(
    *,
    arrivals_per_s: float,
    services_per_s: float,
    servers: int,
    room: float = inf,
    ca: float = 1.0,
    cs: float = 1.0,
    seed: int = 0,
    length: float = 1.0,
) -> Seen | None:
    """Simulate that queue; None when the load is so near 1, or the servers so many, that the run would be too short to trust."""
    load = arrivals_per_s / (servers * services_per_s) if servers < inf else 0.0
    relaxation = relaxation_customers(load, servers, spread=(ca**2 + cs**2) / 2, room=room)
    most = CUSTOMERS_MAX / (BATCHES + 1)
    if RELAXATIONS * relaxation > most:
        return None
    customers = max(BATCH_CUSTOMERS_MIN, min(most, 6 * RELAXATIONS * relaxation)) * length
    kernel = Kernel(seed)
    gap = drawing(1.0 / arrivals_per_s, ca, busy_stream(seed, "arrivals").random)
    work = drawing(1.0 / services_per_s, cs, busy_stream(seed, "services").random)
    station = Station(kernel, gap, work, servers, room)
    kernel.call_later(gap(), station.arrive)
    seen = Seen()
    batch_s = customers / arrivals_per_s
    for number in range(BATCHES + 1):
        station.batch((number + 1) * batch_s, seen if number else None)
    return seen

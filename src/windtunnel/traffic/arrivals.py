"""When operations arrive: closed (a client waits for its answer) or open (the world outside does not wait).

The difference decides what a slow system looks like. Closed clients slow down together with the system and hide the queue;
open arrivals keep coming and show it (Schroeder, Wierman & Harchol-Balter, "Open versus closed: a cautionary tale", 2006).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, TypeAlias

from windtunnel.base.errors import UsageError


class Dice(Protocol):
    """The draws that traffic needs of a stream; the kernel's compiled stream and the pure one both fit."""

    def random(self) -> float:
        """Uniform in [0, 1)."""

    def exponential(self, mean: float) -> float:
        """Exponential with that mean."""

    def below(self, n: int) -> int:
        """Uniform in 0 .. n-1."""


@dataclass(frozen=True, slots=True)
class Closed:
    """One operation in flight per client; after its end the client thinks, then asks again.

    think_s: mean of the exponential think time, seconds; 0 asks again at once. With N clients and a mean response time of R the
    system sees N / (think_s + R) operations a second.
    """

    think_s: float = 0.0

    def __post_init__(self) -> None:
        if not 0.0 <= self.think_s < float("inf"):
            raise UsageError(f"a think time is at least 0 seconds; got {self.think_s}")

    @property
    def mean_gap_s(self) -> float:
        """Mean seconds from the end of one operation to the start of the next."""
        return self.think_s


@dataclass(frozen=True, slots=True)
class Open:
    """Poisson arrivals of `rate_per_s`, whatever the system does.

    sessions: how many operations of this client may be in flight. An arrival beyond that is shed: not sent, not in the history,
    counted in `Client.shed`. The bound is what every real load generator has and few report.
    """

    rate_per_s: float
    sessions: int = 64

    def __post_init__(self) -> None:
        if not 0.0 < self.rate_per_s < float("inf"):
            raise UsageError(f"an arrival rate is above 0 operations a second; got {self.rate_per_s}")
        if self.sessions < 1:
            raise UsageError(f"open arrivals need at least 1 session; got {self.sessions}")

    @property
    def mean_gap_s(self) -> float:
        """Mean seconds from one arrival to the next."""
        return 1.0 / self.rate_per_s


Arrivals: TypeAlias = Closed | Open
"""Gaps of both are exponential."""

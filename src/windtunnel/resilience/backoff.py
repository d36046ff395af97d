"""How long to wait before the next attempt: pure functions of the attempt, the last pause and one draw.

Source: Brooker, "Exponential Backoff And Jitter", AWS Architecture Blog, 2015 (full, equal, decorrelated); Metcalfe & Boggs,
"Ethernet", 1976 (binary exponential backoff).
"""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil, log
from typing import Literal, Protocol

from windtunnel.resilience.errors import need, need_count, need_positive

Jitter = Literal["full", "equal", "decorrelated", "none"]


class Backoff(Protocol):
    """A rule for pauses."""

    def delay_s(self, attempt: int, previous_s: float, u: float) -> float:
        """Seconds after the failure of `attempt` (from 1). `previous_s`: the pause before it, 0 for the first; `u` in [0, 1)."""

    def longest_s(self, attempt: int) -> float:
        """What `delay_s` never exceeds after that attempt."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Constant:
    """The same pause each time, spread by `spread` (0.1: 10 % either way)."""

    pause_s: float = 1.0
    spread: float = 0.0

    def __post_init__(self) -> None:
        need_positive("pause_s", self.pause_s)
        need(0 <= self.spread <= 1, "spread", "a fraction of 0 to 1", self.spread)

    def delay_s(self, attempt: int, previous_s: float, u: float) -> float:  # noqa: ARG002 - the shape of all rules
        """Around `pause_s`."""
        return self.pause_s * (1.0 + self.spread * (2.0 * u - 1.0))

    def longest_s(self, attempt: int) -> float:  # noqa: ARG002
        """`pause_s` and its spread."""
        return self.pause_s * (1.0 + self.spread)


@dataclass(frozen=True, slots=True, kw_only=True)
class Exponential:
    """Pauses that grow by `factor` up to `cap_s`, in closed form: no state, no overflow at any attempt.

    jitter: *full* draws from [0, ceiling), *equal* from [ceiling/2, ceiling), *decorrelated* from [first_s, 3 x the last pause),
    capped; *none* draws nothing, and synchronized callers stay synchronized.
    """

    first_s: float = 0.1
    cap_s: float = 10.0
    factor: float = 2.0
    jitter: Jitter = "full"

    def __post_init__(self) -> None:
        need_positive("first_s", self.first_s)
        need_positive("cap_s", self.cap_s)
        need(self.cap_s >= self.first_s, "cap_s", f"at least first_s ({self.first_s})", self.cap_s)
        need(self.factor >= 1, "factor", "at least 1", self.factor)
        need(self.jitter in ("full", "equal", "decorrelated", "none"), "jitter", "full, equal, decorrelated or none", self.jitter)

    def ceiling_s(self, attempt: int) -> float:
        """min(cap_s, first_s x factor^(attempt-1))."""
        if self.factor > 1 and attempt - 1 > ceil(log(self.cap_s / self.first_s) / log(self.factor)):
            return self.cap_s
        return float(min(self.cap_s, self.first_s * self.factor ** (attempt - 1)))

    def delay_s(self, attempt: int, previous_s: float, u: float) -> float:
        """The pause after the failure of `attempt`."""
        if self.jitter == "decorrelated":
            return min(self.cap_s, self.first_s + u * (3.0 * max(previous_s, self.first_s) - self.first_s))
        ceiling = self.ceiling_s(attempt)
        if self.jitter == "full":
            return u * ceiling
        return ceiling if self.jitter == "none" else ceiling * (0.5 + 0.5 * u)

    def longest_s(self, attempt: int) -> float:
        """The ceiling; of decorrelated pauses, which may triple, the cap reached by tripling."""
        if self.jitter == "decorrelated":
            return Exponential(first_s=self.first_s, cap_s=self.cap_s, factor=3.0).ceiling_s(attempt + 1)
        return self.ceiling_s(attempt)


def pauses_max_s(backoff: Backoff, attempts: int) -> float:
    """What `attempts` attempts can spend in pauses at most: what a deadline around a retry must leave room for."""
    need_count("attempts", attempts)
    return sum(backoff.longest_s(attempt) for attempt in range(1, attempts))

"""When a queue is overloaded, which of those that waited to refuse: pure cores. `bulkhead` asks them.

Both are asked when somebody leaves the queue to be served: `drop(waited_s, now_s)`. Late is worse than no: who waited long has
often given up, and the work for them is lost (goodput falls to zero while throughput looks fine).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from math import inf, sqrt
from typing import Protocol

from windtunnel.resilience.errors import need_positive


class Shedding(Protocol):
    """A rule that drops."""

    def drop(self, waited_s: float, now_s: float) -> bool:
        """Whether to refuse one who waited `waited_s`."""


@dataclass(slots=True)
class CoDel:
    """Controlled delay: drops ever faster while the wait stays above `target_s` for `interval_s`.

    Source: Nichols & Jacobson, "Controlling Queue Delay", 2012; RFC 8289, section 5, where the names come from. It was made for
    senders that slow down when packets are lost; for callers that do not, `QueueDelay` reacts at once.
    """

    target_s: float = 0.005
    interval_s: float = 0.1
    first_above_s: float = field(default=0.0, init=False)
    drop_next_s: float = field(default=0.0, init=False)
    count: int = field(default=0, init=False)
    last_count: int = field(default=0, init=False)
    dropping: bool = field(default=False, init=False)

    def __post_init__(self) -> None:
        need_positive("target_s", self.target_s)
        need_positive("interval_s", self.interval_s)

    def drop(self, waited_s: float, now_s: float) -> bool:
        """Whether to refuse one who waited `waited_s`."""
        above = self._above(waited_s, now_s)
        if self.dropping:
            if not above:
                self.dropping = False
            elif now_s >= self.drop_next_s:
                self.count += 1
                self.drop_next_s = self._law(self.drop_next_s)
                return True
            return False
        if not above:
            return False
        self.dropping = True
        recent = now_s - self.drop_next_s < 16 * self.interval_s
        delta = self.count - self.last_count
        self.count = delta if delta > 1 and recent else 1
        self.last_count = self.count
        self.drop_next_s = self._law(now_s)
        return True

    def _above(self, waited_s: float, now_s: float) -> bool:
        """Whether the wait has been above the target for a whole interval."""
        if waited_s < self.target_s:
            self.first_above_s = 0.0
            return False
        if not self.first_above_s:
            self.first_above_s = now_s + self.interval_s
            return False
        return now_s >= self.first_above_s

    def _law(self, from_s: float) -> float:
        return from_s + self.interval_s / sqrt(self.count)


@dataclass(slots=True)
class QueueDelay:
    """CoDel for requests: an interval in which all waited over `target_s` is overload; then waits above slack x target drop.

    Source: Maurer, "Fail at Scale", ACM Queue 13(8), 2015, and the Codel class of Facebook's folly.
    """

    target_s: float = 0.005
    interval_s: float = 0.1
    slack: float = 2.0
    overloaded: bool = field(default=False, init=False)
    least_s: float = field(default=inf, init=False)
    ends_s: float = field(default=-inf, init=False)

    def __post_init__(self) -> None:
        need_positive("target_s", self.target_s)
        need_positive("interval_s", self.interval_s)
        need_positive("slack", self.slack)

    def drop(self, waited_s: float, now_s: float) -> bool:
        """Whether to refuse one who waited `waited_s`."""
        if now_s >= self.ends_s:
            self.overloaded = self.target_s < self.least_s < inf
            self.least_s = waited_s
            self.ends_s = now_s + self.interval_s
        elif waited_s < self.least_s:
            self.least_s = waited_s
        return self.overloaded and waited_s > self.slack * self.target_s

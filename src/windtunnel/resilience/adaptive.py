"""How many calls a service can work on at once, found out while it works: pure cores. `bulkhead` follows them.

Source: the limits of Netflix's concurrency-limits (AIMDLimit, Gradient2Limit), after TCP congestion control: Chiu & Jain,
"Analysis of the Increase and Decrease Algorithms", 1989 (AIMD); Brakmo & Peterson, "TCP Vegas", 1995 (delay as the signal).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

from windtunnel.resilience.errors import need, need_count, need_positive


class Adaptive(Protocol):
    """A limit that learns."""

    @property
    def limit(self) -> int:
        """Calls at once, now."""

    def ended(self, took_s: float, running: int, *, ok: bool) -> None:
        """A call ended; `running` were running with it, itself included."""


@dataclass(slots=True, kw_only=True)
class Aimd:
    """One more for each call that ends well with at least half the limit in use; x `backoff` for each that fails or is slow."""

    first: int = 20
    least: int = 1
    most: int = 1000
    backoff: float = 0.9
    slow_s: float = 5.0
    value: float = field(default=0.0, init=False)

    def __post_init__(self) -> None:
        _need_range(self.first, self.least, self.most)
        need(0 < self.backoff < 1, "backoff", "a fraction between 0 and 1", self.backoff)
        need_positive("slow_s", self.slow_s)
        self.value = float(self.first)

    @property
    def limit(self) -> int:
        """Calls at once, now."""
        return int(self.value)

    def ended(self, took_s: float, running: int, *, ok: bool) -> None:
        """A call ended."""
        if not ok or took_s > self.slow_s:
            self.value = max(float(self.least), self.value * self.backoff)
        elif running * 2 >= self.value:
            self.value = min(float(self.most), self.value + 1.0)


@dataclass(slots=True, kw_only=True)
class Gradient:
    """Follows the ratio of the long-term mean latency to the latest: a queue that builds up behind it shows as latency.

    The limit moves towards limit x gradient + room, gradient = tolerance x mean / latest within [0.5, 1]; room is the queue
    that it may build to find out whether there is more. memory: calls that the long-term mean spans. smoothing: share of a new
    estimate.
    """

    first: int = 20
    least: int = 1
    most: int = 1000
    room: int = 4
    tolerance: float = 1.5
    memory: int = 600
    smoothing: float = 0.2
    value: float = field(default=0.0, init=False)
    mean_s: float = field(default=0.0, init=False)
    seen: int = field(default=0, init=False)

    def __post_init__(self) -> None:
        _need_range(self.first, self.least, self.most)
        need_count("room", self.room, 0)
        need_count("memory", self.memory)
        need(self.tolerance >= 1, "tolerance", "at least 1", self.tolerance)
        need(0 < self.smoothing <= 1, "smoothing", "a fraction above 0, at most 1", self.smoothing)
        self.value = float(self.first)

    @property
    def limit(self) -> int:
        """Calls at once, now."""
        return int(self.value)

    def ended(self, took_s: float, running: int, *, ok: bool) -> None:
        """A call ended. Failures shrink the limit as far as the smallest gradient."""
        if ok:
            self.seen = min(self.seen + 1, self.memory)
            self.mean_s += (took_s - self.mean_s) / self.seen  # a plain mean first, exponential once the memory is full
            if self.mean_s > 2 * took_s:
                self.mean_s *= 0.95  # after an overload, faster back to normal
        if running * 2 < self.value and ok:
            return  # the callers are the limit: nothing learned
        gradient = 0.5 if not ok else max(0.5, min(1.0, self.tolerance * self.mean_s / took_s)) if took_s > 0 else 1.0
        fresh = self.value * gradient + (self.room if ok else 0)
        value = self.value * (1 - self.smoothing) + fresh * self.smoothing
        self.value = max(float(self.least), min(float(self.most), value))


def _need_range(first: int, least: int, most: int) -> None:
    need_count("least", least)
    need_count("first", first)
    need_count("most", most)
    need(least <= first <= most, "first", f"between least ({least}) and most ({most})", first)

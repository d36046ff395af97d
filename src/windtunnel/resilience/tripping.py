"""When a circuit breaker trips: rules over the outcomes of calls. Pure: time comes as an argument.

A rule is told every outcome of a closed circuit and answers whether to open it. `failed` of an outcome is decided outside;
`took_s` is how long it took, for rules with `timed = True` (others get 0). `quiet` is True while a further success would change
nothing: then it need not be told.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

from windtunnel.resilience.errors import need, need_count, need_positive


class Rule(Protocol):
    """When to trip."""

    @property
    def timed(self) -> bool:
        """Whether it wants to know how long calls took."""

    @property
    def quiet(self) -> bool:
        """Whether a success would change nothing."""

    def outcome(self, now_s: float, *, failed: bool, took_s: float = 0.0) -> bool:
        """One call ended. True: open the circuit."""

    def slow(self, took_s: float) -> bool:
        """Whether a probe that took so long is a failed one."""

    def reset(self) -> None:
        """The circuit closed: forget."""

    def fresh(self) -> Rule:
        """A rule of the same settings that has seen nothing."""


@dataclass(slots=True)
class Consecutive:
    """Trips at exactly `failures` failures in a row."""

    failures: int = 5
    seen: int = 0
    quiet: bool = field(default=True, init=False)  # while the last call did not fail

    def __post_init__(self) -> None:
        need_count("failures", self.failures)

    @property
    def timed(self) -> bool:
        """No."""
        return False

    def outcome(self, now_s: float, *, failed: bool, took_s: float = 0.0) -> bool:  # noqa: ARG002 - the shape of all rules
        """One call ended."""
        self.seen = self.seen + 1 if failed else 0
        self.quiet = not failed
        return self.seen >= self.failures

    def slow(self, took_s: float) -> bool:  # noqa: ARG002
        """Never."""
        return False

    def reset(self) -> None:
        """Nothing failed."""
        self.seen = 0
        self.quiet = True

    def fresh(self) -> Consecutive:
        """The same, unused."""
        return Consecutive(self.failures)


@dataclass(slots=True, kw_only=True)
class FailureRate:
    """Trips when, of the last `calls` calls, at least the fraction `rate` failed, or `slow_rate` took at least `slow_s`.

    Judged from `calls_min` calls on, after every call. Source: the count-based sliding window of resilience4j.
    """

    rate: float = 0.5
    calls: int = 100
    calls_min: int = 20
    slow_s: float | None = None
    slow_rate: float = 1.0
    quiet: bool = field(default=False, init=False)  # never: successes lower the rate
    _ring: bytearray = field(default_factory=bytearray)
    _at: int = 0
    _bad: int = 0
    _late: int = 0

    def __post_init__(self) -> None:
        _need_rates(self.rate, self.slow_s, self.slow_rate)
        need_count("calls", self.calls)
        need_count("calls_min", self.calls_min)
        need(self.calls_min <= self.calls, "calls_min", f"at most calls ({self.calls})", self.calls_min)

    @property
    def timed(self) -> bool:
        """If slow calls count."""
        return self.slow_s is not None

    def outcome(self, now_s: float, *, failed: bool, took_s: float = 0.0) -> bool:  # noqa: ARG002
        """One call ended; it takes the place of the oldest."""
        new = int(failed) if self.slow_s is None or took_s < self.slow_s else failed | 2
        ring, at = self._ring, self._at
        if len(ring) < self.calls:
            ring.append(new)
        else:
            old = ring[at]
            ring[at] = new
            if old:
                self._bad -= old & 1
                self._late -= old >> 1
        self._at = at + 1 if at + 1 < self.calls else 0
        if new:
            self._bad += new & 1
            self._late += new >> 1
        elif not self._bad and not self._late:
            return False
        seen = len(ring)
        return seen >= self.calls_min and (
            self._bad >= self.rate * seen or (self.slow_s is not None and self._late >= self.slow_rate * seen)
        )

    def slow(self, took_s: float) -> bool:
        """`slow_s` or longer."""
        return self.slow_s is not None and took_s >= self.slow_s

    def reset(self) -> None:
        """No calls."""
        self._ring = bytearray()
        self._at = self._bad = self._late = 0

    def fresh(self) -> FailureRate:
        """The same, unused."""
        return FailureRate(
            rate=self.rate, calls=self.calls, calls_min=self.calls_min, slow_s=self.slow_s, slow_rate=self.slow_rate
        )


@dataclass(slots=True, kw_only=True)
class FailureRateOver:
    """The same over the calls that ended in the last `window_s` seconds, kept in `buckets` parts.

    Time is cut at multiples of window_s / buckets, and a part is forgotten as a whole: the calls judged are those of the last
    window_s, less at most one part. Source: the time-based sliding window of resilience4j.
    """

    rate: float = 0.5
    window_s: float = 10.0
    calls_min: int = 20
    slow_s: float | None = None
    slow_rate: float = 1.0
    buckets: int = 10
    quiet: bool = field(default=False, init=False)  # never: successes lower the rate
    _parts: list[list[int]] = field(default_factory=list)  # [which part of time, calls, failed, slow], oldest first
    _sums: list[int] = field(default_factory=lambda: [0, 0, 0])  # of the last three over all parts

    def __post_init__(self) -> None:
        _need_rates(self.rate, self.slow_s, self.slow_rate)
        need_positive("window_s", self.window_s)
        need_count("calls_min", self.calls_min)
        need_count("buckets", self.buckets)

    @property
    def timed(self) -> bool:
        """If slow calls count."""
        return self.slow_s is not None

    def outcome(self, now_s: float, *, failed: bool, took_s: float = 0.0) -> bool:
        """One call ended."""
        which = int(now_s * self.buckets / self.window_s)
        parts, sums = self._parts, self._sums
        while parts and parts[0][0] <= which - self.buckets:
            for i, count in enumerate(parts.pop(0)[1:]):
                sums[i] -= count
        if not parts or parts[-1][0] != which:
            parts.append([which, 0, 0, 0])
        last = parts[-1]
        last[1] += 1
        sums[0] += 1
        if failed:
            last[2] += 1
            sums[1] += 1
        if self.slow_s is not None and took_s >= self.slow_s:
            last[3] += 1
            sums[2] += 1
        seen = sums[0]
        return seen >= self.calls_min and (
            sums[1] >= self.rate * seen or (self.slow_s is not None and sums[2] >= self.slow_rate * seen)
        )

    def slow(self, took_s: float) -> bool:
        """`slow_s` or longer."""
        return self.slow_s is not None and took_s >= self.slow_s

    def reset(self) -> None:
        """No calls."""
        self._parts = []
        self._sums = [0, 0, 0]

    def fresh(self) -> FailureRateOver:
        """The same, unused."""
        return FailureRateOver(
            rate=self.rate,
            window_s=self.window_s,
            calls_min=self.calls_min,
            slow_s=self.slow_s,
            slow_rate=self.slow_rate,
            buckets=self.buckets,
        )


def _need_rates(rate: float, slow_s: float | None, slow_rate: float) -> None:
    need(0 < rate <= 1, "rate", "a fraction above 0, at most 1", rate)
    need(0 < slow_rate <= 1, "slow_rate", "a fraction above 0, at most 1", slow_rate)
    if slow_s is not None:
        need_positive("slow_s", slow_s)

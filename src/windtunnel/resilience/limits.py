"""Rate limits as cores: times in, waits out. `limiter` puts them around functions.

All times are integers, nanoseconds of one clock that does not run backwards (`time.monotonic_ns`). The arithmetic is exact: the
bounds below hold with nothing added for rounding: spacings are rounded up to whole nanoseconds. `ask(now_ns, n)` takes n at
once or nothing: 0 means taken, any other number how many nanoseconds to wait before n could be taken, if nobody else takes them.

| core | state | admits in any window of w seconds, ends included |
|---|---|---|
| Gcra | one integer | at most burst + rate x w |
| TokenBucket | two integers | the same calls as Gcra, to the nanosecond |
| LeakyBucket | one integer | departures: at most 1 + rate x w, evenly spaced; refuses what finds `capacity` waiting |
| SlidingLog | `count` integers | at most count, if w < per_s |
| SlidingCounter | `parts` integers | at most count, if w < per_s; may refuse what a log over per_s x (1 + 1/parts) would |
| FixedWindow | two integers | up to 2 x count around an edge: for comparison |
"""

from __future__ import annotations

from collections import deque
from fractions import Fraction
from math import ceil
from threading import Lock
from typing import Protocol

from windtunnel.resilience.errors import need, need_count, need_positive

_NS = 1_000_000_000


class Limit(Protocol):
    """A rate limit."""

    @property
    def most(self) -> int:
        """The largest n that can ever be taken at once."""

    def ask(self, now_ns: int, n: int = 1) -> int:
        """0: n were taken. Else nanoseconds to wait."""


def _spacing_ns(rate: float, per_s: float) -> int:
    """Nanoseconds between calls, rounded up: the limit is never above `rate`. A float is the decimal that it prints as."""
    need_positive("rate", rate)
    return ceil(_nanoseconds(per_s) / Fraction(repr(rate)))


def _nanoseconds(per_s: float) -> Fraction:
    need_positive("per_s", per_s)
    return Fraction(repr(per_s)) * _NS


class Gcra:
    """Generic cell rate algorithm: `rate` calls per `per_s` seconds, `burst` at once. One integer of state.

    Source: ITU-T I.371, annex A (virtual scheduling). The state is not the theoretical arrival time itself but when the next call
    conforms, which is that time less (burst - 1) spacings: one comparison decides.
    """

    __slots__ = ("_conforms_ns", "_slack_ns", "_spacing_ns", "burst")

    def __init__(self, rate: float, per_s: float = 1.0, burst: int = 1) -> None:
        need_count("burst", burst)
        self._spacing_ns = _spacing_ns(rate, per_s)
        self._slack_ns = (burst - 1) * self._spacing_ns
        self._conforms_ns = -(10**30)  # before any clock began
        self.burst = burst

    @property
    def most(self) -> int:
        """The burst."""
        return self.burst

    def ask(self, now_ns: int, n: int = 1) -> int:
        """0: n were taken. Else nanoseconds to wait."""
        conforms = self._conforms_ns
        earliest = now_ns - self._slack_ns
        if conforms < earliest:  # noqa: PLR1730 - a call of max() would cost more than all the rest
            conforms = earliest
        if n != 1:
            conforms += (n - 1) * self._spacing_ns
        if now_ns < conforms:
            return conforms - now_ns
        self._conforms_ns = conforms + self._spacing_ns
        return 0


class TokenBucket:
    """A bucket of `burst` tokens, full at the start, filled at `rate` per `per_s` seconds; n calls take n tokens.

    Tokens are counted by the nanoseconds that it takes to fill them in.
    """

    __slots__ = ("_cap_ns", "_last_ns", "_level_ns", "_token_ns", "burst")

    def __init__(self, rate: float, per_s: float = 1.0, burst: int = 1) -> None:
        need_count("burst", burst)
        self._token_ns = _spacing_ns(rate, per_s)
        self._cap_ns = self._level_ns = burst * self._token_ns
        self._last_ns: int | None = None
        self.burst = burst

    @property
    def most(self) -> int:
        """The burst."""
        return self.burst

    def ask(self, now_ns: int, n: int = 1) -> int:
        """0: n were taken. Else nanoseconds to wait."""
        last = self._last_ns
        if last is None:
            self._last_ns = now_ns
        elif now_ns > last:
            self._level_ns = min(self._cap_ns, self._level_ns + now_ns - last)
            self._last_ns = now_ns
        short = n * self._token_ns - self._level_ns
        if short > 0:
            return short
        self._level_ns = -short
        return 0


class LeakyBucket:
    """A queue that leaks at `rate` per `per_s` seconds: `offer` gives the departure, evenly spaced, or None when it is full.

    Source: Turner, "New directions in communications", 1986; the form with a queue. The form with a meter is TokenBucket.
    `capacity`: how many may wait, the one that leaves now not counted.
    """

    __slots__ = ("_next_ns", "_spacing_ns", "capacity")

    def __init__(self, rate: float, per_s: float = 1.0, capacity: int = 100) -> None:
        need_count("capacity", capacity, 0)
        self._spacing_ns = _spacing_ns(rate, per_s)
        self._next_ns = -(10**30)  # the first free departure
        self.capacity = capacity

    def offer(self, now_ns: int) -> int | None:
        """When the call may leave, in nanoseconds, at least `now_ns`; None: the bucket overflows."""
        leaves_ns = max(self._next_ns, now_ns)
        if leaves_ns - now_ns > self.capacity * self._spacing_ns:
            return None
        self._next_ns = leaves_ns + self._spacing_ns
        return leaves_ns


class Locked:
    """A limit for several threads: any other, under a lock. For `try_acquire` and decorated functions."""

    __slots__ = ("_lock", "limit")

    def __init__(self, limit: Limit) -> None:
        self.limit = limit
        self._lock = Lock()

    @property
    def most(self) -> int:
        """What the limit says."""
        return self.limit.most

    def ask(self, now_ns: int, n: int = 1) -> int:
        """0: n were taken. Else nanoseconds to wait. Threads may ask in another order than they read the clock."""
        with self._lock:
            return self.limit.ask(now_ns, n)


class SlidingLog:
    """At most `count` calls in any `per_s` seconds: remembers when each of the last `count` was.

    Half-open windows: a call exactly `per_s` after another is not in one window with it. `ask` takes constant time.
    """

    __slots__ = ("_at", "_ring", "_window_ns", "count")

    def __init__(self, count: int, per_s: float = 1.0) -> None:
        need_count("count", count)
        self._window_ns = ceil(_nanoseconds(per_s))
        self._ring: list[int] = []
        self._at = 0  # the oldest
        self.count = count

    @property
    def most(self) -> int:
        """The count."""
        return self.count

    def ask(self, now_ns: int, n: int = 1) -> int:
        """0: n were taken. Else nanoseconds to wait."""
        if n > self.count:
            return self._window_ns
        ring, count = self._ring, self.count
        over = len(ring) + n - count  # how many of the oldest must have left the window
        if over > 0:
            left = ring[(self._at + over - 1) % count if len(ring) == count else over - 1] + self._window_ns - now_ns
            if left > 0:
                return left
        for _ in range(n):
            if len(ring) < count:
                ring.append(now_ns)
            else:
                ring[self._at] = now_ns
                self._at = self._at + 1 if self._at + 1 < count else 0
        return 0


class SlidingCounter:
    """At most `count` calls in any `per_s` seconds, in `parts` counters: errs towards refusing, never towards admitting.

    Time is cut into parts of per_s / parts; a part counts until all of it has left the window. (The usual estimate, which weighs
    the previous window by its overlap, admits up to twice the count: docs/design/resilience.md.)
    """

    __slots__ = ("_part_ns", "_parts", "_seen", "count", "parts")

    def __init__(self, count: int, per_s: float = 1.0, parts: int = 10) -> None:
        need_count("count", count)
        need_count("parts", parts)
        self._part_ns = ceil(_nanoseconds(per_s) / parts)
        self._parts: deque[list[int]] = deque()  # [which part of time, calls], oldest first
        self._seen = 0
        self.count = count
        self.parts = parts

    @property
    def most(self) -> int:
        """The count."""
        return self.count

    def ask(self, now_ns: int, n: int = 1) -> int:
        """0: n were taken. Else nanoseconds to wait."""
        which = now_ns // self._part_ns
        parts = self._parts
        while parts and parts[0][0] < which - self.parts:
            self._seen -= parts.popleft()[1]
        if self._seen + n > self.count:
            return self._wait_ns(now_ns, n)
        if parts and parts[-1][0] >= which:
            parts[-1][1] += n
        else:
            parts.append([which, n])
        self._seen += n
        return 0

    def _wait_ns(self, now_ns: int, n: int) -> int:
        left = self._seen
        for which, calls in self._parts:
            left -= calls
            if left + n <= self.count:
                return (which + self.parts + 1) * self._part_ns - now_ns
        return (self.parts + 1) * self._part_ns


class FixedWindow:
    """At most `count` calls in each of the windows [k x per_s, (k+1) x per_s): up to twice that around an edge."""

    __slots__ = ("_seen", "_which", "_window_ns", "count")

    def __init__(self, count: int, per_s: float = 1.0) -> None:
        need_count("count", count)
        self._window_ns = ceil(_nanoseconds(per_s))
        self._which: int | None = None
        self._seen = 0
        self.count = count

    @property
    def most(self) -> int:
        """The count."""
        return self.count

    def ask(self, now_ns: int, n: int = 1) -> int:
        """0: n were taken. Else nanoseconds to wait."""
        which = now_ns // self._window_ns
        if self._which is None or which > self._which:
            self._which, self._seen = which, 0
        if self._seen + n > self.count:
            return (self._which + 1) * self._window_ns - now_ns
        self._seen += n
        return 0


def need_takable(limit: Limit, n: int) -> None:
    """Raises BadSetting if n can never be taken at once."""
    need(isinstance(n, int) and 1 <= n <= limit.most, "n", f"1 to {limit.most}, what the limit can ever admit at once", n)

"""A circuit breaker as a core: outcomes and times in, permits out. `circuit` puts it around functions.

Source: Nygard, "Release It!", 2007; names of states from there, limited probes and slow calls as in resilience4j.

    closed ── the rule trips ──> open ── the pause is over ──> half-open ── `successes` probes succeed ──> closed
                                  ^                                │
                                  └── a probe fails, or hangs <────┘

A *permit* is the number of the stay in a state. An outcome that comes back under an older permit says something about the past,
and is ignored: a slow call that began before the circuit opened cannot fail the probe that came after it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from windtunnel.resilience.errors import need, need_count, need_positive
from windtunnel.resilience.tripping import Consecutive, Rule

State = Literal["closed", "open", "half_open"]
_TIMES_MAX = 64  # doublings of a pause that are still worth computing


@dataclass(slots=True)
class Breaker:
    """The core. Settings first, then state; a copy is independent, equal states compare equal.

    open_s: how long it stays open; each probe that fails multiplies the next pause by `growth`, up to `open_max_s`.
    probes: how many calls are out at once while half-open; successes: how many must succeed to close it.
    probe_s: a probe that does not come back for so long has failed (default: open_s), so a dependency that hangs cannot
    keep the circuit half-open for ever.
    """

    rule: Rule = field(default_factory=Consecutive)
    open_s: float = 30.0
    probes: int = 1
    successes: int = 1
    growth: float = 1.0
    open_max_s: float = 300.0
    probe_s: float | None = None
    state: State = "closed"
    permit: int = 1  # of this stay; what `ask` gives to those whom it lets through
    until_s: float = 0.0  # open: when it half-opens. half-open: when the probes that are out count as failed
    out: int = 0
    passed: int = 0
    reopened: int = 0

    def __post_init__(self) -> None:
        need_positive("open_s", self.open_s)
        need_count("probes", self.probes)
        need_count("successes", self.successes)
        need(self.growth >= 1, "growth", "at least 1", self.growth)
        need(self.open_max_s >= self.open_s, "open_max_s", f"at least open_s ({self.open_s:g})", self.open_max_s)
        if self.probe_s is not None:
            need_positive("probe_s", self.probe_s)

    def ask(self, now_s: float) -> int:
        """A permit to call, or 0. Whoever gets one says how it ended: `succeeded`, `failed` or `abandoned`."""
        if self.state == "closed":
            return self.permit
        if self.state == "open":
            if now_s < self.until_s:
                return 0
            self._enter("half_open")
        elif self.out and now_s >= self.until_s:
            self._open(now_s)
            return 0
        if self.out >= self.probes:
            return 0
        self.out += 1
        self.until_s = now_s + (self.open_s if self.probe_s is None else self.probe_s)
        return self.permit

    def wait_s(self, now_s: float) -> float:
        """Seconds until a call may get through: 0 when closed."""
        return 0.0 if self.state == "closed" else max(0.0, self.until_s - now_s)

    def succeeded(self, permit: int, now_s: float, took_s: float = 0.0) -> None:
        """A call came back well."""
        if permit != self.permit or self.state == "open":
            return
        if self.state == "closed":
            if self.rule.outcome(now_s, failed=False, took_s=took_s):
                self._open(now_s)
            return
        if self.rule.slow(took_s):
            self._open(now_s)
            return
        self.out -= 1
        self.passed += 1
        if self.passed >= self.successes:
            self.reopened = 0
            self._enter("closed")

    def failed(self, permit: int, now_s: float, took_s: float = 0.0) -> None:
        """A call came back with a failure that counts."""
        if permit != self.permit or self.state == "open":
            return
        if self.state == "half_open" or self.rule.outcome(now_s, failed=True, took_s=took_s):
            self._open(now_s)

    def abandoned(self, permit: int) -> None:
        """A call ended and says nothing about the dependency: cancelled, or refused before it got there."""
        if permit == self.permit and self.state == "half_open":
            self.out -= 1

    def force(self, state: Literal["closed", "open"], now_s: float) -> None:
        """An operator's hand. Forced open, it half-opens after the usual pause."""
        if state == "open":
            self._open(now_s)
        else:
            self.reopened = 0
            self._enter("closed")

    def pause_s(self) -> float:
        """How long it stays open this time."""
        return float(min(self.open_max_s, self.open_s * self.growth ** min(self.reopened, _TIMES_MAX)))

    def _open(self, now_s: float) -> None:
        self.reopened = self.reopened + 1 if self.state == "half_open" else self.reopened
        self._enter("open")
        self.until_s = now_s + self.pause_s()

    def _enter(self, state: State) -> None:
        self.state = state
        self.permit += 1
        self.out = self.passed = 0
        self.rule.reset()

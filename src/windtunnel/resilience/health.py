"""Health checks: is this process able to serve, and which of its dependencies say so.

`Pulse` is the core: it takes `fall` failures in a row to be down and `rise` successes in a row to be up again (the words are
HAProxy's), so one lost packet changes nothing. `HealthChecks` runs the checks, each with its timeout, and gives a report.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Literal

from windtunnel.resilience.deadlines import deadline
from windtunnel.resilience.errors import BadSetting, need_count, need_positive
from windtunnel.resilience.observe import Observer, tell

Status = Literal["up", "degraded", "down"]


@dataclass(slots=True)
class Pulse:
    """Up or down, with hysteresis. Starts as `up` says, without having seen anything."""

    rise: int = 2
    fall: int = 3
    up: bool = True
    streak: int = field(default=0, init=False)  # results in a row that speak against the present state

    def __post_init__(self) -> None:
        need_count("rise", self.rise)
        need_count("fall", self.fall)

    def saw(self, *, ok: bool) -> bool:
        """One result; True if the state changed."""
        if ok == self.up:
            self.streak = 0
            return False
        self.streak += 1
        if self.streak < (self.rise if ok else self.fall):
            return False
        self.up = ok
        self.streak = 0
        return True


@dataclass(slots=True)
class CheckResult:
    """The last result of one check. `error` is empty if it passed; `at_s` on the monotonic clock, None if it never ran."""

    name: str
    up: bool
    critical: bool
    error: str = ""
    took_s: float = 0.0
    at_s: float | None = None


class HealthChecks:
    """Named checks: coroutine functions that return (healthy) or raise, or return False (not healthy).

    `await checks.run()` runs all of them at once and gives the report; `await checks.watch(every_s)` does so until it is
    cancelled, and `checks.report()` gives the last one at once, for an HTTP handler. A *critical* check that is down makes the
    whole down, another one makes it degraded. Liveness ("restart me") should not depend on others: answer it without checks.
    """

    def __init__(
        self, *, rise: int = 2, fall: int = 3, observer: Observer | None = None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        Pulse(rise, fall)  # refuses what makes no sense
        self._rise, self._fall = rise, fall
        self._checks: dict[str, tuple[Callable[[], Awaitable[object]], float, Pulse, CheckResult]] = {}
        self.observer = observer
        self.clock = clock

    def add(
        self, name: str, check: Callable[[], Awaitable[object]], *, timeout_s: float = 1.0, critical: bool = True, up: bool = True
    ) -> None:
        """A check. `up`: what it counts as before it has run often enough."""
        need_positive("timeout_s", timeout_s)
        if name in self._checks:
            raise BadSetting(f"name: expected one that is not taken, got {name!r}")
        self._checks[name] = (check, timeout_s, Pulse(self._rise, self._fall, up), CheckResult(name, up, critical))

    async def run(self) -> dict[str, object]:
        """Runs all checks at once; a check that hangs is cut off after its timeout and has failed."""
        await asyncio.gather(*[self._run(name) for name in self._checks])
        return self.report()

    async def watch(self, every_s: float = 5.0) -> None:
        """Runs all checks, then pauses; never returns."""
        need_positive("every_s", every_s)
        while True:
            await self.run()
            await asyncio.sleep(every_s)

    async def _run(self, name: str) -> None:
        check, timeout_s, pulse, result = self._checks[name]
        start_s = self.clock()
        try:
            async with deadline(timeout_s, name=name):
                answer = await check()
        except Exception as error:  # noqa: BLE001 - whatever a check raises means that it failed
            result.error = f"{type(error).__name__}: {error}"
        else:
            result.error = "the check returned False" if answer is False else ""
        result.at_s = self.clock()
        result.took_s = result.at_s - start_s
        if pulse.saw(ok=not result.error):
            result.up = pulse.up
            tell(self.observer, name, "up" if pulse.up else "down")

    @property
    def status(self) -> Status:
        """up: all are; down: a critical one is not; degraded: another one is not."""
        down = [result for _, _, _, result in self._checks.values() if not result.up]
        if any(result.critical for result in down):
            return "down"
        return "degraded" if down else "up"

    def report(self) -> dict[str, object]:
        """For an HTTP answer, 503 if it is down: {"status": ..., "checks": {name: {up, critical, error, took_s, age_s}}}."""
        now_s = self.clock()
        checks = {
            name: {
                "up": result.up,
                "critical": result.critical,
                "error": result.error,
                "took_s": round(result.took_s, 6),
                "age_s": None if result.at_s is None else round(now_s - result.at_s, 6),
            }
            for name, (_, _, _, result) in self._checks.items()
        }
        return {"status": self.status, "checks": checks}

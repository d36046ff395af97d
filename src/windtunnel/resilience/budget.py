"""A retry budget: retries are a fraction of calls, so an outage is not multiplied by its victims.

Source: Finagle's RetryBudget; gRPC retry throttling (proposal A6); "Addressing Cascading Failures" in Beyer et al., "Site
Reliability Engineering", 2016, chapter 22.

Bound: among any run of consecutive events, retries <= burst + ratio x first attempts. So n calls make at most
n x (1 + ratio) + burst attempts, whatever fails.
"""

from __future__ import annotations

from windtunnel.resilience.errors import need, need_count

_UNIT = 1_000_000  # tokens are counted in millionths, in integers: the bound is exact


class RetryBudget:
    """Each call pays in `ratio` of a retry, each retry (or hedge) takes out one. Share one between all calls to a target.

    burst: how many retries may be saved up, and how many there are at the start. Not for several threads at once without a lock.
    """

    __slots__ = ("_cap", "_deposit", "_level", "burst", "ratio")

    def __init__(self, ratio: float = 0.1, burst: int = 10) -> None:
        need(isinstance(ratio, int | float) and 0 <= ratio <= 1000, "ratio", "0 to 1000 retries per call", ratio)
        need_count("burst", burst, 0)
        self.ratio = ratio
        self.burst = burst
        self._deposit = int(ratio * _UNIT)  # rounded down: never more than the ratio
        self._cap = self._level = burst * _UNIT

    @property
    def left(self) -> float:
        """Retries that could be made now."""
        return self._level / _UNIT

    def deposit(self) -> None:
        """A call begins."""
        level = self._level + self._deposit
        self._level = min(self._cap, level)

    def withdraw(self) -> bool:
        """May one more attempt be made? If so, it is paid for."""
        if self._level < _UNIT:
            return False
        self._level -= _UNIT
        return True

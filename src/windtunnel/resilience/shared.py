"""One limit for many processes: they take leases of calls from a store that they share.

A round trip for every call would make the store the bottleneck and its latency everybody's. So a process takes `lease` calls at
once and may use them for `lease_s` seconds, counted from before it asked, without asking again. While the store is short of
calls it is asked at most once in `lease_s` by each process; so that nothing is lost meanwhile, its burst should be at least
rate x lease_s.

Bound, over all processes: in any window of w seconds, what the store's limit grants in w + lease_s. With a store of `Gcra(rate,
burst=b)` that is b + rate x (w + lease_s). It holds under any delay, loss or partition, since a lease that is not used is lost;
clocks need the same rate, not the same time. Processes that fall back on a local limit during an outage add that limit.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Protocol

from windtunnel.resilience.circuit import PerTarget
from windtunnel.resilience.errors import need, need_count, need_positive
from windtunnel.resilience.limits import Limit
from windtunnel.resilience.observe import Observer, tell

_NS = 1_000_000_000


class Store(Protocol):
    """What the processes share. `take` must be atomic, and reckon with the store's own clock."""

    async def take(self, key: str, wanted: int) -> tuple[int, float]:
        """(calls granted, 0 to wanted; seconds to wait before asking again, if not all). Any Exception: it cannot tell."""


class MemoryStore:
    """The reference store: a limit for each key, in one process. A server puts it on a socket; tests use it as it is."""

    def __init__(
        self, make: Callable[[str], Limit], *, keys_max: int = 100_000, clock_ns: Callable[[], int] = time.monotonic_ns
    ) -> None:
        self._limits = PerTarget(make, targets_max=keys_max)
        self._clock_ns = clock_ns

    async def take(self, key: str, wanted: int) -> tuple[int, float]:
        """Grants as much of `wanted` as there is, by halves; unless that is all, tells when all of it would have been there."""
        limit = self._limits[key]
        now_ns = self._clock_ns()
        granted = min(wanted, limit.most)
        wait_ns = limit.ask(now_ns, granted)
        if not wait_ns:
            return granted, 0.0
        while granted := granted // 2:
            if not limit.ask(now_ns, granted):
                break
        return granted, wait_ns / _NS


class SharedLimiter:
    """`if await limiter.try_acquire():` under one limit for all processes that use the same store and key.

    lease: calls to take at once; lease_s: how long they may be used. timeout_s: how long the store may take to answer. outage:
    the limit of this process while the store does not answer (`Gcra(rate / processes)`, say); None refuses. After a failure the
    store is left alone for `outage_s`.
    """

    def __init__(
        self,
        store: Store,
        key: str,
        *,
        lease: int = 10,
        lease_s: float = 0.1,
        timeout_s: float = 0.05,
        outage: Limit | None = None,
        outage_s: float = 1.0,
        observer: Observer | None = None,
        clock_ns: Callable[[], int] = time.monotonic_ns,
    ) -> None:
        need_count("lease", lease)
        for name, seconds in (("lease_s", lease_s), ("timeout_s", timeout_s), ("outage_s", outage_s)):
            need_positive(name, seconds)
        need(
            timeout_s < lease_s,
            "timeout_s",
            f"less than lease_s ({lease_s:g}), or answers would come too late to be used",
            timeout_s,
        )
        self.store = store
        self.key = key
        self.lease = lease
        self.outage = outage
        self.observer = observer
        self.clock_ns = clock_ns
        self.asked = 0  # round trips to the store so far
        self._lease_ns = int(lease_s * _NS)
        self._outage_ns = int(outage_s * _NS)
        self._timeout_s = timeout_s
        self._left = 0
        self._ends_ns = 0  # of the lease
        self._empty_until_ns: int | None = None  # the store said that it has no more before
        self._down_until_ns: int | None = None
        self._asking: asyncio.Future[None] | None = None

    async def try_acquire(self) -> bool:
        """Takes one call, if there is one."""
        while True:
            now_ns = self.clock_ns()
            if self._left and now_ns < self._ends_ns:
                self._left -= 1
                return True
            if self._down_until_ns is not None and now_ns < self._down_until_ns:
                return self.outage is not None and not self.outage.ask(now_ns)
            if self._empty_until_ns is not None and now_ns < self._empty_until_ns:
                tell(self.observer, self.key, "refused", (self._empty_until_ns - now_ns) / _NS)
                return False
            await self._ask(now_ns)

    async def _ask(self, now_ns: int) -> None:
        """One question to the store at a time; those who come meanwhile wait for its answer."""
        if self._asking is not None:
            await asyncio.wait([self._asking])
            return
        mine = self._asking = asyncio.get_running_loop().create_future()
        try:
            self.asked += 1
            async with asyncio.timeout(self._timeout_s):
                granted, wait_s = await self.store.take(self.key, self.lease)
        except Exception:  # noqa: BLE001 - whatever a store raises means that it did not answer
            self._down_until_ns = self.clock_ns() + self._outage_ns
            tell(self.observer, self.key, "outage", self._outage_ns / _NS)
        else:
            self._down_until_ns = None
            self._left = granted
            self._ends_ns = now_ns + self._lease_ns
            short = granted < self.lease
            self._empty_until_ns = max(self._ends_ns, self.clock_ns() + int(wait_s * _NS)) if short else None
        finally:
            self._asking = None
            mine.set_result(None)

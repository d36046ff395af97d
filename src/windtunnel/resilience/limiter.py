"""Rate limits around functions, coroutine functions and blocks. The limits themselves are cores: see `limits`.

`try_acquire` answers at once. `acquire` waits: first come, first served, nobody passes those who wait, and who is cancelled has
taken nothing. A limiter whose `acquire` waits belongs to one event loop; `try_acquire` and decorated functions may be used by
threads if its limit is `Locked`.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable
from functools import wraps
from types import TracebackType
from typing import Any, ParamSpec, TypeVar, cast

from windtunnel.resilience.deadlines import remaining_s
from windtunnel.resilience.errors import RateLimited, need, need_count
from windtunnel.resilience.limits import LeakyBucket, Limit, need_takable
from windtunnel.resilience.observe import Observer, tell
from windtunnel.resilience.wrapping import is_async

P = ParamSpec("P")
R = TypeVar("R")

_NS = 1_000_000_000


class Limiter:
    """`if limiter.try_acquire():`, `await limiter.acquire()`, `async with limiter:`, or a decorator.

    Decorated coroutine functions wait for their turn, decorated functions are refused (RateLimited) when there is no room.
    `acquire` refuses at once when `waiting_max` wait already, or when the deadline of the context would come first.
    """

    __slots__ = ("_ask", "_waiting", "clock_ns", "limit", "name", "observer", "waiting_max")

    def __init__(
        self,
        limit: Limit,
        *,
        name: str = "",
        waiting_max: int = 10_000,
        observer: Observer | None = None,
        clock_ns: Callable[[], int] = time.monotonic_ns,
    ) -> None:
        need_count("waiting_max", waiting_max, 0)
        need(hasattr(limit, "ask"), "limit", "a limit such as Gcra(100, burst=10); a Shaper serves a LeakyBucket", limit)
        self.limit = limit
        self._ask = limit.ask
        self.name = name
        self.waiting_max = waiting_max
        self.observer = observer
        self.clock_ns = clock_ns
        self._waiting: deque[asyncio.Future[None]] = deque()

    def try_acquire(self, n: int = 1) -> bool:
        """Takes n at once, or nothing. Those who wait go first."""
        return not (self._waiting or self._ask(self.clock_ns(), n))

    async def acquire(self, n: int = 1) -> None:
        """Takes n, after waiting for its turn. Raises RateLimited."""
        if self._waiting or self._ask(self.clock_ns(), n):
            await self._wait(n)

    async def _wait(self, n: int) -> None:
        need_takable(self.limit, n)
        start_ns = self.clock_ns()
        waiting = self._waiting
        if len(waiting) >= self.waiting_max:
            self._refuse(0, f"{len(waiting)} wait already")
        me: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        waiting.append(me)
        try:
            if waiting[0] is not me:
                await me  # until it is first
            while wait_ns := self.limit.ask(self.clock_ns(), n):
                if wait_ns / _NS >= remaining_s():
                    self._refuse(wait_ns, "its turn would come after the deadline")
                await asyncio.sleep(wait_ns / _NS)
        finally:
            waiting.remove(me)
            if waiting and not waiting[0].done():
                waiting[0].set_result(None)
        waited_ns = self.clock_ns() - start_ns
        if waited_ns:
            tell(self.observer, self.name, "waited", waited_ns / _NS)

    def _refuse(self, wait_ns: int, why: str) -> None:
        wait_s = wait_ns / _NS
        tell(self.observer, self.name, "refused", wait_s)
        raise RateLimited(f"{self.name or 'the limiter'} has no room: {why}", by=self.name, retry_after_s=wait_s or None)

    async def __aenter__(self) -> None:
        if self._waiting or self._ask(self.clock_ns()):
            await self._wait(1)

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        return None

    def __call__(self, fn: Callable[P, R]) -> Callable[P, R]:
        """`fn`, limited."""
        if is_async(fn):
            called = cast("Callable[..., Any]", fn)

            @wraps(fn)
            async def waits(*args: P.args, **kwargs: P.kwargs) -> Any:
                await self.acquire()
                return await called(*args, **kwargs)

            return cast("Callable[P, R]", waits)

        @wraps(fn)
        def limited(*args: P.args, **kwargs: P.kwargs) -> R:
            wait_ns = self.limit.ask(self.clock_ns())
            if wait_ns:
                self._refuse(wait_ns, f"again in {wait_ns / _NS:.3g} s")
            return fn(*args, **kwargs)

        return limited


class Shaper:
    """`await shaper.turn()`, or `async with shaper:`: calls leave a LeakyBucket evenly spaced; RateLimited when it is full.

    A turn is given once and for all: a caller that is cancelled while it waits leaves its turn empty.
    """

    __slots__ = ("bucket", "clock_ns", "name", "observer")

    def __init__(
        self,
        bucket: LeakyBucket,
        *,
        name: str = "",
        observer: Observer | None = None,
        clock_ns: Callable[[], int] = time.monotonic_ns,
    ) -> None:
        self.bucket = bucket
        self.name = name
        self.observer = observer
        self.clock_ns = clock_ns

    async def turn(self) -> None:
        """Waits for its departure. Raises RateLimited."""
        now_ns = self.clock_ns()
        leaves_ns = self.bucket.offer(now_ns)
        if leaves_ns is None:
            tell(self.observer, self.name, "refused", 0.0)
            raise RateLimited(f"{self.name or 'the shaper'} is full: {self.bucket.capacity} wait already", by=self.name)
        while (wait_ns := leaves_ns - self.clock_ns()) > 0:  # noqa: ASYNC110 - a sleep may end early
            await asyncio.sleep(wait_ns / _NS)
        if leaves_ns > now_ns:
            tell(self.observer, self.name, "waited", (leaves_ns - now_ns) / _NS)

    async def __aenter__(self) -> None:
        await self.turn()

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        return None

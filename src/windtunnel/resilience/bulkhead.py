"""Bulkheads: at most so many calls at once to one dependency, so that it cannot take everything when it is slow.

`Slots` is the core: who runs, who waits, who is refused; tickets are any objects, time comes as an argument. `Bulkhead` puts it
around coroutine functions and blocks. With `Aimd` or `Gradient` as its limit it adapts; with `CoDel` or `QueueDelay` it sheds.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable, Hashable
from functools import wraps
from types import TracebackType
from typing import Any, Generic, ParamSpec, TypeVar, cast

from windtunnel.resilience.adaptive import Adaptive
from windtunnel.resilience.errors import BadSetting, BulkheadFull, Refused, Shed, need, need_count, need_positive
from windtunnel.resilience.observe import Observer, tell
from windtunnel.resilience.shedding import Shedding
from windtunnel.resilience.wrapping import is_async, name_of

P = ParamSpec("P")
R = TypeVar("R")
T = TypeVar("T", bound=Hashable)


class Slots(Generic[T]):
    """The core: `limit` running, at most `waiting_max` waiting, first come, first served.

    `enter` says whether a ticket runs (True), waits (False) or is refused (None). Each that ran says `leave`; then, and after
    `limit` grew, `next` gives those that leave the queue: (ticket, seconds waited, whether it is shed) until it gives None.
    """

    __slots__ = ("limit", "queue", "running", "shedding", "waiting_max")

    def __init__(self, limit: int, waiting_max: int = 0, shedding: Shedding | None = None) -> None:
        need_count("limit", limit)
        need_count("waiting_max", waiting_max, 0)
        self.limit = limit
        self.waiting_max = waiting_max
        self.shedding = shedding
        self.running = 0
        self.queue: deque[tuple[T, float]] = deque()

    def enter(self, ticket: T, now_s: float) -> bool | None:
        """A call arrives."""
        if self.running < self.limit and not self.queue:
            self.running += 1
            return True
        if len(self.queue) >= self.waiting_max:
            return None
        self.queue.append((ticket, now_s))
        return False

    def leave(self) -> None:
        """A call that ran has ended."""
        self.running -= 1

    def next(self, now_s: float) -> tuple[T, float, bool] | None:
        """The next that leaves the queue, if one may; unless it is shed, it runs."""
        if not self.queue or self.running >= self.limit:
            return None
        ticket, since_s = self.queue.popleft()
        waited_s = now_s - since_s
        shed = self.shedding is not None and self.shedding.drop(waited_s, now_s)
        self.running += not shed
        return ticket, waited_s, shed

    def withdraw(self, ticket: T) -> None:
        """One that waits gives up."""
        for place, (other, _) in enumerate(self.queue):
            if other == ticket:
                del self.queue[place]
                return


class Bulkhead:
    """`async with bulkhead:` or a decorator of coroutine functions. One event loop.

    limit: calls at once, or a core that finds it out. waiting_max: how many may queue, wait_s: how long each (None: as long as it
    takes). shedding: which to drop from the queue. Raises BulkheadFull or Shed; both mean that the call did not begin.
    An adaptive limit learns from decorated calls, and from blocks by `async with bulkhead.call():`.
    """

    __slots__ = ("_adaptive", "clock", "name", "observer", "slots", "wait_s")

    def __init__(
        self,
        limit: int | Adaptive,
        *,
        waiting_max: int = 0,
        wait_s: float | None = None,
        shedding: Shedding | None = None,
        name: str = "",
        observer: Observer | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        if wait_s is not None:
            need_positive("wait_s", wait_s)
        need(isinstance(limit, int) or hasattr(limit, "ended"), "limit", "an int, or a core such as Gradient()", limit)
        self._adaptive = None if isinstance(limit, int) else limit
        first = limit if isinstance(limit, int) else limit.limit
        self.slots: Slots[asyncio.Future[float]] = Slots(first, waiting_max, shedding)
        self.wait_s = wait_s
        self.name = name
        self.observer = observer
        self.clock = clock

    @property
    def running(self) -> int:
        """Calls in it."""
        return self.slots.running

    @property
    def waiting(self) -> int:
        """Calls in its queue."""
        return len(self.slots.queue)

    @property
    def limit(self) -> int:
        """Calls at once, now."""
        return self.slots.limit

    async def __aenter__(self) -> None:
        slots = self.slots
        if slots.running < slots.limit and not slots.queue:
            slots.running += 1
            return
        await self._queue()

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._leave()

    async def _queue(self) -> None:
        """Waits for a slot. Whoever gives one away counts it as taken: nobody can come between."""
        slots = self.slots
        me: asyncio.Future[float] = asyncio.get_running_loop().create_future()
        if slots.enter(me, self.clock()) is None:
            tell(self.observer, self.name, "refused", slots.running)
            text = f"{self.name or 'the bulkhead'} is full: {slots.running} run, {len(slots.queue)} wait"
            raise BulkheadFull(text, by=self.name)
        try:
            async with asyncio.timeout(self.wait_s):
                waited_s = await me
        except Shed:
            raise
        except BaseException as error:
            if me.done() and not me.cancelled() and me.exception() is None:
                self._leave()  # cancelled after a slot was given
            else:
                slots.withdraw(me)
            if isinstance(error, TimeoutError):
                tell(self.observer, self.name, "refused", slots.running)
                raise BulkheadFull(f"{self.name or 'the bulkhead'} gave no slot within {self.wait_s} s", by=self.name) from None
            raise
        tell(self.observer, self.name, "waited", waited_s)

    def _leave(self) -> None:
        self.slots.leave()
        if self.slots.queue:
            self._admit()

    def _admit(self) -> None:
        now_s = self.clock()
        while (leaving := self.slots.next(now_s)) is not None:
            waiter, waited_s, shed = leaving
            if waiter.done():  # cancelled, and not yet withdrawn
                self.slots.running -= not shed
            elif shed:
                tell(self.observer, self.name, "shed", waited_s)
                waiter.set_exception(Shed(f"{self.name or 'the queue'} is overloaded: waited {waited_s:.3f} s", by=self.name))
            else:
                waiter.set_result(waited_s)

    def call(self) -> BulkheadCall:
        """`async with bulkhead.call():` is `async with bulkhead:` that an adaptive limit learns from."""
        return BulkheadCall(self)

    def learn(self, took_s: float, running: int, *, ok: bool) -> None:
        """Tells the adaptive limit, if there is one, how a call ended."""
        adaptive = self._adaptive
        if adaptive is None:
            return
        before = self.slots.limit
        adaptive.ended(took_s, running, ok=ok)
        self.slots.limit = adaptive.limit
        if self.slots.limit != before:
            tell(self.observer, self.name, "limit", self.slots.limit)
            if self.slots.queue:
                self._admit()

    def __call__(self, fn: Callable[P, R]) -> Callable[P, R]:
        """`fn`, in this bulkhead."""
        if not is_async(fn):
            raise BadSetting(f"{name_of(fn)}: expected a coroutine function; threads are limited by the size of their pool")
        called = cast("Callable[..., Any]", fn)

        @wraps(fn)
        async def limited(*args: P.args, **kwargs: P.kwargs) -> Any:
            if self._adaptive is not None:
                async with self.call():
                    return await called(*args, **kwargs)
            slots = self.slots
            if slots.running < slots.limit and not slots.queue:
                slots.running += 1
            else:
                await self._queue()
            try:
                return await called(*args, **kwargs)
            finally:
                self._leave()

        return cast("Callable[P, R]", limited)


class BulkheadCall:
    """One call in a bulkhead whose limit adapts. Failures are errors other than refusals and cancellation."""

    __slots__ = ("_bulkhead", "_start_s")

    def __init__(self, bulkhead: Bulkhead) -> None:
        self._bulkhead = bulkhead
        self._start_s = 0.0

    async def __aenter__(self) -> None:
        await self._bulkhead.__aenter__()
        self._start_s = self._bulkhead.clock()

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        bulkhead = self._bulkhead
        took_s = bulkhead.clock() - self._start_s
        running = bulkhead.slots.running
        await bulkhead.__aexit__(kind, error, trace)
        if error is None or (isinstance(error, Exception) and not isinstance(error, Refused)):
            bulkhead.learn(took_s, running, ok=error is None)

"""Hedging: when the answer is late, ask once more and take the answer that comes first. Only for what may run twice.

Source: Dean & Barroso, "The Tail at Scale", CACM 56(2), 2013: after the 95th percentile of the latency, about 5 % more load.
gRPC's hedging policy (proposal A6) adds what is here too: a failed copy brings the next one forward, a budget pays for them.

`Copies` is the core; `Hedge` runs the copies as tasks. The losers are cancelled and awaited before the answer is returned: when
the call is over, nothing of it runs.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable
from functools import wraps
from math import ceil, inf
from typing import Any, ParamSpec, TypeVar, cast

from windtunnel.resilience.budget import RetryBudget
from windtunnel.resilience.deadlines import remaining_s
from windtunnel.resilience.errors import BadSetting, need, need_count, need_positive
from windtunnel.resilience.observe import Observer, tell
from windtunnel.resilience.retry import On, kinds
from windtunnel.resilience.wrapping import is_async, name_of

P = ParamSpec("P")
R = TypeVar("R")


class LatencyQuantile:
    """The `q` quantile of the last `size` latencies (nearest rank), `first_s` until there are `least`: `after_s` of a Hedge."""

    __slots__ = ("_fresh", "_least", "_seen", "_value_s", "q")

    def __init__(self, q: float = 0.95, *, first_s: float = 0.1, size: int = 200, least: int = 20) -> None:
        need(0 < q < 1, "q", "a fraction between 0 and 1", q)
        need_positive("first_s", first_s)
        need_count("least", least)
        need_count("size", size, least)
        self.q = q
        self._seen: deque[float] = deque(maxlen=size)
        self._least = least
        self._value_s = first_s
        self._fresh = 0

    def seen(self, took_s: float) -> None:
        """A call came back well."""
        self._seen.append(took_s)
        self._fresh += 1
        if len(self._seen) >= self._least and (self._fresh >= 16 or len(self._seen) == self._least):
            self._fresh = 0  # sorting at every 16th is enough
            ordered = sorted(self._seen)
            self._value_s = ordered[ceil(self.q * len(ordered)) - 1]

    def __call__(self) -> float:
        """Seconds to wait before a copy."""
        return self._value_s


class Copies:
    """The core of one hedged call: when the next copy may start, and never more than `most` in all, the original included."""

    __slots__ = ("_after_s", "_budget", "due_s", "most", "started")

    def __init__(self, start_s: float, after_s: float, most: int, budget: RetryBudget | None = None) -> None:
        self._after_s = after_s
        self._budget = budget
        self.most = most
        self.started = 1
        self.due_s = start_s + after_s if most > 1 else inf

    def start(self, now_s: float) -> bool:
        """Time for another copy? If so it counts as started. Asked too early, or too often, the answer is no."""
        if self.started >= self.most or now_s < self.due_s:
            return False
        if self._budget is not None and not self._budget.withdraw():
            self.due_s = inf
            self.most = self.started
            return False
        self.started += 1
        self.due_s = now_s + self._after_s if self.started < self.most else inf
        return True

    def failed(self, now_s: float) -> None:
        """A copy failed: the next need not wait."""
        if self.started < self.most:
            self.due_s = now_s


class Hedge:
    """A decorator of coroutine functions that may safely run twice at once.

    after_s: seconds before the next copy, or a LatencyQuantile. most: copies at once, the original included. on: errors that
    let another copy answer; any other error ends the call. budget: shared with retries. No copy starts after the deadline.
    """

    def __init__(
        self,
        after_s: float | LatencyQuantile,
        *,
        most: int = 2,
        on: On = Exception,
        budget: RetryBudget | None = None,
        name: str = "",
        observer: Observer | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        need_count("most", most)
        if not isinstance(after_s, LatencyQuantile):
            need(isinstance(after_s, int | float) and 0 <= after_s < inf, "after_s", "seconds, 0 or more", after_s)
        self.after_s = after_s
        self.most = most
        self.budget = budget
        self.name = name
        self.observer = observer
        self.clock = clock
        self._types, self._asks = kinds(on)

    def __call__(self, fn: Callable[P, R]) -> Callable[P, R]:
        """`fn`, hedged."""
        if not is_async(fn):
            raise BadSetting(f"{name_of(fn)}: expected a coroutine function; a function that blocks cannot be cancelled")
        name = self.name or name_of(fn)
        called = cast("Callable[..., Any]", fn)

        @wraps(fn)
        async def hedged(*args: P.args, **kwargs: P.kwargs) -> Any:
            return await self._run(lambda: called(*args, **kwargs), name)

        return cast("Callable[P, R]", hedged)

    async def _run(self, call: Callable[[], Any], name: str) -> Any:
        if self.budget is not None:
            self.budget.deposit()
        quantile = self.after_s if isinstance(self.after_s, LatencyQuantile) else None
        start_s = self.clock()
        copies = Copies(start_s, quantile() if quantile is not None else cast("float", self.after_s), self.most, self.budget)
        tasks: list[asyncio.Task[Any]] = [asyncio.ensure_future(call())]
        judged: set[asyncio.Task[Any]] = set()
        try:
            while True:
                now_s = self.clock()
                running = [task for task in tasks if task not in judged]
                if remaining_s() > 0 and copies.start(now_s):
                    tell(self.observer, name, "hedged", copies.started - 1)
                    tasks.append(asyncio.ensure_future(call()))
                    continue
                if not running:
                    return tasks[-1].result()  # all failed: the last error
                wait_s = None if copies.due_s == inf else max(0.0, copies.due_s - now_s)
                await asyncio.wait(running, timeout=wait_s, return_when=asyncio.FIRST_COMPLETED)
                for number, task in enumerate(tasks):
                    if task not in judged and task.done():
                        judged.add(task)
                        if self._answers(task):
                            self._won(task, number, name, start_s, copies, quantile)
                            return task.result()
                        copies.failed(self.clock())
        finally:
            await _end(tasks)

    def _answers(self, task: asyncio.Task[Any]) -> bool:
        """Whether this end of a copy is the end of the call."""
        error = None if task.cancelled() else task.exception()
        if error is None:
            return True
        return not (isinstance(error, self._types) and (self._asks is None or self._asks(error)))

    def _won(
        self, task: asyncio.Task[Any], number: int, name: str, start_s: float, copies: Copies, quantile: LatencyQuantile | None
    ) -> None:
        if task.cancelled() or task.exception() is not None:
            return
        if quantile is not None:
            quantile.seen(self.clock() - start_s)
        if copies.started > 1:
            tell(self.observer, name, "won", number)


async def _end(tasks: list[asyncio.Task[Any]]) -> None:
    """Cancels what still runs, and waits for its end."""
    losers = [task for task in tasks if not task.done()]
    for task in losers:
        task.cancel()
    if losers:
        await asyncio.wait(losers)
    for task in tasks:
        if not task.cancelled():
            task.exception()  # looked at: asyncio need not warn that nobody did

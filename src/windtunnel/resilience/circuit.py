"""Circuit breakers around functions, coroutine functions and blocks, and one per target.

While the circuit is closed and nothing has failed lately, a call costs two comparisons. Functions may be called from several
threads: everything that changes the state is done under a lock.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import Any, Generic, Literal, ParamSpec, TypeVar, cast

from windtunnel.resilience.breaker import Breaker, State
from windtunnel.resilience.errors import CircuitOpen, Refused, need, need_count
from windtunnel.resilience.observe import Observer, tell
from windtunnel.resilience.retry import On, kinds
from windtunnel.resilience.tripping import Consecutive, Rule
from windtunnel.resilience.wrapping import is_async

P = ParamSpec("P")
R = TypeVar("R")
T = TypeVar("T")

_EVENTS = {"open": "opened", "half_open": "half_opened", "closed": "closed"}


class CircuitBreaker:
    """A decorator, and `with breaker.call():` around a block (also with awaits in it).

    on: which errors are failures of the dependency; other errors show that it answers. Refusals by what lies inside (a
    bulkhead, a limiter) and cancellation say nothing about it. The other settings are those of `Breaker`.
    """

    def __init__(
        self,
        name: str = "",
        *,
        rule: Rule | None = None,
        open_s: float = 30.0,
        probes: int = 1,
        successes: int = 1,
        growth: float = 1.0,
        open_max_s: float | None = None,
        probe_s: float | None = None,
        on: On = Exception,
        observer: Observer | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        need(not callable(name), "name", "a name; write @CircuitBreaker() with parentheses", name)
        longest = max(open_s, 300.0) if open_max_s is None else open_max_s
        rule = Consecutive() if rule is None else rule.fresh()
        self.core = Breaker(rule, open_s, probes, successes, growth, longest, probe_s)
        self.name = name
        self.observer = observer
        self.clock = clock
        self._types, self._asks = kinds(on)
        self._timed = rule.timed
        self._lock = threading.Lock()

    @property
    def state(self) -> State:
        """closed, open or half_open. An open circuit half-opens when it is asked next, not by itself."""
        return self.core.state

    def force(self, state: Literal["closed", "open"]) -> None:
        """Closes or opens it by hand."""
        with self._lock:
            before = self.core.permit
            self.core.force(state, self.clock())
            self._tell(before)

    def __call__(self, fn: Callable[P, R]) -> Callable[P, R]:
        """`fn`, guarded."""
        return self._around_async(fn) if is_async(fn) else self._around(fn)

    def _around(self, fn: Callable[P, R]) -> Callable[P, R]:
        core, rule, clock, timed = self.core, self.core.rule, self.clock, self._timed
        begin, ended, broke = self._begin, self._succeeded, self._broke

        @wraps(fn)
        def guarded(*args: P.args, **kwargs: P.kwargs) -> R:
            permit = core.permit  # before the state: if another thread opens it in between, this permit is old
            if core.state == "closed":
                start_s = clock() if timed else 0.0
            else:
                permit, start_s = begin()
            try:
                result = fn(*args, **kwargs)
            except BaseException as error:
                broke(error, permit, start_s)
                raise
            if not rule.quiet or core.state != "closed":
                ended(permit, start_s)
            return result

        return guarded

    def _around_async(self, fn: Callable[P, R]) -> Callable[P, R]:
        core, rule, clock, timed = self.core, self.core.rule, self.clock, self._timed
        begin, ended, broke = self._begin, self._succeeded, self._broke
        called = cast("Callable[..., Any]", fn)

        @wraps(fn)
        async def guarded(*args: P.args, **kwargs: P.kwargs) -> Any:
            permit = core.permit
            if core.state == "closed":
                start_s = clock() if timed else 0.0
            else:
                permit, start_s = begin()
            try:
                result = await called(*args, **kwargs)
            except BaseException as error:
                broke(error, permit, start_s)
                raise
            if not rule.quiet or core.state != "closed":
                ended(permit, start_s)
            return result

        return cast("Callable[P, R]", guarded)

    @contextmanager
    def call(self) -> Iterator[None]:
        """Around a block: raises CircuitOpen instead of entering it, and counts how it ends."""
        permit, start_s = self._begin()
        try:
            yield
        except BaseException as error:
            self._broke(error, permit, start_s)
            raise
        self._succeeded(permit, start_s)

    # --- The slow path ---

    def _begin(self) -> tuple[int, float]:
        """(permit, start). Raises CircuitOpen."""
        with self._lock:
            now_s = self.clock()
            before = self.core.permit
            permit = self.core.ask(now_s)
            self._tell(before)
            if permit:
                return permit, now_s
            wait_s = self.core.wait_s(now_s)
        tell(self.observer, self.name, "refused", wait_s)
        text = f"the circuit {self.name!r} is {self.core.state.replace('_', '-')}; come back in {wait_s:.3g} s"
        raise CircuitOpen(text, by=self.name, retry_after_s=wait_s)

    def _succeeded(self, permit: int, start_s: float) -> None:
        core = self.core
        with self._lock:
            now_s = self.clock()
            before = core.permit
            core.succeeded(permit, now_s, now_s - start_s if self._timed else 0.0)
            if core.permit != before:
                self._tell(before)

    def _broke(self, error: BaseException, permit: int, start_s: float) -> None:
        if isinstance(error, Refused) or not isinstance(error, Exception):
            with self._lock:
                self.core.abandoned(permit)
        elif not isinstance(error, self._types) or (self._asks is not None and not self._asks(error)):
            self._succeeded(permit, start_s)
        else:
            with self._lock:
                now_s = self.clock()
                before = self.core.permit
                self.core.failed(permit, now_s, now_s - start_s if self._timed else 0.0)
                self._tell(before)

    def _tell(self, before: int) -> None:
        if self.core.permit != before:
            pause_s = self.core.pause_s() if self.core.state == "open" else 0.0
            tell(self.observer, self.name, _EVENTS[self.core.state], pause_s)


class PerTarget(Generic[T]):
    """One breaker, limiter or bulkhead for each target: `circuits = PerTarget(CircuitBreaker)`, then `circuits["db-3:5432"]`.

    make: called with the target when it is first asked for. targets_max: beyond it the one not asked for the longest time is
    forgotten, if possible one that `keep` does not hold on to (an open circuit, say).
    """

    def __init__(self, make: Callable[[Any], T], *, targets_max: int = 10_000, keep: Callable[[T], bool] | None = None) -> None:
        need_count("targets_max", targets_max)
        self._make = make
        self._targets_max = targets_max
        self._keep = keep
        self._held: OrderedDict[Hashable, T] = OrderedDict()
        self._lock = threading.Lock()

    def __getitem__(self, target: Hashable) -> T:
        with self._lock:
            held = self._held.get(target)
            if held is None:
                if len(self._held) >= self._targets_max:
                    self._forget()
                held = self._held[target] = self._make(target)
            else:
                self._held.move_to_end(target)
            return held

    def __len__(self) -> int:
        return len(self._held)

    def items(self) -> list[tuple[Hashable, T]]:
        """All that are held, the one asked for last at the end."""
        return list(self._held.items())

    def _forget(self) -> None:
        keep = self._keep
        oldest = next((target for target, held in self._held.items() if keep is None or not keep(held)), None)
        self._held.pop(oldest if oldest is not None else next(iter(self._held)))

"""Retries: call again what failed, after a pause, as often as is allowed and no longer than there is time.

The decision is a core, `Attempts`: failures and times in, pauses out. `Retry` puts it around functions and coroutine functions.
The successful first call costs one `try`: everything else is built when the first attempt has failed.

A retry ends, and the last error is raised with a note that says why, when: the attempts are used up; the error is of another
kind; `within_s` or the deadline of the context would pass before the next attempt; the budget is empty. An error that carries
`retry_after_s` (as RateLimited and CircuitOpen do) is believed: the pause is at least that.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import AsyncIterator, Callable, Iterator
from functools import wraps
from math import inf
from types import TracebackType
from typing import Any, ParamSpec, Self, TypeAlias, TypeVar, cast

from windtunnel.resilience.backoff import Backoff, Exponential
from windtunnel.resilience.budget import RetryBudget
from windtunnel.resilience.deadlines import remaining_s
from windtunnel.resilience.errors import BadSetting, need_count, need_positive
from windtunnel.resilience.observe import Observer, tell
from windtunnel.resilience.wrapping import is_async, name_of

P = ParamSpec("P")
R = TypeVar("R")
On: TypeAlias = type[Exception] | tuple[type[Exception], ...] | Callable[[Exception], bool]
"""Which errors: a class, several, or a function that says whether to try again."""

_DEFAULT = Exponential()


def kinds(on: On) -> tuple[tuple[type[Exception], ...], Callable[[Exception], bool] | None]:
    """(classes to catch, question to ask, if any). Raises BadSetting for what must not be retried, such as cancellation."""
    given = on if isinstance(on, tuple) else (on,)
    if given and all(isinstance(kind, type) and issubclass(kind, Exception) for kind in given):
        return cast("tuple[type[Exception], ...]", given), None
    if callable(on) and not isinstance(on, type) and not is_async(on):
        return (Exception,), on
    raise BadSetting(f"on: expected subclasses of Exception, or a function of the error, got {on!r}")


class Attempts:
    """The core of one retried call. `made` attempts so far; `why` it gave up, once it has."""

    __slots__ = ("_draw", "_pause_s", "_policy", "_start_s", "made", "why")

    def __init__(self, policy: Retry, start_s: float, draw: Callable[[], float]) -> None:
        self._policy = policy
        self._start_s = start_s
        self._draw = draw
        self._pause_s = 0.0
        self.made = 0
        self.why = ""

    def failed(self, error: Exception, now_s: float, left_s: float = inf) -> float | None:
        """An attempt ended with `error`: seconds until the next, or None. `left_s`: time until the deadline."""
        policy = self._policy
        self.made += 1
        if policy.asks is not None and not policy.asks(error):
            return self._gave_up("this error is not retried")
        if self.made >= policy.attempts:
            return self._gave_up("attempts used up")
        pause = policy.backoff.delay_s(self.made, self._pause_s, self._draw())
        asked = getattr(error, "retry_after_s", None)
        if asked is not None and asked > pause:
            pause = asked
        if now_s + pause - self._start_s >= policy.within_s:
            return self._gave_up(f"the next attempt would begin after within_s={policy.within_s:g}")
        if pause >= left_s:
            return self._gave_up("the next attempt would begin after the deadline")
        if policy.budget is not None and not policy.budget.withdraw():
            return self._gave_up("the retry budget is empty")
        self._pause_s = pause
        return pause

    def _gave_up(self, why: str) -> float | None:
        self.why = why
        return None


class Retry:
    """A decorator, and `for attempt in retry:` / `async for attempt in retry:` with `with attempt:` around a block.

    on: which errors (required: what may be repeated is for the caller to say). attempts: the first included. within_s: no attempt
    begins later than that after the first. budget: shared, see RetryBudget. clock, draw, sleep: monotonic seconds, uniform
    numbers in [0, 1), and how functions without async wait.
    """

    def __init__(
        self,
        on: On,
        *,
        attempts: int = 3,
        backoff: Backoff = _DEFAULT,
        within_s: float = inf,
        budget: RetryBudget | None = None,
        name: str = "",
        observer: Observer | None = None,
        clock: Callable[[], float] = time.monotonic,
        draw: Callable[[], float] = random.random,
        sleep: Callable[[float], object] = time.sleep,
    ) -> None:
        need_count("attempts", attempts)
        if within_s != inf:
            need_positive("within_s", within_s)
        self.types, self.asks = kinds(on)
        self.attempts = attempts
        self.backoff = backoff
        self.within_s = within_s
        self.budget = budget
        self.name = name
        self.observer = observer
        self.clock = clock
        self.draw = draw
        self.sleep = sleep

    # --- As a decorator ---

    def __call__(self, fn: Callable[P, R]) -> Callable[P, R]:
        """`fn`, retried."""
        name = self.name or name_of(fn)
        return self._around_async(fn, name) if is_async(fn) else self._around(fn, name)

    def _around(self, fn: Callable[P, R], name: str) -> Callable[P, R]:
        types, budget, clock, timed, rest = self.types, self.budget, self.clock, self.within_s != inf, self._rest

        @wraps(fn)
        def retried(*args: P.args, **kwargs: P.kwargs) -> R:
            if budget is not None:
                budget.deposit()
            start_s = clock() if timed else 0.0
            try:
                return fn(*args, **kwargs)
            except types as error:
                first = error
            return rest(fn, args, kwargs, first, start_s, name)

        return retried

    def _rest(
        self, fn: Callable[..., R], args: tuple[Any, ...], kwargs: dict[str, Any], error: Exception, start_s: float, name: str
    ) -> R:
        attempts = Attempts(self, start_s, self.draw)
        while True:
            self.sleep(self._next(attempts, error, name))
            try:
                result = fn(*args, **kwargs)
            except self.types as again:
                error = again
            else:
                tell(self.observer, name, "recovered", attempts.made + 1)
                return result

    def _around_async(self, fn: Callable[P, R], name: str) -> Callable[P, R]:
        types, budget, clock, timed, rest = self.types, self.budget, self.clock, self.within_s != inf, self._rest_async
        called = cast("Callable[..., Any]", fn)

        @wraps(fn)
        async def retried(*args: P.args, **kwargs: P.kwargs) -> Any:
            if budget is not None:
                budget.deposit()
            start_s = clock() if timed else 0.0
            try:
                return await called(*args, **kwargs)
            except types as error:
                first = error
            return await rest(called, args, kwargs, first, start_s, name)

        return cast("Callable[P, R]", retried)

    async def _rest_async(
        self, fn: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any], error: Exception, start_s: float, name: str
    ) -> Any:
        attempts = Attempts(self, start_s, self.draw)
        while True:
            await asyncio.sleep(self._next(attempts, error, name))
            try:
                result = await fn(*args, **kwargs)
            except self.types as again:
                error = again
            else:
                tell(self.observer, name, "recovered", attempts.made + 1)
                return result

    def _next(self, attempts: Attempts, error: Exception, name: str) -> float:
        """The pause after `error`; raises it, with a note, if there is no further attempt."""
        pause = attempts.failed(error, self.clock() if self.within_s != inf else 0.0, remaining_s())
        if pause is not None:
            tell(self.observer, name, "retry", pause)
            return pause
        if attempts.why == "the retry budget is empty":
            tell(self.observer, name, "budget_empty", attempts.made)
        tell(self.observer, name, "gave_up", attempts.made)
        if attempts.made > 1 or attempts.why.startswith("the"):
            error.add_note(f"{name or 'retry'} gave up after attempt {attempts.made} of {self.attempts}: {attempts.why}")
        try:
            raise error
        finally:
            del error  # a cycle: the error holds this frame

    # --- Around a block ---

    def __iter__(self) -> Iterator[Attempt]:
        """One Attempt after the other, with pauses by `sleep`, until one succeeds; see the class."""
        state = self._begin()
        while not state.done:
            yield state.next()
            if state.pause_s is not None:
                self.sleep(state.pause_s)

    async def __aiter__(self) -> AsyncIterator[Attempt]:
        """The same with asyncio's sleep."""
        state = self._begin()
        while not state.done:
            yield state.next()
            if state.pause_s is not None:
                await asyncio.sleep(state.pause_s)

    def _begin(self) -> _Block:
        if self.budget is not None:
            self.budget.deposit()
        return _Block(self, Attempts(self, self.clock() if self.within_s != inf else 0.0, self.draw))


class _Block:
    """The attempts of one retried block."""

    __slots__ = ("attempts", "done", "pause_s", "policy")

    def __init__(self, policy: Retry, attempts: Attempts) -> None:
        self.policy = policy
        self.attempts = attempts
        self.done = False
        self.pause_s: float | None = None

    def next(self) -> Attempt:
        """The next attempt; it is done unless its block says otherwise."""
        self.done = True
        self.pause_s = None
        return Attempt(self)

    def ended(self, error: BaseException | None) -> bool:
        """What the end of a block means; True if the error is swallowed, since there will be another attempt."""
        if error is None:
            if self.attempts.made:
                tell(self.policy.observer, self.policy.name, "recovered", self.attempts.made + 1)
            return False
        if not isinstance(error, self.policy.types):
            return False
        self.pause_s = self.policy._next(self.attempts, error, self.policy.name)  # noqa: SLF001 - one mechanism, two faces
        self.done = False
        return True


class Attempt:
    """`with attempt:` around the block that is retried. `number` counts from 1."""

    __slots__ = ("_block", "number")

    def __init__(self, block: _Block) -> None:
        self._block = block
        self.number = block.attempts.made + 1

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> bool:
        return self._block.ended(error)

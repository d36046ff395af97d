"""Timeouts that add up: one deadline for all the work that a request causes, inherited by what it calls, sent along in a header.

Source: gRPC deadlines; the header has the format of `grpc-timeout` ("PROTOCOL-HTTP2" of the gRPC project): what is left, not a
point in time, since clocks differ. So a callee may work past its caller's deadline by as long as the request travelled, no more.

The deadline is a point of the host's monotonic clock in a context variable: tasks and threads made inside inherit it. A block
can only shorten what it inherited. asyncio cancels *tasks*: the timer belongs to the task that entered the block, and a task
made inside inherits the time but not the timer; it enters `deadline()` itself.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from contextvars import ContextVar, Token
from functools import wraps
from math import inf
from types import TracebackType
from typing import Any, ParamSpec, Self, TypeVar, cast

from windtunnel.resilience.errors import BadSetting, NoTimeLeft, TimedOut, need_positive
from windtunnel.resilience.observe import Observer, tell
from windtunnel.resilience.wrapping import is_async, name_of

P = ParamSpec("P")
R = TypeVar("R")

HEADER = "grpc-timeout"
_UNITS_S = {"H": 3600.0, "M": 60.0, "S": 1.0, "m": 1e-3, "u": 1e-6, "n": 1e-9}
_PER_SECOND = (("n", 1_000_000_000), ("u", 1_000_000), ("m", 1_000), ("S", 1))
_HEADER_DIGITS = 8

# When, on time.monotonic(), and the task whose timer will fire then.
_current: ContextVar[tuple[float, object | None] | None] = ContextVar("windtunnel_deadline", default=None)


def remaining_s() -> float:
    """Seconds until the deadline of this context: negative when it has passed, infinite when there is none."""
    held = _current.get()
    return inf if held is None else held[0] - time.monotonic()


def check_deadline() -> None:
    """Raises NoTimeLeft if the deadline has passed: for long computations, which nobody can cancel."""
    left = remaining_s()
    if left <= 0:
        raise NoTimeLeft(f"the deadline passed {-left:.3f} s ago")


class deadline:  # noqa: N801 - reads as a statement
    """`async with deadline(2.0):` the block ends within 2 s, or when the inherited deadline says, whichever is sooner.

    Raises NoTimeLeft at entry if nothing is left, TimedOut when the block was cut. `deadline()` enforces what is inherited.
    `with deadline(2.0):` only sets it: code without awaits asks `check_deadline()` or `remaining_s()`. One object, one block.
    """

    __slots__ = ("_cut", "_left_s", "_token", "name", "observer", "seconds")

    def __init__(self, seconds: float | None = None, *, name: str = "", observer: Observer | None = None) -> None:
        if seconds is not None and (not isinstance(seconds, int | float) or seconds != seconds):  # noqa: PLR0124 - not a number
            raise BadSetting(f"seconds: expected a number of seconds or None, got {seconds!r}")
        self.seconds = seconds
        self.name = name
        self.observer = observer
        self._token: Token[tuple[float, object | None] | None] | None = None
        self._cut: asyncio.Timeout | None = None
        self._left_s = inf

    def _enter(self, task: object | None) -> bool:
        """Sets the context variable; True if `task` needs a timer of its own."""
        if self._token is not None:
            raise RuntimeError("a deadline object serves one block; make another")
        now = time.monotonic()
        held = _current.get()
        own = inf if self.seconds is None else now + self.seconds
        if held is not None and held[0] <= own:
            when, owner = held
        else:
            when, owner = own, None
        self._left_s = when - now
        if self._left_s <= 0:
            tell(self.observer, self.name, "no_time_left")
            raise NoTimeLeft(f"the deadline passed {-self._left_s:.3f} s before the work began", by=self.name)
        arm = task is not None and owner is not task and when != inf
        self._token = _current.set((when, task if arm else owner) if when != inf else held)
        return arm

    def _leave(self) -> None:
        if self._token is not None:
            _current.reset(self._token)

    def __enter__(self) -> Self:
        self._enter(None)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._leave()

    async def __aenter__(self) -> Self:
        if self._enter(asyncio.current_task()):
            self._cut = asyncio.timeout(self._left_s)
            await self._cut.__aenter__()
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._leave()
        if self._cut is None:
            return
        try:
            await self._cut.__aexit__(kind, error, trace)
        except TimeoutError:
            tell(self.observer, self.name, "timed_out", self._left_s)
            raise TimedOut(f"{self.name or 'the work'} was cut off after {self._left_s:.3f} s, at its deadline") from error


def timeout(seconds: float, *, name: str = "", observer: Observer | None = None) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """A decorator for coroutine functions: each call has at most `seconds`, less if it inherits less."""
    need_positive("seconds", seconds)

    def decorate(fn: Callable[P, R]) -> Callable[P, R]:
        called = name or name_of(fn)
        if not is_async(fn):
            raise BadSetting(
                f"{called}: expected a coroutine function; nothing can interrupt a function, it must ask remaining_s()"
            )

        work = cast("Callable[..., Any]", fn)

        @wraps(fn)
        async def limited(*args: P.args, **kwargs: P.kwargs) -> Any:
            async with deadline(seconds, name=called, observer=observer):
                return await work(*args, **kwargs)

        return cast("Callable[P, R]", limited)

    return decorate


def encode_timeout(left_s: float) -> str:
    """Seconds as a `grpc-timeout` value, rounded down: the callee never thinks it has more time than there is."""
    if not left_s > 0:
        return "0n"
    for unit, per_s in _PER_SECOND:
        count = int(min(left_s, 1e17) * per_s)
        if count < 10**_HEADER_DIGITS:
            return f"{count}{unit}"
    return f"{min(int(min(left_s, 1e17) / 3600), 10**_HEADER_DIGITS - 1)}H"


def decode_timeout(text: str) -> float:
    """Seconds from a `grpc-timeout` value. Raises BadSetting for anything else."""
    digits, unit = text[:-1], text[-1:]
    if unit not in _UNITS_S or not (digits.isascii() and digits.isdecimal() and 1 <= len(digits) <= _HEADER_DIGITS):
        raise BadSetting(f"{HEADER}: expected 1 to 8 digits and one of H M S m u n, got {text[:40]!r}")
    return int(digits) * _UNITS_S[unit]


def outgoing_header() -> dict[str, str]:
    """The header that tells a callee how much time is left; empty without a deadline."""
    left = remaining_s()
    return {} if left == inf else {HEADER: encode_timeout(left)}

"""Fallbacks: something less good instead of nothing. The observer hears of it, so that the harvest can be measured.

Source: Fox & Brewer, "Harvest, Yield, and Scalable Tolerant Systems", HotOS 1999 (a degraded answer keeps the yield at the
price of harvest).
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable, Hashable
from functools import wraps
from typing import Any, ParamSpec, TypeVar, cast

from windtunnel.resilience.errors import need_count, need_positive
from windtunnel.resilience.observe import Observer, tell
from windtunnel.resilience.retry import On, kinds
from windtunnel.resilience.wrapping import is_async, name_of

P = ParamSpec("P")
R = TypeVar("R")


class Fallback:
    """A decorator: when the function fails with `on`, the answer is `instead` of its arguments; awaited, if that is a coroutine.

    `instead` may be any value that is not callable: it is the answer as it is. Errors of `instead` are the caller's.
    """

    def __init__(self, instead: Any, *, on: On = Exception, name: str = "", observer: Observer | None = None) -> None:
        self._instead: Callable[..., Any] = instead if callable(instead) else lambda *_args, **_kwargs: instead
        self._waits = is_async(self._instead)
        self._types, self._asks = kinds(on)
        self.name = name
        self.observer = observer

    def __call__(self, fn: Callable[P, R]) -> Callable[P, R]:
        """`fn`, or something instead."""
        name = self.name or name_of(fn)
        types, asks, instead = self._types, self._asks, self._instead
        if is_async(fn):
            called = cast("Callable[..., Any]", fn)

            @wraps(fn)
            async def guarded(*args: P.args, **kwargs: P.kwargs) -> Any:
                try:
                    return await called(*args, **kwargs)
                except types as error:
                    if asks is not None and not asks(error):
                        raise
                tell(self.observer, name, "fell_back")
                answer = instead(*args, **kwargs)
                return await answer if self._waits else answer

            return cast("Callable[P, R]", guarded)

        @wraps(fn)
        def plain(*args: P.args, **kwargs: P.kwargs) -> Any:
            try:
                return fn(*args, **kwargs)
            except types as error:
                if asks is not None and not asks(error):
                    raise
            tell(self.observer, name, "fell_back")
            return instead(*args, **kwargs)

        return cast("Callable[P, R]", plain)


class LastGood:
    """A decorator: when the function fails with `on`, the last good answer for the same arguments, if not older than `age_max_s`.

    Arguments must be hashable. size: how many different arguments are remembered, the least recently good forgotten first.
    """

    def __init__(
        self,
        age_max_s: float,
        *,
        on: On = Exception,
        size: int = 1000,
        name: str = "",
        observer: Observer | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        need_positive("age_max_s", age_max_s)
        need_count("size", size)
        self._types, self._asks = kinds(on)
        self.age_max_s = age_max_s
        self.size = size
        self.name = name
        self.observer = observer
        self.clock = clock

    def __call__(self, fn: Callable[P, R]) -> Callable[P, R]:
        """`fn`, or what it said last."""
        name = self.name or name_of(fn)
        held: OrderedDict[Hashable, tuple[float, Any]] = OrderedDict()
        if is_async(fn):
            called = cast("Callable[..., Any]", fn)

            @wraps(fn)
            async def guarded(*args: P.args, **kwargs: P.kwargs) -> Any:
                key = (args, tuple(sorted(kwargs.items())))
                try:
                    answer = await called(*args, **kwargs)
                except self._types as error:
                    return self._stale(held, key, error, name)
                return self._keep(held, key, answer)

            return cast("Callable[P, R]", guarded)

        @wraps(fn)
        def plain(*args: P.args, **kwargs: P.kwargs) -> Any:
            key = (args, tuple(sorted(kwargs.items())))
            try:
                answer = fn(*args, **kwargs)
            except self._types as error:
                return self._stale(held, key, error, name)
            return self._keep(held, key, answer)

        return cast("Callable[P, R]", plain)

    def _keep(self, held: OrderedDict[Hashable, tuple[float, Any]], key: Hashable, answer: Any) -> Any:
        held[key] = (self.clock(), answer)
        held.move_to_end(key)
        if len(held) > self.size:
            held.popitem(last=False)
        return answer

    def _stale(self, held: OrderedDict[Hashable, tuple[float, Any]], key: Hashable, error: Exception, name: str) -> Any:
        found = held.get(key)
        if found is None or (self._asks is not None and not self._asks(error)):
            raise error
        age_s = self.clock() - found[0]
        if age_s > self.age_max_s:
            raise error
        tell(self.observer, name, "stale", age_s)
        return found[1]

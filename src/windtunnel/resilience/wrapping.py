"""What all decorators of this package share: which kind of function they got, and many of them in one."""

from __future__ import annotations

from collections.abc import Callable
from functools import reduce
from typing import Any, ParamSpec, TypeVar

from windtunnel.resilience.errors import BadSetting

P = ParamSpec("P")
R = TypeVar("R")


def is_async(fn: Callable[..., Any]) -> bool:
    """Whether calling `fn` gives an awaitable. Raises BadSetting for generators: their work happens after the call."""
    import inspect  # noqa: PLC0415 - loaded by the first decorator, not by the first import

    for shape in (inspect.isgeneratorfunction, inspect.isasyncgenfunction):
        if shape(fn):
            raise BadSetting(f"{name_of(fn)}: expected a function or a coroutine function, got a generator; guard its caller")
    return inspect.iscoroutinefunction(fn) or inspect.iscoroutinefunction(getattr(fn, "__call__", None))  # noqa: B004


def name_of(fn: Callable[..., Any]) -> str:
    """What to call a function in messages."""
    return str(getattr(fn, "__qualname__", None) or repr(fn))


def stack(*guards: Callable[[Callable[..., Any]], Callable[..., Any]]) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """One decorator from several, the outermost first: `stack(fallback, retry, breaker, timeout)`."""

    def decorate(fn: Callable[P, R]) -> Callable[P, R]:
        return reduce(lambda inner, guard: guard(inner), reversed(guards), fn)

    return decorate

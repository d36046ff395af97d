"""How one function is redirected: natively where it is a builtin, by attributes where it is Python or the hooks are not native.

A handler is called as `handler(host, *arguments)`, for methods `handler(host, self, *arguments)`, when the code of a host calls;
it returns the result, or `NotImplemented` for the original's.
"""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from types import FunctionType
from typing import Any

from windtunnel.sim.ambient import switch

_OWN = "windtunnel.sim.ambient"  # whose references to originals are meant


@dataclass(frozen=True, slots=True)
class Hook:
    """One function or method to redirect.

    module: where it is found; hooked when that is imported. name: of the attribute, dots lead into classes. only: the one self
    that is meant, given the module. of: finds the holder of the attribute when no name leads there.
    """

    module: str
    name: str
    handler: Callable[..., Any]
    only: Callable[[Any], Any] | None = None
    of: Callable[[Any], Any] | None = None


@dataclass(slots=True)
class Hooking:
    """Everything that is redirected now, so that it can be given back.

    unreached: names of what could not be redirected: methods of C types, without native hooks.
    """

    unreached: list[str] = field(default_factory=list)
    _attributes: list[tuple[Any, str, Any]] = field(default_factory=list)
    _stands: dict[int, Any] = field(default_factory=dict)  # by the identity of the original, which they keep alive

    def apply(self, hooks: list[Hook]) -> None:
        """Redirect what `hooks` name; their modules have been imported. Names that do not exist here are passed over."""
        fresh: dict[int, Any] = {}
        for hook in hooks:
            module = sys.modules[hook.module]
            *path, last = hook.name.split(".")
            holder: Any = module
            for part in path:
                holder = getattr(holder, part, None)
            if hook.of is not None:
                holder = hook.of(module)
            target = vars(holder).get(last) if holder is not None else None
            if target is None:
                continue
            if switch.native is not None and switch.native.hook(target, hook.handler, hook.only and hook.only(module)):
                continue
            function = isinstance(target, FunctionType)
            if holder is module:
                fresh[id(target)] = (bound if function else Stand)(target, hook.handler)
            elif function:
                self.put(holder, last, bound(target, hook.handler))
            else:
                self.unreached.append(f"{hook.module}.{hook.name}")
        self.replace(fresh)

    def replace(self, stands: dict[int, Any]) -> None:
        """In every module, put what stands in for an object in its place; `stands` is keyed by identity."""
        if not stands:
            return
        self._stands.update(stands)
        for module in list(sys.modules.values()):
            names = getattr(module, "__dict__", None)
            if type(names) is not dict or str(names.get("__name__", "")).startswith(_OWN):  # not every entry is a module
                continue
            for name, value in list(names.items()):
                stand = stands.get(id(value))
                if stand is not None:
                    self._attributes.append((module, name, value))
                    names[name] = stand

    def put(self, holder: Any, name: str, value: Any) -> None:
        """Set an attribute, to be given back later."""
        self._attributes.append((holder, name, vars(holder)[name]))
        setattr(holder, name, value)

    def undo(self) -> None:
        """Give everything back, last first."""
        if switch.native is not None:
            switch.native.unhook()
        while self._attributes:
            holder, name, value = self._attributes.pop()
            setattr(holder, name, value)
        self._stands.clear()
        self.unreached.clear()


class Stand:
    """Stands in for a builtin of a module. Like that it is no function: in the body of a class it does not become a method."""

    __slots__ = ("__dict__", "__wrapped__", "_handler")

    def __init__(self, original: Any, handler: Callable[..., Any]) -> None:
        self.__wrapped__ = original
        self._handler = handler
        self.__doc__ = original.__doc__
        self.__name__ = getattr(original, "__name__", "")
        self.__qualname__ = self.__name__
        self.__module__ = getattr(original, "__module__", None) or ""

    def __call__(self, *args: Any, **options: Any) -> Any:
        """What the handler answers, or else the original."""
        host = switch.acting()
        if host is not None:
            answer = self._handler(host, *args, **options)
            if answer is not NotImplemented:
                return answer
        return self.__wrapped__(*args, **options)

    def __repr__(self) -> str:
        return repr(self.__wrapped__)


def bound(original: Callable[..., Any], handler: Callable[..., Any]) -> Callable[..., Any]:
    """A function, or a method of a Python class, that asks `handler` first."""

    @functools.wraps(original)
    def method(*args: Any, **options: Any) -> Any:
        host = switch.acting()
        if host is not None:
            answer = handler(host, *args, **options)
            if answer is not NotImplemented:
                return answer
        return original(*args, **options)

    return method

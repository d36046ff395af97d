"""The fallback where there are no native hooks: what it does about `datetime`, and what it cannot reach.

Functions of modules are replaced in every module that has them under any name (`sim/ambient/hooking.py`). It does not reach
references held elsewhere (a default argument, an attribute of a class or an object, a closure) that were taken before the hooks
were installed, nor methods of C types: `Lock.acquire`, `epoll.poll`.

`datetime.datetime` cannot be changed, only replaced: by a subclass that looks like it and makes plain `datetime` objects.
"""

from __future__ import annotations

import datetime as dt
from typing import Any

from windtunnel.sim.ambient import clocks, switch
from windtunnel.sim.ambient.hooking import Hooking

_REAL = dt.datetime


class _Looks(type):
    """Its classes have the instances and the subclasses of the real one."""

    def __instancecheck__(cls, instance: Any) -> bool:
        return isinstance(instance, _REAL) if cls is _Datetime else type.__instancecheck__(cls, instance)

    def __subclasscheck__(cls, subclass: type) -> bool:
        return issubclass(subclass, _REAL) if cls is _Datetime else type.__subclasscheck__(cls, subclass)


class _Datetime(_REAL, metaclass=_Looks):
    """Stands in for `datetime.datetime`."""

    def __new__(cls, *args: Any, **options: Any) -> Any:
        return _REAL.__new__(_REAL if cls is _Datetime else cls, *args, **options)

    @classmethod
    def now(cls, tz: Any = None) -> Any:
        """As `datetime.datetime.now`."""
        host = switch.acting()
        return super().now(tz) if host is None else clocks.now(host, cls, tz)

    @classmethod
    def utcnow(cls) -> Any:
        """As `datetime.datetime.utcnow`."""
        host = switch.acting()
        return super().utcnow() if host is None else clocks.utcnow(host, cls)


_Datetime.__name__ = _Datetime.__qualname__ = "datetime"
_Datetime.__module__ = "datetime"


def take_datetime(hooking: Hooking) -> None:
    """Put the subclass in the place of `datetime.datetime`."""
    hooking.replace({id(_REAL): _Datetime})

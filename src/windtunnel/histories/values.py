"""When two values of a history are equal: as JSON, not as Python. A list is not a tuple's length, true is not 1."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Final

from windtunnel.base.messages import Value


class Named:
    """A value of its own kind, which prints as its name."""

    __slots__ = ("name",)

    def __init__(self, name: str) -> None:
        self.name = name

    def __repr__(self) -> str:
        return self.name


_TRUE: Final = Named("true")
_FALSE: Final = Named("false")


def canonical(value: Value) -> Hashable:
    """A hashable stand-in that is equal for equal JSON values only: a list is not its length, true is not 1."""
    kind = type(value)
    if kind is str or kind is int or value is None or kind is float:
        return value  # type: ignore[no-any-return]
    if kind is bool:
        return _TRUE if value else _FALSE
    if isinstance(value, (list, tuple)):
        return tuple([canonical(item) for item in value])
    if isinstance(value, dict):
        return ("{}", frozenset((canonical(key), canonical(item)) for key, item in value.items()))
    if isinstance(value, (set, frozenset)):
        return ("set", frozenset(canonical(item) for item in value))
    return value  # type: ignore[no-any-return]  # a user's own state: hashable by the contract of `step`


def same(a: Value, b: Value) -> bool:
    """Whether two JSON values are equal."""
    if type(a) is type(b) and not isinstance(a, (list, tuple, dict)):
        return bool(a == b)
    return canonical(a) == canonical(b)

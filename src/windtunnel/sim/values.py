"""Cores as values: copy one, and give it a key that is equal exactly when two cores will behave the same.

A core is a tree of numbers, strings, enums, messages, containers and plain objects, plus references to things that its world
lent it (outbox, safeguards, options). Messages are immutable, so they are shared by copies; what is lent is shared too and
does not enter the key. `copy.deepcopy` and pickle know neither of these facts, and cost ten times as much.

Two dicts are the same value whatever their order, and so are two sets: a core whose effects depend on the order of arrival
must keep that order in a list.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Hashable, Mapping
from enum import Enum
from types import FunctionType, MethodType
from typing import Any

from windtunnel.base.messages import Message

_ATOMS = frozenset({int, str, bytes, float, bool, type(None), FunctionType, type})


def clone(value: Any, lent: Mapping[int, Any]) -> Any:
    """A copy of `value` that shares no mutable part with it, except the objects in `lent` (by their `id`)."""
    return _clone(value, dict(lent))


def _clone(value: Any, done: dict[int, Any]) -> Any:
    kind: Any = type(value)
    if kind in _ATOMS or isinstance(value, (Message, Enum, type)):
        return value
    if (known := done.get(id(value))) is not None:
        return known
    copied: Any
    if kind is list or kind is deque:
        copied = done[id(value)] = kind() if kind is list else deque(maxlen=value.maxlen)
        copied.extend([_clone(item, done) for item in value])
    elif isinstance(value, dict):  # an empty one of its own kind: a defaultdict keeps its factory
        copied = done[id(value)] = value.copy()
        copied.clear()
        for name, item in value.items():
            copied[_clone(name, done)] = _clone(item, done)
    elif kind is tuple or kind is set or kind is frozenset:
        copied = done[id(value)] = kind([_clone(item, done) for item in value])
    elif kind is MethodType:
        copied = done[id(value)] = MethodType(value.__func__, _clone(value.__self__, done))
    else:
        fields = _fields(value)
        copied = done[id(value)] = kind.__new__(kind)
        for name, item in fields:
            object.__setattr__(copied, name, _clone(item, done))
    return copied


def key(value: Any, lent: Mapping[int, Any]) -> Hashable:
    """A hashable that stands for `value`; equal keys mean equal behaviour. Raises TypeError for what has no fields to read."""
    return _key(value, lent, ())


def _key(value: Any, lent: Mapping[int, Any], above: tuple[int, ...]) -> Hashable:
    kind = type(value)
    name: Hashable = value
    if kind is int or kind is str or value is None:
        return name
    if kind in _ATOMS:  # True == 1 == 1.0 for Python, not for a core
        return kind, value
    if isinstance(value, (Enum, type)):
        return name
    if isinstance(value, Message):
        return _message_key(value, lent)
    me = id(value)
    if me in lent:
        return None
    if me in above:
        return "above", len(above) - above.index(me)
    above = (*above, me)
    if kind is tuple or kind is list or kind is deque:
        return kind, tuple(_key(item, lent, above) for item in value)
    if kind is set or kind is frozenset:
        return kind, frozenset(_key(item, lent, above) for item in value)
    if isinstance(value, dict):
        return kind, frozenset((_key(name, lent, above), _key(item, lent, above)) for name, item in value.items())
    if kind is MethodType:
        return value.__func__, _key(value.__self__, lent, above)
    return kind, tuple((name, _key(item, lent, above)) for name, item in _fields(value))


def _message_key(message: Message, lent: Mapping[int, Any]) -> Hashable:
    try:
        hash(message)
    except TypeError:  # it carries a client's list or dict
        return type(message), tuple(_key(getattr(message, name), lent, ()) for name in message.__struct_fields__)
    return message


def _fields(value: Any) -> list[tuple[str, Any]]:
    """Names and values of an object's attributes: slots of all its classes, then the rest by name."""
    parents = type(value).__mro__
    own = getattr(value, "__dict__", None)
    if own is None and not any("__slots__" in vars(parent) for parent in parents):
        raise TypeError(f"a core holds a {type(value).__qualname__}, whose state cannot be read: keep plain data in cores")
    names = [name for parent in reversed(parents) for name in _slots(parent) if hasattr(value, name)]
    return [(name, getattr(value, name)) for name in names] + sorted((own or {}).items())


def _slots(parent: type) -> tuple[str, ...]:
    """The attribute names that a class keeps in slots, as they are spelt in the instance."""
    slots = vars(parent).get("__slots__", ())
    names = (slots,) if isinstance(slots, str) else tuple(slots)
    private = f"_{parent.__name__.lstrip('_')}"
    spelt = (private + name if name.startswith("__") and not name.endswith("__") else name for name in names)
    return tuple(name for name in spelt if name not in ("__dict__", "__weakref__"))

"""What a node looks like after an event: its fields as short texts, for the traces of runs that somebody will look at.

A state is read from the outside, by the convention that what a core keeps is in its public fields. Constants of every core
(its name, the others, its outbox, its rules) and private fields are left out. A field that holds an object of the system's own
is opened one level: `log.last_index`. Texts are bounded, however large the value: of a long list the end is shown, where
logs grow. No text has an address or the order of a set in it, so traces stay equal from run to run.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from enum import Enum
from itertools import islice
from operator import attrgetter
from typing import Any, TypeAlias

import msgspec

from windtunnel.base.messages import NodeId

TEXT_MAX = 120  # characters of one field
SHOWN_MAX = 6  # items of a container
TAIL = 3  # items at the end of a long one
APART = frozenset({"me", "name", "nodes", "out", "host", "options", "rules", "safeguards", "setup"})
"""Fields that are the same in every core, and say nothing about what it knows."""

_PLAIN = (bool, int, float, str, bytes, type(None))
_ATOMS = frozenset(_PLAIN)
_LANGUAGE = frozenset({"builtins", "collections", "asyncio", "_asyncio", "functools"})
_SLOTS: dict[type, tuple[str, ...]] = {}  # what is known of classes, asked for a hundred thousand times a run
_OWN: dict[type, bool] = {}
_CONSTANT: dict[type, bool] = {}
_GETTERS: dict[type, Callable[[Any], Any]] = {}
_WRITERS: dict[type, Callable[[Any, int], str]] = {}
_TOLD: dict[str, bool] = {}
_NAMES: dict[tuple[str, str], str] = {}
_UNSET = object()

_Known: TypeAlias = tuple[Any, str, bool]
"""Of a field: what its text was made of, the text, and whether what it was made of can only be replaced, not changed."""


class States:
    """Remembers the state of each node as it was last told, and says what differs.

    Told after every event of a traced run, so it is quick where nothing happened: a text is written again only if what it
    shows (the number of items and the shown ones) is not what it was.
    """

    def __init__(self) -> None:
        self._known: dict[NodeId, dict[str, _Known]] = {}

    def changes(self, node: NodeId, core: object) -> dict[str, str]:
        """The fields of `core` that are not as at the last call, all of them at the first; a field that is gone is empty."""
        known = self._known.setdefault(node, {})
        found: dict[str, str] = {}
        fields = 0
        for name, value in _own(core):
            before = known.get(name)
            if before is not None and before[0] is value and before[2]:
                fields += 1
            elif type(value) in _ATOMS:
                fields += 1
                _compare(name, value, known, found)
            else:
                for inner, part in _opened(value):
                    _compare(_joined(name, inner) if inner else name, part, known, found)
                    fields += 1
        if fields < len(known):
            _drop(core, known, found)
        return found

    def forget(self, node: NodeId) -> None:
        """The node is down: what it knew is gone, and the next call tells everything."""
        self._known.pop(node, None)


def _opened(value: Any) -> list[tuple[str, Any]]:
    """The parts that are fields of their own: of an object of the system, and of a few of them by name."""
    kind = type(value)
    if _is_own(kind):
        return _own(value) if not callable(value) else []
    if kind is dict and 0 < len(value) <= 2 * SHOWN_MAX and _is_own(type(next(iter(value.values())))):
        return [(_key(key), item) for key, item in value.items()]
    return [("", value)]


def _drop(core: object, known: dict[str, _Known], found: dict[str, str]) -> None:
    """Report the fields that are no longer there."""
    present: set[str] = set()
    for name, value in _own(core):
        present.update(f"{name}.{inner}" if inner else name for inner, _ in _opened(value))
    for name in sorted(set(known) - present):
        del known[name]
        found[name] = ""


def _compare(name: str, value: Any, known: dict[str, _Known], found: dict[str, str]) -> None:
    shown = value if type(value) in _ATOMS else _shown(value)
    before = known.get(name)
    if before is not None and before[2] and (before[0] is shown or before[0] == shown):
        return
    text = text_of(value)
    known[name] = (shown, text, _constant(shown))
    if before is None or before[1] != text:
        found[name] = text


def _shown(value: Any) -> Any:
    """What decides the text of a value: of a container the items that are shown, of an object of the system its fields."""
    kind = type(value)
    if kind is list or kind is deque or kind is tuple:
        if value and _is_own(type(value[0])):
            return len(value)
        return tuple(value) if len(value) <= SHOWN_MAX else (len(value), *islice(reversed(value), TAIL))
    if kind is dict:
        return tuple(value.items()) if len(value) <= SHOWN_MAX else (len(value), *islice(reversed(value.items()), TAIL))
    if kind is set:
        return frozenset(value)
    return _fields(value) if _is_own(kind) else value


def _fields(thing: Any) -> tuple[Any, ...]:
    """The values of the slots of an object; where not all are filled, or it has none, those of its fields."""
    slots = _slots(type(thing))
    if slots:
        getter = _GETTERS.get(type(thing))
        if getter is None:
            getter = _GETTERS[type(thing)] = attrgetter(slots[0], *slots)
        try:
            return tuple(getter(thing))
        except AttributeError:
            pass
    return tuple(value for _, value in _own(thing))


def _constant(value: Any) -> bool:
    """Whether a value never changes, so that it can stand for itself."""
    kind = type(value)
    if kind is tuple:
        return len(value) <= 4 * SHOWN_MAX and all(map(_constant, value))
    known = _CONSTANT.get(kind)
    if known is None:
        known = _CONSTANT[kind] = issubclass(kind, (*_PLAIN, Enum, msgspec.Struct, frozenset))
    return known


def text_of(value: Any) -> str:
    """A value in at most 120 characters."""
    text = _text(value, 2)
    return text if len(text) <= TEXT_MAX else text[: TEXT_MAX - 1] + "…"


def _own(thing: object) -> list[tuple[str, Any]]:
    slots = _SLOTS.get(type(thing))
    if slots is None:
        slots = _slots(type(thing))
    found = [(name, value) for name in slots if (value := getattr(thing, name, _UNSET)) is not _UNSET]
    more = getattr(thing, "__dict__", None)
    if more:
        found += [item for item in more.items() if _is_told(item[0])]
    return found


def _is_told(name: str) -> bool:
    told = _TOLD.get(name)
    if told is None:
        told = _TOLD[name] = name[:1] != "_" and name not in APART
    return told


def _joined(name: str, inner: str) -> str:
    joined = _NAMES.get((name, inner))
    if joined is None:
        joined = _NAMES[name, inner] = f"{name}.{inner}"
    return joined


def _slots(kind: type) -> tuple[str, ...]:
    """The public slots of a class and of its bases; the fields of a message."""
    known = _SLOTS.get(kind)
    if known is not None:
        return known
    names: dict[str, None] = {}
    for base in reversed(kind.__mro__):
        slots = base.__dict__.get("__slots__", ())
        names.update(dict.fromkeys((slots,) if isinstance(slots, str) else slots))
    fields = kind.__struct_fields__ if issubclass(kind, msgspec.Struct) else names
    found = _SLOTS[kind] = tuple(name for name in fields if _is_told(name))
    return found


def _is_own(kind: type) -> bool:
    """Whether a class is the system's: not of the language, no value."""
    known = _OWN.get(kind)
    if known is None:
        apart = issubclass(kind, (*_PLAIN, Enum, msgspec.Struct, list, tuple, dict, set, frozenset))
        known = _OWN[kind] = not apart and kind.__module__.partition(".")[0] not in _LANGUAGE
    return known


# --- Bounded texts ---


def _text(value: Any, depth: int) -> str:
    kind = type(value)
    if kind is int or value is None:
        return repr(value)
    writer = _WRITERS.get(kind)
    if writer is None:
        writer = _WRITERS[kind] = _writer(kind)
    return writer(value, depth)


def _writer(kind: type) -> Callable[[Any, int], str]:
    """How values of a class are written."""
    if issubclass(kind, Enum):
        return lambda value, _: str(value) if issubclass(kind, str) else str(value.name).lower()
    if issubclass(kind, (str, bytes)):
        return lambda value, _: repr(value[:TEXT_MAX])
    if issubclass(kind, float):
        return lambda value, _: f"{value:.6g}"
    if issubclass(kind, int):
        return lambda value, _: repr(value)
    if issubclass(kind, Mapping):
        return _mapping
    if issubclass(kind, (set, frozenset)):
        return _set
    if issubclass(kind, (list, tuple)) or (hasattr(kind, "__len__") and hasattr(kind, "__reversed__")):
        return _row
    return _object


def _row(items: Any, depth: int) -> str:
    count = len(items)
    if count and _is_own(type(items[0])):
        return f"{count} {type(items[0]).__name__}"
    if depth == 0:
        return f"{count} items"
    shown = list(items) if count <= SHOWN_MAX else list(islice(reversed(items), TAIL))[::-1]
    more = [] if len(shown) == count else [f"… {count - len(shown)} more"]
    return "[" + ", ".join([*more, *(_text(item, depth - 1) for item in shown)]) + "]"


def _mapping(items: Mapping[Any, Any], depth: int) -> str:
    count = len(items)
    if depth == 0:
        return f"{count} items"
    shown = list(items.items())
    shown = shown if count <= SHOWN_MAX else shown[-TAIL:]
    more = [] if len(shown) == count else [f"… {count - len(shown)} more"]
    return "{" + ", ".join([*more, *(f"{_key(key)}: {_text(item, depth - 1)}" for key, item in shown)]) + "}"


def _key(key: Any) -> str:
    return key if isinstance(key, str) else _text(key, 1)


def _set(items: Any, depth: int) -> str:
    texts = sorted(_text(item, depth - 1) for item in items) if depth and len(items) <= 4 * SHOWN_MAX else []
    return "{" + ", ".join(texts) + "}" if texts or not items else f"{len(items)} items"


def _object(value: Any, depth: int) -> str:
    kind = type(value)
    if depth == 0 or not (isinstance(value, msgspec.Struct) or _is_own(kind)):
        return kind.__name__
    inner = _own(value)[:SHOWN_MAX]
    return f"{kind.__name__}({', '.join(f'{name}={_text(part, depth - 1)}' for name, part in inner)})"

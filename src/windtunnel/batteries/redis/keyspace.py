"""What a Redis server holds: databases of keys, values of five types, and times at which keys end.

A value is bytes (a string), `Hash`, `List`, `Set` or `SortedSet`. Containers that become empty are removed with their key.
Times are milliseconds since 1970, of the machine's wall clock: a clock that jumps makes keys end early or late, as it does there.
"""

from __future__ import annotations

import time
from bisect import bisect_left, bisect_right, insort
from collections import deque
from collections.abc import Callable, Iterator
from typing import Any, TypeAlias, TypeVar

from windtunnel.batteries.resp import Error

WRONG_TYPE = "WRONGTYPE Operation against a key holding the wrong kind of value"

T = TypeVar("T")


class Hash(dict[bytes, bytes]):
    """Fields and values."""


class List(deque[bytes]):
    """A list, cheap at both ends."""


class Set(dict[bytes, None]):
    """Members, in the order in which they came: an order that does not depend on the process."""


class SortedSet:
    """Members with scores, in the order of scores and then of members."""

    __slots__ = ("order", "scores")

    def __init__(self) -> None:
        self.scores: dict[bytes, float] = {}
        self.order: list[tuple[float, bytes]] = []

    def put(self, member: bytes, score: float) -> None:
        """Set the score of a member."""
        self.discard(member)
        self.scores[member] = score
        insort(self.order, (score, member))

    def discard(self, member: bytes) -> bool:
        """Remove a member; whether it was there."""
        score = self.scores.pop(member, None)
        if score is None:
            return False
        del self.order[bisect_left(self.order, (score, member))]
        return True

    def rank(self, member: bytes) -> int:
        """The position of a member that is there."""
        return bisect_left(self.order, (self.scores[member], member))

    def first_at(self, score: float, *, after: bool) -> int:
        """The position of the first member with at least (after: more than) that score."""
        if after:
            return bisect_right(self.order, score, key=lambda pair: pair[0])
        return bisect_left(self.order, score, key=lambda pair: pair[0])

    def __len__(self) -> int:
        return len(self.order)

    def __iter__(self) -> Iterator[bytes]:
        return (member for _, member in self.order)


Value: TypeAlias = bytes | Hash | List | Set | SortedSet

TYPE_NAMES = {bytes: "string", Hash: "hash", List: "list", Set: "set", SortedSet: "zset"}


def copied(value: Value) -> Value:
    """A value of its own."""
    match value:
        case Hash():
            return Hash(value)
        case List():
            return List(value)
        case Set():
            return Set(value)
        case SortedSet():
            twin = SortedSet()
            twin.scores, twin.order = dict(value.scores), list(value.order)
            return twin
        case _:
            return value


def now_ms() -> int:
    """The wall clock."""
    return int(time.time() * 1000)


class Database:
    """One numbered database.

    changed: told of every key that is written. ended: asked about a key whose time has come: whether it counts as gone.
    """

    def __init__(self, index: int, changed: Callable[[Database, bytes], None], ended: Callable[[Database, bytes], bool]) -> None:
        self.index = index
        self.values: dict[bytes, Value] = {}
        self.ends: dict[bytes, int] = {}
        self._changed = changed
        self._ended = ended

    def get(self, key: bytes) -> Value | None:
        """The value of a key whose time has not come, or None."""
        value = self.values.get(key)
        if value is not None and key in self.ends and self.ends[key] <= now_ms() and self._ended(self, key):
            return None
        return value

    def typed(self, key: bytes, kind: type[T]) -> T | None:
        """The value, which must be of that type. Raises Error (WRONGTYPE)."""
        value = self.get(key)
        if value is not None and not isinstance(value, kind):
            raise Error(WRONG_TYPE)
        return value

    def made(self, key: bytes, kind: type[Any]) -> Any:
        """The value, or a new empty one under that key. Raises Error (WRONGTYPE)."""
        value = self.typed(key, kind)
        if value is None:
            value = self.values[key] = kind()
        return value

    def put(self, key: bytes, value: Value, *, keep_end: bool = False) -> None:
        """Set a key, without a time to end unless it keeps its own."""
        self.values[key] = value
        if not keep_end:
            self.ends.pop(key, None)
        self.touch(key)

    def touch(self, key: bytes) -> None:
        """The value was changed in place; a container that is empty now goes."""
        value = self.values.get(key)
        if value is not None and not isinstance(value, bytes) and not len(value):
            self.drop(key)
        self._changed(self, key)

    def drop(self, key: bytes) -> bool:
        """Remove a key, without telling; whether it was there."""
        self.ends.pop(key, None)
        return self.values.pop(key, None) is not None

    def delete(self, key: bytes) -> bool:
        """Remove a key; whether it was there."""
        if self.get(key) is None:
            return False
        self.drop(key)
        self._changed(self, key)
        return True

    def end_at(self, key: bytes, at_ms: int) -> None:
        """Let a key end then."""
        self.ends[key] = at_ms
        self._changed(self, key)

    def present(self) -> list[bytes]:
        """Every key whose time has not come."""
        now = now_ms()
        return [key for key in self.values if self.ends.get(key, now + 1) > now]

    def clear(self) -> bool:
        """Remove everything; whether there was something."""
        keys = list(self.values)
        self.values.clear()
        self.ends.clear()
        for key in keys:
            self._changed(self, key)
        return bool(keys)

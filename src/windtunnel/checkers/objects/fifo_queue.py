"""A queue: first in, first out.

With distinct values a history is wrong in four ways only (Henzinger, Sezgin & Vafeiadis, "Aspect-oriented linearizability
proofs", CONCUR 2013): a value taken that was not put in (before), a value taken twice, a value overtaken by one that was
certainly put in later, and a take that found nothing while something was certainly there all the time. Sorting finds each of
them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from windtunnel.checkers.objects.collection import Collection
from windtunnel.histories.columns import Columns


class FifoQueue(Collection):
    """A FIFO queue: enqueue a value, dequeue the one that has been there longest, null if there is none."""

    name: ClassVar[str] = "queue"
    put: ClassVar[str] = "enqueue"
    take: ClassVar[str] = "dequeue"
    noun: ClassVar[str] = "queue"
    functions: Mapping[str, str] = {"enqueue": "enqueue(value)", "dequeue": "dequeue() -> value or null"}

    def removed(self, state: tuple[Any, ...]) -> tuple[Any, tuple[Any, ...]]:
        """The first one."""
        return state[0], state[1:]

    def conflict(self, columns: Columns, key: int) -> list[int] | None:
        """A value and the one that overtook it; or an empty answer, and the values that were there all the time."""
        from windtunnel.checkers.objects.lifetimes import Impossible, lifetimes  # noqa: PLC0415 - numpy, only where it decides
        from windtunnel.checkers.objects.queue_patterns import not_empty, overtaken  # noqa: PLC0415

        lives = lifetimes(columns, key, self.put, self.take)
        if lives is None or isinstance(lives, Impossible):
            return None if lives is None else lives.core
        return overtaken(lives) or not_empty(lives)

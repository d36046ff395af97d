"""Simulated services whose operations hang together: accounts, broadcasts, replicas, effects. Their faults act on the live state.

A service keeps its promise by construction. A fault is a short act in which it breaks it, by clients of its own, and in which
somebody sees it; what it leaves behind stays. So, unlike the scripts of `plants`, a fault says nothing of the promises that it
might keep: those stay open, unless the fault names them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Final

from windtunnel.base.messages import Value
from windtunnel.base.streams import Stream
from windtunnel.generators.timeline import Timeline
from windtunnel.histories import Operation


@dataclass(frozen=True, slots=True)
class Flaw:
    """A fault of a service. act: what happens, event by event, given the service and the number of the fault in this history."""

    name: str
    doc: str
    act: Callable[[Any, int], Iterator[None]]
    keeps: tuple[str, ...]
    breaks: tuple[str, ...]


class Served:
    """What all services have: calls of which one step is the effect.

    keys: how many accounts, replicas ... there are. faults: how many will act, numbered from 0; planted: their operations.
    """

    levels: ClassVar[Mapping[str, tuple[str, ...]]]

    def __init__(self, level: str, timeline: Timeline, keys: int, faults: int) -> None:
        self.level = level
        self.timeline = timeline
        self.planted: dict[int, list[int]] = {number: [] for number in range(faults)}
        self.keys = keys
        self.gone = False
        self.answer: Any = None
        self._count = 0

    @property
    def stream(self) -> Stream:
        """Whatever is drawn."""
        return self.timeline.stream

    def fresh(self) -> int:
        """A number that was not used before."""
        self._count += 1
        return self._count

    def planned(self, number: int, process: int, f: str, key: Value = None, value: Value = None) -> Operation:
        """An operation of a fault begins."""
        operation = self.timeline.invoke(process, f, key, value)
        self.planted[number].append(operation.index)
        return operation

    def call(self, number: int, process: int, f: str, effect: Callable[[], Value], *, value: Value = None) -> Iterator[None]:
        """A whole operation of a fault: invocation, effect, answer."""
        operation = self.planned(number, process, f, None, value)
        yield
        answer = effect()
        yield
        self.timeline.complete(operation, "ok", answer)
        yield

    def calling(self, process: int, lost: float, f: str, effect: Callable[[], Value], *, value: Value = None) -> Iterator[None]:
        """One operation of a client; `gone` and `answer` tell what came of it. If the effect raises Refused it fails."""
        operation = self.timeline.invoke(process, f, None, value)
        yield
        gone = self.stream.chance(lost)
        answer: Value = None
        refused = False
        if not gone or self.stream.chance(0.5):
            try:
                answer = effect()
            except Refused:
                refused = True
        yield
        self.answer = NOTHING if gone or refused else answer
        if gone:
            self.timeline.complete(operation, "info", error="no answer")
        elif refused:
            self.timeline.complete(operation, "fail", error="refused")
        else:
            self.timeline.complete(operation, "ok", answer)
        self.gone = gone
        yield

    def closing(self) -> Iterator[None]:
        """Most services owe nothing in the end."""
        return iter(())


class Refused(Exception):  # noqa: N818 - what happened
    """The service cannot do that now."""


NOTHING: Final = object()
"""What a client was answered when the service refused, or nobody answered."""

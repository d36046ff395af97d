"""Simulated objects: each operation happens at one step between its events, so the steps are a linearization.

Replicated sets and counters (level eventual) are the exception: additions reach the replica of each process later, in any order.
When the traffic is over, all have reached all, and every process reads once more.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias

from windtunnel.base.messages import Value
from windtunnel.base.streams import Stream
from windtunnel.generators.timeline import Timeline

REFUSED: Final = object()
"""The answer of an object to what it cannot do now; the operation fails."""

_VALUES: Final = 5
"""Values of a cas-register: few, so that a comparison often holds."""

PER_KEY: Final = 40
"""Operations about one object before another one takes its place."""

Act: TypeAlias = "Callable[[Any, str, Any, int], tuple[Any, Any]]"


def _line(state: list[Any], f: str, value: Any, _: int, put: str, which: Callable[[list[Any]], int]) -> tuple[Any, Any]:
    if f == put:
        return [*state, value], None
    if not state:
        return state, None
    at = which(state)
    return state[:at] + state[at + 1 :], state[at]


def _queue(state: list[Any], f: str, value: Any, process: int) -> tuple[Any, Any]:
    return _line(state, f, value, process, "enqueue", lambda _: 0)


def _stack(state: list[Any], f: str, value: Any, process: int) -> tuple[Any, Any]:
    return _line(state, f, value, process, "push", lambda values: len(values) - 1)


def _priority_queue(state: list[Any], f: str, value: Any, process: int) -> tuple[Any, Any]:
    return _line(state, f, value, process, "insert", lambda values: values.index(min(values)))


def _set(state: list[Any], f: str, value: Any, _: int) -> tuple[Any, Any]:
    return ([*state, value], None) if f == "add" else (state, sorted(state))


def _counter(state: int, f: str, value: Any, _: int) -> tuple[Any, Any]:
    return (state + value, None) if f == "add" else (state, state)


def _cas_register(state: int | None, f: str, value: Any, _: int) -> tuple[Any, Any]:
    if f == "cas":
        return (value[1], None) if state == value[0] else (state, REFUSED)
    return (value, None) if f == "write" else (state, state)


def _multi_register(state: Mapping[str, int], _f: str, value: Any, _p: int) -> tuple[Any, Any]:
    held, answer = dict(state), []
    for f, name, new in value:
        if f == "w":
            held[name] = new
        answer.append([f, name, new if f == "w" else held.get(name)])
    return held, answer


def _log(state: tuple[list[int], dict[int, int]], f: str, value: Any, process: int) -> tuple[Any, Any]:
    messages, places = state
    if f == "send":
        return ([*messages, value], places), len(messages)
    place = places.get(process, 0)
    polled = [[place + at, message] for at, message in enumerate(messages[place : place + 3])]
    return (messages, {**places, process: place + len(polled)}), polled


def _semaphore(state: int, f: str, _: Any, _p: int) -> tuple[Any, Any]:
    left = state - 1 if f == "acquire" else state + 1
    return (left, None) if 0 <= left <= 1 else (state, REFUSED)


def _mutex(state: int | None, f: str, _: Any, process: int) -> tuple[Any, Any]:
    if f == "acquire":
        return (process, None) if state is None else (state, REFUSED)
    return (None, None) if state == process else (state, REFUSED)


def _fencing_lock(state: tuple[int | None, int], f: str, _: Any, process: int) -> tuple[Any, Any]:
    holder, token = state
    if f == "acquire":
        return ((process, token + 1), token + 1) if holder is None else (state, REFUSED)
    return ((None, token), None) if holder == process else (state, REFUSED)


def _ids(state: int, _f: str, _v: Any, _p: int) -> tuple[Any, Any]:
    return state + 1, state + 1


def _inserts(state: bool, _f: str, _v: Any, _p: int) -> tuple[Any, Any]:  # noqa: FBT001 - a state
    return (True, None) if not state else (state, REFUSED)


@dataclass(frozen=True, slots=True)
class Object:
    """An interface. calls: (operation, whether it takes a fresh value). levels: each with the rungs that it keeps.

    lossy: whether clients may go away without an answer (a lock that is then held for ever would make a dull history).
    whole: whether there is one object, without a key.
    """

    start: Any
    act: Act
    calls: tuple[tuple[str, bool], ...]
    levels: Mapping[str, tuple[str, ...]]
    lossy: bool = True
    whole: bool = False


OBJECTS: Final[Mapping[str, Object]] = {
    "cas-register": Object(
        None, _cas_register, (("read", False), ("write", True), ("cas", True)), {"linearizable": ("cas-register",)}
    ),
    "multi-register": Object({}, _multi_register, (("txn", True),), {"linearizable": ("multi-register",)}, whole=True),
    "queue": Object([], _queue, (("enqueue", True), ("dequeue", False)), {"linearizable": ("queue",)}),
    "stack": Object([], _stack, (("push", True), ("pop", False)), {"linearizable": ("stack",)}),
    "priority-queue": Object([], _priority_queue, (("insert", True), ("take", False)), {"linearizable": ("priority-queue",)}),
    "set": Object(
        [],
        _set,
        (("add", True), ("read", False)),
        {"linearizable": ("set", "set-full@linearizable"), "eventual": ("set-full", "read-your-writes", "monotonic-reads")},
    ),
    "counter": Object(
        0, _counter, (("add", True), ("read", False)), {"linearizable": ("counter",), "eventual": ("pn-counter@eventual",)}
    ),
    "mutex": Object(None, _mutex, (("acquire", False), ("release", False)), {"linearizable": ("mutex",)}, lossy=False),
    "fencing-lock": Object(
        (None, 0), _fencing_lock, (("acquire", False), ("release", False)), {"linearizable": ("fencing-lock",)}, lossy=False
    ),
    "semaphore": Object(1, _semaphore, (("acquire", False), ("release", False)), {"linearizable": ("semaphore",)}, lossy=False),
    "log": Object(([], {}), _log, (("send", True), ("poll", False)), {"delivery": ("log",)}),
    "unique-ids": Object(
        0,
        _ids,
        (("generate", False),),
        {"rising": ("unique-ids@rising",), "session-rising": ("unique-ids@session-rising",), "unique": ("unique-ids",)},
    ),
    "adya-g2": Object(False, _inserts, (("insert", True),), {"serializable": ("adya-g2",)}),
}
"""By interface."""


@dataclass(slots=True)
class Bench:
    """The objects of one history, and the clients that use them."""

    interface: str
    level: str
    timeline: Timeline
    states: dict[str | None, Any] = field(default_factory=dict)
    begun: int = 0
    values: int = 0
    added: dict[str, list[int]] = field(default_factory=dict)
    known: dict[tuple[int, str], set[int]] = field(default_factory=dict)

    @property
    def replicated(self) -> bool:
        """Whether every process has a replica."""
        return self.level == "eventual"

    def client(self, keys: int, lost: float) -> Iterator[None]:
        """A client. lost: chance that an answer never comes; it goes on as another process."""
        timeline, stream = self.timeline, self.timeline.stream
        kind = OBJECTS[self.interface]
        process = timeline.process()
        while timeline.begin():
            self.begun += 1
            f, fresh = stream.choice(kind.calls)
            key = None if kind.whole else f"k{self.begun // PER_KEY // keys * keys + stream.below(keys)}"
            value: Value = self._value(stream, f, keys) if fresh else None
            operation = timeline.invoke(process, f, key, value)
            yield
            gone = kind.lossy and stream.chance(lost)
            answer: Any = None
            if not gone or stream.chance(0.5):
                answer = self._act(process, f, key, value)
            yield
            if gone:
                timeline.complete(operation, "info", error="no answer")
                process = timeline.process()
            elif answer is REFUSED:
                timeline.complete(operation, "fail", error="refused")
            else:
                timeline.complete(operation, "ok", answer)
            yield

    def _value(self, stream: Stream, f: str, keys: int) -> Value:
        self.values += 1
        if self.interface == "cas-register":
            return [stream.below(_VALUES), stream.below(_VALUES)] if f == "cas" else stream.below(_VALUES)
        if self.interface == "multi-register":
            names = [f"k{stream.below(keys)}" for _ in range(1 + stream.below(3))]
            return [["w", name, self.values] if stream.chance(0.5) else ["r", name, None] for name in dict.fromkeys(names)]
        if self.interface == "adya-g2":
            return [self.values, None] if stream.chance(0.5) else [None, self.values]
        if self.interface == "priority-queue":
            return self.values * 1000 + stream.below(1000) if stream.chance(0.5) else 1_000_000_000 - self.values
        return self.values

    def _act(self, process: int, f: str, key: str | None, value: Value) -> Any:
        if self.interface == "unique-ids" and self.level != "rising":
            return self._own_range(process, key)
        kind = OBJECTS[self.interface]
        if not self.replicated:
            self.states[key], answer = kind.act(self.states.get(key, kind.start), f, value, process)
            return answer
        assert key is not None, "replicas are of keys"
        mine = self.known.setdefault((process, key), set())
        added = self.added.setdefault(key, [])
        if f == "add":
            assert isinstance(value, int), "what is added is a number"
            added.append(value)
            mine.add(value)
            return None
        mine.update(v for v in added if self.timeline.stream.chance(0.3))
        return sorted(mine) if self.interface == "set" else sum(mine)

    def _own_range(self, process: int, key: str | None) -> int:
        """Ids that rise in each session; at the level `unique` they fall."""
        count: int = self.states.get(f"{process} {key}", 0) + 1
        self.states[f"{process} {key}"] = count
        return count * 1000 + process if self.level == "session-rising" else -count * 1000 - process

    def closing(self) -> Iterator[None]:
        """What replicated objects owe in the end: every process reads everything of every key that it used."""
        for process, key in sorted(self.known) if self.replicated else ():
            operation = self.timeline.invoke(process, "read", key)
            yield
            added = self.added[key]
            self.timeline.complete(operation, "ok", sorted(added) if self.interface == "set" else sum(added))
            yield

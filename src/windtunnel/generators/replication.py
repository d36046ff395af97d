"""Simulated broadcasts and replicas, and what goes wrong with them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import ClassVar

from windtunnel.base.messages import Value
from windtunnel.generators.service import Refused, Served
from windtunnel.generators.timeline import Timeline


@dataclass(frozen=True, slots=True)
class _Message:
    """needs: per sender, how many of its messages come before this one."""

    value: str
    sender: int
    needs: Mapping[int, int]


class Broadcast(Served):
    """Messages that every process delivers: in one order for all, in the order of causes, or of each sender."""

    levels: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "total-order": ("total-order-broadcast", "causal-broadcast"),
        "causal": ("causal-broadcast",),
        "fifo": ("fifo-broadcast",),
    }

    def __init__(self, level: str, timeline: Timeline, keys: int, faults: int) -> None:
        super().__init__(level, timeline, keys, faults)
        self.sent: list[_Message] = []
        self.of: dict[int, list[_Message]] = {}
        self.delivered: dict[int, dict[int, int]] = {}

    def client(self, lost: float) -> Iterator[None]:
        """Broadcasts and deliveries."""
        process = self.timeline.process()
        while self.timeline.begin():
            if self.stream.chance(0.25):
                value = f"m{self.fresh()}"
                yield from self.calling(process, lost, "broadcast", partial(self.send, process, value), value=value)
            else:
                yield from self.calling(process, 0.0, "deliver", partial(self._next, process))
            process = self.timeline.process() if self.gone else process

    def send(self, process: int, value: str) -> None:
        """A message, after whatever its sender delivered and sent."""
        mine = self.of.setdefault(process, [])
        needs = {**self.delivered.setdefault(process, {}), process: len(mine)}
        if self.level == "fifo":
            needs = {process: len(mine)}
        message = _Message(value, process, needs)
        mine.append(message)
        self.sent.append(message)

    def _next(self, process: int) -> str:
        known = self.delivered.setdefault(process, {})
        if self.level == "total-order":
            at = sum(known.values())
            ready = self.sent[at : at + 1]
        else:
            waiting = [
                messages[known.get(sender, 0)] for sender, messages in self.of.items() if known.get(sender, 0) < len(messages)
            ]
            ready = [m for m in waiting if all(known.get(sender, 0) >= count for sender, count in m.needs.items())]
        if not ready:
            raise Refused
        message = self.stream.choice(ready)
        known[message.sender] = known.get(message.sender, 0) + 1
        return message.value


def told(service: Broadcast, number: int, script: str) -> Iterator[None]:
    """`0!a` process 0 broadcasts a, `1?a` process 1 delivers it, whatever else there is to deliver."""
    processes = {letter: service.timeline.process() for letter in sorted({step[0] for step in script.split()})}
    for step in script.split():
        process, value = processes[step[0]], f"p{number}{step[2:]}"
        if step[1] == "!":
            yield from service.call(number, process, "broadcast", partial(service.send, process, value), value=value)
        else:
            yield from service.call(number, process, "deliver", partial(_show, service, process, value))


def _show(service: Broadcast, process: int, value: str) -> str:
    message = next((message for message in service.sent if message.value == value), None)
    if message is not None:
        known = service.delivered.setdefault(process, {})
        known[message.sender] = max(known.get(message.sender, 0), service.of[message.sender].index(message) + 1)
    return value


class Replicas(Served):
    """A set with a replica at every key: updates travel, causes first at the level `causal`, and in the end are everywhere."""

    levels: ClassVar[Mapping[str, tuple[str, ...]]] = {"causal": ("convergence@causal",), "eventual": ("convergence",)}

    def __init__(self, level: str, timeline: Timeline, keys: int, faults: int) -> None:
        super().__init__(level, timeline, keys, faults)
        self.replicas: dict[str, list[str]] = {f"n{number}": [] for number in range(max(2, keys))}
        self.causes: dict[str, tuple[str, ...]] = {}
        self.known: dict[int, list[str]] = {}

    def client(self, lost: float) -> Iterator[None]:
        """Updates and observations, each at some replica."""
        process = self.timeline.process()
        while self.timeline.begin():
            replica = self.stream.choice(list(self.replicas))
            if self.stream.chance(0.4):
                update = f"u{self.fresh()}"
                yield from self._update(process, replica, update, lost)
            else:
                yield from self.observe(process, replica)
            process = self.timeline.process() if self.gone else process

    def _update(self, process: int, replica: str, update: str, lost: float) -> Iterator[None]:
        operation = self.timeline.invoke(process, "update", replica, update)
        self.causes[update] = tuple(self.known.setdefault(process, []))
        yield
        gone = self.stream.chance(lost)
        if not gone or self.stream.chance(0.5):
            self.deliver(replica, update)
        yield
        self.timeline.complete(operation, "info" if gone else "ok", error="no answer" if gone else None)
        self.known[process].append(update)
        self.gone = gone
        yield

    def observe(self, process: int, replica: str, number: int | None = None) -> Iterator[None]:
        """What has arrived at a replica by now. number: of the fault that asks."""
        operation = self.timeline.invoke(process, "observe", replica)
        if number is not None:
            self.planted[number].append(operation.index)
        yield
        self._travel(replica)
        seen = list(self.replicas[replica])
        yield
        self.timeline.complete(operation, "ok", {"state": sorted(seen), "delivered": list[Value](seen)})
        known = self.known.setdefault(process, [])
        known += [update for update in seen if update not in known]
        self.gone = False
        yield

    def _travel(self, replica: str) -> None:
        """Some of what other replicas have arrives."""
        there = {update: None for updates in self.replicas.values() for update in updates}
        for update in there:
            if update not in self.replicas[replica] and self.stream.chance(0.3):
                self.deliver(replica, update)

    def deliver(self, replica: str, update: str) -> None:
        """An update arrives; at the level `causal` after its causes."""
        waiting = [update]
        while waiting:
            last = waiting[-1]
            lacking = [] if self.level != "causal" else [c for c in self.causes[last] if c not in self.replicas[replica]]
            if lacking:
                waiting += lacking
            else:
                waiting.pop()
                if last not in self.replicas[replica]:
                    self.replicas[replica].append(last)

    def closing(self) -> Iterator[None]:
        """Everything arrives everywhere, and somebody observes every replica."""
        for updates in list(self.replicas.values()):
            for update in list(updates):
                for replica in self.replicas:
                    self.deliver(replica, update)
        process = self.timeline.process()
        for replica in self.replicas:
            yield from self.observe(process, replica)


def answer(
    service: Replicas, number: int, state: Callable[[list[str]], Value], shown: Callable[[list[str]], Value]
) -> Iterator[None]:
    """An observation that says something else than what is there."""
    operation = service.planned(number, service.timeline.process(), "observe", "n0")
    yield
    seen = list(service.replicas["n0"])
    yield
    service.timeline.complete(operation, "ok", {"state": state(sorted(seen)), "delivered": shown(seen)})
    yield


def diverged(service: Replicas, number: int) -> Iterator[None]:
    """Two replicas that delivered the same are in different states."""
    one = service.planned(number, service.timeline.process(), "observe", "n0")
    two = service.planned(number, service.timeline.process(), "observe", "n1")
    yield
    seen = list[Value](service.replicas["n0"])
    yield
    service.timeline.complete(one, "ok", {"state": "left", "delivered": seen})
    service.timeline.complete(two, "ok", {"state": "right", "delivered": seen})
    yield


def regressed(service: Replicas, number: int) -> Iterator[None]:
    """A replica no longer has an update that it had."""
    name = f"p{number}"
    operation = service.planned(number, service.timeline.process(), "update", "n0", name)
    service.causes[name] = ()
    yield
    service.deliver("n0", name)
    service.timeline.complete(operation, "ok")
    yield
    yield from service.observe(service.timeline.process(), "n0", number)
    yield from answer(service, number, lambda seen: [u for u in seen if u != name], lambda seen: [u for u in seen if u != name])


def repeated(service: Replicas, number: int) -> Iterator[None]:
    """A replica delivers an update twice."""
    name = f"p{number}"
    operation = service.planned(number, service.timeline.process(), "update", "n0", name)
    service.causes[name] = ()
    yield
    service.deliver("n0", name)
    yield
    service.timeline.complete(operation, "ok")
    yield
    yield from answer(service, number, lambda seen: seen, lambda seen: [*seen, name])


def lost(service: Replicas, number: int) -> Iterator[None]:
    """An acknowledged update reaches nobody."""
    operation = service.planned(number, service.timeline.process(), "update", "n0", f"p{number}")
    yield
    service.timeline.complete(operation, "ok")
    yield

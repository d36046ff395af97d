"""Sequential consistency: can all operations be put into one order that keeps each process's own order?

Source: Lamport 1979. Unlike linearizability it asks nothing of real time, and it is not local: keys that are each sequential by
themselves need not be so together, so all keys are searched at once. The problem is NP-complete (Gibbons & Korach 1997).

Theory of operation.

1. Where there are only reads and writes and values that were read are written once, saturation: r shows w, w' writes its key.
   If w' is before r, it is before w; if w is before w', r is before w'. A cycle is a proof that there is no order; what it adds
   otherwise guides the search.
2. A depth-first search over frontiers: how far each process has come, and what the keys hold. What only reads and is legal now is
   taken at once: it hinders nobody. With unique values a write must wait for the reads of the value that it replaces.
   Every pair of frontier and state is visited once; the deepest one is the explanation.

Cost: n^k frontiers for k processes at worst; with unique values about linear in practice. The budget bounds it.
"""

from __future__ import annotations

import time
from collections.abc import Hashable, Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from windtunnel.checkers.keyvalue import KeyValue
from windtunnel.checkers.specification import ILLEGAL, UNKNOWN, Call, Specification, canonical
from windtunnel.checkers.verdict import Verdict
from windtunnel.checkers.weak.causal import cyclic
from windtunnel.checkers.weak.findings import Finding, judged, misfit, named, silent
from windtunnel.checkers.weak.registers import INITIAL, Clocks, Registers, clocks_of, cycle, ordered
from windtunnel.histories import History, Operation
from windtunnel.histories.operations import shown

PROPERTY: Final = "sequential consistency"
FUNCTIONS: Final = KeyValue.functions
FRONTIERS_MAX: Final = 1_000_000
"""Frontiers that the search remembers before it gives up: 0.3 to 0.5 GB."""

_ROUNDS_MAX = 50
_SLICE = 256
_WAITING_MAX = 6


def sequential(
    history: History,
    budget_s: float | None = None,
    *,
    specification: Specification | None = None,
    frontiers: int = FRONTIERS_MAX,
) -> Verdict:
    """Whether one order of all operations keeps the order of every process and is what the objects would do.

    specification: what they are; None is a key-value store. frontiers: how many the search may remember.
    """
    objects = specification or KeyValue()
    for operation in history:
        complaint = objects.complaint(operation)
        if complaint is not None:
            raise misfit(history, operation, complaint.partition(", got")[0], operation.value)
    stats: dict[str, Any] = {"operations": len(history)}
    clocks: Clocks | None = None
    registers: Registers | None = None
    if specification is None and all(operation.f in ("read", "write") for operation in history):
        registers = Registers(history)
        if registers.findings:
            return judged("sequential", PROPERTY, registers.findings, stats)
        if registers.ambiguous:
            registers = None
        else:
            found, clocks = saturated(registers)
            if found is not None:
                return judged("sequential", PROPERTY, [found], stats)
    search = _Search(_streams(history, registers, objects), objects, clocks, unique=registers is not None)
    deadline = None if budget_s is None else time.perf_counter() + budget_s
    valid = search.run(frontiers, deadline)
    stats["frontiers"] = len(search.visited)
    if valid is None:
        spent = f"{frontiers:,} frontiers" if len(search.visited) > frontiers else f"{budget_s:g} s"
        return Verdict(None, "sequential", f"undecided when the {spent} of the budget were spent", stats=stats)
    findings = [] if valid else [search.explain()]
    return judged("sequential", PROPERTY, findings, stats, silent(history))


def saturated(registers: Registers) -> tuple[Finding | None, Clocks]:
    """What must come before what, and a cycle of it if there is one."""
    after = registers.edges()
    reasons: dict[tuple[int, int], int] = {}
    before: set[tuple[int, int]] = {(a, b) for a, successors in enumerate(after) for b in successors}
    clocks: Clocks = []
    for _ in range(_ROUNDS_MAX):
        order = ordered(after)
        if len(order) < len(after):
            return cyclic(registers, cycle(after, order), "CyclicSC", reasons), clocks
        clocks = clocks_of(registers, after, order)
        added = False
        for read, source in enumerate(registers.source):
            if source == read:
                continue
            for a, b in _orders_shown(registers, clocks, read, source):
                if (a, b) not in before:
                    before.add((a, b))
                    after[a].append(b)
                    reasons[a, b] = read
                    added = True
        if not added:
            break
    return None, clocks


def _orders_shown(registers: Registers, clocks: Clocks, read: int, source: int) -> Iterator[tuple[int, int]]:
    """What a read tells of the order of writes to its key: they come before its source, or after it."""
    key = registers.key[read]
    if source != INITIAL:
        for write in registers.latest_writes(key, clocks[read]):
            if write != source and not registers.happened_before(write, source, clocks):
                yield write, source
    for session, places in registers.writes[key].items():
        nodes = registers.sessions[session]
        for place in places:
            write = nodes[place]
            if write != source and (source == INITIAL or registers.happened_before(source, write, clocks)):
                if not registers.happened_before(read, write, clocks):
                    yield read, write
                break


@dataclass(slots=True)
class _Stream:
    """What is left to do of one process. calls: beside operations; key: number of the object of each."""

    operations: list[Operation]
    calls: list[Call]
    keys: list[int]
    optional: list[bool]
    need: list[tuple[int, ...]] = field(default_factory=list)
    """Per operation and process, how many operations must have come before; empty where nothing is known."""


def _streams(history: History, registers: Registers | None, objects: Specification) -> list[_Stream]:
    if registers is not None:
        kept = [[registers.operations[node] for node in nodes] for nodes in registers.sessions]
    else:
        by_process: dict[int | str, list[Operation]] = {}
        for operation in history:
            if operation.type == "ok" or (operation.type == "info" and operation.f != "read"):
                by_process.setdefault(operation.process, []).append(operation)
        kept = list(by_process.values())
    numbers: dict[Hashable, int] = {}
    streams = []
    for operations in kept:
        calls = [Call(op.f, op.value, op.result if op.type == "ok" else UNKNOWN) for op in operations]
        parts = [canonical(objects.part_of(op)) if objects.per_key else None for op in operations]
        keys = [numbers.setdefault(part, len(numbers)) for part in parts]
        optional = [op.type == "info" and registers is None for op in operations]
        streams.append(_Stream(operations, calls, keys, optional))
    return streams


class _Search:
    """The depth-first search. visited: frontiers with the states there."""

    def __init__(self, streams: list[_Stream], objects: Specification, clocks: Clocks | None, *, unique: bool) -> None:
        self._streams = streams
        self._objects = objects
        self._unique = unique
        self._count = 1 + max((key for stream in streams for key in stream.keys), default=-1)
        self.visited: set[Hashable] = set()
        self._deepest: tuple[int, tuple[int, ...], tuple[Any, ...]] = (-1, (), ())
        last: dict[tuple[int, Hashable], dict[int, int]] = {}
        for number, stream in enumerate(streams):
            for place, call in enumerate(stream.calls):
                if call.f == "read":
                    last.setdefault((stream.keys[place], canonical(call.result)), {})[number] = place
        self._last_read = {name: tuple(places.items()) for name, places in last.items()}
        node = 0
        for stream in streams:
            for _ in stream.operations:
                stream.need.append(tuple(clocks[node]) if clocks else ())
                node += 1

    def run(self, frontiers: int, deadline: float | None) -> bool | None:
        """Whether there is an order; None when the budget is spent."""
        start = tuple(0 for _ in self._streams)
        initial = tuple(self._objects.initial for _ in range(self._count))
        stack = [self._eagerly(start, initial)]
        steps = 0
        while stack:
            frontier, state = stack.pop()
            if all(place == len(stream.operations) for place, stream in zip(frontier, self._streams, strict=True)):
                return True
            name = (frontier, tuple(map(canonical, state)))
            if name in self.visited:
                continue
            self.visited.add(name)
            steps += 1
            if len(self.visited) > frontiers:
                return None
            if deadline is not None and steps % _SLICE == 0 and time.perf_counter() > deadline:
                return None
            if sum(frontier) > self._deepest[0]:
                self._deepest = (sum(frontier), frontier, state)
            stack += [self._eagerly(*choice) for choice in reversed(self._choices(frontier, state))]
        return False

    def _choices(self, frontier: tuple[int, ...], state: tuple[Any, ...]) -> list[tuple[tuple[int, ...], tuple[Any, ...]]]:
        """What may come next: frontiers and states, those first whose operation was invoked first."""
        found: list[tuple[int, tuple[int, ...], tuple[Any, ...]]] = []
        for number, stream in enumerate(self._streams):
            place = frontier[number]
            if place == len(stream.operations):
                continue
            moved = (*frontier[:number], place + 1, *frontier[number + 1 :])
            invoked = stream.operations[place].invoked
            if self._ready(frontier, number):
                key = stream.keys[place]
                after = self._objects.step(state[key], stream.calls[place])
                if after is not ILLEGAL and not self._still_wanted(frontier, key, state[key], after):
                    found.append((invoked, moved, (*state[:key], after, *state[key + 1 :])))
            if stream.optional[place]:
                found.append((invoked, moved, state))
        return [(moved, after) for _, moved, after in sorted(found, key=lambda choice: choice[0])]

    def _ready(self, frontier: tuple[int, ...], number: int) -> bool:
        """Whether all that must come before the next operation of a process has come."""
        stream = self._streams[number]
        need = stream.need[frontier[number]]
        return all(wanted <= place or other == number for other, (wanted, place) in enumerate(zip(need, frontier, strict=False)))

    def _still_wanted(self, frontier: tuple[int, ...], key: int, held: Any, after: Any) -> bool:
        """Whether a read that has yet to come shows what is about to be replaced for ever."""
        if not self._unique or after is held:
            return False
        name = canonical(held)
        last = self._last_read.get((key, name), ())
        return any(frontier[number] <= place for number, place in last)

    def _eagerly(self, frontier: tuple[int, ...], state: tuple[Any, ...]) -> tuple[tuple[int, ...], tuple[Any, ...]]:
        """Take whatever only reads and is legal."""
        places = list(frontier)
        moving = True
        while moving:
            moving = False
            for number, stream in enumerate(self._streams):
                while places[number] < len(stream.operations):
                    call, key = stream.calls[places[number]], stream.keys[places[number]]
                    if not self._objects.reads_only(call) or self._objects.step(state[key], call) is ILLEGAL:
                        break
                    places[number] += 1
                    moving = True
        return tuple(places), state

    def explain(self) -> Finding:
        """Where the best order stops: what each process waits for."""
        _, frontier, state = self._deepest
        stuck: list[Operation] = []
        lines = ["As far as any order goes, each process waits:"]
        for stream, place in zip(self._streams, frontier, strict=True):
            if place == len(stream.operations):
                continue
            operation, call, held = stream.operations[place], stream.calls[place], state[stream.keys[place]]
            stuck.append(operation)
            if self._objects.step(held, call) is ILLEGAL:
                name = self._objects.part_name(operation.key)
                why = f"it needs {self._objects.needs(call)}, but {name} holds {self._objects.show(held)}"
            else:
                why = f"it would replace {shown(held)}, which others have yet to read or which must come later"
            lines.append(f"{named(operation)}: {why}.")
        done = sum(frontier)
        text = f"no order of the operations is right: the longest one ends after {done:,} of them, before {named(stuck[0])}"
        more = (f"and {len(lines) - 1 - _WAITING_MAX} more processes.",) if len(lines) - 1 > _WAITING_MAX else ()
        return Finding("no-order", text, tuple(stuck[:_WAITING_MAX]), stuck[0].key, (*lines[: _WAITING_MAX + 1], *more))

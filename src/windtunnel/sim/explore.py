"""Exhaustive search: every schedule of a small system, breadth first, with a shortest counterexample.

Theory of operation
-------------------
A state is the nodes (core, durable records, armed timers), the multiset of messages in flight, what is left of the budgets of
faults, and the memory of the monitors. A step delivers one message (or loses it, or delivers and keeps it), fires one armed
timer, crashes a node, or restarts one. Time does not exist: any armed timer may fire, any message may come first.

A handler is a function of its node alone. So every distinct (node, event) is executed once, and its outcome (the node after
it, the messages it sent) is remembered; nodes, messages and whole clusters become small integers. A search of a hundred
thousand states runs a few hundred handlers; the rest is arithmetic on tuples. Properties are evaluated once per distinct
cluster, monitors once per (memory, cluster, node).

Effects leave a handler in order, and a crash may fall between any two of them: wherever the budget allows a crash, each
prefix of the effects of a handler is an outcome too. That is what makes "persist before reply" matter.

What is merged: a message that is in flight `copies_max` times already is not added again, and answers to clients are not kept.
`losses=0` loses no safety violation, because a message may stay in flight for ever; losses matter for deadlocks.
"""

from __future__ import annotations

import gc
import time
from array import array
from collections.abc import Callable, Hashable, Sequence
from dataclasses import asdict, dataclass
from itertools import product
from typing import Any, TypeAlias

from windtunnel.base.errors import UsageError
from windtunnel.base.interface import Op, Request
from windtunnel.base.messages import NodeId, describe
from windtunnel.base.outbox import Apply, CancelTimer, Checkpoint, Persist, Reply, Send, SetTimer
from windtunnel.base.properties import Nodes, Property
from windtunnel.base.system import System
from windtunnel.sim.observe import Trace
from windtunnel.sim.outcomes import Handlers, Move
from windtunnel.sim.values import clone, key

STATES_MAX = 2_000_000  # about half a kilobyte each
PROGRESS_EVERY_S = 0.2
_LOOK_EVERY = 1024  # states between two looks at the clock

Flight: TypeAlias = tuple[int, ...]  # letters, sorted; one that is in flight twice stands there twice
Budget: TypeAlias = tuple[int, int, int, int]  # crashes, losses, duplicates, fires left; -1 is any number
State: TypeAlias = tuple[int, Flight, Budget, tuple[int, ...]]  # cluster, letters in flight, budget, monitors' memories
Action: TypeAlias = tuple[str, int, Any, Move | None]  # what, the node's place, letter or timer, the outcome

CRASHES, LOSSES, DUPLICATES, FIRES = range(4)


# --- What comes out ---


@dataclass(frozen=True, slots=True)
class Counterexample:
    """A broken property and a shortest schedule that breaks it.

    property: its name; "handler_raises" when a handler ended in an exception. steps: of the schedule. rows: as in a trace, where
    `t` is the number of the step.
    """

    property: str
    statement: str
    evidence: str
    node: NodeId | None
    steps: int
    rows: list[dict[str, Any]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Exploration:
    """The result of a search.

    verdict: "valid" when every state was seen and all hold, "invalid", or "unknown" when a limit came first (`why`). depth: steps
    to the farthest state. clusters: distinct configurations of the nodes alone. handlers: distinct handler calls that were run.
    quiet: states in which nothing can ever happen again; one of them in which an `eventually` property fails is a violation.
    seen, unseen: the `sometimes` properties; an unseen one says that these bounds do not show the system at work.
    """

    system: str
    verdict: str
    why: str
    nodes: tuple[NodeId, ...]
    bounds: dict[str, Any]
    states: int
    transitions: int
    depth: int
    clusters: int
    handlers: int
    quiet: int
    seen: tuple[str, ...]
    unseen: tuple[str, ...]
    violation: Counterexample | None
    wall_s: float

    @property
    def path(self) -> list[dict[str, Any]]:
        """The rows of the counterexample, or none."""
        return [] if self.violation is None else self.violation.rows


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a search has come; handed to the `progress` callback a few times per second."""

    states: int
    waiting: int
    transitions: int
    depth: int
    wall_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """How large the searched world is; -1 (ANY) is any number. copies_max: of one message in flight. dice: see `explore`."""

    crashes: int
    losses: int
    duplicates: int
    fires: int
    copies_max: int
    dice: tuple[float, ...]
    states_max: int
    budget_s: float | None


# --- The search ---


class _Stop(Exception):  # noqa: N818
    """The search has its answer."""


class _Search:
    """One breadth-first search. States are numbered in the order of discovery, so parents have smaller numbers."""

    def __init__(self, system: System, names: tuple[NodeId, ...], handlers: Handlers, bounds: Bounds, progress: Any) -> None:
        self.names, self.handlers, self.bounds, self.progress = names, handlers, bounds, progress
        self.started_s = time.perf_counter()
        self.told_s = self.started_s
        self.states: list[State] = []
        self.parents = array("q")
        self.actions: list[Action] = []
        self.transitions = self.depth = self.quiet = 0
        self.why = ""
        self.broken: tuple[Property | None, str, int, int, Action | None] | None = None
        self.seen: list[str] = []
        self._numbers: dict[State, int] = {}
        self._always = [prop for prop in system.always if prop.predicate is not None]
        self._unseen = list(system.sometimes)
        self._eventually = system.eventually
        self._clusters: dict[tuple[int, ...], int] = {}
        self._locals: list[tuple[int, ...]] = []
        self._nodes: list[Nodes] = []
        self._verdicts: list[tuple[Property, str] | None] = []
        self._still: list[bool] = []  # all up and no timer armed
        self._monitors = [prop for prop in system.always if prop.monitor is not None]
        self._memories: list[Any] = []
        self._memory_ids: dict[Hashable, int] = {}
        self._watched: dict[tuple[int, int, int], tuple[int, str | None]] = {}

    @property
    def clusters(self) -> int:
        """Distinct configurations of the nodes."""
        return len(self._locals)

    @property
    def unseen(self) -> tuple[str, ...]:
        """The `sometimes` properties that no state showed."""
        return tuple(prop.name for prop in self._unseen)

    def run(self, requests: Sequence[int]) -> None:
        """Search until every state is known, a property is broken, or a limit is reached."""
        collecting = gc.isenabled()
        gc.disable()  # a search makes millions of tuples and no garbage; collections cost a quarter of its time
        try:
            self._begin(requests)
            level_end, at = len(self.states), 0
            while at < len(self.states):
                if at == level_end:
                    self.depth += 1
                    level_end = len(self.states)
                if at % _LOOK_EVERY == 0:
                    self._look_at_limits(at)
                self._expand(at)
                at += 1
        except _Stop:
            pass
        finally:
            if collecting:
                gc.enable()

    def _begin(self, requests: Sequence[int]) -> None:
        """Every node boots from nothing, one after the other; with dice there may be several ways to."""
        boots = [self.handlers.moves(self.handlers.down(place, ()), "restart", None) for place in range(len(self.names))]
        whole = [[move for move in moves if not move.crashed] for moves in boots]
        budget = (self.bounds.crashes, self.bounds.losses, self.bounds.duplicates, self.bounds.fires)
        memory = tuple(self._remember(prop.monitor()) for prop in self._monitors if prop.monitor is not None)
        for start in product(*whole):
            for place, move in enumerate(start):
                if move.error is not None:
                    self._break(None, move.error, place, -1, ("start", place, None, move))
            flight = self._merge((), (*requests, *(letter for move in start for letter in move.sent)))
            cluster = self._cluster(tuple(move.after for move in start))
            state = (cluster, flight, budget, memory)
            for place in range(len(self.names)):
                state = self._arrive(state, place, -1, ("start", place, None, start[place]))
            self._add(state, -1, ("start", 0, start, None))

    def _expand(self, at: int) -> None:
        """Every step from state `at`."""
        cluster, flight, budget, memory = self.states[at]
        nodes = self._locals[cluster]
        letters = self.handlers.goes_to
        previous = -1
        for index, letter in enumerate(flight):
            if letter == previous:
                continue
            previous = letter
            rest = flight[:index] + flight[index + 1 :]
            place = letters[letter]
            up = self.handlers.locals[nodes[place]].core is not None
            if not up:  # it knocks in vain
                self._add((cluster, rest, budget, memory), at, ("lose", place, letter, None))
                continue
            if budget[DUPLICATES] < 0:  # it may come again at any time: nothing is gained by ever taking it away
                self._step(at, ("deliver", place, letter), flight, budget)
            else:
                self._step(at, ("deliver", place, letter), rest, budget)
            if budget[LOSSES]:
                self._add((cluster, rest, _spend(budget, LOSSES), memory), at, ("lose", place, letter, None))
            if budget[DUPLICATES] > 0:
                self._step(at, ("repeat", place, letter), flight, _spend(budget, DUPLICATES))
        for place, local in enumerate(nodes):
            node = self.handlers.locals[local]
            if node.core is None:
                self._step(at, ("restart", place, None), flight, budget)
                continue
            if budget[FIRES]:
                for timer in node.timers:
                    self._step(at, ("fire", place, timer), flight, _spend(budget, FIRES))
            if budget[CRASHES]:
                after = self._swap(nodes, place, self.handlers.down(place, node.records))
                self._add((after, flight, _spend(budget, CRASHES), memory), at, ("crash", place, None, None))
        if not flight and self._still[cluster]:
            self._rest(at, cluster)

    def _step(self, at: int, what: tuple[str, int, Any], flight: Flight, budget: Budget) -> None:
        """An event on a node: every outcome of its handler."""
        kind, place, which = what
        cluster, _, _, memory = self.states[at]
        nodes = self._locals[cluster]
        for move in self.handlers.moves(nodes[place], "deliver" if kind == "repeat" else kind, which):
            if move.crashed and not budget[CRASHES]:
                continue
            action = (kind, place, which, move)
            if move.error is not None:
                self.transitions += 1
                self._break(None, move.error, place, at, action)
            left = _spend(budget, CRASHES) if move.crashed else budget
            now = self._merge(flight, move.sent) if move.sent else flight
            state = (self._swap(nodes, place, move.after), now, left, memory)
            self._add(state if move.crashed else self._arrive(state, place, at, action), at, action)

    def _arrive(self, state: State, place: int, at: int, action: Action) -> State:
        """Let the monitors see the cluster after an event on a node: the state with their new memories."""
        cluster, flight, budget, memory = state
        if not memory:
            return state
        after = []
        for prop, old in zip(self._monitors, memory, strict=True):
            asked = (old, cluster, place)
            answer = self._watched.get(asked)
            if answer is None:
                monitor = clone(self._memories[old], {})
                evidence = monitor.after(self._nodes[cluster], self.names[place])
                answer = self._watched[asked] = self._remember(monitor), evidence
            if answer[1] is not None:
                self._break(prop, answer[1], place, at, action)
            after.append(answer[0])
        return cluster, flight, budget, tuple(after)

    def _add(self, state: State, parent: int, action: Action) -> None:
        self.transitions += parent >= 0
        if state in self._numbers:
            return
        if len(self.states) >= self.bounds.states_max:
            self.why = f"stopped at the limit of {self.bounds.states_max} states, {self.depth} steps deep"
            raise _Stop
        self._numbers[state] = len(self.states)
        self.states.append(state)
        self.parents.append(parent)
        self.actions.append(action)
        found = self._verdicts[state[0]]
        if found is not None:
            self._break(found[0], found[1], action[1], parent, action)

    def _break(self, prop: Property | None, evidence: str, place: int, parent: int, action: Action) -> None:
        self.broken = prop, evidence, place, parent, action
        raise _Stop

    def _rest(self, at: int, cluster: int) -> None:
        """Nothing can ever happen again but a crash: what shall come about must be there."""
        self.quiet += 1
        for prop in self._eventually:
            if not prop.holds(self._nodes[cluster]):
                self.broken = prop, f"nothing can happen any more, and still not ({prop.statement})", 0, at, None
                raise _Stop

    # --- Values as numbers ---

    def _swap(self, nodes: tuple[int, ...], place: int, local: int) -> int:
        if nodes[place] == local:
            return self._clusters[nodes]
        return self._cluster((*nodes[:place], local, *nodes[place + 1 :]))

    def _cluster(self, nodes: tuple[int, ...]) -> int:
        number = self._clusters.get(nodes)
        if number is not None:
            return number
        number = self._clusters[nodes] = len(self._locals)
        self._locals.append(nodes)
        places = [self.handlers.locals[local] for local in nodes]
        running = {self.names[node.place]: node.core for node in places if node.core is not None}
        self._nodes.append(running)
        broken = next((prop for prop in self._always if not prop.holds(running)), None)
        self._verdicts.append(None if broken is None else (broken, f"not ({broken.statement})"))
        self._still.append(all(node.core is not None and not node.timers for node in places))
        if self._unseen:
            found = [prop for prop in self._unseen if prop.holds(running)]
            self.seen.extend(prop.name for prop in found)
            self._unseen = [prop for prop in self._unseen if prop not in found]
        return number

    def _remember(self, monitor: Any) -> int:
        name = key(monitor, {})
        number = self._memory_ids.get(name)
        if number is None:
            number = self._memory_ids[name] = len(self._memories)
            self._memories.append(monitor)
        return number

    def _merge(self, flight: Flight, sent: Sequence[int]) -> Flight:
        if self.bounds.copies_max == 1:
            return tuple(sorted({*flight, *sent}))
        letters = list(flight)
        for letter in sent:
            if letters.count(letter) < self.bounds.copies_max:
                letters.append(letter)
        return tuple(sorted(letters))

    def _look_at_limits(self, at: int) -> None:
        now_s = time.perf_counter()
        if self.progress is not None and now_s - self.told_s >= PROGRESS_EVERY_S:
            self.told_s = now_s
            known = len(self.states)
            self.progress(Progress(known, known - at, self.transitions, self.depth, now_s - self.started_s))
        if self.bounds.budget_s is not None and now_s - self.started_s > self.bounds.budget_s:
            self.why = f"stopped after {self.bounds.budget_s:g} s, {self.depth} steps deep"
            raise _Stop


def _spend(budget: Budget, which: int) -> Budget:
    left = budget[which]
    return budget if left < 0 else (*budget[:which], left - 1, *budget[which + 1 :])  # type: ignore[return-value]


# --- The schedule of a counterexample ---


def _schedule(search: _Search) -> list[Action]:
    """The actions from the start to the broken property, oldest first."""
    assert search.broken is not None, "nothing is broken"
    _, _, _, at, last = search.broken
    actions = [] if last is None else [last]
    while at >= 0:
        actions.append(search.actions[at])
        at = search.parents[at]
    return actions[::-1]


class _Script:
    """Plays a schedule again, as rows of a trace."""

    def __init__(self, search: _Search, letters: Sequence[tuple[NodeId, NodeId, Any]]) -> None:
        self.step = 0
        self._trace = Trace(lambda: float(self.step))
        self._names = search.names
        self._letters = letters
        self._sent: dict[tuple[NodeId, NodeId, str], list[float]] = {}

    def rows(self, schedule: Sequence[Action], requests: Sequence[int]) -> list[dict[str, Any]]:
        """The trace of the schedule."""
        for letter in requests:
            self._launch(*self._letters[letter])
        for what, place, which, move in schedule:
            if what != "start":
                self.step += 1
                self._happen(what, self._names[place], which)
                if move is not None:
                    self._perform(self._names[place], move)
                continue
            for node, boot in zip(self._names, which or (), strict=False):
                self._trace.note("start", "0 records", node)
                self._perform(node, boot)
        return self._trace.rows

    def broken(self, name: str, evidence: str, node: NodeId) -> None:
        """The last row."""
        self._trace.note("violation", f"{name}: {evidence}", node)

    def _happen(self, what: str, node: NodeId, which: Any) -> None:
        if what in ("deliver", "repeat", "lose"):
            src, dst, message = self._letters[which]
            text = describe(message)
            times = self._sent.get((src, dst, text), [0.0])
            sent = times.pop(0) if len(times) > 1 else times[0]
            if what == "lose":
                self._trace.note("send-lost", text, src, dst=dst)
            else:
                if what == "repeat":
                    self._trace.note("note", f"the network repeats {text}", node)
                self._trace.note("deliver", text, node, src=src, sent=sent)
        elif what == "fire":
            self._trace.note("timer", which, node)
        else:
            self._trace.note(what, "", node)

    def _perform(self, node: NodeId, move: Move) -> None:
        for effect in move.effects:
            match effect:
                case Send(dst, message):
                    self._launch(node, dst, message)
                case Persist(record):
                    self._trace.note("persist", describe(record), node)
                case Checkpoint(records):
                    self._trace.note("persist", f"checkpoint of {len(records)} records", node)
                case Apply(index, command):
                    self._trace.note("apply", f"{index}: {describe(command)}", node)
                case Reply(client, message):
                    self._trace.note("reply", describe(message), node, dst=client)
                case SetTimer() | CancelTimer():
                    pass
        if move.crashed:
            self._trace.note("crash", "before it had done the rest of this", node)

    def _launch(self, src: NodeId, dst: NodeId, message: Any) -> None:
        self._sent.setdefault((src, dst, describe(message)), []).append(float(self.step))


# --- The face of this module ---


def explore(
    system: System,
    *,
    size: int | None = None,
    requests: Sequence[Op] | None = None,
    crashes: int | None = None,
    losses: int | None = None,
    duplicates: int | None = None,
    fires: int | None = None,
    copies_max: int = 1,
    dice: tuple[float, ...] | None = None,
    safeguards: Any = None,
    options: Any = None,
    states_max: int = STATES_MAX,
    budget_s: float | None = None,
    progress: Callable[[Progress], None] | None = None,
) -> Exploration:
    """Search every schedule of a small cluster of `system`, breadth first.

    size, requests, crashes, losses, duplicates, fires, dice: the world searched, as in `base.system.Search`; what is not given
    comes from the system's own. The first request goes to the first entry node, and so on. states_max, budget_s: limits after
    which the verdict is "unknown". progress: called about five times per second.
    Raises UsageError for a procedure, whose state cannot be copied, and for a system that draws without `dice`.
    """
    if system.form != "core":
        raise UsageError(f"{system.name} is a {system.form}: only cores can be searched")
    given = {"crashes": crashes, "losses": losses, "duplicates": duplicates, "fires": fires}
    limits: dict[str, int] = {name: getattr(system.search, name) if value is None else value for name, value in given.items()}
    dice = system.search.dice if dice is None else dice
    bounds = Bounds(copies_max=copies_max, dice=dice, states_max=states_max, budget_s=budget_s, **limits)
    names = system.nodes(size or system.search.size)
    safeguards = system.safeguards() if safeguards is None else safeguards
    options = system.options() if options is None else options
    handlers = Handlers(system, names, safeguards, options, dice=dice, crashes=bounds.crashes != 0)
    entries = system.entry(names)
    ops = system.search.requests if requests is None else requests
    asked = [
        handlers.letter(f"c{i + 1}", entries[i % len(entries)], Request(session=f"c{i + 1}", seq=1, op=op))
        for i, op in enumerate(ops)
    ]
    search = _Search(system, names, handlers, bounds, progress)
    search.run(asked)
    found = _counterexample(search, handlers, asked)
    return Exploration(
        system=system.name,
        verdict="invalid" if found is not None else "unknown" if search.why else "valid",
        why=f"{found.property} broken after {found.steps} steps" if found is not None else search.why,
        nodes=names,
        bounds={**asdict(bounds), "size": len(names), "requests": len(asked)},
        states=len(search.states),
        transitions=search.transitions,
        depth=search.depth,
        clusters=search.clusters,
        handlers=handlers.calls,
        quiet=search.quiet,
        seen=tuple(search.seen),
        unseen=search.unseen,
        violation=found,
        wall_s=time.perf_counter() - search.started_s,
    )


def _counterexample(search: _Search, handlers: Handlers, requests: Sequence[int]) -> Counterexample | None:
    if search.broken is None:
        return None
    prop, evidence, place, _, _ = search.broken
    node = search.names[place]
    name = prop.name if prop is not None else "handler_raises"
    script = _Script(search, handlers.letters)
    rows = script.rows(_schedule(search), requests)
    script.broken(name, evidence, node)
    statement = prop.statement if prop is not None else "no handler ends in an exception"
    return Counterexample(name, statement, evidence, node, script.step, rows)

"""A cluster moved by hand: no clock runs, no dice fall, and the script says what happens next.

`HandStage` runs any system of form "core". Every message waits in flight until it is delivered, dropped or duplicated; every
armed timer waits until it is fired. So a figure of a paper becomes a dozen lines, and a handler's order of effects can be
taken apart: `hold_disk` puts a node behind the barrier of the outbox, `crash_before_persist` kills it there.

Two clocks, both of them logical. The time of the trace and of the history is the number of steps taken. The clock that a
core reads stands still but for `advance`: it is per node, so leases and drift can be played too.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from windtunnel.base.errors import UsageError, WindtunnelError
from windtunnel.base.interface import Op, Reply, Request
from windtunnel.base.messages import NodeId, describe
from windtunnel.base.outbox import Apply, CancelTimer, Checkpoint, Delay, Effect, Persist, Send, SetTimer
from windtunnel.base.outbox import Reply as ReplyEffect
from windtunnel.base.properties import Nodes
from windtunnel.base.streams import Stream
from windtunnel.base.system import Setup, System
from windtunnel.histories import History, Recorder
from windtunnel.sim.observe import Trace, Violation, Watcher

SETTLE_MAX = 100_000  # deliveries of one `settle`; nodes that answer each other for ever are a mistake of the script


class StageViolation(WindtunnelError):  # noqa: N818 - it reports a finding, as the contract of a script
    """The script has reached a broken `always` property; `violation` says which."""

    def __init__(self, violation: StageFinding) -> None:
        super().__init__(f"{violation.property} broken at step {violation.step}: {violation.evidence}")
        self.violation = violation


class StageFinding(Violation):
    """A broken property on a stage, where an event is a step and the time is its number."""

    __slots__ = ()

    @property
    def step(self) -> int:
        """The number of the step after which it was seen."""
        return self.event

    @property
    def property(self) -> str:
        """The name of the broken property."""
        return self.prop.name


@dataclass(frozen=True, slots=True)
class Letter:
    """A message in flight. step: when it was sent."""

    src: NodeId
    dst: NodeId
    message: Any
    step: int


@dataclass(slots=True)
class Place:
    """Where a node stands: it is the core's outbox, and keeps what outlives the core.

    records: durable, oldest first. pending: effects behind the barrier, in order. spare: records that still become durable
    before the crash of `crash_before_persist`, or None when no such crash is planned.
    """

    stage: HandStage
    name: NodeId
    records: list[Any] = field(default_factory=list)
    timers: dict[str, Delay] = field(default_factory=dict)
    pending: list[Effect] = field(default_factory=list)
    held: bool = False
    spare: int | None = None
    clock_s: float = 0.0
    dice: Stream = field(default_factory=lambda: Stream(0, "stage"))

    def send(self, dst: NodeId, message: object) -> None:
        """Into flight, or behind the barrier."""
        self._do(Send(dst, message))

    def set_timer(self, name: str, delay_s: Delay) -> None:
        """Armed at once: timers are local."""
        self.timers.pop(name, None)
        self.timers[name] = delay_s

    def cancel_timer(self, name: str) -> None:
        """Forgotten at once."""
        self.timers.pop(name, None)

    def persist(self, record: object) -> None:
        """Durable at once, unless the disk is held."""
        self._do(Persist(record))

    def checkpoint(self, records: Sequence[object]) -> None:
        """Durable at once, unless the disk is held."""
        self._do(Checkpoint(tuple(records)))

    def apply(self, index: int, command: object) -> None:
        """A row of the trace."""
        self._do(Apply(index, command))

    def reply(self, client: NodeId, message: object) -> None:
        """Into flight to the client."""
        self._do(ReplyEffect(client, message))

    def clock(self) -> float:
        """Seconds that `advance` has given this node."""
        return self.clock_s

    def random(self) -> float:
        """A draw from the node's own stream, the same in every run."""
        return self.dice.random()

    def _do(self, effect: Effect) -> None:
        durable = isinstance(effect, (Persist, Checkpoint))
        if self.pending or (durable and (self.held or self.spare == 0)):
            self.pending.append(effect)
            return
        if durable and self.spare:
            self.spare -= 1
        self.release(effect)

    def release(self, effect: Effect) -> None:
        """Let an effect out: the barrier before it is down."""
        match effect:
            case Send(dst, message):
                self.stage.launch(self.name, dst, message)
            case Persist(record):
                self.records.append(record)
                self.stage.note_of("persist", describe(record), self.name)
            case Checkpoint(records):
                self.records[:] = records
                self.stage.note_of("persist", f"checkpoint of {len(records)} records", self.name)
            case Apply(index, command):
                self.stage.note_of("apply", f"{index}: {describe(command)}", self.name)
            case ReplyEffect(client, message):
                self.stage.note_of("reply", describe(message), self.name, dst=client)
                self.stage.launch(self.name, client, message)
            case SetTimer() | CancelTimer():
                raise AssertionError("timers act at once")


class HandStage:
    """A stage for `system`; implements `base.stage.Stage`. All nodes boot when it is made.

    trace: rows of everything that happened. violation: the first broken property, or None. seen: names of the `sometimes`
    properties that held after some step. Raises UsageError for a system of another form.
    """

    def __init__(self, system: System, *, size: int | None = None, safeguards: Any = None, options: Any = None) -> None:
        if system.form != "core":
            raise UsageError(f"{system.name} is a {system.form}: only cores can be moved by hand")
        self.system = system
        self.steps = 0
        self.in_flight: list[Letter] = []
        self._names = system.nodes(size or system.size)
        self._safeguards = safeguards if safeguards is not None else system.safeguards()
        self._options = options if options is not None else system.options()
        self._places = {name: Place(self, name, dice=Stream(0, f"stage/{name}")) for name in self._names}
        self._cores: dict[NodeId, Any] = {}
        self._trace = Trace(lambda: float(self.steps))
        self._recorder = Recorder(lambda: float(self.steps))
        self._sessions: dict[NodeId, int] = {}
        self._open: dict[NodeId, tuple[Request, int]] = {}
        self._watcher = Watcher(system.always, system.sometimes, self._cores, lambda: (float(self.steps), self.steps), _nothing)
        for name in self._names:
            self._boot(name, "start")
        for name in self._names:
            self._look(name)

    # --- What can be seen ---

    @property
    def nodes(self) -> Nodes:
        """The cores that run now, by name."""
        return self._cores

    @property
    def history(self) -> History:
        """What the clients saw; operations without an answer are `info`."""
        return self._recorder.history()

    @property
    def trace(self) -> list[dict[str, Any]]:
        """One row per happening, JSON-able; `t` is the number of the step."""
        return self._trace.rows

    @property
    def violation(self) -> StageFinding | None:
        """The first broken `always` property."""
        found = self._watcher.violation
        return None if found is None else StageFinding(found.prop, found.evidence, found.at_s, found.event, found.node)

    @property
    def seen(self) -> tuple[str, ...]:
        """The `sometimes` properties that have been reached."""
        return tuple(self._watcher.seen)

    def records(self, node: NodeId) -> tuple[Any, ...]:
        """The durable log of a node, running or not."""
        return tuple(self._places[node].records)

    def armed(self, node: NodeId) -> tuple[str, ...]:
        """The timers of a node that may fire, oldest first."""
        return tuple(self._places[node].timers)

    def waiting(self, src: NodeId | None = None, dst: NodeId | None = None, kind: type[Any] | None = None) -> list[Letter]:
        """The messages in flight that fit, oldest first; None fits all."""
        return [letter for letter in self.in_flight if _fits(letter, src, dst, kind)]

    # --- The verbs ---

    def note(self, text: str) -> None:
        """A caption for the trace: what the next steps show."""
        self._trace.note("note", text)

    def fire(self, node: NodeId, timer: str) -> None:
        """Fire the pending timer. Raises AssertionError if it is not armed."""
        place = self._places[node]
        assert timer in place.timers, f"{node} has no timer {timer!r}; armed: {', '.join(place.timers) or 'none'}"
        del place.timers[timer]
        self._row("timer", timer, node)
        self._cores[node].on_timer(timer)
        self._look(node)

    def advance(self, node: NodeId, seconds: float) -> None:
        """Move the clock of one node forward; fires nothing."""
        assert seconds >= 0, "clocks of a stage do not run backwards"
        self._places[node].clock_s += seconds
        self._row("note", f"the clock moves by {seconds:g} s", node)

    def deliver(self, src: NodeId, dst: NodeId, kind: type[Any] | None = None, *, count: int = 1) -> None:
        """Deliver the oldest `count` messages in flight from `src` to `dst`. AssertionError if there are fewer."""
        chosen = self.waiting(src, dst, kind)[:count]
        what = kind.__name__ if kind is not None else "message"
        assert len(chosen) == count, f"{len(chosen)} of {count} {what} in flight from {src} to {dst}; {self._flight_text()}"
        for letter in chosen:
            self._take(letter)

    def duplicate(self, src: NodeId, dst: NodeId, kind: type[Any] | None = None) -> None:
        """Put a second copy of the oldest message that fits in flight. AssertionError if there is none."""
        chosen = self.waiting(src, dst, kind)
        assert chosen, f"nothing of that kind in flight from {src} to {dst}; {self._flight_text()}"
        self.in_flight.append(chosen[0])
        self._row("note", f"the network repeats {describe(chosen[0].message)}", dst)

    def drop(self, src: NodeId | None = None, dst: NodeId | None = None, kind: type[Any] | None = None) -> None:
        """Lose every message in flight that fits; None fits all."""
        for letter in self.waiting(src, dst, kind):
            self._forget(letter)
            self._row("send-lost", describe(letter.message), letter.src, dst=letter.dst)

    def settle(self, among: Iterable[NodeId] | None = None) -> None:
        """Deliver everything in flight among these nodes (and clients), oldest first, until nothing is left."""
        inside = set(self._names if among is None else among) | set(self._sessions)
        for _ in range(SETTLE_MAX):
            letter = next((item for item in self.in_flight if item.src in inside and item.dst in inside), None)
            if letter is None:
                return
            self._take(letter)
        raise AssertionError(f"{SETTLE_MAX} deliveries and still messages in flight: the nodes answer each other for ever")

    def crash(self, node: NodeId) -> None:
        """Kill the node: its timers, its volatile state and what waits behind its disk are gone; its records stay."""
        assert node in self._cores, f"{node} is down already"
        place = self._places[node]
        lost = len(place.pending)
        del self._cores[node]
        place.timers.clear()
        place.pending.clear()
        place.held, place.spare = False, None
        self._row("crash", f"{lost} effects behind the disk are lost" if lost else "", node)

    def restart(self, node: NodeId) -> None:
        """Boot a crashed node from its records."""
        assert node not in self._cores, f"{node} is running"
        self.steps += 1
        self._boot(node, "restart")
        self._look(node)

    def hold_disk(self, node: NodeId) -> None:
        """From now on no record of this node becomes durable, and every effect after the first such record waits."""
        self._places[node].held = True
        self._row("disk", "the disk works, nothing becomes durable", node)

    def sync_disk(self, node: NodeId) -> None:
        """End `hold_disk`: what was pending becomes durable, and what waited behind it leaves, in order."""
        place = self._places[node]
        place.held = False
        pending, place.pending = place.pending, []
        self._row("synced", f"{len(pending)} effects released", node)
        for effect in pending:
            place.release(effect)
        self._look(node)

    def crash_before_persist(self, node: NodeId, *, after: int = 0) -> None:
        """Kill the node the next time that it persists, before that record is durable; `after` records still become so."""
        assert node in self._cores, f"{node} is down"
        self._places[node].spare = after

    def request(self, session: str, node: NodeId, op: Op) -> None:
        """A client invokes `op` at `node`; recorded in the history, completed when a reply is delivered or never."""
        assert session not in self._places, f"{session} is a node, not a client"
        assert session not in self._open, f"{session} has an operation open: use another session, or retry"
        seq = self._sessions[session] = self._sessions.get(session, 0) + 1
        request = Request(session=session, seq=seq, op=op)
        self._open[session] = request, self._recorder.invoke(session, op)
        self._row("note", f"{session} asks {node}: {describe(op)}", session)
        self.launch(session, node, request)

    def retry(self, session: str, node: NodeId) -> None:
        """The client of `session` sends its open request again, to `node`, with the same sequence number."""
        assert session in self._open, f"{session} has no operation open"
        self._row("note", f"{session} asks {node} again", session)
        self.launch(session, node, self._open[session][0])

    # --- Used by the places of this stage ---

    def launch(self, src: NodeId, dst: NodeId, message: Any) -> None:
        """A message leaves `src`."""
        self.in_flight.append(Letter(src, dst, message, self.steps))

    def note_of(self, kind: str, text: str, node: NodeId, **more: Any) -> None:
        """A row about an effect of `node`."""
        self._trace.note(kind, text, node, **more)

    # --- How a step is taken ---

    def _row(self, kind: str, text: str, node: NodeId, **more: Any) -> None:
        self.steps += 1
        self._trace.note(kind, text, node, **more)

    def _boot(self, node: NodeId, kind: str) -> None:
        place = self._places[node]
        setup = Setup(
            me=node,
            nodes=self._names,
            out=place,
            records=tuple(place.records),
            safeguards=self._safeguards,
            options=self._options,
        )
        self._trace.note(kind, f"{len(place.records)} records", node)
        core = self.system.build(setup)
        self._cores[node] = core
        core.on_start()

    def _take(self, letter: Letter) -> None:
        self._forget(letter)
        text = describe(letter.message)
        if letter.dst in self._cores:
            self._row("deliver", text, letter.dst, src=letter.src, sent=float(letter.step))
            self._cores[letter.dst].on_message(letter.src, letter.message)
            self._look(letter.dst)
        elif letter.dst in self._places:
            self._row("send-lost", text, letter.src, dst=letter.dst)
        else:
            self._row("deliver", text, letter.dst, src=letter.src, sent=float(letter.step))
            self._answer(letter.dst, letter.message)

    def _forget(self, letter: Letter) -> None:
        # By identity: a duplicate is the same letter twice, and equal letters may stand apart in the queue.
        at = next(i for i, other in enumerate(self.in_flight) if other is letter)
        del self.in_flight[at]

    def _answer(self, session: NodeId, message: Any) -> None:
        if not isinstance(message, Reply) or session not in self._open:
            return
        request, token = self._open[session]
        if message.seq != request.seq or message.status == "redirect":
            return
        del self._open[session]
        if message.status == "ok":
            self._recorder.ok(token, message.value)
        else:
            self._recorder.fail(token, str(message.value))

    def _look(self, node: NodeId) -> None:
        place = self._places[node]
        if place.spare == 0 and place.pending:  # it died inside the handler: what the rest of it did, nobody ever saw
            self.crash(node)
        if node in self._cores:
            self._trace.settled(node, self._cores[node])
        self._watcher.look_for_situations()
        self._watcher.after_event(node)
        found = self.violation
        if found is not None:
            self._trace.note("violation", f"{found.property}: {found.evidence}", node)
            raise StageViolation(found)

    def _flight_text(self) -> str:
        letters = (f"{item.src}->{item.dst} {describe(item.message, 60)}" for item in self.in_flight[:12])
        return "in flight: " + ("; ".join(letters) or "nothing")


def _fits(letter: Letter, src: NodeId | None, dst: NodeId | None, kind: type[Any] | None) -> bool:
    return src in (None, letter.src) and dst in (None, letter.dst) and (kind is None or isinstance(letter.message, kind))


def _nothing() -> None:
    """A stage stops by raising, not by a callback."""

"""What a handler can do: every outcome of an event on a node, each computed once.

A handler is a function of its own node. Search meets the same (node, event) in thousands of states, so the handler runs once, on
a copy, and its outcome is kept: the node after it and what it sent, both as small integers that stand for values.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from windtunnel.base.errors import UsageError
from windtunnel.base.messages import NodeId
from windtunnel.base.outbox import Apply, CancelTimer, Checkpoint, Effect, Persist, RecordingOutbox, Reply, Send, SetTimer
from windtunnel.base.system import Setup, System
from windtunnel.sim.values import clone, key

Event: TypeAlias = tuple[str, Any]
"""("deliver", letter), ("fire", timer) or ("restart", None)."""


@dataclass(frozen=True, slots=True)
class Local:
    """One node: where it stands in the cluster, its core (None: it is down), its records and armed timers."""

    place: int
    core: Any
    records: tuple[Any, ...]
    timers: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Move:
    """An outcome of an event: the node after it and what it sent. crashed: it died before the rest of its effects."""

    after: int
    sent: tuple[int, ...]
    effects: tuple[Effect, ...]
    crashed: bool = False
    error: str | None = None


class _OutOfDice(Exception):  # noqa: N818
    """The handler wants a draw more than the script has."""


class _SearchOutbox(RecordingOutbox):
    """Records effects; draws come from a script, the clock stands still."""

    def random(self) -> float:
        """The next draw of the script."""
        if not self.draws:
            raise _OutOfDice
        return super().random()


class Handlers:
    """Runs handlers on copies of nodes and remembers what came out; turns nodes and messages into small integers.

    dice: the values that `random` may give; a handler that draws has an outcome for each. crashes: whether outcomes in which
    the node dies between two effects are wanted.
    """

    def __init__(
        self, system: System, names: tuple[NodeId, ...], safeguards: Any, options: Any, *, dice: tuple[float, ...], crashes: bool
    ) -> None:
        self.locals: list[Local] = []
        self.letters: list[tuple[NodeId, NodeId, Any]] = []
        self.goes_to: list[int] = []  # the place of each letter's receiver
        self.calls = 0
        self._system = system
        self._names = names
        self._places = {name: place for place, name in enumerate(names)}
        self._safeguards, self._options, self._dice, self._crashes = safeguards, options, dice, crashes
        self._out = _SearchOutbox()
        self._lent = {id(thing): thing for thing in (self._out, safeguards, options, names)}
        self._local_ids: dict[Hashable, int] = {}
        self._letter_ids: dict[Hashable, int] = {}
        self._moves: dict[tuple[int, str, Any], list[Move]] = {}

    def down(self, place: int, records: tuple[Any, ...]) -> int:
        """The node at `place`, crashed, with these records."""
        return self._intern(Local(place, None, records, ()))

    def letter(self, src: NodeId, dst: NodeId, message: Any) -> int:
        """The number of a message to a node."""
        name = (src, dst, key(message, self._lent))
        number = self._letter_ids.get(name)
        if number is None:
            number = self._letter_ids[name] = len(self.letters)
            self.letters.append((src, dst, message))
            self.goes_to.append(self._places[dst])
        return number

    def moves(self, local: int, kind: str, what: Any) -> list[Move]:
        """Every outcome of the event for the node: one per dice script, then those in which it crashes half way."""
        known = self._moves.get((local, kind, what))
        if known is None:
            known = self._moves[local, kind, what] = list(self._outcomes(self.locals[local], (kind, what)))
        return known

    def _outcomes(self, before: Local, event: Event) -> Iterator[Move]:
        for core, effects, error in self._runs(before, event):
            records, timers, sent = self._perform(before, event, effects)
            after = self._intern(Local(before.place, core, records, timers))
            yield Move(after, sent, effects, error=error)
            if error or not self._crashes:
                continue
            told = {(self.down(before.place, records), sent)}
            for end in range(1, len(effects)):
                records, _, sent = self._perform(before, event, effects[:end])
                outcome = self.down(before.place, records), sent
                if outcome not in told and isinstance(effects[end - 1], (Send, Persist, Checkpoint)):
                    told.add(outcome)
                    yield Move(*outcome, effects[:end], crashed=True)

    def _runs(self, before: Local, event: Event) -> Iterator[tuple[Any, tuple[Effect, ...], str | None]]:
        """The handler call for every script of draws: a script that is too short is replaced by its continuations."""
        scripts: list[tuple[float, ...]] = [()]
        while scripts:
            script = scripts.pop()
            self._out.draws = list(script)
            self.calls += 1
            error = None
            try:
                core = self._call(before, event)
            except _OutOfDice:
                self._out.take()
                if not self._dice:
                    raise UsageError(
                        f"{self._system.name} draws random numbers; say which to try, such as dice=(0, 0.5)"
                    ) from None
                scripts.extend((*script, face) for face in reversed(self._dice))
                continue
            except Exception as broken:  # noqa: BLE001 - any exception of a handler is a finding, not a failure of the search
                core, error = None, f"{type(broken).__name__}: {broken}"
            yield core, tuple(self._out.take()), error

    def _call(self, before: Local, event: Event) -> Any:
        kind, what = event
        if kind == "restart":
            setup = Setup(
                me=self._names[before.place],
                nodes=self._names,
                out=self._out,
                records=before.records,
                safeguards=self._safeguards,
                options=self._options,
            )
            core = self._system.build(setup)
            core.on_start()
            return core
        core = clone(before.core, self._lent)
        if kind == "fire":
            core.on_timer(what)
        else:
            src, _, message = self.letters[what]
            core.on_message(src, message)
        return core

    def _perform(
        self, before: Local, event: Event, effects: Sequence[Effect]
    ) -> tuple[tuple[Any, ...], tuple[str, ...], tuple[int, ...]]:
        """Records, armed timers and letters after these effects of the event."""
        records = before.records
        timers: set[str] = set(before.timers)
        sent: list[int] = []
        if event[0] == "fire":
            timers.discard(event[1])
        for effect in effects:
            match effect:
                case Send(dst, message):
                    if dst in self._places:
                        sent.append(self.letter(self._names[before.place], dst, message))
                case Persist(record):
                    records = (*records, record)
                case Checkpoint(new):
                    records = new
                case SetTimer(name, _):
                    timers.add(name)
                case CancelTimer(name):
                    timers.discard(name)
                case Apply() | Reply():
                    pass
        return records, tuple(sorted(timers)), tuple(sent)

    def _intern(self, local: Local) -> int:
        name = (local.place, key(local.core, self._lent), key(local.records, self._lent), local.timers)
        number = self._local_ids.get(name)
        if number is None:
            number = self._local_ids[name] = len(self.locals)
            self.locals.append(local)
        return number

"""The outbox: everything that a protocol core can ask of its world.

A core is told what happened (`on_start`, `on_timer`, `on_message`) and asks for effects by calling its outbox. It owns no
socket, no clock and no dice, so that it can be copied, compared, stepped by hand, searched, simulated and deployed.

**Order is meaning.** Effects leave in the order in which they were asked for, and everything after a `persist` or a
`checkpoint` waits until that record is durable: "persist before reply" is visible as line order. The core itself does not
wait: it goes on to handle events while its disk works, and its later effects queue behind the barrier. A crash loses the
records that were not durable together with every effect that was waiting for them, so nobody ever saw what the crash
undid. Timers, `clock` and `random` are local to the node and act at once.

`Outbox` is the protocol; the simulator's outbox schedules at once, the asyncio driver's batches per loop turn, and
`RecordingOutbox` here collects a list for tests and search.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol, TypeAlias

from windtunnel.base.messages import NodeId, Value

Delay: TypeAlias = float | tuple[float, float]
"""Seconds; a pair asks the world to draw uniformly from that range."""


class Outbox(Protocol):
    """The effects. None of these calls returns before its effect is queued; none of them blocks."""

    def send(self, dst: NodeId, message: object) -> None:
        """Hand `message` to the network, addressed to `dst`. It may be lost, duplicated, delayed, reordered."""

    def set_timer(self, name: str, delay_s: Delay) -> None:
        """Call `on_timer(name)` once after `delay_s` of this node's clock; replaces a pending timer of that name."""

    def cancel_timer(self, name: str) -> None:
        """Forget the pending timer `name`, if any."""

    def persist(self, record: object) -> None:
        """Append `record` to this node's log; later effects wait until it is durable."""

    def checkpoint(self, records: Sequence[object]) -> None:
        """Replace the whole log by `records`, atomically and durably; later effects wait."""

    def apply(self, index: int, command: object) -> None:
        """Tell observers that `command` took effect at position `index`. Traces and properties listen; nodes do not."""

    def reply(self, client: NodeId, message: object) -> None:
        """Answer a client: a `send` that traces and reports show as an answer."""

    def clock(self) -> float:
        """This node's own monotonic clock, seconds. It may drift against the others; compare only with itself."""

    def random(self) -> float:
        """A draw from this node's own stream, uniform in [0, 1)."""


# --- The recording outbox ---


@dataclass(frozen=True, slots=True)
class Send:
    """`message` was handed to the network for `dst`."""

    dst: NodeId
    message: object


@dataclass(frozen=True, slots=True)
class SetTimer:
    """Timer `name` was armed."""

    name: str
    delay_s: Delay


@dataclass(frozen=True, slots=True)
class CancelTimer:
    """Timer `name` was forgotten."""

    name: str


@dataclass(frozen=True, slots=True)
class Persist:
    """`record` was appended to the log."""

    record: object


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """The log was replaced by `records`."""

    records: tuple[object, ...]


@dataclass(frozen=True, slots=True)
class Apply:
    """`command` took effect at `index`."""

    index: int
    command: object


@dataclass(frozen=True, slots=True)
class Reply:
    """`client` was answered."""

    client: NodeId
    message: object


Effect: TypeAlias = Send | SetTimer | CancelTimer | Persist | Checkpoint | Apply | Reply


@dataclass(slots=True)
class RecordingOutbox:
    """Collects the effects of handler calls; `now_s` and `draws` stand for the world's clock and dice."""

    effects: list[Effect] = field(default_factory=list)
    now_s: float = 0.0
    draws: list[Value] = field(default_factory=list)

    def send(self, dst: NodeId, message: object) -> None:
        self.effects.append(Send(dst, message))

    def set_timer(self, name: str, delay_s: Delay) -> None:
        self.effects.append(SetTimer(name, delay_s))

    def cancel_timer(self, name: str) -> None:
        self.effects.append(CancelTimer(name))

    def persist(self, record: object) -> None:
        self.effects.append(Persist(record))

    def checkpoint(self, records: Sequence[object]) -> None:
        self.effects.append(Checkpoint(tuple(records)))

    def apply(self, index: int, command: object) -> None:
        self.effects.append(Apply(index, command))

    def reply(self, client: NodeId, message: object) -> None:
        self.effects.append(Reply(client, message))

    def clock(self) -> float:
        return self.now_s

    def random(self) -> float:
        """The next scripted draw. Raises IndexError when the script has ended: a search cannot guess dice."""
        return float(self.draws.pop(0))

    def take(self) -> list[Effect]:
        """The effects since the last call, oldest first."""
        effects, self.effects = self.effects, []
        return effects

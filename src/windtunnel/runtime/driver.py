"""Drives a core on an asyncio loop, real or simulated: events in, effects out, one group commit per loop turn.

Theory of operation. A *turn* is everything that one iteration of the loop brings: several sockets readable, several timers
due. The core handles each event at once. Effects that stand before any `persist` of the turn go to the network's buffers
at once; from the first `persist` on they are held. At the end of the turn the driver flushes the network (one write per
destination: a leader's entries are on their way while its own disk works), commits all records of the turn with one
write and one fdatasync, releases what was held, in order, and flushes again. So the cost of a sync and of a system
call is shared by all events of a turn, and the busier the node, the more share it. A timer without delay is due at the
end of the turn, before the flush: a core that sets one to send its batch gets the batches that the load makes.

`threaded` commits in a thread: the core goes on to handle events meanwhile. Effects asked for during a sync wait behind
it, and from the next `persist` on behind the next sync, which begins when this one has ended. It costs two thread
switches per sync, so it pays only for slow disks (docs/design/wire.md has the figures); inline is the default.

Durability is the log's business: with `log=None` records are durable at once, which suits clients and measurements of
protocols in memory. Nothing here knows what a file, a socket or a node is.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from math import inf
from typing import Any, Protocol

from windtunnel.base.messages import NodeId, describe
from windtunnel.base.outbox import Delay
from windtunnel.base.system import Core

_EARLY_S = 0.0005  # uvloop counts milliseconds: a timer may fire this much before its time


class Network(Protocol):
    """Where messages go."""

    def send(self, dst: NodeId, message: Any) -> None:
        """Put `message` into the buffer for `dst`; never blocks, may lose it."""

    def flush(self) -> None:
        """Write what is buffered, with one system call per destination."""


class Log(Protocol):
    """Where records go; `windtunnel.runtime.wal.Wal` is one."""

    def append(self, record: Any) -> None:
        """Add to the coming batch."""

    def replace(self, records: Sequence[Any]) -> None:
        """Let the coming batch replace the log."""

    def take(self) -> Any:
        """Seal the batch; None when there is nothing to commit."""

    def commit(self, batch: Any) -> None:
        """Make it durable, blocking. Raises StorageError."""


class Observer(Protocol):
    """Told of effects when they are released."""

    def applied(self, index: int, command: Any) -> None:
        """The core applied `command` at `index`."""

    def replied(self, client: NodeId, message: Any) -> None:
        """The core answered `client`."""


class Driver:
    """One node's outbox, clock and dice, and the door for its events. A core may also be moved from outside any event.

    network, log: see above. failed: told once of the exception of a handler or of the disk, with one line about the event;
    the core gets no event after it. dice: uniform draws in [0, 1). now: monotonic seconds; the loop's clock by default.
    """

    def __init__(
        self,
        network: Network,
        *,
        failed: Callable[[Exception, str], None],
        dice: Callable[[], float],
        log: Log | None = None,
        observer: Observer | None = None,
        now: Callable[[], float] | None = None,
        threaded: bool = False,
    ) -> None:
        self.random = dice
        self._loop = asyncio.get_running_loop()
        self._network = network
        self._network_send = network.send
        self._network_flush = network.flush
        self._failed = failed
        self._log = log
        self._observer = observer
        self._now = now or self._loop.time
        self._core: Core | None = None
        self._alive = True
        self._turn = False
        self._held: list[tuple[Callable[..., None], Any, Any]] | None = None  # where effects go now; None: straight out
        self._syncing: list[tuple[Callable[..., None], Any, Any]] | None = None  # those behind the sync in flight
        self._dirty = False  # records wait for a sync that has not begun
        self._threaded = threaded
        self._executor: Executor | None = None
        self._after: list[tuple[Callable[..., None], Any, Any]] = []  # those asked for since it began, before a new persist
        self._due: dict[str, float] = {}
        self._armed: dict[str, tuple[float, asyncio.Handle]] = {}
        self._soon: list[str] = []  # timers of no delay, due at the end of the turn
        self._rate = 1.0
        self._zero = (0.0, 0.0)  # a pair of readings: the loop's clock, and this node's at that moment

    # --- Events ---

    def start(self, core: Core) -> None:
        """Boot the node: `core` was built with this driver as its outbox."""
        self._core = core
        self._event("start", core.on_start)

    def deliver(self, src: NodeId, message: Any) -> None:
        """A message arrived."""
        if not self._alive or self._core is None:
            return
        if not self._turn:
            self._turn = True
            self._loop.call_soon(self._end_turn)
        try:
            self._core.on_message(src, message)
        except Exception as error:  # noqa: BLE001 - whatever it is, the node is broken
            self.fail(error, f"deliver {describe(message)} from {src}")

    def sync_in_thread(self, *, on: bool) -> None:
        """From the next commit on, sync in a thread, or inline again."""
        self._threaded = on

    def close(self) -> None:
        """No more events or effects; what is not durable is lost, as in a crash. Waits for a sync in flight."""
        self._alive = False
        for _when, handle in self._armed.values():
            handle.cancel()
        self._armed.clear()
        self._due.clear()
        if self._executor is not None:
            self._executor.shutdown(wait=True)

    def _event(self, what: str, handle: Callable[[], None]) -> None:
        self._begin_turn()
        try:
            handle()
        except Exception as error:  # noqa: BLE001 - the same
            self.fail(error, what)

    def _begin_turn(self) -> None:
        if not self._turn:
            self._turn = True
            self._loop.call_soon(self._end_turn)

    def fail(self, error: Exception, event: str) -> None:
        """The node is broken, by its own handlers or by something around it: no more events or effects. `failed` is told once."""
        if self._alive:
            self._alive = False
            self._failed(error, event)

    # --- Effects ---

    def send(self, dst: NodeId, message: object) -> None:
        """See Outbox."""
        if not self._turn:
            self._begin_turn()
        if self._held is None:
            self._network_send(dst, message)
        else:
            self._held.append((self._network_send, dst, message))

    def reply(self, client: NodeId, message: object) -> None:
        """See Outbox."""
        self.send(client, message)
        if self._observer is not None:
            self._behind(self._observer.replied, client, message)

    def apply(self, index: int, command: object) -> None:
        """See Outbox."""
        if self._observer is not None:
            self._behind(self._observer.applied, index, command)

    def persist(self, record: object) -> None:
        """See Outbox."""
        if self._log is not None:
            self._log.append(record)
            self._hold()

    def checkpoint(self, records: Sequence[object]) -> None:
        """See Outbox."""
        if self._log is not None:
            self._log.replace(records)
            self._hold()

    def when_durable(self, action: Callable[[], None]) -> None:
        """Run `action` behind everything asked for so far: at once if no record waits, never if one is lost."""
        if self._held is None:
            action()
        else:
            self._held.append((_run, action, None))

    def _hold(self) -> None:
        if not self._dirty:
            self._dirty = True
            self._held = []
            self._begin_turn()

    def _behind(self, action: Callable[..., None], first: Any, second: Any) -> None:
        if self._held is None:
            action(first, second)
        else:
            self._held.append((action, first, second))

    # --- The end of a turn ---

    def _end_turn(self) -> None:
        self._turn = False
        if self._soon:
            soon, self._soon = self._soon, []
            for name in soon:
                self._fire(name)
        if not self._alive:
            return
        self._network_flush()
        if self._dirty and self._syncing is None:
            if self._threaded:
                self._sync_in_thread()
            else:
                self._sync_inline()

    def _sync_inline(self) -> None:
        assert self._log is not None
        held, self._held = self._held or [], None
        self._dirty = False
        try:
            self._log.commit(self._log.take())
        except Exception as error:  # noqa: BLE001 - a disk that refuses, or a record that cannot be encoded
            self.fail(error, "sync")
            return
        self._release(held)

    def _sync_in_thread(self) -> None:
        assert self._log is not None
        if self._executor is None:
            self._executor = ThreadPoolExecutor(1, "sync")
        self._syncing = self._held or []
        self._held = []  # effects of the meantime wait behind this sync; a persist opens the next list
        self._after = self._held
        self._dirty = False
        batch = self._log.take()
        future = self._executor.submit(self._log.commit, batch)
        future.add_done_callback(lambda done: self._loop.call_soon_threadsafe(self._synced, done.exception()))

    def _synced(self, error: BaseException | None) -> None:
        if not self._alive:
            return
        if error is not None:
            self.fail(error if isinstance(error, Exception) else RuntimeError(repr(error)), "sync")
            return
        held, self._syncing = [*(self._syncing or ()), *self._after], None
        if not self._dirty:
            self._held = None
        self._release(held)
        if self._dirty:
            self._end_turn()

    def _release(self, held: list[tuple[Callable[..., None], Any, Any]]) -> None:
        try:
            for action, first, second in held:
                action(first, second)
        except Exception as error:  # noqa: BLE001 - a message that cannot be encoded
            self.fail(error, "send")
        self._network_flush()

    # --- Clock and timers ---

    def clock(self) -> float:
        """See Outbox."""
        real, local = self._zero
        return local + (self._now() - real) * self._rate

    def set_clock(self, offset_s: float, drift: float) -> None:
        """Jump this node's clock by `offset_s`; then let it run `1 + drift` times as fast. Pending timers stay as they are."""
        self._zero = (self._now(), self.clock() + offset_s)
        self._rate = 1.0 + drift

    def set_timer(self, name: str, delay_s: Delay) -> None:
        """See Outbox."""
        if isinstance(delay_s, tuple):
            low, high = delay_s
            delay_s = low + (high - low) * self.random()
        if delay_s <= 0.0:
            self._due[name] = self._now()
            self._soon.append(name)
            self._begin_turn()
            return
        delay_s /= self._rate
        due = self._due[name] = self._now() + delay_s
        armed = self._armed.get(name)
        if armed is not None:
            if armed[0] <= due:
                return  # it fires early, sees the later time and sleeps on: most timers are only ever pushed back
            armed[1].cancel()
        self._armed[name] = (due, self._loop.call_later(delay_s, self._wake, name))

    def cancel_timer(self, name: str) -> None:
        """See Outbox."""
        self._due.pop(name, None)

    def _wake(self, name: str) -> None:
        del self._armed[name]
        due = self._due.get(name)
        if due is None:
            return
        left_s = due - self._now()
        if left_s > _EARLY_S:
            self._armed[name] = (due, self._loop.call_later(left_s, self._wake, name))
        else:
            self._fire(name)

    def _fire(self, name: str) -> None:
        if self._due.get(name, inf) > self._now() + _EARLY_S:
            return  # cancelled, or moved to a later time
        del self._due[name]
        if self._alive and self._core is not None:
            core = self._core
            self._event(f"timer {name}", lambda: core.on_timer(name))


def _run(action: Callable[[], None], _nothing: Any) -> None:
    action()

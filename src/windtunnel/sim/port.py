"""A node's place in the pure-Python kernel: its outbox, its timers, its barrier, its clock and its CPUs. See `sim/pure.py`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from heapq import heappush
from typing import TYPE_CHECKING, Any

from windtunnel.base.errors import UsageError
from windtunnel.base.messages import NodeId
from windtunnel.base.outbox import Delay
from windtunnel.base.streams import Stream
from windtunnel.sim.links import CUT, OPEN, Link

if TYPE_CHECKING:
    from windtunnel.sim.pure import Kernel

DELIVER, TIMER, CALL, SYNCED, SERVE, ARRIVE, LOST, TASK, SEGMENT, SENTINEL = range(10)
_SEND, _REPLY, _APPLY, _TELL = range(4)


class Timer:
    """A named timer of a port. seq: number of the latest request, -1 when not pending; entry_*: what the heap has of it."""

    __slots__ = ("due", "entry_at", "entry_seq", "name", "port", "seq", "slot")

    def __init__(self, port: Port, name: str, slot: int) -> None:
        self.port = port
        self.name = name
        self.slot = slot
        self.seq = -1
        self.due = 0.0
        self.entry_seq = -1
        self.entry_at = 0.0


class _Void(list[Any]):
    """Takes the effects of a node that is down: nobody runs there, so nothing comes of them."""

    __slots__ = ()

    def append(self, item: Any) -> None:
        """Forget `item`."""


_VOID = _Void()


class Port:
    """One node's place in the kernel; it is the node's `Outbox`.

    disk: `append(record)`, `replace(records)`, `begin_sync()` -> seconds, `end_sync()`; without one, records are durable at once.
    observer: `applied(node, index, command)` and `replied(node, client, message)`, told when that effect is released.
    While the node is down its effects are void. `incarnation` counts its deaths.
    """

    __slots__ = (
        "_backlog",
        "_clock",
        "_cpu",
        "_current",
        "_held",
        "_kernel",
        "_links",
        "_stream",
        "_timers",
        "base",
        "core",
        "disk",
        "incarnation",
        "index",
        "name",
        "observer",
        "paused",
        "ready",
        "up",
    )

    def __init__(self, kernel: Kernel, name: NodeId, index: int) -> None:
        self._kernel = kernel
        self.name = name
        self.index = index
        self.base = index << 28  # this node's part of a fingerprint word
        self.core: Any = None
        self.disk: Any = None
        self.observer: Any = None
        self.incarnation = 0
        self.up = False
        self.paused = False
        self.ready = False  # up, not paused, and its CPU is free of charge: the shortest path
        self._held: list[Any] | None = _VOID  # where effects wait; None when nothing holds them
        self._current: list[Any] | None = None  # those that the sync in flight releases
        self._timers: Any = None  # None, the only Timer, or a dict of them: most of a hundred thousand nodes have one
        self._links: dict[Port, Link] | None = None
        self._backlog: list[Any] | None = None
        # (real seconds, local seconds, rate, local seconds without the jumps) at the last change
        self._clock: tuple[float, float, float, float] | None = None
        self._cpu: tuple[float, list[float]] | None = None  # (seconds per delivery, when each core is free)
        self._stream: Stream | None = None

    # --- Outbox ---

    def send(self, dst: NodeId, message: object) -> None:
        """See `base.outbox.Outbox`."""
        if self._held is not None:
            self._held.append((_SEND, dst, message))
            return
        kernel = self._kernel
        port = kernel.by_name.get(dst)
        link = kernel.default
        if link.quick and self._links is None and port is not None and port is not self and kernel.tracer is None:
            now = kernel.now
            seq = kernel.seq
            kernel.seq = seq + 1
            kernel.sent += 1
            a = link.a
            heappush(kernel.heap, (now + (a + (link.b - a) * kernel.draw()), seq, DELIVER, port, self, message, now))
        else:
            self._transmit(dst, message)

    def reply(self, client: NodeId, message: object) -> None:
        """See `base.outbox.Outbox`."""
        if self._held is not None:
            self._held.append((_REPLY, client, message))
        else:
            self._emit(_REPLY, client, message)

    def apply(self, index: int, command: object) -> None:
        """See `base.outbox.Outbox`."""
        if self._held is not None:
            self._held.append((_APPLY, index, command))
        elif self.observer is not None:
            self.observer.applied(self.name, index, command)

    def persist(self, record: object) -> None:
        """See `base.outbox.Outbox`. Raises StorageError when the disk refuses."""
        if self.up and self.disk is not None:
            self.disk.append(record)
            self._sync()

    def checkpoint(self, records: Sequence[object]) -> None:
        """See `base.outbox.Outbox`. Raises StorageError when the disk refuses."""
        if self.up and self.disk is not None:
            self.disk.replace(records)
            self._sync()

    def set_timer(self, name: str, delay_s: Delay) -> None:
        """See `base.outbox.Outbox`. A change of the clock's rate does not touch timers that are pending."""
        if not self.up:
            return
        if isinstance(delay_s, tuple):
            low, high = delay_s
            delay = low + (high - low) * self.random()
        else:
            delay = delay_s
        if self._clock is not None:
            delay = delay / self._clock[2]
        timers = self._timers
        timer = timers if type(timers) is Timer and timers.name == name else self._timer(name)
        kernel = self._kernel
        seq = kernel.seq
        kernel.seq = seq + 1
        due = kernel.now + delay if delay > 0.0 else kernel.now
        timer.due = due
        timer.seq = seq
        if timer.entry_seq < 0 or due < timer.entry_at:
            timer.entry_seq = seq
            timer.entry_at = due
            heappush(kernel.heap, (due, seq, TIMER, timer))

    def cancel_timer(self, name: str) -> None:
        """See `base.outbox.Outbox`."""
        timers = self._timers
        timer = timers.get(name) if type(timers) is dict else timers
        if timer is not None and timer.name == name:
            timer.seq = -1

    def clock(self) -> float:
        """See `base.outbox.Outbox`."""
        now = self._kernel.now
        if self._clock is None:
            return now
        real, local, rate, _ = self._clock
        return local + (now - real) * rate

    def monotonic(self) -> float:
        """The local clock without its jumps, seconds: it drifts with the rate, and never goes back."""
        now = self._kernel.now
        if self._clock is None:
            return now
        real, _, rate, steady = self._clock
        return steady + (now - real) * rate

    def random(self) -> float:
        """See `base.outbox.Outbox`; the stream is `node/<name>`."""
        if self._stream is None:
            self._stream = Stream(self._kernel.seed, f"node/{self.name}")
        return self._stream.random()

    def when_durable(self, callback: Callable[[], object]) -> None:
        """Call `callback` when everything persisted so far is durable: now or behind the barrier; never if the node dies."""
        if self._held is not None:
            self._held.append((_TELL, callback, None))
        else:
            callback()

    # --- Life, as the world decides it ---

    def bind(self, core: Any) -> None:
        """The node is up, with this core. The caller then calls `core.on_start()`."""
        assert not self.up, f"{self.name} is up already"
        self.core = core
        self.up = True
        self._held = None
        self.ready = self._cpu is None

    def unbind(self) -> None:
        """The node crashes: its timers, waiting effects, unhandled messages and the sync in flight are forgotten."""
        self.up = self.paused = self.ready = False
        self.core = None
        self.incarnation += 1
        self._held = _VOID
        self._current = None
        for timer in self._all_timers():
            timer.seq = -1
        for entry in self._backlog or ():
            if entry[2] in (DELIVER, SERVE):
                self._kernel.dropped += 1
            elif entry[2] == TIMER and entry[3].entry_seq == entry[1]:
                entry[3].entry_seq = -1
            elif entry[2] == SEGMENT:  # it is not the process that answers these
                heappush(self._kernel.heap, (self._kernel.now, self._kernel.next_seq(), *entry[2:]))
        self._backlog = None
        if self._cpu is not None:
            self._cpu = (self._cpu[0], [0.0] * len(self._cpu[1]))

    def pause(self) -> None:
        """Freeze the node: what becomes due for it is kept. No effect on a node that is down."""
        if self.up:
            self.paused = True
            self.ready = False

    def resume(self) -> None:
        """Unfreeze the node: it handles now, in order, what was kept."""
        if not self.paused:
            return
        self.paused = False
        self.ready = self.up and self._cpu is None
        kernel, backlog = self._kernel, self._backlog
        self._backlog = None
        for entry in backlog or ():
            if entry[2] == TIMER:
                timer = entry[3]
                if entry[1] != timer.entry_seq:
                    continue
                if entry[1] != timer.seq:
                    timer.due = max(timer.due, kernel.now)
                    kernel.go_back(timer)
                    continue
                timer.due = timer.entry_at = kernel.now
                timer.seq = timer.entry_seq = kernel.next_seq()
                heappush(kernel.heap, (timer.due, timer.seq, TIMER, timer))
            else:
                heappush(kernel.heap, (kernel.now, kernel.next_seq(), *entry[2:]))

    def set_clock(self, offset_s: float, rate: float) -> None:
        """Jump the local clock by `offset_s` seconds; from now on it runs `rate` times as fast as real time."""
        if not rate > 0.0:
            raise UsageError(f"a clock must run forward; got rate {rate}")
        self._clock = (self._kernel.now, self.clock() + offset_s, rate, self.monotonic())
        self._kernel.skewed = True

    @property
    def rate(self) -> float:
        """How fast the local clock runs against real time."""
        return 1.0 if self._clock is None else self._clock[2]

    def set_cpu(self, cores: int, service_s: float) -> None:
        """Each delivery takes `service_s` seconds on one of `cores` CPUs, in order of arrival; 0: no time at all."""
        if cores < 1 or not service_s >= 0.0:
            raise UsageError(f"impossible CPU: {cores} cores, {service_s} s per delivery")
        self._cpu = (service_s, [0.0] * cores) if service_s > 0.0 else None
        self.ready = self.up and not self.paused and self._cpu is None

    # --- For the kernel ---

    def link_to(self, dst: Port) -> Link | None:
        """The link's own state, where it has any."""
        return self._links.get(dst) if self._links is not None else None

    def attach(self, dst: Port, link: Link) -> None:
        """Give the link to `dst` state of its own."""
        if self._links is None:
            self._links = {}
        self._links[dst] = link

    def keep(self, entry: Any) -> None:
        """Something became due while the node is paused."""
        if self._backlog is None:
            self._backlog = []
        self._backlog.append(entry)

    def occupy(self) -> float:
        """Queue one delivery for the CPU that is free first; returns when it will have been served."""
        assert self._cpu is not None
        service_s, free = self._cpu
        first = min(free)
        i = free.index(first)
        now = self._kernel.now
        free[i] = done = max(first, now) + service_s
        return done

    def synced(self) -> None:
        """The sync in flight has ended: release what waited for it, and begin the next one where records came in between."""
        self.disk.end_sync()
        released, self._current = self._current, None
        more = self._held is not released
        if not more:
            self._held = None
        self._release(released or ())
        if more and self.up:
            waiting, self._held = self._held, None
            self._begin(waiting)

    def pending(self) -> list[str]:
        """Names of the timers that are armed."""
        return [timer.name for timer in self._all_timers() if timer.seq >= 0]

    # --- Inside ---

    def _transmit(self, dst: NodeId, message: object) -> None:
        kernel = self._kernel
        now = kernel.now
        seq = kernel.seq
        kernel.seq = seq + 1
        kernel.sent += 1
        port = kernel.by_name.get(dst)
        if port is None:
            kernel.dropped += 1
            if kernel.tracer is not None:
                kernel.tracer.sent(seq, now, self.name, dst, message, None)
            return
        if port is self:
            if kernel.tracer is not None:
                kernel.tracer.sent(seq, now, self.name, dst, message, now)
            heappush(kernel.heap, (now, seq, DELIVER, port, self, message, now))
            return
        link = self._links.get(port) if self._links is not None else None
        if link is None:
            link = kernel.default
            if link.fifo or link.bandwidth > 0.0:
                link = kernel.links.between(self, port)
        if link.quick and kernel.tracer is None:
            a = link.a
            due = now + (a + (link.b - a) * kernel.draw())
            heappush(kernel.heap, (due, seq, DELIVER, port, self, message, now))
        elif link.state == OPEN:
            kernel.forward(link, self, port, message, seq, now)
        elif link.state == CUT:
            kernel.dropped += 1
            if kernel.tracer is not None:
                kernel.tracer.sent(seq, now, self.name, dst, message, None)
        else:
            if link.held is None:
                link.held = []
            link.held.append((message, seq, now))
            if kernel.tracer is not None:
                kernel.tracer.sent(seq, now, self.name, dst, message, float("inf"))

    def _emit(self, op: int, target: Any, value: object) -> None:
        if op == _REPLY:
            if self.observer is not None:
                self.observer.replied(self.name, target, value)
            self._transmit(target, value)
        elif op == _TELL:
            target()
        elif self.observer is not None:
            self.observer.applied(self.name, target, value)

    def _sync(self) -> None:
        """A record was written: hold what follows until it is durable."""
        if self._current is None:
            self._begin([])
        elif self._held is self._current:
            self._held = []  # released by the sync after the one in flight

    def _begin(self, waiting: list[Any] | None) -> None:
        duration = self.disk.begin_sync()
        if duration > 0.0:
            kernel = self._kernel
            self._current = self._held = waiting
            heappush(kernel.heap, (kernel.now + duration, kernel.next_seq(), SYNCED, self, self.incarnation))
        else:
            self.disk.end_sync()
            self._release(waiting or ())

    def _release(self, effects: Sequence[Any]) -> None:
        life = self.incarnation
        for op, target, value in effects:
            if self.incarnation != life:  # an observer of the last effect crashed the node
                return
            if op == _SEND:
                self._transmit(target, value)
            else:
                self._emit(op, target, value)

    def _timer(self, name: str) -> Timer:
        timers = self._timers
        if timers is None:
            self._timers = timer = Timer(self, name, 0)
            return timer
        if type(timers) is Timer:
            self._timers = timers = {timers.name: timers}
        timer = timers.get(name)
        if timer is None:
            timers[name] = timer = Timer(self, name, len(timers))
        return timer

    def _all_timers(self) -> list[Timer]:
        timers = self._timers
        if timers is None:
            return []
        return [timers] if type(timers) is Timer else list(timers.values())

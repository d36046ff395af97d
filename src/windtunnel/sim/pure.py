"""The kernel in pure Python: the fallback where no compiler is at hand, and the oracle for the compiled one.

Theory of operation. One clock and one heap of entries `(due, number, kind, ...)`; the number rises with each request, so that
entries due at the same instant run in the order in which they were asked for, and no comparison ever reaches the rest.
A `Port` is a node's place in the kernel and its outbox at once: an effect goes straight into the heap, without an
object of its own. `sim/_kernel.pyx` is the same program in C structs; tests hold both to identical traces.

Timers are lazy. Arming one that has an entry in the heap only notes the new deadline, unless that is earlier; the entry
notices when it comes up, and goes back with the deadline and the number of the latest request. A timer that is pushed back
with every heartbeat thus costs one heap entry per timeout, not one per heartbeat, and runs exactly when an eager one would.

The barrier. While records are not durable, effects of the node queue in `_held`; a `persist` during a sync opens a second
queue, released by the sync after it (group commit).

The fingerprint is a hash over one word per event: the bits of its time, crossed with its kind, node and origin, and with
whatever the event mixes in (`mix`: what the asyncio tier sends). Words are collected and hashed in blocks: hashing event by event
would cost more than the event. `index` keeps the hash of every so many events, so that the first difference of two runs is found
by bisection.

GC. `run` switches the cyclic collector off: with it on, collections start at allocation counts that depend on everything else
in the process, and so would the order of finalizers; and it is 1.1 to 1.3 times as fast. It collects at fixed counts of events
instead, so that garbage stays bounded, and restores the former setting on the way out, exceptions included.
"""

from __future__ import annotations

import gc
import hashlib
from array import array
from collections.abc import Callable
from contextvars import Context, copy_context
from heapq import heappop, heappush
from math import inf
from typing import Any

from windtunnel.base.errors import UsageError
from windtunnel.base.messages import NodeId
from windtunnel.base.streams import Stream, busy_stream
from windtunnel.sim.handles import Handle, TaskHandle
from windtunnel.sim.life import LIFE
from windtunnel.sim.links import Link, Links
from windtunnel.sim.pipe import Pipe
from windtunnel.sim.port import ARRIVE, CALL, DELIVER, LOST, SEGMENT, SENTINEL, SERVE, SYNCED, TASK, TIMER, Port, Timer
from windtunnel.sim.schedule import POLICIES, Choice
from windtunnel.sim.waiting import waiting
from windtunnel.sim.wire import Wire

__all__ = ["Handle", "Kernel", "Pipe", "Port", "Stream", "TaskHandle"]

KIND_NAMES = ("deliver", "timer", "call", "synced", "deliver")
NOBODY = (1 << 28) - 1  # the index, in the fingerprint, of whoever is no node
TIMER_WORD = TIMER << 56
CALL_WORD = (CALL << 56) | (NOBODY << 28) | NOBODY
BLOCK = 4096  # events between two foldings of the fingerprint
COLLECT_EVERY = 1 << 18  # events between two collections of young garbage; every 16th is a full one; a multiple of BLOCK
LAST = 1 << 62  # the number of a sentinel: after everything else of its instant
MASK = (1 << 64) - 1
SCRAMBLE = 0x9E3779B97F4A7C15  # 2**64 over the golden ratio


_new = object.__new__


class Kernel(Wire):
    """One clock, one heap, one seed. Handlers run one at a time, at virtual times.

    policy: which of several events due at the same instant is next: "fifo" (the one asked for first), "random" (a seeded
    pick) or "pct" (random priorities of nodes with `depth` - 1 changes: Burckhardt et al., "A randomized scheduler with
    probabilistic guarantees of finding bugs", 2010; a bug of depth d needs d ordered events).

    now: virtual seconds. after_event(node): called after each message or timer that a node handled. tracer: told of
    `sent(seq, t, src, dst, message, due)` (due None: lost; inf: held by a cut) and `dispatched(seq, t, kind, node, src, payload,
    sent_at)`; kind "deliver", "timer", "synced" or "lost-at-node"; and, if it has the method, of `stepped(seq, t, host, handle)`
    before each callback of the asyncio tier (host None: the world) and before each segment (handle: the pipe that it reaches).
    on_error(handle, exception): told what the callback of a task raised. on_heal: callables, called after links were mended
    or the weather changed. on_cut: the same after a cut.

    index: every `index` events, (events, fingerprint) is added to the list of that name; 0 for never.
    """

    def __init__(self, seed: int, *, policy: str = "fifo", depth: int = 3, index: int = 0) -> None:
        if policy not in POLICIES:
            raise UsageError(f"expected a schedule policy of {', '.join(POLICIES)}; got {policy!r}")
        self.seed = seed
        self.policy = policy
        self.now = 0.0
        self.after_event: Callable[[NodeId], None] | None = None
        self.tracer: Any = None
        self.on_error: Callable[[TaskHandle, BaseException], None] | None = None
        self.on_heal: list[Callable[[], object]] = []
        self.on_cut: list[Callable[[], object]] = []
        self.index: list[tuple[int, int]] = []
        self.loop: Any = None  # of the asyncio tier, once there is one
        self.skewed = False  # whether any node's clock was ever changed
        self.sent = self.delivered = self.dropped = self.duplicated = 0
        self.ports: list[Port] = []
        self.by_name: dict[NodeId, Port] = {}
        self.heap: list[Any] = []
        self.seq = 0
        self.draw = busy_stream(seed, "network").random
        self._entry: Any = None
        self._failure: BaseException | None = None
        self._running = False
        self._times: list[float] = []
        self._codes: list[int] = []
        self._hash = hashlib.blake2b(digest_size=8)
        self._folded = 0
        self._fold_at = BLOCK  # events of this block at which it is full
        self._index_every = index
        self._mixes = 0
        self._collect_at = COLLECT_EVERY
        self._until = inf
        self._sentinels: set[float] = set()  # times at which the heap has one
        self._choice = None if policy == "fifo" else Choice(seed, policy, depth)
        self.links = Links(self, Link)
        self.default = self.links.default
        self._next_fold()

    # --- What a run is made of ---

    @property
    def events(self) -> int:
        """Events so far: whatever was taken off the heap and was not void."""
        return self._folded + len(self._times)

    @property
    def fingerprint(self) -> int:
        """64 bits over all events so far; equal fingerprints mean equal runs."""
        self._fold()
        return int.from_bytes(self._hash.digest(), "little")

    @property
    def current(self) -> tuple[int, float, str, NodeId, NodeId | None, Any] | None:
        """(seq, t, kind, node, src, payload) of the event that a node handles, or whose handler raised; else None."""
        entry = self._entry
        if entry is None or entry[2] == CALL:
            return None
        kind = entry[2]
        if kind == TIMER:
            return entry[1], self.now, "timer", entry[3].port.name, None, entry[3].name
        if kind == SYNCED:
            return entry[1], self.now, "synced", entry[3].name, None, ""
        if kind == TASK:
            life = entry[3].get_context().get(LIFE)
            return None if life is None else (entry[1], self.now, "task", life.port.name, None, "")
        if kind == SEGMENT:
            return entry[1], self.now, "segment", entry[3].port.name, entry[4].name, ""
        return entry[1], self.now, "deliver", entry[3].name, entry[4].name, entry[5]

    @property
    def pipe_type(self) -> type[Pipe]:
        """The class of the connection ends that run on this kernel."""
        return Pipe

    def stream(self, name: str) -> Stream:
        """The stream of randomness `name` of this run."""
        return Stream(self.seed, name)

    def add_node(self, name: NodeId) -> Port:
        """A place for a node. Raises UsageError when the name is taken."""
        if name in self.by_name:
            raise UsageError(f"two nodes are called {name!r}")
        port = Port(self, name, len(self.ports))
        self.ports.append(port)
        self.by_name[name] = port
        if self._choice is not None:
            self._choice.admit()
        self.links.arrived(port)
        return port

    def port(self, name: NodeId) -> Port | None:
        """The place of the node `name`, or None."""
        return self.by_name.get(name)

    # --- Callbacks ---

    def call_at(self, when: float, callback: Callable[..., Any], *args: Any) -> Handle:
        """Run `callback(*args)` at virtual time `when`, or now if that is past."""
        handle = _new(Handle)
        handle._callback = callback  # noqa: SLF001 - its own
        handle._args = args  # noqa: SLF001
        heappush(self.heap, (max(self.now, when), self.next_seq(), CALL, handle))
        return handle

    def call_later(self, delay: float, callback: Callable[..., Any], *args: Any) -> Handle:
        """Run `callback(*args)` after `delay` seconds."""
        handle = _new(Handle)  # a call of the class would cost as much as the rest of this method
        handle._callback = callback  # noqa: SLF001 - its own
        handle._args = args  # noqa: SLF001
        seq = self.seq
        self.seq = seq + 1
        heappush(self.heap, (self.now + delay if delay > 0.0 else self.now, seq, CALL, handle))
        return handle

    def call_soon(self, callback: Callable[..., Any], *args: Any) -> Handle:
        """Run `callback(*args)` now, after everything that is due already."""
        return self.call_later(0.0, callback, *args)

    # --- Tasks: the asyncio tier ---

    def task_at(self, when: float, callback: Callable[..., Any], *args: Any, context: Context | None = None) -> TaskHandle:
        """Run `callback(*args)` in a context when the host's clock shows `when`; without a context, in a copy of this one."""
        now = self.now
        handle = TaskHandle(callback, args, copy_context() if context is None else context, when)
        if self.skewed:
            life = LIFE.get()
            if life is not None:
                when = now + (when - life.port.monotonic()) / life.port.rate
        due = when if when > now else now  # noqa: FURB136 - a call of max costs more than the rest of the line
        if self._choice is not None and self._choice.pct:
            life = handle.get_context().get(LIFE)
            handle.party = 0 if life is None else life.port.index + 1
        seq = self.seq
        self.seq = seq + 1
        heappush(self.heap, (due, seq, TASK, handle))
        return handle

    def task_time(self) -> float:
        """The clock of the host that calls, without its jumps, seconds; virtual time outside of hosts."""
        life = LIFE.get() if self.skewed else None
        return self.now if life is None else float(life.port.monotonic())

    def task_true(self, when: float, callback: Callable[..., Any], *args: Any, context: Context | None = None) -> TaskHandle:
        """As `task_at`, but at true virtual time, whatever the host's clock shows: the network has no clock."""
        handle = TaskHandle(callback, args, copy_context() if context is None else context, when)
        if self._choice is not None and self._choice.pct:
            life = handle.get_context().get(LIFE)
            handle.party = 0 if life is None else life.port.index + 1
        heappush(self.heap, (max(self.now, when), self.next_seq(), TASK, handle))
        return handle

    def task_later(self, delay: float, callback: Callable[..., Any], *args: Any, context: Context | None = None) -> TaskHandle:
        """Run `callback(*args)` in a context after `delay` seconds of the host's clock."""
        start = self.task_time() if self.skewed else self.now
        return self.task_at(start + delay, callback, *args, context=context)

    def task_soon(self, callback: Callable[..., Any], *args: Any, context: Context | None = None) -> TaskHandle:
        """Run `callback(*args)` in a context now, after everything that is due already."""
        start = self.task_time() if self.skewed else self.now
        return self.task_at(start, callback, *args, context=context)

    def attach(self, loop: Any) -> None:
        """Let `loop.enter()` and `loop.leave()` bracket every run, from now on."""
        assert self.loop is None, "a kernel has one loop"
        self.loop = loop
        if self._running:
            loop.enter()

    def fail(self, error: BaseException) -> None:
        """Raise `error` out of the run, as if the handler of the current event had raised it; outside a run, at once."""
        if not self._running:
            raise error
        if self._failure is None:
            self._failure = error
        self.stop()

    # --- Running ---

    def run(self, until: float = inf, max_events: int = -1) -> str:
        """Handle events until virtual time `until` (inclusive), `max_events`, `stop`, or until nothing is left.

        Returns "until" (the clock then stands at `until`), "limit", "stopped" or "idle": nothing can ever run again. Exceptions
        of handlers propagate, `current` says whose; the run may be continued after the event that raised.
        """
        assert not self._running, "run is not reentrant"
        if until < self.now:
            return "until"
        if until < inf and until not in self._sentinels:
            self._sentinels.add(until)
            heappush(self.heap, (until, LAST, SENTINEL))
        self._until = until
        self._entry = None
        self._failure = None
        self._running = True
        collecting = gc.isenabled()
        gc.disable()
        if self.loop is not None:
            self.loop.enter()
        try:
            reason = self._run_blocks(self.events + max_events if max_events >= 0 else -1)
            if self._failure is not None:
                raise self._failure
            self._entry = None
            return reason
        finally:
            self._running = False
            if self.loop is not None:
                self.loop.leave()
            if self._choice is not None:
                self._choice.give_back(self.heap)
            while self.heap and self.heap[0][0] < 0.0:  # a stop that another end overtook
                heappop(self.heap)
            if collecting:
                gc.enable()

    def stop(self) -> None:
        """End the current `run` after the event being handled; no effect outside a run."""
        if self._running:
            heappush(self.heap, (-inf, -1, SENTINEL))

    def _run_blocks(self, limit: int) -> str:
        while True:
            if len(self._times) >= self._fold_at:
                self._fold()
                if self._folded >= self._collect_at:
                    self._collect()
            room = self._fold_at - len(self._times)
            if limit >= 0:
                room = min(room, limit - self.events)
                if room == 0:
                    return "stopped" if self.heap and self.heap[0][0] < 0.0 else "limit"
            reason = self._run_some(room)
            if reason:
                return reason

    def _run_some(self, count: int) -> str:
        """Take up to `count` entries off the heap. Returns why the run ends, or "" to go on."""
        heap = self.heap
        choice = self._choice
        pop = heappop if choice is None else choice.pop
        times, codes = self._times.append, self._codes.append
        for _ in range(count):
            if not heap and (choice is None or not choice.due):
                return "idle"
            entry = pop(heap)
            kind = entry[2]
            if kind == DELIVER:
                t, seq, _, port, src, message, sent_at = entry
                self.now = t
                self._entry = entry
                if not port.ready:
                    self._deliver_aside(entry)
                    continue
                times(t)
                codes(port.base + src.index)
                self.delivered += 1
                if self.tracer is not None:
                    self.tracer.dispatched(seq, t, "deliver", port.name, src.name, message, sent_at)
                port.core.on_message(src.name, message)
                if self.after_event is not None:
                    self.after_event(port.name)
            elif kind == TIMER:
                t, seq, _, timer = entry
                port = timer.port
                if seq != timer.seq or port.paused:
                    self._fire_aside(entry, timer)
                    continue
                self.now = t
                self._entry = entry
                timer.seq = timer.entry_seq = -1
                times(t)
                codes(TIMER_WORD + port.base + timer.slot)
                if self.tracer is not None:
                    self.tracer.dispatched(seq, t, "timer", port.name, None, timer.name, None)
                port.core.on_timer(timer.name)
                if self.after_event is not None:
                    self.after_event(port.name)
            elif kind == CALL:
                handle = entry[3]
                callback = handle._callback  # noqa: SLF001 - its own
                if callback is not None:
                    self.now = t = entry[0]
                    self._entry = entry
                    times(t)
                    codes(CALL_WORD)
                    callback(*handle._args)  # noqa: SLF001
            elif kind == TASK:
                self._task(entry)
            elif kind == SEGMENT:
                self._segment(entry)
            elif kind == SENTINEL:
                reason = self._at_sentinel(entry)
                if reason:
                    return reason
            else:
                self._rest(entry)
        return ""

    def _at_sentinel(self, entry: Any) -> str:
        if entry[0] < 0.0:
            return "stopped"
        self._sentinels.discard(entry[0])
        if entry[0] != self._until:  # left by a run that ended early
            return ""
        self._drop_void()
        if not self.heap:
            return "idle"
        self.now = entry[0]
        return "until"

    def _drop_void(self) -> None:
        """Clear the top of the heap of entries that nothing will come of, so that an empty heap means idle."""
        heap = self.heap
        while heap:
            entry = heap[0]
            kind = entry[2]
            if kind == TIMER and entry[1] != entry[3].seq:
                heappop(heap)
                if entry[1] == entry[3].entry_seq:
                    self.go_back(entry[3])
            elif kind == SENTINEL:
                heappop(heap)
                self._sentinels.discard(entry[0])
            elif (
                (kind == TASK and entry[3].void())
                or (kind == CALL and entry[3].cancelled())
                or (kind == SYNCED and entry[3].incarnation != entry[4])
            ):
                heappop(heap)
            else:
                return

    def go_back(self, timer: Timer) -> None:
        """Mend the heap's part of a timer: an entry came up whose timer was cancelled, or armed again meanwhile."""
        if timer.seq < 0:
            timer.entry_seq = -1
        else:
            timer.entry_seq = timer.seq
            timer.entry_at = timer.due
            heappush(self.heap, (timer.due, timer.seq, TIMER, timer))

    def _fire_aside(self, entry: Any, timer: Timer) -> None:
        """An entry came up whose timer was armed again or cancelled, or whose node is paused."""
        if entry[1] == timer.seq:
            self.now = entry[0]
            timer.port.keep(entry)
        elif entry[1] == timer.entry_seq:
            self.go_back(timer)

    def _task(self, entry: Any) -> None:
        handle = entry[3]
        context = handle._context  # noqa: SLF001 - its own
        life = context.get(LIFE)
        if life is None:
            index = NOBODY
        elif not life.alive:
            return
        else:
            index = life.port.index
        callback = handle._callback  # noqa: SLF001
        if callback is None:
            return
        self.now = entry[0]
        if life is not None and life.port.paused:
            life.port.keep(entry)
            return
        self._entry = entry
        self._note(TASK, index, NOBODY)
        if self.tracer is not None and hasattr(self.tracer, "stepped"):
            self.tracer.stepped(entry[1], self.now, None if life is None else life.port.name, handle)
        try:
            context.run(callback, *handle._args)  # noqa: SLF001
        except (SystemExit, KeyboardInterrupt):
            raise
        except BaseException as error:
            if self.on_error is None:
                raise
            self.on_error(handle, error)
        # A traceback keeps the frames below it: without this line the exception of a task would keep the task, and itself.
        entry = handle = callback = None
        if life is not None and self.after_event is not None:
            self.after_event(life.port.name)

    def segment_at(self, due: float, src: Port, pipe: Pipe) -> None:
        """The next segment of `pipe` arrives at `due`, from `src`."""
        seq = self.seq
        self.seq = seq + 1
        heappush(self.heap, (due, seq, SEGMENT, pipe, src))

    def _segment(self, entry: Any) -> None:
        pipe = entry[3]
        port = pipe.port
        self.now = entry[0]
        if port.paused:
            port.keep(entry)
            return
        self._entry = entry
        self._note(SEGMENT, port.index, entry[4].index)
        if self.tracer is not None and hasattr(self.tracer, "stepped"):
            self.tracer.stepped(entry[1], self.now, port.name, pipe)
        pipe.arrive()
        if self.after_event is not None:
            self.after_event(port.name)

    def _deliver_aside(self, entry: Any) -> None:
        """A message reached a node that is down, or paused, or has to queue for a CPU."""
        _, _, _, port, src, message, sent_at = entry
        if not port.up:
            self._lose(entry)
        elif port.paused:
            port.keep(entry)
        else:
            self._note(ARRIVE, port.index, src.index)
            done = port.occupy()
            heappush(self.heap, (done, self.next_seq(), SERVE, port, src, message, sent_at, port.incarnation))

    def _rest(self, entry: Any) -> None:
        """The rarer kinds: the end of a sync, and a message that has had its CPU time."""
        seq, kind, port = entry[1], entry[2], entry[3]
        if port.incarnation != entry[-1] and kind == SYNCED:
            return
        self.now = entry[0]
        self._entry = entry
        if port.incarnation != entry[-1]:
            self._lose(entry)
        elif port.paused:
            port.keep(entry)
        elif kind == SYNCED:
            self._note(SYNCED, port.index, NOBODY)
            if self.tracer is not None:
                self.tracer.dispatched(seq, self.now, "synced", port.name, None, "", None)
            port.synced()
        else:
            _, _, _, _, src, message, sent_at, _ = entry
            self._note(SERVE, port.index, src.index)
            self.delivered += 1
            if self.tracer is not None:
                self.tracer.dispatched(seq, self.now, "deliver", port.name, src.name, message, sent_at)
            port.core.on_message(src.name, message)
            if self.after_event is not None:
                self.after_event(port.name)

    def _lose(self, entry: Any) -> None:
        _, seq, _, port, src, message, sent_at = entry[:7]
        self._note(LOST, port.index, src.index)
        self.dropped += 1
        if self.tracer is not None:
            self.tracer.dispatched(seq, self.now, "lost-at-node", port.name, src.name, message, sent_at)

    # --- Reports ---

    def next_seq(self) -> int:
        """The number of one more request."""
        seq = self.seq
        self.seq = seq + 1
        return seq

    def upcoming(self) -> list[tuple[float, str, NodeId | None]]:
        """What the heap holds, in order: when it is due, its kind, and the node it is for; void entries excluded."""
        rows: list[tuple[float, str, NodeId | None]] = []
        for entry in sorted(self.heap):
            kind = entry[2]
            what: Any = entry[3] if len(entry) > 3 else None
            if kind == CALL and not what.cancelled():
                rows.append((entry[0], "call", None))
            elif kind == TASK and not what.void():
                life = what.get_context().get(LIFE)
                rows.append((entry[0], "task", None if life is None else life.port.name))
            elif kind == SEGMENT:
                rows.append((entry[0], "segment", what.port.name))
            elif kind == TIMER and entry[1] == what.entry_seq and what.seq >= 0:
                rows.append((what.due, "timer", what.port.name))
            elif kind == DELIVER or (kind in (SERVE, SYNCED) and what.incarnation == entry[-1]):
                rows.append((entry[0], KIND_NAMES[kind], what.name))
        rows.sort(key=lambda row: row[0])
        return rows

    def waiting(self) -> list[tuple[NodeId, str]]:
        """Who waits for what: for reports of a run in which nothing can happen any more."""
        return waiting(self)

    # --- Fingerprint, garbage, sentinels ---

    def mix(self, word: int) -> None:
        """Fold a word of 64 bits into the fingerprint of the current event: what it sends, say."""
        self._mixes += 1
        bits = ((word ^ self._mixes) * SCRAMBLE) & MASK
        bits ^= bits >> 29
        if self._codes:
            self._codes[-1] ^= bits
        else:
            self._hash.update(bits.to_bytes(8, "little"))

    def _note(self, kind: int, index: int, origin: int) -> None:
        self._times.append(self.now)
        self._codes.append((kind << 56) | (index << 28) | origin)

    def _fold(self) -> None:
        count = len(self._times)
        if count:
            times = int.from_bytes(array("d", self._times).tobytes(), "little")
            codes = int.from_bytes(array("Q", self._codes).tobytes(), "little")
            self._hash.update((times ^ codes).to_bytes(8 * count, "little"))
            self._folded += count
            self._times.clear()
            self._codes.clear()
            if self._index_every and self._folded % self._index_every == 0:
                self.index.append((self._folded, int.from_bytes(self._hash.digest(), "little")))
            self._next_fold()

    def _next_fold(self) -> None:
        """Blocks end at multiples of BLOCK and of the index, whoever looked at the fingerprint in between."""
        self._fold_at = BLOCK - self._folded % BLOCK
        if self._index_every:
            self._fold_at = min(self._fold_at, self._index_every - self._folded % self._index_every)

    def _collect(self) -> None:
        full = self._collect_at % (16 * COLLECT_EVERY) == 0
        self._collect_at += COLLECT_EVERY
        gc.collect(2 if full else 1)

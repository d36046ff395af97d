"""What TCP does so that bytes arrive, while the program looks elsewhere: windows, retransmission, giving up, resets.

Nothing is acknowledged byte by byte: the simulator knows what arrived. A sender counts what the other program has not
consumed (`in_flight`); when that fills the window it is *stalled*, and only then an acknowledgement travels back, with a latency
of its own. A segment that cannot leave (a cut link, a machine without power) is parked, and tried again after 0.2 s, 0.4 s, 0.8 s
... as Linux does; after a quarter of an hour, or the user timeout, the connection is given up.
"""

from __future__ import annotations

import errno
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from windtunnel.sim.links import RTO_S
from windtunnel.sim.pipe import HEADERS

if TYPE_CHECKING:
    from windtunnel.sim.net.network import Interface

RTO_MAX_S = 120.0  # the longest pause between two retransmissions on Linux
GIVE_UP_S = 924.6  # after fifteen of them: net.ipv4.tcp_retries2
KEEP_IDLE_S, KEEP_INTERVAL_S, KEEP_COUNT = 7200.0, 75.0, 9  # net.ipv4.tcp_keepalive_*

ATTACHED, CLOSING, LOST, CLOSED, DEAD = range(5)
"""What became of an end: in use; closed by its program, still flushing; closed on the wire; forgotten; its machine crashed."""


class Sign:
    """A segment without payload that means something."""

    __slots__ = ("name",)

    def __init__(self, name: str) -> None:
        self.name = name

    def __repr__(self) -> str:
        return self.name


OPENED, FIN, RESET = Sign("OPENED"), Sign("FIN"), Sign("RESET")


class Resend:
    """What could not leave yet, in order; since when, and the present timeout."""

    __slots__ = ("items", "since", "timeout", "timer")

    def __init__(self, now: float) -> None:
        self.items: deque[tuple[Any, int]] = deque()
        self.since = now
        self.timeout = RTO_S
        self.timer: Any = None


class KeepAlive:
    """Settings of SO_KEEPALIVE, seconds, and the state of the probing."""

    __slots__ = ("count", "failed", "idle_s", "interval_s", "timer")

    def __init__(self) -> None:
        self.idle_s, self.interval_s, self.count = KEEP_IDLE_S, KEEP_INTERVAL_S, KEEP_COUNT
        self.failed = 0
        self.timer: Any = None


class Reliable:
    """Mixed into a pipe; see `tcp.Transport` for the fields."""

    if not TYPE_CHECKING:
        __slots__ = ()  # those of the class that `transport_type` makes

    # Of the pipe:
    kernel: Any
    port: Any
    peer: Any
    context: Any
    ready: bool
    flowing: bool
    stalled: bool
    in_flight: int
    window: int
    segment_max: int
    last_due: float
    flight: deque[Any]
    launch: Callable[[Any, int], bool]
    # Of the transport:
    interface: Interface
    state: int
    gone: bool  # the connection no longer exists on the wire: reset, or given up
    acking: bool  # an acknowledgement is on its way here
    backlog: deque[memoryview] | None  # what the window does not allow yet
    backlog_size: int
    resend: Resend | None
    keep: KeepAlive | None
    user_timeout_s: float
    flushed: Callable[[], None]
    lose: Callable[[BaseException], None]

    # --- Sending ---

    def transmit(self, item: Any, size: int) -> None:
        """Send one segment after all before it: now, or when the way is free."""
        if self.gone or self.peer is None:
            return
        if self.resend is not None:
            self.resend.items.append((item, size))
            self.in_flight += size
        elif self.peer.state == DEAD or not self.launch(item, size):
            self.in_flight += size
            self._park([(item, size)])

    def send(self, data: Any) -> None:
        """Send bytes, as far as the window goes; the rest waits for the peer's program."""
        size, start = len(data), 0
        if not self.backlog:
            while start < size:
                count = min(size - start, self.segment_max, self.window - self.in_flight)
                if count <= 0:
                    break
                self.transmit(data if count == size else bytes(data[start : start + count]), count)
                start += count
        if start < size:
            if self.backlog is None:
                self.backlog = deque()
            self.backlog.append(memoryview(data)[start:])
            self.backlog_size += size - start
            self.stalled = True
            self.ready = False

    def acknowledge(self) -> None:
        """The program consumed bytes for which the peer waits: tell it. Called by the pipe."""
        peer = self.peer
        if peer is None or peer.acking or peer.state == DEAD:
            return
        due = self.kernel.carry(self.port, peer.port, HEADERS)
        peer.acking = True
        network = self.interface.network
        if due < 0.0:  # the peer probes a closed window as it retransmits
            network.later(RTO_S, self._acknowledge_again, RTO_S)
        else:
            network.at(due, peer.window_opens)

    def _acknowledge_again(self, waited: float) -> None:
        peer = self.peer
        if peer is None or DEAD in (self.state, peer.state):
            return
        due = self.kernel.carry(self.port, peer.port, HEADERS)
        network = self.interface.network
        if due < 0.0:
            waited = min(2.0 * waited, RTO_MAX_S)
            network.later(waited, self._acknowledge_again, waited)
        else:
            network.at(due, peer.window_opens)

    def window_opens(self) -> None:
        """An acknowledgement is here: send what waited for it."""
        self.acking = False
        self.flow()

    def flow(self) -> None:
        """Send what the window allows by now."""
        backlog = self.backlog
        while backlog and self.resend is None and not self.gone:
            count = min(self.window - self.in_flight, self.segment_max)
            if count <= 0:
                break
            piece = backlog[0]
            if len(piece) > count:
                backlog[0] = piece[count:]
                piece = piece[:count]
            else:
                backlog.popleft()
            self.backlog_size -= len(piece)
            self.transmit(bytes(piece), len(piece))
        self.stalled = bool(backlog)
        self.flushed()

    # --- Retransmission ---

    def _park(self, items: list[tuple[Any, int]]) -> None:
        self.ready = False
        if self.resend is None:
            self.resend = Resend(self.kernel.now)
            self.interface.network.tell("parked", self.interface, lambda: f"{self}: nothing gets through, retransmitting")
        self.resend.items.extendleft(reversed(items))
        if self.resend.timer is None:
            self.resend.timer = self.interface.network.later(self.resend.timeout, self._retransmit)

    def _retransmit(self) -> None:
        resend, peer = self.resend, self.peer
        if resend is None or self.gone or self.state == DEAD or peer is None:
            return
        resend.timer = None
        if self.kernel.now - resend.since >= (self.user_timeout_s or GIVE_UP_S):
            self.give_up()
            return
        items = resend.items
        if peer.state == DEAD:
            if peer.interface.up and self._ask_stranger():
                return
        else:
            while items:
                item, size = items[0]
                if not self.launch(item, size):
                    break
                self.in_flight -= size  # it was counted when it was parked
                items.popleft()
            if not items:
                self.resend = None
                self.flow()
                return
        resend.timeout = min(2.0 * resend.timeout, RTO_MAX_S)
        resend.timer = self.interface.network.later(resend.timeout, self._retransmit)

    def _ask_stranger(self) -> bool:
        """A segment to a machine that has booted again and knows nothing of the connection: a reset comes back."""
        due = self.kernel.carry(self.port, self.peer.port, HEADERS)
        if due < 0.0:
            return False
        self.interface.network.at(due, self._stranger_answers)
        return True

    def _stranger_answers(self) -> None:
        peer = self.peer
        if peer is None or self.gone:
            return
        due = self.kernel.carry(peer.port, self.port, HEADERS) if peer.interface.up else -1.0
        network = self.interface.network
        if due < 0.0:
            network.later(RTO_S, self._retransmit)
        else:
            network.at(due, self.reset_arrives)

    def give_up(self) -> None:
        """No answer for too long."""
        self.leave_wire()
        self.interface.network.tell("timed out", self.interface, lambda: f"{self}: no answer, given up")
        self.lose(TimeoutError(errno.ETIMEDOUT, "Connection timed out"))

    def leave_wire(self) -> None:
        """The connection exists no longer, whatever the program knows."""
        peer = self.peer
        if peer is not None and peer.listener is not None and OPENED not in peer.flight:
            peer.listener.forsaken(peer)
        self.gone = True
        self.ready = False
        resend, self.resend = self.resend, None
        if resend is not None and resend.timer is not None:
            resend.timer.cancel()
        if self.keep is not None and self.keep.timer is not None:
            self.keep.timer.cancel()

    # --- Resets ---

    def reset_peer(self) -> None:
        """Send a reset. Nobody repeats one that is lost."""
        peer = self.peer
        if not self.gone and peer is not None and peer.state != DEAD:
            self.launch(RESET, 0)
        self.leave_wire()

    def answer_with_reset(self) -> None:
        """Bytes came for a connection that nobody here has any longer."""
        peer = self.peer
        if peer is None or peer.state == DEAD:
            return
        if self.interface.up:
            self.launch(RESET, 0)

    def reset_arrives(self) -> None:
        """The peer's machine says that the connection does not exist."""
        if self.state == DEAD or self.gone:
            return
        self.leave_wire()
        self.interface.network.tell("reset", self.interface, lambda: f"{self}: reset by peer")
        self.lose(ConnectionResetError(errno.ECONNRESET, "Connection reset by peer"))

    # --- Death of a machine ---

    def strand(self) -> None:
        """The peer's machine lost its power: what was on its way there will never be answered."""
        peer = self.peer
        items = [(item, len(item) if type(item) is bytes else 0) for item in peer.flight]
        peer.flight.clear()
        self.ready = False
        if items and not self.gone:
            self._park(items)
        self.keep_watch()

    # --- Keep-alive ---

    def keep_alive(self, *, idle_s: float = 0.0, interval_s: float = 0.0, count: int = 0) -> None:
        """Probe the peer when nothing was heard of it for a while."""
        keep = self.keep
        if keep is None:
            keep = self.keep = KeepAlive()
        keep.idle_s, keep.interval_s = idle_s or keep.idle_s, interval_s or keep.interval_s
        keep.count = count or keep.count
        watched = self.interface.watched
        if watched is None:
            watched = self.interface.watched = {}
        watched[self] = None  # type: ignore[index] # a transport, as everything that this is mixed into
        self.keep_watch()

    def keep_watch(self) -> None:
        """Probe from now on, if there is any reason: a peer that answers is not asked, for nothing would come of it."""
        keep = self.keep
        if keep is None or keep.timer is not None or self.gone or self.state >= LOST or self._answers():
            return
        heard = max(self.last_due, self.peer.last_due)
        keep.failed = 0
        keep.timer = self.interface.network.at(max(heard + keep.idle_s, self.kernel.now), self._probe)

    def _answers(self) -> bool:
        links, peer = self.kernel.links, self.peer
        if peer is None or peer.state == DEAD:
            return False
        return peer.port is self.port or (links.passes(self.port, peer.port) and links.passes(peer.port, self.port))

    def _probe(self) -> None:
        keep = self.keep
        if keep is None or self.gone or self.state >= LOST:
            return
        keep.timer = None
        if self._answers():
            return
        peer = self.peer
        if peer is None or (peer.state == DEAD and peer.interface.up and self._ask_stranger()):
            return
        keep.failed += 1
        if keep.failed > keep.count:
            self.give_up()
        else:
            keep.timer = self.interface.network.later(keep.interval_s, self._probe)

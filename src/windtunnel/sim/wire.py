"""How the pure-Python kernel moves things over links: messages of cores, segments and datagrams of the asyncio tier."""

from __future__ import annotations

from collections.abc import Callable
from heapq import heappush
from math import cos, exp, log, pi, sqrt
from typing import TYPE_CHECKING, Any

from windtunnel.sim.links import CONSTANT, EXPONENTIAL, HOLD, LOOPBACK_S, OPEN, RETRIES, RTO_S, UNIFORM, Link, Links
from windtunnel.sim.port import DELIVER

if TYPE_CHECKING:
    from windtunnel.sim.port import Port


class Wire:
    """The part of the kernel that a link decides: when what leaves now arrives, if at all."""

    now: float
    heap: list[Any]
    draw: Callable[[], float]
    tracer: Any
    links: Links
    default: Link
    dropped: int
    duplicated: int
    next_seq: Callable[[], int]

    # --- Messages of the callback tier ---

    def forward(self, link: Link, src: Port, dst: Port, message: object, seq: int, sent_at: float) -> None:
        """Put a message on an open link: bandwidth, weather, latency, order."""
        leave = self._leave(link, self.links.size_of(message) if link.bandwidth > 0.0 else 0)
        twice = False
        if link.rough:
            lost = self.draw() < link.drop
            twice = self.draw() < link.duplicate
            if lost:
                self.dropped += 1
                if self.tracer is not None:
                    self.tracer.sent(seq, sent_at, src.name, dst.name, message, None)
                return
        self._launch(link, src, dst, message, seq, sent_at, leave)
        if twice:
            self.duplicated += 1
            self._launch(link, src, dst, message, self.next_seq(), sent_at, leave)

    def _launch(self, link: Link, src: Port, dst: Port, message: object, seq: int, sent_at: float, leave: float) -> None:
        due = self._cross(link, leave)
        if self.tracer is not None:
            self.tracer.sent(seq, sent_at, src.name, dst.name, message, due)
        heappush(self.heap, (due, seq, DELIVER, dst, src, message, sent_at))

    def _cross(self, link: Link, leave: float) -> float:
        """When something arrives that leaves at `leave`: latency, and the order of the link."""
        draw, kind, a, b = self.draw, link.kind, link.a, link.b
        if kind == UNIFORM:
            due = leave + (a + (b - a) * draw())
        elif kind == CONSTANT:
            due = leave + a
        elif kind == EXPONENTIAL:
            due = leave + (a - b * log(1.0 - draw()))
        else:  # lognormal, by Box and Muller
            radius = sqrt(-2.0 * log(1.0 - draw()))
            due = leave + a * exp(b * (radius * cos(2.0 * pi * draw())))
        if link.slow_s > 0.0:
            due += link.slow_s * draw()
        if link.fifo:
            due = max(due, link.last_due)
            link.last_due = due
        return due

    # --- Packets of the asyncio tier ---

    def carry(self, src: Port, dst: Port, size: int) -> float:
        """When a segment of TCP, `size` bytes, arrives that leaves now; -1.0 while nothing passes the link.

        It meets the link's bandwidth and latency as a message would. A loss costs a retransmission timeout, doubled each time.
        """
        if src is dst:
            return self.now + LOOPBACK_S
        link = self._link(src, dst)
        if link.quick:
            a = link.a
            return self.now + (a + (link.b - a) * self.draw())
        if link.state != OPEN:
            return -1.0
        leave = self._leave(link, size)
        if link.drop > 0.0:
            timeout, lost = RTO_S, 0
            while self.draw() < link.drop:
                lost += 1
                if lost > RETRIES:
                    return -1.0
                leave += timeout
                timeout += timeout
        return self._cross(link, leave)

    def datagram(self, src: Port, dst: Port, size: int) -> tuple[float, ...] | None:
        """When a packet of `size` bytes arrives that leaves now: never, once or twice. None: held by a cut until the heal."""
        if src is dst:
            return (self.now + LOOPBACK_S,)
        link = self._link(src, dst)
        if link.state != OPEN:
            return None if link.state == HOLD else ()
        leave = self._leave(link, size)
        twice = False
        if link.rough:
            lost = self.draw() < link.drop
            twice = self.draw() < link.duplicate
            if lost:
                return ()
        due = self._cross(link, leave)
        return (due, self._cross(link, leave)) if twice else (due,)

    def _link(self, src: Port, dst: Port) -> Link:
        link = src.link_to(dst)
        if link is None:
            link = self.default
            if link.fifo or link.bandwidth > 0.0:
                link = self.links.between(src, dst)
        return link

    def _leave(self, link: Link, size: int) -> float:
        """When the last of `size` bytes has left the queue of the link."""
        leave = self.now
        if link.bandwidth > 0.0:
            leave = max(leave, link.busy_until)
            leave += size / link.bandwidth
            link.busy_until = leave
        return leave

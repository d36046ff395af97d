"""The network's settings: what a message meets between two nodes. Both kernels share them; the hot path is the kernels' own.

A link is directed. Four groups of settings (latency, weather, bandwidth, order) are each taken from the most recent call that
named the link, or its source, or its destination; a link that no call named has the default's. Cuts are apart: they are
about what gets through now, not about what the link is like.

A message on its way meets, in this order: the cut (lost, or held until the heal); the queue of the sender's interface
(bandwidth); loss and duplication; latency; and the order of the link. Messages that left before a cut arrive in spite of it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from windtunnel.base.errors import UsageError
from windtunnel.base.messages import NodeId

KINDS = ("constant", "uniform", "exponential", "lognormal")
CONSTANT, UNIFORM, EXPONENTIAL, LOGNORMAL = range(4)
OPEN, CUT, HOLD = range(3)
LATENCY, WEATHER, BANDWIDTH, ORDER = 1, 2, 4, 8  # bits of Link.own
SIZE_BYTES = 200  # of a message, where nobody says better
LOOPBACK_S = 2e-5  # from a host to itself
RTO_S = 0.2  # the first retransmission timeout of TCP on Linux; each further one is twice as long
RETRIES = 15  # retransmissions after which TCP gives a segment up (net.ipv4.tcp_retries2)


class Link:
    """One directed link: settings, and the state of its queue. `own` marks the groups set for it, not by default.

    quick: whether a message meets nothing but a uniform latency, so that a kernel may take its shortest path.
    """

    __slots__ = (
        "a",
        "b",
        "bandwidth",
        "busy_until",
        "drop",
        "dst",
        "duplicate",
        "fifo",
        "held",
        "kind",
        "last_due",
        "own",
        "quick",
        "rough",
        "slow_s",
        "src",
        "state",
    )

    def __init__(self, src: Any = None, dst: Any = None) -> None:
        self.src = src  # ports of the kernel, None for the default link
        self.dst = dst
        self.kind = UNIFORM
        self.a = 0.001
        self.b = 0.010
        self.drop = self.duplicate = self.slow_s = 0.0
        self.bandwidth = 0.0
        self.fifo = False
        self.state = OPEN
        self.own = 0
        self.busy_until = 0.0
        self.last_due = 0.0
        self.held: list[tuple[object, int, float]] | None = None  # message, sequence number, when it was sent
        self.rough = False
        self.quick = True

    def refresh(self) -> None:
        """Derive what the kernels ask for each message from the settings."""
        self.rough = self.drop > 0.0 or self.duplicate > 0.0 or self.slow_s > 0.0
        plain = not self.rough and self.bandwidth == 0.0 and not self.fifo
        self.quick = plain and self.kind == UNIFORM and self.state == OPEN


class Links:
    """All links of a kernel: `latency`, `weather`, `bandwidth`, `fifo`, `cut` and `heal`, and what the network counted.

    Without `src` and `dst` a setting is the default, also for nodes that come later; with one of them it holds for all links
    from or to that node, later ones included. Raises UsageError for unknown nodes and impossible values.
    """

    def __init__(self, kernel: Any, make: Callable[[Any, Any], Any]) -> None:
        self._kernel = kernel
        self._make = make
        self._all: list[Any] = []
        self._rules: list[tuple[NodeId | None, NodeId | None, int, tuple[Any, ...]]] = []
        self.default = make(None, None)
        self.size_of: Callable[[Any], int] = lambda _message: SIZE_BYTES

    # --- Settings ---

    def latency(self, kind: str, a: float, b: float = 0.0, *, src: NodeId | None = None, dst: NodeId | None = None) -> None:
        """Seconds on the way: "constant" a; "uniform" a..b; "exponential" a plus Exp of mean b; "lognormal" median a, sigma b."""
        if kind not in KINDS:
            raise UsageError(f"expected a latency of {', '.join(KINDS)}; got {kind!r}")
        if not (0.0 <= a < float("inf") and 0.0 <= b < float("inf")) or (kind == "uniform" and b < a):
            raise UsageError(f"impossible {kind} latency: a = {a}, b = {b} seconds")
        self._set(src, dst, LATENCY, (KINDS.index(kind), float(a), float(b)))

    def weather(
        self,
        *,
        drop: float = 0.0,
        duplicate: float = 0.0,
        slow_s: float = 0.0,
        src: NodeId | None = None,
        dst: NodeId | None = None,
    ) -> None:
        """Loss and repetition with these probabilities, and up to `slow_s` seconds more, uniformly."""
        if not (0.0 <= drop <= 1.0 and 0.0 <= duplicate <= 1.0 and 0.0 <= slow_s < float("inf")):
            raise UsageError(f"impossible weather: drop {drop}, duplicate {duplicate}, slow_s {slow_s}")
        self._set(src, dst, WEATHER, (float(drop), float(duplicate), float(slow_s)))
        self._mended()

    def bandwidth(self, bytes_per_s: float, *, src: NodeId | None = None, dst: NodeId | None = None) -> None:
        """Bytes a second; messages queue for the link in the order of sending. 0: no limit."""
        if not 0.0 <= bytes_per_s < float("inf"):
            raise UsageError(f"impossible bandwidth: {bytes_per_s} bytes/s")
        self._set(src, dst, BANDWIDTH, (float(bytes_per_s),))

    def fifo(self, on: bool, *, src: NodeId | None = None, dst: NodeId | None = None) -> None:  # noqa: FBT001 - a switch
        """Whether a message never arrives before an earlier one of the same link."""
        self._set(src, dst, ORDER, (bool(on),))

    # --- Cuts ---

    def cut(self, src: NodeId, dst: NodeId, hold: bool = False) -> None:  # noqa: FBT001, FBT002 - reads well at the call
        """From now on messages from `src` to `dst` are lost, or with `hold` kept until the heal."""
        link = self.between(self._port(src), self._port(dst))
        link.state = HOLD if hold else CUT
        link.refresh()
        for callback in tuple(self._kernel.on_cut):
            callback()

    def heal(self, src: NodeId | None = None, dst: NodeId | None = None) -> None:
        """Mend the links from `src`, to `dst`, or all; held messages leave now, in their order, with a fresh latency."""
        source, target = self._port(src), self._port(dst)
        for link in self._all:
            if link.state != OPEN and source in (None, link.src) and target in (None, link.dst):
                link.state = OPEN
                link.refresh()
                held, link.held = link.held, None
                for message, seq, sent_at in held or ():
                    self._kernel.forward(link, link.src, link.dst, message, seq, sent_at)
        self._mended()

    # --- What the network counted ---

    @property
    def sent(self) -> int:
        """Messages that nodes handed to the network."""
        return int(self._kernel.sent)

    @property
    def delivered(self) -> int:
        """Messages that a running node handled, repetitions included."""
        return int(self._kernel.delivered)

    @property
    def dropped(self) -> int:
        """Messages lost to weather, cuts, crashed nodes and unknown names."""
        return int(self._kernel.dropped)

    @property
    def duplicated(self) -> int:
        """Messages that the network repeated."""
        return int(self._kernel.duplicated)

    def cuts(self) -> list[tuple[NodeId, NodeId]]:
        """Links that are cut now: from, to."""
        return [(link.src.name, link.dst.name) for link in self._all if link.state != OPEN]

    def held(self) -> list[tuple[NodeId, NodeId, int]]:
        """Links that hold messages: from, to, how many."""
        return [(link.src.name, link.dst.name, len(link.held)) for link in self._all if link.held]

    # --- For the kernels ---

    def between(self, src: Any, dst: Any) -> Any:
        """The link between two ports, made where it does not exist yet."""
        link = src.link_to(dst)
        if link is None:
            link = self._make(src, dst)
            default = self.default
            link.kind, link.a, link.b = default.kind, default.a, default.b
            link.drop, link.duplicate, link.slow_s = default.drop, default.duplicate, default.slow_s
            link.bandwidth, link.fifo = default.bandwidth, default.fifo
            link.refresh()
            src.attach(dst, link)
            self._all.append(link)
        return link

    def passes(self, src: Any, dst: Any) -> bool:
        """Whether something may travel between two ports now."""
        link = src.link_to(dst)
        return link is None or link.state == OPEN

    def arrived(self, port: Any) -> None:
        """A node was added: apply the rules that name its neighbours."""
        for src, dst, group, values in self._rules:
            other = self._port(src or dst)
            if other is not port:
                _assign(self.between(other, port) if src else self.between(port, other), group, values)

    def _set(self, src: NodeId | None, dst: NodeId | None, group: int, values: tuple[Any, ...]) -> None:
        for link in self._chosen(src, dst):
            _assign(link, group, values)
        if src is None and dst is None:
            _assign(self.default, group, values)
            for link in self._all:
                if not link.own & group:
                    _assign(link, group, values)
                    link.own &= ~group
        elif src is None or dst is None:
            self._rules.append((src, dst, group, values))

    def _chosen(self, src: NodeId | None, dst: NodeId | None) -> Iterator[Any]:
        source, target = self._port(src), self._port(dst)
        if source is not None and target is not None:
            yield self.between(source, target)
        elif source is not None:
            for port in self._kernel.ports:
                if port is not source:
                    yield self.between(source, port)
        elif target is not None:
            for port in self._kernel.ports:
                if port is not target:
                    yield self.between(port, target)

    def _mended(self) -> None:
        for callback in tuple(self._kernel.on_heal):
            callback()

    def _port(self, name: NodeId | None) -> Any:
        if name is None:
            return None
        port = self._kernel.port(name)
        if port is None:
            raise UsageError(f"no node is called {name!r}")
        return port


def _assign(link: Any, group: int, values: tuple[Any, ...]) -> None:
    if group == LATENCY:
        link.kind, link.a, link.b = values
    elif group == WEATHER:
        link.drop, link.duplicate, link.slow_s = values
    elif group == BANDWIDTH:
        (link.bandwidth,) = values
    else:
        (link.fifo,) = values
    link.own |= group
    link.refresh()

"""The client: a core that asks a system for operations and records what it learns.

It is written against the outbox like any node, so the same client drives a simulated cluster and real processes.

Theory of operation. A *session* has one operation in flight, named `(session, seq)` for ever. The client asks the node that
answered last, and now and then (`ROAM`) another. A redirect goes to the hinted node, at once the first time and after a
short pause from then on, because nodes without a leader redirect in circles. Silence for `retry_s` repeats the same
`(session, seq)` at the next node. After `timeout_s` the client gives up: the operation may have happened or may happen later, so
the history says `info`, and the session is never used again: its successor is a new process, as in Jepsen. The process in the
history is the session's name, `c1.2` for the second process of client c1, so that requests in a trace can be found in the
history.

Two timers serve everything. `next` starts operations. `watch` is due when the first open session is; it is armed once and
not moved when operations end, since the deadline of a new operation is always later: in the steady state an operation costs
no timer at all beyond its arrival.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import inf
from typing import Protocol

from windtunnel.base.errors import UsageError
from windtunnel.base.interface import Op, Reply, Request
from windtunnel.base.messages import NodeId, Value
from windtunnel.base.outbox import Outbox
from windtunnel.traffic.arrivals import Arrivals, Closed, Dice, Open
from windtunnel.traffic.workloads import Workload

RETRY_S = 0.5
"""Above the slowest healthy answer (three hops of 10 ms and a sync), below the time that a person would call an outage."""

TIMEOUT_S = 5.0
"""Room for several elections, so that most operations end known; unknown ones make histories expensive to check."""

REDIRECT_PAUSE_S = 0.02
"""About a round trip: a cluster without a leader hears from each client 50 times a second, not thousands."""

ROAM = 0.1
"""The share of operations that go to a drawn node although the last one answered.

Without it nobody finds a deposed leader that still answers reads: all clients hang on its unfinished writes, and when they give
up and move on, they move together. A tenth is enough, and costs a redirect each.
"""

_TICK_S = 1e-6  # a timer set for a difference of clock readings may be due a rounding error early


class Recorder(Protocol):
    """Where operations are written down; `windtunnel.histories.Recorder` is one."""

    def invoke(self, process: int | str, op: Op) -> int:
        """`process` starts `op`; returns the token of the operation."""

    def ok(self, token: int, result: Value) -> None:
        """It took effect."""

    def fail(self, token: int, error: str) -> None:
        """It certainly did not."""

    def info(self, token: int, error: str) -> None:
        """Nobody can know."""


class _Session:
    """One operation at a time. `due_s`: when silence or a pause ends; `waiting`: the request is not out, a pause is."""

    __slots__ = ("due_s", "expires_s", "name", "node", "pinned", "redirects", "request", "seq", "token", "waiting")

    def __init__(self, name: str) -> None:
        self.name = name
        self.seq = 0
        self.request: Request | None = None
        self.token = -1
        self.node: NodeId = ""
        self.due_s = inf
        self.expires_s = inf
        self.redirects = 0
        self.pinned = False
        self.waiting = False


class Client:
    """One client node.

    me: its name in the network. entry_nodes: whom it may ask. stream: its own stream of randomness. limit: how many operations it
    starts in all; None is no limit. Counters: `started`, `done` (ok, fail or info), `shed` (open arrivals beyond the bound),
    `retries`, `redirects`.
    """

    def __init__(
        self,
        me: NodeId,
        entry_nodes: Sequence[NodeId],
        out: Outbox,
        recorder: Recorder,
        workload: Workload,
        stream: Dice,
        arrivals: Arrivals,
        retry_s: float = RETRY_S,
        timeout_s: float = TIMEOUT_S,
        *,
        limit: int | None = None,
    ) -> None:
        if not entry_nodes:
            raise UsageError(f"client {me} has no node to ask")
        if not 0.0 < retry_s <= timeout_s < inf:
            raise UsageError(f"expected 0 < retry_s <= timeout_s; got retry_s={retry_s}, timeout_s={timeout_s}")
        self.me = me
        self.started = self.done = self.shed = self.retries = self.redirects = 0
        self._entry = tuple(entry_nodes)
        self._after = {node: self._entry[(i + 1) % len(self._entry)] for i, node in enumerate(self._entry)}
        self._recorder = recorder
        self._invoke = recorder.invoke  # bound once: these run for every operation
        self._ok = recorder.ok
        self._sticky = workload.sticky
        self._draw_op = workload.source()
        self._stream = stream
        self._random = stream.random
        self._exponential = stream.exponential
        self._closed = isinstance(arrivals, Closed)
        self._gap_s = arrivals.mean_gap_s
        self._retry_s = retry_s
        self._timeout_s = timeout_s
        self._left: float = inf if limit is None else limit
        self._send = out.send
        self._set_timer = out.set_timer
        self._cancel_timer = out.cancel_timer
        self._clock = out.clock
        self._node = self._entry[stream.below(len(self._entry))]
        self._open: dict[str, _Session] = {}
        self._born = 0
        self._idle: list[_Session] = []
        self._spare = arrivals.sessions if isinstance(arrivals, Open) else 1
        self._next_s = 0.0
        self._watch_s = inf

    @property
    def idle(self) -> bool:
        """No operation is in flight."""
        return not self._open

    @property
    def finished(self) -> bool:
        """No operation is in flight and none will start by itself."""
        return not self._open and self._left <= 0

    def stop(self) -> None:
        """Start no more operations; those in flight go on to their end."""
        self._left = 0
        self._cancel_timer("next")

    def ask(self, op: Op, node: NodeId) -> None:
        """Start `op` now at `node` only, retries too, beside all other traffic: the closing reads of every replica."""
        self._spare += 1
        self._begin(op, self._clock(), node)

    # --- Events ---

    def on_start(self) -> None:
        """Begin after one gap, so that clients that start together do not march in step."""
        self._next_s = self._clock()
        self._schedule()

    def on_timer(self, name: str) -> None:
        """`next`: an operation starts. `watch`: somebody may have waited long enough."""
        if name == "watch":
            self._on_watch()
        elif self._closed:
            if self._left > 0:
                self._left -= 1
                self._begin(self._draw_op(self._stream), self._clock())
        else:
            self._on_arrivals()

    def on_message(self, src: NodeId, message: Reply) -> None:
        """An answer, perhaps a late or repeated one: only those to an operation in flight count."""
        session = self._open.get(message.session)
        if session is None or session.seq != message.seq:
            return
        status = message.status
        if status == "ok":
            if src != self._node and src in self._after:
                self._node = src
            self._ok(session.token, message.value)
            self._end(session)
        elif status == "redirect":
            self._on_redirect(session, src, message.hint)
        else:
            self._recorder.fail(session.token, str(message.value))
            self._end(session)

    # --- Arrivals ---

    def _schedule(self) -> None:
        """Arm `next` for the coming operation, or begin it when there is nothing to wait for."""
        if self._left <= 0:
            return
        if self._gap_s:
            gap_s = self._exponential(self._gap_s)
        elif self.started:
            self._left -= 1
            self._begin(self._draw_op(self._stream), self._clock())
            return
        else:
            gap_s = 0.0
        self._next_s += gap_s  # where open arrivals count from
        self._set_timer("next", gap_s)

    def _on_arrivals(self) -> None:
        """Start every operation that has arrived by now; shed those that find no free session."""
        now = self._clock()
        while self._left > 0:
            self._left -= 1
            if self._idle or self._spare:
                self._begin(self._draw_op(self._stream), now)
            else:
                self.shed += 1
            # From the last intended arrival, not from now: a late timer must not lower the rate.
            next_s = self._next_s = self._next_s + self._exponential(self._gap_s)
            if next_s > now + _TICK_S:
                if self._left > 0:
                    self._set_timer("next", next_s - now)
                return

    # --- One operation ---

    def _begin(self, op: Op, now: float, pin: NodeId | None = None) -> None:
        if self._idle and pin is None:
            session = self._idle.pop()
            session.redirects = 0
        else:
            self._spare -= 1
            self._born += 1
            session = _Session(f"{self.me}.{self._born}")
            session.pinned = pin is not None
        if pin is not None:
            node = pin
        elif self._sticky and self._random() >= ROAM:
            node = self._node
        else:
            node = self._entry[self._stream.below(len(self._entry))]
        self.started += 1
        name, seq = session.name, session.seq + 1
        session.seq = seq
        session.node = node
        request = session.request = Request(name, seq, op)
        due_s = session.due_s = now + self._retry_s
        session.expires_s = now + self._timeout_s
        self._open[name] = session
        session.token = self._invoke(name, op)
        self._send(node, request)
        if due_s < self._watch_s:
            self._watch_s = due_s
            self._set_timer("watch", self._retry_s)

    def _end(self, session: _Session, *, known: bool = True) -> None:
        del self._open[session.name]
        self.done += 1
        if session.pinned:
            return  # asked beside the traffic: its session is not one of the pool
        if known:
            self._idle.append(session)
        else:
            # An abandoned request may still be on its way: reusing the name would let its late answer be taken for another's.
            self._spare += 1
        if self._closed:
            self._schedule()

    def _on_redirect(self, session: _Session, src: NodeId, hint: NodeId | None) -> None:
        if session.waiting or src != session.node:
            return  # the answer to an attempt that was given up, or a repeated one
        self.redirects += 1
        session.redirects += 1
        if not session.pinned:
            session.node = self._node = hint if hint is not None and hint != src and hint in self._after else self._after[src]
        if hint is not None and session.redirects == 1 and not session.pinned:
            self._ask_again(session)
        else:
            session.waiting = True
            self._watch(session, self._clock() + REDIRECT_PAUSE_S)

    def _ask_again(self, session: _Session) -> None:
        session.waiting = False
        self._send(session.node, session.request)
        self._watch(session, self._clock() + self._retry_s)

    # --- Deadlines ---

    def _watch(self, session: _Session, due_s: float) -> None:
        due_s = session.due_s = min(due_s, session.expires_s)
        if due_s < self._watch_s:
            self._watch_s = due_s
            self._set_timer("watch", max(0.0, due_s - self._clock()))

    def _on_watch(self) -> None:
        self._watch_s = inf
        now = self._clock() + _TICK_S
        for session in list(self._open.values()):
            if session.due_s <= now:
                self._overdue(session, now)
        soonest = min((session.due_s for session in self._open.values()), default=inf)
        if soonest < self._watch_s:
            self._watch_s = soonest
            self._set_timer("watch", max(0.0, soonest - self._clock()))

    def _overdue(self, session: _Session, now: float) -> None:
        if session.expires_s <= now:
            self._recorder.info(session.token, f"no answer within {self._timeout_s:g} s")
            if not session.pinned:
                self._node = self._after.get(session.node, self._node)
            self._end(session, known=False)
            return
        if not session.waiting:
            self.retries += 1
            if not session.pinned:
                session.node = self._node = self._after[session.node]
        self._ask_again(session)

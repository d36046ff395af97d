"""Watching a run: properties after every event, and the trace that a report is drawn from."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from windtunnel.base.messages import NodeId, describe
from windtunnel.base.properties import Nodes, Property, Watch
from windtunnel.sim.states import States

SOMETIMES_EVERY = 8  # events between two looks at the situations not seen yet


@dataclass(frozen=True, slots=True)
class Violation:
    """A broken `always` property. event: number of the event after which it was seen; at_s: virtual seconds."""

    prop: Property
    evidence: str
    at_s: float
    event: int
    node: NodeId


class Watcher:
    """Checks `always` properties after each event and ticks off `sometimes`; `on_violation` is called once."""

    def __init__(
        self,
        always: Sequence[Property],
        sometimes: Sequence[Property],
        nodes: Nodes,
        where: Callable[[], tuple[float, int]],
        on_violation: Callable[[], None],
    ) -> None:
        self.violation: Violation | None = None
        self.seen: list[str] = []
        self._nodes = nodes
        self._where = where
        self._on_violation = on_violation
        self._always = list(always)
        self._watches = [prop.watch() for prop in always]
        self._unseen = list(sometimes)
        self._countdown = SOMETIMES_EVERY

    def after_event(self, node: NodeId) -> None:
        """Look at the cluster after an event on `node`."""
        nodes = self._nodes
        if node not in nodes:  # a client, or a node that the event crashed
            return
        for watch in self._watches:
            evidence = watch(nodes, node)
            if evidence is not None:
                self._found(watch, evidence, node)
                return
        if self._unseen:
            self._countdown -= 1
            if self._countdown <= 0:
                self.look_for_situations()

    def _found(self, watch: Watch, evidence: str, node: NodeId) -> None:
        if self.violation is None:
            at_s, event = self._where()
            self.violation = Violation(self._always[self._watches.index(watch)], evidence, at_s, event, node)
            self._on_violation()

    def look_for_situations(self) -> None:
        """Tick off the `sometimes` properties that hold now."""
        self._countdown = SOMETIMES_EVERY
        found = [prop for prop in self._unseen if prop.holds(self._nodes)]
        for prop in found:
            self.seen.append(prop.name)
            self._unseen.remove(prop)


EFFECTS = frozenset({"apply", "reply", "persist", "leader", "violation"})
"""Kinds of rows that a handler causes: the state after it belongs to the event that it handled."""


class Trace:
    """Rows of everything that happened, JSON-able, in order. The kernel calls `sent` and `dispatched`; a world adds notes.

    A trace is long: it is kept only when somebody asked for it, or while a failing seed runs for the second time.
    """

    def __init__(self, now: Callable[[], float]) -> None:
        self.rows: list[dict[str, Any]] = []
        self._now = now
        self._states = States()
        self._event: dict[NodeId, dict[str, Any]] = {}

    def note(self, kind: str, text: str, node: NodeId | None = None, **more: Any) -> None:
        """A row of the world itself: a crash, a cut, a caption."""
        row = {"i": len(self.rows), "t": self._now(), "kind": kind, "node": node, "text": text, **more}
        self.rows.append(row)
        if node is None or kind in EFFECTS:
            return
        self._event[node] = row
        if kind == "crash":
            self._states.forget(node)

    def settled(self, node: NodeId, core: object) -> None:
        """The handler of the last event of `node` has returned: what differs in its state becomes part of that row."""
        row = self._event.get(node)
        changes = self._states.changes(node, core)
        if row is not None and changes:
            row["state"] = {**row.get("state", {}), **changes}

    def sent(self, seq: int, t: float, src: NodeId, dst: NodeId, message: object, due: float | None) -> None:
        """A message left `src`; `due` is None when the network lost it."""
        del seq
        if due is None:
            row = {"i": len(self.rows), "t": t, "kind": "send-lost", "node": src, "dst": dst, "text": describe(message)}
            self.rows.append(row)

    def dispatched(
        self, seq: int, t: float, kind: str, node: NodeId, src: NodeId | None, payload: object, sent_at: float | None
    ) -> None:
        """An event reached `node`."""
        del seq
        text = payload if isinstance(payload, str) else describe(payload)
        row: dict[str, Any] = {"i": len(self.rows), "t": t, "kind": kind, "node": node, "text": text}
        if src is not None:
            row["src"] = src
            row["sent"] = sent_at
        self.rows.append(row)
        if kind != "lost-at-node":
            self._event[node] = row

    def applied(self, node: NodeId, index: int, command: object) -> None:
        """A command took effect on `node`."""
        self.note("apply", f"{index}: {describe(command)}", node)

    def replied(self, node: NodeId, client: NodeId, message: object) -> None:
        """`node` answered `client`."""
        self.note("reply", describe(message), node, dst=client)

"""A run that somebody watches: the simulator at a pace that eyes can follow, told as pictures, notes and figures.

| kind | what |
|---|---|
| begin | the system, its nodes and clients, how long the run lasts |
| frame | the newest moment: time, who is up, who leads, which links are cut, some of the messages since the last frame |
| note | a fault, a repair, a new leader, a violation: what a person would write down |
| bucket | operations of BUCKET_S seconds that ended: ok, fail, info, and the median latency of the ok ones, ms |
| done | the verdict, and the number under which the run is stored |
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from windtunnel.histories import Operation
from windtunnel.scenarios import Scenario, run, store
from windtunnel.scenarios.spec import scenario_from
from windtunnel.studio.child import Pace, Say
from windtunnel.systems import find

FRAME_S = 0.05
"""Wall seconds between two frames: 20 a second."""

MESSAGES_MAX = 60
"""Messages in one frame. More dots on a screen are fog; which are left out is told by their number."""

BUCKET_S = 0.5

LINKS_MAX = 400
"""Cut links that a picture shows one by one."""

_NOTED = ("start", "crash", "pause", "resume", "leader", "cut", "heal", "weather", "skew", "disk", "violation")


def work(order: Mapping[str, Any], say: Say, pace: Pace) -> None:
    """Run `order["scenario"]`, keep it in `order["store"]`, tell how it went."""
    scenario = scenario_from(order["scenario"])
    root = Path(order["store"])
    store.prepare(root)
    system = find(scenario.system)
    clients = [f"c{i + 1}" for i in range(scenario.clients)]
    nodes = list(system.nodes(scenario.size or system.size))
    say(
        "begin",
        system=system.name,
        title=system.title,
        nodes=nodes,
        clients=clients,
        for_s=scenario.for_s,
        seed=scenario.seed,
        speed=pace.speed,
        world="stage" if scenario.script is not None else scenario.world,
    )
    judged = run(scenario, **_eyes(scenario, nodes, say, pace, float(order.get("fast_until_s") or 0.0)))
    place = store.save(judged, root)
    say(
        "done",
        run=f"{place.parent.name}~{place.name}",
        verdict=judged.verdict,
        why=judged.results["why"],
        broken=judged.broken,
        ops=judged.results["ops"],
        sim_s=judged.results["sim_s"],
        parent=(scenario.parent or {}).get("run"),
    )


def _eyes(scenario: Scenario, nodes: Sequence[str], say: Say, pace: Pace, fast_until_s: float) -> dict[str, Any]:
    """How `run` lets somebody watch: the simulator shows everything, real processes only the time, a stage nothing."""
    if scenario.script is not None:
        return {}
    if scenario.world == "live":
        return {"progress": lambda now_s: say("frame", now=round(now_s, 3))}
    return {"watch": Watcher(nodes, say, pace, fast_until_s)}


class Watcher:
    """Called by the simulator every twentieth of a virtual second; says what is new and waits as the pace asks."""

    def __init__(self, nodes: Sequence[str], say: Say, pace: Pace, fast_until_s: float = 0.0) -> None:
        self._fast_until_s = fast_until_s
        self._say = say
        self._pace = pace
        self._state = dict.fromkeys(nodes, "down")
        self._leader: str | None = None
        self._cuts: list[list[str]] = []
        self._row = 0
        self._open: list[int] = []  # operations that had not ended when last looked at
        self._looked = 0
        self._buckets: dict[int, list[Any]] = {}
        self._told = 0
        self._flying: list[list[Any]] = []
        self._passed_s = 0.0
        self._shown_at = 0.0
        self._due_at = time.monotonic()

    def __call__(self, now_s: float, rows: Sequence[Mapping[str, Any]], operations: Sequence[Operation]) -> None:
        """One look."""
        for row in rows[self._row :]:
            self._take(row)
        self._row = len(rows)
        self._count(now_s, operations)
        if time.monotonic() - self._shown_at >= 0.9 * FRAME_S:
            self._show(now_s)
        self._wait(now_s)

    def _take(self, row: Mapping[str, Any]) -> None:
        kind, node = row["kind"], row.get("node")
        if kind in _NOTED:
            self._note(kind, node, row)
        elif kind == "deliver" and row.get("sent") is not None:
            self._flying.append([row["src"], node, round(row["sent"], 4), round(row["t"], 4), _name(row["text"]), 0])
        elif kind == "send-lost":
            self._flying.append([node, row["dst"], round(row["t"], 4), round(row["t"] + 0.02, 4), _name(row["text"]), 1])

    def _note(self, kind: str, node: str | None, row: Mapping[str, Any]) -> None:
        text = str(row.get("text") or "")
        if kind == "leader":
            self._leader = node
        elif kind == "cut":
            self._cuts += [word.split("→") for word in text.split() if "→" in word]
            text = _shortened(text)
        elif kind == "heal":
            self._cuts = []
        elif node in self._state:
            after = {"start": "up", "resume": "up", "crash": "down", "pause": "paused"}
            self._state[node] = after.get(kind, self._state[node])
        if kind != "start" or row["t"] > 0:  # that every node boots at 0 is no news
            self._say("note", t=round(row["t"], 4), what=kind, node=node, text=text)

    def _count(self, now_s: float, operations: Sequence[Operation]) -> None:
        """Put operations that have ended into the bucket of their end; tell the buckets that are over."""
        still: list[int] = []
        for at in (*self._open, *range(self._looked, len(operations))):
            op = operations[at]
            if op.completed_s is None:
                still.append(at)
                continue
            counts, took = self._buckets.setdefault(int(op.completed_s / BUCKET_S), [[0, 0, 0], []])
            counts[("ok", "fail", "info").index(op.type)] += 1
            if op.type == "ok":
                took.append(op.completed_s - op.invoked_s)
        self._open, self._looked = still, len(operations)
        while (self._told + 1) * BUCKET_S <= now_s:
            counts, took = self._buckets.pop(self._told, [[0, 0, 0], []])
            median = round(1e3 * sorted(took)[len(took) // 2], 3) if took else None
            self._say("bucket", t=self._told * BUCKET_S, ok=counts[0], fail=counts[1], info=counts[2], p50=median)
            self._told += 1

    def _show(self, now_s: float) -> None:
        every = max(1, len(self._flying) // MESSAGES_MAX)
        self._say(
            "frame",
            now=round(now_s, 3),
            from_s=round(self._passed_s, 3),
            nodes=self._state,
            leader=self._leader,
            cuts=self._cuts[:LINKS_MAX],
            messages=self._flying[::every][:MESSAGES_MAX],
            total=len(self._flying),
            operations=self._looked,
        )
        self._flying = []
        self._passed_s = now_s
        self._shown_at = time.monotonic()

    def _wait(self, now_s: float) -> None:
        """Until the moment at which `now_s` is due, at the speed of now; while paused, until that is over."""
        if not self._pace.going.is_set():
            self._show(now_s)
            self._pace.going.wait()
            self._due_at = time.monotonic()
        if self._pace.speed <= 0 or now_s < self._fast_until_s:
            self._due_at = time.monotonic()
            return
        self._due_at = max(self._due_at + 0.05 / self._pace.speed, time.monotonic() - 0.25)  # who is late does not rush after it
        while (left := self._due_at - time.monotonic()) > 0 and self._pace.speed > 0:
            time.sleep(min(left, 0.1))


def _name(text: str) -> str:
    return text.partition("(")[0]


def _shortened(text: str) -> str:
    words = text.split()
    return text if len(words) <= 12 else f"{' '.join(words[:12])} and {len(words) - 12} more"

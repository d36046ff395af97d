"""Simulated stores of registers, one per level. Every value is written once per key.

Why each level holds, for whatever the draws are.

* linearizable: an operation happens at one step, between its events. The steps are the order.
* sequential: writes go into one log, each at a step; a session reads at a place of the log that never goes back and is past its
  own writes. Put reads at their places (Attiya & Welch 1994).
* causal: a replica per session applies its own writes at once, those of others in causal order. The order in which it applies
  them explains its reads (Ahamad et al. 1995).
* causal-convergence: the same, and of two writes of a key the one with the larger Lamport stamp stays. Stamps are one order of
  writes that keeps causality.
* pram: a replica per session applies the writes of each other session in their order: causal, without causes between sessions.
* eventual: any replica answers; each may miss writes that are younger than a bound, and of those that it has the last one wins.
  No read is staler than the bound.
* read-your-writes, monotonic-reads: eventual, and a replica first gets what the session wrote, or has seen: the definitions of
  Terry et al. 1994.
* monotonic-writes, writes-follow-reads: monotonic-reads, and a write brings the earlier writes of its session, or what its
  session had seen before.
* session: all four guarantees.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from windtunnel.base.messages import Value
from windtunnel.generators.timeline import Timeline

GUARANTEES: Final = ("read-your-writes", "monotonic-reads", "monotonic-writes", "writes-follow-reads")

LEVELS: Final[Mapping[str, tuple[str, ...]]] = {
    "linearizable": ("kv",),
    "sequential": ("sequential", "staleness"),
    "causal": ("causal", "staleness"),
    "causal-convergence": ("causal-convergence", *GUARANTEES, "staleness"),
    "pram": ("pram", "staleness"),
    "session": (*GUARANTEES, "staleness"),
    "read-your-writes": ("read-your-writes", "staleness"),
    "monotonic-reads": ("monotonic-reads", "staleness"),
    "monotonic-writes": ("monotonic-reads", "monotonic-writes", "staleness"),
    "writes-follow-reads": ("monotonic-reads", "writes-follow-reads", "staleness"),
    "eventual": ("staleness",),
}
"""Every store, with the rungs that its histories satisfy."""

BOUND_S: Final = 0.05
"""How long a write may be unknown to a replica of an eventual store, seconds."""

REPLICAS = 3
_BACKLOG_MAX = 40
_WROTE, _SAW = 1, 2


@dataclass(slots=True)
class _Write:
    """A write. number: its place in the order of all.

    seen: per session, how many of its writes come before this one; news: what of that the writer's last write had not seen.
    """

    number: int
    key: str
    value: int
    session: int
    at_s: float
    seen: dict[int, int] = field(default_factory=dict)
    news: dict[int, int] = field(default_factory=dict)
    needs: frozenset[int] = frozenset()
    stamp: tuple[int, int] = (0, 0)


@dataclass(slots=True)
class _Replica:
    """Of a session: what is applied (writes per session), the store, the clock, and what has arrived and waits.

    told: what had been applied at its session's last write. left_at: how many writes there were when its session ended: whatever
    came later would wait too, and is looked up if somebody takes its state over. Where any replica answers, `applied` holds the
    writes that the session made or saw, by number, as _WROTE and _SAW.
    """

    applied: dict[int, int] = field(default_factory=dict)
    store: dict[str, _Write] = field(default_factory=dict)
    clock: int = 0
    waiting: list[_Write] = field(default_factory=list)
    told: dict[int, int] = field(default_factory=dict)
    left_at: int | None = None


class Store:
    """A store at a level. `client` acts on it."""

    def __init__(self, level: str, timeline: Timeline) -> None:
        self.level = level
        self.timeline = timeline
        self._values: dict[str, int] = {}
        self._writes: list[_Write] = []
        self._by_key: dict[str, list[_Write]] = {}
        self._places: dict[int, int] = {}
        self._replicas: list[_Replica] = []
        self._missing: list[dict[int, _Write]] = [{} for _ in range(REPLICAS)]

    def client(self, keys: int, lost: float) -> Iterator[None]:
        """A client that reads and writes. lost: chance that an answer never comes; the client goes on as another process."""
        timeline, stream = self.timeline, self.timeline.stream
        process = timeline.process()
        session = self._session()
        while timeline.begin():
            key = f"k{stream.below(keys)}"
            writes = stream.chance(0.5)
            value: Value = None
            if writes:
                value = self._values[key] = self._values.get(key, 0) + 1
            operation = timeline.invoke(process, "write" if writes else "read", key, value)
            yield
            gone = stream.chance(lost)
            if not gone or stream.chance(0.5):
                result = self._act(session, key, value)
            yield
            if gone:
                timeline.complete(operation, "info", error="no answer")
                self._replicas[session].left_at = len(self._writes)
                process, session = timeline.process(), self._session()
            else:
                timeline.complete(operation, "ok", result)
            yield

    def _session(self) -> int:
        self._replicas.append(_Replica())
        if len(self._replicas) > 1 and self.level in ("causal", "causal-convergence", "pram"):
            mine, other = self._replicas[-1], self._replicas[self.timeline.stream.below(len(self._replicas) - 1)]
            mine.applied, mine.store, mine.clock = dict(other.applied), dict(other.store), other.clock  # a copy: somebody's state
            mine.waiting = other.waiting + ([] if other.left_at is None else self._writes[other.left_at :])
        return len(self._replicas) - 1

    def _act(self, session: int, key: str, value: Value) -> Value:
        """The one step at which an operation happens."""
        written = value if isinstance(value, int) else None
        if self.level in ("linearizable", "sequential"):
            return self._in_log(session, key, written)
        if self.level in ("causal", "causal-convergence", "pram"):
            return self._at_own_replica(session, key, written)
        return self._at_any_replica(session, key, written)

    # --- One log ---

    def _in_log(self, session: int, key: str, value: int | None) -> Value:
        if value is not None:
            write = _Write(len(self._writes), key, value, session, self.timeline.now_s)
            self._writes.append(write)
            self._by_key.setdefault(key, []).append(write)
            self._places[session] = len(self._writes)
            return None
        place = len(self._writes)
        if self.level == "sequential":
            behind = self.timeline.stream.below(10)
            place = max(self._places.get(session, 0), place - behind)
            self._places[session] = place
        for write in reversed(self._by_key.get(key, [])):
            if write.number < place:
                return write.value
        return None

    # --- A replica per session ---

    def _at_own_replica(self, session: int, key: str, value: int | None) -> Value:
        mine = self._replicas[session]
        if value is not None:
            mine.clock += 1
            seen = dict(mine.applied)
            news = {other: count for other, count in seen.items() if mine.told.get(other) != count}
            mine.told = seen
            write = _Write(len(self._writes), key, value, session, self.timeline.now_s, seen, news, stamp=(mine.clock, session))
            self._writes.append(write)
            self._apply(mine, write)
            for number, replica in enumerate(self._replicas):
                if number != session and replica.left_at is None:
                    replica.waiting.append(write)
            return None
        stream = self.timeline.stream
        tries = stream.below(4) + max(0, len(mine.waiting) - _BACKLOG_MAX)
        for _ in range(tries):
            first: dict[int, _Write] = {}  # of each session: what it wrote later cannot come before it
            for write in mine.waiting[: 2 * _BACKLOG_MAX]:
                first.setdefault(write.session, write)
            ready = [write for write in first.values() if self._ready(mine, write)]
            if not ready:
                break
            chosen = stream.choice(ready)
            mine.waiting.remove(chosen)
            self._apply(mine, chosen)
        found = mine.store.get(key)
        return None if found is None else found.value

    def _ready(self, replica: _Replica, write: _Write) -> bool:
        """Whether what must come before it has been applied."""
        if self.level == "pram":
            return replica.applied.get(write.session, 0) == write.seen.get(write.session, 0)
        if replica.applied.get(write.session, 0) < write.seen.get(write.session, 0):
            return False  # and what the write before it had seen is there with that one: only the news are left
        return all(replica.applied.get(session, 0) >= count for session, count in write.news.items())

    def _apply(self, replica: _Replica, write: _Write) -> None:
        replica.applied[write.session] = replica.applied.get(write.session, 0) + 1
        replica.clock = max(replica.clock, write.stamp[0])
        before = replica.store.get(write.key)
        if self.level != "causal-convergence" or before is None or before.stamp < write.stamp:
            replica.store[write.key] = write

    # --- Any replica ---

    def _at_any_replica(self, session: int, key: str, value: int | None) -> Value:
        stream, now_s = self.timeline.stream, self.timeline.now_s
        chosen = stream.below(REPLICAS)
        mine = self._replicas[session]
        if value is not None:
            needs: set[int] = set()
            if self.level in ("monotonic-writes", "session"):
                needs |= {number for number, how in mine.applied.items() if how & _WROTE}
            if self.level in ("writes-follow-reads", "session"):
                needs |= {number for number, how in mine.applied.items() if how & _SAW}
            number = len(self._writes)
            write = _Write(number, key, value, session, now_s, needs=frozenset(needs))
            self._writes.append(write)
            self._by_key.setdefault(key, []).append(write)
            for missing in self._missing:
                missing[number] = write
            self._deliver(chosen, number)
            mine.applied[number] = _WROTE
            return None
        missing = self._missing[chosen]
        for number, write in sorted(missing.items()):
            if now_s - write.at_s >= BOUND_S or stream.chance(0.1):
                self._deliver(chosen, number)
        wanted = _WROTE if self.level in ("read-your-writes", "session") else 0
        if self.level in ("monotonic-reads", "monotonic-writes", "writes-follow-reads", "session"):
            wanted |= _SAW
        for number, how in sorted(mine.applied.items()):
            if how & wanted:
                self._deliver(chosen, number)
        self._remember(mine, missing)
        for write in reversed(self._by_key.get(key, [])):
            if write.number not in missing:
                return write.value
        return None

    def _remember(self, mine: _Replica, missing: dict[int, _Write]) -> None:
        """What a session has seen, and what it wrote: all that some replica may still miss. Everything older is everywhere."""
        young = {number for other in self._missing for number in other}
        mine.applied = {number: how for number, how in mine.applied.items() if number in young}
        for number in sorted(young):
            if number not in missing:
                mine.applied[number] = mine.applied.get(number, 0) | _SAW

    def _deliver(self, replica: int, number: int) -> None:
        """A write reaches a replica, and before it what it needs."""
        write = self._missing[replica].pop(number, None)
        if write is not None:
            for needed in sorted(write.needs):
                self._deliver(replica, needed)

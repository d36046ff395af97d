"""Simulated databases of transactions, one per isolation level, over lists and over registers.

Why each level holds, for whatever the draws are. Commits are numbered; a version is the number of the commit that wrote it.

* strict-serializable: a transaction happens at one step, between its events. The steps are a serial order that keeps real time.
* strong-session-serializable: the same, but what only reads may show a past state, none before its session's last one. Put it
  there.
* serializable: the same, and any past state will do.
* strong-snapshot-isolation: snapshot at a step after the start, first committer wins: the definition (Berenson et al. 1995).
* strong-session-snapshot-isolation: a past snapshot, none before the session's last snapshot or commit.
* snapshot-isolation: any past snapshot, first committer wins: generalized snapshot isolation (Elnikety et al. 2005).
* read-atomic: reads from a set of whole transactions, which holds with a version of a key all earlier ones; commits at one step.
  The commits are one order that visibility follows (Cerone, Bernardi & Gotsman 2015).
* read-committed: every read shows what is committed now, and writes lock their keys until the end. What a transaction saw or
  overwrote had committed before it did, so these dependencies have no cycle.
* read-uncommitted: the same, but reads show what is not committed too. Locks alone order writes as the commits.

A failed transaction leaves nothing. One that gets no answer (info) may have committed or not.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias

from windtunnel.base.messages import Value
from windtunnel.generators.timeline import Timeline

LEVELS: Final[Mapping[str, tuple[str, ...]]] = {
    "strict-serializable": ("strict-serializable",),
    "strong-session-serializable": ("strong-session-serializable",),
    "serializable": ("serializable",),
    "strong-snapshot-isolation": ("strong-snapshot-isolation",),
    "strong-session-snapshot-isolation": ("strong-session-snapshot-isolation",),
    "snapshot-isolation": ("snapshot-isolation",),
    "read-atomic": ("read-atomic", "strong-read-committed"),
    "read-committed": ("strong-read-committed",),
    "read-uncommitted": ("strong-read-uncommitted",),
}
"""Every database, with the levels that its histories satisfy."""

WRITES_MAX = 12
"""Writes of a key before another one takes its place."""

LAG_MAX = 12
"""How many commits behind a past snapshot is at most."""

_Micro: TypeAlias = "tuple[str, str, int | None]"
_Running: TypeAlias = "Iterator[None]"


@dataclass(slots=True)
class _Session:
    """A client's session. floor: the newest commit that it has made or seen."""

    process: int
    floor: int = 0


@dataclass(slots=True)
class Database:
    """A store at a level. versions: of each key, (number of the commit, value) in order; the last may be uncommitted (-1)."""

    level: str
    timeline: Timeline
    lists: bool
    versions: dict[str, list[tuple[int, int]]] = field(default_factory=dict)
    wrote: list[tuple[str, ...]] = field(default_factory=list)
    locks: dict[str, int] = field(default_factory=dict)
    active: list[str] = field(default_factory=list)
    planned: dict[str, int] = field(default_factory=dict)

    def plan(self, keys: int) -> list[_Micro]:
        """One to four micro-operations; no key is read after it was written, and some only read."""
        stream = self.timeline.stream
        micros: list[_Micro] = []
        written: set[str] = set()
        reading = stream.chance(0.3)
        for _ in range(1 + stream.below(4)):
            while len(self.active) < keys:
                name = f"k{len(self.planned)}"
                self.planned[name] = 0
                self.active.append(name)
            key = stream.choice(self.active)
            if reading or key in written or stream.chance(0.5):
                if key not in written:
                    micros.append(("r", key, None))
                continue
            self.planned[key] += 1
            if not self.lists and stream.chance(0.7) and not any(k == key for _, k, _ in micros):
                micros.append(("r", key, None))
            micros.append(("w", key, self.planned[key]))
            written.add(key)
            if self.planned[key] >= WRITES_MAX:
                self.active.remove(key)
        return micros or [("r", self.active[0], None)]

    def client(self, keys: int, lost: float) -> Iterator[None]:
        """A client that runs transactions one after the other. lost: chance that an answer never comes."""
        timeline, stream = self.timeline, self.timeline.stream
        session = _Session(timeline.process())
        write = "append" if self.lists else "w"
        while timeline.begin():
            micros = self.plan(keys)
            asked: list[Value] = [[write if f == "w" else f, key, value] for f, key, value in micros]
            operation = timeline.invoke(session.process, "txn", None, asked)
            yield
            reads: list[Value] = []
            outcome: list[bool] = []
            yield from self._transact(session, micros, reads, outcome)
            yield
            if stream.chance(lost):
                timeline.complete(operation, "info", error="no answer")
                session = _Session(timeline.process())
            elif outcome[0]:
                answers = iter(reads)
                result: list[Value] = [[f, key, next(answers) if f == "r" else value] for f, key, value in asked]
                timeline.complete(operation, "ok", result)
            else:
                timeline.complete(operation, "fail", error="aborted")
            yield

    def _transact(self, session: _Session, micros: list[_Micro], reads: list[Value], outcome: list[bool]) -> _Running:
        if self.level.endswith("serializable"):
            return self._at_once(session, micros, reads, outcome)
        if self.level.endswith("snapshot-isolation"):
            return self._from_snapshot(session, micros, reads, outcome)
        if self.level == "read-atomic":
            return self._from_whole_transactions(micros, reads, outcome)
        return self._under_locks(session, micros, reads, outcome)

    # --- The mechanisms ---

    def _past(self, session: _Session, strong: str) -> int:
        """A commit up to which a transaction sees everything; the newest one at the strong level."""
        newest = len(self.wrote)
        if self.level == strong:
            return newest
        oldest = max(0, newest - self.timeline.stream.below(LAG_MAX + 1))
        return max(oldest, session.floor) if self.level.startswith("strong-session") else oldest

    def _at_once(self, session: _Session, micros: list[_Micro], reads: list[Value], outcome: list[bool]) -> _Running:
        yield
        updates = any(f == "w" for f, _, _ in micros)
        seen = len(self.wrote) if updates else self._past(session, "strict-serializable")
        reads += [self._read(key, seen) for f, key, _ in micros if f == "r"]
        if updates:
            self._commit(micros)
        session.floor = len(self.wrote) if updates else seen
        outcome.append(True)

    def _from_snapshot(self, session: _Session, micros: list[_Micro], reads: list[Value], outcome: list[bool]) -> _Running:
        yield
        seen = self._past(session, "strong-snapshot-isolation")
        for f, key, _ in micros:
            if f == "r":
                reads.append(self._read(key, seen))
                yield
        keys = {key for f, key, _ in micros if f == "w"}
        outcome.append(not any(set(wrote) & keys for wrote in self.wrote[seen:]))
        session.floor = max(session.floor, seen)
        if keys and outcome[0]:
            self._commit(micros)
            session.floor = len(self.wrote)

    def _from_whole_transactions(self, micros: list[_Micro], reads: list[Value], outcome: list[bool]) -> _Running:
        yield
        newest = len(self.wrote)
        unseen: set[int] = set()
        hidden: set[str] = set()
        for number in range(max(1, newest - LAG_MAX), newest + 1):
            wrote = self.wrote[number - 1]
            if hidden.intersection(wrote) or self.timeline.stream.chance(0.3):
                unseen.add(number)
                hidden.update(wrote)
        reads += [self._read(key, newest, unseen) for f, key, _ in micros if f == "r"]
        yield
        if any(f == "w" for f, _, _ in micros):
            self._commit(micros)
        outcome.append(True)

    def _under_locks(self, session: _Session, micros: list[_Micro], reads: list[Value], outcome: list[bool]) -> _Running:
        stream = self.timeline.stream
        dirty = self.level == "read-uncommitted"
        held: list[str] = []
        aborted = stream.chance(0.1)
        for f, key, value in micros:
            yield
            if f == "r":
                reads.append(self._read(key, len(self.wrote), dirty=dirty))
            elif self.locks.get(key, session.process) != session.process:
                aborted = True
                break
            else:
                assert value is not None, "a write has a value"
                if key not in self.locks:
                    self.locks[key] = session.process
                    held.append(key)
                self.versions.setdefault(key, []).append((-1, value))
        yield
        for key in held:
            self.versions[key] = [version for version in self.versions[key] if version[0] >= 0]
            del self.locks[key]
        if held and not aborted:
            self._commit(micros)
        outcome.append(not aborted)

    def _commit(self, micros: list[_Micro]) -> None:
        self.wrote.append(tuple(key for f, key, _ in micros if f == "w"))
        for f, key, value in micros:
            if f == "w":
                assert value is not None, "a write has a value"
                self.versions.setdefault(key, []).append((len(self.wrote), value))

    def _read(self, key: str, seen: int, unseen: Any = (), *, dirty: bool = False) -> Value:
        shown: list[Value] = [
            value
            for number, value in self.versions.get(key, [])
            if (0 <= number <= seen and number not in unseen) or (dirty and number < 0)
        ]
        if self.lists:
            return shown
        return shown[-1] if shown else None

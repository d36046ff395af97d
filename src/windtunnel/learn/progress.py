"""What a learner has shown: evidence, one line each, appended and never changed.

Theory of operation. `progress.jsonl` is a chain: each record carries the hash of the record before it (`previous`) and of
itself (`hash`: SHA-256 over its other fields as JSON with sorted keys). A record that was changed no longer has its hash;
one that was removed or moved leaves a gap in the chain. Reading says where, in `problems`, and keeps every record that is
whole: a torn line or a changed one costs that line and nothing else, and nothing is ever deleted from the file.

An append takes a lock on the file, finds the last whole record, writes one line in one call and waits for the disk. After a
crash in the middle of a line the next append begins a new one.

The chain shows accidents and careless edits. It does not stop an owner of the file from writing a whole new chain: nothing
local can (docs/explanation/evidence.md).
"""

from __future__ import annotations

import datetime as dt
import fcntl
import hashlib
import json
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from windtunnel.base.errors import UsageError
from windtunnel.learn.home import home_of, made

FILE = "progress.jsonl"
GENESIS = "0" * 64
"""What the first record has as the hash of the record before it."""
PASSING = frozenset({"passed", "valid"})
"""Verdicts that complete an item: of labs and lessons, and of calculators that were checked."""
TAIL_BYTES = 64 * 1024
"""An append looks for the last record in so much of the end of the file, and then in all of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """One thing that was graded, as it was graded.

    `item` names what ("lab:retry", "lesson:law-1"), `kind` how ("lab", "lesson", "question", "try", "calc", "decision",
    "exercise", "override"), `verdict` the grader's word. `content_hash` is the hash of the task, `submission_hash` of what
    the learner gave, `grader` the version that judged, `seeds` what it ran. `at` is UTC, ISO 8601. `override` marks a
    prerequisite that the learner chose to skip: it unlocks, and proves nothing. `origin` is the hash that the record had in
    the log that it was imported from.
    """

    n: int
    at: str
    item: str
    kind: str
    verdict: str
    content_hash: str
    submission_hash: str = ""
    grader: str = ""
    seeds: tuple[int, ...] = ()
    metrics: Mapping[str, Any] = field(default_factory=dict)
    override: bool = False
    origin: str = ""
    previous: str = GENESIS
    hash: str = ""

    @property
    def passed(self) -> bool:
        """Whether it completes its item."""
        return self.verdict in PASSING and not self.override

    def to_json(self) -> dict[str, Any]:
        """The record as it stands in the log."""
        return {f.name: (list(self.seeds) if f.name == "seeds" else getattr(self, f.name)) for f in fields(self)}

    def digest(self) -> str:
        """The hash that the record ought to have."""
        row = self.to_json()
        del row["hash"]
        return hashlib.sha256(canonical(row)).hexdigest()


@dataclass(frozen=True, slots=True)
class Problem:
    """Something in the log that is not as it was written: its line (from 1), what is wrong, and how the line begins."""

    line: int
    what: str
    text: str

    def __str__(self) -> str:
        return f"line {self.line}: {self.what}"

    def to_json(self) -> dict[str, Any]:
        """The problem as JSON."""
        return {"line": self.line, "what": self.what, "text": self.text}


@dataclass(frozen=True, slots=True)
class Progress:
    """All evidence that is whole, in the order of the log, and what is wrong with the rest of it."""

    evidence: tuple[Evidence, ...] = ()
    problems: tuple[Problem, ...] = ()

    @property
    def head(self) -> str:
        """The hash of the newest record: it stands for the whole log."""
        return self.evidence[-1].hash if self.evidence else GENESIS

    def passed(self) -> frozenset[str]:
        """The items that are complete."""
        return frozenset(e.item for e in self.evidence if e.passed)

    def has(self, item: str) -> bool:
        """Whether an item is complete."""
        return any(e.item == item and e.passed for e in self.evidence)

    def overridden(self) -> frozenset[str]:
        """Items that the learner chose to skip as prerequisites."""
        return frozenset(e.item for e in self.evidence if e.override)

    def of(self, item: str) -> tuple[Evidence, ...]:
        """The evidence of one item, oldest first."""
        return tuple(e for e in self.evidence if e.item == item)


def canonical(value: Any) -> bytes:
    """JSON with sorted keys and no spaces: what is hashed. Raises ValueError for numbers that JSON has no word for."""
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"), allow_nan=False).encode()


def content_hash(data: bytes | str) -> str:
    """SHA-256 of a text or of bytes, in hex."""
    return hashlib.sha256(data.encode() if isinstance(data, str) else data).hexdigest()


def _now() -> str:
    return dt.datetime.now(dt.UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


class Journal:
    """The log of one learner. Safe to use from several processes at once."""

    def __init__(self, home: Path | str | None = None, *, now: Callable[[], str] = _now) -> None:
        self.home = home_of(home)
        self.path = self.home / FILE
        self._now = now

    def add(
        self,
        item: str,
        kind: str,
        verdict: str,
        content_hash: str,
        submission_hash: str = "",
        grader: str = "",
        seeds: Sequence[int] = (),
        metrics: Mapping[str, Any] | None = None,
        *,
        override: bool = False,
    ) -> Evidence:
        """Append one record and return it. Raises UsageError where the folder cannot be written, or `metrics` is not JSON."""
        row = {
            "at": self._now(),
            "item": item,
            "kind": kind,
            "verdict": verdict,
            "content_hash": content_hash,
            "submission_hash": submission_hash,
            "grader": grader,
            "seeds": tuple(seeds),
            "metrics": _plain(metrics or {}),
            "override": override,
        }
        return self._append([row])[0]

    def take(self, others: Iterable[Evidence]) -> int:
        """Append the evidence of another log; what is here already is left out. Returns how many records came."""
        known = {h for e in self.read().evidence for h in (e.hash, e.origin) if h}
        fresh = [e for e in others if e.hash not in known and not (e.origin and e.origin in known)]
        if not fresh:
            return 0
        rows = []
        for e in fresh:
            row = e.to_json() | {"seeds": e.seeds, "origin": e.origin or e.hash}
            rows.append({name: value for name, value in row.items() if name not in ("n", "previous", "hash")})
        return len(self._append(rows))

    def read(self) -> Progress:
        """Everything that the log says, and what is wrong with it. An absent log is empty."""
        try:
            data = self.path.read_bytes()
        except FileNotFoundError:
            return Progress()
        except OSError as error:
            raise UsageError(f"cannot read {self.path}: {error.strerror}") from None
        return judged(data)

    def _append(self, rows: Sequence[Mapping[str, Any]]) -> list[Evidence]:
        made(self.home)
        try:
            descriptor = os.open(self.path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise UsageError(f"cannot write {self.path}: {error.strerror}") from None
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)  # ends with the descriptor, also when the process is killed
            last, torn = _last(descriptor)
            records = []
            for row in rows:
                number, previous = (last.n + 1, last.hash) if last is not None else (1, GENESIS)
                bare = Evidence(n=number, previous=previous, **row)
                last = _sealed(bare)
                records.append(last)
            text = b"".join(_line(record) for record in records)
            _write_all(descriptor, (b"\n" if torn else b"") + text)
            os.fsync(descriptor)
        except OSError as error:
            raise UsageError(f"cannot write {self.path}: {error.strerror}") from None
        finally:
            os.close(descriptor)
        return records


def judged(data: bytes) -> Progress:
    """The log in `data`: whole records, and a problem for each line that is not one, and for each gap in the chain."""
    evidence: list[Evidence] = []
    problems: list[Problem] = []
    claimed = GENESIS  # the hash that the last line claims to have, be it true or not
    unreadable = 0  # lines since the last record that cannot be read: the chain may go through them
    for number, raw in enumerate(data.split(b"\n"), 1):
        if not raw.strip():
            continue
        record, fits, what = _record(raw)
        if record is None:
            problems.append(Problem(number, what, _excerpt(raw)))
            unreadable += 1
            continue
        kept = evidence[-1].hash if evidence else GENESIS
        if record.previous not in (claimed, kept) and not unreadable:
            before = f"record {evidence[-1].n}" if evidence else "the beginning"
            gap = f"does not follow {before}: records between were removed or moved"
            problems.append(Problem(number, gap, _excerpt(raw)))
        claimed, unreadable = record.hash, 0
        if fits:
            evidence.append(record)
        else:
            problems.append(Problem(number, f"record {record.n} {CHANGED}", _excerpt(raw)))
    return Progress(tuple(evidence), tuple(problems))


EXCERPT_MAX = 500
"""Characters of a line that a problem shows."""


def _excerpt(raw: bytes) -> str:
    return raw[: 4 * EXCERPT_MAX].decode(errors="replace")[:EXCERPT_MAX]


CHANGED = "was changed after it was written: its hash does not fit; it does not count"


def _record(raw: bytes) -> tuple[Evidence | None, bool, str]:
    """The record of a line and whether its hash fits; or None and what is wrong."""
    try:
        row = json.loads(raw)
    except (ValueError, RecursionError):
        return None, False, "is not JSON: it was cut off or overwritten; the other lines are kept"
    if not isinstance(row, dict):
        return None, False, "is not a record; the other lines are kept"
    return _of_row(row)


def record_of(row: Mapping[str, Any]) -> tuple[Evidence | None, str]:
    """The whole record that a JSON object is; or None and what is wrong with it."""
    record, fits, what = _of_row(row)
    return (record, "") if fits else (None, what or CHANGED)


_TYPES: dict[str, type] = {
    "n": int,
    "at": str,
    "item": str,
    "kind": str,
    "verdict": str,
    "content_hash": str,
    "submission_hash": str,
    "grader": str,
    "seeds": list,
    "metrics": dict,
    "override": bool,
    "origin": str,
    "previous": str,
    "hash": str,
}


def _of_row(row: Mapping[str, Any]) -> tuple[Evidence | None, bool, str]:
    for name, kind in _TYPES.items():
        if type(row.get(name)) is not kind:
            return None, False, f"has no {name} of type {kind.__name__}; the other lines are kept"
    if not all(type(seed) is int for seed in row["seeds"]):
        return None, False, "has seeds that are not whole numbers; the other lines are kept"
    if extra := sorted(set(row) - set(_TYPES)):
        return None, False, f"has fields that no record has: {', '.join(extra)}; the other lines are kept"
    values = dict(row)
    claimed = values.pop("hash")
    try:
        fits = hashlib.sha256(canonical(values)).hexdigest() == claimed
    except (ValueError, RecursionError):
        return None, False, "holds values that JSON has no words for; the other lines are kept"
    return Evidence(**values | {"seeds": tuple(row["seeds"]), "hash": claimed}), fits, ""


def _last(descriptor: int) -> tuple[Evidence | None, bool]:
    """The last record whose hash fits, and whether the file ends within a line."""
    size = os.fstat(descriptor).st_size
    if size == 0:
        return None, False
    start = max(0, size - TAIL_BYTES)
    data = _read_from(descriptor, start)
    torn = not data.endswith(b"\n")
    found = _newest(data, whole=start == 0)
    if found is None and start:
        found = _newest(_read_from(descriptor, 0), whole=True)
    return found, torn


def _newest(data: bytes, *, whole: bool) -> Evidence | None:
    lines = data.split(b"\n")
    for raw in reversed(lines if whole else lines[1:]):
        if raw.strip():
            record, fits, _ = _record(raw)
            if fits:
                return record
    return None


def _read_from(descriptor: int, start: int) -> bytes:
    parts = []
    while part := os.pread(descriptor, 1 << 20, start):
        parts.append(part)
        start += len(part)
    return b"".join(parts)


def _write_all(descriptor: int, data: bytes) -> None:
    while data:
        data = data[os.write(descriptor, data) :]


def _sealed(record: Evidence) -> Evidence:
    values = {f.name: getattr(record, f.name) for f in fields(record)}
    return Evidence(**values | {"hash": record.digest()})


def _line(record: Evidence) -> bytes:
    return canonical(record.to_json()) + b"\n"


def _plain(metrics: Mapping[str, Any]) -> dict[str, Any]:
    """Metrics as JSON will give them back. Raises UsageError for what JSON cannot say."""
    try:
        plain: dict[str, Any] = json.loads(canonical(dict(metrics)))
    except (TypeError, ValueError) as error:
        raise UsageError(f"metrics must be plain JSON values: {error}") from None
    return plain

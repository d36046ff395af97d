"""Leases and fencing: who may act, when a holder that paused may still believe that it holds, and what the resource accepts.

Sources: Gray & Cheriton, "Leases", 1989; Kleppmann, "How to do distributed locking", 2016: a holder that was paused cannot know
that its lease has ended, so every grant carries a token, larger than all before, and the resource refuses smaller ones.

| anomaly | what happened |
|---|---|
| duplicate-token | two grants carry the same token |
| falling-token | a grant's token is not above one that had been granted before it was asked for |
| two-holders | two grants of which neither can have begun when the other one was over: not released, and its time not over |
| stale-write | the resource accepted a token after it had accepted a larger one |
| unknown-token | the resource accepted a token that nobody can have been given by then |
| late-write | the resource accepted a write that was asked for after its lease had ended (level `exclusive` only) |

A grant is in force from its answer until its release is asked for, or until `ttl_s` seconds after it was asked for, the earliest
that it can have begun; a lease has certainly ended `ttl_s` seconds after its last answer, or once its release or a later grant
was answered. With fencing alone (the default level, `fenced`) a late write is legal until a larger token was used. A write that
was refused (`fail`) is how fencing works.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any, Final

from windtunnel.base.errors import unknown
from windtunnel.base.messages import Value
from windtunnel.checkers.verdict import Verdict
from windtunnel.checkers.weak.findings import Finding, judged, misfit, named, silent
from windtunnel.histories import History, Operation
from windtunnel.histories.values import canonical

FUNCTIONS: Final = {
    "acquire": "acquire({ttl_s: seconds} or null for ever) -> token",
    "renew": "renew(token) for as long again",
    "release": "release(token)",
    "write": "write(token or {token: number, ...}) to the resource; refused: fail",
}
PROPERTY: Final = "fenced leases"
LEVELS: Final = ("fenced", "exclusive")


@dataclass(slots=True)
class _Grant:
    """One lease. ttl_s: how long; renewals: answered ones; releases: all that may have happened; next: the grant after it."""

    acquire: Operation
    token: int
    ttl_s: float
    renewals: list[Operation] = field(default_factory=list)
    releases: list[Operation] = field(default_factory=list)
    next: Operation | None = None

    def surely_until_s(self) -> float:
        """The second until which it is certainly in force, if it is not released."""
        return max(op.invoked_s for op in (self.acquire, *self.renewals)) + self.ttl_s

    def surely_over(self, at: Operation) -> bool:
        """Whether it had certainly ended when an operation was asked for."""
        released = any(op.type == "ok" and (op.completed or 0) < at.invoked for op in self.releases)
        replaced = self.next is not None and (self.next.completed or 0) < at.invoked
        last_s = max(op.completed_s or op.invoked_s for op in (self.acquire, *self.renewals))
        return released or replaced or at.invoked_s > last_s + self.ttl_s

    def cannot_precede(self, other: _Grant) -> bool:
        """Whether this lease cannot have begun, and ended, before the other one began."""
        end, end_s = other.acquire.completed or 0, other.acquire.completed_s or 0.0
        at_once = (self.acquire.completed or 0) > other.acquire.invoked
        if end < self.acquire.invoked or (at_once and self.token > other.token):
            return True
        if any(op.invoked < end for op in self.releases):
            return False
        return end_s < self.surely_until_s()


def leases(history: History, level: str = LEVELS[0]) -> Verdict:
    """Whether grants exclude each other and the resource is fenced. Raises UsageError for another shape or level."""
    if level not in LEVELS:
        raise unknown("level", level, LEVELS)
    keys: dict[Any, list[Operation]] = {}
    for operation in history:
        keys.setdefault(canonical(operation.key), []).append(operation)
    findings: list[Finding] = []
    late: list[Finding] = []
    granted = written = 0
    for operations in keys.values():
        grants = _grants(history, operations)
        writes = [(_token(history, op, op.value), op) for op in operations if op.f == "write" and op.type == "ok"]
        findings += _of_grants(grants)
        findings += _of_writes(writes, operations, grants)
        late += _late(writes, grants)
        granted, written = granted + len(grants), written + len(writes)
    stats = {"operations": len(history), "grants": granted, "writes": written, "late_writes": len(late)}
    if level == "exclusive":
        findings += late
    return judged("lease", PROPERTY, findings, stats, silent(history))


def _token(history: History, operation: Operation, value: Value) -> int:
    token: Any = value.get("token") if isinstance(value, dict) else value
    if not isinstance(token, int) or isinstance(token, bool):
        raise misfit(history, operation, "a token that is a whole number, or {token: number}", value)
    return token


def _grants(history: History, operations: list[Operation]) -> list[_Grant]:
    """All leases that were granted, by the order of their answers."""
    grants: list[_Grant] = []
    for op in operations:
        if op.f == "acquire" and op.type == "ok":
            asked: Any = op.value.get("ttl_s") if isinstance(op.value, dict) else op.value
            answer: Any = op.result.get("ttl_s", asked) if isinstance(op.result, dict) else asked
            if answer is not None and (not isinstance(answer, (int, float)) or isinstance(answer, bool)):
                raise misfit(history, op, "a time to live in seconds", answer)
            grants.append(_Grant(op, _token(history, op, op.result), math.inf if answer is None else answer))
    grants.sort(key=lambda grant: grant.acquire.completed or 0)
    by_token = {grant.token: grant for grant in grants}
    for op in operations:
        if op.f not in ("renew", "release") or op.type == "fail":
            continue
        grant = by_token.get(_token(history, op, op.value))
        if grant is not None and op.f == "renew" and op.type == "ok":
            grant.renewals.append(op)
        elif grant is not None and op.f == "release":
            grant.releases.append(op)
    for grant in grants:
        later = [other.acquire for other in grants if other.token > grant.token]
        grant.next = min(later, key=lambda op: op.completed or 0, default=None)
    return grants


def _of_grants(grants: list[_Grant]) -> list[Finding]:
    findings = []
    seen: dict[int, _Grant] = {}
    for at, grant in enumerate(grants):
        op = grant.acquire
        if grant.token in seen:
            first = seen[grant.token].acquire
            findings.append(Finding("duplicate-token", f"{named(first)} and {named(op)} got the same token", (first, op), op.key))
        seen.setdefault(grant.token, grant)
        before = [other for other in grants[:at] if (other.acquire.completed or 0) < op.invoked]
        highest = max(before, key=lambda other: other.token, default=None)
        if highest is not None and grant.token < highest.token:
            text = f"{named(op)} got a token below that of {named(highest.acquire)}, which had been answered before"
            findings.append(Finding("falling-token", text, (highest.acquire, op), op.key))
        for other in grants[:at]:
            if other.cannot_precede(grant) and grant.cannot_precede(other):
                ttl = "has no end" if other.ttl_s == math.inf else f"was in force until {other.surely_until_s():.3f} s at least"
                text = f"{named(op)} while {named(other.acquire)} {ttl} and was not released"
                findings.append(Finding("two-holders", text, (other.acquire, op), op.key))
                break
    return findings


def _of_writes(writes: list[tuple[int, Operation]], operations: list[Operation], grants: list[_Grant]) -> list[Finding]:
    findings = []
    given = {grant.token: grant.acquire for grant in grants}
    unanswered = [op for op in operations if op.f == "acquire" and op.type == "info"]
    ended = sorted(writes, key=lambda item: item[1].completed or 0)
    at = 0
    highest: tuple[int, Operation] | None = None
    for token, op in sorted(writes, key=lambda item: item[1].invoked):
        while at < len(ended) and (ended[at][1].completed or 0) < op.invoked:
            if highest is None or ended[at][0] > highest[0]:
                highest = ended[at]
            at += 1
        source = given.get(token)
        possible = source is not None and source.invoked < (op.completed or 0)
        if not possible and not any(acquire.invoked < (op.completed or 0) for acquire in unanswered):
            text = f"{named(op)} was accepted, and nobody had been given that token"
            findings.append(Finding("unknown-token", text, (op,), op.key))
        if highest is not None and token < highest[0]:
            text = f"{named(op)} was accepted after {named(highest[1])}, whose token is larger"
            findings.append(Finding("stale-write", text, (*((source,) if source else ()), highest[1], op), op.key))
    return findings


def _late(writes: list[tuple[int, Operation]], grants: list[_Grant]) -> list[Finding]:
    by_token = {grant.token: grant for grant in grants}
    findings = []
    for token, op in writes:
        grant = by_token.get(token)
        if grant is not None and grant.surely_over(op):
            others = (grant.next,) if grant.next is not None else ()
            text = f"{named(op)} was accepted, and its lease of {named(grant.acquire)} had ended"
            findings.append(Finding("late-write", text, (grant.acquire, *others, op), op.key))
    return findings

"""Convergence of replicas: who has delivered the same updates is in the same state, and in the end everybody has delivered all.

Source: Shapiro, Preguica, Baquero & Zawirski, "Conflict-Free Replicated Data Types", 2011: strong eventual consistency.

| anomaly | what happened |
|---|---|
| diverged | two replicas had delivered the same updates and were in different states |
| phantom | a replica had delivered an update that nobody had made |
| repeated | a replica says that it delivered an update twice |
| regressed | a replica no longer had an update that it had delivered before |
| lost-update | after all updates were over, a replica's last observation lacks an acknowledged one |
| not-converged | after all updates were over, the last observations of two replicas show different states |
| causal | a replica had an update and not one that its maker had observed before making it (level `causal` only) |

A replica is what the key names, or else the process that asks.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from windtunnel.base.errors import unknown
from windtunnel.base.messages import Value
from windtunnel.checkers.verdict import Verdict
from windtunnel.checkers.weak.findings import Finding, judged, misfit, named, silent
from windtunnel.histories import History, Operation
from windtunnel.histories.operations import shown
from windtunnel.histories.values import canonical

FUNCTIONS: Final = {
    "update": "update(id, or {id: ..., ...}), each id once; the key names the replica",
    "observe": "observe() -> {state: ..., delivered: [ids]}, delivered if it is known; the key names the replica",
}
PROPERTY: Final = "strong eventual consistency"
LEVELS: Final = ("eventual", "causal")


@dataclass(frozen=True, slots=True)
class _Observation:
    """What a replica showed. names: of the updates delivered, None if it did not say; values: the same as they were written."""

    operation: Operation
    replica: Any
    state: Any
    names: frozenset[Any] | None
    values: list[Value]


def convergence(history: History, level: str = LEVELS[0]) -> Verdict:
    """Whether the replicas converge. Raises UsageError for a level that is none, and for observations of another shape."""
    if level not in LEVELS:
        raise unknown("level", level, LEVELS)
    updates: dict[Any, Operation] = {}
    observations: list[_Observation] = []
    for op in history:
        if op.f == "update":
            name = canonical(_identity(op.value))
            if name in updates and updates[name].type != "fail":
                raise misfit(history, op, "an update with an id of its own", op.value)
            updates[name] = op
        elif op.type == "ok":
            observations.append(_observed(history, op))
    findings = [*_odd(observations, updates), *_diverged(observations), *_regressed(observations)]
    findings += _closing(observations, updates)
    if level == "causal":
        findings += _causal(history, observations, updates)
    stats = {
        "operations": len(history),
        "updates": len(updates),
        "observations": len(observations),
        "replicas": len({observation.replica for observation in observations}),
    }
    nothing = silent(history) or ("" if observations else "nobody observed a replica")
    return judged("convergence", PROPERTY, findings, stats, nothing)


def _identity(value: Any) -> Value:
    return value["id"] if isinstance(value, dict) and "id" in value else value


def _observed(history: History, op: Operation) -> _Observation:
    result: Any = op.result
    if not isinstance(result, dict) or "state" not in result:
        raise misfit(history, op, "an observation {state: ..., delivered: [...]}", op.result)
    delivered = result.get("delivered")
    if delivered is not None and not isinstance(delivered, (list, tuple)):
        raise misfit(history, op, "the delivered updates as a list", delivered)
    names = None if delivered is None else frozenset(canonical(_identity(item)) for item in delivered)
    replica = canonical(op.process if op.key is None else op.key)
    return _Observation(op, replica, canonical(result["state"]), names, [_identity(item) for item in delivered or ()])


def _odd(observations: list[_Observation], updates: dict[Any, Operation]) -> Iterator[Finding]:
    for observation in observations:
        op = observation.operation
        for name, times in Counter(map(canonical, observation.values)).items():
            update = updates.get(name)
            value = shown(next(value for value in observation.values if canonical(value) == name))
            if update is None or update.type == "fail" or update.invoked > (op.completed or 0):
                text = f"{named(op)} has delivered {value}, which nobody had made"
                yield Finding("phantom", text, (*((update,) if update else ()), op))
            elif times > 1:
                yield Finding("repeated", f"{named(op)} has delivered {value} {times} times", (update, op))


def _diverged(observations: list[_Observation]) -> Iterator[Finding]:
    first: dict[frozenset[Any], _Observation] = {}
    for observation in observations:
        if observation.names is None:
            continue
        other = first.setdefault(observation.names, observation)
        if other.state != observation.state:
            text = f"{named(other.operation)} and {named(observation.operation)} had delivered the same "
            text += f"{len(observation.names)} updates and show different states"
            yield Finding("diverged", text, (other.operation, observation.operation))


def _regressed(observations: list[_Observation]) -> Iterator[Finding]:
    """Per replica, each observation against whatever those had shown that had ended before it began."""
    by_replica: dict[Any, list[_Observation]] = {}
    for observation in observations:
        if observation.names is not None:
            by_replica.setdefault(observation.replica, []).append(observation)
    for mine in by_replica.values():
        ended = sorted(mine, key=lambda item: item.operation.completed or 0)
        at = 0
        had: dict[Any, tuple[Value, _Observation]] = {}
        for observation in mine:
            while at < len(ended) and (ended[at].operation.completed or 0) < observation.operation.invoked:
                for value in ended[at].values:
                    had.setdefault(canonical(value), (value, ended[at]))
                at += 1
            assert observation.names is not None, "others were left out"
            lacking = next((name for name in had if name not in observation.names), None)
            if lacking is not None:
                value, before = had[lacking]
                text = f"{named(observation.operation)} lacks {shown(value)}, which {named(before.operation)} had"
                yield Finding("regressed", text, (before.operation, observation.operation))


def _closing(observations: list[_Observation], updates: dict[Any, Operation]) -> Iterator[Finding]:
    """The last observation of each replica, if it began after all updates were over."""
    over = max((op.completed or op.invoked for op in updates.values() if op.type != "fail"), default=-1)
    last = {item.replica: item for item in observations if item.operation.invoked > over}
    closing = list(last.values())
    for item in closing:
        for name, update in updates.items():
            if update.type == "ok" and item.names is not None and name not in item.names:
                text = f"{named(update)} was acknowledged, and at the end {named(item.operation)} lacks it"
                yield Finding("lost-update", text, (update, item.operation))
    for item in closing[1:]:
        if item.state != closing[0].state and (item.names is None or item.names != closing[0].names):
            text = f"after all updates {named(closing[0].operation)} and {named(item.operation)} differ"
            yield Finding("not-converged", text, (closing[0].operation, item.operation))


def _causal(history: History, observations: list[_Observation], updates: dict[Any, Operation]) -> Iterator[Finding]:
    """An update without what its maker's process had observed or made before."""
    seen = {observation.operation.index: observation for observation in observations}
    known: dict[Any, dict[Any, None]] = {}
    causes: dict[Any, list[Any]] = {}
    for op in history:
        mine = known.setdefault(op.process, {})
        if op.f == "update":
            name = canonical(_identity(op.value))
            causes[name] = list(mine)
            if op.type == "ok":
                mine[name] = None
        elif op.index in seen:
            mine.update(dict.fromkeys(map(canonical, seen[op.index].values)))
    for observation in observations:
        for value in observation.values:
            name = canonical(value)
            lacking = [cause for cause in causes.get(name, ()) if cause not in (observation.names or ()) and cause in updates]
            if lacking:
                cause = updates[lacking[0]]
                text = f"{named(observation.operation)} has {shown(value)} and lacks {named(cause)}, which its maker knew"
                yield Finding("causal", text, (cause, updates[name], observation.operation))

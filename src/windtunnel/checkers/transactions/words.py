"""Cycles in words: each edge says what happened and what that rests on."""

from __future__ import annotations

from collections.abc import Sequence

from windtunnel.checkers.transactions.anomalies import Anomaly, Step
from windtunnel.checkers.transactions.cycles import Cycle, through
from windtunnel.checkers.transactions.dependencies import KINDS, REALTIME, RW, SESSION, WR, WW, Dependencies, Edges
from windtunnel.histories.operations import shown
from windtunnel.histories.transactions.columns import NEVER, Transactions, worded

_SHOWN_MAX = 12
"""Transactions and steps of one anomaly that are told; `Anomaly` has them all."""


def as_anomaly(dependencies: Dependencies, edges: Edges, cycle: Cycle) -> Anomaly:
    """A cycle of the graph as an anomaly: its transactions and its steps."""
    steps = tuple(step_of(dependencies, *edge) for edge in through(edges, cycle.edges))
    transactions = tuple(dict.fromkeys(step.source for step in steps))
    told = [f"T{step.source} ({step.kind})" for step in steps[:_SHOWN_MAX]]
    why = " -> ".join([*told, *(["..."] if len(steps) > _SHOWN_MAX else []), f"T{steps[0].source}"])
    return Anomaly(cycle.name, why, transactions, steps, cycle.count)


def step_of(dependencies: Dependencies, kind: int, source: int, target: int, before: int, after: int, basis: int) -> Step:
    """An edge between transactions, in words."""
    return Step(KINDS[kind], source, target, _words(dependencies, kind, source, target, before, after, basis))


def _words(dependencies: Dependencies, kind: int, source: int, target: int, before: int, after: int, basis: int) -> str:
    history = dependencies.history
    if kind == SESSION:
        return f"T{source} came before T{target} in the session of client {history.session_name(source)}"
    if kind == REALTIME:
        return f"T{source} was answered ({_end(history, source)}) before T{target} was asked ({_begin(history, target)})"
    done = "appended" if history.interface == "list-append" else "wrote"
    key = shown(history.keys[int(history.key[after])])
    wrote_after = f"T{target} {done} {worded(history.shown_value(int(history.value[after])))} to {key}"
    if kind == WR:
        wrote = f"T{source} {done} {worded(history.shown_value(int(history.value[before])))} to {key}"
        return f"{wrote}, T{target} read {key} = {_read(history, after)}"
    rests = dependencies.rests_on(kind, before, after, basis)
    because = f" ({rests})" if rests else ""
    if kind == WW:
        wrote = f"T{source} {done} {worded(history.shown_value(int(history.value[before])))} to {key}"
        return f"{wrote}, and {wrote_after} after that{because}"
    assert kind == RW, "all kinds of dependencies are told"
    if history.interface == "list-append":
        return f"T{source} read {key} = {_read(history, before)}; {wrote_after}: T{source} read without it{because}"
    return f"T{source} read {key} = {_read(history, before)}; {wrote_after}, which is a later version{because}"


def _read(history: Transactions, micro: int) -> str:
    if history.interface == "list-append":
        return worded(history.list_read(micro))
    return worded(history.shown_value(int(history.value[micro])))


def _begin(history: Transactions, number: int) -> str:
    line = 0 if history.lines is None else int(history.lines[number][0])
    return f"line {line}" if line else f"event {int(history.invoked[number])}"


def _end(history: Transactions, number: int) -> str:
    line = 0 if history.lines is None else int(history.lines[number][1])
    position = int(history.completed[number])
    return f"line {line}" if line else f"event {position}" if position < NEVER else "at some time"


def lines_of(history: Transactions, anomaly: Anomaly) -> list[str]:
    """An anomaly as a few lines: what it is, its transactions, its cycle as a drawing and in words."""
    found = [anomaly.why] if not anomaly.steps or anomaly.otherwise else []
    for number in anomaly.transactions[:_SHOWN_MAX]:
        client = history.session_name(number)
        who = f"client {client}, " if client else ""
        found.append(f"  T{number} = {history.describe(number)}  ({who}{history.where(number)})")
    for steps in (anomaly.steps, anomaly.otherwise):
        if steps:
            found.append(drawn(steps))
            found += [f"  {step.words}." for step in steps[:_SHOWN_MAX]]
            if len(steps) > _SHOWN_MAX:
                found.append(f"  And {len(steps) - _SHOWN_MAX:,} more steps, back to T{steps[0].source}.")
    return found


def drawn(steps: Sequence[Step]) -> str:
    """The cycle on one line: `T1 --rw--> T2 --wr--> T1`."""
    text = f"T{steps[0].source}"
    for step in steps[:_SHOWN_MAX]:
        text += f" --{step.kind}--> T{step.target}"
    return f"  {text} ..." if len(steps) > _SHOWN_MAX else f"  {text}"

"""What a world reports of one run, before anybody judges it."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from windtunnel.histories import History, Operation

Progress = Callable[[float], None]
"""Called now and then with the seconds of the scenario that have passed."""

Watch = Callable[[float, Sequence[Mapping[str, Any]], Sequence[Operation]], None]
"""Called every WATCH_S of a traced, simulated run: seconds passed, the rows of the trace so far, the operations so far.

Both sequences only grow, so a watcher keeps its own place in them. It may take its time: virtual time waits, and the run is the
same run.
"""

WATCH_S = 0.05

AVAILABLE = "answers_after_the_last_fault"
AVAILABLE_STATEMENT = "operations invoked after the last fault has ended succeed again"
QUIET_S = 2.0  # of traffic after the last fault; with less, availability is not judged
RAISED = "handlers_do_not_raise"
RAISED_STATEMENT = "no handler raises, whatever arrives"


@dataclass(slots=True)
class Breach:
    """What broke a promise. event: number of the event, where there is one; operations: their indexes in the history."""

    prop: str
    statement: str
    evidence: str
    at_s: float
    event: int | None = None
    node: str | None = None
    text: Sequence[str] = ()
    operations: Sequence[int] = ()


@dataclass(slots=True)
class Observed:
    """Everything that a world reports of one run; virtual seconds in `sim`, real ones in `live`, steps in `stage`."""

    world: str
    kernel: str
    nodes: tuple[str, ...]
    clients: tuple[str, ...]
    history: History
    breach: Breach | None = None
    faults: list[dict[str, Any]] = field(default_factory=list)
    plan: list[dict[str, Any]] | None = None
    seen: Sequence[str] = ()
    reached: dict[str, bool] = field(default_factory=dict)
    fingerprint: str = ""
    events: int = 0
    messages: int = 0
    sim_s: float = 0.0
    wall_s: float = 0.0
    trace: list[dict[str, Any]] = field(default_factory=list)
    notes: Sequence[str] = ()


def availability(faults_end_s: float, for_s: float, history: History) -> dict[str, bool]:
    """Whether operations invoked after the last fault succeeded; empty where the quiet time is too short to judge it."""
    if for_s - faults_end_s < QUIET_S:
        return {}
    after = [op for op in history.operations if op.invoked_s > faults_end_s]
    return {AVAILABLE: any(op.type == "ok" for op in after)} if after else {}


def timed(observe: Callable[[], Observed]) -> Observed:
    """`observe()`, with its wall time noted."""
    began = time.perf_counter()
    observed = observe()
    observed.wall_s = time.perf_counter() - began
    return observed

"""The smallest scenario that still breaks the same promise.

Faults first, by delta debugging (`ddmin`: Zeller & Hildebrandt, "Simplifying and isolating failure-inducing input", 2002), then
the workload (clients, keys, operations), then time (the length of the run and of each fault). Each candidate is a whole
run, in memory; it counts if the same property is broken. The faults that remain are 1-minimal: without any one of them the
property held under every seed that was tried.

Theory of operation. A run is chaotic: a fault removed at second 3 moves every message after it, so a candidate may survive
by luck although it holds what matters. Two remedies. What comes after the violation is cut off first, which is free: a
simulated run does not know its future. And a candidate may be tried under several seeds (`tries`), since with an explicit
plan the seed only decides latencies, timeouts and what clients ask; the result then names the seed with which it fails.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from math import ceil, inf
from typing import Any, TypeVar

from windtunnel.base.errors import UsageError
from windtunnel.scenarios.run import Run
from windtunnel.scenarios.spec import Scenario

T = TypeVar("T")
Runner = Callable[[Scenario], Run]

RUNS_MAX = 1000
TRIES = 3
TRIES_SHORT = 4
CANDIDATE_S = 60.0
"""Simulated seconds spent on a candidate: up to TRIES_SHORT times as many seeds when runs are short."""
MARGIN_S = 0.5
"""Granted after a violation when time is cut: a history shows it only when the operation that proves it has ended."""


@dataclass(slots=True)
class Shrunk:
    """What shrinking found. before and after: the sizes; complete: false if the budget of runs or seconds ended it early."""

    scenario: Scenario
    run: Run
    property: str
    runs: int
    wall_s: float
    before: dict[str, float]
    after: dict[str, float]
    complete: bool


@dataclass(slots=True)
class _Search:
    """The best failing scenario so far, and the budget."""

    run: Runner
    broken: str
    best: Run
    tries: int
    runs_max: int
    ends_s: float
    report: Callable[[int, Scenario], None]
    runs: int = 0
    seeds: list[int] = field(default_factory=list)

    @property
    def scenario(self) -> Scenario:
        return self.best.scenario

    @property
    def spent(self) -> bool:
        return self.runs >= self.runs_max or time.monotonic() >= self.ends_s

    def fails(self, **changes: Any) -> bool:
        """Whether the best scenario with these changes breaks the same property; if so it is the new best."""
        for seed in self._seeds(changes.get("for_s", self.scenario.for_s)):
            if self.spent:
                return False
            self.runs += 1
            # The plan is explicit now: the profiles it was drawn from no longer say anything.
            candidate = self.run(self.scenario.with_changes(seed=seed, faults=(), **changes))
            self.report(self.runs, self.scenario)
            if candidate.broken == self.broken:
                self.best = candidate
                return True
        return False

    def _seeds(self, for_s: float) -> list[int]:
        """The seed that fails now, then others: more of them for short runs, which cost less."""
        first = self.scenario.seed
        count = max(self.tries, min(TRIES_SHORT * self.tries, int(CANDIDATE_S / for_s)))
        return [first, *(first + extra for extra in range(1, count))]


def shrink(
    failing: Run,
    run: Runner,
    *,
    tries: int = TRIES,
    runs_max: int = RUNS_MAX,
    for_wall_s: float = inf,
    report: Callable[[int, Scenario], None] = lambda runs, best: None,  # noqa: ARG005 - the signature is the point
) -> Shrunk:
    """Make the scenario of an invalid run smaller while the same property stays broken.

    failing: a run whose scenario has its plan as rows, as `run` returns it. run: runs a scenario; tracing is not needed.
    tries: seeds per candidate, at least. report: called after each run with the number of runs and the best scenario so far.
    Raises UsageError if the run was not invalid, has nothing to shrink, or does not fail again.
    """
    scenario, broken = failing.scenario, failing.broken
    if broken is None:
        raise UsageError(f"the run is {failing.verdict}, not invalid: there is nothing to shrink")
    if scenario.script is not None or scenario.world != "sim":
        raise UsageError("only simulated runs under drawn or planned faults can be shrunk: each candidate is a run in memory")
    began = time.monotonic()
    search = _Search(run, broken, failing, tries, runs_max, began + for_wall_s, report)
    before = size(failing)
    again = run(scenario)
    search.runs += 1
    if again.broken != broken:
        raise UsageError(
            f"the run does not repeat: {broken} was broken, now {again.broken or again.verdict}; has the code changed?"
        )
    search.best = again
    _cut_off_the_rest(search)
    _shrink_faults(search)
    _shrink_workload(search)
    _shrink_time(search)
    if len(search.scenario.plan or ()) > 1:
        _shrink_faults(search)  # a shorter run may need fewer of them
    return Shrunk(
        scenario=search.scenario,
        run=search.best,
        property=broken,
        runs=search.runs,
        wall_s=time.monotonic() - began,
        before=before,
        after=size(search.best),
        complete=not search.spent,
    )


def size(run: Run) -> dict[str, float]:
    """What shrinking makes smaller: numbers of faults, clients, keys, operations; seconds."""
    return {
        "faults": len(run.scenario.plan or ()),
        "clients": run.scenario.clients,
        "keys": run.scenario.keys,
        "operations": run.results["ops"]["total"],
        "for_s": run.scenario.for_s,
    }


# --- The steps ---


def _cut_off_the_rest(search: _Search) -> None:
    """Drop faults that begin after the violation, and the time after it."""
    violation = search.best.results["violation"]
    plan = list(search.scenario.plan or ())
    past = [row for row in plan if row["at_s"] <= violation["at_s"]]
    end_s = _tidy(violation["at_s"] + MARGIN_S)
    if end_s < search.scenario.for_s and search.fails(plan=tuple(past), for_s=end_s):
        return
    if len(past) < len(plan):
        search.fails(plan=tuple(past))


def _shrink_faults(search: _Search) -> None:
    ddmin(list(search.scenario.plan or ()), lambda rows: search.fails(plan=tuple(rows)))


def _shrink_workload(search: _Search) -> None:
    for name in ("clients", "keys"):
        least(1, getattr(search.scenario, name), lambda value, name=name: search.fails(**{name: value}))  # type: ignore[misc]
    total = search.best.results["ops"]["total"]
    least(1, total, lambda value: search.fails(operations_max=value))


def _shrink_time(search: _Search) -> None:
    """The run's length in tenths of a second, then the length of each fault by halving."""
    tenths = ceil(10 * search.scenario.for_s)
    least(1, tenths, lambda value: search.fails(for_s=value / 10))
    for index in range(len(search.scenario.plan or ())):
        while not search.spent:
            plan = [dict(row) for row in search.scenario.plan or ()]
            row = plan[index]
            if row.get("until_s") is None or row["until_s"] - row["at_s"] < 0.1:
                break
            row["until_s"] = round((row["at_s"] + row["until_s"]) / 2, 3)
            if not search.fails(plan=tuple(plan)):
                break


def _tidy(seconds: float) -> float:
    return ceil(10 * seconds) / 10


# --- The searches ---


def ddmin(items: Sequence[T], fails: Callable[[Sequence[T]], bool]) -> list[T]:
    """A 1-minimal sublist on which `fails` is true; `items` themselves are known to fail and are not tried.

    Zeller & Hildebrandt 2002, section 3: try the parts, then their complements, then finer parts. The empty list is tried
    first: if it fails, the items had nothing to do with it. Each sublist is tried once.
    """
    tried: set[tuple[int, ...]] = set()

    def holds(indexes: list[int]) -> bool:
        key = tuple(indexes)
        if key in tried:
            return False
        tried.add(key)
        return fails([items[i] for i in indexes])

    current = list(range(len(items)))
    if current and holds([]):
        return []
    parts = 2
    while len(current) >= 2:
        chunks = _chunks(current, parts)
        complements = [[i for i in current if i not in set(chunk)] for chunk in chunks] if parts > 2 else []
        smaller = next((chunk for chunk in chunks if holds(chunk)), None)
        if smaller is not None:
            current, parts = smaller, 2
            continue
        smaller = next((rest for rest in complements if holds(rest)), None)
        if smaller is not None:
            current, parts = smaller, max(parts - 1, 2)
        elif parts < len(current):
            parts = min(2 * parts, len(current))
        else:
            break
    return [items[i] for i in current]


def _chunks(indexes: list[int], parts: int) -> list[list[int]]:
    """`indexes` in `parts` runs of nearly equal length, none of them empty."""
    bounds = [round(i * len(indexes) / parts) for i in range(parts + 1)]
    return [indexes[a:b] for a, b in pairwise(bounds) if a < b]


def least(low: int, high: int, fails: Callable[[int], bool]) -> int:
    """A small value in low..high on which `fails` is true, by bisection; `high` is known to fail and is not tried.

    The least one if failing is monotonic, else one whose lower neighbour among those tried does not fail.
    """
    if low < high and fails(low):
        return low
    while high - low > 1:
        middle = (low + high) // 2
        if fails(middle):
            high = middle
        else:
            low = middle
    return high

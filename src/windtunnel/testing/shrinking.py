"""The smallest storm under which a seed still fails in the same way.

Faults first, by delta debugging; then the schedule, back to FIFO; then the length of each fault, by halving. Each probe is a
whole run of the same seed in a child of its own, and counts if the same kind of exception comes from the same line. What
remains is 1-minimal unless the time was up: without any one of these faults this seed passes.
"""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from windtunnel.scenarios.shrink import ddmin
from windtunnel.testing.single import Ask, Row

SHORTEST_S = 0.001
"""A fault is not made shorter than that."""

HALVINGS = 6


@dataclass(frozen=True, slots=True)
class Shrunk:
    """The smallest failing run. before: how many faults there were. complete: false if the time was up."""

    row: Row
    before: int
    runs: int
    wall_s: float
    complete: bool

    @property
    def plan(self) -> Sequence[Mapping[str, Any]]:
        """The faults that are left."""
        return self.row.plan


class _Search:
    """The smallest failing run so far, and what may still be spent."""

    def __init__(self, row: Row, make: Callable[[Ask], Row], ends_s: float) -> None:
        self.best = row
        self.runs = 0
        self._make = make
        self._ends_s = ends_s
        self._wanted = row.signature

    @property
    def spent(self) -> bool:
        return time.monotonic() >= self._ends_s

    def fails(self, **changes: Any) -> bool:
        """Whether the best run with these changes fails in the same way; if so it is the best now."""
        if self.spent:
            return False
        self.runs += 1
        row = self._make(dataclasses.replace(self.best.ask, **{"plan": tuple(self.best.plan), **changes}))
        if not row.failed or row.signature != self._wanted:
            return False
        self.best = row
        return True


def shrink(row: Row, make: Callable[[Ask], Row], *, for_wall_s: float) -> Shrunk:
    """Make the storm of a failing run smaller. make: runs an ask in a child of its own."""
    began = time.monotonic()
    search = _Search(row, make, began + for_wall_s)
    before = list(row.plan)
    past = [fault for fault in before if fault["at_s"] <= row.at_s] if row.sim_s else before
    if len(past) < len(before):
        search.fails(plan=tuple(past))
    ddmin(list(search.best.plan), lambda rows: search.fails(plan=tuple(rows)))
    if row.ask.policy != "fifo":
        search.fails(policy="fifo")
    for index in range(len(search.best.plan)):
        _shorten(search, index)
    return Shrunk(search.best, len(before), search.runs, time.monotonic() - began, not search.spent)


def _shorten(search: _Search, index: int) -> None:
    for _ in range(HALVINGS):
        plan = [dict(fault) for fault in search.best.plan]
        fault = plan[index]
        until_s = fault.get("until_s")
        if until_s is None or until_s - fault["at_s"] < 2 * SHORTEST_S:
            return
        fault["until_s"] = round((fault["at_s"] + until_s) / 2, 3)
        if fault["until_s"] <= fault["at_s"] or not search.fails(plan=tuple(plan)):
            return

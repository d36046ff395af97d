"""A branch of a run: the same seed, the same run up to a moment, other faults after it.

    crash = {"verb": "crash", "args": {"nodes": ["n1"]}, "until_s": 14.0}
    branch = fork(scenario, 12.5, [{"do": "remove", "fault": 2}, {"do": "add", "fault": crash}])

In the simulator nothing before a fault depends on it: faults draw from no stream that others draw from, and are events like any
other. So it is enough to run the scenario again with another plan. What has begun before the moment cannot be undone; it may
end at another time, if that lies after the moment. The traffic must not have ended by then: how long a run goes on after it is
decided by the plan as a whole.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from windtunnel.base.errors import UsageError, unknown
from windtunnel.base.streams import Stream
from windtunnel.faults import Plan
from windtunnel.scenarios.chosen import plan_of
from windtunnel.scenarios.spec import Scenario
from windtunnel.systems import find

CHANGES: Mapping[str, tuple[str, ...]] = {"add": ("fault",), "remove": ("fault",), "move": ("fault", "at_s", "until_s")}
"""What can be done to a plan, and what each of it says. Faults are numbered from 1 in the order of the plan."""


def fork(
    scenario: Scenario, at_s: float, changes: Sequence[Mapping[str, Any]], *, parent: Mapping[str, Any] | None = None
) -> Scenario:
    """The scenario of a branch that is the same run up to `at_s`, seconds.

    changes: `{"do": "add", "fault": row}` (a row of a plan; without `at_s` it begins at the moment of the fork), `{"do":
    "remove", "fault": 2}`, `{"do": "move", "fault": 2, "at_s": 13.0, "until_s": 14.5}` (either may be left out; until_s None is
    for ever). parent: what the branch remembers of the run it comes from, beside the moment: its directory, its fingerprint.
    Raises UsageError for a world that does not repeat, a moment outside the traffic, and changes of what has already happened.
    """
    if scenario.world != "sim" or scenario.script is not None:
        raise UsageError("only simulated runs can be forked: a live run does not repeat, a directed scenario is one script")
    if not _is_seconds(at_s) or not 0 <= at_s < scenario.for_s:
        raise UsageError(f"the moment of a fork lies within the traffic, 0 to {scenario.for_s:g} s; got {at_s!r}")
    system = find(scenario.system)
    nodes = tuple(system.nodes(scenario.size or system.size))
    rows = plan_of(scenario, system, nodes, Stream(scenario.seed, "faults")).to_rows()
    plan = Plan.from_rows(_changed(rows, at_s, changes), "branch")
    plan.check(nodes)
    known = {**(parent or {}), "at_s": float(at_s)}
    return scenario.with_changes(faults=(), plan=tuple(plan.to_rows()), parent=known)  # the profiles no longer say what happens


def _changed(rows: list[dict[str, Any]], at_s: float, changes: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    kept: dict[int, dict[str, Any]] = dict(enumerate(rows, 1))
    added = []
    for change in changes:
        do = str(change.get("do"))
        if do not in CHANGES:
            raise unknown("change", do, CHANGES)
        if extra := [name for name in change if name != "do" and name not in CHANGES[do]]:
            raise unknown(f"entry of {do}", extra[0], CHANGES[do])
        if do == "add":
            added.append(_added(change.get("fault"), at_s))
            continue
        number = change.get("fault")
        if not isinstance(number, int) or number not in kept:
            raise UsageError(f"{do}: expected the number of a fault of the plan, {_numbers(kept)}; got {number!r}")
        if do == "move":
            kept[number] = _moved(number, kept[number], at_s, change)
        elif kept[number]["at_s"] < at_s:
            raise UsageError(f"fault {number} began at {kept[number]['at_s']:g} s, before the fork at {at_s:g} s: move its end")
        else:
            del kept[number]
    return [*kept.values(), *added]


def _added(row: Any, at_s: float) -> dict[str, Any]:
    if not isinstance(row, Mapping):
        raise UsageError(f"add: expected a fault as in a plan, with verb and args; got {row!r}")
    fault = {"at_s": at_s, **{name: value for name, value in row.items() if value is not None}}
    if not _is_seconds(fault["at_s"]) or fault["at_s"] < at_s:
        raise UsageError(f"an added fault begins at the fork, {at_s:g} s, or later; got {fault['at_s']!r}")
    return fault


def _moved(number: int, row: dict[str, Any], at_s: float, change: Mapping[str, Any]) -> dict[str, Any]:
    begin = change.get("at_s", row["at_s"])
    until = change.get("until_s", row.get("until_s"))
    for value in (begin, until):
        if value is not None and not _is_seconds(value):
            raise UsageError(f"move: times are seconds; got {value!r}")
    if begin is None or (begin != row["at_s"] and min(begin, row["at_s"]) < at_s):
        raise UsageError(f"fault {number} begins at {row['at_s']:g} s: before the fork at {at_s:g} s nothing can be moved")
    was = math.inf if row.get("until_s") is None else row["until_s"]
    will = math.inf if until is None else until
    if was != will and min(was, will) < at_s:
        raise UsageError(f"fault {number} ends at {was:g} s: before the fork at {at_s:g} s nothing can be moved")
    moved = {**row, "at_s": begin, "until_s": until}
    return {name: value for name, value in moved.items() if value is not None}


def _numbers(kept: Mapping[int, Any]) -> str:
    return ", ".join(map(str, kept)) if kept else "which has none"


def _is_seconds(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)

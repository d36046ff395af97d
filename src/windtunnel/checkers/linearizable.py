"""Linearizability: can the operations be put into one order that keeps real time and that the object would have obeyed?

Objects are independent (Herlihy & Wing 1990: linearizability is local), so each key is judged alone. The keys share the budget
in rounds, the smallest first and each round longer: one key that cannot be decided does not hide a bad one.

A key goes through five stages, cheapest first:

1. an operation that found a value which nobody can have made by then: decided without a search;
2. the search (see `search`), for a few hundred configurations;
3. a guess from the values (see `blocks`), which counts if it is a legal order (see `witness`): hundreds of operations at work at
   once, as in an outage, are too many to search, but each value that was read still tells which operation made it;
4. windows: the part around the deepest point that was reached, from any state at all; then small windows everywhere. A
   violation is local as a rule, and a search that must go back to the beginning to prove it takes exponentially longer than
   one that starts nearby;
5. the search again, by turns with one that goes level by level (see `levels`): where unanswered operations pile up that one
   finds in seconds that there is no order, which a search in depth takes for ever to find; longer each time, as long as the
   budget lasts. Then the verdict is unknown.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from windtunnel.checkers.explain import explain, explain_core, explain_unsourced
from windtunnel.checkers.parts import Part, parts_of
from windtunnel.checkers.plain import specification_of
from windtunnel.checkers.problem import Reductions
from windtunnel.checkers.searches import Search
from windtunnel.checkers.shrink import Shrinking, Window
from windtunnel.checkers.specification import Specification
from windtunnel.checkers.verdict import Evidence, Verdict
from windtunnel.checkers.witness import witness
from windtunnel.histories import History
from windtunnel.histories.columns import OK, Columns

CONFIGURATIONS_MAX = 2_000_000
"""Configurations remembered, all keys together: about 0.4 GB."""

FIRST_STEPS = 16_000
GROWTH = 8
GUESS_AFTER = 500
"""When an order is guessed, in configurations: where many unanswered operations wait, some thousand can take seconds."""

_SLICE = 20_000
"""Configurations between two looks at the clock."""

SHORT = 200
"""Up to so many operations are explained from the beginning, if few of them suffice."""

FEW = 6

SHRINK_STEPS = 200_000
"""What the explanation of a violation may cost, in configurations: a second or so."""


SWEEP_AFTER = 10_000
SWEEP_STEPS = 100
"""When small windows are looked for everywhere, in configurations, and what that may cost, in configurations per operation."""


_ALL_REDUCTIONS = Reductions()


@dataclass(slots=True)
class Budget:
    """What a check may spend. seconds: of wall time, None for no limit; configurations: remembered at once."""

    seconds: float | None = None
    configurations: int = CONFIGURATIONS_MAX
    started: float = field(default_factory=time.perf_counter)

    def over(self) -> bool:
        """Whether the time is up."""
        return self.seconds is not None and time.perf_counter() - self.started > self.seconds


def linearizable(
    history: History | Columns,
    model: Any,
    *,
    budget_s: float | None = None,
    configurations: int = CONFIGURATIONS_MAX,
    reductions: Reductions | None = None,
    every_key: bool = False,
    explained: bool = True,
    guesses: bool = True,
) -> Verdict:
    """Whether `history` is linearizable with respect to `model`, per key where the model says so.

    model: a `Specification`, its class, or a plain model (see `plain`); `check` takes names. budget_s: wall seconds,
    configurations: remembered at once; when either is spent the verdict is unknown. every_key: go on after the first bad key,
    and name all of them in `stats["bad_keys"]`. explained: whether an invalid verdict needs evidence, which costs more than
    the verdict. guesses: whether anything but the search may decide; without, verdicts that are reached are the same. Raises
    UsageError for operations that the model does not know.
    """
    specification = specification_of(model)
    budget = Budget(budget_s, configurations)
    if type(specification).suited is not Specification.suited:
        specification = specification.suited(history.operations)
    parts, settled = parts_of(history, specification, judged=guesses)
    if not _answered(history):
        why = "no operation of the history was answered ok" if len(history) else "the history has no operations"
        return Verdict(None, specification.name, why, stats={"operations": len(history)})
    for part in parts:
        part.guessed = not guesses
    rules = reductions or _ALL_REDUCTIONS
    _decide(parts, specification, rules, budget, every_key=every_key)
    left = [part for part in parts if part.valid is not True]
    stats = _stats(history, parts, budget, settled)
    if not left and not every_key:
        return Verdict(True, specification.name, "", None, stats)
    bad = [part for part in left if part.valid is False]
    undecided = [part for part in left if part.valid is None]
    if every_key:
        stats["bad_keys"] = [part.key for part in bad]
    if bad and not explained:
        return Verdict(False, specification.name, f"key {bad[0].key!r} has no legal order", None, stats)
    if bad:
        why, evidence = _evidence(bad[0], specification, rules)
        return Verdict(False, specification.name, why, evidence, stats)
    if undecided:
        why = _why_undecided(undecided, budget)
        stats["deepest"] = _deepest(undecided[0])
        return Verdict(None, specification.name, why, stats=stats)
    return Verdict(True, specification.name, stats=stats)


def _answered(history: History | Columns) -> bool:
    """Whether any operation was answered ok."""
    if isinstance(history, Columns):
        return OK in history.type
    return any(operation.type == "ok" for operation in history.operations)


def _decide(parts: list[Part], specification: Specification, rules: Reductions, budget: Budget, *, every_key: bool) -> None:
    open_parts: list[Part] = []
    for part in parts:
        if part.valid is False:
            if not every_key:
                return
        elif part.find_unsourced(specification) is not None:
            part.valid = False
            if not every_key:
                return
        else:
            open_parts.append(part)
    steps = FIRST_STEPS
    while open_parts and not budget.over():
        for part in open_parts:
            _round(part, specification, rules, steps, budget)
            if part.valid is False and not every_key:
                return
            if budget.over() or sum(p.held for p in open_parts) > budget.configurations:
                return
        open_parts = [part for part in open_parts if part.valid is None]
        steps *= GROWTH


def _round(part: Part, specification: Specification, rules: Reductions, steps: int, budget: Budget) -> None:
    """A round of the search for one object; a guess, once, and windows if it did not end."""
    search = part.search or part.begin(specification, rules)
    last = search.steps + steps
    if not part.guessed:
        part.guessed = True
        _go_on(part, search, min(GUESS_AFTER, last), budget)
        if part.valid is None:
            part.judge(specification)
        if part.valid is None and not budget.over():
            part.witnessed = witness(specification, part.operations) is not None
            part.valid = part.witnessed or None
    if part.levels is None:
        _go_on(part, search, last, budget)
    else:
        _by_turns(part, search, part.levels, last, budget)
    if part.valid:
        part.search = part.levels = None  # their memory is for the others
        return
    if part.valid is None and not budget.over() and search.depth != part.depth_tried:
        stuck = part.operations[search.stuck]
        shrinking = Shrinking(specification, rules, SHRINK_STEPS, budget.over)
        part.window = shrinking.window_around(part.operations, stuck)
        part.depth_tried = search.depth
    if part.valid is None and part.window is None and not part.swept and search.steps > SWEEP_AFTER:
        part.swept = True
        part.window = Shrinking(specification, rules, SWEEP_STEPS * len(part.operations), budget.over).sweep(part.operations)
    if part.window is not None:
        part.valid = False
    if part.valid is None and part.levels is None and not budget.over():
        part.begin_levels(specification, rules)


def _by_turns(part: Part, search: Search, levels: Search, last: int, budget: Budget) -> None:
    """Search for an undecided object in both ways, some configurations each, until the first is at `last`."""
    while _is_open(part, budget) and search.steps < last:
        _go_on(part, search, min(search.steps + _SLICE, last), budget)
        if _is_open(part, budget):
            _go_on(part, levels, levels.steps + _SLICE, budget)
            if part.valid is False:
                part.search = levels  # it knows where every order ends


def _is_open(part: Part, budget: Budget) -> bool:
    """Whether it is undecided, and there is something left to spend on it."""
    return part.valid is None and part.held <= budget.configurations and not budget.over()


def _go_on(part: Part, search: Search, last: int, budget: Budget) -> None:
    """Search for an undecided object, until so many configurations of it were expanded or the budget is spent."""
    begun = search.steps
    while part.valid is None and search.steps < last and search.held <= budget.configurations and not budget.over():
        part.valid = search.run(min(_SLICE, last - search.steps, budget.configurations))
    part.steps += search.steps - begun


def _evidence(part: Part, specification: Specification, rules: Reductions) -> tuple[str, Evidence]:
    if part.unsourced is not None:
        return explain_unsourced(specification, part.key, part.operations, part.unsourced)
    shrinking = Shrinking(specification, rules, SHRINK_STEPS)
    if part.core is not None and part.window is None:
        part.window = shrinking.broken(part.core, None, None)
        if part.window is None:
            return explain_core(specification, part.key, part.core)
    return explain(specification, part.key, part.operations, shrinking.few(part.window or _window(part, shrinking)))


def _window(part: Part, shrinking: Shrinking) -> Window:
    """Where the evidence of a part is that a search has found bad: the whole beginning if that is short, or what is near."""
    search = shrinking.honest(part.operations) or part.told(shrinking.specification, shrinking.reductions)
    stuck = part.operations[search.stuck]
    whole = shrinking.broken(part.operations, None, stuck.completed) or Window(part.operations, None, None, search)
    if len(whole.operations) <= SHORT:
        whole = shrinking.few(whole)
        if len(whole.operations) <= FEW:
            return whole
    if len(whole.operations) <= SHORT:
        return shrinking.window_around(part.operations, stuck) or whole
    return shrinking.window_around(part.operations, stuck) or shrinking.sweep(part.operations) or whole


def _why_undecided(undecided: list[Part], budget: Budget) -> str:
    spent = f"the {budget.seconds:g} s" if budget.over() else f"the {budget.configurations:,} configurations"
    keys = ", ".join(repr(part.key) for part in undecided[:4] if part.key is not None)
    more = f" and {len(undecided) - 4} more" if len(undecided) > 4 else ""
    return f"undecided when {spent} of the budget were spent" + (f": keys {keys}{more}" if keys else "")


def _deepest(part: Part) -> dict[str, Any]:
    """How far the search came: the operation that it could not get past yet."""
    if part.search is None or not part.search.returns:
        return {"key": part.key, "operations": len(part.operations)}
    stuck = part.operations[part.search.stuck]
    return {
        "key": part.key,
        "returns_passed": part.search.depth,
        "returns": part.search.returns,
        "operation": stuck.index,
        "text": f"{stuck.describe()} by process {stuck.process} at {stuck.where()}",
    }


def _stats(history: History | Columns, parts: Sequence[Part], budget: Budget, settled: int) -> dict[str, Any]:
    steps, judged, witnessed = 0, settled, 0
    for part in parts:
        steps += part.steps
        judged += part.by_algorithm
        witnessed += part.witnessed
    stats: dict[str, Any] = {
        "operations": len(history),
        "keys": len(parts) + settled,
        "configurations": steps,
        "seconds": round(time.perf_counter() - budget.started, 4),
    }
    if judged:
        stats["keys_by_algorithm"] = judged
    if witnessed:
        stats["keys_by_witness"] = witnessed
    return stats

"""Why there is no order, in words: what the object held, which operation is stuck, what was tried before it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from windtunnel.base.messages import Value
from windtunnel.checkers.problem import Problem, Reductions, call_of, prepare
from windtunnel.checkers.search import Configuration, Search
from windtunnel.checkers.shrink import Window
from windtunnel.checkers.specification import Named, Specification
from windtunnel.checkers.timeline import timeline
from windtunnel.checkers.verdict import Evidence
from windtunnel.histories import Operation, draw

LINEARIZABILITY = "linearizability"

_TRACED_STEPS = 20_000
_SHOWN_MAX = 16
"""Operations that a person can look at together."""

_DRAWING_COLUMNS = 118
_LINES_MAX = 6
_IDLE_MAX = 3


def explain(specification: Specification, key: Value, everything: Sequence[Operation], window: Window) -> tuple[str, Evidence]:
    """Why, in a sentence, and the evidence of a window without an order; `everything` is all that was done to the object."""
    search = _traced(specification, window)
    problem = search.problem
    stuck = problem.operations[search.stuck]
    story = _Story(specification, key, problem, search, stuck)
    sources = _sources(specification, everything, stuck)
    chosen = _shown(window.operations, sources or [], stuck)
    held = story.held()
    first = f"{_named(stuck)} cannot be ordered: it needs {specification.needs(call_of(stuck))}, but {story.name} held {held}"
    text = [f"  {line}" for line in draw(chosen, _DRAWING_COLUMNS)]
    text += story.order(window.since is None)
    text += story.tries()
    text += _about_sources(specification, stuck, sources, story.name)
    text += _also_pending(specification, everything, chosen, stuck)
    if window.since is not None:
        earliest = min(window.operations, key=lambda op: op.invoked)
        text.append(f"This holds whatever {story.name} was before {earliest.where_invoked()}.")
    if len(chosen) < len(window.operations):
        text.append(f"{len(window.operations) - len(chosen)} earlier operations belong to the argument and are not shown.")
    return first, Evidence(LINEARIZABILITY, key, chosen, story.last_state(), stuck, text, timeline(chosen, stuck))


def explain_unsourced(
    specification: Specification, key: Value, everything: Sequence[Operation], stuck: Operation
) -> tuple[str, Evidence]:
    """Why, in a sentence, and the evidence of an operation that found what nobody had made by then."""
    sources = _sources(specification, everything, stuck) or []
    name = specification.part_name(key)
    needed = specification.needs(call_of(stuck))
    first = f"{_named(stuck)} cannot be ordered: it needs {needed}, which nothing had made {name} by then"
    chosen = _shown([stuck], sources, stuck)
    text = [f"  {line}" for line in draw(chosen, _DRAWING_COLUMNS)]
    text += _about_sources(specification, stuck, sources, name)
    return first, Evidence(LINEARIZABILITY, key, chosen, None, stuck, text, timeline(chosen, stuck))


def explain_core(specification: Specification, key: Value, core: Sequence[Operation]) -> tuple[str, Evidence]:
    """Why, in a sentence, and the evidence of operations that contradict each other, and are too many to be searched."""
    stuck = max((op for op in core if op.type == "ok"), key=lambda op: op.completed or 0)
    chosen = _shown(core, [], stuck)
    first = (
        f"{_named(stuck)} cannot be ordered: together with {len(core) - 1} others it contradicts {specification.part_name(key)}"
    )
    text = [f"  {line}" for line in draw(chosen, _DRAWING_COLUMNS)]
    if len(chosen) < len(core):
        text.append(f"{len(core) - len(chosen)} earlier operations belong to the argument and are not shown.")
    return first, Evidence(LINEARIZABILITY, key, chosen, None, stuck, text, timeline(chosen, stuck))


def _traced(specification: Specification, window: Window) -> Search:
    """The search of the window again, with real values and with where each configuration came from; the old one if too long."""
    plain = Reductions(indistinguishable_values=False, hidden_writes=False)
    problem = prepare(specification, window.operations, plain, since=window.since, until=window.until)
    if problem is not None:
        search = Search(problem, plain, traced=True)
        if search.run(_TRACED_STEPS) is False:
            return search
    if not window.search.problem.bit_of:
        window.search.problem.place()
    return window.search


def _named(operation: Operation) -> str:
    return f"{operation.describe()} by process {operation.process} ({operation.where()})"


def _shown(operations: Sequence[Operation], sources: Sequence[Operation], stuck: Operation) -> list[Operation]:
    """What a person should see: the window's operations, the latest if there are many, and one that made the value."""
    chosen = {id(op): op for op in operations[-_SHOWN_MAX:]}
    chosen[id(stuck)] = stuck
    for source in sources[-1:]:
        chosen[id(source)] = source
    return sorted(chosen.values(), key=lambda op: op.invoked)


def _sources(specification: Specification, everything: Sequence[Operation], stuck: Operation) -> list[Operation] | None:
    """The operations that can have made what `stuck` found, the latest before it last; None if that cannot be told."""
    numbers = specification.sources(call_of(stuck), [call_of(op) for op in everything])
    if numbers is None:
        return None
    found = [everything[number] for number in numbers]
    before = [op for op in found if op.invoked < (stuck.completed or 0)]
    return before or found[:1]


def _about_sources(specification: Specification, stuck: Operation, sources: Sequence[Operation] | None, name: str) -> list[str]:
    if sources is None:
        return []
    verb, words = specification.source_words(call_of(stuck), name).split(" ", 1)
    if not sources:
        return [f"No operation of the history {verb} {words}."]
    source = sources[-1]
    if source.invoked > (stuck.completed or 0):
        when = "was invoked only after it had returned"
    elif source.completed is None or source.type != "ok":
        when = "was never answered"
    else:
        when = "had returned before it was invoked" if source.completed < stuck.invoked else "overlaps it"
    only = f"The only operation that {verb}" if len(sources) == 1 else f"The latest of {len(sources)} operations that {verb[:-1]}"
    return [f"{only} {words}, {_named(source)}, {when}."]


def _also_pending(
    specification: Specification, everything: Sequence[Operation], chosen: Sequence[Operation], stuck: Operation
) -> list[str]:
    """The updates that overlap the stuck operation and are not needed to show that it is stuck: why they do not help."""
    calls = [call_of(op) for op in everything]
    sources = specification.sources(call_of(stuck), calls)
    if sources is None:
        return []
    there = {id(op) for op in chosen}
    idle = [
        _named(op)
        for number, op in enumerate(everything)
        if number not in sources
        and id(op) not in there
        and op.invoked < (stuck.completed or 0)
        and (op.type != "ok" or (op.completed or 0) > stuck.invoked)
        and not specification.reads_only(calls[number])
    ]
    if not idle:
        return []
    more = f" and {len(idle) - _IDLE_MAX} more" if len(idle) > _IDLE_MAX else ""
    return [f"It overlaps others that do not make it so either: {', '.join(idle[:_IDLE_MAX])}{more}."]


class _Story:
    """What the deepest configurations tell."""

    def __init__(self, specification: Specification, key: Value, problem: Problem, search: Search, stuck: Operation) -> None:
        self.name = specification.part_name(key)
        self._specification = specification
        self._problem = problem
        self._search = search
        self._stuck = stuck
        deepest = search.deepest()
        self._arrived = [configuration for configuration in deepest if self._arrives(configuration)] or deepest
        self._states = _distinct(configuration[3] for configuration in self._arrived)

    def _arrives(self, configuration: Configuration) -> bool:
        """Whether nothing has been ordered since the return before: the last state that all returns so far agree with."""
        if self._search.came_from is None:
            return False
        parent = self._search.came_from.get(configuration)
        return parent is None or parent[1] == 0

    def _show(self, state: int) -> str:
        return self._specification.show(self._search.state(state))

    def held(self) -> str:
        """The last consistent states: `3`, `3 or 4`, `3, 4 or one of 5 more`."""
        shown = [self._show(state) for state in self._states]
        if len(shown) > 3:
            return f"{shown[0]}, {shown[1]} or one of {len(shown) - 2} more"
        return " or ".join([", ".join(shown[:-1]), shown[-1]]) if len(shown) > 1 else shown[0]

    def last_state(self) -> Value:
        """One of the last consistent states, as a JSON value."""
        state = self._search.state(self._states[0])
        return repr(state) if isinstance(state, Named) else state

    def order(self, whole: bool) -> list[str]:  # noqa: FBT001
        """An order that gets as far as any does, up to the operation that is stuck."""
        if self._search.came_from is None:
            return []
        configuration: Configuration | None = self._arrived[0]
        ordered: list[Operation] = []
        while configuration is not None:
            parent = self._search.came_from.get(configuration)
            if parent is None:
                break
            if parent[1]:
                ordered.append(self._moved(parent[0], configuration))
            configuration = parent[0]
        ordered.reverse()
        steps = [f"{op.describe()} ({op.where()})" for op in ordered[-_LINES_MAX:]]
        if len(ordered) > _LINES_MAX:
            steps.insert(0, "…")
        if not steps:
            return [f"Nothing had changed {self.name} by then."] if whole else []
        return [f"As far as any order goes: {', '.join(steps)}; {self.name} is then {self._show(self._arrived[0][3])}."]

    def _moved(self, before: Configuration, after: Configuration) -> Operation:
        """The operation that leads from one configuration to the next."""
        problem = self._problem
        bit = before[2] ^ after[2]
        if bit:
            return problem.operations[problem.optional_operations[bit.bit_length() - 1]]
        bit = before[1] ^ after[1]
        return problem.operations[next(number for number in self._pending(before[0]) if problem.bit_of[number] == bit)]

    def _pending(self, at: int) -> list[int]:
        """The answered operations that are pending at a return, who must return first first."""
        problem = self._problem
        end = problem.operations[problem.returning[at]].completed or 0
        return [number for number in problem.returning[at:] if problem.operations[number].invoked <= end]

    def tries(self) -> list[str]:
        """Each operation that might go before the stuck one, and why that does not help."""
        problem, search = self._problem, self._search
        _, ordered, used, state = self._arrived[0]
        count = problem.returns[search.depth][3]
        candidates = [n for n in self._pending(search.depth) if not ordered & problem.bit_of[n]]
        candidates += [n for n in problem.optional_operations[:count] if not used & problem.bit_of[n]]
        lines: list[str] = []
        for number in candidates:
            operation = problem.operations[number]
            if operation is self._stuck:
                continue
            after = search.after(state, number)
            if after < 0:
                needed = self._specification.needs(problem.classes[problem.class_of[number]])
                lines.append(f"Not first {_named(operation)}: it needs {needed} itself.")
            elif after != state:
                lines.append(f"Not first {_named(operation)}: then {self.name} is {self._show(after)}.")
        if len(lines) > _LINES_MAX:
            lines[_LINES_MAX - 1 :] = [f"Nor {len(lines) - _LINES_MAX + 1} others that were pending, in whatever order."]
        return lines


def _distinct(items: Iterable[Any]) -> list[Any]:
    return list(dict.fromkeys(items))

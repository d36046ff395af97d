"""Graphs with open choices: can each choice be made so that no cycle arises?

Source: Papadimitriou 1979 (polygraphs); Tan et al., "Cobra", 2020, and Huang et al., "PolySI", 2023, for what makes it
feasible: parts that no cycle can touch are cut off, and a choice is made at once when reachability leaves no other. The
problem is NP-complete.

Theory of operation.

1. *Cut.* A cycle lies within a strongly connected component of everything that may be chosen. A choice with an alternative
   outside of all components is made so, which may split components further.
2. *Prune.* With the transitive closure of what is known (a bit matrix), an alternative that would close a cycle is out, and
the other
   one becomes known. If both are out there is no solution, and the two cycles show it.
3. *Guess.* The known graph is put in order, the remaining choices follow that order, and that is looked at.
4. *Search.* Depth first over what is left, pruning after each decision, until the budget is spent.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from windtunnel.checkers.transactions.kernels import strong
from windtunnel.histories.transactions.columns import Column

NODES_MAX = 40_000
"""Largest component that is searched: its bit matrix takes 200 MB."""

BUDGET_S = 20.0


@dataclass(frozen=True, slots=True)
class Choice:
    """Either all edges of `one` are in the graph, or all of `other`. Edges are pairs of nodes. tag: whose choice it is."""

    one: tuple[tuple[int, int], ...]
    other: tuple[tuple[int, int], ...]
    tag: Any = None


@dataclass(slots=True)
class Outcome:
    """What came of it. solved: True, False, or None for unknown, with the reason.

    impossible: the choice of which neither alternative was left; forced: what had been chosen by then, with the number of the
    alternative.
    """

    solved: bool | None
    why: str = ""
    impossible: Choice | None = None
    forced: list[tuple[Choice, int]] = field(default_factory=list)
    searched: int = 0


class _Late(Exception):  # noqa: N818 - what it says
    """The budget is spent."""


def solve(nodes: int, source: Column, target: Column, choices: Sequence[Choice], budget_s: float | None = None) -> Outcome:
    """Whether the choices can be made so that the graph has no cycle. The known edges must have none."""
    deadline = time.perf_counter() + (BUDGET_S if budget_s is None else budget_s)
    left = list(choices)
    label: Column = np.zeros(nodes, np.int32)
    while True:
        a, b = _pairs([edge for choice in left for edge in (*choice.one, *choice.other)])
        label, _ = strong(nodes, np.concatenate([source, a]), np.concatenate([target, b]))
        kept = [c for c in left if _inside(c.one, label) and _inside(c.other, label)]
        if len(kept) == len(left):
            break
        left = kept
    if not left:
        return Outcome(solved=True)
    inside = label[source] == label[target]
    parts = _Parts(label, source[inside], target[inside])
    groups: dict[int, list[Choice]] = {}
    for choice in left:
        # An alternative may touch several components; its edges within any of them matter. Such components are solved together.
        groups.setdefault(int(label[choice.one[0][0]]), []).append(choice)
    outcome = Outcome(solved=True)
    for members in _together(groups, label):
        part = _component(parts, members, deadline)
        part.searched += outcome.searched
        if part.solved is False:
            return part
        if part.solved is None or outcome.solved is None:
            outcome = part if part.solved is None else outcome
        outcome.searched = part.searched
    return outcome


def _pairs(edges: Sequence[tuple[int, int]]) -> tuple[Column, Column]:
    found = np.asarray(edges, np.int32).reshape(-1, 2)
    return np.ascontiguousarray(found[:, 0]), np.ascontiguousarray(found[:, 1])


def _inside(edges: tuple[tuple[int, int], ...], label: Column) -> bool:
    return any(label[a] == label[b] for a, b in edges)


def _together(groups: dict[int, list[Choice]], label: Column) -> list[list[Choice]]:
    """Choices that share a component, directly or through others, as one problem each."""
    parent: dict[int, int] = {}

    def root(item: int) -> int:
        parent.setdefault(item, item)
        while parent[item] != item:
            parent[item] = parent[parent[item]]
            item = parent[item]
        return item

    for first, members in groups.items():
        for choice in members:
            for a, b in (*choice.one, *choice.other):
                if label[a] == label[b]:
                    parent[root(int(label[a]))] = root(first)
    merged: dict[int, list[Choice]] = {}
    for first, members in groups.items():
        merged.setdefault(root(first), []).extend(members)
    return list(merged.values())


class _Parts:
    """Nodes and known edges by component, so that each can be taken out without looking at all."""

    def __init__(self, label: Column, source: Column, target: Column) -> None:
        count = int(label.max()) + 1
        self.label = label
        self.place = np.zeros(len(label), np.int64)
        self._nodes = np.argsort(label, kind="stable")
        self._begin = np.searchsorted(label[self._nodes], np.arange(count + 1))
        order = np.argsort(label[source], kind="stable")
        self._source, self._target = source[order], target[order]
        self._first = np.searchsorted(label[self._source], np.arange(count + 1))

    def take(self, labels: list[int]) -> tuple[int, list[int], list[int]]:
        """(how many nodes, source, target) of some components together; `place` says where each node is then."""
        nodes = np.concatenate([self._nodes[self._begin[each] : self._begin[each + 1]] for each in labels])
        nodes.sort()
        self.place[nodes] = np.arange(len(nodes))
        source = np.concatenate([self._source[self._first[each] : self._first[each + 1]] for each in labels])
        target = np.concatenate([self._target[self._first[each] : self._first[each + 1]] for each in labels])
        return len(nodes), self.place[source].tolist(), self.place[target].tolist()


def _component(parts: _Parts, choices: list[Choice], deadline: float) -> Outcome:
    label, place = parts.label, parts.place
    labels = {int(label[a]) for choice in choices for a, b in (*choice.one, *choice.other) if label[a] == label[b]}
    count, source, target = parts.take(sorted(labels))
    if count > NODES_MAX:
        return Outcome(None, f"{count:,} transactions hang together through open orders; at most {NODES_MAX:,} are searched")
    known = _Known(count, source, target)
    compact = [
        _Open(
            tuple((int(place[a]), int(place[b])) for a, b in choice.one if label[a] == label[b]),
            tuple((int(place[a]), int(place[b])) for a, b in choice.other if label[a] == label[b]),
            choice,
        )
        for choice in choices
    ]
    outcome = Outcome(solved=True)
    try:
        outcome.solved = _search(known, compact, outcome, deadline)
    except _Late:
        return Outcome(None, "the order of versions stayed open when the budget was spent", searched=outcome.searched)
    return outcome


@dataclass(frozen=True, slots=True)
class _Open:
    one: tuple[tuple[int, int], ...]
    other: tuple[tuple[int, int], ...]
    choice: Choice


class _Known:
    """An acyclic graph with its transitive closure as bits: row v of `reach` is what v reaches, itself included."""

    __slots__ = ("count", "edges", "reach")

    def __init__(self, count: int, source: list[int], target: list[int]) -> None:
        self.count = count
        self.edges = list(zip(source, target, strict=True))
        self.reach = np.zeros((count, (count + 63) // 64), np.uint64)
        nodes = np.arange(count)
        self.reach[nodes, nodes // 64] = np.uint64(1) << (nodes % 64).astype(np.uint64)
        after: list[list[int]] = [[] for _ in range(count)]
        for a, b in self.edges:
            after[a].append(b)
        for v in reversed(self.ordered()):
            if after[v]:
                self.reach[v] |= np.bitwise_or.reduce(self.reach[after[v]], axis=0)

    def copy(self) -> _Known:
        """The same, to try something."""
        twin = _Known.__new__(_Known)
        twin.count, twin.edges, twin.reach = self.count, list(self.edges), self.reach.copy()
        return twin

    def reaches(self, a: int, b: int) -> bool:
        """Whether there is a path, of any length."""
        return bool(self.reach[a, b // 64] >> np.uint64(b % 64) & np.uint64(1))

    def closes(self, edges: tuple[tuple[int, int], ...]) -> bool:
        """Whether one of the edges would close a cycle."""
        return any(self.reaches(b, a) for a, b in edges)

    def add(self, edges: tuple[tuple[int, int], ...]) -> bool:
        """Add edges; False if together they close a cycle."""
        for a, b in edges:
            if self.reaches(b, a):
                return False
            if not self.reaches(a, b):
                above = (self.reach[:, a // 64] >> np.uint64(a % 64) & np.uint64(1)).astype(bool)
                self.reach[above] |= self.reach[b]
            self.edges.append((a, b))
        return True

    def ordered(self) -> list[int]:
        """A topological order that keeps to the numbers of nodes where it can."""
        import heapq  # noqa: PLC0415 - here only

        waits = [0] * self.count
        after: list[list[int]] = [[] for _ in range(self.count)]
        for a, b in self.edges:
            waits[b] += 1
            after[a].append(b)
        ready = [v for v in range(self.count) if not waits[v]]
        heapq.heapify(ready)
        found = []
        while ready:
            v = heapq.heappop(ready)
            found.append(v)
            for w in after[v]:
                waits[w] -= 1
                if not waits[w]:
                    heapq.heappush(ready, w)
        assert len(found) == self.count, "what is known has no cycle"
        return found


def _search(known: _Known, choices: list[_Open], outcome: Outcome, deadline: float) -> bool:
    """Prune, guess, then decide one choice after the other. Raises _Late."""
    pruned = _pruned(known, choices, outcome.forced, deadline)
    if isinstance(pruned, _Open):
        outcome.impossible = pruned.choice
        return False
    if not pruned or _guessed(known, pruned):
        return True
    trail: list[tuple[_Known, list[_Open], int]] = []
    state, left, side = known, pruned, 0
    while True:
        outcome.searched += 1
        choice = left[0]
        tried = state.copy()
        fits = tried.add(choice.one if side == 0 else choice.other)
        after = _pruned(tried, left[1:], [], deadline) if fits else choice
        if isinstance(after, list):
            if not after or _guessed(tried, after):
                return True
            trail.append((state, left, side))
            state, left, side = tried, after, 0
            continue
        while side == 1:
            if not trail:
                return False
            state, left, side = trail.pop()
        side = 1


def _pruned(known: _Known, choices: list[_Open], forced: list[tuple[Choice, int]], deadline: float) -> list[_Open] | _Open:
    """Make the choices that leave no other; the rest, or the choice that cannot be made at all. Raises _Late."""
    left, changed = choices, True
    while changed:
        changed = False
        rest = []
        for number, open_ in enumerate(left):
            if number % 256 == 0 and time.perf_counter() > deadline:
                raise _Late
            one, other = known.closes(open_.one), known.closes(open_.other)
            if one and other:
                return open_
            if not one and not other:
                rest.append(open_)
                continue
            if not known.add(open_.other if one else open_.one):
                return open_
            forced.append((open_.choice, 1 if one else 0))
            changed = True
        left = rest
    return left


def _guessed(known: _Known, choices: list[_Open]) -> bool:
    """Whether following one order of the known graph in all choices makes no cycle."""
    place = {v: number for number, v in enumerate(known.ordered())}
    edges = list(known.edges)
    for open_ in choices:
        forward = all(place[a] < place[b] for a, b in open_.one[:1])
        edges += open_.one if forward else open_.other
    source, target = _pairs(edges)
    return bool(strong(known.count, source, target)[1] == known.count)

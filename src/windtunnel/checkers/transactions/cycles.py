"""Cycles among transactions, named by the dependencies that they are made of.

Sources: Adya 1999 (G0, G1c, G-single, G2); Cerone & Gotsman, "Analysing Snapshot Isolation", 2018: a history is not of
snapshot isolation exactly if there is a cycle in which no two anti-dependencies are neighbours.

Theory of operation. One look for strongly connected components in the graph of everything decides nearly all histories: there
are none, and every level holds. Else only their insides matter, and each question is again one about components:

| anomaly | there is one exactly if |
|---|---|
| G0 | a ww edge lies within a component of ww and the orders |
| G1c | a wr edge lies within a component of ww, wr and the orders |
| G-nonadjacent | an rw edge lies within a component of the *product graph*, which has each node twice, (v, 0) and (v, 1): dependencies and orders lead from both to (w, 0), anti-dependencies from (v, 0) to (w, 1) only |
| G-single | from the end of an rw edge its beginning can be reached by ww, wr and the orders |
| G2-item | an rw edge lies within a component of everything |

The questions are put three times: without any order, with that of sessions, with that of real time (and what follows from
it). A component is named by its worst cycle, and again with an order only if that makes it worse. The cycle that is shown is
a shortest one, as far as the budget for looking goes.
"""  # noqa: E501 - a table

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from windtunnel.checkers.transactions.dependencies import REALTIME, RW, SESSION, TAIL, WR, WW, Edges
from windtunnel.checkers.transactions.kernels import path_to, reaching, strong, successors
from windtunnel.histories.transactions.columns import Column

CLASSES = ("G0", "G1c", "G-single", "G-nonadjacent", "G2-item")
TIERS = ("", "-process", "-realtime")
_NONE = len(CLASSES)

LOOKED_MAX = 20_000_000
"""Edges that may be looked at to find a shortest cycle of one name."""

REACHING_MAX = 4_000_000_000
"""Words that may be moved to tell G-single from G-nonadjacent: some seconds."""

_CHUNK = 1024
"""Anti-dependencies that are looked at before those of decided components are left out."""

_LONG = 10
"""A cycle longer than this is worth a shorter one that takes another order to see."""

_SHOWN = 3
"""Components of one name of which a cycle is worked out."""


@dataclass(frozen=True, slots=True)
class Cycle:
    """A cycle. name: of the anomaly; edges: numbers in the graph, in order, back to where it began; count: components."""

    name: str
    edges: tuple[int, ...]
    count: int


@dataclass(slots=True)
class Found:
    """Cycles of a history. undecided: names that the budget did not suffice to look for."""

    cycles: list[Cycle]
    components: int = 0
    undecided: tuple[str, ...] = ()


def acyclic(edges: Edges) -> bool:
    """Whether a graph has no cycle at all."""
    return bool(strong(edges.nodes, edges.source, edges.target)[1] == edges.nodes)


def cycles_of(edges: Edges) -> Found:
    """The cycles of a graph, by name."""
    label, count = strong(edges.nodes, edges.source, edges.target)
    if count == edges.nodes:
        return Found([])
    inside = np.flatnonzero(label[edges.source] == label[edges.target])
    nodes = np.unique(edges.source[inside])
    place = np.full(edges.nodes, -1, np.int32)
    place[nodes] = np.arange(len(nodes), dtype=np.int32)
    chosen = edges.chosen(inside)
    chosen.source, chosen.target = place[chosen.source], place[chosen.target]
    chosen.nodes, chosen.transactions = len(nodes), int(np.searchsorted(nodes, edges.transactions))
    found = Found([], len(np.unique(label[nodes])))
    worst = np.full(len(nodes), _NONE, np.int8)  # per node, of the component it was in with fewer orders
    tiers = edges.tiers()[inside]
    for tier in range(3):
        if tier and not (tiers == tier).any():
            continue
        numbers = np.flatnonzero(tiers <= tier)
        _classify(chosen.chosen(numbers), tier, worst, found, inside[numbers])
    return found


def _components(edges: Edges, mask: Column) -> tuple[Column, Column]:
    """(label per node, which of all edges are of the mask and lie within a component of it)."""
    label, _ = strong(edges.nodes, np.ascontiguousarray(edges.source[mask]), np.ascontiguousarray(edges.target[mask]))
    return label, mask & (label[edges.source] == label[edges.target])


def _classify(edges: Edges, tier: int, worst: Column, found: Found, numbers: Column) -> None:
    """Name the components of one tier, and add a cycle for each name that is worse than what was known."""
    everything = np.ones(len(edges.source), bool)
    label, inside = _components(edges, everything)
    if not inside.any():
        return
    written = edges.kind == WW
    ordered = (edges.kind == SESSION) | (edges.kind == REALTIME)
    anti = edges.kind == RW
    depends = ~anti & (edges.kind != TAIL)
    masks = [np.zeros(0, bool)] * _NONE
    masks[0] = _components(edges, (written | ordered) & inside)[1] & written
    leads = (depends | (edges.kind == TAIL)) & inside
    leading, within = _components(edges, leads)
    masks[1] = within & (edges.kind == WR)
    masks[3] = anti & _in_product(edges, inside, depends, anti)
    masks[4] = anti & inside
    name = np.full(edges.nodes, _NONE, np.int8)  # per component
    for number in (4, 3, 1, 0):
        name[label[edges.source[masks[number]]]] = number
    component = label[edges.source]
    masks[2] = _single(edges, masks[3] & (name[component] == 3), leads, leading, component, found, tier)
    name[label[edges.source[masks[2]]]] = 2
    # A component is only reported if an order made it worse than everything that it holds was without.
    before = np.full(edges.nodes, _NONE, np.int8)
    np.minimum.at(before, label, worst)
    news = np.where(name < before, name, _NONE)
    told = name.copy()
    sizes = np.bincount(label, minlength=edges.nodes)
    earliest = np.full(edges.nodes, edges.nodes, np.int64)
    np.minimum.at(earliest, label, np.arange(edges.nodes))
    for number in range(_NONE):
        components = np.flatnonzero(news == number)
        if not len(components):
            continue
        shortest: list[int] | None = None
        for component in components[np.lexsort((earliest[components], sizes[components]))][:_SHOWN].tolist():
            cycle = _shortest(edges, number, component, label, masks[number], inside, depends, written | ordered)
            if cycle is not None and (shortest is None or _length(edges, cycle) < _length(edges, shortest)):
                shortest = cycle
        assert shortest is not None, "a component of that name has such a cycle"
        found.cycles.append(Cycle(CLASSES[number] + TIERS[tier], tuple(numbers[shortest].tolist()), len(components)))
        if _length(edges, shortest) > _LONG:
            told[components] = _NONE
    np.minimum(worst, told[label], out=worst)


def doubled(edges: Edges, mask: Column, depends: Column, anti: Column) -> tuple[Column, Column, Column]:
    """The product graph of some edges: (source, target, number of the edge); node v is (v, 0), node v + nodes is (v, 1)."""
    plain, crossing, tails = (np.flatnonzero(mask & kind) for kind in (depends, anti, edges.kind == TAIL))
    nodes = np.int32(edges.nodes)
    source = [edges.source[plain], edges.source[plain] + nodes, edges.source[crossing], edges.source[tails] + nodes]
    target = [edges.target[plain], edges.target[plain], edges.target[crossing] + nodes, edges.target[tails] + nodes]
    return np.concatenate(source), np.concatenate(target), np.concatenate([plain, plain, crossing, tails])


def _in_product(edges: Edges, inside: Column, depends: Column, anti: Column) -> Column:
    """Which anti-dependencies lie within a component of the product graph."""
    source, target, number = doubled(edges, inside, depends, anti)
    label, _ = strong(2 * edges.nodes, source, target)
    kept = label[source] == label[target]
    found = np.zeros(len(edges.source), bool)
    found[number[kept]] = True
    return found & anti


def _single(
    edges: Edges, candidates: Column, leads: Column, leading: Column, component: Column, found: Found, tier: int
) -> Column:
    """Which of the candidate anti-dependencies close a cycle with dependencies alone; some of a component if there are any.

    leads: dependencies and tails; leading: components of these, in topological order; component: of each edge.
    """
    single = np.zeros(len(edges.source), bool)
    # Where dependencies make no cycle, one that is to lead back has to begin at a smaller number than it ends.
    some = np.flatnonzero(candidates & (leading[edges.target] < leading[edges.source]))
    source, target = np.ascontiguousarray(edges.source[leads]), np.ascontiguousarray(edges.target[leads])
    back = leading[edges.source[some]] - leading[edges.target[some]]
    some = some[np.argsort(-back, kind="stable")]
    moved, count = 0, int(leading.max()) + 1 if len(leading) else 0
    while len(some):
        chunk, some = some[:_CHUNK], some[_CHUNK:]
        query = np.arange(len(chunk), dtype=np.int32)
        begins, goals = np.ascontiguousarray(edges.target[chunk]), np.ascontiguousarray(edges.source[chunk])
        reached = reaching(leading, count, source, target, query, begins, goals).astype(bool)
        single[chunk[reached]] = True
        known = np.unique(component[chunk[reached]])
        some = some[~np.isin(component[some], known)]
        moved += (len(chunk) // 64 + 1) * (len(source) + count)
        if moved > REACHING_MAX and len(some):
            found.undecided = (*found.undecided, f"G-single{TIERS[tier]}")
            break
    return single


def _shortest(
    edges: Edges, number: int, component: int, label: Column, closing: Column, inside: Column, depends: Column, written: Column
) -> list[int] | None:
    """The edges of a shortest cycle of one class in a component, or None if the budget was too small for any."""
    here = inside & (label[edges.source] == component)
    closers = np.flatnonzero(closing & here)
    if number == 3:
        source, target, which = doubled(edges, here, depends, edges.kind == RW)
        shift = edges.nodes
    else:
        allowed = here & (written, depends | (edges.kind == TAIL), depends | (edges.kind == TAIL), depends, here)[number]
        which = np.flatnonzero(allowed)
        source, target, shift = edges.source[which], edges.target[which], 0
    nodes, compact = np.unique(np.concatenate([source, target]), return_inverse=True)
    source, target = np.split(compact.astype(np.int32), 2)
    starts, order = successors(len(nodes), source, target)
    weight = (nodes % max(edges.nodes, 1) < edges.transactions).astype(np.uint8)
    best: list[int] | None = None
    left = LOOKED_MAX
    for closer in closers.tolist():
        begin, goal = (int(np.searchsorted(nodes, node)) for node in (edges.target[closer] + shift, edges.source[closer]))
        goals = np.zeros(len(nodes), np.uint8)
        goals[goal] = 1
        path, looked = path_to(starts, order, source, target, weight, np.asarray([begin], np.int32), goals, left)
        left -= looked + len(nodes) // 8
        if path is not None:
            cycle = [closer, *which[path].tolist()]
            if best is None or _length(edges, cycle) < _length(edges, best):
                best = cycle
            if _length(edges, best) == 2:
                break
        if left <= 0 and best is not None:
            break
        left = max(left, len(source) + 1)
    return best


def _length(edges: Edges, cycle: list[int]) -> int:
    return int((edges.target[cycle] < edges.transactions).sum())


def through(edges: Edges, cycle: tuple[int, ...]) -> Iterator[tuple[int, int, int, int, int, int]]:
    """The edges between transactions of a cycle: (kind, source, target, micro before, micro after, basis)."""
    count = edges.transactions
    numbers = list(cycle)
    first = next(i for i, edge in enumerate(numbers) if edges.source[edge] < count)
    begun: int | None = None
    for edge in numbers[first:] + numbers[:first]:
        if begun is None:
            begun = edge
        if edges.target[edge] < count:
            kind = int(edges.kind[begun])
            kind, source, target = int(edges.kind[begun]), int(edges.source[begun]), int(edges.target[edge])
            yield kind, source, target, edges.micros(begun)[0], edges.micros(edge)[1], edges.micros(edge)[2]
            begun = None

"""Graphs and lists as arrays: the twin of `_kernels` in plain Python. Same names, same results."""

from __future__ import annotations

from typing import Any

import numpy as np


def successors(n: int, source: Any, target: Any) -> tuple[Any, Any]:  # noqa: ARG001 - one signature for both twins
    """(starts, order): the edges that leave v are order[starts[v]:starts[v + 1]], in the order in which they were given."""
    starts = np.zeros(n + 1, np.int32)
    np.cumsum(np.bincount(source, minlength=n), out=starts[1:])
    return starts, np.argsort(source, kind="stable").astype(np.int32)


def strong(n: int, source: Any, target: Any) -> tuple[Any, int]:
    """(label per node, how many): strongly connected components; every edge leads to the same or a higher label.

    Source: Pearce, "A space-efficient algorithm for finding strongly connected components", 2016, iterative.
    """
    starts_array, order = successors(n, source, target)
    starts = starts_array.tolist()
    to = np.asarray(target)[order].tolist()
    at = starts[:n]
    rank = [0] * n
    root = [True] * n
    waiting: list[int] = []
    index, component = 1, -1
    for begin in range(n):
        if rank[begin]:
            continue
        path = [begin]
        rank[begin] = index
        index += 1
        while path:
            v = path[-1]
            if at[v] < starts[v + 1]:
                w = to[at[v]]
                if not rank[w]:
                    rank[w] = index
                    index += 1
                    path.append(w)
                    continue
                at[v] += 1
                if 0 < rank[w] < rank[v]:
                    rank[v] = rank[w]
                    root[v] = False
                continue
            path.pop()
            if not root[v]:
                waiting.append(v)
                continue
            index -= 1
            while waiting and rank[waiting[-1]] >= rank[v]:
                rank[waiting.pop()] = component
                index -= 1
            rank[v] = component
            component -= 1
    count = -1 - component
    return np.asarray(rank, np.int32) + np.int32(count), count


def path_to(
    starts: Any, order: Any, source: Any, target: Any, weight: Any, begins: Any, goals: Any, limit: int
) -> tuple[list[int] | None, int]:
    """(edges, looked at): a lightest path from one of `begins` to a goal; its length is the weight of the nodes it enters.

    weight: 0 or 1 per node. A node that is both is a path of no edges. The path is None if there is none, or if more than
    `limit` edges would have to be looked at.
    """
    came: dict[int, int] = dict.fromkeys(begins.tolist(), -1)
    near = list(came)
    looked = 0
    while near:
        far: list[int] = []
        for v in near:  # grows while it is read: nodes of weight 0 belong to the same round
            if goals[v]:
                found = []
                while came[v] >= 0:
                    found.append(came[v])
                    v = int(source[came[v]])  # noqa: PLW2901
                return found[::-1], looked
            edges = order[starts[v] : starts[v + 1]]
            for e, w in zip(edges.tolist(), target[edges].tolist(), strict=True):
                if w not in came:
                    came[w] = e
                    (far if weight[w] else near).append(w)
            looked += len(edges)
            if looked > limit:
                return None, looked
        near = far
    return None, looked


def reaching(label: Any, count: int, source: Any, target: Any, query: Any, begins: Any, goal: Any) -> Any:
    """Whether each query's goal can be reached from one of its beginnings, all queries at a time.

    label, count: components of the graph as `strong` numbers them. query, begins: pairs of a query and a node it begins at,
    ordered by query. goal: a node per query.
    """
    words = [0] * count
    for number, node in zip(query.tolist(), begins.tolist(), strict=True):
        words[label[node]] |= 1 << number
    from_label = label[source]
    edges = np.argsort(from_label, kind="stable")
    for a, b in zip(from_label[edges].tolist(), label[target[edges]].tolist(), strict=True):
        words[b] |= words[a]
    return np.asarray([words[label[node]] >> number & 1 for number, node in enumerate(goal.tolist())], np.uint8)


_CHUNK = 2**20
"""Elements that are compared at once: bounds the memory for temporary arrays."""


def differing(elements: Any, begins: Any, sizes: Any, order: Any, expected: Any) -> Any:
    """Which of several stretches of `elements` differ from stretches of `order`. Numbers of stretches, rising.

    begins, sizes: of the stretches in `elements`; expected: where in `order` each should be found.
    """
    found = []
    ends = np.cumsum(sizes)
    begin = 0
    while begin < len(sizes):
        done = int(ends[begin - 1]) if begin else 0
        end = max(begin + 1, int(np.searchsorted(ends, done + _CHUNK, "right")))
        size = sizes[begin:end]
        within = np.arange(int(size.sum())) - np.repeat(np.cumsum(size) - size, size)
        differ = elements[np.repeat(begins[begin:end], size) + within] != order[np.repeat(expected[begin:end], size) + within]
        found.append(begin + np.searchsorted(np.cumsum(size), np.flatnonzero(differ), "right"))
        begin = end
    return np.unique(np.concatenate(found)) if found else np.zeros(0, np.int64)

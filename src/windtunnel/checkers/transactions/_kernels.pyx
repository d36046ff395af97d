# cython: boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""Graphs and lists as arrays, compiled. `pure_kernels` is the twin: same names, same results.

Nodes of a graph are 0..n-1, edges two int32 arrays. Nothing here checks its input.
"""

from libc.string cimport memcmp

import numpy as np


def successors(Py_ssize_t n, const int[::1] source, const int[::1] target):
    """(starts, order): the edges that leave v are order[starts[v]:starts[v + 1]], in the order in which they were given."""
    cdef Py_ssize_t m = source.shape[0], i
    starts_array = np.zeros(n + 1, np.int32)
    order_array = np.empty(m, np.int32)
    cdef int[::1] starts = starts_array, order = order_array
    cdef int[::1] place
    for i in range(m):
        starts[source[i] + 1] += 1
    for i in range(n):
        starts[i + 1] += starts[i]
    place = starts_array.copy()
    for i in range(m):
        order[place[source[i]]] = <int>i
        place[source[i]] += 1
    return starts_array, order_array


def strong(Py_ssize_t n, const int[::1] source, const int[::1] target):
    """(label per node, how many): strongly connected components; every edge leads to the same or a higher label.

    Source: Pearce, "A space-efficient algorithm for finding strongly connected components", 2016, iterative.
    """
    cdef Py_ssize_t m = source.shape[0], i
    starts_array = np.zeros(n + 2, np.int32)
    cdef int[::1] starts = starts_array
    next_array = np.empty(m, np.int32)
    cdef int[::1] to = next_array
    for i in range(m):
        starts[source[i] + 2] += 1
    for i in range(2, n + 2):
        starts[i] += starts[i - 1]
    for i in range(m):  # afterwards the edges of v are to[starts[v]:starts[v + 1]]
        to[starts[source[i] + 1]] = target[i]
        starts[source[i] + 1] += 1
    labels_array = np.zeros(n, np.int32)
    cdef int[::1] rank = labels_array
    cdef int[::1] at = starts_array[: n + 1].copy()
    cdef int[::1] path = np.empty(n + 1, np.int32)
    cdef int[::1] waiting = np.empty(n + 1, np.int32)
    cdef unsigned char[::1] root = np.ones(n + 1, np.uint8)
    cdef Py_ssize_t depth, held = 0
    cdef int index = 1, component = -1
    cdef int v, w, low
    cdef Py_ssize_t begin
    # Open nodes have ranks 1, 2, ...; finished ones the number of their component, which is negative: never the lower rank.
    for begin in range(n):
        if rank[begin] != 0:
            continue
        depth = 0
        path[0] = <int>begin
        rank[begin] = index
        index += 1
        while depth >= 0:
            v = path[depth]
            if at[v] < starts[v + 1]:
                w = to[at[v]]
                if rank[w] == 0:
                    rank[w] = index
                    index += 1
                    depth += 1
                    path[depth] = w
                    continue
                at[v] += 1
                low = rank[w]
                if low > 0 and low < rank[v]:
                    rank[v] = low
                    root[v] = 0
                continue
            depth -= 1
            if root[v]:
                index -= 1
                while held > 0 and rank[waiting[held - 1]] >= rank[v]:
                    held -= 1
                    rank[waiting[held]] = component
                    index -= 1
                rank[v] = component
                component -= 1
            else:
                waiting[held] = v
                held += 1
    # Components were numbered -1, -2, ... as they were finished, sinks first: the last one is the first in order.
    cdef int count = -1 - component
    for i in range(n):
        rank[i] = count + rank[i]
    return labels_array, count


def path_to(const int[::1] starts, const int[::1] order, const int[::1] source, const int[::1] target,
            const unsigned char[::1] weight, const int[::1] begins, const unsigned char[::1] goals, long long limit):
    """(edges, looked at): a lightest path from one of `begins` to a goal; its length is the weight of the nodes it enters.

    weight: 0 or 1 per node. A node that is both is a path of no edges. The path is None if there is none, or if more than
    `limit` edges would have to be looked at.
    """
    cdef Py_ssize_t n = starts.shape[0] - 1, i, head, near_count = 0, far_count
    cdef int[::1] came = np.full(n, -2, np.int32)
    cdef int[::1] near = np.empty(n + 1, np.int32), far = np.empty(n + 1, np.int32), swap
    cdef int v, w, e
    cdef long long looked = 0
    for i in range(begins.shape[0]):
        v = begins[i]
        if came[v] == -2:
            came[v] = -1
            near[near_count] = v
            near_count += 1
    while near_count:
        head = far_count = 0
        while head < near_count:
            v = near[head]
            head += 1
            if goals[v]:
                found = []
                while came[v] >= 0:
                    found.append(came[v])
                    v = source[came[v]]
                return found[::-1], looked
            for i in range(starts[v], starts[v + 1]):
                e = order[i]
                w = target[e]
                if came[w] != -2:
                    continue
                came[w] = e
                if weight[w]:
                    far[far_count] = w
                    far_count += 1
                else:
                    near[near_count] = w
                    near_count += 1
            looked += starts[v + 1] - starts[v]
            if looked > limit:
                return None, looked
        swap = near
        near = far
        far = swap
        near_count = far_count
    return None, looked


def reaching(const int[::1] label, int count, const int[::1] source, const int[::1] target, const int[::1] query,
             const int[::1] begins, const int[::1] goal):
    """Whether each query's goal can be reached from one of its beginnings, 64 queries at a time.

    label, count: components of the graph as `strong` numbers them. query, begins: pairs of a query and a node it begins at,
    ordered by query. goal: a node per query.
    """
    cdef Py_ssize_t queries = goal.shape[0], first, last, at = 0, i, m = source.shape[0]
    found_array = np.zeros(queries, np.uint8)
    cdef unsigned char[::1] found = found_array
    cdef int[::1] edges = np.argsort(np.asarray(label)[np.asarray(source)], kind="stable").astype(np.int32)
    cdef unsigned long long[::1] word = np.zeros(count, np.uint64)
    cdef int e
    for first in range(0, queries, 64):
        last = min(first + 64, queries)
        for i in range(count):
            word[i] = 0
        while at < query.shape[0] and query[at] < last:
            word[label[begins[at]]] |= (<unsigned long long>1) << (query[at] - first)
            at += 1
        for i in range(m):  # by label of the source: what flows into a component has done so before it flows on
            e = edges[i]
            word[label[target[e]]] |= word[label[source[e]]]
        for i in range(first, last):
            found[i] = (word[label[goal[i]]] >> (i - first)) & 1
    return found_array


def differing(const long long[::1] elements, const long long[::1] begins, const long long[::1] sizes, const long long[::1] order,
              const long long[::1] expected):
    """Which of several stretches of `elements` differ from stretches of `order`. Numbers of stretches, rising.

    begins, sizes: of the stretches in `elements`; expected: where in `order` each should be found.
    """
    cdef Py_ssize_t i
    found = []
    for i in range(begins.shape[0]):
        if sizes[i] and memcmp(&elements[begins[i]], &order[expected[i]], sizes[i] * sizeof(long long)) != 0:
            found.append(i)
    return np.asarray(found, np.int64)

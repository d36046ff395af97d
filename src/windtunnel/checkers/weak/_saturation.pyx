# cython: boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""Saturation of the view of a session, compiled. `pure_saturation` is the twin: same names, same results, in the same order.

Nothing here checks its input.
"""

from libc.stdlib cimport free, malloc, realloc

DEF NONE = -1


cdef class Saturation:
    """See the twin."""

    cdef const int[::1] place, session, key, source
    cdef Py_ssize_t n, keys, edges, edge_room
    cdef int *deadline
    cdef int *head      # of a node: its first added predecessor, as the number of an edge
    cdef int *tail
    cdef int *count
    cdef int *stack
    cdef int *waiting
    cdef int *shown     # of a write: what the last read that put it before something shows
    cdef int *begin     # of a key: where its reads begin in `reads`
    cdef int *end
    cdef int *reads     # the reads of the view, key by key, in order
    cdef int *edge_write
    cdef int *edge_source
    cdef int *edge_read
    cdef int *edge_next
    cdef Py_ssize_t stacked, waits, stack_room, wait_room
    cdef bint causal
    cdef int mine

    def __cinit__(self, const int[::1] place, const int[::1] session, const int[::1] key, const int[::1] source, Py_ssize_t keys):
        self.place, self.session, self.key, self.source = place, session, key, source
        self.n, self.keys = place.shape[0], keys
        cdef Py_ssize_t n = max(self.n, 1)
        self.deadline = <int *>malloc(n * sizeof(int))
        self.head = <int *>malloc(n * sizeof(int))
        self.tail = <int *>malloc(n * sizeof(int))
        self.count = <int *>malloc(n * sizeof(int))
        self.shown = <int *>malloc(n * sizeof(int))
        self.reads = <int *>malloc(n * sizeof(int))
        self.begin = <int *>malloc((keys + 1) * sizeof(int))
        self.end = <int *>malloc((keys + 1) * sizeof(int))
        self.stack_room = self.wait_room = self.edge_room = 1024
        self.stack = <int *>malloc(self.stack_room * sizeof(int))
        self.waiting = <int *>malloc(self.wait_room * sizeof(int))
        self.edge_write = <int *>malloc(self.edge_room * sizeof(int))
        self.edge_source = <int *>malloc(self.edge_room * sizeof(int))
        self.edge_read = <int *>malloc(self.edge_room * sizeof(int))
        self.edge_next = <int *>malloc(self.edge_room * sizeof(int))
        if not (self.deadline and self.head and self.tail and self.count and self.shown and self.reads and self.begin
                and self.end and self.stack and self.waiting and self.edge_write and self.edge_source and self.edge_read and self.edge_next):
            raise MemoryError

    def __dealloc__(self):
        free(self.deadline); free(self.head); free(self.tail); free(self.count); free(self.shown); free(self.reads)
        free(self.begin); free(self.end); free(self.stack); free(self.waiting)
        free(self.edge_write); free(self.edge_source); free(self.edge_read); free(self.edge_next)

    def view(self, int session, int start, int size, bint causal):
        """See the twin."""
        cdef Py_ssize_t i
        cdef int node, at, write, read, low, high, middle
        for i in range(self.n):
            self.deadline[i] = self.head[i] = self.shown[i] = NONE
        for i in range(self.keys + 1):
            self.begin[i] = 0
        self.edges = self.waits = 0
        self.mine, self.causal = session, causal
        for node in range(start, start + size):
            if self.source[node] != node:
                self.begin[self.key[node] + 1] += 1
        for i in range(self.keys):
            self.begin[i + 1] += self.begin[i]
            self.end[i] = self.begin[i]
        for node in range(start, start + size):
            if self.source[node] == node:
                continue
            at = self.key[node]
            if self.end[at] > self.begin[at]:
                write = self.source[self.reads[self.end[at] - 1]]
                if write != NONE and write != self.source[node]:
                    if self.source[node] == NONE:
                        return (write, node), self._added(), False
                    self._add(write, self.source[node], node)
            self.reads[self.end[at]] = node
            self.end[at] += 1
        for node in range(start, start + size):
            self._lower(node, node - start)
        while self.waits:
            self.waits -= 1
            write = self.waiting[self.waits]
            at = self.key[write]
            low, high = self.begin[at], self.end[at]
            while low < high:
                middle = (low + high) // 2
                if self.reads[middle] - start < self.deadline[write]:
                    low = middle + 1
                else:
                    high = middle
            if low == self.end[at]:
                continue
            read = self.reads[low]
            if self.source[read] == write:
                continue
            if self.source[read] == NONE:
                return (write, read), self._added(), False
            self._add(write, self.source[read], read)
        return None, self._added(), self._circles()

    cdef object _added(self):
        cdef Py_ssize_t i
        return [(self.edge_write[i], self.edge_source[i], self.edge_read[i]) for i in range(self.edges)]

    cdef int _add(self, int write, int source, int read) except -1:
        cdef int edge
        if self.shown[write] == source:
            return 0
        self.shown[write] = source
        if self.edges == self.edge_room:
            self.edge_room *= 2
            self.edge_write = <int *>realloc(self.edge_write, self.edge_room * sizeof(int))
            self.edge_source = <int *>realloc(self.edge_source, self.edge_room * sizeof(int))
            self.edge_read = <int *>realloc(self.edge_read, self.edge_room * sizeof(int))
            self.edge_next = <int *>realloc(self.edge_next, self.edge_room * sizeof(int))
            if not (self.edge_write and self.edge_source and self.edge_read and self.edge_next):
                raise MemoryError
        edge = <int>self.edges
        self.edges += 1
        self.edge_write[edge], self.edge_source[edge], self.edge_read[edge] = write, source, read
        self.edge_next[edge] = NONE
        if self.head[source] == NONE:
            self.head[source] = edge
        else:
            self.edge_next[self.tail[source]] = edge
        self.tail[source] = edge
        if self.deadline[source] != NONE:
            self._lower(write, self.deadline[source])
        return 0

    cdef int _push(self, int node) except -1:
        if self.stacked == self.stack_room:
            self.stack_room *= 2
            self.stack = <int *>realloc(self.stack, self.stack_room * sizeof(int))
            if not self.stack:
                raise MemoryError
        self.stack[self.stacked] = node
        self.stacked += 1
        return 0

    cdef int _predecessors(self, int node, int *found) noexcept:
        """The given predecessors of a node, at most two, rising."""
        cdef int many = 0, source = self.source[node]
        cdef bint shows = source != NONE and source != node and (self.causal or self.session[node] == self.mine)
        if shows and source < node - 1:
            found[many] = source
            many += 1
        if self.place[node]:
            found[many] = node - 1
            many += 1
        if shows and source >= node - 1:
            found[many] = source
            many += 1
        return many

    cdef int _lower(self, int node, int deadline) except -1:
        cdef int found[2]
        cdef int i, many, edge
        self.stacked = 0
        self._push(node)
        while self.stacked:
            self.stacked -= 1
            node = self.stack[self.stacked]
            if self.deadline[node] != NONE and self.deadline[node] <= deadline:
                continue
            self.deadline[node] = deadline
            if self.source[node] == node:
                if self.waits == self.wait_room:
                    self.wait_room *= 2
                    self.waiting = <int *>realloc(self.waiting, self.wait_room * sizeof(int))
                    if not self.waiting:
                        raise MemoryError
                self.waiting[self.waits] = node
                self.waits += 1
            many = self._predecessors(node, found)
            for i in range(many):
                self._push(found[i])
            edge = self.head[node]
            while edge != NONE:
                self._push(self.edge_write[edge])
                edge = self.edge_next[edge]
        return 0

    cdef bint _circles(self) except -1:
        """Whether a cycle is left among nodes of one deadline: nodes without successors are peeled off until none is left."""
        cdef Py_ssize_t i
        cdef int found[2]
        cdef int j, many, edge, node, before
        cdef Py_ssize_t left = 0
        for i in range(self.n):
            self.count[i] = 0
        for i in range(self.n):
            if self.deadline[i] == NONE:
                continue
            left += 1
            many = self._predecessors(<int>i, found)
            for j in range(many):
                if self.deadline[found[j]] == self.deadline[i]:
                    self.count[found[j]] += 1
            edge = self.head[i]
            while edge != NONE:
                if self.deadline[self.edge_write[edge]] == self.deadline[i]:
                    self.count[self.edge_write[edge]] += 1
                edge = self.edge_next[edge]
        self.stacked = 0
        for i in range(self.n):
            if self.deadline[i] != NONE and self.count[i] == 0:
                self._push(<int>i)
        while self.stacked:
            self.stacked -= 1
            node = self.stack[self.stacked]
            left -= 1
            many = self._predecessors(node, found)
            for j in range(many):
                before = found[j]
                if self.deadline[before] == self.deadline[node]:
                    self.count[before] -= 1
                    if self.count[before] == 0:
                        self._push(before)
            edge = self.head[node]
            while edge != NONE:
                before = self.edge_write[edge]
                if self.deadline[before] == self.deadline[node]:
                    self.count[before] -= 1
                    if self.count[before] == 0:
                        self._push(before)
                edge = self.edge_next[edge]
        return left > 0

"""The native half of `layout`: the next small objects come from pools whose free blocks lie in ascending order."""

from libc.stdint cimport uintptr_t

cdef extern from "Python.h":
    void *PyObject_Malloc(size_t size)
    void PyObject_Free(void *block)

cdef enum:
    POOL = 1 << 14
    HEADER = 48
    LARGEST = 512
    SMALL = 128
    DEPTH = 4  # pools that are made ready of a class up to SMALL; of others one
    TRIES = 100000


def settle(bint shuffled):
    """Make pools ready in every size class, `shuffled` or in order. False on an allocator without pools.

    The blocks that had been free elsewhere are taken and never given back: this is for a process that soon ends.
    """
    cdef size_t size
    for size in range(16, LARGEST + 1, 16):
        if not ready(size, DEPTH if size <= SMALL else 1, shuffled):
            return False
    return True


cdef bint ready(size_t size, int depth, bint shuffled):
    """Take blocks until `depth` whole pools are ours; free them so that they are handed out in order, or in another fixed one."""
    cdef uintptr_t pools[DEPTH]
    cdef uintptr_t block, base = 0
    cdef int capacity = (POOL - HEADER) // <int>size
    cdef int count = 0, owned = 0, tries = 0, i, j, p
    cdef int step = coprime(capacity - 1)
    while owned < depth:
        block = <uintptr_t>PyObject_Malloc(size)
        tries += 1
        if block == 0 or tries > TRIES:
            return False
        if block & ~<uintptr_t>(POOL - 1) != base:
            base = block & ~<uintptr_t>(POOL - 1)
            count = 0
        count += 1
        if count == capacity:
            pools[owned] = base
            owned += 1
    for p in range(depth - 1, -1, -1):
        # The first block stays taken, so that the pool stays one of this class.
        for i in range(capacity - 1, 0, -1):
            j = 1 + (i * step) % (capacity - 1) if shuffled else i
            PyObject_Free(<void *>(pools[p] + HEADER + <uintptr_t>j * size))
    return True


cdef int coprime(int n):
    """A stride that visits all of n places and keeps no two neighbours together."""
    cdef int step = n * 5 // 13 + 2, a, b
    while True:
        a, b = n, step
        while b:
            a, b = b, a % b
        if a == 1:
            return step
        step += 1

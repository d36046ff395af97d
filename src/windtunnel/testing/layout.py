"""Where new objects lie in memory: the same for a seed today, tomorrow, alone or as the hundredth of a campaign.

Sets of objects without a `__hash__` of their own are ordered by addresses, and asyncio itself iterates such sets: the tasks of
a group, the protocols of a server. Fixed address spaces are not enough, for what a process did before decides which free
blocks it hands out next.

Theory of operation. CPython's allocator takes a block of a size class from a pool (16 KiB, aligned) that has free ones, and begins
a new pool when none has. `settle` allocates, in each class, until a block comes from the beginning of a new pool. From then on
the low 14 bits of the addresses of small objects depend on what is allocated now and no longer on what was freed before, and
these bits decide the order of every set of up to some hundred objects. It takes about a millisecond. `shifted` leaves a few
more blocks out, so that everything comes to lie elsewhere: a run that is then different depends on addresses.

On an interpreter with another allocator (`PYTHONMALLOC`, free threading) this does nothing.
"""

from __future__ import annotations

import sys
import sysconfig

POOL = 1 << 14
HEADER = 48
_CLASSES = range(16, 513, 16)
_TRIES = 5000  # blocks of one class; more than that is no allocator we know
_BYTES_OVERHEAD = 33  # of an object of type bytes

_kept: list[object] = []
_pools = sys.implementation.name == "cpython" and not sysconfig.get_config_var("Py_GIL_DISABLED")


def settle(*, shifted: bool = False) -> None:
    """Let the next small objects lie where they always do, or, if `shifted`, where they never do."""
    if not _pools:
        return
    for size in _CLASSES:
        for _ in range(_TRIES):
            block = _block(size)
            _kept.append(block)
            if id(block) % POOL == HEADER:
                break
        else:
            return
    if shifted:
        for size in _CLASSES:
            _kept.extend([_block(size) for _ in range(3 + size // 16 % 5)])


def _block(size: int) -> object:
    """A new object that takes one block of that size class."""
    if size == 16:
        return object()
    if size == 32:
        return int("9" * 12)  # two digits, which no table of small numbers holds
    return b"x" * (size - _BYTES_OVERHEAD)

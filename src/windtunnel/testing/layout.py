"""Where new objects lie in memory: the same for a seed today, tomorrow, alone or as the hundredth of a campaign.

Sets of objects without a `__hash__` of their own are ordered by addresses, and asyncio itself iterates such sets: the tasks of
a group, the protocols of a server. Fixed address spaces are not enough, for what a process did before decides which free
blocks it hands out next.

Theory of operation. CPython's allocator takes a block of a size class from a pool (16 KiB, aligned) that has free ones, and
begins a pool when none has; a pool that was used before hands its blocks out in the reverse order of their return. `settle`
takes, in each class, all free blocks there are until whole pools are its own, and gives these back so that they will be handed
out in ascending order. From then on the low 14 bits of the addresses of small objects depend on what is allocated now and no
longer on what was freed before, and these bits decide the order of every set of up to some hundred objects. `shuffled` gives the
blocks back in another order, so that everything lies elsewhere: a run that is then different depends on addresses.

Without the compiled part, pools that were used before are not put in order, only passed over as far as they can be told. On an
interpreter with another allocator (`PYTHONMALLOC`, free threading) this does nothing.
"""

from __future__ import annotations

import importlib
import sys
import sysconfig
from collections.abc import Callable

_native: Callable[[bool], bool] | None
try:
    _native = importlib.import_module("windtunnel.testing._heap").settle
except ImportError:
    _native = None

POOL = 1 << 14
HEADER = 48
LITTER = 200  # blocks of a class that the twin shuffles
_CLASSES = range(16, 513, 16)
_TRIES = 5000  # blocks of one class; more than that is no allocator we know
_BYTES_OVERHEAD = 33  # of an object of type bytes

_kept: list[object] = []
_pools = sys.implementation.name == "cpython" and not sysconfig.get_config_var("Py_GIL_DISABLED")


def settle(*, shuffled: bool = False) -> None:
    """Let the next small objects lie where they always do, or, if `shuffled`, where they never do."""
    if not _pools:
        return
    if _native is None:
        pure_settle(shuffled)
    else:
        _native(shuffled)


def pure_settle(shuffled: bool) -> bool:  # noqa: FBT001 - as the compiled one
    """The twin of the compiled `settle`: to the beginning of a pool in each class."""
    for size in _CLASSES:
        for _ in range(_TRIES):
            block = _block(size)
            _kept.append(block)
            if id(block) % POOL == HEADER:
                break
        else:
            return False
    for size in _CLASSES if shuffled else ():
        litter: list[object] = [_block(size) for _ in range(LITTER)]
        for i in range(LITTER):
            litter[77 * i % LITTER] = None
    return True


def _block(size: int) -> object:
    """A new object that takes one block of that size class."""
    if size == 16:
        return object()
    if size == 32:
        return int("9" * 12)  # two digits, which no table of small numbers holds
    return b"x" * (size - _BYTES_OVERHEAD)

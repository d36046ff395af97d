"""Which key an operation is about: uniform, or Zipf by an inverse table."""

from __future__ import annotations

from array import array
from bisect import bisect_right
from collections.abc import Callable
from itertools import accumulate

from windtunnel.base.errors import UsageError
from windtunnel.traffic.arrivals import Dice

KEYS_MAX = 1_000_000
"""A table entry takes 8 bytes and a name 50: a million keys are 60 MB, more is a mistake of the caller."""

Chooser = Callable[[Dice], int]
"""Draws the index of a key; always exactly one draw, so that a stream does not depend on the distribution."""


def uniform(keys: int) -> Chooser:
    """Every one of `keys` keys equally often."""
    _check(keys)

    def choose(dice: Dice) -> int:
        return int(dice.random() * keys)

    return choose


def zipf(keys: int, exponent: float) -> Chooser:
    """Key i (from 0) with a probability proportional to 1 / (i + 1) ** exponent.

    Inversion of the cumulative table by bisection: exact, one draw, no rejection, so that draws stay aligned. YCSB's "zipfian" is
    exponent 0.99; 0 is uniform. Raises UsageError for a negative or endless exponent.
    """
    _check(keys)
    if not 0.0 <= exponent < float("inf"):
        raise UsageError(f"a Zipf exponent is a number of at least 0, such as 0.99; got {exponent}")
    table = array("d", accumulate(rank**-exponent for rank in range(1, keys + 1)))
    total = table[-1]
    last = keys - 1

    def choose(dice: Dice) -> int:
        # Rounding may put the product on the total itself; the last key is then meant.
        return min(bisect_right(table, dice.random() * total), last)

    return choose


def chooser(keys: int, exponent: float | None) -> Chooser:
    """`zipf` when an exponent is given, else `uniform`."""
    return uniform(keys) if exponent is None else zipf(keys, exponent)


def _check(keys: int) -> None:
    if not 1 <= keys <= KEYS_MAX:
        raise UsageError(f"the number of keys is between 1 and {KEYS_MAX}; got {keys}")

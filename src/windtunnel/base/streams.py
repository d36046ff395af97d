"""Separate streams of randomness, one per concern, all from one seed.

A change in one concern (say, one more draw of the network) must not reshuffle the others, or seeds would mean nothing
from one version to the next. Each stream is xoshiro256++ (Blackman & Vigna, "Scrambled linear pseudorandom number
generators", 2021): 32 bytes of state against the 2.5 kB of `random.Random`, and the same few lines in C. The compiled
kernel has the same generator; both give the same draws.
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import MutableSequence, Sequence
from math import log
from typing import TypeVar

T = TypeVar("T")
_MASK = (1 << 64) - 1
_TO_UNIT = 1.0 / (1 << 53)


def stream_state(seed: int, name: str) -> tuple[int, int, int, int]:
    """The 256-bit start state of the stream `name` under `seed`: blake2b, so that near seeds share nothing."""
    digest = hashlib.blake2b(f"{seed}/{name}".encode(), digest_size=32).digest()
    a, b, c, d = (int.from_bytes(digest[i : i + 8], "little") for i in (0, 8, 16, 24))
    return (a, b, c, d) if a | b | c | d else (1, 2, 3, 4)


def busy_stream(seed: int, name: str) -> random.Random:
    """The stream `name` for a concern that draws for every message or every step: the network, the schedule.

    CPython's own Mersenne Twister (Matsumoto & Nishimura 1998; `random()` of a seeded instance never changes between
    versions), because a draw costs 25 ns where xoshiro256++ written in Python costs 700 ns, which is more than all else a
    simulated message costs. Its 2.5 kB of state do not matter for a stream or two per run; every other concern takes a
    `Stream`.
    """
    a, b, c, d = stream_state(seed, name)
    return random.Random(a | b << 64 | c << 128 | d << 192)


class Stream:
    """A seeded stream. `random()` is the only primitive; all else is derived from it, in the same order everywhere."""

    __slots__ = ("_s0", "_s1", "_s2", "_s3")

    def __init__(self, seed: int, name: str) -> None:
        self._s0, self._s1, self._s2, self._s3 = stream_state(seed, name)

    def random(self) -> float:
        """Uniform in [0, 1), 53 bits."""
        s0, s1, s2, s3 = self._s0, self._s1, self._s2, self._s3
        total = (s0 + s3) & _MASK
        result = (((total << 23) | (total >> 41)) + s0) & _MASK
        s2 ^= s0
        s3 ^= s1
        self._s1 = s1 ^ s2
        self._s0 = s0 ^ s3
        self._s2 = s2 ^ ((s1 << 17) & _MASK)
        self._s3 = ((s3 << 45) | (s3 >> 19)) & _MASK
        return (result >> 11) * _TO_UNIT

    def uniform(self, low: float, high: float) -> float:
        """Uniform in [low, high)."""
        return low + (high - low) * self.random()

    def exponential(self, mean: float) -> float:
        """Exponential with that mean, by inversion."""
        return -mean * log(1.0 - self.random())

    def below(self, n: int) -> int:
        """Uniform in 0 .. n-1. The bias, below n / 2**53, does not matter here."""
        return int(self.random() * n)

    def chance(self, probability: float) -> bool:
        """True with that probability; always draws, so that the stream does not depend on the parameter."""
        return self.random() < probability

    def choice(self, items: Sequence[T]) -> T:
        """One of `items`, which must be ordered: never a set."""
        return items[int(self.random() * len(items))]

    def shuffle(self, items: MutableSequence[T]) -> None:
        """In place (Fisher and Yates)."""
        for i in range(len(items) - 1, 0, -1):
            j = int(self.random() * (i + 1))
            items[i], items[j] = items[j], items[i]

    def sample(self, items: Sequence[T], k: int) -> list[T]:
        """`k` different items, in drawn order."""
        pool = list(items)
        self.shuffle(pool)
        return pool[:k]

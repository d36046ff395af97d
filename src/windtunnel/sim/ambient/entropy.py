"""Where a host's randomness comes from: everything that Python code calls random, secret or unique, from the seed of the run.

Source of the construction: an extendable-output function over (key, purpose, counter); SHAKE-256, FIPS 202. It needs 32 bytes of
state where a Mersenne Twister needs 2.5 kB, gives any number of bytes per call, and its purposes cannot disturb each other.
"""

from __future__ import annotations

import random
from hashlib import shake_256
from typing import Any

from windtunnel.base.streams import stream_state

WORK_S = (0.00005, 0.001)  # until a pool's thread runs what it was given: a wake-up, or a queue in front of it
_TO_UNIT = 1.0 / (1 << 53)


class Entropy:
    """The entropy of `host` in the run of its kernel's seed; the stream is `entropy/<name>`. Small until it is used."""

    __slots__ = ("_asked", "_generator", "_host", "_key", "_life", "_works")

    def __init__(self, host: Any) -> None:
        self._host = host
        self._key: bytes | None = None
        self._generator: random.Random | None = None
        self._life = -1  # of the host, that the generator belongs to
        self._asked = self._works = 0

    @property
    def random(self) -> random.Random:
        """The generator behind the functions of the `random` module, of this life of the host."""
        life = self._host.port.incarnation
        if self._generator is None or self._life != life:
            self._life = life
            self._generator = random.Random(int.from_bytes(self._bytes(b"random", life, 32), "little"))
        return self._generator

    def urandom(self, count: int) -> bytes:
        """As `os.urandom`: `count` bytes that nobody has seen before. Raises ValueError for a negative count."""
        if count < 0:
            raise ValueError("negative argument not allowed")
        self._asked += 1
        return self._bytes(b"bytes", self._asked, count)

    def seed128(self) -> int:
        """128 bits for a generator that is to be seeded."""
        return int.from_bytes(self.urandom(16), "little")

    def work_s(self) -> float:
        """Seconds until a piece of work that was given to a thread runs."""
        self._works += 1
        low, high = WORK_S
        return low + (high - low) * ((int.from_bytes(self._bytes(b"work", self._works, 8), "little") >> 11) * _TO_UNIT)

    def _bytes(self, purpose: bytes, at: int, count: int) -> bytes:
        if self._key is None:
            words = stream_state(self._host.loop.kernel.seed, f"entropy/{self._host.name}")
            self._key = b"".join(word.to_bytes(8, "little") for word in words)
        return shake_256(self._key + purpose + at.to_bytes(8, "little")).digest(count)

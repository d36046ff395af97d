"""Staleness of reads from N replicas with read quorum R and write quorum W.

Source: Bailis, Venkataraman, Franklin, Hellerstein, Stoica, "Probabilistically bounded staleness for practical partial quorums",
VLDB 2012: the WARS model (delays of Write, Acknowledgement, Read, reSponse) and its closed form without propagation.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from math import comb

from windtunnel.base.streams import busy_stream


def miss(replicas: int, reads: int, writes: int) -> float:
    """Chance that a read quorum misses the last write quorum when nothing spreads further: C(N-W, R) / C(N, R)."""
    return comb(replicas - writes, reads) / comb(replicas, reads)


@dataclass(frozen=True, slots=True)
class Drawn:
    """One draw per trial, each list sorted. fresh_after_s: how long after the acknowledged write a read must start to see it."""

    fresh_after_s: list[float]
    write_s: list[float]
    read_s: list[float]

    def stale(self, after_s: float) -> float:
        """Share of reads that start `after_s` after the acknowledgement and do not see the write."""
        return 1.0 - bisect_right(self.fresh_after_s, after_s) / len(self.fresh_after_s)


def draw(replicas: int, reads: int, writes: int, delays_s: tuple[float, float, float, float], *, trials: int, seed: int) -> Drawn:
    """WARS by Monte Carlo. delays_s: means of the exponential delays W, A, R, S."""
    import numpy as np  # noqa: PLC0415 - the catalogue is listed without it

    random = busy_stream(seed, "wars").random
    count = trials * replicas
    uniform = np.fromiter((random() for _ in range(4 * count)), np.float64, 4 * count).reshape(4, trials, replicas)
    arrived, acks, asked, responses = (-mean * np.log1p(-part) for mean, part in zip(delays_s, uniform, strict=True))
    acknowledged = np.sort(arrived + acks, axis=1)[:, writes - 1]
    answered = asked + responses
    first = np.argsort(answered, axis=1)[:, :reads]  # the replicas whose answers the read takes
    needed = np.take_along_axis(arrived - asked, first, axis=1).min(axis=1) - acknowledged
    read = np.sort(answered, axis=1)[:, reads - 1]
    fresh = np.maximum(needed, 0.0)
    return Drawn(np.sort(fresh).tolist(), np.sort(acknowledged).tolist(), np.sort(read).tolist())

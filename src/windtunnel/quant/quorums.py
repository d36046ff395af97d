"""Staleness of reads from N replicas with read quorum R and write quorum W.

Source: Bailis, Venkataraman, Franklin, Hellerstein, Stoica, "Probabilistically bounded staleness for practical partial quorums",
VLDB 2012: the WARS model (delays of Write, Acknowledgement, Read, reSponse) and its closed form without propagation.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import comb, log

from windtunnel.base.streams import busy_stream


def miss(replicas: int, reads: int, writes: int) -> float:
    """Chance that a read quorum misses the last write quorum when nothing spreads further: C(N-W, R) / C(N, R)."""
    return comb(replicas - writes, reads) / comb(replicas, reads)


@dataclass(frozen=True, slots=True)
class Drawn:
    """One draw per trial, sorted. fresh_after_s: how long after the acknowledged write a read must start to see it."""

    fresh_after_s: list[float]
    write_s: list[float]
    read_s: list[float]

    def stale(self, after_s: float) -> float:
        """Share of reads that start `after_s` after the acknowledgement and do not see the write."""
        return sum(t > after_s for t in self.fresh_after_s) / len(self.fresh_after_s)


def draw(replicas: int, reads: int, writes: int, delays_s: tuple[float, float, float, float], *, trials: int, seed: int) -> Drawn:
    """WARS by Monte Carlo. delays_s: means of the exponential delays W, A, R, S."""
    random = busy_stream(seed, "wars").random
    write_mean, ack_mean, read_mean, response_mean = delays_s
    fresh, wrote, read = [], [], []
    for _ in range(trials):
        arrived = [_exponential(write_mean, random) for _ in range(replicas)]
        acknowledged = sorted(w + _exponential(ack_mean, random) for w in arrived)[writes - 1]
        answers = []
        for w in arrived:
            r = _exponential(read_mean, random)
            answers.append((r + _exponential(response_mean, random), w - acknowledged - r))
        answers.sort()
        fresh.append(max(0.0, min(needed for _answered, needed in answers[:reads])))
        wrote.append(acknowledged)
        read.append(answers[reads - 1][0])
    return Drawn(sorted(fresh), sorted(wrote), sorted(read))


def _exponential(mean: float, random: Callable[[], float]) -> float:
    return -mean * log(1.0 - random())

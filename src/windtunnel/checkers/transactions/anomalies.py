"""Anomalies: what was found, by its name in the literature, with the transactions that show it."""

from __future__ import annotations

from dataclasses import dataclass

MEANINGS = {
    "G0": "write cycle: transactions overwrote each other in both orders (Adya)",
    "G1a": "aborted read: a transaction saw what a failed one had written (Adya)",
    "G1b": "intermediate read: a transaction saw what another overwrote itself before it committed (Adya)",
    "G1c": "circular information flow: each saw or overwrote what the other did (Adya)",
    "G-single": "read skew: a transaction saw a part of what another did; a cycle with one anti-dependency (Adya, PL-2+)",
    "G-nonadjacent": "a cycle in which no two anti-dependencies follow each other: no snapshots explain it (Cerone & Gotsman)",
    "G2-item": "write skew or worse: a cycle with anti-dependencies that follow each other; no serial order explains it (Adya)",
    "G2": "anti-dependency cycle over a predicate: phantoms (Adya)",
    "lost-update": "several transactions read the same version and wrote the next one (Berenson et al.)",
    "dirty-update": "a committed write builds on one that failed (Kingsbury & Alvaro)",
    "internal": "a transaction contradicts what it read or wrote itself before (INT of Cerone et al.)",
    "future-read": "a transaction read what it wrote only later",
    "garbage-read": "a transaction read what nobody had written (Kingsbury & Alvaro)",
    "duplicate-elements": "one append shows more than once",
    "reordered-writes": "the writes of one transaction to a key took effect in another order than it made them",
    "incompatible-order": "two reads that no one order of appends explains",
    "cyclic-versions": "the versions of a key cannot be ordered",
    "predicate-read-miss": "a read of everything missed what was there",
    "long-fork": "two transactions saw two writes in opposite orders (Sovran et al.)",
    "causal-reverse": "a transaction saw a write and not one that had been completed before it began",
    "no-serial-order": "every possible order of the versions leads to a cycle",
    "no-snapshot-order": "every possible order of the versions leads to a cycle without neighbouring anti-dependencies",
}
"""What each name means; the suffixes -process and -realtime say that session or real time order is part of it."""

_ORDERS = {"-process": "; it takes the order of a session to see it", "-realtime": "; it takes the order of real time to see it"}


def meaning(name: str) -> str:
    """What an anomaly's name means, in a clause."""
    for suffix, order in _ORDERS.items():
        if name.endswith(suffix):
            return MEANINGS[name.removesuffix(suffix)] + order
    return MEANINGS[name]


@dataclass(frozen=True, slots=True)
class Step:
    """One edge of a cycle. kind: ww, wr, rw, session or real time; source, target: numbers of transactions; words: why."""

    kind: str
    source: int
    target: int
    words: str


@dataclass(frozen=True, slots=True)
class Anomaly:
    """Something that a level forbids.

    why: one sentence. transactions: numbers of those that show it, each once, in the order of the cycle if it is one. steps: the
    edges of the cycle, else empty. count: how many of the kind there are, at least. otherwise: a second cycle, for an anomaly
    that is there because either of two orders makes one.
    """

    name: str
    why: str
    transactions: tuple[int, ...]
    steps: tuple[Step, ...] = ()
    count: int = 1
    otherwise: tuple[Step, ...] = ()

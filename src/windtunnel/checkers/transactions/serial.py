"""A serial order by trying: whoever can go next goes, the most urgent first. It may miss an order, and never invents one.

A transaction can go when everything that the order puts before it has gone, each key that it read holds the version that it
read, and nobody else still has to read the version that it would overwrite. Urgent is who was answered first, or was read by
somebody who was. What comes out is a serial execution with exactly the answers of the history: nothing remains to be verified.
"""

from __future__ import annotations

import time
from collections import defaultdict
from heapq import heapify, heappop, heappush
from typing import Any

import numpy as np

from windtunnel.checkers.transactions.dependencies import session_order
from windtunnel.checkers.transactions.registers import Registers
from windtunnel.histories.transactions.columns import NEVER, OK

_UNWRITTEN = -1

_TRIES = 6
"""So many tries that get no further than others are enough."""


def serial_order(found: Registers, tier: int, deadline: float) -> list[int] | None:
    """Transactions in a serial order that keeps sessions (tier 1) or real time too (2), or None if trying once found none."""
    if not ((found.origin >= 0) | found.nil).all():
        return None  # somebody read what nobody wrote
    urgency = _urgencies(found)
    furthest, tries = -1, 0
    while tries < _TRIES:
        line = _Line(found, tier, urgency)
        while line.ready:
            _, number = heappop(line.ready)
            if not line.gone[number] and line.fits(number):
                line.go(number)
        if len(line.order) == int(found.committed.sum()):
            return line.order
        tries = 0 if len(line.order) > furthest else tries + 1
        furthest = max(furthest, len(line.order))
        if time.perf_counter() > deadline or not line.learn():
            return None
    return None


def _urgencies(found: Registers) -> list[float]:
    urgency: list[float] = np.where(found.history.status == OK, found.history.completed, NEVER).tolist()
    of, micro = found.of, found.writers.micro
    known = found.origin >= 0
    pairs = zip(of[found.reads[known]].tolist(), of[micro[found.origin[known]]].tolist(), strict=True)
    for reader, writer in sorted(pairs, reverse=True):
        urgency[writer] = min(urgency[writer], urgency[reader])
    return urgency


class _Line:
    """The state of the keys after what has gone, and who waits for what."""

    def __init__(self, found: Registers, tier: int, urgency: list[float]) -> None:
        history, of, micro = found.history, found.of, found.writers.micro
        count = len(history)
        self.tier = tier
        self.gone = ~found.committed
        self.order: list[int] = []
        self.current: dict[int, int] = {}
        self.author: dict[int, int] = {}
        self.reads: list[list[tuple[int, int]]] = [[] for _ in range(count)]
        self.writes: list[list[tuple[int, int]]] = [[] for _ in range(count)]
        self.waiting: dict[tuple[int, int], int] = defaultdict(int)
        self.readers: dict[tuple[int, int], list[int]] = defaultdict(list)
        self.writers: dict[int, set[int]] = defaultdict(set)
        for read, origin in zip(found.reads.tolist(), found.origin.tolist(), strict=True):
            number, key = int(of[read]), int(history.key[read])
            version = (key, origin if origin >= 0 else _UNWRITTEN)
            self.reads[number].append(version)
            self.waiting[version] += 1
            self.readers[version].append(number)
        for place in found.versions.tolist():
            self.writes[int(of[micro[place]])].append((int(history.key[micro[place]]), place))
        self.urgency = urgency
        self.invoked = history.invoked
        self.ready: list[tuple[tuple[bool, float], int]] = []
        self.session_before = _session_predecessors(found) if tier else {}
        self.session_after: dict[int, list[int]] = defaultdict(list)
        for number, before in self.session_before.items():
            self.session_after[before].append(number)
        # Real time: a transaction is let in when nobody who was answered before it was asked is still there.
        committed = np.flatnonzero(found.committed)
        self.ends = sorted((int(history.completed[n]), n) for n in committed.tolist() if history.completed[n] < NEVER)
        self.first_end = 0
        self.entering = committed[np.argsort(history.invoked[committed], kind="stable")].tolist()
        self.entered = 0
        self.inside = np.zeros(count, bool)
        self._admit()
        heapify(self.ready)

    def _admit(self) -> None:
        """Let in whom the order allows now."""
        while self.first_end < len(self.ends) and self.gone[self.ends[self.first_end][1]]:
            self.first_end += 1
        limit = self.ends[self.first_end][0] if self.tier == 2 and self.first_end < len(self.ends) else NEVER + 1
        while self.entered < len(self.entering) and self.invoked[self.entering[self.entered]] < limit:
            number = self.entering[self.entered]
            self.entered += 1
            self.inside[number] = True
            for key, _ in self.writes[number]:
                self.writers[key].add(number)
            self.offer(number)

    def offer(self, number: int) -> None:
        """Put somebody in line who may be able to go."""
        if self.inside[number] and not self.gone[number] and self.fits(number):
            heappush(self.ready, ((bool(self.writes[number]), self.urgency[number]), number))

    def fits(self, number: int) -> bool:
        """Whether a transaction can go now."""
        before = self.session_before.get(number)
        if before is not None and not self.gone[before]:
            return False
        if any(self.current.get(key, _UNWRITTEN) != version for key, version in self.reads[number]):
            return False
        mine: list[Any] = self.reads[number]
        for key, _ in self.writes[number]:
            version = (key, self.current.get(key, _UNWRITTEN))
            if self.waiting.get(version, 0) > mine.count(version):
                return False
        return True

    def learn(self) -> bool:
        """Make those more urgent who came too late for a key that others read now. False if there are none."""
        learnt = False
        for number in self.entering[: self.entered]:
            if self.gone[number]:
                continue
            mine = self.reads[number]
            for key, _ in self.writes[number]:
                version = (key, self.current.get(key, _UNWRITTEN))
                author = self.author.get(version[1])
                if author is not None and self.waiting.get(version, 0) > mine.count(version):
                    wanted = self.urgency[author] - 0.5
                    if self.urgency[number] > wanted:
                        self.urgency[number] = wanted
                        learnt = True
        return learnt

    def go(self, number: int) -> None:
        """It takes effect; whoever may have waited for that is looked at again."""
        self.gone[number] = True
        self.order.append(number)
        touched = []
        for version in self.reads[number]:
            self.waiting[version] -= 1
            touched.append(version[0])
        for key, place in self.writes[number]:
            self.current[key] = place
            self.author[place] = number
            self.writers[key].discard(number)
            touched.append(key)
            for reader in self.readers.get((key, place), ()):
                self.offer(reader)
        for key in touched:
            if self.waiting.get((key, self.current.get(key, _UNWRITTEN)), 0) <= 1:
                for writer in sorted(self.writers[key]):
                    self.offer(writer)
        for after in self.session_after.get(number, ()):
            self.offer(after)
        self._admit()


def _session_predecessors(found: Registers) -> dict[int, int]:
    before, after = session_order(found.history, found.committed)
    return dict(zip(after.tolist(), before.tolist(), strict=True))

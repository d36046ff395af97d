"""Dependencies and open orders among transactions that write and read registers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import combinations, pairwise

import numpy as np

from windtunnel.checkers.transactions.anomalies import Anomaly
from windtunnel.checkers.transactions.dependencies import RW, WW, Dependencies
from windtunnel.checkers.transactions.orders import CHOICES_MAX, Guess, Guessing, Pair, Pairing, Triples, pair_of
from windtunnel.checkers.transactions.register_anomalies import direct_anomalies
from windtunnel.checkers.transactions.registers import Chain, Registers, chains_of, dependencies_of, registers_of
from windtunnel.checkers.transactions.serial import serial_order
from windtunnel.histories.transactions.columns import OK, Column, Transactions


def analysed(history: Transactions) -> tuple[list[Anomaly], Dependencies, Pairing, Guessing]:
    """Anomalies that are no cycles, what depends on what, and the orders of versions that are open. Raises MalformedHistory."""
    found = registers_of(history)
    chains = _Chains(found)
    return direct_anomalies(found), dependencies_of(found), chains.pairs, chains


class _Chains:
    """The chains of a history, found when they are asked for."""

    def __init__(self, found: Registers) -> None:
        self.found = found
        self._chains: dict[int, list[Chain]] | None = None
        self._zones: dict[Chain, tuple[int, int]] = {}

    @property
    def chains(self) -> dict[int, list[Chain]]:
        """By key, those of keys that have several."""
        if self._chains is None:
            self._chains = chains_of(self.found)
        return self._chains

    def pairs(self, tier: int) -> list[Pair] | None:
        """Pairs of chains whose order is open; None if there are too many."""
        if sum(len(each) * (len(each) - 1) // 2 for each in self.chains.values()) > 20 * CHOICES_MAX:
            return None
        micro = self.found.writers.micro
        open_pairs = []
        for each in self.chains.values():
            for a, b in combinations(each, 2):
                if not (_ordered(self.found, a, b, tier) or _ordered(self.found, b, a, tier)):
                    one, other = ((int(micro[c.first]), int(micro[c.last]), c.readers) for c in (a, b))
                    open_pairs.append(pair_of(one, other))
            if len(open_pairs) > CHOICES_MAX:
                return None
        return open_pairs

    def serial(self, tier: int, deadline: float) -> bool:
        """Whether trying finds a serial order, which then proves all there is to prove."""
        return serial_order(self.found, tier, deadline) is not None

    def guesses(self, place: Column) -> Iterator[Guess]:
        """All chains of every key in a row: by the middle of their zones, by where zones begin, by the place of their writers.

        The zone of a version lies between the first answer and the last question of whoever wrote or read it (Gibbons & Korach
        1997). place: of every transaction in a topological order.
        """
        micro, of = self.found.writers.micro, self.found.of

        def by_place(chain: Chain) -> tuple[int, int]:
            return int(place[of[micro[chain.first]]]), chain.first

        keys: list[Callable[[Chain], tuple[int, int]]] = [by_place]
        if self.found.history.timed():
            keys = [
                lambda chain: (sum(self.zone(chain)), chain.first),
                lambda chain: (self.zone(chain)[0], chain.first),
                by_place,
            ]
        for key in keys:
            yield _Row(self.found, [sorted(each, key=key) for each in self.chains.values()])

    def zone(self, chain: Chain) -> tuple[int, int]:
        """(first answer, last question) of the transactions that wrote the chain's ends or read its last version."""
        found = self._zones.get(chain)
        if found is None:
            history, of, micro = self.found.history, self.found.of, self.found.writers.micro
            who = [int(of[micro[chain.first]]), int(of[micro[chain.last]]), *(int(of[read]) for read in chain.readers)]
            latest = 4 * len(history)
            ends = min(min(int(history.completed[number]), latest) for number in who)
            found = self._zones[chain] = ends, max(int(history.invoked[number]) for number in who)
        return found


class _Row:
    """An order of all chains of every key."""

    def __init__(self, found: Registers, rows: list[list[Chain]]) -> None:
        self.found = found
        self.rows = rows

    def triples(self) -> Triples:
        """The dependencies that it means: of neighbours, the rest follows."""
        found: list[tuple[int, int, int]] = []
        for row in self.rows:
            for a, b in pairwise(row):
                found += self._before(a, b)
        return _columns(found)

    def loosened(self, members: Column) -> tuple[Triples, list[Pair]]:
        """The same but for chains of some transactions that stand beside each other: their order among themselves is open."""
        micro, of = self.found.writers.micro, self.found.of
        fixed: list[tuple[int, int, int]] = []
        open_pairs: list[Pair] = []
        for row in self.rows:
            runs: list[list[Chain]] = []
            loose = False
            for chain in row:
                who = [of[micro[chain.first]], of[micro[chain.last]], *(of[read] for read in chain.readers)]
                member = bool(members[who].any())
                if member and loose:
                    runs[-1].append(chain)
                else:
                    runs.append([chain])
                loose = member
            for one, two in pairwise(runs):
                for a in one:
                    for b in two:
                        fixed += self._before(a, b)
            for run in runs:
                for a, b in combinations(run, 2):
                    one_, other = ((int(micro[c.first]), int(micro[c.last]), c.readers) for c in (a, b))
                    open_pairs.append(pair_of(one_, other))
        return _columns(fixed), open_pairs

    def _before(self, a: Chain, b: Chain) -> list[tuple[int, int, int]]:
        micro = self.found.writers.micro
        first = int(micro[b.first])
        return [(WW, int(micro[a.last]), first), *((RW, read, first) for read in a.readers)]


def _columns(triples: list[tuple[int, int, int]]) -> Triples:
    found = np.asarray(triples, np.int64).reshape(-1, 3)
    return Triples(found[:, 0].astype(np.int8), found[:, 1], found[:, 2])


def _ordered(found: Registers, a: Chain, b: Chain, tier: int) -> bool:
    """Whether the order of a session or of real time puts the end of one chain before the beginning of another."""
    history, micro = found.history, found.writers.micro
    one, two = int(found.of[micro[a.last]]), int(found.of[micro[b.first]])
    if tier == 0 or history.status[one] != OK:
        return False
    if tier == 2 and history.completed[one] < history.invoked[two]:
        return True
    return bool(history.session[one] == history.session[two] and history.session[one] >= 0 and one < two)

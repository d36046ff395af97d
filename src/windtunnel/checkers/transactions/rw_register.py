"""Dependencies and open orders among transactions that write and read registers."""

from __future__ import annotations

from itertools import combinations

from windtunnel.checkers.transactions.anomalies import Anomaly
from windtunnel.checkers.transactions.dependencies import Dependencies
from windtunnel.checkers.transactions.orders import CHOICES_MAX, Pair, Pairing, pair_of
from windtunnel.checkers.transactions.register_anomalies import direct_anomalies
from windtunnel.checkers.transactions.registers import Chain, Registers, chains_of, dependencies_of, registers_of
from windtunnel.histories.transactions.columns import OK, Transactions


def analysed(history: Transactions) -> tuple[list[Anomaly], Dependencies, Pairing]:
    """The anomalies that are no cycles, what depends on what, and which orders of versions are open. Raises MalformedHistory."""
    found = registers_of(history)
    return direct_anomalies(found), dependencies_of(found), _pairing(found)


def _pairing(found: Registers) -> Pairing:
    chains: dict[int, list[Chain]] = {}

    def pairs(tier: int) -> list[Pair] | None:
        if not chains:
            chains.update(chains_of(found))
        if sum(len(each) * (len(each) - 1) // 2 for each in chains.values()) > 20 * CHOICES_MAX:
            return None
        micro = found.writers.micro
        open_pairs = []
        for each in chains.values():
            for a, b in combinations(each, 2):
                if not (_ordered(found, a, b, tier) or _ordered(found, b, a, tier)):
                    one, other = ((int(micro[c.first]), int(micro[c.last]), c.readers) for c in (a, b))
                    open_pairs.append(pair_of(one, other))
            if len(open_pairs) > CHOICES_MAX:
                return None
        return open_pairs

    return pairs


def _ordered(found: Registers, a: Chain, b: Chain, tier: int) -> bool:
    """Whether the order of a session or of real time puts the end of one chain before the beginning of another."""
    history, micro = found.history, found.writers.micro
    one, two = int(found.of[micro[a.last]]), int(found.of[micro[b.first]])
    if tier == 0 or history.status[one] != OK:
        return False
    if tier == 2 and history.completed[one] < history.invoked[two]:
        return True
    return bool(history.session[one] == history.session[two] and history.session[one] >= 0 and one < two)

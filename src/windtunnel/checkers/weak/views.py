"""Whether one session can explain what it read by an order of all writes: the view of a process.

Theory of operation. A process p sees all writes and its own reads in some order, which keeps a given order `before` (for causal
memory: sessions and reads-from; for PRAM: sessions). What p read tells more of it: if r of p shows w, and another write w' to
that key is before r, then w' is before w. Adding that until nothing is new is saturation. No order exists if that makes a
cycle (CyclicHB), or if a write is before a read of p that shows the initial value (WriteHBInitRead); otherwise one exists.

Source: Bouajjani, Enea, Guerraoui & Hamza, "On Verifying Causal Consistency", POPL 2017, section 4.3 and lemma 5: the reads of
one process are in one order, and that makes saturation complete.

Clocks instead of a matrix: per node and session, how many operations are before it. Of the writes of a session to a key only
the last one before r has to be looked at. It goes in rounds: all that the reads show is added, then the clocks are made anew.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from windtunnel.checkers.weak.findings import Finding, named
from windtunnel.checkers.weak.registers import INITIAL, Clocks, Registers, clocks_of, cycle, ordered, path
from windtunnel.histories import Operation


class View:
    """The view of one session: the given order and what its reads add. after: of the given order; clocks: of it too."""

    def __init__(self, registers: Registers, session: int, after: Sequence[Sequence[int]], clocks: Clocks) -> None:
        self._registers = registers
        self._reads = [node for node in registers.sessions[session] if not registers.is_write(node)]
        self._after = [list(successors) for successors in after]
        self._clocks = clocks
        self._reason: dict[tuple[int, int], int] = {}
        self._session = session
        self.rounds = 0

    def find(self) -> Finding | None:
        """What shows that the session has no order, or None if it has one."""
        registers = self._registers
        while True:
            self.rounds += 1
            added = False
            for read in self._reads:
                source = registers.source[read]
                for write in registers.latest_writes(registers.key[read], self._clocks[read]):
                    if source == INITIAL:
                        return self._of_initial(write, read)
                    if write == source or registers.happened_before(write, source, self._clocks):
                        continue
                    if (write, source) not in self._reason:
                        self._reason[write, source] = read
                        self._after[write].append(source)
                        added = True
            if not added:
                return None
            order = ordered(self._after)
            if len(order) < len(self._after):
                return self._of_cycle(cycle(self._after, order))
            self._clocks = clocks_of(registers, self._after, order)

    def _of_initial(self, write: int, read: int) -> Finding:
        registers = self._registers
        nodes = path(self._after, write, read)
        shows, written = registers.operations[read], registers.operations[write]
        text = f"{named(shows)} shows the initial value, but {named(written)} was before it"
        lines = tuple(told(registers, nodes, self._reason))
        return Finding("WriteHBInitRead", text, self._operations(nodes), shows.key, lines)

    def _of_cycle(self, nodes: list[int]) -> Finding:
        registers = self._registers
        start = next(at for at, pair in enumerate(pairwise([*nodes, nodes[0]])) if pair in self._reason)
        nodes = [*nodes[start:], *nodes[:start], nodes[start]]
        whose = registers.operations[registers.sessions[self._session][0]].process
        first, second = (registers.operations[node] for node in nodes[:2])
        shows = registers.operations[self._reason[nodes[0], nodes[1]]]
        text = f"process {whose} cannot have seen both orders of {named(first)} and {named(second)}: {named(shows)}"
        return Finding("CyclicHB", text, self._operations(nodes), shows.key, tuple(told(registers, nodes, self._reason)))

    def _operations(self, nodes: Sequence[int]) -> tuple[Operation, ...]:
        reasons = [self._reason[pair] for pair in pairwise(nodes) if pair in self._reason]
        return tuple(self._registers.operations[node] for node in [*nodes, *reasons])


def told(registers: Registers, nodes: Sequence[int], reasons: dict[tuple[int, int], int]) -> list[str]:
    """A path step by step, in words; steps within a session in one line. reasons: reads that show an order of two writes."""
    lines: list[str] = []
    at = 0
    while at < len(nodes) - 1:
        node, following = nodes[at], nodes[at + 1]
        a = registers.operations[node]
        if registers.session[node] == registers.session[following] and (node, following) not in reasons:
            while at + 2 < len(nodes) and registers.session[nodes[at + 2]] == registers.session[node]:
                if (nodes[at + 1], nodes[at + 2]) in reasons:
                    break
                at += 1
            b = registers.operations[nodes[at + 1]]
            lines.append(f"{named(a)} was before {b.describe()} ({b.where()}) in the same session.")
        elif (node, following) in reasons:
            shows = registers.operations[reasons[node, following]]
            b = registers.operations[following]
            lines.append(f"{named(a)} comes before {named(b)}, which {named(shows)} shows after it.")
        else:
            lines.append(f"{named(a)} was seen by {named(registers.operations[following])}.")
        at += 1
    return lines

"""Whether one session can explain what it read by an order of all writes: the view of a process.

Theory of operation. A process p sees all writes and its own reads in some order, which keeps a given order `before` (for causal
memory: sessions and reads-from; for PRAM: sessions). What p read tells more of it: if r of p shows w, and another write w' to
that key is before r, then w' is before w. Adding that until nothing is new is saturation. No order exists if that makes a
cycle (CyclicHB), or if a write is before a read of p that shows the initial value (WriteHBInitRead); otherwise one exists.

Source: Bouajjani, Enea, Guerraoui & Hamza, "On Verifying Causal Consistency", POPL 2017, section 4.3 and lemma 5: the reads of
one process are in one order, and that makes saturation complete.

Deadlines instead of a closure: because the operations of p are in one order, "w' is before the i-th of them" needs one number
per write, the least such i, its deadline. A new edge can only lower deadlines; what is lowered is looked at again. Of the reads
of a key only the first one at or after the deadline adds an edge: what it shows is before whatever the next one shows. So a view
costs O(n) and a few lowerings, where clocks cost O(n k) for k sessions and a pass over all of it per round.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from windtunnel.checkers.weak.findings import Finding, named
from windtunnel.checkers.weak.registers import Registers, cycle, ordered, path
from windtunnel.checkers.weak.saturation import COMPILED, Saturation
from windtunnel.histories import Operation


class Views:
    """The views of all sessions of some registers.

    causal: whether the given order has the reads-from of all sessions (causal memory), or each view only its own (PRAM).
    """

    def __init__(self, registers: Registers, *, causal: bool) -> None:
        self._registers = registers
        self._causal = causal
        place, session, key, source = map(_column, (registers.place, registers.session, registers.key, registers.source))
        self._saturation = Saturation(place, session, key, source, len(registers.keys))

    def find(self, session: int) -> Finding | None:
        """What shows that a session has no order, or None if it has one."""
        nodes = self._registers.sessions[session]
        initial, edges, circles = self._saturation.view(session, nodes[0], len(nodes), self._causal)
        if initial is None and not circles:
            return None
        after = self._registers.edges(None if self._causal else session)
        reasons: dict[tuple[int, int], int] = {}
        for write, source, read in edges:
            if (write, source) not in reasons:
                reasons[write, source] = read
                after[write].append(source)
        if initial is not None:
            return self._of_initial(path(after, *initial), reasons)
        return self._of_cycle(session, cycle(after, ordered(after)), reasons)

    def _of_initial(self, nodes: list[int], reasons: dict[tuple[int, int], int]) -> Finding:
        registers = self._registers
        written, shows = registers.operations[nodes[0]], registers.operations[nodes[-1]]
        text = f"{named(shows)} shows the initial value, but {named(written)} was before it"
        lines = tuple(told(registers, nodes, reasons))
        return Finding("WriteHBInitRead", text, self._operations(nodes, reasons), shows.key, lines)

    def _of_cycle(self, session: int, nodes: list[int], reasons: dict[tuple[int, int], int]) -> Finding:
        registers = self._registers
        start = next((at for at, pair in enumerate(pairwise([*nodes, nodes[0]])) if pair in reasons), None)
        if start is None:
            first, closed = registers.operations[nodes[0]], [*nodes, nodes[0]]
            text = f"{named(first)} comes before itself in the view of a process"
            return Finding("CyclicHB", text, self._operations(nodes, reasons), first.key, tuple(told(registers, closed, reasons)))
        nodes = [*nodes[start:], *nodes[:start], nodes[start]]
        whose = registers.operations[registers.sessions[session][0]].process
        first, second = (registers.operations[node] for node in nodes[:2])
        shows = registers.operations[reasons[nodes[0], nodes[1]]]
        text = f"process {whose} cannot have seen both orders of {named(first)} and {named(second)}: {named(shows)}"
        return Finding("CyclicHB", text, self._operations(nodes, reasons), shows.key, tuple(told(registers, nodes, reasons)))

    def _operations(self, nodes: Sequence[int], reasons: dict[tuple[int, int], int]) -> tuple[Operation, ...]:
        shown = [reasons[pair] for pair in pairwise(nodes) if pair in reasons]
        return tuple(self._registers.operations[node] for node in [*nodes, *shown])


def _column(numbers: list[int]) -> Any:
    """As the compiled saturation takes it; the pure twin takes lists."""
    if not COMPILED:
        return numbers
    import numpy as np  # noqa: PLC0415 - the pure twin does without

    return np.asarray(numbers, np.int32)


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

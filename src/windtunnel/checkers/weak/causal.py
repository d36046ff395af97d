"""Causal consistency of registers: three of its forms, and PRAM, which is its first half.

| model | every process can order all writes so that its own reads are right, and the order keeps | patterns |
|---|---|---|
| weak-causal | causality; but only one read at a time has to be right | CyclicCO, ThinAirRead, WriteCOInitRead, WriteCORead |
| causal | causality: causal memory (Ahamad et al. 1995) | the same, and CyclicHB, WriteHBInitRead |
| causal-convergence | causality; and all writes have one order for all | those of weak-causal, and CyclicCF |
| pram | the sessions (Lipton & Sandberg 1988: pipelined RAM, FIFO) | ThinAirRead, CyclicHB, WriteHBInitRead |

Source: Bouajjani, Enea, Guerraoui & Hamza, "On Verifying Causal Consistency", POPL 2017: a history whose values are written once
violates a form exactly if it has one of the form's bad patterns. Causality (CO) is the order of the sessions and
reads-from, closed under transitivity. Real time plays no part in it.

Cost: vector clocks, O(n k) for n operations of k sessions; views (causal, pram) about O(n) for each session.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from itertools import pairwise
from typing import Final

from windtunnel.checkers.verdict import Verdict
from windtunnel.checkers.weak.findings import Finding, judged, named, silent
from windtunnel.checkers.weak.registers import INITIAL, REGISTERS, Clocks, Registers, clocks_of, cycle, ordered, path
from windtunnel.checkers.weak.views import Views, told
from windtunnel.histories import History

FUNCTIONS: Final = REGISTERS
CAUSAL: Final = "causal consistency (causal memory)"
WEAK_CAUSAL: Final = "causal consistency (weak)"
CONVERGENCE: Final = "causal convergence"
PRAM: Final = "PRAM consistency"


def causal(history: History, budget_s: float | None = None) -> Verdict:
    """Whether the history is causal memory. The statistics say whether the two other forms hold."""
    return _judged(history, "causal", budget_s)


def weak_causal(history: History, budget_s: float | None = None) -> Verdict:
    """Whether every read by itself is explained by what causally precedes it."""
    return _judged(history, "weak-causal", budget_s)


def causal_convergence(history: History, budget_s: float | None = None) -> Verdict:
    """Whether one order of all writes, which keeps causality, explains what every read shows of its causal past."""
    return _judged(history, "causal-convergence", budget_s)


def pram(history: History, budget_s: float | None = None) -> Verdict:
    """Whether every process sees the writes of each other one in that one's order."""
    registers = Registers(history)
    stats = {"operations": len(history), "sessions": len(registers.sessions), "keys": len(registers.keys)}
    if registers.ambiguous:
        return Verdict(None, "pram", registers.ambiguous, stats=stats)
    findings = list(registers.findings)
    late = ""
    if not findings:
        deadline = None if budget_s is None else time.perf_counter() + budget_s
        views = Views(registers, causal=False)
        for session in range(len(registers.sessions)):
            found = views.find(session)
            findings += [found] if found else []
            if deadline is not None and time.perf_counter() > deadline:
                late = f"undecided when the {budget_s:g} s of the budget were spent"
                break
    return judged("pram", PRAM, findings, stats, late or silent(history))


def _judged(history: History, model: str, budget_s: float | None) -> Verdict:
    promise = {"causal": CAUSAL, "weak-causal": WEAK_CAUSAL, "causal-convergence": CONVERGENCE}[model]
    registers = Registers(history)
    stats = {"operations": len(history), "sessions": len(registers.sessions), "keys": len(registers.keys)}
    if registers.ambiguous:
        return Verdict(None, model, registers.ambiguous, stats=stats)
    after = registers.edges()
    order = ordered(after)
    findings = list(registers.findings)
    if not findings and len(order) < len(after):
        findings.append(cyclic(registers, cycle(after, order), "CyclicCO"))
    if findings:
        return judged(model, promise, findings, stats)
    clocks = clocks_of(registers, after, order)
    findings += _overwritten(registers, after, clocks)
    if model == "causal-convergence" and not findings:
        findings += _conflicts(registers, after, clocks)
    late = ""
    if model == "causal" and not findings:
        deadline = None if budget_s is None else time.perf_counter() + budget_s
        views = Views(registers, causal=True)
        for session in range(len(registers.sessions)):
            found = views.find(session)
            findings += [found] if found else []
            if deadline is not None and time.perf_counter() > deadline:
                late = f"undecided when the {budget_s:g} s of the budget were spent"
                break
    return judged(model, promise, findings, stats, late or silent(history))


def _overwritten(registers: Registers, after: list[list[int]], clocks: Clocks) -> Iterator[Finding]:
    """Reads of the initial value, or of a write, after another write to the key that causally follows it."""
    shown = False  # how the write precedes the read is told of the first one
    for read, source in enumerate(registers.source):
        if source == read:
            continue
        for write in registers.latest_writes(registers.key[read], clocks[read]):
            shows, newer = registers.operations[read], registers.operations[write]
            if source == INITIAL:
                text = f"{named(shows)} shows the initial value, but {named(newer)} causally precedes it"
                nodes = [] if shown else path(after, write, read)
                operations = (newer, *(registers.operations[node] for node in nodes), shows)
                yield Finding("WriteCOInitRead", text, operations, shows.key, tuple(told(registers, nodes, {})))
                shown = True
                break
            if write != source and registers.happened_before(source, write, clocks):
                older = registers.operations[source]
                text = f"{named(shows)} shows a value that {named(newer)}, which causally precedes it, had overwritten"
                nodes = [] if shown else [*path(after, source, write), *path(after, write, read)[1:]]
                operations = (older, newer, *(registers.operations[node] for node in nodes), shows)
                yield Finding("WriteCORead", text, operations, shows.key, tuple(told(registers, nodes, {})))
                shown = True
                break


def _conflicts(registers: Registers, after: list[list[int]], clocks: Clocks) -> list[Finding]:
    """A cycle of causality and of the orders that reads show for writes in their causal past."""
    reasons: dict[tuple[int, int], int] = {}
    whole = [list(successors) for successors in after]
    for read, source in enumerate(registers.source):
        if source in (read, INITIAL):
            continue
        for write in registers.latest_writes(registers.key[read], clocks[read]):
            if write != source and (write, source) not in reasons:
                reasons[write, source] = read
                whole[write].append(source)
    order = ordered(whole)
    if len(order) == len(whole):
        return []
    nodes = cycle(whole, order)
    return [cyclic(registers, nodes, "CyclicCF", reasons)]


def cyclic(registers: Registers, nodes: list[int], kind: str, reasons: dict[tuple[int, int], int] | None = None) -> Finding:
    """The finding of a cycle, told step by step."""
    reasons = reasons or {}
    closed = [*nodes, nodes[0]]
    shows = [reasons[pair] for pair in pairwise(closed) if pair in reasons]
    operations = tuple(registers.operations[node] for node in [*shows, *nodes])
    first, last = registers.operations[nodes[0]], registers.operations[nodes[-1]]
    text = {
        "CyclicCO": f"{named(first)} causally precedes itself",
        "CyclicSC": f"{named(first)} comes before itself in every order that the reads allow",
        "CyclicCF": f"{named(first)} and {named(last)} were seen in both orders",
    }[kind]
    return Finding(kind, text, operations, first.key, tuple(told(registers, closed, reasons)))

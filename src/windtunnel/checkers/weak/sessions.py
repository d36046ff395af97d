"""The four session guarantees: what one client may rely on while others may see something else.

Source: Terry, Demers, Petersen, Spreitzer, Theimer & Welch, "Session Guarantees for Weakly Consistent Replicated Data", 1994.
A read is answered from a set of writes that are visible to it:

* read your writes: all earlier writes of its session are visible;
* monotonic reads: all that was visible to an earlier read of its session is visible;
* monotonic writes: with a write, the earlier writes of that write's session are visible, and come before it;
* writes follow reads: with a write, what was visible to earlier reads of that write's session is visible, and comes before it.

Two kinds of histories show that:

1. Logs and sets (append, add, broadcast; a read answers all values): the answer *is* what is visible. Checked as defined, as in
   Freitas et al., "Characterizing the Consistency of Online Services", DSN 2016; in logs the order counts too.
2. Registers (write, read; values written once): a read shows the last visible write, in an order of all writes. What must be
   visible comes no later than what the read shows; the guarantee holds exactly if, for each session, some order allows that
   for its reads: these constraints have no cycle. In that order writes of one session to one key are in the session's order,
   as with every store in which the last writer wins. That two sessions agree on one order is not part of a guarantee
   to a session. For the last two guarantees what a session has read stays visible to it: one read of one register could
   not show that they are broken.

So PRAM implies the first three, and causal memory all four.

Cost: O(n) constraints; for read your writes and writes follow reads O(writes x reads) of one session.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Any, Final

from windtunnel.checkers.verdict import Verdict
from windtunnel.checkers.weak.findings import Finding, judged, misfit, named, silent
from windtunnel.checkers.weak.registers import INITIAL, Registers, cycle, ordered
from windtunnel.checkers.weak.visible import ADDING, broken_in_sets
from windtunnel.histories import History

FUNCTIONS: Final = {
    "write": "write(key, value), each value once",
    "append": "append(key, value) to a log",
    "add": "add(key, value) to a set",
    "broadcast": "the same, as broadcasts call it",
    "read": "read(key) -> value; of logs and sets all values",
}
PROMISES: Final = {
    "read-your-writes": "read your writes",
    "monotonic-reads": "monotonic reads",
    "monotonic-writes": "monotonic writes",
    "writes-follow-reads": "writes follow reads",
}

_Constraint = tuple[int, int, str]
"""A write that must be visible to a read, and why; the write comes no later than what the read shows."""


def session_guarantee(history: History, model: str) -> Verdict:
    """Whether a history keeps a guarantee of PROMISES. Raises UsageError for a history of registers and sets at once."""
    promise = PROMISES[model]
    adding = next((operation for operation in history if operation.f in ADDING), None)
    writing = next((operation for operation in history if operation.f == "write"), None)
    if adding is not None and writing is not None:
        raise misfit(history, writing, f"{adding.f}, as in {adding.where()}, or write, and not both", writing.f)
    stats: dict[str, Any] = {"operations": len(history), "sessions": len({op.process for op in history})}
    if adding is not None or any(isinstance(op.result, list) for op in history):
        return judged(model, promise, broken_in_sets(history, model), stats, silent(history))
    registers = Registers(history)
    if registers.ambiguous:
        return Verdict(None, model, registers.ambiguous, stats=stats)
    findings = registers.findings or _broken(registers, model)
    return judged(model, promise, findings, stats, silent(history))


def _broken(registers: Registers, model: str) -> list[Finding]:
    findings: list[Finding] = []
    given: list[list[int]] = [[] for _ in registers.operations]
    for earlier, later in _given(registers, model):
        given[earlier].append(later)
    order = ordered(given)
    if len(order) < len(given):
        return [_contradiction(registers, model, cycle(given, order), {})]
    shown: list[dict[tuple[int, int], tuple[int, str]]] = [{} for _ in registers.sessions]
    for write, read, why in _REQUIRED[model](registers):
        source = registers.source[read]
        if source == INITIAL:
            shows, missing = registers.operations[read], registers.operations[write]
            text = f"{named(shows)} does not show {named(missing)}, {why}"
            findings.append(Finding(model, text, (missing, shows), shows.key))
        elif source != write:
            shown[registers.session[read]].setdefault((write, source), (read, why))
    for reasons in shown:
        after = [list(successors) for successors in given]
        for write, source in reasons:
            after[write].append(source)
        order = ordered(after)
        if len(order) < len(after):
            findings.append(_contradiction(registers, model, cycle(after, order), reasons))
    return findings


def _given(registers: Registers, model: str) -> Iterator[tuple[int, int]]:
    """Orders of writes that need no later read to be known."""
    for nodes in registers.sessions:
        last: dict[int, int] = {}
        shown: dict[int, None] = {}
        for node in nodes:
            if not registers.is_write(node):
                if registers.source[node] != INITIAL:
                    shown[registers.source[node]] = None
                continue
            key = registers.key[node]
            if model == "monotonic-writes":
                yield from ((other, node) for other in last.values())
            elif key in last:
                yield last[key], node
            if model == "writes-follow-reads":
                yield from ((other, node) for other in shown)
            last[key] = node


def _own_writes(registers: Registers) -> Iterator[_Constraint]:
    for nodes in registers.sessions:
        mine: dict[int, list[int]] = {}
        for node in nodes:
            if registers.is_write(node):
                mine.setdefault(registers.key[node], []).append(node)
                continue
            for write in mine.get(registers.key[node], []):
                yield write, node, "an earlier write of its session"


def _earlier_reads(registers: Registers) -> Iterator[_Constraint]:
    for nodes in registers.sessions:
        shown: dict[int, int] = {}
        for node in nodes:
            if registers.is_write(node):
                continue
            key = registers.key[node]
            if key in shown:
                yield shown[key], node, "which an earlier read of its session had shown"
            if registers.source[node] != INITIAL:
                shown[key] = registers.source[node]


def _with_writes(registers: Registers) -> Iterator[_Constraint]:
    """What monotonic writes make visible to a session: with what it read, the last earlier writes of those sessions."""
    needed: dict[int, int] = {}
    for nodes in registers.sessions:
        last: dict[int, int] = {}
        for node in nodes:
            if registers.is_write(node):
                needed[node] = sum(1 << other for other in last.values())
                last[registers.key[node]] = node
    yield from _accumulated(registers, needed, "an earlier write of the session of a value it had seen")


def _with_reads(registers: Registers) -> Iterator[_Constraint]:
    """What writes follow reads makes visible: with what a session read, what the writers had read before they wrote it."""
    needed: dict[int, int] = {}
    context = [0] * len(registers.sessions)
    for node in ordered(registers.edges()):
        session, source = registers.session[node], registers.source[node]
        if registers.is_write(node):
            needed[node] = context[session]
        elif source != INITIAL:
            context[session] |= 1 << source | needed[source]
    yield from _accumulated(registers, needed, "which the writer of a value it had seen had read before")


def _accumulated(registers: Registers, needed: dict[int, int], why: str) -> Iterator[_Constraint]:
    """What reads of a session must see because of what it has read so far. needed: per write what comes with it, as bits."""
    for nodes in registers.sessions:
        wanted: dict[int, set[int]] = {}
        met = 0
        for node in nodes:
            source, key = registers.source[node], registers.key[node]
            if source == node:
                continue
            if source != INITIAL:
                fresh = (1 << source | needed.get(source, 0)) & ~met
                met |= fresh
                while fresh:
                    write = fresh.bit_length() - 1
                    fresh ^= 1 << write
                    wanted.setdefault(registers.key[write], set()).add(write)
            for write in sorted(wanted.get(key, ())):
                yield write, node, why
            if source != INITIAL:
                wanted[key] = {source}  # the others are no later than this one


_REQUIRED: Final[dict[str, Callable[[Registers], Iterator[_Constraint]]]] = {
    "read-your-writes": _own_writes,
    "monotonic-reads": _earlier_reads,
    "monotonic-writes": _with_writes,
    "writes-follow-reads": _with_reads,
}


def _contradiction(
    registers: Registers, model: str, nodes: list[int], reasons: dict[tuple[int, int], tuple[int, str]]
) -> Finding:
    """A cycle of writes each of which must come before the next, with the reads that show it."""
    closed = [*nodes, nodes[0]]
    lines, operations = [], [registers.operations[node] for node in nodes]
    text = ""
    for earlier, later in pairwise(closed):
        a, b = registers.operations[earlier], registers.operations[later]
        if (earlier, later) not in reasons:
            lines.append(f"{named(a)} comes before {b.describe()} ({b.where()}): " + _given_words(registers, earlier, later))
            continue
        read, why = reasons[earlier, later]
        shows = registers.operations[read]
        operations.append(shows)
        lines.append(f"{named(a)} comes before {b.describe()} ({b.where()}): {named(shows)} must see it too, {why}.")
        text = text or f"{named(shows)} is older than {named(a)}, {why}"
    text = text or f"no order of the writes allows {named(operations[0])}"
    return Finding(model, text, tuple(operations), operations[0].key, tuple(lines))


def _given_words(registers: Registers, earlier: int, later: int) -> str:
    same = registers.session[earlier] == registers.session[later]
    return "the same session wrote both." if same else "the session of the second one had read the first one."

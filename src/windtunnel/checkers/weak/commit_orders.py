"""Read committed, read atomic and transactional causal consistency of registers, decided exactly in polynomial time.

Sources: Biswas & Enea, "On the Complexity of Checking Transactional Consistency", OOPSLA 2019, for the axioms; "AWDIT: An Optimal
Weak Database Isolation Tester", PLDI 2025, for the cost. Values are written once to each key.

A level holds if there is a commit order: a total order of transactions that contains the order of sessions and reads-from, and
in which no transaction reads from t1 what it should have read from t2. If t3 reads x from t1, and t2 also writes x, t2 is
before t1 where

* read committed: t3 had read something of t2 before;
* read atomic: t3 reads anything of t2, or t2 precedes t3 in its session;
* transactional causal: t2 precedes t3 by any path of sessions and reads-from.

An order exists exactly if these constraints make no cycle. Before that every read must be one of a committed final write, or of
the transaction's own last write where it has one. These levels are of the literature on databases with sessions: their
commit order keeps the sessions, also for read committed.

Cost: for each transaction the smaller of what it reads and what those that it reads from write: O(n^1.5); causal O(n k)
for k sessions, with vector clocks.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final

from windtunnel.checkers.verdict import Verdict
from windtunnel.checkers.weak.findings import Finding, judged
from windtunnel.checkers.weak.registers import cycle, ordered
from windtunnel.histories import History, Operation
from windtunnel.histories.operations import shown

if TYPE_CHECKING:
    from windtunnel.histories.transactions.columns import Transactions

# What needs numpy is imported where it is used: whoever asks for another model does not pay for it.

FUNCTIONS: Final = {"txn": "txn([[w k v] [r k nil] ...]) -> the same with what was read, each value written once"}
PROMISES: Final = {
    "read-committed": "read committed",
    "read-atomic": "read atomic",
    "transactional-causal": "transactional causal consistency",
}
KINDS: Final = {
    "read-committed": "non-monotonic-read",
    "read-atomic": "fractured-read",
    "transactional-causal": "causality",
}
"""What a cycle is called at each level."""

_INITIAL: Final = -1
_Constraint = tuple[int, int, int, int]
"""t2, t1, t3 and the key: t2 is before t1, because t3 reads the key from t1."""


@dataclass(slots=True)
class _Plan:
    """What counts of a history. reads: per transaction (key, writer) of its reads of others, in order; writes: its keys."""

    history: Transactions
    reads: list[list[tuple[int, int]]] = field(default_factory=list)
    writes: list[set[int]] = field(default_factory=list)
    sessions: list[list[int]] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    ambiguous: str = ""

    def operation(self, number: int) -> Operation:
        """A transaction as an operation, for evidence."""
        history = self.history
        micros: Any = [list(micro) for micro in history.micro_operations(number)]
        kind: Any = ("ok", "info", "fail")[int(history.status[number])]
        begun, ended = (0, 0) if history.lines is None else history.lines[number].tolist()
        process = history.session_name(number) or number
        result = micros if kind == "ok" else None
        return Operation(
            number, process, "txn", None, micros, kind, result, None, 0.0, None, number, None, begun or None, ended or None
        )

    def told(self, number: int) -> str:
        """A transaction in a sentence."""
        name = self.history.session_name(number)
        return f"[{self.history.describe(number)}]{f' of session {name}' if name else ''} ({self.history.where(number)})"


def commit_order(history: History | Transactions, model: str) -> Verdict:
    """Whether a commit order as `model`, a name of PROMISES, demands exists."""
    if isinstance(history, History):
        from windtunnel.histories.transactions import transactions_of  # noqa: PLC0415

        history = transactions_of(history, "rw-register")
    plan = _plan(history)
    stats: dict[str, Any] = {"operations": len(history), "sessions": len(plan.sessions), "keys": len(history.keys)}
    if plan.ambiguous:
        return Verdict(None, model, plan.ambiguous, stats=stats)
    findings = plan.findings or _unordered(plan, model)
    nothing = "" if history.counts()["ok"] else "no transaction was committed for certain"
    return judged(model, PROMISES[model], findings, stats, nothing)


def _plan(history: Transactions) -> _Plan:
    """Who wrote what was read; reads that no commit order can explain are findings."""
    from windtunnel.histories.transactions.columns import ALONE, FAIL, OK  # noqa: PLC0415

    plan = _Plan(history)
    kinds, keys, values = history.kind.tolist(), history.key.tolist(), history.value.tolist()
    starts, status = history.starts.tolist(), history.status.tolist()
    writers: dict[tuple[int, int], tuple[int, bool]] = {}
    final: dict[int, int] = {}
    for number in range(len(status)):
        final.clear()
        for micro in range(starts[number], starts[number + 1]):
            if kinds[micro] == _write():
                final[keys[micro]] = values[micro]
        for micro in range(starts[number], starts[number + 1]):
            if kinds[micro] == _write():
                pair = (keys[micro], values[micro])
                if pair in writers:
                    plan.ambiguous = (
                        f"{plan.told(number)} writes a value that {plan.told(writers[pair][0])} wrote to the same key"
                    )
                    return plan
                writers[pair] = (number, final[keys[micro]] == values[micro])
        plan.writes.append(set(final))
    for number in range(len(status)):
        found: list[tuple[int, int]] = []
        if status[number] == OK:
            found = list(_external(plan, number, writers, kinds, keys, values, status))
        plan.reads.append(found)
    seen = {writer for reads in plan.reads for _, writer in reads}
    sessions: dict[Any, list[int]] = {}
    for number, session in enumerate(history.session.tolist()):
        if status[number] == FAIL or (status[number] != OK and number not in seen):
            plan.writes[number] = set()
            continue
        sessions.setdefault((number, None) if session == ALONE else session, []).append(number)
    plan.sessions = list(sessions.values())
    return plan


def _write() -> int:
    return 1  # columns.WRITE, without importing numpy


def _external(
    plan: _Plan,
    number: int,
    writers: dict[tuple[int, int], tuple[int, bool]],
    kinds: list[int],
    keys: list[int],
    values: list[int],
    status: list[int],
) -> Iterator[tuple[int, int]]:
    """The reads of a transaction that others must explain, as (key, writer)."""
    from windtunnel.histories.transactions.columns import FAIL, NIL, READ  # noqa: PLC0415

    history = plan.history
    own: dict[int, int] = {}
    for micro in range(int(history.starts[number]), int(history.starts[number + 1])):
        key, value = keys[micro], values[micro]
        if kinds[micro] == _write():
            own[key] = value
            continue
        if kinds[micro] != READ:
            continue
        name, what = shown(history.keys[key]), shown(history.shown_value(value))
        if key in own:
            if own[key] != value:
                text = (
                    f"{plan.told(number)} reads {what} from {name}, and had itself written {shown(history.shown_value(own[key]))}"
                )
                plan.findings.append(Finding("internal", text, (plan.operation(number),), history.keys[key]))
            continue
        if value == NIL:
            yield key, _INITIAL
            continue
        writer, last = writers.get((key, value), (_INITIAL, True))
        kind = ""
        if writer == _INITIAL:
            kind, why = "garbage-read", "which nobody wrote"
        elif writer == number:
            kind, why = "future-read", "which it writes only later"
        elif status[writer] == FAIL:
            kind, why = "aborted-read", f"which {plan.told(writer)} wrote, and was not committed"
        elif not last:
            kind, why = "intermediate-read", f"which {plan.told(writer)} overwrote itself"
        if kind:
            involved = (number,) if writer in (_INITIAL, number) else (writer, number)
            text = f"{plan.told(number)} reads {what} from {name}, {why}"
            plan.findings.append(Finding(kind, text, tuple(map(plan.operation, involved)), history.keys[key]))
        else:
            yield key, writer


def _unordered(plan: _Plan, model: str) -> list[Finding]:
    after: list[list[int]] = [[] for _ in plan.reads]
    why: dict[tuple[int, int], str] = {}
    previous: list[int] = [_INITIAL] * len(plan.reads)
    for numbers in plan.sessions:
        for a, b in pairwise(numbers):
            after[a].append(b)
            previous[b] = a
            why[a, b] = "comes before the next one in its session"
    for number, reads in enumerate(plan.reads):
        for key, writer in reads:
            if writer != _INITIAL and (writer, number) not in why:
                after[writer].append(number)
                why[writer, number] = f"wrote what the next one read from {shown(plan.history.keys[key])}"
    order = ordered(after)
    if len(order) < len(after):
        return [_circle(plan, "CyclicCO", cycle(after, order), why)]
    constraints = {
        "read-committed": lambda: _committed(plan),
        "read-atomic": lambda: _atomic(plan),
        "transactional-causal": lambda: _causal(plan, after, order),
    }[model]()
    findings = []
    for newer, source, reader, key in constraints:
        name = shown(plan.history.keys[key])
        if source == _INITIAL:
            text = f"{plan.told(reader)} reads the initial value of {name}, and should have seen {plan.told(newer)}"
            findings.append(Finding(KINDS[model], text, tuple(map(plan.operation, (newer, reader)))))
        elif (newer, source) not in why:
            after[newer].append(source)
            why[newer, source] = f"must come before the next one: {plan.told(reader)} saw it and read {name} from the next one"
    order = ordered(after)
    if len(order) < len(after):
        findings.append(_circle(plan, KINDS[model], cycle(after, order), why))
    return findings


def _circle(plan: _Plan, kind: str, nodes: list[int], why: dict[tuple[int, int], str]) -> Finding:
    closed = [*nodes, nodes[0]]
    lines = tuple(f"{plan.told(a)} {why[a, b]}." for a, b in pairwise(closed))
    text = f"no commit order: {len(nodes)} transactions must each come before the next, {plan.told(nodes[0])} first and last"
    return Finding(kind, text, tuple(plan.operation(node) for node in nodes), None, lines)


def _committed(plan: _Plan) -> Iterator[_Constraint]:
    for reader, reads in enumerate(plan.reads):
        if len(reads) < 2:
            continue
        later: dict[int, list[tuple[int, int]]] = {}
        for place, (key, writer) in enumerate(reads):
            later.setdefault(key, []).append((place, writer))
        first: dict[int, int] = {}
        for place, (_, writer) in enumerate(reads):
            if writer != _INITIAL:
                first.setdefault(writer, place)
        for writer, place in first.items():
            written = plan.writes[writer]
            for key in written if len(written) < len(later) else later:
                if key in written and key in later:
                    for at, source in later[key]:
                        if at > place and source != writer:
                            yield writer, source, reader, key


def _atomic(plan: _Plan) -> Iterator[_Constraint]:
    for numbers in plan.sessions:
        last: dict[int, int] = {}  # of this session, the last writer of each key
        for reader in numbers:
            reads = plan.reads[reader]
            sources: dict[int, dict[int, None]] = {}
            for key, writer in reads:
                sources.setdefault(key, {})[writer] = None
                if key in last and last[key] != writer:
                    yield last[key], writer, reader, key
            for writer in dict.fromkeys(writer for _, writer in reads if writer != _INITIAL):
                written = plan.writes[writer]
                for key in written if len(written) < len(sources) else sources:
                    if key in written and key in sources:
                        for source in sources[key]:
                            if source != writer:
                                yield writer, source, reader, key
            for key in plan.writes[reader]:
                last[key] = reader


def _causal(plan: _Plan, after: list[list[int]], order: list[int]) -> Iterator[_Constraint]:
    session, place = [0] * len(after), [0] * len(after)
    writes: dict[int, dict[int, list[int]]] = {}
    for number, numbers in enumerate(plan.sessions):
        for at, transaction in enumerate(numbers):
            session[transaction], place[transaction] = number, at
            for key in plan.writes[transaction]:
                writes.setdefault(key, {}).setdefault(number, []).append(at)
    clocks: list[list[int] | None] = [None] * len(after)
    waiting = [len(successors) for successors in after]
    before: list[list[int]] = [[] for _ in after]
    for a, successors in enumerate(after):
        for b in successors:
            before[b].append(a)
    for reader in order:
        clock = [0] * len(plan.sessions)
        for other in before[reader]:
            past = clocks[other]
            assert past is not None, "transactions come in order"
            clock = list(map(max, clock, past))
            waiting[other] -= 1
            if not waiting[other]:
                clocks[other] = None  # nobody needs it any more
        for key, source in dict.fromkeys(plan.reads[reader]):
            for number, places in writes.get(key, {}).items():
                at = bisect_left(places, clock[number])
                if at:
                    newer = plan.sessions[number][places[at - 1]]
                    if newer != source:
                        yield newer, source, reader, key
        if plan.sessions:
            clock[session[reader]] = max(clock[session[reader]], place[reader] + 1)
        clocks[reader] = clock

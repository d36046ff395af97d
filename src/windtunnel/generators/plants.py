"""Faults by name: short scripts in which a database breaks a promise, on keys and by processes of their own.

A script is a drawing: each letter is one operation, a capital where it begins and a small letter where it ends, so `A B a b` are
two that overlap. Whatever other clients do comes between. What a script keeps and breaks was worked out by hand, from the
definitions (Adya 1999; Cerone, Bernardi & Gotsman 2015; Bouajjani et al. 2017; Terry et al. 1994), and is checked by brute force.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from windtunnel.base.messages import Value
from windtunnel.generators.timeline import Timeline
from windtunnel.histories import Operation
from windtunnel.histories.operations import Outcome


@dataclass(frozen=True, slots=True)
class Step:
    """One operation of a script, of a process by its number there. A transaction has micros; else key, value, result say it."""

    process: int
    f: str
    key: str = ""
    value: Value = None
    result: Value = None
    kind: Outcome = "ok"
    micros: tuple[tuple[str, str, tuple[int, ...]], ...] = ()


@dataclass(frozen=True, slots=True)
class Plant:
    """A fault. doc: what happened, in a sentence. order, steps: its script.

    keeps: rungs (of transactions: levels) that the script satisfies, with all that they imply; breaks: those that it does not,
    with all that imply them.
    """

    name: str
    doc: str
    order: str
    steps: Mapping[str, Step]
    keeps: tuple[str, ...]
    breaks: tuple[str, ...]


def play(plant: Plant, timeline: Timeline, name: str, words: Callable[[Step, str], tuple[str, Value, Value]]) -> Iterator[None]:
    """The script, event by event.

    name: of its keys. words: a step and the name of the keys to (f, value, result), as the interface says it.
    """
    processes = {number: timeline.process() for number in sorted({step.process for step in plant.steps.values()})}
    begun: dict[str, tuple[Operation, Value]] = {}
    for letter in plant.order.replace(" ", ""):
        step = plant.steps[letter.upper()]
        if letter.isupper():
            f, value, result = words(step, name)
            key = None if step.micros else f"{name}{step.key}"
            begun[letter] = (timeline.invoke(processes[step.process], f, key, value), result)
        else:
            operation, result = begun[letter.upper()]
            timeline.complete(operation, step.kind, result if step.kind == "ok" else None)
        yield


# --- Scripts in words ---


def _registers(name: str, doc: str, order: str, keeps: str, breaks: str, **steps: str) -> Plant:
    """Steps such as `0 w x 1` and `1 r x`: process, write or read, key, value."""
    made = {}
    for letter, text in steps.items():
        process, f, key, *value = text.split()
        number = int(value[0]) if value else None
        wrote = f == "w"
        made[letter] = Step(int(process), "write" if wrote else "read", key, number if wrote else None, None if wrote else number)
    return Plant(name, doc, order, made, tuple(keeps.split()), tuple(breaks.split()))


def scripted(name: str, doc: str, order: str, keeps: str, breaks: str, **steps: str) -> Plant:
    """Steps such as `0 w x 1, r y 1 2`: process, writes of one value, reads of all values so far. `!` before it: it fails."""
    made = {}
    for letter, text in steps.items():
        process, _, rest = text.removeprefix("!").partition(" ")
        micros = []
        for part in rest.split(","):
            f, key, *values = part.split()
            micros.append((f, key, tuple(map(int, values))))
        made[letter] = Step(int(process), "txn", kind="fail" if text.startswith("!") else "ok", micros=tuple(micros))
    return Plant(name, doc, order, made, tuple(keeps.split()), tuple(breaks.split()))


# --- Registers ---

_ALL_BUT_TIME = "sequential staleness"

REGISTERS: Final = (
    _registers(
        "stale-read",
        "a read that began after a write had been answered does not show it",
        "A a B b",
        _ALL_BUT_TIME,
        "kv staleness@k=0",
        A="0 w x 1",
        B="1 r x",
    ),
    _registers(
        "lost-write",
        "an acknowledged write is gone: everybody goes on reading the value before it",
        "A a B b C c D d",
        _ALL_BUT_TIME,
        "kv staleness@k=0",
        A="0 w x 1",
        B="1 w x 2",
        C="2 r x 1",
        D="3 r x 1",
    ),
    _registers(
        "non-monotonic-read",
        "a process reads 1, then 2, then 1 again, of two writes that do not know of each other",
        "A B a b C c D d E e",
        "weak-causal read-your-writes staleness",
        "monotonic-reads causal-convergence",
        A="0 w x 1",
        B="1 w x 2",
        C="2 r x 1",
        D="2 r x 2",
        E="2 r x 1",
    ),
    _registers(
        "unseen-own-write",
        "a process does not see what it wrote itself",
        "A a B b",
        "monotonic-reads monotonic-writes writes-follow-reads staleness",
        "read-your-writes weak-causal",
        A="0 w x 1",
        B="0 r x",
    ),
    _registers(
        "reordered-writes",
        "somebody sees the second write of a process and not the first one",
        "C A a B b c D d",
        "read-your-writes monotonic-reads writes-follow-reads staleness",
        "monotonic-writes weak-causal",
        A="0 w x 1",
        B="0 w y 1",
        C="1 r y 1",
        D="1 r x",
    ),
    _registers(
        "effect-without-cause",
        "somebody sees a write and not the one that its writer had read before",
        "A a B b C c D d E e",
        "pram staleness",
        "writes-follow-reads weak-causal",
        A="0 w x 1",
        B="1 r x 1",
        C="1 w y 1",
        D="2 r y 1",
        E="2 r x",
    ),
    _registers(
        "divergence",
        "two processes see two writes in opposite orders, for ever",
        "A B a b C D c d",
        "causal staleness",
        "causal-convergence",
        A="0 w x 1",
        B="1 w x 2",
        C="0 r x 2",
        D="1 r x 1",
    ),
    _registers(
        "long-fork",
        "of two writes one process has seen only the first, another only the second",
        "A B C c D d E e F f a b",
        "causal causal-convergence staleness",
        "sequential",
        A="0 w x 1",
        B="1 w y 1",
        C="2 r x 1",
        D="2 r y",
        E="3 r y 1",
        F="3 r x",
    ),
    _registers(
        "phantom",
        "a read shows what nobody wrote",
        "A a B b",
        "",
        "weak-causal pram staleness",
        A="0 w x 1",
        B="1 r x 2",
    ),
)

# --- Transactions: keeps and breaks are levels ---

_RU, _RC = "strong-read-uncommitted", "strong-read-committed"

TRANSACTIONS: Final = (
    scripted(
        "aborted-read",
        "a transaction saw what a failed one had written (G1a)",
        "A B b a",
        _RU,
        "read-committed",
        A="!0 w x 1",
        B="1 r x 1",
    ),
    scripted(
        "intermediate-read",
        "a transaction saw a value that its writer overwrote itself (G1b)",
        "A B b a",
        _RU,
        "read-committed",
        A="0 w x 1, w x 2",
        B="1 r x 1",
    ),
    scripted(
        "dirty-read",
        "two transactions saw the writes of each other (G1c)",
        "A B a b",
        _RU,
        "read-committed",
        A="0 w x 1, r y 1",
        B="1 w y 1, r x 1",
    ),
    scripted(
        "phantom",
        "a transaction saw what nobody wrote",
        "A a B b",
        _RU,
        "read-committed",
        A="0 w x 1",
        B="1 r x 1 9",
    ),
    scripted(
        "future-read",
        "a transaction read what it wrote only later",
        "A a",
        "",
        "read-committed",
        A="0 r x 1, w x 1",
    ),
    scripted(
        "internal",
        "a transaction does not see what it wrote itself",
        "A a",
        "",
        "read-atomic",
        A="0 w x 1, r x",
    ),
    scripted(
        "non-repeatable-read",
        "a transaction read a key twice, and differently",
        "A B b C a c",
        _RC,
        "read-atomic consistent-view repeatable-read",
        A="0 w x 1",
        B="1 r x 1, w x 2",
        C="2 r x 1, r x 1 2",
    ),
    scripted(
        "read-skew",
        "a transaction saw one of two writes of another (G-single)",
        "A a B C b c",
        _RC,
        "read-atomic consistent-view repeatable-read parallel-snapshot-isolation",
        A="0 w x 1, w y 1",
        B="1 r x 1, r y 1, w x 2, w y 2",
        C="2 r x 1, r y 1 2",
    ),
    scripted(
        "lost-update",
        "two transactions read the same version and wrote the next one",
        "A a B C b c D d",
        f"read-atomic {_RC}",
        "cursor-stability update-atomic",
        A="0 w x 1",
        B="1 r x 1, w x 2",
        C="2 r x 1, w x 3",
        D="3 r x 1 2 3",
    ),
    scripted(
        "write-skew",
        "two transactions read what the other one overwrote (G2-item)",
        "A a B C b c D d",
        "strong-snapshot-isolation",
        "serializable repeatable-read",
        A="0 w x 1, w y 1",
        B="1 r x 1, r y 1, w x 2",
        C="2 r x 1, r y 1, w y 2",
        D="3 r x 1 2, r y 1 2",
    ),
    scripted(
        "read-only-anomaly",
        "a transaction that only reads shows that two others had no order (Fekete et al. 2004)",
        "A B b C c a",
        "strong-snapshot-isolation",
        "serializable repeatable-read",
        A="0 r x, r y, w x 1",
        B="1 r y, w y 1",
        C="2 r x, r y 1",
    ),
    scripted(
        "long-fork",
        "two transactions saw two writes in opposite orders",
        "A B C D c d a b",
        f"parallel-snapshot-isolation consistent-view {_RC}",
        "prefix repeatable-read",
        A="0 w x 1",
        B="1 w y 1",
        C="2 r x 1, r y",
        D="3 r y 1, r x",
    ),
    scripted(
        "stale-read",
        "a transaction that began after a write had been answered does not see it",
        "A a B b",
        "strong-session-serializable",
        "strict-serializable strong-snapshot-isolation",
        A="0 w x 1",
        B="1 r x",
    ),
    scripted(
        "causal-reverse",
        "a write is seen, and not one that had been answered before it was asked",
        "C A a B b c",
        "strong-session-serializable",
        "strict-serializable strong-snapshot-isolation",
        A="0 w x 1",
        B="1 w y 1",
        C="2 r x, r y 1",
    ),
    scripted(
        "non-monotonic-read",
        "a session no longer sees what it saw before",
        "A B b C c a",
        "serializable",
        "strong-session-snapshot-isolation",
        A="0 w x 1",
        B="1 r x 1",
        C="1 r x",
    ),
    scripted(
        "unseen-own-write",
        "a session does not see what it committed itself",
        "A a B b",
        "serializable",
        "strong-session-snapshot-isolation",
        A="0 w x 1",
        B="0 r x",
    ),
)

LISTS: Final = (
    scripted(
        "dirty-write",
        "two transactions overwrote each other, in both orders (G0)",
        "A B a b C c",
        "",
        "read-uncommitted",
        A="0 w x 1, w y 1",
        B="1 w x 2, w y 2",
        C="2 r x 1 2, r y 2 1",
    ),
    scripted(
        "duplicate-element",
        "an append took effect twice",
        "A a B b",
        "",
        "read-uncommitted",
        A="0 w x 1",
        B="1 r x 1 1",
    ),
    scripted(
        "lost-element",
        "an element that was read before is gone from the middle",
        "A a B b C c D d",
        "",
        "read-committed",
        A="0 w x 1",
        B="1 w x 2",
        C="2 r x 1 2",
        D="3 r x 2",
    ),
    scripted(
        "dirty-update",
        "a committed append builds on one that failed",
        "A B b a C c",
        "",
        "read-committed",
        A="!0 w x 1",
        B="1 r x 1, w x 2",
        C="2 r x 1 2",
    ),
)
"""Only lists show these."""

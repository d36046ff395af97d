"""Levels that depend on an order of versions which the history leaves open: is there any order without a forbidden cycle?

Sources: Adya 1999; Cerone & Gotsman 2018: a history is serializable exactly if its versions can be ordered so that there is
no cycle, and of snapshot isolation exactly if they can be ordered so that there is none without neighbouring anti-dependencies.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from windtunnel.checkers.transactions import levels
from windtunnel.checkers.transactions.anomalies import Anomaly, Step
from windtunnel.checkers.transactions.cycles import TIERS, doubled, through
from windtunnel.checkers.transactions.dependencies import RW, TAIL, WW, Dependencies, Edges
from windtunnel.checkers.transactions.kernels import path_to, strong, successors
from windtunnel.checkers.transactions.polygraph import BUDGET_S, Choice, Outcome, solve
from windtunnel.checkers.transactions.registers import BY_CHOICE
from windtunnel.checkers.transactions.words import step_of
from windtunnel.histories.operations import shown
from windtunnel.histories.transactions.columns import Column

CHOICES_MAX = 200_000
"""Pairs of versions whose order may stay open."""

_BELOW = levels.weaker("read-atomic")
"""Levels without which no transaction is what a serial execution would have answered."""

_REPAIRS = 3
"""How often the part of a guess that is taken to be wrong is made larger."""

SERIAL = (
    "no-serial-order",
    ("serializable", "strong-session-serializable", "strict-serializable"),
    ("repeatable-read", "strong-session-serializable", "strict-serializable"),
)
SNAPSHOT = (
    "no-snapshot-order",
    ("snapshot-isolation", "strong-session-snapshot-isolation", "strong-snapshot-isolation"),
    ("consistent-view", "strong-session-snapshot-isolation", "strong-snapshot-isolation"),
)
"""Name of the anomaly; by tier the level that an order proves; and the level that has to be open for the question to matter."""


@dataclass(frozen=True, slots=True)
class Pair:
    """Two versions of a key, either of which may be the earlier one: dependencies (kind, before, after) that each order means."""

    one: tuple[tuple[int, int, int], ...]
    other: tuple[tuple[int, int, int], ...]


Pairing = Callable[[int], Sequence[Pair] | None]
"""The open pairs of a tier (0: no order, 1: sessions, 2: real time); None if there are too many."""


@dataclass(frozen=True, slots=True)
class Triples:
    """Dependencies as columns: kind, and the micro-operations before and after."""

    kind: Column
    before: Column
    after: Column


class Guess(Protocol):
    """An order of all versions that may well be right, or nearly."""

    def triples(self) -> Triples:
        """The dependencies that it means."""

    def loosened(self, members: Column) -> tuple[Triples, list[Pair]]:
        """Those it means if versions of some transactions (a mask) stay open where they stand together, and their open pairs."""


class Guessing(Protocol):
    """Short cuts to an order: each counts only if it turns out to be right."""

    def serial(self, tier: int, deadline: float) -> bool:
        """Whether trying finds a serial order that keeps the orders of a tier: a proof. deadline: by `perf_counter`."""

    def guesses(self, place: Column) -> Iterator[Guess]:
        """Guesses, given a place in a topological order per transaction."""


@dataclass(slots=True)
class Judged:
    """What came of it. undecided: names of anomalies that may be there, with the reason."""

    anomalies: list[Anomaly]
    undecided: dict[str, str]
    searched: int = 0


def judged(
    dependencies: Dependencies,
    edges: Edges,
    pairing: Pairing,
    ruled_out: set[str],
    budget_s: float | None,
    guesses: Guessing | None = None,
) -> Judged:
    """Decide the levels that are still open, the strongest first. ruled_out: levels that other anomalies exclude.

    guesses: None where a graph without cycles needs no order to be serializable.
    """
    serial = guesses is not None
    found = Judged([], {})
    deadline = time.perf_counter() + (BUDGET_S if budget_s is None else budget_s)
    for stem, proved, asked in (SERIAL, SNAPSHOT) if serial else (SNAPSHOT,):
        for tier in (2, 1, 0):
            name = stem + TIERS[tier]
            if asked[tier] in ruled_out:
                continue
            known = np.flatnonzero(edges.tiers() <= tier)
            product = stem == SNAPSHOT[0]
            if _acyclic(edges.chosen(known), product=product)[1] < (2 if product else 1) * edges.nodes:
                if serial:  # whatever the order, no snapshots explain it; whether some order shows no read skew is not searched
                    found.undecided[f"G-single{TIERS[tier]}"] = (
                        "which order of versions there was is open, and some may be a read skew"
                    )
                continue
            if guesses is not None and _short_cut(
                dependencies, edges.chosen(known), guesses, tier, deadline, product=product, sound=not ruled_out & _BELOW
            ):
                ruled_out = ruled_out | levels.weaker(proved[tier])
                break
            pairs = pairing(tier)
            if pairs is None:
                found.undecided[name] = f"the order of more than {CHOICES_MAX:,} pairs of versions is open"
                continue
            outcome = _solved(dependencies, edges, known, pairs, deadline - time.perf_counter(), product=product)
            found.searched += outcome.searched
            if outcome.solved is None:
                found.undecided[name] = outcome.why
            elif outcome.solved is False:
                found.anomalies = [anomaly for anomaly in found.anomalies if not anomaly.name.startswith(stem)]
                found.anomalies.append(_told(dependencies, edges, known, name, outcome, product=product))
            else:
                ruled_out = ruled_out | levels.weaker(proved[tier])  # decided: it holds, and so do the weaker ones
                break
    return _needed(found)


def _needed(found: Judged) -> Judged:
    """Without what other anomalies imply: where no snapshots explain a history, no serial order does either."""
    names = {anomaly.name for anomaly in found.anomalies}
    for tier in range(3):
        if SNAPSHOT[0] + TIERS[tier] in names:
            implied = {SERIAL[0] + suffix for suffix in TIERS[tier:]}
            found.anomalies = [anomaly for anomaly in found.anomalies if anomaly.name not in implied]
    return found


def _short_cut(
    dependencies: Dependencies, known: Edges, guesses: Guessing, tier: int, deadline: float, *, product: bool, sound: bool
) -> bool:
    """Whether an order is found without a search: guessed whole, tried serially, guessed and repaired.

    sound: whether single reads are as they should be, so that a serial order may exist.
    """
    if _guessed(dependencies, known, guesses, 0, deadline, product=product):
        return True
    soon = time.perf_counter() + 0.3 * (deadline - time.perf_counter())
    if sound and not product and guesses.serial(tier, soon):
        return True
    return _guessed(dependencies, known, guesses, _REPAIRS, deadline, product=product)


def _guessed(
    dependencies: Dependencies, known: Edges, guesses: Guessing, repairs: int, deadline: float, *, product: bool
) -> bool:
    """Whether one of the guessed orders of all versions makes no cycle, or makes none when the part with cycles is solved."""
    nodes = (2 if product else 1) * known.nodes
    label, count = _acyclic(known, product=product)
    if count < nodes:
        return False
    for guess in guesses.guesses(label[: known.transactions]):
        whole = _with(dependencies, known, guess.triples())
        label, count = _acyclic(whole, product=product)
        members = np.zeros(known.transactions, bool)
        if count == nodes:
            return True
        for _ in range(repairs):
            cyclic = np.bincount(label, minlength=nodes)[label] > 1
            members |= cyclic[: known.transactions]
            if product:
                members |= cyclic[known.nodes : known.nodes + known.transactions]
            fixed, pairs = guess.loosened(members)
            if len(pairs) > CHOICES_MAX or time.perf_counter() > deadline:
                return False
            loose = _with(dependencies, known, fixed)
            label, count = _acyclic(loose, product=product)
            if count == nodes:
                everything = np.arange(len(loose.source))
                seconds = 0.3 * (deadline - time.perf_counter())
                if _solved(dependencies, loose, everything, pairs, seconds, product=product).solved:
                    return True
                break
    return False


def _with(dependencies: Dependencies, known: Edges, more: Triples) -> Edges:
    """The known edges and some more, without their micro-operations."""
    source, target = dependencies.of[more.before].astype(np.int32), dependencies.of[more.after].astype(np.int32)
    other = source != target
    return Edges(
        known.nodes,
        known.transactions,
        np.concatenate([known.source, source[other]]),
        np.concatenate([known.target, target[other]]),
        np.concatenate([known.kind, more.kind[other]]),
    )


def _acyclic(edges: Edges, *, product: bool) -> tuple[Column, int]:
    """(label per node, how many components): as many as nodes if there is no forbidden cycle."""
    if not product:
        return strong(edges.nodes, edges.source, edges.target)
    everything = np.ones(len(edges.source), bool)
    anti = edges.kind == RW
    source, target, _ = doubled(edges, everything, ~anti & (edges.kind != TAIL), anti)
    return strong(2 * edges.nodes, source, target)


def _solved(
    dependencies: Dependencies, edges: Edges, known: Column, pairs: Sequence[Pair], budget_s: float, *, product: bool
) -> Outcome:
    of = dependencies.of
    some = edges.chosen(known)
    if product:
        everything = np.ones(len(known), bool)
        source, target, _ = doubled(some, everything, (some.kind != RW) & (some.kind != TAIL), some.kind == RW)
    else:
        source, target = some.source, some.target
    shift = edges.nodes if product else 0
    choices = [Choice(_nodes(pair.one, of, shift), _nodes(pair.other, of, shift), pair) for pair in pairs]
    choices = [choice for choice in choices if choice.one and choice.other]
    return solve(edges.nodes + shift, source, target, choices, max(0.1, budget_s))


def _nodes(edges: tuple[tuple[int, int, int], ...], of: Column, shift: int) -> tuple[tuple[int, int], ...]:
    found = []
    for kind, before, after in edges:
        a, b = int(of[before]), int(of[after])
        if a == b:
            continue
        if not shift:
            found.append((a, b))
        elif kind == RW:
            found.append((a, b + shift))
        else:
            found += [(a, b), (a + shift, b)]
    return tuple(found)


# --- Explanation ---


def _told(dependencies: Dependencies, edges: Edges, known: Column, name: str, outcome: Outcome, *, product: bool) -> Anomaly:
    """The choice of which both alternatives close a cycle, with both cycles; or only that all orders were tried."""
    history, of = dependencies.history, dependencies.of
    if outcome.impossible is None:
        why = f"every order of the versions leads to a cycle ({outcome.searched:,} were tried)"
        return Anomaly(name, why, ())
    pair: Pair = outcome.impossible.tag
    forced = [dependency for choice, side in outcome.forced for dependency in (choice.tag.one if side == 0 else choice.tag.other)]
    cycles = [_cycle(dependencies, edges, known, forced, alternative, product=product) for alternative in (pair.one, pair.other)]
    _, before, after = pair.one[0]
    key = shown(history.keys[int(history.key[after])])
    a, b = int(of[before]), int(of[after])
    word = "appended to" if history.interface == "list-append" else "wrote"
    why = f"T{a} and T{b} both {word} {key}, and a cycle follows whichever came first"
    shown_first = cycles[0] or cycles[1] or ()
    steps = tuple(dict.fromkeys(step.source for step in (*cycles[0], *cycles[1])))
    return Anomaly(name, why, steps or (a, b), tuple(shown_first), 1, tuple(cycles[1]) if cycles[0] else ())


def _cycle(
    dependencies: Dependencies,
    edges: Edges,
    known: Column,
    forced: Sequence[tuple[int, int, int]],
    alternative: tuple[tuple[int, int, int], ...],
    *,
    product: bool,
) -> list[Step]:
    """A shortest cycle with one edge of the alternative, through what is known or forced."""
    some = _extended(dependencies, edges, known, [*forced, *alternative])
    everything = np.ones(len(some.source), bool)
    anti, tails = some.kind == RW, some.kind == TAIL
    if product:
        source, target, which = doubled(some, everything, ~anti & ~tails, anti)
        nodes = 2 * some.nodes
    else:
        source, target, which, nodes = some.source, some.target, np.arange(len(some.source)), some.nodes
    starts, order = successors(nodes, source, target)
    weight = (np.arange(nodes) % some.nodes < some.transactions).astype(np.uint8)
    best: list[int] | None = None
    for closer in range(len(some.source) - len(alternative), len(some.source)):
        goals = np.zeros(nodes, np.uint8)
        begin = int(some.target[closer]) + (some.nodes if product and anti[closer] else 0)
        goals[int(some.source[closer])] = 1
        if product and not anti[closer]:
            goals[int(some.source[closer]) + some.nodes] = 1
        path, _ = path_to(starts, order, source, target, weight, np.asarray([begin], np.int32), goals, 50_000_000)
        if path is not None and (best is None or len(path) + 1 < len(best)):
            best = [closer, *which[path].tolist()]
    if best is None:
        return []
    return [step_of(dependencies, *edge) for edge in through(some, tuple(best))]


def _extended(dependencies: Dependencies, edges: Edges, known: Column, more: Sequence[tuple[int, int, int]]) -> Edges:
    """The known edges and some more, with their micro-operations."""
    micros = np.asarray([edges.micros(edge) for edge in known.tolist()], np.int64).reshape(-1, 3)
    kind = np.asarray([item[0] for item in more], np.int8)
    before = np.asarray([item[1] for item in more], np.int64)
    after = np.asarray([item[2] for item in more], np.int64)
    of = dependencies.of
    different = of[before] != of[after]
    kind, before, after = kind[different], before[different], after[different]
    return Edges(
        edges.nodes,
        edges.transactions,
        np.concatenate([edges.source[known], of[before]]).astype(np.int32),
        np.concatenate([edges.target[known], of[after]]).astype(np.int32),
        np.concatenate([edges.kind[known], kind]).astype(np.int8),
        np.concatenate([micros[:, 0], before]),
        np.concatenate([micros[:, 1], after]),
        np.concatenate([micros[:, 2], np.full(len(kind), BY_CHOICE)]).astype(np.int8),
    )


def pair_of(first: tuple[int, int, Sequence[int]], second: tuple[int, int, Sequence[int]]) -> Pair:
    """The open order of two chains, each (first write, last write, reads of the last one), all micro-operations."""

    def before(a: tuple[int, int, Sequence[int]], b: tuple[int, int, Sequence[int]]) -> tuple[tuple[int, int, int], ...]:
        return ((WW, a[1], b[0]), *((RW, read, b[0]) for read in a[2]))

    return Pair(before(first, second), before(second, first))

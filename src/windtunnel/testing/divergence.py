"""Two runs of one seed that are not the same: where they part, and what that says about the code under test.

Theory of operation. A run keeps a digest of all that happened, every few events. Two lists of digests agree up to the first event
that differs and never after, so a bisection finds the few events in which the difference lies; both runs are made again, this
time keeping the steps of that window, and laid side by side. A third pair of runs, under other addresses or the same ones,
tells what kind of thing the code depends on.
"""

from __future__ import annotations

import dataclasses
from bisect import bisect_left
from collections.abc import Callable
from dataclasses import dataclass

from windtunnel.testing.recording import Step
from windtunnel.testing.single import Ask, Row

INDEX_EVERY = 64
"""Events between two digests: a window of so many steps is quickly laid side by side."""

BEFORE = 4
"""Steps that are shown before the first that differs."""

AFTER = 6
"""Steps that are searched for the stack of whoever the differing one wakes."""

TRIES = 3
WHOLE = (0, 50_000)
"""The window when the index did not help: the beginning of the run, as much as fits through a pipe in no time."""

_STACK_LINES = 10


@dataclass(frozen=True, slots=True)
class Divergence:
    """Where two runs of `seed` part. addresses: they are the same as long as objects lie at the same addresses.

    common: the last steps that both have. first, second: what each run did then, from the step that differs to the next one that
    has a stack; empty where it had ended. found: false when the runs did not differ again while they were watched.
    """

    seed: int
    fingerprints: tuple[str, str]
    addresses: bool
    common: tuple[Step, ...] = ()
    first: tuple[Step, ...] = ()
    second: tuple[Step, ...] = ()
    found: bool = True

    def lines(self) -> list[str]:
        """The report: one screen."""
        one, two = self.fingerprints
        lines = [f"not deterministic: two runs of seed {self.seed} differ (fingerprints {one} and {two})"]
        if not self.found:
            return [*lines, "they did not differ again while every step was watched: the cause is rare", *self._hint()]
        if self.common:
            lines += ["the last steps that both have in common:", *(f"  {_brief(step)}" for step in self.common)]
            lines += _stack_lines(self.common[-1], "  ")
        if self.first and self.second and _brief(self.first[0]) == _brief(self.second[0]):
            lines.append(
                "both go on in the same way; what differs is what the last of these steps has sent, its content or its size"
            )
        else:
            lines += ["then one run:", *_shown(self.first), "and the other:", *_shown(self.second)]
        return [*lines, *self._hint()]

    def _hint(self) -> list[str]:
        if self.addresses:
            return [
                "hint: with objects at the same addresses the runs are alike, so the order of a set of objects, `id()` or a",
                "      default `hash()` decides something here. Keep a list or a dict instead of a set, or sort by a name.",
            ]
        return [
            "hint: something here comes from outside the simulation: a real clock or counter that is not hooked (of a C",
            "      extension, of /proc), a generator that a C extension seeded itself, a real file, or a thread.",
        ]


def part(make: Callable[[Ask], Row], ask: Ask, one: Row, two: Row) -> Divergence:
    """Find where two runs of `ask` part that had different fingerprints. make: runs an ask in a child of its own."""
    prints = (one.fingerprint, two.fingerprint)
    alike = [make(dataclasses.replace(ask, shuffled=False)).fingerprint for _ in range(TRIES)]
    addresses = two.ask.shuffled != one.ask.shuffled and len(set(alike)) == 1
    window: tuple[int, int] | None = None
    for _ in range(TRIES):
        asks = [dataclasses.replace(ask, index=INDEX_EVERY, window=window, shuffled=row.ask.shuffled) for row in (one, two)]
        first, second = make(asks[0]), make(asks[1])
        if first.fingerprint == second.fingerprint:
            continue
        if window is not None:
            steps = compared(first.steps, second.steps)
            if steps is not None:
                return Divergence(ask.seed, prints, addresses, *steps)
            window = WHOLE
        else:
            window = differing(first, second)
            asks = [dataclasses.replace(again, window=window) for again in asks]
            steps = compared(make(asks[0]).steps, make(asks[1]).steps)
            if steps is not None:
                return Divergence(ask.seed, prints, addresses, *steps)
            window = WHOLE
    return Divergence(ask.seed, prints, addresses, found=False)


def differing(one: Row, two: Row) -> tuple[int, int]:
    """The numbers of the events between which two runs begin to differ, from their indexes, by bisection."""
    shared = min(len(one.index), len(two.index))
    at = bisect_left(range(shared), True, key=lambda i: one.index[i] != two.index[i])
    first = one.index[at - 1][0] if at else 0
    last = max(one.index[at][0], two.index[at][0]) if at < shared else max(one.events, two.events)
    return max(0, first - BEFORE), last + BEFORE


def compared(one: list[Step], two: list[Step]) -> tuple[tuple[Step, ...], tuple[Step, ...], tuple[Step, ...]] | None:
    """The last common steps, and what each run did from the first that differs; None if there is none."""
    for i in range(max(len(one), len(two))):
        if one[i : i + 1] != two[i : i + 1]:
            return tuple(one[max(0, i - BEFORE) : i]), _to_a_stack(one, i), _to_a_stack(two, i)
    return None


def _to_a_stack(steps: list[Step], at: int) -> tuple[Step, ...]:
    """A timer or a packet has no stack; the task that it wakes, one of the next steps, has."""
    last = next((i for i in range(at, min(at + AFTER, len(steps))) if steps[i].stack), at)
    return tuple(steps[at : last + 1])


# --- Words ---


def _brief(step: Step) -> str:
    return f"t={step.at_s:.6f} s  {step.host}  {step.what}"


def _shown(steps: tuple[Step, ...]) -> list[str]:
    if not steps:
        return ["  (it had ended)"]
    return [line for step in steps for line in (f"  {_brief(step)}", *_stack_lines(step, "  "))]


def _stack_lines(step: Step, indent: str) -> list[str]:
    return [f"{indent}  at {file}:{line} in {function}" for file, line, function in step.stack[-_STACK_LINES:]]

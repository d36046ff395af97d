"""What a name in the evidence or in a path stands for: its title, how long it takes, the command that does it.

lesson:law-1   lab:circuit-breaker   lab:raft-election#2 (a stage)   lab:raft/one_vote_per_term (a safeguard)
calc:mmc       decision:consistency  exercise:tail                   run:raft
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from windtunnel.base.errors import UsageError, unknown
from windtunnel.learn import lesson_file

SAFEGUARD_MINUTES = 15
"""A lab made from a safeguard: predict which promise breaks, run, read the story."""


@dataclass(frozen=True, slots=True)
class Item:
    """Something that can be done and leaves evidence. `minutes` is 0 where the item has no estimate of its own."""

    id: str
    kind: str
    title: str
    minutes: int
    command: str
    laws: tuple[int, ...] = ()
    prerequisites: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """The item as JSON."""
        names = ("id", "kind", "title", "minutes", "command", "laws", "prerequisites")
        return {name: getattr(self, name) for name in names}


def find(name: str) -> Item:
    """The item of that name. Raises UsageError for a kind or a name that does not exist."""
    kind, colon, rest = name.partition(":")
    if not colon or kind not in KINDS:
        raise UsageError(f"expected an item such as lesson:law-1; got {name!r}; kinds: {', '.join(KINDS)}")
    return KINDS[kind](rest)


def exists(name: str) -> bool:
    """Whether there is such an item."""
    try:
        find(name)
    except UsageError:
        return False
    return True


def _lesson(name: str) -> Item:
    found = lesson_file.lesson(name)
    needs = tuple(need if ":" in need else f"lesson:{need}" for need in found.prerequisites)
    return Item(found.item, "lesson", found.title, found.minutes, f"windtunnel lesson do {found.id}", found.laws, needs)


def _lab(name: str) -> Item:
    from windtunnel import labs  # noqa: PLC0415 - loads the catalogue

    bare, _, stage = name.partition("#")
    found = labs.find(bare)
    parts = {str(number): part for number, part in enumerate(found.stages, 1)}
    if stage and stage not in parts:
        raise unknown(f"stage of the lab {bare}", stage, parts)
    title = f"{found.title}: {parts[stage].title}" if stage else found.title
    minutes = SAFEGUARD_MINUTES if "/" in bare else round(found.hours * 60)
    needs = tuple(f"lab:{need}" for need in found.prerequisites)
    return Item(f"lab:{name}", "lab", title, minutes, f"windtunnel lab start {bare}", tuple(found.laws), needs)


def _calc(name: str) -> Item:
    from windtunnel import quant  # noqa: PLC0415 - only where a calculator is named

    if name not in quant.CALCULATORS:
        raise unknown("calculator", name, quant.CALCULATORS)
    return Item(f"calc:{name}", "calc", quant.CALCULATORS[name].title, 0, f"windtunnel calc {name} --check")


def _decision(name: str) -> Item:
    from windtunnel.learn import decision_tree  # noqa: PLC0415 - decisions name items in their reasons

    found = decision_tree.decision(name)
    return Item(
        f"decision:{found.id}", "decision", found.title, found.minutes, f"windtunnel decide {found.id} --cases", found.laws
    )


def _run(name: str) -> Item:
    from windtunnel import systems  # noqa: PLC0415 - imports the system

    found = systems.find(name)
    return Item(f"run:{found.name}", "run", found.title, 0, f"windtunnel run {found.name} --faults all")


def _exercise(name: str) -> Item:
    from windtunnel.learn import placement  # noqa: PLC0415 - reads its data

    found = placement.exercises()
    if name not in found:
        raise unknown("exercise", name, found)
    return Item(f"exercise:{name}", "exercise", f"Placement: {name}", 2, "windtunnel path choose")


def _planned(kind: str, name: str) -> Item:
    raise UsageError(f"there is no {kind} {name!r} yet: this kind of item is planned")


KINDS: dict[str, Callable[[str], Item]] = {
    "lesson": functools.cache(_lesson),
    "lab": functools.cache(_lab),
    "calc": functools.cache(_calc),
    "decision": functools.cache(_decision),
    "run": functools.cache(_run),
    "exercise": functools.cache(_exercise),
    "study": functools.partial(_planned, "study"),
    "project": functools.partial(_planned, "project"),
}

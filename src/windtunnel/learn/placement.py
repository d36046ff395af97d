"""Which path fits: a goal, and a few small exercises. What somebody solves counts, not what they say they know.

Exercises belong to levels. A level counts as known when at least two thirds of its exercises are solved, and so are those of
all levels below it. The first path above what is known is proposed; a goal of leadership, or a learner who does not write code,
leads to the Leader path whatever the exercises say.
"""

from __future__ import annotations

import functools
import math
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from typing import Any

from windtunnel import __version__
from windtunnel.base.errors import UsageError, unknown
from windtunnel.learn.lesson_file import QUESTION, Question
from windtunnel.learn.path_file import ORDER, Path, paths
from windtunnel.learn.progress import Journal, Progress, canonical, content_hash
from windtunnel.learn.schema import Field, read

GRADER = f"windtunnel {__version__}"
LEVELS = ("beginner", "practitioner", "architect")
GOALS = {
    "foundation": "understand what breaks, and why",
    "practice": "build services that stand",
    "design": "choose and defend designs",
    "leadership": "decide and lead, without writing code",
}
SHARE = 2 / 3
"""Of the exercises of a level that must be solved for the level to count as known."""


@dataclass(frozen=True, slots=True)
class Chosen:
    """What is proposed: a path, why, and how long it takes. `solved` of `asked` by level."""

    path: Path
    reasons: tuple[str, ...]
    hours_left: float
    weeks: int
    solved: Mapping[str, tuple[int, int]]

    def to_json(self) -> dict[str, Any]:
        """The proposal as JSON."""
        return {
            "path": self.path.id,
            "title": self.path.title,
            "reasons": list(self.reasons),
            "hours": self.path.hours,
            "hours_available": round(self.path.available_hours, 2),
            "hours_left": round(self.hours_left, 2),
            "weeks": self.weeks,
            "solved": {level: {"right": right, "of": of} for level, (right, of) in self.solved.items()},
        }


@functools.cache
def _rows() -> tuple[tuple[str, Question], ...]:
    text = (resources.files("windtunnel.learn") / "placement.toml").read_text(encoding="utf-8")
    found = []
    for i, row in enumerate(tomllib.loads(text)["exercises"], 1):
        values = read(row, (Field("level", str, among=LEVELS), *QUESTION), f"placement.toml: exercise {i}")
        level = values.pop("level")
        found.append((level, Question(**values | {"choices": tuple(values["choices"])})))
    return tuple(found)


def exercises(level: str | None = None) -> dict[str, Question]:
    """The exercises by id, in order; of one level, or all."""
    return {question.id: question for at, question in _rows() if level in (None, at)}


def grade(given: Mapping[str, str], journal: Journal | None = None) -> dict[str, bool]:
    """Which exercises are solved. With a journal each answer leaves evidence. Raises UsageError for what is no answer."""
    known = exercises()
    values = {}
    for name, text in given.items():
        if name not in known:
            raise unknown("exercise", name, known)
        values[name] = known[name].read(text)
    results = {name: known[name].right(value) for name, value in values.items()}
    if journal is not None:
        for name, right in results.items():
            proof = content_hash(canonical([known[name].prompt, known[name].answer]))
            answer = content_hash(canonical(values[name]))
            verdict = "passed" if right else "failed"
            journal.add(f"exercise:{name}", "exercise", verdict, proof, answer, GRADER, metrics={"given": values[name]})
    return results


def choose(
    results: Mapping[str, bool], *, goal: str, hours_per_week: float, codes: bool = True, progress: Progress | None = None
) -> Chosen:
    """The path for somebody who solved these exercises. Raises UsageError for a goal that does not exist."""
    if goal not in GOALS:
        raise unknown("goal", goal, GOALS)
    if not 0 < hours_per_week <= 80:
        raise UsageError(f"hours per week: expected more than 0 and at most 80; got {hours_per_week:g}")
    solved = {level: _solved(level, results) for level in LEVELS}
    known = _known(solved)
    reasons = [_reason(level, *solved[level]) for level in LEVELS[: len(known) + 1]]
    if goal == "leadership" or not codes:
        name = "leader"
        reasons = ["The goal is to decide and lead, and the Leader path takes no code." if codes else "No code is to be written."]
    else:
        reach = {"foundation": 0, "practice": 1, "design": 2}[goal]
        name = ORDER[min(len(known), reach)]
        if len(known) > reach:
            reasons.append(f"The goal, to {GOALS[goal]}, is the subject of the {name.capitalize()} path.")
        elif len(known) < reach:
            goes_on = ORDER[reach].capitalize()
            reasons.append(f"The goal, to {GOALS[goal]}, comes with the {goes_on} path, which builds on this one.")
    path = paths()[name]
    status = path.status(progress or Progress())
    left = (status.available_minutes - status.done_minutes) / 60
    if status.planned_minutes:
        reasons.append(f"{status.planned_minutes / 60:.3g} of its {path.hours:.3g} hours are planned and cannot be done yet.")
    return Chosen(path, tuple(reasons), left, math.ceil(left / hours_per_week), solved)


def known(progress: Progress) -> list[str]:
    """The levels that somebody's evidence shows to be known: by the exercises, or by a path that is complete."""
    results = dict.fromkeys(
        (e.item.removeprefix("exercise:") for e in progress.evidence if e.kind == "exercise" and e.passed), True
    )
    levels = _known({level: _solved(level, results) for level in LEVELS})
    for level in LEVELS[len(levels) :]:
        if not paths()[level].status(progress).complete:
            break
        levels.append(level)
    return levels


def skipped(path: Path, progress: Progress) -> tuple[str, ...]:
    """What somebody who is placed on a path need not do first: its needs outside it, if the levels below it are known."""
    below = ORDER.index(path.id) if path.id in LEVELS else 0
    if not below or len(known(progress)) < below:
        return ()
    done = progress.passed() | progress.overridden()
    return tuple(need for need in path.outside() if need not in done)


def _solved(level: str, results: Mapping[str, bool]) -> tuple[int, int]:
    asked = exercises(level)
    return sum(results.get(name, False) for name in asked), len(asked)


def _known(solved: Mapping[str, tuple[int, int]]) -> list[str]:
    """The levels from the lowest that are known, without a gap."""
    found: list[str] = []
    for level in LEVELS:
        right, of = solved[level]
        if right < SHARE * of:
            break
        found.append(level)
    return found


def _reason(level: str, right: int, of: int) -> str:
    if right >= SHARE * of:
        return f"You solved {right} of {of} exercises of the {level.capitalize()} level: its path would tell you little."
    return f"You solved {right} of {of} exercises of the {level.capitalize()} level: that is where there is most to gain."

"""Doing a lesson: answers are graded, commands are run, and both leave evidence.

A command may be run only when every question above it has been answered: a prediction that is made after the run is none.
A wrong answer is recorded and costs nothing; the lesson is complete when each command had the expected verdict and each
question has been answered rightly, in any number of attempts. Evidence of a step is "lesson:<id>#<step>", of the whole
"lesson:<id>". When a lesson's text changes, its steps begin anew; what was complete stays complete.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from windtunnel import __version__
from windtunnel.base.errors import UsageError
from windtunnel.learn.home import made
from windtunnel.learn.lesson_file import Lesson, Question, Step, Try
from windtunnel.learn.progress import Journal, Progress, canonical, content_hash

GRADER = f"windtunnel {__version__}"
TIMEOUT_S = 120.0
"""Wall time for one command of a lesson. The slowest takes a few seconds on a laptop."""
OUTPUT_MAX = 200_000
"""Characters of output that are kept; what a lesson shows is far shorter."""
CODES = {0: "valid", 1: "invalid", 2: "unknown"}


@dataclass(frozen=True, slots=True)
class Answered:
    """What came of an answer. `why` is empty until the answer is right."""

    question: str
    given: float
    right: bool
    why: str

    def to_json(self) -> dict[str, Any]:
        """The answer as JSON."""
        return {"question": self.question, "given": self.given, "right": self.right, "why": self.why}


@dataclass(frozen=True, slots=True)
class Tried:
    """What came of a command. `missing`: what the output ought to contain, and does not."""

    step: str
    command: str
    expected: str
    verdict: str
    output: str
    missing: tuple[str, ...]
    seconds: float

    @property
    def right(self) -> bool:
        """Whether it went as the lesson says."""
        return self.verdict == self.expected and not self.missing

    def to_json(self) -> dict[str, Any]:
        """The run as JSON."""
        names = ("step", "command", "expected", "verdict", "right", "output", "missing", "seconds")
        return {name: getattr(self, name) for name in names}


@dataclass(frozen=True, slots=True)
class StepState:
    """Where the learner is with one step: how often it was attempted, and whether it is done."""

    step: Step
    attempts: int
    done: bool

    def to_json(self) -> dict[str, Any]:
        """The state as JSON."""
        kind = "try" if isinstance(self.step, Try) else "question"
        return {"id": self.step.id, "kind": kind, "attempts": self.attempts, "done": self.done}


def states(lesson: Lesson, progress: Progress) -> list[StepState]:
    """The state of every step, in order, by the evidence on the lesson's present text."""
    found = []
    for step in lesson.steps:
        rows = [e for e in progress.of(f"{lesson.item}#{step.id}") if e.content_hash == lesson.content_hash]
        found.append(StepState(step, len(rows), any(e.passed for e in rows)))
    return found


class Runner:
    """Does one lesson for one learner."""

    def __init__(self, lesson: Lesson, journal: Journal) -> None:
        self.lesson = lesson
        self.journal = journal
        self.folder = journal.home / "lessons" / lesson.id

    def states(self) -> list[StepState]:
        """The state of every step."""
        return states(self.lesson, self.journal.read())

    @property
    def complete(self) -> bool:
        """Whether every step is done."""
        return all(state.done for state in self.states())

    def answer(self, question: str, given: str | float) -> Answered:
        """Grade an answer and record it. Raises UsageError for a question that there is not, or no answer at all."""
        step = self.lesson.step(question)
        if not isinstance(step, Question):
            raise UsageError(f"{question} is a command to run, not a question")
        value = step.read(given)
        right = step.right(value)
        self._record(step, right=right, submission=canonical(value), metrics={"given": value})
        return Answered(step.id, value, right, step.why if right else "")

    def attempt(self, name: str, *, timeout_s: float = TIMEOUT_S) -> Tried:
        """Run a command of the lesson and record how it ended. Raises UsageError while a question above it is unanswered."""
        step = self.lesson.step(name)
        if not isinstance(step, Try):
            raise UsageError(f"{name} is a question, not a command to run")
        self._predicted(step)
        tried = perform(step, laid_out(self.lesson, self.folder), timeout_s=timeout_s)
        self._record(
            step,
            right=tried.right,
            submission=step.command.encode(),
            metrics={"verdict": tried.verdict, "seconds": tried.seconds},
        )
        return tried

    def _predicted(self, step: Try) -> None:
        for state in self.states():
            if state.step.id == step.id:
                return
            if isinstance(state.step, Question) and not state.attempts:
                raise UsageError(f"predict first: answer the question {state.step.id!r}, then run {step.id}")

    def _record(self, step: Step, *, right: bool, submission: bytes, metrics: dict[str, Any]) -> None:
        kind = "try" if isinstance(step, Try) else "question"
        self.journal.add(
            f"{self.lesson.item}#{step.id}",
            kind,
            "passed" if right else "failed",
            self.lesson.content_hash,
            content_hash(submission),
            GRADER,
            metrics=metrics,
        )
        if right:
            self._record_whole()

    def _record_whole(self) -> None:
        """Record the lesson itself, once per text of it, when its last step is done."""
        progress = self.journal.read()
        known = any(e.passed and e.content_hash == self.lesson.content_hash for e in progress.of(self.lesson.item))
        found = states(self.lesson, progress)
        if known or not all(state.done for state in found):
            return
        parts = [e.submission_hash for s in found for e in progress.of(f"{self.lesson.item}#{s.step.id}") if e.passed]
        wrong = sum(not e.passed for s in found for e in progress.of(f"{self.lesson.item}#{s.step.id}"))
        self.journal.add(
            self.lesson.item,
            "lesson",
            "passed",
            self.lesson.content_hash,
            content_hash("\n".join(parts)),
            GRADER,
            metrics={"steps": len(found), "wrong": wrong},
        )


def laid_out(lesson: Lesson, folder: Path) -> Path:
    """The folder with the files of the lesson in it: as shipped, whatever became of them."""
    made(folder)
    for name, text in lesson.files.items():
        (folder / name).write_text(text, encoding="utf-8")
    return folder


def perform(step: Try, folder: Path, *, timeout_s: float = TIMEOUT_S) -> Tried:
    """Run a command in `folder` and compare it with what the lesson expects. Nothing is recorded."""
    env = {**os.environ, "WINDTUNNEL_STORE": str(folder / "store"), "NO_COLOR": "1", "COLUMNS": "100"}
    began = time.monotonic()
    output, verdict = _output([sys.executable, "-m", "windtunnel", *step.words], folder, env, timeout_s)
    flat = " ".join(output.split())
    missing = tuple(line for line in step.shows if " ".join(line.split()) not in flat)
    return Tried(step.id, step.command, step.expected, verdict, output, missing, round(time.monotonic() - began, 3))


def _output(command: Sequence[str], folder: Path, env: dict[str, str], timeout_s: float) -> tuple[str, str]:
    """What a command printed on both streams, and its verdict: "error" for wrong usage, "timeout" when it took too long."""
    try:
        done = subprocess.run(  # noqa: S603 - our own command, with the words of a shipped lesson
            command,
            cwd=folder,
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=timeout_s,
            check=False,
        )
    except subprocess.TimeoutExpired as late:
        said = (late.output or b"").decode(errors="replace")
        return f"{said[:OUTPUT_MAX]}\n(not finished after {timeout_s:g} s)", "timeout"
    return done.stdout.decode(errors="replace")[:OUTPUT_MAX], CODES.get(done.returncode, "error")

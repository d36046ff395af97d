"""Lessons: a text, questions that are asked before the run, and runs that answer them.

A lesson is a file `lessons/<id>.md`: TOML between two `+++` lines, then Markdown (learn.markup) with three kinds of fence:

    ```file rack.toml                       a file that the commands find in their folder, such as a fault plan

    ```try invalid                          a command that the learner runs, and the verdict that it must have
    windtunnel run raft --scenario figure-8 --without commit_own_term_only
    > leader_completeness broken            words that its output must contain (any number of such lines)
    ```

    ```question                             TOML
    id = "who"
    prompt = "Which property breaks?"
    kind = "choice"                         or "number", with `answer`, `tolerance` and perhaps `unit`
    choices = ["election safety", "leader completeness"]
    answer = 1                              the index, from 0
    why = "Said when the answer is right."
    proof = "try 1"                         what shows the answer: a run of this lesson, a source, or a calculation
    ```

The reference of the format is docs/reference/lessons.md.
"""

from __future__ import annotations

import functools
import math
import re
import shlex
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from typing import Any

from windtunnel.base.errors import UsageError, unknown
from windtunnel.learn.markup import Fence, MalformedLesson, Node, blocks, code, spans
from windtunnel.learn.progress import content_hash
from windtunnel.learn.schema import Field, read

MINUTES_MAX = 20
"""No lesson takes longer to read and do."""
VERDICTS = ("valid", "invalid", "unknown")


@dataclass(frozen=True, slots=True)
class Try:
    """A command of a lesson: `id` is "try-1", "try-2" ...; `shows` is what its output must contain."""

    id: str
    words: tuple[str, ...]
    expected: str
    shows: tuple[str, ...]

    @property
    def command(self) -> str:
        """The command line as a person types it."""
        return shlex.join(("windtunnel", *self.words))

    def to_json(self) -> Node:
        """The block of the tree."""
        return {"type": "try", "id": self.id, "command": self.command, "expected": self.expected, "shows": list(self.shows)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """A question of a lesson. `answer` is the index of a choice, or a number that may be off by `tolerance`.

    `proof` says what the answer rests on: "try 2", "source 1", "= 1 - 0.99 ** 100" (arithmetic), or
    "$ windtunnel calc ... | path.in.its.json". A test evaluates it.
    """

    id: str
    prompt: str
    kind: str
    answer: float
    why: str
    proof: str
    choices: tuple[str, ...] = ()
    tolerance: float = 0.0
    unit: str = ""

    def read(self, given: str | float) -> float:
        """What somebody answered, as a number: of a choice its index (or, as a word, its text, or a letter from "a").

        Raises UsageError for what cannot be an answer.
        """
        text = str(given).strip()
        if self.kind == "choice":
            letters = {chr(ord("a") + i): i for i in range(len(self.choices))}
            texts = {choice.lower(): i for i, choice in enumerate(self.choices)}
            if text.lower() in texts or text.lower() in letters:
                return texts.get(text.lower(), letters.get(text.lower(), -1))
            expected = f"a letter from a to {max(letters)}"
            if not text.isdecimal() or int(text) >= len(self.choices):
                raise UsageError(f"question {self.id}: expected {expected}; got {text!r}")
            return int(text)
        try:
            value = float(text.removesuffix(self.unit).strip())
        except ValueError:
            value = math.nan
        if not math.isfinite(value):
            raise UsageError(f"question {self.id}: expected a number{f' of {self.unit}' if self.unit else ''}; got {text!r}")
        return value

    def right(self, value: float) -> bool:
        """Whether it is the answer."""
        return abs(value - self.answer) <= self.tolerance + 1e-12 * abs(self.answer)

    def to_json(self) -> Node:
        """The block of the tree: all but the answer, and what gives it away."""
        return {
            "type": "question",
            "id": self.id,
            "kind": self.kind,
            "prompt": spans(self.prompt),
            "choices": [spans(choice) for choice in self.choices],
            "unit": self.unit,
        }


Step = Try | Question


@dataclass(frozen=True, slots=True, kw_only=True)
class Lesson:
    """A lesson as its file says it. `body` has nodes of learn.markup, and Try and Question where the learner acts."""

    id: str
    title: str
    minutes: int
    objective: str
    why: str
    laws: tuple[int, ...]
    rows: tuple[str, ...]
    prerequisites: tuple[str, ...]
    sources: tuple[str, ...]
    body: tuple[Node | Step, ...]
    files: Mapping[str, str]
    content_hash: str

    @property
    def item(self) -> str:
        """Its name in the evidence."""
        return f"lesson:{self.id}"

    @property
    def steps(self) -> tuple[Step, ...]:
        """What the learner has to do, in the order of the text."""
        return tuple(block for block in self.body if isinstance(block, Try | Question))

    def step(self, name: str) -> Step:
        """A step by its id. Raises UsageError for one that the lesson lacks."""
        for step in self.steps:
            if step.id == name:
                return step
        raise unknown(f"step of {self.id}", name, [step.id for step in self.steps])

    def to_json(self) -> dict[str, Any]:
        """All that a page needs to show it; no answers."""
        names = ("id", "title", "minutes", "objective", "why", "laws", "rows", "prerequisites", "sources", "content_hash")
        body = [block.to_json() if isinstance(block, Try | Question) else block for block in self.body]
        return {"item": self.item} | {name: getattr(self, name) for name in names} | {"blocks": body}


_HEAD = (
    Field("id", str),
    Field("title", str),
    Field("minutes", int),
    Field("objective", str),
    Field("why", str),
    Field("laws", list, item=int, default=[]),
    Field("rows", list, item=str, default=[]),
    Field("prerequisites", list, item=str, default=[]),
    Field("sources", list, item=str),
)
QUESTION = (
    Field("id", str),
    Field("prompt", str),
    Field("kind", str, among=("choice", "number")),
    Field("answer", float),
    Field("why", str),
    Field("proof", str),
    Field("choices", list, item=str, default=[]),
    Field("tolerance", float, default=0.0),
    Field("unit", str, default=""),
)


def parse(text: str, file: str) -> Lesson:
    """The lesson in `text`. Raises MalformedLesson with file and line."""
    head, body, line = _split(text, file)
    values = read(head, _HEAD, f"{file}: front matter")
    if not 1 <= values["minutes"] <= MINUTES_MAX:
        raise MalformedLesson(file, 1, f"minutes: expected 1 to {MINUTES_MAX}; got {values['minutes']}")
    if not all(1 <= law <= 7 for law in values["laws"]):
        raise MalformedLesson(file, 1, f"laws: expected numbers from 1 to 7; got {values['laws']}")
    nodes: list[Node | Step] = []
    files: dict[str, str] = {}
    tries = 0
    for block in blocks(body, file, line):
        if not isinstance(block, Fence):
            nodes.append(block)
        elif block.info.split()[:1] == ["try"]:
            tries += 1
            nodes.append(_try(block, f"try-{tries}", file))
        elif block.info == "question":
            nodes.append(_question(block, file))
        elif block.info.startswith("file"):
            files[_file_name(block, file)] = block.text + "\n"
            nodes.append(code(block))
        else:
            nodes.append(code(block))
    ids = [node.id for node in nodes if isinstance(node, Try | Question)]
    if twice := sorted({name for name in ids if ids.count(name) > 1}):
        raise MalformedLesson(file, line, f"two steps are called {twice[0]!r}")
    values |= {name: tuple(values[name]) for name in ("laws", "rows", "prerequisites", "sources")}
    return Lesson(**values, body=tuple(nodes), files=files, content_hash=content_hash(text))


def _split(text: str, file: str) -> tuple[Mapping[str, Any], str, int]:
    """Front matter, body, and the line on which the body begins."""
    lines = text.split("\n")
    if lines[0].rstrip() != "+++":
        raise MalformedLesson(file, 1, "expected +++, the beginning of the front matter")
    for end in range(1, len(lines)):
        if lines[end].rstrip() == "+++":
            return _toml("\n".join(lines[1:end]), file, 2), "\n".join(lines[end + 1 :]), end + 2
    raise MalformedLesson(file, 1, "the front matter is not closed by +++")


def _toml(text: str, file: str, first_line: int) -> Mapping[str, Any]:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        where = re.search(r"at line (\d+)", str(error))
        line = first_line + int(where[1]) - 1 if where else first_line
        raise MalformedLesson(file, line, f"not TOML: {error}") from None


def _file_name(fence: Fence, file: str) -> str:
    match = re.fullmatch(r"file ([a-z0-9-]+\.[a-z]+)", fence.info)
    if match is None:
        raise MalformedLesson(file, fence.line - 1, f"file: expected a plain name, as in `file rack.toml`; got {fence.info!r}")
    return match[1]


def _try(fence: Fence, name: str, file: str) -> Try:
    words = fence.info.split()
    expected = words[1] if len(words) > 1 else "valid"
    if expected not in VERDICTS or len(words) > 2:
        raise MalformedLesson(file, fence.line - 1, f"try: expected one of {', '.join(VERDICTS)}; got {fence.info!r}")
    lines = [line for line in fence.text.replace("\\\n", " ").split("\n") if line.strip()]
    commands = [line for line in lines if not line.startswith("> ")]
    if len(commands) != 1 or not commands[0].startswith("windtunnel "):
        raise MalformedLesson(file, fence.line, "try: expected one line that begins with `windtunnel`, then lines with `> `")
    shows = tuple(line[2:].strip() for line in lines if line.startswith("> "))
    return Try(name, tuple(shlex.split(commands[0])[1:]), expected, shows)


def _question(fence: Fence, file: str) -> Question:
    values = read(_toml(fence.text, file, fence.line), QUESTION, f"{file}:{fence.line}: question")
    choices = tuple(values.pop("choices"))
    question = Question(**values, choices=choices)
    if question.kind == "choice" and (len(choices) < 2 or question.answer not in range(len(choices))):
        raise MalformedLesson(file, fence.line, f"question {question.id}: `answer` is the index of one of two or more choices")
    if question.kind == "number" and choices:
        raise MalformedLesson(file, fence.line, f"question {question.id}: a number has no choices")
    if not re.match(r"(try|source) \d+$|= .|\$ windtunnel .+\|", question.proof):
        raise MalformedLesson(file, fence.line, f"question {question.id}: `proof` is a try, a source, `= ...` or `$ ... | ...`")
    return question


@functools.cache
def lessons() -> dict[str, Lesson]:
    """All lessons that are shipped, by id, in the order of their names."""
    folder = resources.files("windtunnel.learn") / "lessons"
    files = sorted((file for file in folder.iterdir() if file.name.endswith(".md")), key=lambda file: file.name)
    found = {}
    for file in files:
        made = parse(file.read_text(encoding="utf-8"), f"lessons/{file.name}")
        if f"{made.id}.md" != file.name:
            raise MalformedLesson(f"lessons/{file.name}", 1, f"the id is {made.id!r}: the file must be named after it")
        found[made.id] = made
    return found


def lesson(name: str) -> Lesson:
    """A lesson by its id, with or without "lesson:". Raises UsageError."""
    found = lessons()
    bare = name.removeprefix("lesson:")
    if bare not in found:
        raise unknown("lesson", name, found)
    return found[bare]

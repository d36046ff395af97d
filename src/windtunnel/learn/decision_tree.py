"""Decision frameworks: trees of questions that end in advice with reasons, and cases to practise on.

`decisions/<id>.toml` has `nodes` (a question and its choices; the first one is "start"), `leaves` (advice, and reasons that
point at a run, a calculator, a lab or a lesson) and `cases` (a situation and the leaf that it ought to end in). Every choice
leads somewhere, every node and leaf is reached from the start, nothing goes in a circle, every leaf has a reason that can be
followed. Whoever walks a case to its leaf has shown something; whoever walks their own case gets advice and a record of it.
"""

from __future__ import annotations

import functools
import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from typing import Any

from windtunnel import __version__
from windtunnel.base.errors import UsageError, unknown
from windtunnel.learn.progress import Evidence, Journal, Progress, canonical, content_hash
from windtunnel.learn.schema import Field, read

GRADER = f"windtunnel {__version__}"
START = "start"


@dataclass(frozen=True, slots=True)
class Choice:
    """An answer, and the node or leaf it leads to."""

    text: str
    to: str


@dataclass(frozen=True, slots=True)
class Ask:
    """A question of a framework. `hint` says how to find the answer."""

    id: str
    ask: str
    choices: tuple[Choice, ...]
    hint: str = ""

    def to_json(self) -> dict[str, Any]:
        """The question as JSON."""
        return {"id": self.id, "ask": self.ask, "hint": self.hint, "choices": [choice.text for choice in self.choices]}


@dataclass(frozen=True, slots=True)
class Reason:
    """Why: a sentence, and what to follow: an item ("calc:mmc"), a command (`windtunnel run ...`) or a source."""

    text: str
    see: str

    def to_json(self) -> dict[str, Any]:
        """The reason as JSON."""
        return {"text": self.text, "see": self.see}


@dataclass(frozen=True, slots=True)
class Leaf:
    """Where a walk ends."""

    id: str
    advice: str
    reasons: tuple[Reason, ...]

    def to_json(self) -> dict[str, Any]:
        """The leaf as JSON."""
        return {"id": self.id, "advice": self.advice, "reasons": [reason.to_json() for reason in self.reasons]}


@dataclass(frozen=True, slots=True)
class Case:
    """A situation to practise on, and the leaf that it ends in."""

    id: str
    story: str
    leaf: str


@dataclass(frozen=True, slots=True)
class Walk:
    """A walk so far: the questions with what was answered, and what comes now."""

    steps: tuple[tuple[Ask, int], ...]
    at: Ask | Leaf

    @property
    def leaf(self) -> Leaf | None:
        """The end, if it has been reached."""
        return self.at if isinstance(self.at, Leaf) else None

    def to_json(self) -> dict[str, Any]:
        """The walk as JSON: `question` while it goes on, `leaf` when it has ended."""
        taken = [{"ask": ask.ask, "choice": ask.choices[i].text, "index": i} for ask, i in self.steps]
        return {
            "steps": taken,
            "question": self.at.to_json() if isinstance(self.at, Ask) else None,
            "leaf": self.at.to_json() if isinstance(self.at, Leaf) else None,
        }


@dataclass(frozen=True, slots=True)
class Framework:
    """A decision framework as its file says it."""

    id: str
    title: str
    question: str
    minutes: int
    objective: str
    why: str
    laws: tuple[int, ...]
    sources: tuple[str, ...]
    nodes: Mapping[str, Ask]
    leaves: Mapping[str, Leaf]
    cases: tuple[Case, ...]
    content_hash: str

    @property
    def item(self) -> str:
        """Its name in the evidence."""
        return f"decision:{self.id}"

    def walk(self, answers: Sequence[int | str]) -> Walk:
        """Follow answers from the start: an index from 0, a letter from "a", or the text of a choice. Raises UsageError."""
        at: Ask | Leaf = self.nodes[START]
        steps: list[tuple[Ask, int]] = []
        for answer in answers:
            if isinstance(at, Leaf):
                raise UsageError(f"{self.id}: the walk ends at {at.id!r} after {len(steps)} answers; got {len(answers)}")
            index = _index(at, answer)
            steps.append((at, index))
            to = at.choices[index].to
            at = self.leaves[to] if to in self.leaves else self.nodes[to]
        return Walk(tuple(steps), at)

    def case(self, name: str) -> Case:
        """A case by its id. Raises UsageError."""
        for case in self.cases:
            if case.id == name:
                return case
        raise unknown(f"case of {self.id}", name, [case.id for case in self.cases])

    def walks(self) -> dict[str, tuple[int, ...]]:
        """For every leaf that can be reached, the first answers that lead there."""
        found: dict[str, tuple[int, ...]] = {}
        todo: list[tuple[str, tuple[int, ...]]] = [(START, ())]
        for name, answers in todo:  # grows while it is walked
            if name in self.leaves:
                found.setdefault(name, answers)
            else:
                todo += [(choice.to, (*answers, i)) for i, choice in enumerate(self.nodes[name].choices)]
        return found

    def solved(self, progress: Progress) -> frozenset[str]:
        """The cases that have been walked to their leaf."""
        return frozenset(case.id for case in self.cases if progress.has(f"{self.item}#{case.id}"))

    def to_json(self) -> dict[str, Any]:
        """The whole tree, for a page that draws it; of the cases only what they tell, not their leaves."""
        names = ("id", "title", "question", "minutes", "objective", "why", "laws", "sources")
        edges = {name: [choice.to for choice in ask.choices] for name, ask in self.nodes.items()}
        return {name: getattr(self, name) for name in names} | {
            "item": self.item,
            "nodes": {name: ask.to_json() | {"to": edges[name]} for name, ask in self.nodes.items()},
            "leaves": {name: leaf.to_json() for name, leaf in self.leaves.items()},
            "cases": [{"id": case.id, "story": case.story} for case in self.cases],
        }


def _index(ask: Ask, answer: int | str) -> int:
    texts = [choice.text.lower() for choice in ask.choices]
    word = str(answer).strip().lower()
    if word in texts:
        return texts.index(word)
    if len(word) == 1 and "a" <= word < chr(ord("a") + len(texts)):
        return ord(word) - ord("a")
    if word.isascii() and word.isdecimal() and int(word) < len(texts):
        return int(word)
    last = chr(ord("a") + len(texts) - 1)
    raise UsageError(f"{ask.ask} expected a letter from a to {last} or the text of a choice; got {str(answer)!r}")


def grade(framework: Framework, case: str, answers: Sequence[int | str], journal: Journal) -> tuple[Walk, bool]:
    """Walk a case and record whether it ended where it ought to; with its last case the framework is complete.

    Raises UsageError for a walk that does not end.
    """
    wanted = framework.case(case)
    walk = _ended(framework, answers)
    right = walk.at.id == wanted.leaf
    _record(framework, f"#{case}", walk, "passed" if right else "failed", journal)
    progress = journal.read()
    if right and len(framework.solved(progress)) == len(framework.cases) and not progress.has(framework.item):
        _record(framework, "", walk, "passed", journal)
    return walk, right


def advise(framework: Framework, answers: Sequence[int | str], journal: Journal | None = None) -> Walk:
    """Walk one's own case. With a journal it leaves a decision record, which completes nothing."""
    walk = _ended(framework, answers)
    if journal is not None:
        _record(framework, "", walk, "recorded", journal)
    return walk


def _ended(framework: Framework, answers: Sequence[int | str]) -> Walk:
    walk = framework.walk(answers)
    if isinstance(walk.at, Ask):
        raise UsageError(f"{framework.id}: {len(answers)} answers lead to a question, not to advice: {walk.at.ask}")
    return walk


def _record(framework: Framework, part: str, walk: Walk, verdict: str, journal: Journal) -> Evidence:
    taken = [i for _, i in walk.steps]
    return journal.add(
        f"{framework.item}{part}",
        "decision",
        verdict,
        framework.content_hash,
        content_hash(canonical(taken)),
        GRADER,
        metrics={"answers": taken, "leaf": walk.at.id},
    )


# --- Reading ---

_FRAMEWORK = (
    Field("id", str),
    Field("title", str),
    Field("question", str),
    Field("minutes", int),
    Field("objective", str),
    Field("why", str),
    Field("laws", list, item=int, default=[]),
    Field("sources", list, item=str, default=[]),
    Field("nodes", dict),
    Field("leaves", dict),
    Field("cases", list, item=dict),
)
_ASK = (Field("ask", str), Field("hint", str, default=""), Field("choices", list, item=dict))
_CHOICE = (Field("text", str), Field("to", str))
_LEAF = (Field("advice", str), Field("reasons", list, item=dict))
_REASON = (Field("text", str), Field("see", str))
_CASE = (Field("id", str), Field("story", str), Field("leaf", str))
_SEE = re.compile(r"windtunnel \S.*|[a-z]+:[a-z0-9][a-z0-9_/#-]*|source \d+")


def parse(text: str, file: str) -> Framework:
    """The framework in `text`. Raises UsageError: fields, dangling choices, circles, leaves that nothing leads to."""
    try:
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise UsageError(f"{file}: not TOML: {error}") from None
    values = read(table, _FRAMEWORK, file)
    nodes = {name: _ask(name, row, f"{file}: nodes.{name}") for name, row in values["nodes"].items()}
    leaves = {name: _leaf(name, row, f"{file}: leaves.{name}") for name, row in values["leaves"].items()}
    cases = tuple(Case(**read(row, _CASE, f"{file}: case {i}")) for i, row in enumerate(values["cases"], 1))
    values |= {
        "laws": tuple(values["laws"]),
        "sources": tuple(values["sources"]),
        "nodes": nodes,
        "leaves": leaves,
        "cases": cases,
    }
    framework = Framework(**values, content_hash=content_hash(text))
    _check(framework, file)
    return framework


def _ask(name: str, row: Any, where: str) -> Ask:
    values = read(_table(row, where), _ASK, where)
    choices = tuple(Choice(**read(choice, _CHOICE, f"{where}: choice {i}")) for i, choice in enumerate(values["choices"], 1))
    if len(choices) < 2:
        raise UsageError(f"{where}: a question has two choices or more")
    return Ask(name, values["ask"], choices, values["hint"])


def _leaf(name: str, row: Any, where: str) -> Leaf:
    values = read(_table(row, where), _LEAF, where)
    reasons = tuple(Reason(**read(reason, _REASON, f"{where}: reason {i}")) for i, reason in enumerate(values["reasons"], 1))
    for reason in reasons:
        if not _SEE.fullmatch(reason.see):
            raise UsageError(
                f"{where}: see: expected `windtunnel ...`, an item such as calc:mmc, or `source 1`; got {reason.see!r}"
            )
    if not reasons:
        raise UsageError(f"{where}: advice needs a reason")
    return Leaf(name, values["advice"], reasons)


def _table(row: Any, where: str) -> Mapping[str, Any]:
    if not isinstance(row, Mapping):
        raise UsageError(f"{where}: expected a table; got {row!r}")
    return row


def _check(framework: Framework, file: str) -> None:
    nodes, leaves = framework.nodes, framework.leaves
    if START not in nodes:
        raise UsageError(f"{file}: there is no question {START!r}")
    if both := sorted(set(nodes) & set(leaves)):
        raise UsageError(f"{file}: {both[0]!r} is a question and a leaf")
    for name, ask in nodes.items():
        for choice in ask.choices:
            if choice.to not in nodes and choice.to not in leaves:
                raise UsageError(f"{file}: nodes.{name}: {unknown('question or leaf', choice.to, (*nodes, *leaves))}")
    _no_circle(framework, START, (), file)
    reached = _reached(framework)
    if lonely := sorted((set(nodes) | set(leaves)) - reached):
        raise UsageError(f"{file}: nothing leads to {lonely[0]!r}")
    for case in framework.cases:
        if case.leaf not in leaves:
            raise UsageError(f"{file}: case {case.id}: {unknown('leaf', case.leaf, leaves)}")
    if len({case.id for case in framework.cases}) < len(framework.cases) or not framework.cases:
        raise UsageError(f"{file}: there must be cases, each with an id of its own")


def _no_circle(framework: Framework, name: str, above: tuple[str, ...], file: str) -> None:
    if name in above:
        raise UsageError(f"{file}: the questions go in a circle: {' then '.join((*above, name))}")
    if name in framework.nodes:
        for choice in framework.nodes[name].choices:
            _no_circle(framework, choice.to, (*above, name), file)


def _reached(framework: Framework) -> set[str]:
    found = {START}
    todo = [START]
    for name in todo:  # grows while it is walked
        fresh = [c.to for c in framework.nodes[name].choices if c.to not in found] if name in framework.nodes else []
        found.update(fresh)
        todo += fresh
    return found


@functools.cache
def decisions() -> dict[str, Framework]:
    """All frameworks that are shipped, by id."""
    folder = resources.files("windtunnel.learn") / "decisions"
    found = {}
    for file in sorted(folder.iterdir(), key=lambda file: file.name):
        if file.name.endswith(".toml"):
            made = parse(file.read_text(encoding="utf-8"), f"decisions/{file.name}")
            if f"{made.id}.toml" != file.name:
                raise UsageError(f"decisions/{file.name}: the id is {made.id!r}: the file must be named after it")
            found[made.id] = made
    return found


def decision(name: str) -> Framework:
    """A framework by its id, with or without "decision:". Raises UsageError."""
    found = decisions()
    bare = name.removeprefix("decision:")
    if bare not in found:
        raise unknown("decision framework", name, found)
    return found[bare]

"""Read and do lessons: a text, predictions, and the runs that answer them.

`do` goes through a lesson on the terminal: it asks, runs, compares. Without a terminal, answers come from --answer; a command
is run when every question above it has an answer. What was done is evidence: see `windtunnel progress`.
"""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING, Any

from windtunnel.base.errors import UsageError, unknown
from windtunnel.cli.flags import Parser, pairs
from windtunnel.cli.output import colour, say, say_json, table
from windtunnel.cli.reading import rendered, words, wrapped

if TYPE_CHECKING:
    from windtunnel import learn

EXAMPLES = """\
  windtunnel lesson list
  windtunnel lesson show law-1
  windtunnel lesson do law-1
  windtunnel lesson do what-is-distributed --answer silence=c --answer twice=a"""

JSON = (
    "`list`: `lessons`. `show`: the lesson as a tree ([format](lessons.md)). `do`: `lesson`, `complete`, `steps` (`id`, `kind`, "
    "`done`, `attempts`), `answers`, `runs` (`command`, `expected`, `verdict`, `right`, `output`)."
)
DONE, WRONG, OPEN = 0, 1, 2


def configure(parser: Parser) -> None:
    """The flags of `lesson`."""
    parser.add_argument("action", help="list, show or do")
    parser.add_argument("lesson", nargs="?", help="which one; `windtunnel lesson list` has them")
    parser.add_argument("--answer", action="append", default=[], metavar="ID=ANSWER", help="do: answer a question; repeatable")


def execute(args: argparse.Namespace) -> int:
    """List, show or do. `do` exits with 0 when the lesson is complete, 1 when something was wrong, 2 while steps are open."""
    actions = {"list": _list, "show": _show, "do": _do}
    if args.action not in actions:
        raise unknown("action of lesson", args.action, actions)
    if args.answer and args.action != "do":
        raise UsageError("--answer belongs to `windtunnel lesson do`")
    if (args.lesson is None) != (args.action == "list"):
        raise UsageError("expected `lesson list`, `lesson show ID` or `lesson do ID`; see windtunnel lesson --help")
    return actions[args.action](args)


def _list(args: argparse.Namespace) -> int:
    from windtunnel import learn  # noqa: PLC0415 - not needed by --help

    done = learn.Journal().read().passed()
    rows = [
        {"id": one.id, "minutes": one.minutes, "done": one.item in done, "title": one.title, "laws": list(one.laws)}
        for one in sorted(learn.lessons().values(), key=_place)
    ]
    if args.json:
        say_json({"lessons": rows})
    else:
        shown = [(row["id"], f"{row['minutes']} min", "done" if row["done"] else "", row["title"]) for row in rows]
        table(("lesson", "time", "", "title"), [[str(cell) for cell in row] for row in shown])
    return 0


def _place(lesson: learn.Lesson) -> int:
    """Where a lesson stands on the paths, the first path first; those on no path come last."""
    from windtunnel import learn  # noqa: PLC0415

    order = [node.item for path in learn.paths().values() for node in path.nodes]
    return order.index(lesson.item) if lesson.item in order else len(order)


def _show(args: argparse.Namespace) -> int:
    from windtunnel import learn  # noqa: PLC0415

    lesson = learn.lesson(args.lesson)
    tree = lesson.to_json()
    if args.json:
        say_json(tree)
        return 0
    _say_head(tree)
    for node in tree["blocks"]:
        _say_block(node)
    _say_sources(tree)
    say(f"do it: windtunnel lesson do {lesson.id}")
    return 0


def _say_head(tree: dict[str, Any]) -> None:
    say(f"{tree['title']}   ({tree['minutes']} minutes)")
    say(wrapped(f"you will: {tree['objective']}", "  "))
    say(wrapped(f"why: {tree['why']}", "  "))
    say()


def _say_block(node: Any) -> None:
    for line in rendered(node, marked=colour()):
        say(line)
    say()


def _marked(text: str) -> str:
    """A reason, with its emphasis as the text of the lesson has it."""
    from windtunnel.learn.markup import spans  # noqa: PLC0415

    return words(spans(text), marked=colour())


def _say_sources(tree: dict[str, Any]) -> None:
    say("sources")
    for number, source in enumerate(tree["sources"], 1):
        say(wrapped(f"[{number}] {source}", "  "))
    say()


def _do(args: argparse.Namespace) -> int:
    from windtunnel import learn  # noqa: PLC0415

    runner = learn.Runner(learn.lesson(args.lesson), learn.Journal())
    answers = pairs_of_answers(args.answer)
    for name in answers:
        runner.lesson.step(name)
    talks = sys.stdin.isatty() and sys.stdout.isatty() and not args.json and not answers
    return _Session(runner, answers).talk() if talks else _Session(runner, answers).work(json=args.json)


def pairs_of_answers(texts: list[str]) -> dict[str, str]:
    """`["id=answer"]` as a dict; ids keep their hyphens. Raises UsageError."""
    pairs(texts)  # says what is wrong
    return {name.strip(): value for name, _, value in (text.partition("=") for text in texts)}


class _Session:
    """One pass through a lesson."""

    def __init__(self, runner: learn.Runner, answers: dict[str, str]) -> None:
        self.runner = runner
        self.answers = answers
        self.graded: list[dict[str, Any]] = []
        self.runs: list[dict[str, Any]] = []
        self.told: dict[str, list[learn.Question]] = {}  # right predictions, by the run after which they are told

    def work(self, *, json: bool) -> int:
        """Without a person: answer what there is an answer to, run what may be run, say what is left."""
        from windtunnel.learn import Question  # noqa: PLC0415

        for state in self.runner.states():
            step = state.step
            if isinstance(step, Question):
                if step.id in self.answers:
                    self._answer(step.id, json=json)
            elif not state.done and self._predicted(step.id):
                self._run(step.id, json=json)
        return self._end(json=json)

    def _predicted(self, name: str) -> bool:
        """Whether every question above a command has been answered."""
        for state in self.runner.states():
            if state.step.id == name:
                return True
            if state.step.id in self._questions() and not state.attempts:
                return False
        raise AssertionError(name)

    def _questions(self) -> set[str]:
        from windtunnel.learn import Question  # noqa: PLC0415

        return {step.id for step in self.runner.lesson.steps if isinstance(step, Question)}

    def _answer(self, name: str, *, json: bool) -> None:
        graded = self.runner.answer(name, self.answers[name])
        self.graded.append(graded.to_json())
        if not json:
            say(wrapped(f"{name}: {'right. ' + _marked(graded.why) if graded.right else 'not right'}"))

    def _run(self, name: str, *, json: bool) -> None:
        tried = self.runner.attempt(name)
        self.runs.append(tried.to_json())
        if not json:
            _say_run(tried)

    def _end(self, *, json: bool) -> int:
        states = self.runner.states()
        complete = all(state.done for state in states)
        wrong = [row["question"] for row in self.graded if not row["right"]] + [
            row["step"] for row in self.runs if not row["right"]
        ]
        if json:
            steps = [state.to_json() for state in states]
            found = {"lesson": self.runner.lesson.id, "complete": complete, "steps": steps}
            say_json(found | {"answers": self.graded, "runs": self.runs})
        elif complete:
            say(f"✓ {self.runner.lesson.title}: complete")
        else:
            left = [state.step.id for state in states if not state.done]
            say(f"{len(left)} of {len(states)} steps are open: {', '.join(left)}")
            open_questions = [name for name in left if name in self._questions()]
            for name in open_questions:
                say()
                _say_block(self.runner.lesson.step(name).to_json())
            if open_questions:
                given = " ".join(f"--answer {name}=..." for name in open_questions)
                say(f"answer: windtunnel lesson do {self.runner.lesson.id} {given}")
        return DONE if complete else WRONG if wrong else OPEN

    def talk(self) -> int:
        """With a person: show, ask, run. What a run will show is told after it; a wrong answer is asked again then."""
        from windtunnel.learn import Question, Try  # noqa: PLC0415

        lesson = self.runner.lesson
        done = {state.step.id for state in self.runner.states() if state.done}
        again: list[Question] = []
        _say_head(lesson.to_json())
        for block in lesson.body:
            if isinstance(block, Question):
                if block.id in done:
                    say(f"[{block.id}] answered before\n")
                else:
                    self._predict(block, again)
            elif isinstance(block, Try):
                self._offer(block.id, ran=block.id in done)
                for question in self.told.pop(block.id, ()):
                    say(wrapped(f"{question.id}: you predicted rightly. {_marked(question.why)}") + "\n")
                again = [question for question in again if not self._ask(question)]
            else:
                _say_block(block)
        while again:
            again = [question for question in again if not self._ask(question)]
        _say_sources(lesson.to_json())
        return self._end(json=False)

    def _predict(self, question: learn.Question, again: list[learn.Question]) -> None:
        """Ask before the run. Where a later run decides, nobody learns yet whether the answer is right."""
        kind, _, number = question.proof.partition(" ")
        decides = f"try-{number}"
        if kind != "try":
            if not self._ask(question):
                again.append(question)
        elif self._answered(question).right:
            say("noted: the run will tell.\n")
            self.told.setdefault(decides, []).append(question)
        else:
            say("noted: the run will tell.\n")
            again.append(question)

    def _ask(self, question: learn.Question) -> bool:
        graded = self._answered(question)
        say(wrapped(f"right. {_marked(graded.why)}") + "\n" if graded.right else "not quite: you are asked again later.\n")
        return graded.right

    def _answered(self, question: learn.Question) -> learn.Answered:
        """What came of an answer; what is no answer is asked again at once."""
        _say_block(question.to_json())
        while True:
            try:
                return self.runner.answer(question.id, _input("your answer: "))
            except UsageError as error:
                say(str(error))

    def _offer(self, name: str, *, ran: bool) -> None:
        _say_block(self.runner.lesson.step(name).to_json())
        if ran:
            if _input("you ran it before: Enter to run it again, s to skip ").strip().lower().startswith("s"):
                return
        else:
            _input("press Enter to run it ")
        _say_run(self.runner.attempt(name))


def _say_run(tried: learn.Tried) -> None:
    say(f"$ {tried.command}")
    for line in tried.output.rstrip().splitlines():
        say(f"  {line}")
    if tried.right:
        say(f"  as expected: {tried.verdict}")
    else:
        lacks = f"; it lacks: {'; '.join(tried.missing)}" if tried.missing else ""
        say(f"  expected {tried.expected}, got {tried.verdict}{lacks}")
    say()


def _input(prompt: str) -> str:
    """A line from the person. The end of the input is the end of the session, like Ctrl-C."""
    try:
        return input(prompt)
    except EOFError:
        raise KeyboardInterrupt from None

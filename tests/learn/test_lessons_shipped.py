"""The lessons that are shipped: every claim has a source or a run, and every run goes as the text says."""

import ast
import json
import math
import operator
import re
import shlex
import subprocess
import sys

import pytest

from windtunnel import learn
from windtunnel.learn import items
from windtunnel.learn.markup import walk
from windtunnel.learn.path_file import acyclic
from windtunnel.learn.runner import laid_out, perform

LESSONS = learn.lessons()
LAWS = [f"law-{n}" for n in range(1, 8)]
QUICK = ["law-5"]  # executed in the default suite; all the others in the campaign


def questions(lesson):
    return [step for step in lesson.steps if isinstance(step, learn.Question)]


def tries(lesson):
    return [step for step in lesson.steps if isinstance(step, learn.Try)]


ALL_QUESTIONS = [(lesson, question) for lesson in LESSONS.values() for question in questions(lesson)]


# --- What the text says ---


def test_each_law_has_a_lesson_with_a_run():
    """Law n is shown by the lesson law-n, which runs something and asks before it runs."""
    for n, name in enumerate(LAWS, 1):
        assert n in LESSONS[name].laws
        assert tries(LESSONS[name]), name
        assert questions(LESSONS[name]), name


@pytest.mark.parametrize("lesson", LESSONS.values(), ids=list(LESSONS))
def test_every_lesson_asks_before_it_runs(lesson):
    """The first step is a question, so that there is something to predict."""
    assert len(questions(lesson)) >= 2
    assert len(tries(lesson)) >= 2
    assert lesson.objective.endswith(".")
    assert lesson.why.endswith(".")


@pytest.mark.parametrize("lesson", LESSONS.values(), ids=list(LESSONS))
def test_sources_are_cited_and_exist(lesson):
    """[n] points at a source that is listed, and each source that is listed is cited, by the text or by an answer."""
    tree = lesson.to_json()
    cited = {node["number"] for node in walk(tree["blocks"]) if node["type"] == "source"}
    text = " ".join(question.why for question in questions(lesson))
    cited |= {int(n) for n in re.findall(r"\[(\d+)\]", text)}
    cited |= {int(q.proof.split()[1]) for q in questions(lesson) if q.proof.startswith("source ")}
    assert cited == set(range(1, len(lesson.sources) + 1))


@pytest.mark.parametrize("lesson", LESSONS.values(), ids=list(LESSONS))
def test_links_and_prerequisites_exist(lesson):
    """Items that a text links to can be done."""
    targets = [node["target"] for node in walk(lesson.to_json()["blocks"]) if node["type"] == "link"]
    for target in (*targets, *(f"lesson:{need}" for need in lesson.prerequisites)):
        assert target.startswith("https://") or items.exists(target), target


def test_prerequisites_of_lessons_have_no_circle():
    """There is a first one."""
    acyclic({lesson.id: lesson.prerequisites for lesson in LESSONS.values()})


# --- What its answers rest on ---

NAMES = {"math": math, "round": round}
BINARY = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Pow: operator.pow,
}


def value_of(text):
    """The value of a calculation: numbers, + - * / // **, comparisons, math functions; nothing else."""
    tree = ast.parse(text, mode="eval")
    allowed = (
        *BINARY,
        ast.Expression,
        ast.BinOp,
        ast.UnaryOp,
        ast.USub,
        ast.Constant,
        ast.Compare,
        ast.Eq,
        ast.Gt,
        ast.Lt,
        ast.BoolOp,
        ast.And,
        ast.Call,
        ast.Attribute,
        ast.Name,
        ast.Load,
    )
    assert all(isinstance(node, allowed) for node in ast.walk(tree)), text
    return eval(compile(tree, "proof", "eval"), {"__builtins__": {}}, NAMES)


def looked_up(found, path):
    """A value in JSON by a dotted path; items of a list by their name."""
    for part in path.split("."):
        found = next(row for row in found if row["name"] == part) if isinstance(found, list) else found[part]
    return found


def check_answer(question, value):
    """A value that was found is the answer: within the tolerance, or true."""
    if question.kind == "choice":
        assert value is True
    else:
        assert question.right(value), f"{question.id}: {value} is not {question.answer} within {question.tolerance}"


def run_proof(question, folder):
    """`$ windtunnel ... | path [* number] [= word]`: the value is the answer, or the word."""
    command, _, what = question.proof.removeprefix("$ ").rpartition(" | ")
    done = subprocess.run(
        [sys.executable, "-m", "windtunnel", *shlex.split(command)[1:]],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=110,
        check=False,
    )
    match = re.fullmatch(r"([\w.-]+)(?: ([*/]) ([\d.]+))?(?: = (\S+))?", what)
    assert match, question.proof
    path, sign, number, word = match.groups()
    value = looked_up(json.loads(done.stdout), path)
    if word is not None:
        assert value == word
        return
    check_answer(question, {"*": operator.mul, "/": operator.truediv, None: lambda a, _: a}[sign](value, float(number or 0)))


@pytest.mark.parametrize(("lesson", "question"), ALL_QUESTIONS, ids=[f"{one.id}-{q.id}" for one, q in ALL_QUESTIONS])
def test_every_answer_has_a_proof(lesson, question):
    """It names a run or a source of the lesson, or a calculation that gives the answer, or a command (see below)."""
    kind, _, rest = question.proof.partition(" ")
    if kind == "try":
        assert 1 <= int(rest) <= len(tries(lesson))
        assert question.kind == "choice"
    elif kind == "source":
        assert 1 <= int(rest) <= len(lesson.sources)
    elif kind == "=":
        check_answer(question, value_of(rest))
    else:
        assert kind == "$"


RUN = [(f"{lesson.id}-{question.id}", question) for lesson, question in ALL_QUESTIONS if question.proof.startswith("$ ")]


@pytest.mark.campaign
@pytest.mark.parametrize("question", [question for _, question in RUN], ids=[name for name, _ in RUN])
def test_answers_that_a_command_proves(question, tmp_path):
    """The command is run, and its JSON holds the answer."""
    run_proof(question, tmp_path)


def test_a_wrong_calculation_would_be_seen():
    """The proof of an answer can fail."""
    right = next(question for _, question in ALL_QUESTIONS if question.id == "glass")
    with pytest.raises(AssertionError):
        check_answer(right, value_of("1000 * 8000 / 200000"))


# --- What happens when it is done ---


def follow(lesson, folder):
    """Do every command of a lesson, in order, as a learner does."""
    laid_out(lesson, folder)
    for step in tries(lesson):
        tried = perform(step, folder)
        assert tried.right, f"{lesson.id} {step.id}: {tried.verdict}, missing {tried.missing}\n{tried.output}"


@pytest.mark.slow
@pytest.mark.parametrize("name", QUICK)
def test_commands_of_quick_lessons_go_as_the_text_says(name, tmp_path):
    """Verdict and words of every run."""
    follow(LESSONS[name], tmp_path)


@pytest.mark.campaign
@pytest.mark.parametrize("name", [name for name in LESSONS if name not in QUICK])
def test_commands_of_all_lessons_go_as_the_text_says(name, tmp_path):
    """Verdict and words of every run."""
    follow(LESSONS[name], tmp_path)

"""Decision frameworks: every leaf can be reached, every reason can be followed, cases are graded."""

import re
import shlex
import subprocess
import sys

import pytest

from windtunnel import learn
from windtunnel.base.errors import UsageError
from windtunnel.learn import items
from windtunnel.learn.decision_tree import START, advise, grade, parse

FRAMEWORKS = learn.decisions()
COMMANDS = sorted(
    {
        reason.see
        for framework in FRAMEWORKS.values()
        for leaf in framework.leaves.values()
        for reason in leaf.reasons
        if reason.see.startswith("windtunnel ")
    }
)

TOY = """\
id = "toy"
title = "Toy"
question = "Which?"
minutes = 5
objective = "See."
why = "Because."
sources = ["A book."]

[nodes.start]
ask = "Left or right?"
choices = [{ text = "Left.", to = "l" }, { text = "Right.", to = "more" }]

[nodes.more]
ask = "Far?"
choices = [{ text = "Yes.", to = "l" }, { text = "No.", to = "r" }]

[leaves.l]
advice = "Go left."
reasons = [{ text = "It is shorter.", see = "source 1" }]

[leaves.r]
advice = "Go right."
reasons = [{ text = "It is nicer.", see = "lesson:cap" }]

[[cases]]
id = "one"
story = "The sun is low."
leaf = "r"

[[cases]]
id = "two"
story = "It rains."
leaf = "l"
"""


# --- What is shipped ---


@pytest.mark.parametrize("framework", FRAMEWORKS.values(), ids=list(FRAMEWORKS))
def test_every_leaf_is_reached_by_some_answers(framework):
    """And the walk that is found does end there."""
    walks = framework.walks()
    assert set(walks) == set(framework.leaves)
    for leaf, answers in walks.items():
        assert framework.walk(answers).at.id == leaf


@pytest.mark.parametrize("framework", FRAMEWORKS.values(), ids=list(FRAMEWORKS))
def test_every_leaf_has_a_case_to_practise_on(framework):
    """A case of its own, told without naming the leaf."""
    assert {case.leaf for case in framework.cases} == set(framework.leaves)


@pytest.mark.parametrize("framework", FRAMEWORKS.values(), ids=list(FRAMEWORKS))
def test_reasons_can_be_followed(framework):
    """Items exist, sources are listed; most frameworks point at something that runs."""
    for leaf in framework.leaves.values():
        for reason in leaf.reasons:
            if reason.see.startswith("source "):
                assert 1 <= int(reason.see.split()[1]) <= len(framework.sources)
            elif not reason.see.startswith("windtunnel "):
                assert items.exists(reason.see), reason.see
    cited = {int(r.see.split()[1]) for leaf in framework.leaves.values() for r in leaf.reasons if r.see.startswith("source ")}
    assert cited == set(range(1, len(framework.sources) + 1)) or len(framework.sources) > len(cited) > 0
    runs = [r for leaf in framework.leaves.values() for r in leaf.reasons if re.match(r"windtunnel |lab:|calc:|lesson:", r.see)]
    assert len(runs) >= 2


def test_ten_frameworks_are_there():
    """These among them."""
    assert len(FRAMEWORKS) >= 10
    assert {"consistency", "retry", "lock", "utilisation", "build-or-buy", "monolith", "saga-or-2pc"} <= set(FRAMEWORKS)


@pytest.mark.campaign
@pytest.mark.parametrize("command", COMMANDS)
def test_commands_of_reasons_run(command, tmp_path):
    """They end in a verdict, not in wrong usage."""
    done = subprocess.run(
        [sys.executable, "-m", "windtunnel", *shlex.split(command)[1:]],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=110,
        check=False,
    )
    assert done.returncode in (0, 1), done.stderr


# --- Walking ---


@pytest.mark.parametrize("answers", [["b", "b"], [1, 1], ["Right.", "no."], ["1", "B"]])
def test_answers_may_be_letters_numbers_or_words(answers):
    """All lead to the same leaf."""
    assert parse(TOY, "toy").walk(answers).leaf.id == "r"


def test_an_unfinished_walk_asks_on():
    """It says what comes next; a finished one takes no more."""
    framework = parse(TOY, "toy")
    assert framework.walk([]).at.id == START
    assert framework.walk(["b"]).to_json()["question"]["ask"] == "Far?"
    with pytest.raises(UsageError, match="ends at 'l' after 1 answers; got 2"):
        framework.walk(["a", "a"])
    with pytest.raises(UsageError, match="expected a letter from a to b"):
        framework.walk(["c"])
    with pytest.raises(UsageError, match="lead to a question"):
        advise(framework, ["b"])


def test_a_framework_is_complete_when_all_its_cases_are_solved(tmp_path):
    """A wrong walk is recorded as failed; advice for oneself is recorded and completes nothing."""
    framework, journal = parse(TOY, "toy"), learn.Journal(tmp_path)
    advise(framework, ["a"], journal)
    assert grade(framework, "one", ["a"], journal)[1] is False
    assert grade(framework, "one", ["b", "b"], journal)[1] is True
    assert not journal.read().has("decision:toy")
    assert grade(framework, "two", ["b", "a"], journal)[1] is True
    read = journal.read()
    assert read.has("decision:toy")
    assert [e.verdict for e in read.evidence] == ["recorded", "failed", "passed", "passed", "passed"]
    assert framework.solved(read) == {"one", "two"}


# --- Reading ---


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ('to = "r"', 'to = "x"', "unknown question or leaf 'x'"),
        ('to = "r"', 'to = "start"', "circle: start then more then start"),
        ('{ text = "No.", to = "r" }', '{ text = "No.", to = "l" }', "nothing leads to 'r'"),
        ("[nodes.start]", "[nodes.begin]", "there is no question 'start'"),
        ('leaf = "r"', 'leaf = "q"', "case one: unknown leaf 'q'"),
        ('see = "source 1"', 'see = "trust me"', "see: expected"),
        ('reasons = [{ text = "It is nicer.", see = "lesson:cap" }]', "reasons = []", "advice needs a reason"),
        (', { text = "Right.", to = "more" }', "", "two choices or more"),
        ('id = "two"', 'id = "one"', "an id of its own"),
        ("minutes = 5", "minutes = five", "not TOML"),
        ("minutes = 5", "hours = 5", "unknown field 'hours'"),
    ],
)
def test_malformed_frameworks_are_refused(old, new, says):
    """With what is wrong."""
    assert old in TOY
    with pytest.raises(UsageError) as refused:
        parse(TOY.replace(old, new, 1), "toy.toml")
    assert says in str(refused.value)

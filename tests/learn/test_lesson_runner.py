"""Lessons: reading them, answering, running, and the evidence that this leaves."""

import pytest

from windtunnel import learn
from windtunnel.base.errors import UsageError
from windtunnel.learn.lesson_file import parse
from windtunnel.learn.markup import MalformedLesson
from windtunnel.learn.runner import perform

TEXT = """\
+++
id = "toy"
title = "A toy"
minutes = 5
objective = "See the runner at work."
why = "It is tested here."
sources = ["Nobody: Nothing. 2026."]
+++
Ask first.

```question
id = "which"
prompt = "Is it *valid*?"
kind = "choice"
choices = ["Yes.", "No."]
answer = 0
why = "Because it is."
proof = "try 1"
```

```try valid
windtunnel run raft --scenario figure-8
> raft kept its promise
```

```question
id = "many"
prompt = "How many?"
kind = "number"
answer = 0.5
tolerance = 0.01
unit = "s"
why = "Count."
proof = "= 1 / 2"
```
"""


@pytest.fixture
def runner(tmp_path):
    """A learner who begins the toy."""
    return learn.Runner(parse(TEXT, "toy.md"), learn.Journal(tmp_path))


def verdicts(runner):
    return [(e.item.partition("#")[2], e.kind, e.verdict) for e in runner.journal.read().evidence]


def test_a_lesson_is_complete_when_every_step_was_right_once(runner):
    """Wrong answers are recorded and cost nothing; the whole is recorded once."""
    assert not runner.answer("which", "b").right
    assert runner.answer("many", "0.495 s").right
    tried = runner.attempt("try-1")
    assert tried.right, tried.output
    assert not runner.complete
    assert runner.answer("which", "Yes.").why == "Because it is."
    assert runner.complete
    runner.answer("which", "a")
    assert verdicts(runner) == [
        ("which", "question", "failed"),
        ("many", "question", "passed"),
        ("try-1", "try", "passed"),
        ("which", "question", "passed"),
        ("", "lesson", "passed"),
        ("which", "question", "passed"),
    ]
    whole = runner.journal.read().of("lesson:toy")[0]
    assert whole.metrics == {"steps": 3, "wrong": 1}
    assert whole.content_hash == runner.lesson.content_hash
    assert whole.submission_hash


def test_a_run_waits_for_the_prediction(runner):
    """A command is not run before the questions above it have been answered, be it wrongly."""
    with pytest.raises(UsageError, match="predict first: answer the question 'which'"):
        runner.attempt("try-1")
    assert verdicts(runner) == []


def test_a_changed_text_begins_anew(runner):
    """Steps of an older text do not count for the new one."""
    runner.answer("which", "a")
    changed = learn.Runner(parse(TEXT.replace("Ask first", "Ask now"), "toy.md"), runner.journal)
    assert [state.done for state in changed.states()] == [False, False, False]
    assert [state.done for state in runner.states()] == [True, False, False]


def test_a_run_that_goes_otherwise_is_not_right(tmp_path):
    """Another verdict, or words that do not come, fail the step; the output is there to read."""
    lesson = parse(TEXT.replace("try valid", "try invalid").replace("kept its promise", "sang"), "toy.md")
    tried = perform(lesson.step("try-1"), tmp_path)
    assert (tried.verdict, tried.right, tried.missing) == ("valid", False, ("raft sang",))
    assert "raft kept its promise" in tried.output


def test_a_command_that_does_not_end_is_ended(tmp_path):
    """It counts as not finished, and says so."""
    tried = perform(parse(TEXT, "toy.md").step("try-1"), tmp_path, timeout_s=0.01)
    assert tried.verdict == "timeout"
    assert "not finished after 0.01 s" in tried.output


def test_the_tree_for_a_page_gives_no_answer_away():
    """Neither index, number, reason nor proof of a question is in it."""
    shown = str(parse(TEXT, "toy.md").to_json())
    assert "Because it is" not in shown
    assert "'answer'" not in shown
    assert "1 / 2" not in shown


@pytest.mark.parametrize(
    ("question", "given"),
    [("which", "c"), ("which", "2"), ("which", ""), ("which", "-1"), ("many", "few"), ("many", "nan"), ("many", "inf")],
)
def test_what_is_no_answer_is_refused_and_not_recorded(runner, question, given):
    """With what was expected."""
    with pytest.raises(UsageError, match="expected"):
        runner.answer(question, given)
    assert verdicts(runner) == []


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("+++\nid", "id", "expected +++"),
        ("\n+++\nAsk", "\nAsk", "not closed by +++"),
        ('title = "A toy"\n', "", "title is missing"),
        ('title = "A toy"', 'title = ""', "title is empty"),
        ("minutes = 5", "minutes = 25", "minutes: expected 1 to 20; got 25"),
        ("minutes = 5", 'minutes = "5"', "minutes: expected whole number; got '5'"),
        ("minutes = 5", "minutes = 5\nlength = 3", "unknown field 'length'"),
        ("minutes = 5", "minutes = 5\nlaws = [8]", "numbers from 1 to 7"),
        ("minutes = 5", "minutes = = 5", "toy.md:4: not TOML"),
        ("try valid", "try perhaps", "expected one of valid, invalid, unknown"),
        ("windtunnel run", "rm -rf", "begins with `windtunnel`"),
        ('id = "many"', 'id = "which"', "two steps are called 'which'"),
        ("answer = 0\n", "answer = 2\n", "index of one of two or more choices"),
        ('"= 1 / 2"', '"trust me"', "`proof` is"),
        ('kind = "number"', 'kind = "essay"', "expected one of choice, number"),
    ],
)
def test_malformed_lessons_are_refused_by_name(old, new, says):
    """File, field, what was expected."""
    assert old in TEXT
    with pytest.raises(UsageError) as refused:
        parse(TEXT.replace(old, new, 1), "toy.md")
    assert says in str(refused.value)
    assert "toy.md" in str(refused.value)


def test_malformed_lessons_know_their_line():
    """The line of the file, not of the block."""
    with pytest.raises(MalformedLesson) as refused:
        parse(TEXT.replace("try valid", "try perhaps"), "toy.md")
    assert refused.value.line == TEXT.split("```try", maxsplit=1)[0].count("\n") + 1


def test_unknown_lessons_and_steps_are_answered_with_near_ones(runner):
    """As every name in this tool."""
    with pytest.raises(UsageError, match="did you mean which"):
        runner.answer("wich", "a")
    with pytest.raises(UsageError, match="unknown lesson 'lesson:what-is-distribted'"):
        learn.lesson("lesson:what-is-distribted")

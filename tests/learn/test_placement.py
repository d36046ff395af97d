"""Which path fits: by what somebody solves, and what they want."""

import subprocess
import sys

import pytest

from windtunnel import learn
from windtunnel.base.errors import UsageError
from windtunnel.learn import placement

LEVELS = {level: list(placement.exercises(level)) for level in placement.LEVELS}
ALL = placement.exercises()


def solved(*levels, of=2):
    """Results in which the first `of` exercises of these levels are solved."""
    return {name: i < of for level in levels for i, name in enumerate(LEVELS[level])}


def chosen(results, goal="design", **more):
    return placement.choose(results, goal=goal, hours_per_week=5, **more)


@pytest.mark.parametrize(
    ("results", "path"),
    [
        ({}, "beginner"),
        (solved("beginner", of=1), "beginner"),
        (solved("beginner"), "practitioner"),
        (solved("beginner", "practitioner", of=1), "beginner"),
        (solved("beginner", "practitioner"), "architect"),
        (solved("beginner", "practitioner", "architect"), "architect"),
        (solved("practitioner", "architect"), "beginner"),
    ],
)
def test_a_level_is_known_when_two_thirds_of_it_are_solved(results, path):
    """And all levels below it are: skipping the first one leads to the first path."""
    assert chosen(results).path.id == path


@pytest.mark.parametrize(
    ("goal", "path"),
    [("foundation", "beginner"), ("practice", "practitioner"), ("design", "architect"), ("leadership", "leader")],
)
def test_the_goal_bounds_the_path(goal, path):
    """Somebody who knows much still gets the path of their goal."""
    assert chosen(solved("beginner", "practitioner", "architect"), goal).path.id == path


def test_who_writes_no_code_gets_the_leader_path():
    """Whatever they solve."""
    assert chosen(solved("beginner"), "practice", codes=False).path.id == "leader"


def test_the_proposal_has_reasons_and_hours():
    """Reasons name what was solved; weeks follow from the hours that are left, not from those that are planned."""
    proposal = chosen(solved("beginner"), "practice")
    path = learn.path("practitioner")
    assert proposal.hours_left == pytest.approx(path.available_hours)
    assert proposal.weeks == -(-round(proposal.hours_left * 60) // 300)
    assert any("2 of 3 exercises of the Beginner level" in reason for reason in proposal.reasons)
    assert any("planned" in reason for reason in proposal.reasons)
    assert proposal.to_json()["solved"]["beginner"] == {"right": 2, "of": 3}


def test_answers_leave_evidence_and_stand_for_prerequisites(tmp_path):
    """Who has solved the exercises of the Beginner level may start the Practitioner path without its prerequisites."""
    journal = learn.Journal(tmp_path)
    path = learn.path("practitioner")
    assert placement.skipped(path, journal.read()) == ()
    results = placement.grade({"silence": "c", "chain": "96.9 %", "majority": "3"}, journal)
    assert results == {"silence": True, "chain": True, "majority": False}
    assert [(e.item, e.verdict) for e in journal.read().evidence] == [
        ("exercise:silence", "passed"),
        ("exercise:chain", "passed"),
        ("exercise:majority", "failed"),
    ]
    assert placement.known(journal.read()) == ["beginner"]
    assert placement.skipped(path, journal.read()) == path.outside()
    assert placement.skipped(learn.path("architect"), journal.read()) == ()


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: placement.grade({"silense": "c"}), "did you mean silence"),
        (lambda: placement.grade({"chain": "much"}), "expected a number of %"),
        (lambda: chosen({}, "fame"), "unknown goal 'fame'"),
        (lambda: placement.choose({}, goal="design", hours_per_week=0), "hours per week"),
        (lambda: placement.choose({}, goal="design", hours_per_week=float("nan")), "hours per week"),
    ],
)
def test_wrong_input_is_refused(call, says):
    """With what was expected, before anything is recorded."""
    with pytest.raises(UsageError, match=says):
        call()


def test_each_level_has_enough_exercises():
    """Three or more, so that one slip does not decide."""
    assert all(len(names) >= 3 for names in LEVELS.values())


@pytest.mark.parametrize("name", [name for name, question in ALL.items() if question.proof.startswith("= ")])
def test_computed_answers_are_right(name):
    """The calculation gives the answer, and twice the answer would be wrong."""
    question = ALL[name]
    value = eval(question.proof.removeprefix("= "), {"__builtins__": {}})
    assert question.right(value)
    assert not question.right(2 * value)


@pytest.mark.campaign
@pytest.mark.parametrize("name", [name for name, question in ALL.items() if question.proof.startswith("$ ")])
def test_answers_that_rest_on_runs_do(name, tmp_path):
    """The run has the verdict that the answer speaks of."""
    command, _, what = ALL[name].proof.removeprefix("$ ").rpartition(" | ")
    words = command.split()[1:]
    done = subprocess.run([sys.executable, "-m", "windtunnel", *words], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert f'"verdict": "{what.removeprefix("verdict = ")}"' in done.stdout

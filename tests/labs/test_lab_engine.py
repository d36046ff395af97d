"""The engine: what passes, what fails, what a report says, stages, quality, the labs of safeguards."""

import shlex
import textwrap

import pytest
from toy_lab import CHECKS, LAB, REFERENCE, written

from windtunnel import labs
from windtunnel.base.errors import UsageError
from windtunnel.cli.entry import main
from windtunnel.labs.checking import Unmet, check, declaring, expect
from windtunnel.labs.grading import judge
from windtunnel.labs.lab import read_lab
from windtunnel.labs.safeguards import safeguard_ids


def test_the_reference_passes_and_is_the_same_every_time(graded):
    """Every check, with its seeds; the hashes name what was judged."""
    one, two = graded(REFERENCE), graded(REFERENCE)
    assert one.verdict == "passed"
    assert [(c.name, c.verdict, c.seeds) for c in one.checks] == [("adds", "passed", 1), ("answers", "passed", 3)]
    assert one.submission_hash == two.submission_hash
    assert one.items == ("lab:toy",)
    assert one.metrics["passed"] == 2


def test_a_failure_says_fact_place_seed_and_log(graded):
    """Everything that is needed to find the fault, and JSON of it."""
    report = graded(REFERENCE.replace("{add(a, b)}", "{a * b}"), html=True)
    assert [c.verdict for c in report.checks] == ["passed", "failed"]
    bad = report.checks[1]
    assert bad.message == "expected: the server adds 1 and 2; got=b'2\\n'"
    assert bad.seed == 1
    assert bad.first_bad["where"].startswith("checks.py:")
    assert any("accepted" in text for _, _, _, text in bad.log)
    assert bad.trace
    assert "--only answers --seed 1" in bad.replay
    assert report.to_json()["checks"][1]["name"] == "answers"


def test_a_failure_under_faults_names_the_faults_it_takes(tmp_path, grader):
    """What passes in a quiet world and fails in a storm is shrunk to the faults that matter."""
    checks = """
    import asyncio
    from windtunnel.labs.checking import check, expect

    @check("answers under a cut", seeds=10, faults="partition", for_s=20.0)
    async def answers(world, lab):
        world.host("server", main=lab.serve)
        world.host("other")
        async with world.client("you"):
            for _ in range(10):
                await asyncio.sleep(2.0)
                expect(not world.kernel.links.cuts(), "nothing is cut")
    """
    lab = read_lab(written(tmp_path / "toy", **{"checks.py": textwrap.dedent(checks)}))
    bad = judge(lab, {"adding.py": REFERENCE.encode()}, grader=grader, html=True).checks[0]
    assert bad.verdict == "failed"
    assert len(bad.plan) == 1
    assert "partition" in bad.plan[0] or "cut" in bad.plan[0]


STAGED = LAB + '\n[[stages]]\nid = "one"\ntitle = "First"\n\n[[stages]]\nid = "two"\ntitle = "Second"\n'


def test_stages_are_cumulative(tmp_path, grader):
    """Stage two runs the checks of one; the items of the evidence say which stage, and the lab when it is the last."""
    text = CHECKS.replace('@check("adds")', '@check("adds", stage="one")').replace('"answers", ', '"answers", stage="two", ')
    lab = read_lab(written(tmp_path / "toy", **{"lab.toml": STAGED, "checks.py": text}))
    files = {"adding.py": REFERENCE.encode()}
    one, two = judge(lab, files, grader=grader, stage="one"), judge(lab, files, grader=grader, stage="two")
    assert [c.name for c in one.checks] == ["adds"]
    assert [c.name for c in two.checks] == ["adds", "answers"]
    assert one.items == ("lab:toy#1",)
    assert two.items == ("lab:toy#2", "lab:toy")
    with pytest.raises(UsageError, match="unknown stage of toy 'three'"):
        judge(lab, files, grader=grader, stage="three")


def test_passing_a_stage_moves_the_folder_on(tmp_path, monkeypatch, grader):
    """The next check of the folder is about the next stage; after the last one the lab is passed."""
    from windtunnel.labs import grading, shelf
    from windtunnel.labs.folder import read_state

    text = CHECKS.replace('@check("adds")', '@check("adds", stage="one")').replace('"answers", ', '"answers", stage="two", ')
    written(tmp_path / "catalogue" / "toy", **{"lab.toml": STAGED, "checks.py": text})
    monkeypatch.setattr(shelf, "PLACE", tmp_path / "catalogue")
    shelf._read.cache_clear()
    place = labs.start("toy", tmp_path / "mine")
    assert grading.check(place, grader=grader).verdict == "failed"
    assert read_state(place).stage == "one"
    (place / "adding.py").write_text(REFERENCE, encoding="utf-8")
    assert grading.check(place, grader=grader).stage == "one"
    assert (read_state(place).stage, read_state(place).passed) == ("two", False)
    report = grading.check(place, grader=grader)
    assert (report.stage, report.verdict) == ("two", "passed")
    assert (read_state(place).stage, read_state(place).passed) == ("two", True)
    shelf._read.cache_clear()


def test_a_check_that_is_broken_itself_is_no_verdict_on_the_submission(tmp_path, grader):
    """The author's error is shown with its line, and the verdict is unknown."""
    lab = read_lab(written(tmp_path / "toy", **{"checks.py": "import nothing_of_that_name\n"}))
    report = judge(lab, {"adding.py": REFERENCE.encode()}, grader=grader)
    assert report.verdict == "unknown"
    assert "a check of this lab is broken: ModuleNotFoundError" in report.message


def test_what_was_never_seen_leaves_the_verdict_open(tmp_path, grader):
    """A check whose `sometimes` was never true has not tested what it is about."""
    checks = """
    from windtunnel.labs.checking import check
    from windtunnel.sim import sometimes

    @check("reaches it", seeds=2)
    async def reaches(world, lab):
        sometimes(lab.add(1, 2) == 4, "a wrong sum")
    """
    lab = read_lab(written(tmp_path / "toy", **{"checks.py": textwrap.dedent(checks)}))
    report = judge(lab, {"adding.py": REFERENCE.encode()}, grader=grader)
    assert report.verdict == "unknown"
    assert report.checks[0].message == "never seen in 2 seeds: a wrong sum"


# --- Declaring ---


def test_expect_says_what_should_hold_and_what_was_seen():
    """Also of values whose repr is broken or endless."""

    class Rude:
        def __repr__(self):
            raise ValueError

    expect(1, "truth passes")
    with pytest.raises(Unmet, match=r"^expected: it is so; got=3$"):
        expect(condition=False, what="it is so", got=3)
    with pytest.raises(Unmet, match="whose repr raises ValueError"):
        expect(condition=False, what="it is so", got=Rude())
    with pytest.raises(Unmet, match=r"\.\.\.$"):
        expect(condition=False, what="it is so", got="x" * 1000)


def test_two_checks_of_one_name_are_refused():
    """A hint or a mutant could not say which it means."""

    def declare():
        with declaring():
            check("same")(lambda lab: None)
            check("same")(lambda lab: None)

    with pytest.raises(UsageError, match="two checks are called 'same'"):
        declare()


# --- Quality, safeguards ---


def test_a_lab_that_does_not_grade_is_told(tmp_path):
    """A starter that passes, and a mutant that lives or dies of something else."""
    changes = {
        "start/adding.py": REFERENCE,
        "mutants/lives.py": REFERENCE,
        "lab.toml": LAB + '\n[mutants.lives]\nwhat = "nothing"\nkilled_by = "answers"\n',
    }
    found = labs.quality(str(written(tmp_path / "toy", **changes)))
    assert [(row.what, row.good) for row in found.rows] == [
        ("start", False),
        ("reference", True),
        ("mutants/minus", True),
        ("mutants/lives", False),
    ]
    assert (found.good, found.kill_rate, found.to_json()["verdict"]) == (False, 0.5, "invalid")


@pytest.mark.parametrize("name", safeguard_ids())
def test_every_safeguard_of_every_system_is_a_lab(name, tmp_path):
    """An empty answer fails, the right one passes, another one fails; the replay line of the run breaks the promise again."""
    found = labs.quality(name)
    assert found.good, [(row.what, row.text) for row in found.rows if not row.good]
    assert "predict first" in found.rows[0].text
    place = labs.start(name, tmp_path / "mine")
    (place / "answer.toml").write_text(labs.solution(name)["answer.toml"], encoding="utf-8")
    shown = labs.check(place).checks[1]
    assert shown.verdict == "passed"
    words = shlex.split(shown.replay)[1:]
    assert main([*words, "--no-store"] if words[0] == "run" else words) == 1  # the line shows the same, for whoever types it


def test_a_prediction_is_graded_before_and_after_the_run(tmp_path):
    """Wrong names are refused before anything is run; a wrong prediction is told what broke instead."""
    place = labs.start("raft/vote_is_durable", tmp_path / "vote")
    answer = place / "answer.toml"
    blank = answer.read_text(encoding="utf-8")
    for given, message in (("leader_safety", "unknown promise 'leader_safety'"), ('x"', "is not TOML")):
        answer.write_text(blank.replace('breaks = ""', f'breaks = "{given}"'), encoding="utf-8")
        report = labs.check(place)
        assert report.verdict == "failed"
        assert message in report.checks[0].message
    answer.write_text(blank.replace('breaks = ""', 'breaks = "log_matching"'), encoding="utf-8")
    wrong = labs.check(place)
    assert [c.verdict for c in wrong.checks] == ["passed", "passed", "failed"]
    assert "you predicted log_matching; what breaks is election_safety" in wrong.checks[2].message
    assert "with the rule in place the same run holds" in wrong.checks[1].message
    assert wrong.checks[1].page
    answer.write_text(blank.replace('breaks = ""', 'breaks = "election_safety"'), encoding="utf-8")
    assert labs.check(place).items == ("lab:raft/vote_is_durable",)

"""Every lab of the catalogue, tried on itself: the starter fails, the reference passes, each mutant is killed by its check."""

import difflib
import importlib.util
import re
import sys
from functools import cache

import pytest

from windtunnel import labs
from windtunnel.labs.checking import declaring
from windtunnel.labs.grading import Grader, judge
from windtunnel.labs.lab import Lab, files_below

LABS = [lab for lab in labs.catalogue() if lab.folder is not None]
BY_DEFAULT = 3  # mutants of each lab; the campaign tries all of them
LINES_MAX = 32  # by which a mutant may differ from its reference, counted on both sides
OTHER_DESIGNS = {"unique-ids"}  # whose mutants are programs that people write, not slips


def mutant_id(value):
    """Names of a case: the lab's, the mutant's."""
    return value.id if isinstance(value, Lab) else value.name


@pytest.fixture(scope="module")
def grader():
    """One for all labs."""
    with Grader() as made:
        yield made


@cache
def checks_of(lab):
    """The checks that `checks.py` declares."""
    name = f"checks_of_{lab.id.replace('-', '_')}"
    spec = importlib.util.spec_from_file_location(name, lab.folder / "checks.py")
    sys.modules[name] = module = importlib.util.module_from_spec(spec)  # dataclasses look their module up
    with declaring() as found:
        spec.loader.exec_module(module)
    return found


def solution(lab, place="reference"):
    """The files of the starter, or of the reference."""
    return files_below(lab.folder / place)


@pytest.mark.parametrize("lab", LABS, ids=lambda lab: lab.id)
def test_the_starter_fails_and_the_reference_passes(lab, grader):
    """What a learner begins with is not enough, and there is an answer; one seed of each check, the campaign has them all."""
    first = lab.stages[0].id if lab.stages else ""
    begun = judge(lab, solution(lab, "start"), grader=grader, seed=1, stage=first)
    assert begun.verdict == "failed"
    done = judge(lab, solution(lab), grader=grader, seed=1)
    assert done.verdict == "passed", [f"{check.name}: {check.message}" for check in done.checks if check.verdict != "passed"]


@pytest.mark.parametrize(("lab", "mutant"), [(lab, mutant) for lab in LABS for mutant in lab.mutants[:BY_DEFAULT]], ids=mutant_id)
def test_a_mutant_is_killed(lab, mutant, grader):
    """The check that the mutant names finds it."""
    name = f"mutants/{mutant.name}{lab.file[lab.file.rindex('.') :]}"
    files = {**solution(lab), lab.file: (lab.folder / name).read_bytes()}
    report = judge(lab, files, grader=grader, only=mutant.killed_by)
    assert [(check.name, check.verdict) for check in report.checks] == [(mutant.killed_by, "failed")]


@pytest.mark.campaign
@pytest.mark.parametrize("lab", LABS, ids=lambda lab: lab.id)
def test_the_kill_rate_is_one(lab):
    """All seeds of all checks, as `windtunnel lab quality` has it."""
    found = labs.quality(lab.id)
    wrong = [f"{row.what}: wanted {row.wanted}, got {row.verdict} {row.failed} {row.text}" for row in found.rows if not row.good]
    assert not wrong, "\n".join(wrong)
    assert found.kill_rate == 1.0


@pytest.mark.parametrize("lab", LABS, ids=lambda lab: lab.id)
def test_every_check_has_a_hint_and_every_hint_a_check(lab):
    """Who fails at a check finds help of three levels for it; nothing is said about checks that do not exist."""
    names = {check.name for check in checks_of(lab)}
    hinted = {hint.check for hint in lab.hints}
    assert hinted - {""} <= names
    assert names <= hinted or "" in hinted
    assert {mutant.killed_by for mutant in lab.mutants} <= names


@pytest.mark.parametrize("lab", [lab for lab in LABS if lab.stages], ids=lambda lab: lab.id)
def test_checks_are_of_stages_that_exist(lab):
    """Each stage has checks, and each check a stage."""
    assert {check.stage for check in checks_of(lab)} == {stage.id for stage in lab.stages}


@pytest.mark.parametrize("lab", [lab for lab in LABS if lab.id not in OTHER_DESIGNS], ids=lambda lab: lab.id)
def test_a_mutant_has_one_fault(lab):
    """A mutant is the reference but for a few lines: what it fails at is that mistake."""
    reference = lab.source(f"reference/{lab.file}").splitlines()
    for mutant in lab.mutants:
        text = lab.source(f"mutants/{mutant.name}{lab.file[lab.file.rindex('.') :]}").splitlines()
        changed = [line for line in difflib.ndiff(reference, text) if re.match(r"[-+] ", line)]
        assert 0 < len(changed) <= LINES_MAX, f"{lab.id}, {mutant.name}: {len(changed)} lines differ"


def test_prerequisites_are_labs_and_come_first():
    """The labs can be done in an order in which nothing comes before what it needs."""
    needs = {lab.id: set(lab.prerequisites) for lab in LABS}
    done = set()
    while ready := {name for name, before in needs.items() if name not in done and before <= done}:
        done |= ready
    assert done == set(needs)

"""The Beginner path, done: every lab, calculator and decision on it by its own command, and the certificate at the end."""

import datetime as dt
import re

import pytest

from windtunnel import labs, learn
from windtunnel.cli import main
from windtunnel.learn import badges, rules

NODES = learn.path("beginner").nodes
LABS = [node.item.removeprefix("lab:") for node in NODES if node.kind == "lab"]
CALCS = [node.item.removeprefix("calc:") for node in NODES if node.kind == "calc"]


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    """A learner of the test's own."""
    monkeypatch.setenv("WINDTUNNEL_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)


def solve(name, folder):
    """Put the reference where the learner's work would be."""
    for file, data in labs.solution(name).items():
        (folder / file).parent.mkdir(parents=True, exist_ok=True)
        (folder / file).write_text(data, encoding="utf-8")


@pytest.mark.campaign
@pytest.mark.parametrize("name", LABS)
def test_a_solved_lab_leaves_the_evidence_that_the_path_waits_for(name, tmp_path, capsys):
    """`lab start`, the reference, `lab check` (once per stage): then the node is done."""
    assert main(["lab", "start", name, "--folder", "mine"]) == 0
    solve(name, tmp_path / "mine")
    for _ in range(max(1, len(labs.find(name).stages))):
        assert main(["lab", "check", "mine"]) == 0, capsys.readouterr().out
    assert learn.Journal().read().has(f"lab:{name}")


@pytest.mark.campaign
@pytest.mark.parametrize("name", CALCS)
def test_a_checked_calculator_leaves_the_evidence_that_the_path_waits_for(name, capsys):
    """By the command that `windtunnel next` prints."""
    assert main(["calc", name, "--check"]) == 0, capsys.readouterr().out
    assert learn.Journal().read().has(f"calc:{name}")


def test_the_cases_of_its_decisions_lead_to_the_certificate(capsys):
    """With everything else done, the last case makes the path complete and earns the badge."""
    journal = learn.Journal()
    for node in NODES:
        if node.kind != "decision":
            journal.add(node.item, node.kind, "passed", "aa")
    assert main(["certificate", "foundation"]) == 1
    for node in NODES:
        if node.kind == "decision":
            framework = learn.decision(node.item)
            walks = framework.walks()
            for case in framework.cases:
                letters = ",".join(chr(ord("a") + index) for index in walks[case.leaf])
                assert main(["decide", framework.id, "--case", case.id, "--answers", letters]) == 0
    progress = journal.read()
    assert learn.path("beginner").status(progress).complete
    judgement = rules.certificate("foundation", progress)
    assert judgement.holds
    pytest.importorskip("cryptography")
    token = badges.issue(judgement, progress, journal.home, at=dt.datetime.now(dt.UTC))
    assert re.fullmatch(r"[\w-]+\.[\w-]+\.[\w-]+", token)
    assert badges.verify(token, dt.datetime.now(dt.UTC)).valid

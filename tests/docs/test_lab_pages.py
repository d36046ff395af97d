"""The pages about labs: the lab that one of them shows grades, the commands of the other run."""

import re
import shlex

import pytest
from test_examples import DOCS, block

from windtunnel import labs
from windtunnel.cli.entry import main

WRITE = "how-to/write-a-lab.md"
FILES = ("lab.toml", "start/turns.py", "reference/turns.py", "mutants/sleeps_first.py", "checks.py")


def test_the_lab_of_the_how_to_grades_and_can_be_started(tmp_path, monkeypatch):
    """A folder outside of the catalogue is a lab by its path: quality, start, check."""
    place = tmp_path / "lost-turn"
    for name in FILES:
        (place / name).parent.mkdir(parents=True, exist_ok=True)
        (place / name).write_text(block(WRITE, name), encoding="utf-8")
    (place / "README.md").write_text("# Taking turns\n", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    found = labs.quality("./lost-turn")
    assert found.good, [(row.what, row.text) for row in found.rows if not row.good]
    with pytest.raises(Exception, match="is the folder of the lab itself"):
        labs.start("./lost-turn")
    mine = labs.start("./lost-turn", tmp_path / "mine")
    monkeypatch.chdir(mine)
    report = labs.check(mine)
    assert [check.verdict for check in report.checks] == ["passed", "failed"]


def test_the_commands_of_the_page_run(tmp_path, monkeypatch, capsys):
    """All but the one that watches; a check of unchanged work fails, everything else succeeds."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("WINDTUNNEL_HOME", str(tmp_path / "home"))
    text = (DOCS / "how-to" / "labs.md").read_text(encoding="utf-8")
    lines = [line for part in re.findall(r"```\n(.*?)```", text, re.DOTALL) for line in part.splitlines()]
    ran = 0
    for line in lines:
        words = shlex.split(line)
        assert words[0] == "windtunnel"
        if "--watch" not in words:
            assert main(words[1:]) == int(words[2] == "check"), line
            ran += 1
    assert ran == len(lines) - 1 > 6
    assert "lab:two-nodes" in "".join(path.read_text() for path in (tmp_path / "home").rglob("*.jsonl"))

"""The commands of the page about learning do what it says."""

import re
import shlex
from pathlib import Path

import pytest

from windtunnel import learn
from windtunnel.cli import main

PAGE = Path(__file__).parents[2] / "docs" / "how-to" / "learn.md"
BLOCKS = dict(re.findall(r'```sh title="([^"]+)"\n(.*?)```', PAGE.read_text(encoding="utf-8"), re.DOTALL))


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    """A learner of the test's own."""
    monkeypatch.setenv("WINDTUNNEL_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)


def follow(title):
    """Run each line of a block."""
    for line in BLOCKS[title].splitlines():
        words = shlex.split(line)
        assert words[0] == "windtunnel"
        assert main(words[1:]) == 0, line


def test_every_block_but_the_lesson_runs(capsys):
    """In the order of the page, from an empty folder."""
    for title in BLOCKS:
        if title != "lesson":
            follow(title)
    assert "decision:retry#payment" in learn.Journal().read().passed()


@pytest.mark.campaign
def test_the_lesson_of_the_page_is_complete(capsys):
    """With the answers that the page gives."""
    follow("lesson")
    assert learn.Journal().read().has("lesson:what-is-distributed")


def test_the_rules_of_the_reference_are_those_of_the_code():
    """Every level, milestone and certificate of rules.toml stands on the page."""
    page = (PAGE.parents[1] / "reference" / "progress.md").read_text(encoding="utf-8")
    from windtunnel.learn.progress import Evidence
    from windtunnel.learn.rules import rules

    found = rules()
    for rule in found.milestones.values():
        assert f"| {rule.title} |" in page
    for name in (*found.levels, *found.certificates):
        assert re.search(rf"\b{name}\b", page), name
    for field in Evidence.__dataclass_fields__:
        assert f"`{field}`" in page, field

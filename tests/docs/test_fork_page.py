"""The commands of the page about forks do what it says."""

import re
import shlex
from pathlib import Path

from windtunnel.cli import main

PAGE = (Path(__file__).parents[2] / "docs" / "how-to" / "fork.md").read_text(encoding="utf-8")
CODES = {"valid": 0, "invalid": 1}


def test_each_command_has_the_verdict_beside_it(tmp_path, monkeypatch, capsys):
    """Run in order in one directory, as a reader would."""
    monkeypatch.chdir(tmp_path)
    block = re.search(r'```sh title="fork"\n(.*?)```', PAGE, re.DOTALL)[1]
    commands = [line.split("#") for line in block.splitlines()]
    assert len(commands) == 3
    for words, verdict in commands:
        assert main(shlex.split(words)[1:]) == CODES[verdict.strip()], capsys.readouterr().out


def test_the_faults_of_the_page_are_faults():
    """Every fault that the page writes in words can be read."""
    from windtunnel.faults.words import fault_from_words

    listed = re.search(r"as they are said:\n(.*?)\. Verbs", PAGE, re.DOTALL)[1]
    faults = re.findall(r"`([^`]+)`", listed)
    assert len(faults) == 8
    assert {fault_from_words(text, 1.0).verb for text in faults} == {"crash", "pause", "cut", "weather", "skew", "disk"}

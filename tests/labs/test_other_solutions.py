"""Graders are about promises, not about the reference: solutions of another make pass too."""

from pathlib import Path

import pytest

from windtunnel import labs

OTHERS = sorted((Path(__file__).parent / "other_solutions").glob("*.py"))


@pytest.mark.campaign
@pytest.mark.parametrize("path", OTHERS, ids=lambda path: path.stem)
def test_another_solution_passes(path, tmp_path):
    """A right solution that has nothing in common with the reference passes every check of its lab."""
    lab = labs.find(path.stem)
    folder = labs.start(lab.id, tmp_path / lab.id)
    (folder / lab.file).write_text(path.read_text(encoding="utf-8"), encoding="utf-8")
    report = labs.check(folder, stage=lab.stages[-1].id if lab.stages else None)
    wrong = [f"{check.name}: {check.message}" for check in report.checks if check.verdict != "passed"]
    assert report.verdict == "passed", "\n".join(wrong)

"""The reference of results.json says what is there, and what is there is what the reference says."""

import re
from pathlib import Path

import pytest

from windtunnel.scenarios import Scenario, run

REFERENCE = (Path(__file__).parents[2] / "docs" / "reference" / "results-json.md").read_text(encoding="utf-8")


def documented(heading):
    """The names in the first column of the tables under a heading."""
    part = re.search(rf"^##+ {heading}$(.*?)(?=^##+ |\Z)", REFERENCE, re.MULTILINE | re.DOTALL)[1]
    return {name for cell in re.findall(r"^\| (`.*?) \|", part, re.MULTILINE) for name in re.findall(r"`([\w-]+)`", cell)}


@pytest.fixture(scope="module")
def real():
    """A short run with faults and its trace."""
    return run(Scenario(system="raft", seed=7, for_s=4.0, faults=("partition", "crash", "loss")), trace=True)


def test_every_entry_is_documented(real):
    """The object of a real run has exactly the documented entries."""
    assert set(real.results) == documented("The object")


def test_faults_and_violations_are_documented(real, invalid):
    """So have its parts."""
    assert real.results["faults"]
    for row in real.results["faults"]:
        assert set(row) <= documented("A fault")
    assert set(invalid.results["violation"]) == documented("A violation")


def test_every_kind_of_row_is_documented(real):
    """A trace holds no row, and no entry of a row, that the reference does not know."""
    names = documented(re.escape("trace.jsonl.gz"))
    assert {row["kind"] for row in real.trace} <= names
    assert {entry for row in real.trace for entry in row} <= names


def test_the_made_up_run_has_the_shape_of_a_real_one(real, invalid):
    """The other tests here stand on data that a run could have left."""
    assert set(invalid.results) == set(real.results)
    assert {row["kind"] for row in invalid.trace} <= documented(re.escape("trace.jsonl.gz"))


def test_a_real_run_can_be_explained_rendered_and_exported(real):
    """From the world to the page without made-up data."""
    from windtunnel.reports import chrome_trace, explain, render, shiviz

    assert real.results["replay"] in explain(real.results, real.history)
    assert "Messages" in render(real.results, real.history, real.trace)
    assert shiviz(real.trace).count("\n") > len(real.trace)
    assert "traceEvents" in chrome_trace(real.results, real.history, real.trace)

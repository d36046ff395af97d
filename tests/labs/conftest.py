"""A toy lab, and one warm grader for all tests."""

import textwrap

import pytest
from toy_lab import written

from windtunnel.labs.grading import Grader, judge
from windtunnel.labs.lab import read_lab


@pytest.fixture(scope="session")
def toy(tmp_path_factory):
    """The toy lab."""
    return read_lab(written(tmp_path_factory.mktemp("catalogue") / "toy"))


@pytest.fixture(scope="session")
def grader():
    """A warm grader."""
    with Grader() as made:
        yield made


@pytest.fixture
def graded(toy, grader):
    """Judges the text of a submission."""

    def judged(text, *, limits=None, **options):
        files = {"adding.py": text if isinstance(text, bytes) else textwrap.dedent(text).encode()}
        assert grader.alive
        return judge(toy, files, grader=grader, limits=limits, **options)

    return judged

"""The small projects that a real pytest runs."""

import pytest
from small_projects import Project


@pytest.fixture
def project(tmp_path):
    return Project(tmp_path)

"""A studio for a module, or for one test."""

from __future__ import annotations

import signal

import pytest
from served_studio import Served


@pytest.fixture(scope="module")
def studio(tmp_path_factory):
    """One studio for the tests of a module."""
    served = Served(tmp_path_factory.mktemp("studio"))
    yield served
    served.end()


@pytest.fixture
def fresh_studio(tmp_path):
    """A studio for one test alone, which may end it."""
    served = Served(tmp_path)
    yield served
    if served.process.poll() is None:
        served.end(signal.SIGKILL)

"""A studio for a module, or for one test; a browser that visits it."""

from __future__ import annotations

import os
import shutil
import signal

import pytest
from browsing import FLAGS, Visitor
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


@pytest.fixture(scope="module")
def browser():
    """One chromium for a module, which holds an event loop until it is closed; skipped, with the reason, where there is none."""
    sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed: the studio was not opened")
    program = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
    if program is None:
        pytest.skip("no chromium on the PATH (or in CHROMIUM): the studio was not opened in a browser")
    with sync_api.sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=program, args=FLAGS)
        yield started
        started.close()


@pytest.fixture
def visit(browser, studio):
    """Opens the studio as a visitor; afterwards nothing may have been complained about or asked of another server."""
    visitors = []

    def opened(**context):
        visitors.append(Visitor(browser, studio, **context))
        return visitors[-1]

    yield opened
    for visitor in visitors:
        visitor.close()

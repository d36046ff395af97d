"""CPython's own tests of asyncio pass on the simulated loop."""

import importlib.util
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from windtunnel.sim.kernel import KERNEL

RUNNER = Path(__file__).parent / "cpython_suite.py"


def installed(group):
    """Whether this Python came with that part of its own tests."""
    try:
        return importlib.util.find_spec(f"test.test_asyncio.{group}") is not None
    except ModuleNotFoundError:
        return False


pytestmark = pytest.mark.skipif(not installed("test_tasks"), reason="this Python came without its own tests")
PRIMITIVES = (
    "test_queues",
    "test_locks",
    "test_taskgroups",
    "test_timeouts",
    "test_waitfor",
    "test_pep492",
    "test_context",
    "test_futures",
)


def passed(groups, kernel):
    """How many tests of each group passed; an assertion says which failed."""
    done = subprocess.run(
        [sys.executable, RUNNER, *groups],
        env={**os.environ, "WINDTUNNEL_KERNEL": kernel},
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return {group: int(count) for group, count in re.findall(r"^(\w+) +(\d+) passed", done.stdout, re.MULTILINE)}


@pytest.mark.slow
@pytest.mark.parametrize("kernel", sorted({"pure", KERNEL}))
def test_primitives_pass_the_tests_of_cpython(kernel):
    """Queues, locks, groups, timeouts, contexts and futures behave as CPython's tests say; none fails."""
    counts = passed(filter(installed, PRIMITIVES), kernel)
    assert counts["test_queues"] > 40
    assert counts["test_locks"] > 50
    assert counts["test_futures"] > 100


@pytest.mark.campaign
def test_tasks_pass_the_tests_of_cpython():
    """So do tasks, gather, wait, as_completed, shield and sleep."""
    assert passed(["test_tasks"], KERNEL)["test_tasks"] > 700


@pytest.mark.campaign
def test_streams_and_loop_pass_the_tests_of_cpython():
    """So do streams, TLS, runners and threads, as far as their peers are no real threads."""
    for group, least in {"test_streams": 40, "test_sslproto": 15, "test_runners": 15, "test_threads": 5}.items():
        if installed(group):
            assert passed([group], KERNEL)[group] > least

"""The same seed, the same bytes: in every process, on both kernels."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import traffic_digest

from windtunnel.sim.kernel import KERNEL

SCRIPT = Path(traffic_digest.__file__)
SIX = ("aiohttp_shop", "fastapi_orders", "grpclib_greeter", "keep_alive", "plain_asyncio", "redis_notes")


def lines_of(programs, *environments, flags=()):
    """What the script prints in one process per environment, all at once."""
    processes = [
        subprocess.Popen(
            [sys.executable, SCRIPT, *flags, *programs], stdout=subprocess.PIPE, text=True, env={**os.environ, **changes}
        )
        for changes in environments
    ]
    outputs = []
    for process in processes:
        with process:
            outputs.append(process.communicate(timeout=100)[0].splitlines())
        assert process.returncode == 0
    assert all(len(output) == len(programs) for output in outputs)
    return outputs


@pytest.mark.slow
def test_six_libraries_send_the_same_bytes_in_three_processes():
    """Whatever hash seed is asked for, and on either kernel, fingerprints and traffic are equal, byte by byte."""
    first, *others = lines_of(
        SIX,
        {"PYTHONHASHSEED": "1"},
        {"PYTHONHASHSEED": "2", "WINDTUNNEL_KERNEL": "pure"},
        {"PYTHONHASHSEED": "3", "WINDTUNNEL_KERNEL": KERNEL},
    )
    assert others == [first, first]


@pytest.mark.slow
def test_a_set_of_connections_needs_the_fixed_layout():
    """The chat sends to a set of objects, whose order is that of addresses: equal where the layout is fixed before the start."""
    first, *others = lines_of(("websockets_chat",), *[{"PYTHONHASHSEED": "random"}] * 3)
    assert others == [first, first]


@pytest.mark.campaign
def test_most_programs_need_no_layout_at_all():
    """Without it, under random hash seeds and addresses, programs that order nothing by them are the same all the same."""
    first, second = lines_of(SIX, *[{"PYTHONHASHSEED": "random"}] * 2, flags=("--as-it-comes",))
    assert first == second

"""The same seed in other processes, with other hash seeds, in both ways of hooking."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from ambient_machines import needs_native

HERE = Path(__file__).parent

SCRIPT = """
import random
from windtunnel.sim.ambient import generators
generators.watch()
EARLY = random.Random()
import asyncio, datetime, hashlib, os, secrets, signal, socket, time, uuid
from ambient_machines import Simulation
from test_ambient_draws import everything

async def main():
    await asyncio.sleep(random.random())
    rows = [everything(), EARLY.random(), time.time(), datetime.datetime.now(), os.getpid(), socket.gethostname()]
    rows.append(await asyncio.gather(*(asyncio.to_thread(time.time) for _ in range(5))))
    return repr(rows)

sim = Simulation(5)
text = "".join(sim.run(sim.host(name), main) for name in ("a", "b"))
print(hashlib.sha256(text.encode()).hexdigest(), sim.kernel.fingerprint)
"""


def run(hash_seed, mode):
    """What a fresh process prints."""
    path = os.pathsep.join([str(HERE), os.environ.get("PYTHONPATH", "")])
    environ = {**os.environ, "PYTHONHASHSEED": hash_seed, "WINDTUNNEL_HOOKS": mode, "PYTHONPATH": path}
    done = subprocess.run([sys.executable, "-c", SCRIPT], env=environ, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.slow
def test_three_processes_draw_the_same():
    """Hash seeds do not matter, nor does the process: every draw, clock and step is equal."""
    assert len({run(seed, "") for seed in ("0", "1", "31337")}) == 1


@needs_native
@pytest.mark.slow
def test_both_ways_of_hooking_draw_the_same():
    """The fallback gives what the native hooks give."""
    assert run("0", "native") == run("1", "patched")


@needs_native
@pytest.mark.slow
def test_the_fallback_passes_these_tests():
    """All of this directory again, without the native hooks."""
    environ = {**os.environ, "WINDTUNNEL_HOOKS": "patched"}
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:xdist", str(HERE)]
    done = subprocess.run(command, env=environ, capture_output=True, text=True, check=False, timeout=110)
    assert done.returncode == 0, done.stdout[-3000:]
    assert " passed" in done.stdout


@pytest.mark.slow
def test_a_wrong_wish_is_said():
    """WINDTUNNEL_HOOKS takes native or patched."""
    environ = {**os.environ, "WINDTUNNEL_HOOKS": "magic"}
    command = [sys.executable, "-c", "import windtunnel.sim.ambient"]
    done = subprocess.run(command, env=environ, capture_output=True, text=True, check=False, timeout=60)
    assert "expected WINDTUNNEL_HOOKS to be native or patched; got 'magic'" in done.stderr

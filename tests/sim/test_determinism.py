"""Same seed, same run: in another process, under another hash seed, on the other kernel."""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = """
import asyncio, sys
sys.path.insert(0, {here!r})
from windtunnel.sim.kernel import KERNEL, Kernel
from test_hosts import Cluster
import windtunnel.sim.kernel as kernels

async def server(host):
    seen = set()
    async def handler(src, message):
        seen.add(message)
        await host.persist(message)
        await asyncio.sleep(host.random() * 0.01)
        return len(seen)
    host.serve(handler)

async def caller(host):
    async with asyncio.TaskGroup() as group:
        for name in host.nodes[1:]:
            for i in range(20):
                group.create_task(host.call(name, f"{{name}}/{{i}}", deadline_s=60.0))
    await asyncio.wait({{asyncio.create_task(asyncio.sleep(i * 0.1)) for i in range(5)}})

cluster = Cluster(kernels, a=caller, b=server, c=server)
cluster.kernel.links.latency("lognormal", 0.01, 0.5)
cluster.kernel.links.weather(duplicate=0.1, slow_s=0.1)
cluster.kernel.call_at(0.5, cluster.kernel.port("b").pause)
cluster.kernel.call_at(0.7, cluster.kernel.port("b").resume)
cluster.kernel.run(100.0)
print(KERNEL, cluster.kernel.events, cluster.kernel.links.sent, f"{{cluster.kernel.fingerprint:016x}}")
"""


def run(kernel, hash_seed):
    """The last line of the program in a fresh interpreter."""
    program = PROGRAM.format(here=str(Path(__file__).parent))
    environment = {**os.environ, "WINDTUNNEL_KERNEL": kernel, "PYTHONHASHSEED": hash_seed}
    done = subprocess.run(
        [sys.executable, "-c", program], env=environment, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    name, *rest = done.stdout.split()
    assert name == kernel
    return rest


@pytest.mark.slow
def test_three_processes_with_different_hash_seeds_agree():
    """Procedures, rpc, disks, weather and a pause: same events, messages and fingerprint."""
    first = run("pure", "0")
    assert int(first[0]) > 500
    assert run("pure", "1") == first
    compiled = importlib.util.find_spec("windtunnel.sim._kernel") is not None
    assert run("compiled" if compiled else "pure", "2") == first


@pytest.mark.slow
@pytest.mark.parametrize("wish", ["fast", "compiled"])
def test_a_wrong_wish_for_a_kernel_is_said(wish, tmp_path):
    """An unknown kernel, and a compiled one that was not built, are wrong usage with one line."""
    hide = "import sys; sys.modules['windtunnel.sim._kernel'] = None; import windtunnel.sim.kernel"
    environment = {**os.environ, "WINDTUNNEL_KERNEL": wish}
    done = subprocess.run([sys.executable, "-c", hide], env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1
    assert done.stderr.strip().splitlines()[-1].startswith("windtunnel.base.errors.UsageError: ")


@pytest.mark.slow
def test_without_a_compiler_the_pure_kernel_is_taken():
    """No compiled module, no wish: the twin."""
    hide = "import sys; sys.modules['windtunnel.sim._kernel'] = None; from windtunnel.sim.kernel import KERNEL; print(KERNEL)"
    environment = {name: value for name, value in os.environ.items() if name != "WINDTUNNEL_KERNEL"}
    done = subprocess.run([sys.executable, "-c", hide], env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert done.stdout.strip() == "pure", done.stderr

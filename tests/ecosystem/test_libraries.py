"""Libraries as they are, in programs that know nothing of the tunnel: the same facts on real loopback and inside."""

import asyncio
import importlib
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import real_loopback
import tunnel

from windtunnel.sim import World

PROGRAMS = (
    "aiohttp_shop",
    "anyio_tasks",
    "fastapi_orders",
    "grpclib_greeter",
    "keep_alive",
    "plain_asyncio",
    "redis_notes",
    "tls_lines",
    "udp_counter",
    "websockets_chat",
)


def program(name):
    return importlib.import_module(f"programs.{name}")


@pytest.mark.parametrize("name", PROGRAMS)
def test_on_real_loopback(name):
    """The program does on the real loop what it says it does."""
    subject = program(name)
    assert real_loopback.run(subject, probe=name != "udp_counter") == subject.EXPECTED


@pytest.mark.parametrize("name", PROGRAMS)
def test_in_the_tunnel(name):
    """The same module, unmodified, finds the same facts on two simulated hosts."""
    subject = program(name)
    assert tunnel.run(subject, probe=name != "udp_counter") == subject.EXPECTED


@pytest.mark.parametrize("seed", [2, 3, 4])
@pytest.mark.parametrize("name", PROGRAMS)
def test_under_a_bad_network(name, seed):
    """Loss, duplicates and detours of packets change when things happen, not what."""
    subject = program(name)

    def spoil(world):
        world.weather(drop=0.05, duplicate=0.05)

    assert tunnel.run(subject, seed=seed, probe=name != "udp_counter", before=spoil) == subject.EXPECTED


def test_graceful_stop_in_the_tunnel(capfd):
    """A virtual SIGTERM does to uvicorn what a real one does."""
    subject = program("graceful_stop")
    world = World(1)

    async def scenario():
        server = world.host("server", main=lambda: subject.serve("0.0.0.0", 8080), on_exit="ignore")
        async with world.client("client"):
            await real_loopback.listening("server", 8080)
            facts = await subject.use("server", 8080, lambda: server.signal(signal.SIGTERM))
        while server.running:
            await asyncio.sleep(0.1)
        return facts

    assert world.run(scenario) == subject.EXPECTED
    assert capfd.readouterr().out.split() == ["up", "down"]


def test_graceful_stop_of_a_real_process():
    """A real uvicorn finishes its request after a real SIGTERM, and refuses later ones."""
    subject = program("graceful_stop")
    port = real_loopback.free_port()
    with subprocess.Popen([sys.executable, Path(subject.__file__), str(port)], stdout=subprocess.PIPE, text=True) as process:

        async def use():
            await real_loopback.listening("127.0.0.1", port)
            return await subject.use("127.0.0.1", port, process.terminate)

        try:
            assert asyncio.run(asyncio.wait_for(use(), 60)) == subject.EXPECTED
            assert process.communicate(timeout=20)[0].split() == ["up", "down"]
        finally:
            process.kill()

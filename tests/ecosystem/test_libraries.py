"""Libraries as they are, in programs that know nothing of the tunnel: the same facts on real loopback and inside."""

import asyncio
import importlib
import subprocess
import sys
from pathlib import Path

import pytest
import real_loopback

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

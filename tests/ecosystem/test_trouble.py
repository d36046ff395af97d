"""What clients are told when servers die, freeze or cannot be reached: the same inside the tunnel as by Linux."""

import asyncio
import contextlib
import signal
import socket
import subprocess
import sys

import pytest
import real_loopback
from programs import trouble

from windtunnel.sim import World

HERE = "127.0.0.1"
TRIES = 3


@contextlib.contextmanager
def deaf():
    """The port of a socket whose backlog is full: the kernel answers no further handshake."""
    with contextlib.ExitStack() as sockets:
        listener = sockets.enter_context(socket.socket())
        listener.bind((HERE, 0))
        listener.listen(0)
        for _ in range(3):
            client = sockets.enter_context(socket.socket())
            client.setblocking(False)
            client.connect_ex(listener.getsockname())
        yield listener.getsockname()[1]


async def real_trouble(library):
    """What the client of a library says on this machine, by situation."""
    port = real_loopback.free_port()
    said = {
        "nobody listens": await trouble.answer_or_error(library, HERE, port, "ok"),
        "unknown name": await trouble.answer_or_error(library, "nowhere.invalid", port, "ok"),
    }
    processes = []

    async def server():
        command = [sys.executable, trouble.__file__, library, str(port)]
        processes.append(await asyncio.to_thread(subprocess.Popen, command, stderr=subprocess.DEVNULL))
        await real_loopback.listening(HERE, port)

    async def asked(word, signum):
        question = asyncio.create_task(trouble.answer_or_error(library, HERE, port, word))
        await asyncio.sleep(0.3)
        processes[-1].send_signal(signum)
        return await question

    try:
        for situation in trouble.SAID[library]:
            if situation.startswith("killed"):
                await server()
                said[situation] = await asked(situation.split()[1], signal.SIGKILL)
                processes[-1].wait()
        await server()
        said["ok"] = await trouble.answer_or_error(library, HERE, port, "ok")
        said["silence"] = await asked("wait", signal.SIGSTOP)
        with deaf() as deaf_port:
            said["no handshake"] = await trouble.answer_or_error(library, HERE, deaf_port, "ok")
    finally:
        for process in processes:
            process.kill()
            process.wait()
    return said


@pytest.mark.campaign
def test_what_clients_are_told_by_linux():
    """The table of what each client says is what it says on this machine."""

    async def measured(library):
        for _ in range(TRIES):  # a machine that is busy may be slower than a client's patience
            said = await real_trouble(library)
            if said == trouble.SAID[library]:
                break
        return said

    async def all_of_them():
        return dict(zip(trouble.SAID, await asyncio.gather(*map(measured, trouble.SAID)), strict=True))

    assert asyncio.run(asyncio.wait_for(all_of_them(), 100)) == trouble.SAID


# --- The same inside the tunnel ---


async def simulated_trouble(world, library):
    """What the client of a library says on a simulated host, by situation."""
    server = world.host("server", main=lambda: trouble.LIBRARIES[library][0]("0.0.0.0", 8080), on_exit="ignore")

    async def asked(word, harm):
        question = asyncio.create_task(trouble.answer_or_error(library, "server", 8080, word))
        await asyncio.sleep(0.3)
        harm()
        return await question

    async with world.client("client"):
        said = {
            "nobody listens": await trouble.answer_or_error(library, "server", 8081, "ok"),
            "unknown name": await trouble.answer_or_error(library, "nowhere.invalid", 8080, "ok"),
        }
        for situation in trouble.SAID[library]:
            if situation.startswith("killed"):
                await real_loopback.listening("server", 8080)
                said[situation] = await asked(situation.split()[1], server.kill)
                server.restart()
        await real_loopback.listening("server", 8080)
        said["ok"] = await trouble.answer_or_error(library, "server", 8080, "ok")
        said["silence"] = await asked("wait", server.pause)
        server.resume()
        world.cut([("client", "server"), ("server", "client")])
        said["no handshake"] = await trouble.answer_or_error(library, "server", 8080, "ok")
    return said


@pytest.mark.parametrize("seed", [1, 2, 3])
@pytest.mark.parametrize("library", trouble.SAID)
def test_what_clients_are_told_in_the_tunnel(library, seed):
    """They are told the same as by Linux when a server is killed, frozen, cut off, or was never there."""
    world = World(seed)
    assert world.run(simulated_trouble, world, library) == trouble.SAID[library]


@pytest.mark.parametrize("harm", ["crash", "partition", "pause"])
@pytest.mark.parametrize("library", trouble.SAID)
def test_silence_has_one_face(library, harm):
    """A power cut, a cut cable and a frozen process look alike to a client that waits: its patience ends."""
    world = World(5)

    async def scenario():
        server = world.host("server", main=lambda: trouble.LIBRARIES[library][0]("0.0.0.0", 8080))
        async with world.client("client"):
            await real_loopback.listening("server", 8080)
            question = asyncio.create_task(trouble.answer_or_error(library, "server", 8080, "wait"))
            await asyncio.sleep(0.3)
            if harm == "crash":
                server.crash()
            elif harm == "pause":
                server.pause()
            else:
                world.cut([("client", "server"), ("server", "client")])
            return await question

    assert world.run(scenario) == trouble.SAID[library]["silence"]

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

HERE = "127.0.0.1"


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


@pytest.mark.slow
def test_what_clients_are_told_by_linux():
    """The table of what each client says is what it says on this machine."""

    async def all_of_them():
        return dict(zip(trouble.SAID, await asyncio.gather(*map(real_trouble, trouble.SAID)), strict=True))

    assert asyncio.run(asyncio.wait_for(all_of_them(), 60)) == trouble.SAID

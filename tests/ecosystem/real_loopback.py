"""Runs the programs of this folder on the real loop, over the loopback interface: what the tunnel is compared with."""

import asyncio
import contextlib
import socket


def free_port():
    """A port that is free, and the next one too: some programs use both."""
    while True:
        with socket.socket() as first, socket.socket() as second:
            first.bind(("127.0.0.1", 0))
            port = first.getsockname()[1]
            with contextlib.suppress(OSError, OverflowError):
                second.bind(("127.0.0.1", port + 1))
                return port


async def listening(host, port, server=None):
    """Wait until somebody accepts there; `server` is the task that should, and its end is an error."""
    while True:
        if server is not None and server.done():
            await server
        try:
            _, writer = await asyncio.open_connection(host, port)
        except OSError:
            await asyncio.sleep(0.02)
        else:
            writer.close()
            return


async def together(program, *, probe=True):
    """The facts of `program.use`, while `program.serve` runs beside it."""
    port = free_port()
    server = asyncio.create_task(program.serve("127.0.0.1", port))
    try:
        if probe:
            await listening("127.0.0.1", port, server)
        return await program.use("127.0.0.1", port)
    finally:
        server.cancel()
        await asyncio.gather(server, return_exceptions=True)


def run(program, *, probe=True):
    """The facts of a program on a new event loop of asyncio."""
    return asyncio.run(asyncio.wait_for(together(program, probe=probe), 60))

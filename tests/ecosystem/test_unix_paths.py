"""Unix sockets by path, on hosts that have files of their own."""

import asyncio
from pathlib import Path

import pytest

from windtunnel.sim import World


def test_a_path_where_nobody_listens():
    """Nothing at the path, and a file that is no listening socket, are told apart as by Linux; a server there answers."""

    async def serve(reader, writer):
        writer.write((await reader.readline()).upper())
        writer.close()

    async def scenario(world):
        async with world.client("a"):
            with pytest.raises(FileNotFoundError):
                await asyncio.open_unix_connection("/tmp/service.sock")
            await asyncio.to_thread(Path("/tmp/plain").write_text, "no socket")
            with pytest.raises(ConnectionRefusedError):
                await asyncio.open_unix_connection("/tmp/plain")
            server = await asyncio.start_unix_server(serve, "/tmp/service.sock")
            reader, writer = await asyncio.open_unix_connection("/tmp/service.sock")
            writer.write(b"hello\n")
            answer = await reader.readline()
            writer.close()
            await writer.wait_closed()
            server.close()
            return answer

    world = World(1)
    assert world.run(scenario, world) == b"HELLO\n"

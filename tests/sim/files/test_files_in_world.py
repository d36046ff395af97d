"""Files on the hosts of a world: asynchronous libraries, restarts, and the time that syncs take."""

import asyncio
import itertools
import os

import pytest

from windtunnel.sim import World


def run(scenario, seed=1):
    """The result of a scenario in a world of its own."""
    world = World(seed)
    return world.run(scenario, world)


def test_anyio_files():
    """Files and paths of anyio; its worker threads are calls on the host."""
    anyio = pytest.importorskip("anyio")

    async def scenario(_world):
        path = anyio.Path("/anyio/f")
        await path.parent.mkdir()
        await path.write_text("hello")
        async with await anyio.open_file("/anyio/f", "a") as file:
            await file.write("!")
        return await path.read_text()

    assert run(scenario) == "hello!"
    assert not os.path.exists("/anyio")


def test_aiofiles():
    """The package aiofiles dispatches on the classes of `io`."""
    aiofiles = pytest.importorskip("aiofiles")

    async def scenario(_world):
        async with aiofiles.open("/written", "wb", buffering=0) as file:
            await file.write(b"hello")
        async with aiofiles.open("/written") as file:
            return await file.read()

    assert run(scenario) == "hello"
    assert not os.path.exists("/written")


def test_a_service_restarts_from_what_its_disk_kept():
    """A counter that syncs each step loses none of them; one that does not loses some, in some seed; neither sees half a line."""

    async def count(sync):
        with open("/counter", "a+") as file:  # noqa: ASYNC230 - as services do
            file.seek(0)
            value = len(file.read().splitlines())
            directory = os.open("/", os.O_RDONLY)
            os.fsync(directory)
            os.close(directory)
            while True:
                value += 1
                file.write(f"{value}\n")
                file.flush()
                if sync:
                    os.fsync(file.fileno())
                done.append(value)
                await asyncio.sleep(0.1)

    async def scenario(world, sync):
        host = world.host("counter", main=lambda: count(sync))
        await asyncio.sleep(1.05)
        before = len(done)
        host.crash()
        lines = host.files.read_bytes("/counter").count(b"\n") if "/counter" in host.files.tree() else 0
        return before - lines

    lost = {True: [], False: []}
    for sync in (True, False):
        for seed in range(10):
            done = []
            world = World(seed)
            lost[sync].append(world.run(scenario, world, sync))
    assert set(lost[True]) == {0}
    assert max(lost[False]) > 0


def test_a_slow_sync_stalls_the_whole_host():
    """While a sync blocks, no other task of the host runs; other hosts do."""

    async def scenario(world):
        ticks = {"store": [], "other": []}

        async def tick(name):
            while True:
                ticks[name].append(world.now)
                await asyncio.sleep(0.1)

        async def main():
            ticking = asyncio.ensure_future(tick("store"))
            await asyncio.sleep(1.0)
            with open("/f", "wb") as file:  # noqa: ASYNC230
                os.fsync(file.fileno())
            await ticking

        world.host("store", main=main).files.disk("slow", sync_s=2.0)
        world.host("other", main=lambda: tick("other"))
        await asyncio.sleep(5.0)
        gaps = {name: max(b - a for a, b in itertools.pairwise(times)) for name, times in ticks.items()}
        assert 1.9 < gaps["store"] < 2.3
        assert gaps["other"] < 0.11

    run(scenario)

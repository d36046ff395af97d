# ruff: noqa: ASYNC230, PTH123 - the program under test uses files as programs do
import asyncio
import contextlib
import os
import random
import signal
import sys
import time
import uuid

import pytest

from windtunnel.base.streams import Stream
from windtunnel.sim import HostDown, buggify, trial

NAMES = ("a", "b", "c", "d")
DEEDS = (
    *("crash", "kill", "restart", "restart", "pause", "resume", "stall", "stop", "terminate", "interrupt"),
    *("cut", "hold", "heal", "skew", "weather", "calm", "full", "ok", "slow", "run"),
)


async def node(name, *, listens):
    """A server that writes what it gets to a file, and gossips with its neighbours."""

    async def answer(reader, writer):
        try:
            while line := await reader.readline():
                with open("log", "ab") as file:
                    file.write(line)
                    if random.random() < 0.3:
                        file.flush()
                        os.fsync(file.fileno())
                if buggify("exit", 0.02):
                    sys.exit(random.choice((0, 1)))
                writer.write(line)
        except OSError:
            pass  # reset, or no room on the disk
        finally:
            writer.close()

    async def gossip(peer):
        while True:
            await asyncio.sleep(random.random() * 0.3)
            try:
                async with asyncio.timeout(0.5):
                    reader, writer = await asyncio.open_connection(peer, 7000)
                    try:
                        writer.write(f"{uuid.uuid4()} {time.time()}\n".encode())
                        await reader.readline()
                    finally:
                        writer.close()
            except (OSError, TimeoutError):
                pass

    asked = asyncio.Event()
    if listens:
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, asked.set)
    server = await asyncio.start_server(answer, None, 7000)
    tasks = [asyncio.create_task(gossip(peer)) for peer in NAMES if peer != name]
    await asked.wait()
    server.close()
    return tasks


async def do(world, deed, name, other):
    """One thing that befalls a host."""
    host = world.hosts[name]
    match deed:
        case "crash" | "restart" | "pause" | "resume":
            getattr(world, deed)(name)
        case "cut" | "hold":
            world.cut([(name, other)] if name != other else [], hold=deed == "hold")
        case "full" | "ok" | "slow":
            world.disk(name, deed, **({"sync_s": 0.1} if deed == "slow" else {}))
        case "stop":
            await host.stop(1.0)
        case "run":
            with contextlib.suppress(HostDown, TimeoutError):
                await asyncio.wait_for(host.run(host.cpu(0.5)), 2.0)
        case _:
            {
                "kill": host.kill,
                "stall": lambda: host.stall(0.7),
                "terminate": lambda: host.signal(signal.SIGTERM),
                "interrupt": lambda: host.signal(signal.SIGINT),
                "heal": world.heal,
                "skew": lambda: world.skew(name, offset_s=1.0, drift=0.1),
                "weather": lambda: world.weather(drop=0.2, duplicate=0.1, slow_s=0.05),
                "calm": world.weather,
            }[deed]()


def storm(seed):
    """Thirty things in ten seconds, drawn from the seed, to four hosts."""
    dice = Stream(seed, "storm")
    plan = [(dice.uniform(0.0, 10.0), dice.choice(DEEDS), dice.choice(NAMES), dice.choice(NAMES)) for _ in range(30)]
    listens = {name: dice.chance(0.5) for name in NAMES}

    async def test(world):
        async def later(when_s, *what):
            await asyncio.sleep(when_s)
            await do(world, *what)

        for name in NAMES:
            world.host(name, lambda name=name: node(name, listens=listens[name]), on_exit="restart", cpu=2)
        async with asyncio.TaskGroup() as group:
            for row in plan:
                group.create_task(later(*row))
        await asyncio.sleep(2.0)

    return test


@pytest.mark.slow
@pytest.mark.parametrize(("seed", "policy"), [(1, "fifo"), (2, "random"), (3, "pct"), (4, "fifo")])
def test_whatever_befalls_hosts_the_run_is_the_same_and_sound(make_world, seed, policy):
    """No finding, no leak, and the same fingerprint and log twice."""
    one, two = (trial(storm(seed), seed, policy=policy, limit_s=100) for _ in range(2))
    assert one.verdict == "valid", one.finding
    assert one.leaks == []
    assert one.steps > 1000
    assert (one.fingerprint, one.log, one.fired) == (two.fingerprint, two.log, two.fired)


@pytest.mark.slow
def test_both_kernels_agree_in_a_storm(monkeypatch):
    """Fingerprint, log and everything else are the same on either."""
    from windtunnel.sim import kernel, pure
    from windtunnel.sim.machines import world as world_module

    outcomes = []
    for kind in (pure.Kernel, kernel.Kernel):
        monkeypatch.setattr(world_module, "Kernel", kind)
        row = trial(storm(5), 5, policy="random").to_row()
        del row["wall_s"]
        outcomes.append(row)
    assert outcomes[0] == outcomes[1]

"""How fast asyncio programs run in the tunnel, beside the same programs on the real loopback and in simloop.

python benchmarks/bench_streams.py [--quick]

Every round measures all engines, one after the other, in one process; medians are reported. Rates are per second of CPU time of
the process (user and system), so that other work on the machine does not count, and neither does waiting. simloop (0.2) is
measured where it is installed: it needs Python 3.12.
"""

from __future__ import annotations

import argparse
import asyncio
import importlib.util
import json
import os
import random
import resource
import subprocess
import sys
from statistics import median

COMMAND = "python benchmarks/bench_streams.py"
SIZE = 100  # bytes of a message
LATENCY_S = (0.001, 0.010)


# --- The programs: they know nothing of engines ---


async def echo(reader, writer):
    try:
        while True:
            writer.write(await reader.readexactly(SIZE))
    except asyncio.IncompleteReadError:
        writer.close()


async def streams(host, connections, rounds):
    """Messages: each is written once and read once."""
    message = b"x" * SIZE

    async def client():
        reader, writer = await asyncio.open_connection(host, 8000)
        for _ in range(rounds):
            writer.write(message)
            await reader.readexactly(SIZE)
        writer.close()

    await asyncio.gather(*[client() for _ in range(connections)])
    return 2 * connections * rounds


async def streams_server(host):
    await asyncio.start_server(echo, host, 8000)


class EchoProtocol(asyncio.Protocol):
    """Sends back what comes."""

    def connection_made(self, transport):  # noqa: D102
        self.transport = transport

    def data_received(self, data):  # noqa: D102
        self.transport.write(data)


class CountProtocol(asyncio.Protocol):
    """Keeps one message going round, `rounds` times."""

    def __init__(self, rounds, done):
        self.left = rounds
        self.done = done

    def connection_made(self, transport):  # noqa: D102
        self.transport = transport
        transport.write(b"x" * SIZE)

    def data_received(self, data):  # noqa: D102
        self.left -= 1
        if self.left:
            self.transport.write(data)
        else:
            self.transport.close()
            self.done.set_result(None)


async def protocols(host, connections, rounds):
    loop = asyncio.get_running_loop()
    waiters = [loop.create_future() for _ in range(connections)]
    for waiter in waiters:
        await loop.create_connection(lambda waiter=waiter: CountProtocol(rounds, waiter), host, 8000)
    await asyncio.gather(*waiters)
    return 2 * connections * rounds


async def protocols_server(host):
    await asyncio.get_running_loop().create_server(EchoProtocol, host, 8000)


async def sleeps(_host, tasks, rounds):
    draw = random.Random(1).random

    async def one(delays):
        for delay in delays:
            await asyncio.sleep(delay)

    await asyncio.gather(*[one([draw() * 0.01 + 1e-4 for _ in range(rounds)]) for _ in range(tasks)])
    return tasks * rounds


async def ring(_host, tasks, rounds):
    queues = [asyncio.Queue() for _ in range(tasks)]

    async def one(i):
        for _ in range(rounds):
            queues[(i + 1) % tasks].put_nowait(await queues[i].get())

    queues[0].put_nowait("token")
    await asyncio.gather(*[one(i) for i in range(tasks)])
    return tasks * rounds


async def gets(host, connections, rounds):
    import aiohttp

    async def client(session):
        for _ in range(rounds):
            async with session.get(f"http://{host}:8000/") as response:
                assert await response.read() == b"hello"

    async with aiohttp.ClientSession() as session:
        await asyncio.gather(*[client(session) for _ in range(connections)])
    return connections * rounds


async def gets_server(host):
    from aiohttp import web

    async def hello(_request):
        return web.Response(body=b"hello")

    app = web.Application()
    app.router.add_get("/", hello)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, host, 8000).start()


# --- Engines: CPU seconds that a program takes, and what it counted ---


def spent():
    """CPU seconds of this process; `time.process_time` is virtual inside the tunnel."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


async def rate(program, host, sizes):
    begin = spent()
    count = await program(host, *sizes)
    return count / (spent() - begin)


def in_tunnel(program, server, *sizes):
    from windtunnel.sim import World

    world = World(1, latency=("uniform", *LATENCY_S))
    if server is not None:
        world.host("server", main=lambda: forever(server("0.0.0.0")))

    async def main():
        await asyncio.sleep(0.1)
        return await rate(program, "server", sizes)

    return world.run(main)


async def forever(starting):
    await starting
    await asyncio.Event().wait()


def on_loopback(program, server, *sizes):
    async def main():
        if server is not None:
            await server("127.0.0.1")
        return await rate(program, "127.0.0.1", sizes)

    return asyncio.run(main())


def in_simloop(program, server, *sizes):
    from simloop import SimLoop

    loop = SimLoop(1)
    loop.net.set_defaults(latency=LATENCY_S)
    a, b = loop.net.host("client"), loop.net.host("server")

    async def main():
        if server is not None:
            b.create_task(forever(server("server")))
            await asyncio.sleep(0.1)
        return await a.create_task(rate(program, "server", sizes))

    return loop.run_until_complete(main())


ROWS = (
    # name, unit, program, server, sizes, sizes in simloop
    ("streams echo, 100 B, 1 connection", "messages/CPU-s", streams, streams_server, (1, 10_000), (1, 1_000)),
    ("streams echo, 100 B, 50 connections", "messages/CPU-s", streams, streams_server, (50, 300), (50, 30)),
    ("protocol echo, 100 B, 1 connection", "messages/CPU-s", protocols, protocols_server, (1, 10_000), (1, 1_000)),
    ("protocol echo, 100 B, 50 connections", "messages/CPU-s", protocols, protocols_server, (50, 300), (50, 30)),
    ("100 tasks sleeping", "sleeps/CPU-s", sleeps, None, (100, 300), (100, 50)),
    ("100 tasks, a token through queues", "hops/CPU-s", ring, None, (100, 300), (100, 50)),
    ("aiohttp GET, 10 connections", "requests/CPU-s", gets, gets_server, (10, 60), (10, 20)),
)


def measure(quick):
    """Medians of interleaved rounds: per row, rates of the tunnel, the real loopback and simloop (None where it is absent)."""
    rival = importlib.util.find_spec("simloop") is not None
    found = []
    for name, _, program, server, sizes, small in ROWS:
        if program is gets and importlib.util.find_spec("aiohttp") is None:
            continue
        rates = {"ours": [], "loopback": [], "simloop": []}
        for _ in range(3 if quick else 7):
            rates["ours"].append(in_tunnel(program, server, *sizes))
            rates["loopback"].append(on_loopback(program, server, *sizes))
            if rival:
                rates["simloop"].append(in_simloop(program, server, *small))
        found.append((name, *(median(values) if values else None for values in rates.values())))
    return found


def child(kernel, quick):
    words = [sys.executable, __file__, "--measure", *(["--quick"] if quick else [])]
    environment = {**os.environ, "WINDTUNNEL_KERNEL": kernel}
    done = subprocess.run(words, env=environment, capture_output=True, text=True, timeout=900, check=False)
    if done.returncode:
        raise RuntimeError(f"streams on the {kernel} kernel failed:\n{done.stderr}")
    return json.loads(done.stdout)


def rows(quick: bool = False) -> list[dict]:  # noqa: FBT001, FBT002 - called by name
    """One row per program, peer and kernel; ratio: how many times as fast as the peer."""
    kernels = ["compiled", "pure"] if importlib.util.find_spec("windtunnel.sim._kernel") else ["pure"]
    units = {row[0]: row[1] for row in ROWS}
    found = []
    for kernel in kernels:
        for name, ours, loopback, rival in child(kernel, quick):
            for peer_name, peer in (("asyncio, real loopback", loopback), ("simloop", rival)):
                if peer is not None:
                    row = {"name": name, "unit": units[name], "ours": round(ours, 1), "peer_name": peer_name}
                    found.append(
                        {**row, "peer": round(peer, 1), "ratio": round(ours / peer, 2), "kernel": kernel, "command": COMMAND}
                    )
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--quick", action="store_true", help="fewer rounds")
    parser.add_argument("--measure", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.measure:
        print(json.dumps(measure(options.quick)))
        return
    print(f"{'what':38} {'kernel':9} {'ours':>10} {'peer':>10} {'ratio':>7}  unit")
    for row in rows(options.quick):
        line = f"{row['name']:38} {row['kernel']:9} {row['ours']:10,.0f} {row['peer']:10,.0f} {row['ratio']:6.2f}x"
        print(f"{line}  {row['unit']} (peer: {row['peer_name']})", flush=True)


if __name__ == "__main__":
    main()

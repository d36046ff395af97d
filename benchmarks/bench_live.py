"""The live world against its peers on this machine, in one run: etcd, PySyncObj, grpc.aio.

* Raft as three processes on TCP with fsync, 1 and 32 clients over TCP, against etcd on the same disk. Rounds alternate between
  the two clusters, which both run all the time. Both get heartbeats of 50 ms, an election timeout of 500 ms, snapshots every
  100,000 entries (etcd's default), clients that speak to the leader, and writes of 64 bytes.
* Raft in memory, three nodes in one process, callers in that process, against three PySyncObj processes with callers in the
  leader's: the best of three of its modes. Once with messages handed over, once with messages encoded over TCP.
* Echo calls with 64 bytes and 64 in flight between two processes, against grpc.aio.

Column "kernel": the event loop of our side and of the clients. `python benchmarks/bench_live.py [--quick]`.
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib.util
import statistics
import sys
import tempfile
import time
from pathlib import Path

from live_loads import VALUE, WARM_S, EtcdClient, Load, RaftClient, Refused, closed_loops, load_of
from live_peers import (
    HOST,
    PYSYNCOBJ_MODES,
    end,
    etcd,
    etcd_missing,
    etcd_version,
    grpc_calls,
    grpc_missing,
    in_flight,
    pysyncobj,
    pysyncobj_missing,
    spawn,
)
from windtunnel.base.interface import Op, Request
from windtunnel.base.messages import Message
from windtunnel.base.streams import Stream
from windtunnel.base.system import Setup
from windtunnel.live.cluster import LiveWorld
from windtunnel.live.pace import loop_factory
from windtunnel.live.transport import Transport
from windtunnel.runtime.codec import Codec
from windtunnel.runtime.driver import Driver
from windtunnel.runtime.host import LoopHost
from windtunnel.systems import find

DISK = "/var/tmp"  # /tmp may live in memory
NODES = ("n1", "n2", "n3")
TIMING = {"election_timeout_s": (0.5, 1.0), "heartbeat_s": 0.05, "snapshot_every": 100_000}
COMMAND = "python benchmarks/bench_live.py"


def loops() -> list[str]:
    """The event loops at hand, the faster one first."""
    return ["uvloop", "asyncio"] if importlib.util.find_spec("uvloop") else ["asyncio"]


def run(loop: str, main):
    """Run a coroutine on the loop of that name."""
    with asyncio.Runner(loop_factory=loop_factory(loop)) as runner:
        return runner.run(main)


def row(name: str, unit: str, ours: float, peer_name: str, peer: float | None, loop: str) -> dict[str, object]:
    """One row of results; latencies are better when smaller."""
    ratio = None if peer is None else peer / ours if unit == "ms" else ours / peer
    return {
        "name": name,
        "unit": unit,
        "ours": ours,
        "peer_name": peer_name,
        "peer": peer,
        "ratio": ratio,
        "kernel": loop,
        "command": COMMAND,
    }


def median(loads: list[Load]) -> Load:
    """Each figure's median over the rounds."""
    return Load(*(statistics.median(getattr(load, name) for load in loads) for name in ("per_s", "p50_ms", "p99_ms")))


# --- Three processes with fsync, against etcd ---


async def against_etcd(loop: str, rounds: int, seconds: float) -> dict[tuple[str, int], Load]:
    """The load of "ours" and, if it is installed, "etcd" with 1 and 32 clients."""
    system = find("raft")
    codec = Codec(system.messages)
    loads: dict[tuple[str, int], list[Load]] = {}
    async with contextlib.AsyncExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="windtunnel-bench-", dir=DISK)))
        etcd_leader = None if etcd_missing() else stack.enter_context(etcd(directory))
        world = await stack.enter_async_context(
            LiveWorld(
                system,
                loader="windtunnel.systems:find",
                directory=directory,
                seed=1,
                size=3,
                options=system.options(**TIMING),
                proxied=False,
                loop=loop,
            )
        )
        for number in range(rounds):
            for clients in (1, 32):
                names = [f"b{number}.{clients}.{i}" for i in range(clients)]
                found = await ours(world, codec, names, seconds)
                loads.setdefault(("ours", clients), []).append(found)
                if etcd_leader is not None:
                    address = await asyncio.to_thread(etcd_leader)
                    found = await closed_loops([EtcdClient(name) for name in names], address, seconds)
                    loads.setdefault(("etcd", clients), []).append(found)
    return {key: median(found) for key, found in loads.items()}


async def ours(world: LiveWorld, codec: Codec, names: list[str], seconds: float) -> Load:
    """One closed loop against the leader of `world`; repeated when an election came in between."""
    for attempt in range(5):
        assert await world.until(lambda: world.leader() is not None, 60.0), world.failure
        clients = [RaftClient(f"{name}.{attempt}", codec) for name in names]
        with contextlib.suppress(Refused):
            return await closed_loops(clients, world.address(world.leader()), seconds)
        await asyncio.sleep(1.0)
    raise Refused("the cluster keeps electing leaders: the machine is too busy for this benchmark")


def etcd_rows(rounds: int, seconds: float) -> list[dict[str, object]]:
    found = []
    peer_name = etcd_missing() or etcd_version()
    for loop in loops():
        loads = run(loop, against_etcd(loop, rounds, seconds))
        for clients in (32, 1):
            mine, peer = loads["ours", clients], loads.get(("etcd", clients))
            name = f"live Raft, 3 processes, fsync, {clients} client{'s' * (clients > 1)}"
            found.append(row(name, "ops/s", mine.per_s, peer_name, peer and peer.per_s, loop))
            found.append(row(f"{name}, p99", "ms", mine.p99_ms, peer_name, peer and peer.p99_ms, loop))
    return found


# --- One process in memory, against PySyncObj ---


class Memory:
    """A network inside this process: what is flushed is delivered in the next turn of the loop."""

    def __init__(self, me: str, doors: dict) -> None:
        self.me = me
        self.doors = doors
        self.buffer: list[tuple[str, object]] = []

    def send(self, dst: str, message: object) -> None:
        """Keep it for the flush."""
        self.buffer.append((dst, message))

    def flush(self) -> None:
        """Deliver in the next turn."""
        if self.buffer:
            buffer, self.buffer = self.buffer, []
            asyncio.get_running_loop().call_soon(self.deliver, buffer)

    def deliver(self, buffer: list[tuple[str, object]]) -> None:
        """Knock at the doors."""
        for dst, message in buffer:
            self.doors[dst](self.me, message)


class Mixed(Memory):
    """Peers over TCP, callers and the node itself inside this process."""

    def __init__(self, me: str, doors: dict, transport: Transport) -> None:
        super().__init__(me, doors)
        self.transport = transport

    def send(self, dst: str, message: object) -> None:
        """By the way that leads there."""
        if dst in NODES and dst != self.me:
            self.transport.send(dst, message)
        else:
            super().send(dst, message)

    def flush(self) -> None:
        """Both."""
        self.transport.flush()
        super().flush()


async def in_one_process(clients: int, seconds: float, *, tcp: bool) -> Load:
    """Three nodes without disks on this loop, and closed loops of callers at the leader."""
    system = find("raft")
    doors: dict[str, object] = {}
    networks = {name: Memory(name, doors) for name in NODES}
    transports = []
    if tcp:
        from windtunnel.live.processes import free_ports

        ports = dict(zip(NODES, free_ports(3), strict=True))
        for name in NODES:
            peers = {other: (HOST, ports[other]) for other in NODES if other != name}
            transport = Transport(name, Codec(system.messages), peers, lambda src, m, name=name: doors[name](src, m), say=print)
            await transport.listen(HOST, ports[name])
            transports.append(transport)
            networks[name] = Mixed(name, doors, transport)
    cores = {}
    for name in NODES:
        driver = Driver(networks[name], failed=broken, dice=Stream(1, name).random)
        doors[name] = driver.deliver
        setup = Setup(me=name, nodes=NODES, out=driver, safeguards=system.safeguards(), options=system.options(**TIMING))
        cores[name] = system.build(setup)
        driver.start(cores[name])
    while system.leader(cores) is None:  # noqa: ASYNC110 - cores have no events
        await asyncio.sleep(0.05)
    await asyncio.sleep(0.2)
    latencies: list[float] = []
    for i in range(clients):
        caller(f"c{i}", doors, doors[system.leader(cores)], latencies)
    await asyncio.sleep(WARM_S)
    latencies.clear()
    began = time.perf_counter()
    await asyncio.sleep(seconds)
    load = load_of(list(latencies), time.perf_counter() - began)
    for transport in transports:
        await transport.close()
    return load


def broken(error: Exception, event: str) -> None:
    raise RuntimeError(event) from error


def caller(name: str, doors: dict, leader, latencies: list[float]) -> None:
    """A closed loop inside the process."""
    seq, began = 0, 0.0

    def put() -> None:
        nonlocal seq, began
        seq += 1
        began = time.perf_counter()
        leader(name, Request(name, seq, Op("write", name, VALUE)))

    def answered(_src: str, reply) -> None:
        assert reply.status == "ok", reply
        latencies.append(time.perf_counter() - began)
        put()

    doors[name] = answered
    put()


def pysyncobj_rows(rounds: int, seconds: float) -> list[dict[str, object]]:
    found = []
    missing = pysyncobj_missing()
    for clients in (32, 1):
        peers: dict[str, list[Load]] = {}
        mine: dict[tuple[str, bool], list[Load]] = {}
        for _ in range(rounds):
            for loop in loops():
                for tcp in (False, True):
                    load = run(loop, in_one_process(clients, seconds, tcp=tcp))
                    mine.setdefault((loop, tcp), []).append(load)
            for mode in PYSYNCOBJ_MODES if missing is None else ():
                peers.setdefault(mode, []).append(pysyncobj(mode, clients, seconds))
        best = max(peers, key=lambda mode: median(peers[mode]).per_s) if peers else None
        peer = median(peers[best]) if best else None
        peer_name = f"PySyncObj, {best}" if best else missing
        for (loop, tcp), loads in mine.items():
            how = "TCP between nodes" if tcp else "in memory"
            name = f"Raft in one process, {how}, {clients} caller{'s' * (clients > 1)}"
            found.append(row(name, "ops/s", median(loads).per_s, peer_name, peer and peer.per_s, loop))
    return found


# --- Calls, against grpc.aio ---


class Echo(Message, frozen=True):
    """The body of a call."""

    text: str


def endpoint(me: str, peers: dict) -> tuple[Transport, LoopHost]:
    """One end of calls over TCP."""
    transport = Transport(me, Codec((Echo,)), peers, lambda _src, _message: None, say=print)
    driver = Driver(transport, failed=broken, dice=Stream(1, me).random)
    host = LoopHost(me, ("a", "b"), driver, None)
    driver.start(host)
    transport.deliver = driver.deliver
    return transport, host


async def serve_echo() -> None:
    transport, host = endpoint("b", {})

    async def echo(_src: str, message: Echo) -> Echo:
        return message

    host.serve(echo)
    print(await transport.listen(HOST, 0), flush=True)
    await asyncio.Event().wait()


async def echo_calls(port: int, flights: int, seconds: float) -> float:
    """Round trips per second."""
    transport, host = endpoint("a", {"b": (HOST, port)})
    body = Echo(VALUE)
    rate = await in_flight(lambda: host.call("b", body, deadline_s=10.0), flights, seconds)
    await transport.close()
    return rate


def grpc_rows(rounds: int, seconds: float) -> list[dict[str, object]]:
    from subprocess import PIPE

    missing = grpc_missing()
    found = []
    peers = Path(__file__).with_name("live_peers.py")
    children = {loop: spawn([sys.executable, __file__, "--echo", loop], stdout=PIPE, text=True) for loop in loops()}
    if missing is None:
        children["grpc"] = spawn([sys.executable, str(peers), "grpc"], stdout=PIPE, text=True)
    try:
        ports = {name: int(child.stdout.readline()) for name, child in children.items()}
        rates: dict[tuple[str, int], list[float]] = {}
        for _ in range(rounds):
            for flights in (64, 1):
                for name, port in ports.items():
                    work = (grpc_calls if name == "grpc" else echo_calls)(port, flights, seconds)
                    rates.setdefault((name, flights), []).append(run("asyncio" if name == "grpc" else name, work))
        for flights in (64, 1):
            for loop in loops():
                peer = statistics.median(rates["grpc", flights]) if missing is None else None
                mine = statistics.median(rates[loop, flights])
                found.append(
                    row(f"framed rpc over loopback, {flights} in flight", "calls/s", mine, missing or "grpc.aio", peer, loop)
                )
    finally:
        end(*children.values())
        for child in children.values():
            child.stdout.close()
    return found


def rows(*, quick: bool = False) -> list[dict[str, object]]:
    rounds, seconds = (1, 1.0) if quick else (3, 1.5)
    return [
        *etcd_rows(rounds, seconds),
        *pysyncobj_rows(1 if quick else 2, seconds),
        *grpc_rows(rounds, seconds),
    ]


def main() -> None:
    for found in rows(quick="--quick" in sys.argv):
        ratio = f"{found['ratio']:.2f}x" if found["ratio"] is not None else "-"
        peer = f"{found['peer']:,.1f}" if found["peer"] is not None else "-"
        ours = f"{found['name']:56} {found['ours']:>11,.1f} {found['unit']:8}"
        print(f"{ours} {found['peer_name']:>30} {peer:>10} {ratio:>7} {found['kernel']}")


if __name__ == "__main__":
    if "--echo" in sys.argv:
        run(sys.argv[2], serve_echo())
    else:
        main()

"""The peers of the live benchmarks, as child processes that die with us: etcd, PySyncObj, grpc.aio."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import importlib.util
import json
import os
import shutil
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

from live_loads import VALUE, WARM_S, Load, load_of
from windtunnel.live.processes import die_with_parent, free_ports, signal_tree

HOST = "127.0.0.1"
READY_S = 60.0


def spawn(argv: list[str], **more) -> subprocess.Popen:
    """A child in a session of its own that dies with this process."""
    bound = functools.partial(die_with_parent, os.getpid())
    return subprocess.Popen(argv, start_new_session=True, preexec_fn=bound, **more)  # noqa: PLW1509 - before any thread starts


def end(*children: subprocess.Popen) -> None:
    """Kill children and theirs, and wait for them."""
    for child in children:
        if child.poll() is None:
            signal_tree(child.pid, signal.SIGSTOP, signal.SIGKILL)
    for child in children:
        child.wait()


# --- etcd ---


def etcd_missing() -> str | None:
    """Why etcd cannot be measured here, or None."""
    return None if shutil.which("etcd") else "etcd is not installed (apt install etcd-server)"


def etcd_version() -> str:
    """Such as "etcd 3.4.23"."""
    done = subprocess.run(["etcd", "--version"], check=True, capture_output=True, text=True)
    return "etcd " + done.stdout.split("\n", 1)[0].rpartition(" ")[2]


@contextlib.contextmanager
def etcd(directory: Path):
    """Three etcd servers on loopback, syncing to `directory`; yields the client address of their leader."""
    clients, peers = free_ports(3), free_ports(3)
    cluster = ",".join(f"e{i}=http://{HOST}:{port}" for i, port in enumerate(peers))
    children = []
    try:
        for i in range(3):
            client, peer = f"http://{HOST}:{clients[i]}", f"http://{HOST}:{peers[i]}"
            argv = ["etcd", "--name", f"e{i}", "--data-dir", str(directory / f"e{i}"), "--log-level", "error"]
            argv += ["--listen-client-urls", client, "--advertise-client-urls", client]
            argv += ["--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer]
            argv += ["--initial-cluster", cluster, "--initial-cluster-token", "bench"]
            argv += ["--heartbeat-interval", "50", "--election-timeout", "500"]
            children.append(spawn(argv, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL))
        yield lambda: _etcd_leader(clients)
    finally:
        end(*children)


def _etcd_leader(ports: list[int]) -> tuple[str, int]:
    deadline = time.monotonic() + READY_S
    while time.monotonic() < deadline:
        for port in ports:
            url = f"http://{HOST}:{port}/v3/maintenance/status"
            with contextlib.suppress(urllib.error.URLError, OSError, KeyError):
                with urllib.request.urlopen(urllib.request.Request(url, data=b"{}"), timeout=2) as answer:
                    status = json.load(answer)
                if status["leader"] == status["header"]["member_id"]:
                    return HOST, port
        time.sleep(0.1)
    raise TimeoutError("etcd elected no leader")


# --- PySyncObj ---

PYSYNCOBJ_MODES = {
    "batch off": {"appendEntriesUseBatch": False},
    "2 ms ticks": {"autoTickPeriod": 0.002, "appendEntriesPeriod": 0.002},
    "batch off, 2 ms ticks": {"appendEntriesUseBatch": False, "autoTickPeriod": 0.002},
}


def pysyncobj_missing() -> str | None:
    """Why PySyncObj cannot be measured here, or None."""
    return None if importlib.util.find_spec("pysyncobj") else "pysyncobj is not installed"


def pysyncobj(mode: str, clients: int, seconds: float) -> Load:
    """Three PySyncObj processes; callers inside the leader's process, memory only."""
    ports = free_ports(3)
    argv = [[sys.executable, __file__, "pysyncobj", mode, str(clients), str(seconds), str(i), *map(str, ports)] for i in range(3)]
    children = [spawn(each, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) for each in argv]
    try:
        deadline = time.monotonic() + READY_S
        while all(child.poll() is None for child in children):
            assert time.monotonic() < deadline, "PySyncObj did not finish"
            time.sleep(0.05)
        [done] = [child for child in children if child.poll() is not None]
        return Load(**json.loads(done.stdout.read()))
    finally:
        end(*children)
        for child in children:
            child.stdout.close()


def _pysyncobj_node(mode: str, clients: int, seconds: float, number: int, ports: list[str]) -> None:
    from pysyncobj import SyncObj, SyncObjConf, replicated

    class Store(SyncObj):
        """A replicated dictionary."""

        def __init__(self, me, others, conf):
            super().__init__(me, others, conf)
            self.values = {}

        @replicated
        def put(self, key, value):
            self.values[key] = value

    addresses = [f"{HOST}:{port}" for port in ports]
    me = addresses[number]
    store = Store(me, [each for each in addresses if each != me], SyncObjConf(**PYSYNCOBJ_MODES[mode]))
    while not store.isReady() or store.getStatus()["leader"] is None:
        time.sleep(0.01)
    time.sleep(0.3)
    if str(store.getStatus()["leader"]) != me:
        time.sleep(600)
    latencies: list[float] = []

    def start(key: str) -> None:
        began = 0.0

        def put() -> None:
            nonlocal began
            began = time.perf_counter()
            store.put(key, VALUE, callback=done)

        def done(_result, error) -> None:
            if error:
                os._exit(1)
            latencies.append(time.perf_counter() - began)
            put()

        put()

    for i in range(clients):
        start(f"k{i}")
    time.sleep(WARM_S)
    latencies.clear()
    began = time.perf_counter()
    time.sleep(seconds)
    load = load_of(list(latencies), time.perf_counter() - began)
    sys.stdout.write(json.dumps(load.__dict__))
    sys.stdout.flush()
    os._exit(0)


# --- grpc.aio ---


def grpc_missing() -> str | None:
    """Why grpc cannot be measured here, or None."""
    return None if importlib.util.find_spec("grpc") else "grpcio is not installed"


async def grpc_calls(port: int, flights: int, seconds: float) -> float:
    """Round trips per second of 64-byte echo calls."""
    import grpc

    async with grpc.aio.insecure_channel(f"{HOST}:{port}") as channel:
        call = channel.unary_unary("/bench/Echo")
        body = VALUE.encode()
        return await in_flight(lambda: call(body), flights, seconds)


async def in_flight(call, flights: int, seconds: float) -> float:
    """Calls per second with `flights` of them open all the time."""
    count = 0

    async def repeat() -> None:
        nonlocal count
        while True:
            await call()
            count += 1

    tasks = [asyncio.create_task(repeat()) for _ in range(flights)]
    await asyncio.sleep(WARM_S)
    count, began = 0, time.perf_counter()
    await asyncio.sleep(seconds)
    rate = count / (time.perf_counter() - began)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    return rate


async def _grpc_server() -> None:
    import grpc

    async def echo(request, _context):
        return request

    server = grpc.aio.server()
    method = grpc.unary_unary_rpc_method_handler(echo)
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("bench", {"Echo": method}),))
    print(server.add_insecure_port(f"{HOST}:0"), flush=True)
    await server.start()
    await server.wait_for_termination()


if __name__ == "__main__":
    if sys.argv[1] == "pysyncobj":
        _pysyncobj_node(sys.argv[2], int(sys.argv[3]), float(sys.argv[4]), int(sys.argv[5]), sys.argv[6:])
    else:
        asyncio.run(_grpc_server())

"""Calls that would stop the only thread, or leave the process."""

# ruff: noqa: PLW0108 - a lambda looks the name up when the call is made, not when the test is collected

import asyncio
import builtins
import multiprocessing
import os
import select
import selectors
import socket
import sqlite3
import subprocess
import time
from time import sleep as early_sleep

import pytest

from windtunnel.base.errors import Escaped
from windtunnel.sim import World
from windtunnel.sim.ambient.clocks import EPOCH

HERE = __file__


@pytest.mark.parametrize(
    ("name", "call"),
    [
        ("socket.create_connection", lambda: socket.create_connection(("db", 5432))),
        ("socket.getaddrinfo", lambda: socket.getaddrinfo("db", 5432)),
        ("socket.gethostbyname", lambda: socket.gethostbyname("db")),
        ("socket.gethostbyname_ex", lambda: socket.gethostbyname_ex("db")),
        ("socket.gethostbyaddr", lambda: socket.gethostbyaddr("10.0.0.1")),
        ("socket.getnameinfo", lambda: socket.getnameinfo(("10.0.0.1", 80), 0)),
        ("select.select", lambda: select.select([], [], [], 1.0)),
        ("poll of descriptors", lambda: selectors.DefaultSelector().select(1.0)),
        ("subprocess.Popen", lambda: subprocess.run(["true"], check=True)),
        ("subprocess.Popen", lambda: os.popen("true")),
        ("os.system", lambda: os.system("true")),
        ("os.fork", lambda: os.fork()),
        ("os.execv", lambda: os.execv("/bin/true", ["true"])),
        ("os.posix_spawn", lambda: os.posix_spawn("/bin/true", ["true"], {})),
        ("os.waitpid", lambda: os.waitpid(-1, 0)),
        ("os.abort", lambda: os.abort()),
        ("multiprocessing.Process", lambda: multiprocessing.Process(target=print).start()),
        ("input", lambda: input("?")),
        ("sqlite3.connect", lambda: sqlite3.connect("orders.db")),
        ("time.sleep", lambda: time.sleep(0.5)),
    ],
    ids=lambda item: item if isinstance(item, str) else "",
)
def test_each_is_refused_by_name_host_time_and_line(sim, host, name, call):
    """The error says what was called, where, when, and what to do; the host is told as well."""

    async def main():
        await asyncio.sleep(1.5)
        call()

    with pytest.raises(Escaped) as caught:
        sim.run(host, main)
    text = str(caught.value)
    line = call.__code__.co_firstlineno
    assert name in text
    assert f"on host a, t=1.500000 s, at {HERE}:{line}: " in text
    assert host.escapes == [caught.value]


def test_what_cannot_block_passes(sim, host):
    """Polls without a timeout, addresses that are numbers, databases in memory, naps of no length."""

    def main():
        assert select.select([], [], [], 0) == ([], [], [])
        assert select.poll().poll(0) == []
        with selectors.DefaultSelector() as selector:
            assert selector.select(0) == []
        assert socket.getaddrinfo("127.0.0.1", 80)[0][4] == ("127.0.0.1", 80)
        assert socket.getaddrinfo("::1", 80)[0][4][:2] == ("::1", 80)
        assert socket.getaddrinfo(None, 80)
        assert socket.gethostbyname("10.0.0.1") == "10.0.0.1"
        sqlite3.connect(":memory:").close()
        sqlite3.connect("file::memory:?cache=shared", uri=True).close()
        time.sleep(0)
        with pytest.raises(ValueError, match="non-negative"):
            time.sleep(-1)

    sim.run(host, main)


def test_sleep_stalls_a_host_that_wants_it(sim, host):
    """With `on_sleep="stall"` the host freezes instead; early aliases too."""
    host.on_sleep = "stall"
    sim.run(host, lambda: (time.sleep(0.5), early_sleep(2)))
    assert host.stalled == [0.5, 2.0]
    del host.on_sleep
    host.world = type("World", (), {"on_sleep": "stall"})
    sim.run(host, lambda: time.sleep(1))
    assert host.stalled == [0.5, 2.0, 1.0]


def test_a_stalled_step_sees_the_time_at_which_it_wakes_up():
    """A loop that polls a clock between naps ends; the rest of the host goes on after the naps, other hosts at once."""
    seen = {}

    async def polls():
        deadline = time.monotonic() + 0.95
        naps = 0
        while time.monotonic() < deadline:
            time.sleep(0.1)  # noqa: ASYNC251 - the subject
            naps += 1
        seen["polls"] = (naps, time.monotonic(), time.time_ns() - int(EPOCH * 1e9))
        await asyncio.sleep(0.0)
        seen["after"] = time.monotonic()

    async def other(name):
        await asyncio.sleep(0.5)
        seen[name] = time.monotonic()

    async def main(world):
        a, b = world.host("a"), world.host("b")
        works = [a.run(lambda: other("same")), b.run(lambda: other("another")), a.run(polls)]
        await asyncio.gather(*works)

    world = World(seed=1, on_sleep="stall")
    world.run(main, world)
    naps, woke, woke_ns = seen["polls"]
    assert naps == 10
    assert woke == pytest.approx(1.0)
    assert woke_ns == pytest.approx(1e9)
    assert seen["after"] == pytest.approx(1.0)
    assert seen["same"] == pytest.approx(1.0)
    assert seen["another"] == 0.5


def test_exit_of_the_process_leaves_the_real_one(sim, host):
    """`os._exit` becomes SystemExit: the host ends, pytest does not."""
    with pytest.raises(SystemExit) as caught:
        sim.run(host, lambda: os._exit(3))
    assert caught.value.code == 3


def test_a_debugger_may_ask(sim, host, monkeypatch):
    """`input` of pdb and its kin is the real one, for people who look into a run."""
    asked = []

    def real(prompt=""):
        asked.append(prompt)
        return "c"

    monkeypatch.setattr(builtins, "input", real)
    scope = {"__name__": "pdb", "__builtins__": builtins}
    assert sim.run(host, lambda: eval("input('(Pdb) ')", scope)) == "c"
    assert asked == ["(Pdb) "]


def test_outside_everything_is_as_before(sim, host):
    """After a run the same calls work."""
    sim.run(host, lambda: None)
    assert subprocess.run(["true"], check=True).returncode == 0
    started = time.monotonic()
    time.sleep(0.001)
    assert time.monotonic() > started
    assert select.select([], [], [], 0.001) == ([], [], [])

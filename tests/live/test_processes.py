import asyncio
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from windtunnel.base.errors import UsageError
from windtunnel.live import processes
from windtunnel.live.processes import Child, free_ports, signal_tree, tree

PATIENCE_S = 60.0


def wait_until(condition):
    """Wait for a condition, with all the patience that a loaded machine needs."""
    end = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.005)


def state(pid):
    """The state letter of a process; "-" when it is gone."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except OSError:
        return "-"


FAMILY = """
import subprocess, sys, time
code = "import time; print('ready', flush=True); time.sleep(600)"
child = subprocess.Popen([sys.executable, "-c", code], start_new_session=True)
time.sleep(600)
"""


def test_signals_reach_children_in_other_sessions():
    """A grandchild that leads its own session is paused, resumed and killed with the rest of the tree."""
    with subprocess.Popen([sys.executable, "-c", FAMILY], stdout=subprocess.PIPE) as parent:
        assert parent.stdout.readline() == b"ready\n"
        pids = tree(parent.pid)
        assert len(pids) == 2
        assert pids[0] == parent.pid
        signal_tree(parent.pid, signal.SIGSTOP)
        wait_until(lambda: all(state(pid) == "T" for pid in pids))
        signal_tree(parent.pid, signal.SIGCONT)
        wait_until(lambda: all(state(pid) in "SR" for pid in pids))
        signal_tree(parent.pid, signal.SIGSTOP, signal.SIGKILL)
        parent.wait(PATIENCE_S)
        wait_until(lambda: all(state(pid) in "-Z" for pid in pids))
    assert tree(parent.pid) == []


ORPHAN = """
import os, sys, time
from windtunnel.live.processes import die_with_parent
die_with_parent(int(sys.argv[1]))
print(os.getpid(), flush=True)
time.sleep(600)
"""
PARENT = f"""
import os, subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", {ORPHAN!r}, str(os.getpid())], start_new_session=True)
time.sleep(600)
"""


def with_path():
    """An environment in which children find the package."""
    return os.environ | {"PYTHONPATH": os.pathsep.join(entry for entry in sys.path if entry)}


def test_a_child_dies_with_its_parent():
    """SIGKILL to the parent ends the child, although it leads a session of its own."""
    with subprocess.Popen([sys.executable, "-c", PARENT], stdout=subprocess.PIPE, env=with_path()) as parent:
        pid = int(parent.stdout.readline())
        parent.kill()
        parent.wait(PATIENCE_S)
        wait_until(lambda: state(pid) in "-Z")


def test_a_child_whose_parent_is_gone_ends_at_once():
    """Between its start and its request to the kernel a child may have lost its parent: it notices."""
    done = subprocess.run([sys.executable, "-c", ORPHAN, "1"], check=False, env=with_path(), capture_output=True)
    assert done.returncode == 1
    assert done.stdout == b""


def test_a_child_talks_in_lines(tmp_path):
    """Lines arrive whole and in order, the last ones before the end is told; stderr goes to the log."""

    async def main():
        code = "import sys; print('a'); print(input()); sys.stderr.write('log'); print('x' * 100_000); sys.exit(3)"
        heard = []
        child = Child(
            [sys.executable, "-c", code],
            log=tmp_path / "log",
            environment=os.environ,
            heard=heard.append,
            ended=heard.append,
        )
        assert child.tell(b"hello")
        async with asyncio.timeout(PATIENCE_S):
            await child.gone()
        assert heard == [b"a", b"hello", b"x" * 100_000, 3]
        assert (tmp_path / "log").read_bytes() == b"log"
        assert not child.tell(b"too late")
        child.signal(signal.SIGKILL)

    asyncio.run(main())


def test_telling_a_child_that_does_not_read_never_blocks(tmp_path):
    """When its pipe is full, `tell` says so."""

    async def main():
        child = Child(
            [sys.executable, "-c", "import time; time.sleep(600)"],
            log=tmp_path / "log",
            environment=os.environ,
            heard=print,
            ended=lambda _status: None,
        )
        assert not all(child.tell(b"x" * 5000) for _ in range(100))
        child.signal(signal.SIGKILL)
        async with asyncio.timeout(PATIENCE_S):
            await child.gone()

    asyncio.run(main())


def test_free_ports_are_free_and_out_of_the_kernels_way():
    """They are different, below the range of outgoing connections, and can be listened on."""
    ports = free_ports(5)
    assert len(set(ports)) == 5
    assert all(10_000 <= port < processes._first_ephemeral() for port in ports)
    for port in ports:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", port))


def test_too_few_ports_are_said(monkeypatch):
    """Without enough free ports the error says how many there were."""
    monkeypatch.setattr(processes, "_is_free", lambda port: port == 10_000)
    monkeypatch.setattr(processes, "_first_ephemeral", lambda: 10_003)
    with pytest.raises(UsageError, match="found 1 free TCP ports between 10000 and 10002, 2 are needed"):
        free_ports(2)

"""Who a process on a host is."""

import getpass
import os
import platform
import socket
import subprocess
import threading
from os import environ as early_environ
from os import getpid as early_getpid
from pathlib import Path

import pytest

from windtunnel.sim import ambient


def test_every_host_has_its_own_process(sim):
    """Number, names and node differ from host to host, and from the real ones."""
    a, b = sim.host("a"), sim.host("b")

    def who():
        return (
            os.getpid(),
            early_getpid(),
            threading.get_native_id(),
            os.getpgid(0),
            socket.gethostname(),
            platform.node(),
            platform.uname().node,
            os.uname().nodename,
            socket.getfqdn(),
        )

    real = who()
    on_a, on_b = sim.run(a, who), sim.run(b, who)
    assert on_a == (1000, 1000, 1000, 1000, "a", "a", "a", "a", "a")
    assert on_b == (1001, 1001, 1001, 1001, "b", "b", "b", "b", "b")
    assert who() == real
    assert sim.run(a, os.getppid) == 1
    assert sim.run(a, lambda: socket.getfqdn("elsewhere")) == "elsewhere"
    assert sim.run(a, lambda: os.uname().sysname) == os.uname().sysname
    assert sim.run(a, Path.cwd) == Path.cwd()
    assert sim.run(a, os.times).elapsed == 0.0


def test_another_life_has_another_number(sim, host):
    """A restarted process has a new pid, as on a real machine."""
    before = sim.run(host, os.getpid)
    host.crash()
    host.start()
    assert sim.run(host, os.getpid) != before


def test_the_environment_is_the_hosts(sim):
    """It begins as a copy of the real one with what the host adds; writes stay on the host, through every alias."""
    a, b = sim.host("a", ROLE="primary", HOME="/home/a"), sim.host("b")

    def write():
        assert os.environ["ROLE"] == "primary"
        assert os.environ["HOME"] == "/home/a"
        assert os.environ["PATH"] == path
        os.environ["MINE"] = "1"
        early_environ["ALSO"] = "2"
        del os.environ["HOME"]
        os.environb[b"BYTES"] = b"3"
        os.putenv("NOBODY", "4")
        with pytest.raises(KeyError, match="HOME"):
            os.environ["HOME"]
        return os.environ.copy()

    path, home, size = os.environ["PATH"], os.environ["HOME"], len(os.environ)
    written = sim.run(a, write)
    assert written["MINE"] == sim.run(a, lambda: os.getenv("MINE")) == "1"
    assert {"MINE": "1", "ALSO": "2", "BYTES": "3"}.items() <= written.items()
    assert "NOBODY" not in written
    assert sim.run(b, lambda: [os.getenv("MINE"), os.environ.get("ROLE"), os.environ["HOME"]]) == [None, None, home]
    assert (os.environ["HOME"], len(os.environ), os.getenv("MINE")) == (home, size, None)
    assert a.process.environ["MINE"] == "1"
    assert "HOME" not in a.process.environ
    a.process.environ["SET"] = "outside"
    assert sim.run(a, lambda: os.environ["SET"]) == "outside"
    del a.process.environ["SET"]
    with pytest.raises(KeyError, match="SET"):
        a.process.environ["SET"]
    with pytest.raises(KeyError, match="SET"):
        del a.process.environ["SET"]
    assert len(a.process.environ) == len(list(a.process.environ))
    assert "MINE" in repr(a.process.environ)


def test_the_real_environment_stays_usable(sim, host):
    """While the hooks are installed, and after, writes outside of hosts reach the process."""
    sim.run(host, os.getpid)
    os.environ["WINDTUNNEL_PROBE"] = "1"
    try:
        assert subprocess.check_output(["/bin/sh", "-c", "echo $WINDTUNNEL_PROBE"]) == b"1\n"
        ambient.uninstall()
        assert os.environ["WINDTUNNEL_PROBE"] == "1"
        assert type(os.environ) is os._Environ
    finally:
        del os.environ["WINDTUNNEL_PROBE"]


def test_the_user_comes_from_the_environment(sim):
    """`os.getlogin` needs no terminal on a host."""
    assert sim.run(sim.host("a", LOGNAME="ann", USER="bob"), lambda: (os.getlogin(), getpass.getuser())) == ("ann", "ann")

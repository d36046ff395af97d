"""Who the process is: its number, its host's name, its environment. Each host has its own."""

from __future__ import annotations

import os
import platform
from typing import Any

from windtunnel.sim.ambient import switch
from windtunnel.sim.ambient.hooking import Hook
from windtunnel.sim.ambient.process import PARENT


def _pid(host: Any) -> int:
    return int(host.process.pid)


def _parent(_host: Any) -> int:
    return PARENT


def _name(host: Any) -> str:
    return str(host.process.hostname)


def _uname(host: Any) -> Any:
    with switch.outside():
        real = os.uname()
    return os.uname_result((real.sysname, host.process.hostname, real.release, real.version, real.machine))


def _platform_uname(host: Any) -> Any:
    with switch.outside():
        return platform.uname()._replace(node=host.process.hostname)  # it starts a process the first time


def _login(host: Any) -> str:
    environ = host.process.environ
    return str(environ.get("LOGNAME") or environ.get("USER") or "root")


def _getfqdn(host: Any, name: str = "") -> str:
    return str(host.process.hostname) if name.strip() in ("", "0.0.0.0", "::") else name  # noqa: S104 - a name, not an address to bind


def _times(host: Any) -> Any:
    elapsed = host.port.monotonic()
    return os.times_result((elapsed, 0.0, 0.0, 0.0, elapsed))


def _nothing(_host: Any, *_args: Any) -> None:
    """`putenv` and `unsetenv` reach only children of the real process; hosts have none."""


class _Environments(os._Environ[Any]):  # noqa: SLF001 - the class of `os.environ`
    """The class of `os.environ` and `os.environb` while the hooks are installed: both look into the data of the host."""

    @property
    def _data(self) -> Any:
        host = switch.acting()
        return self.__dict__["_data"] if host is None else host.process.environ.data


def take_environ() -> None:
    """Make `os.environ`, whoever holds it, ask for the host."""
    os.environ.__class__ = _Environments
    os.environb.__class__ = _Environments


def give_environ_back() -> None:
    """Undo `take_environ`."""
    os.environ.__class__ = os._Environ  # noqa: SLF001
    os.environb.__class__ = os._Environ  # noqa: SLF001


IDENTITY = [
    Hook("posix", "getpid", _pid),
    Hook("posix", "getppid", _parent),
    Hook("posix", "getpgrp", _pid),
    Hook("posix", "getpgid", lambda host, _pid: host.process.pid),
    Hook("posix", "getsid", lambda host, _pid: host.process.pid),
    Hook("_thread", "get_native_id", _pid),
    Hook("posix", "uname", _uname),
    Hook("posix", "getlogin", _login),
    Hook("posix", "times", _times),
    Hook("posix", "putenv", _nothing),
    Hook("posix", "unsetenv", _nothing),
    Hook("_socket", "gethostname", _name),
    Hook("socket", "getfqdn", _getfqdn),
    Hook("platform", "node", _name),
    Hook("platform", "uname", _platform_uname),
]

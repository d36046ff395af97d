"""The error of code that tries to leave the simulation: what was called, where, when, from which line; what to do instead."""

from __future__ import annotations

import sys
import sysconfig
from pathlib import Path
from typing import Any

from windtunnel.base.errors import Escaped
from windtunnel.sim.life import current_host

_SIM = str(Path(__file__).parent)
_OURS = (*(f"{_SIM}/{part}" for part in ("ambient/", "files/", "net/", "sealed.py")), __file__)
_STDLIB = tuple({sysconfig.get_path("stdlib"), sysconfig.get_path("platstdlib")})


def escaped(call: str, instead: str) -> Escaped:
    """The error, for the host that the running code belongs to; where there is none, it has no place either."""
    host = current_host()
    return Escaped(f"{call}: {instead}") if host is None else escape(host, call, instead)


def escape(host: Any, call: str, instead: str) -> Escaped:
    """The error, to be raised by the caller. A world with a method `escaped` is told, for user code may swallow it."""
    file, line = place()
    error = Escaped(f"{call} on host {host.name}, t={now(host):.6f} s, at {file}:{line}: {instead}")
    told = getattr(getattr(host, "world", None), "escaped", None)
    if told is not None:
        told(host, error)
    return error


def asking() -> Any:
    """The innermost frame that is not ours, of whoever called what is hooked; None at the bottom of a stack."""
    frame: Any = sys._getframe(1)  # noqa: SLF001 - the documented way to one's caller
    while frame is not None and frame.f_code.co_filename.startswith(_OURS):
        frame = frame.f_back
    return frame


def place() -> tuple[str, int]:
    """File and line of the innermost frame that is neither ours nor the standard library's; failing that, not ours."""
    frame = asking()
    nearest = ("an unknown place", 0)
    first = True
    while frame is not None:
        file = frame.f_code.co_filename
        if file.startswith(_SIM):  # the loop: whoever called it is not the one who escaped
            break
        if first or not _of_stdlib(file):
            nearest, first = (file, frame.f_lineno), False
        if not _of_stdlib(file):
            break
        frame = frame.f_back
    return nearest


def now(host: Any) -> float:
    """True virtual time, whatever the host's clock shows."""
    kernel = getattr(getattr(host, "loop", None), "kernel", None)
    return float(host.port.clock() if kernel is None else kernel.now)


def _of_stdlib(file: str) -> bool:
    return file.startswith("<frozen") or (file.startswith(_STDLIB) and "site-packages" not in file)

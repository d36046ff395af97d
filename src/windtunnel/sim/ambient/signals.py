"""Signals between and inside hosts: handlers belong to the host's process, nothing reaches the real one.

`signal.signal`, `getsignal`, `raise_signal`, `os.kill` and the loop's `add_signal_handler` work; what waits for a signal, or asks
the operating system to send one later, is refused.
"""

# mypy: disable-error-code="override"

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable
from contextvars import copy_context
from typing import Any

from windtunnel.sim.ambient.hooking import Hook
from windtunnel.sim.ambient.process import LoopHandler, checked
from windtunnel.sim.escapes import escape
from windtunnel.sim.life import current_host
from windtunnel.sim.sealed import Sealed

_TIMER = "use loop.call_later, or host.signal(signum) from outside"
_WAIT = "use loop.add_signal_handler and await what it sets"


class SignalCalls(Sealed):
    """The part of a simulated loop that knows signals. Outside hosts there are none: the next class refuses."""

    def add_signal_handler(self, sig: int, callback: Callable[..., Any], *args: Any) -> None:
        """As asyncio's: `callback(*args)` at a step of its own when the host gets the signal. Replaces a former handler.

        Raises TypeError for a coroutine, ValueError for a number that is no signal, RuntimeError for one that cannot be caught.
        """
        host = current_host()
        if host is None:
            super().add_signal_handler(sig, callback, *args)
        if asyncio.iscoroutine(callback) or asyncio.iscoroutinefunction(callback):
            raise TypeError("coroutines cannot be used with add_signal_handler()")
        _check(sig)
        try:
            host.process.dispose(sig, LoopHandler(callback, args, copy_context()))
        except OSError as error:
            raise RuntimeError(f"sig {sig} cannot be caught") from error

    def remove_signal_handler(self, sig: int) -> bool:
        """As asyncio's: whether there was one."""
        host = current_host()
        if host is None:
            return bool(super().remove_signal_handler(sig))
        _check(sig)
        if not isinstance(host.process.disposition(sig), LoopHandler):
            return False
        host.process.dispose(sig, signal.default_int_handler if sig == signal.SIGINT else signal.SIG_DFL)
        return True


def _check(signum: int) -> int:
    if not isinstance(signum, int):
        raise TypeError(f"sig must be an int, not {signum!r}")
    if signum not in signal.valid_signals():
        raise ValueError(f"invalid signal number {signum}")
    return signum


def _signal(host: Any, signum: int, handler: Any) -> Any:
    """`_signal.signal`: numbers and functions, without the enumerations of the module above it."""
    if not callable(handler) and handler not in (signal.SIG_IGN, signal.SIG_DFL):
        raise TypeError("signal handler must be signal.SIG_IGN, signal.SIG_DFL, or a callable object")
    if not 1 <= signum < signal.NSIG:
        raise ValueError("signal number out of range")
    if not callable(handler):
        handler = signal.Handlers(handler)
    return host.process.dispose(signum, handler)


def _getsignal(host: Any, signum: int) -> Any:
    if not 1 <= signum < signal.NSIG:
        raise ValueError("signal number out of range")
    return host.process.disposition(signum)


def _raise_signal(host: Any, signum: int) -> None:
    host.process.raised(checked(_check(signum)))


def _pthread_kill(host: Any, _thread: int, signum: int) -> None:
    host.process.raised(checked(_check(signum)))


def _kill(host: Any, pid: int, signum: int) -> None:
    """`os.kill`: a host has one process, and its group has one member."""
    if pid not in (host.process.pid, -host.process.pid, 0):
        raise ProcessLookupError(3, os.strerror(3))
    if signum != 0:
        host.process.raised(_check(signum))


def _refused(name: str, instead: str) -> Callable[..., Any]:
    def handler(host: Any, *_args: Any, **_options: Any) -> Any:
        raise escape(host, f"signal.{name}()", instead)

    return handler


SIGNALS = [
    Hook("_signal", "signal", _signal),
    Hook("_signal", "getsignal", _getsignal),
    Hook("_signal", "raise_signal", _raise_signal),
    Hook("_signal", "pthread_kill", _pthread_kill),
    Hook("posix", "kill", _kill),
    Hook("posix", "killpg", _kill),
    Hook("_signal", "set_wakeup_fd", lambda _host, *_args, **_options: -1),
    Hook("_signal", "siginterrupt", lambda _host, *_args: None),
    *(Hook("_signal", name, _refused(name, _TIMER)) for name in ("alarm", "setitimer")),
    *(Hook("_signal", name, _refused(name, _WAIT)) for name in ("pause", "sigwait", "sigwaitinfo", "sigtimedwait")),
    Hook(
        "_signal", "pthread_sigmask", _refused("pthread_sigmask", "signals of a host cannot be blocked; ignore them with SIG_IGN")
    ),
]

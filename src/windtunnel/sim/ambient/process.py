"""A host's process, as its code sees it: number, host name, environment, what it does with signals."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Iterator, MutableMapping
from contextvars import Context
from typing import Any

from windtunnel.base.errors import UsageError
from windtunnel.sim.escapes import asking
from windtunnel.sim.life import LIFE

PARENT = 1
_FIRST_PID = 1000
_PIDS = 4_000_000
_STEP = 7919  # between the process numbers of two lives of one host
_LOCAL_NODE = 0x02_57_54_00_00_00  # a locally administered MAC address
_CATCHLESS = frozenset({signal.SIGKILL, signal.SIGSTOP})
_DEFAULTS: dict[int, Any] = {
    signal.SIGINT: signal.default_int_handler,
    signal.SIGPIPE: signal.SIG_IGN,
    **({signal.SIGXFSZ: signal.SIG_IGN} if hasattr(signal, "SIGXFSZ") else {}),
}  # what Python installs at its start; everything else begins as SIG_DFL


class LoopHandler:
    """A handler of `loop.add_signal_handler`; to `signal.getsignal` it is a function that does nothing, as asyncio's is."""

    __slots__ = ("args", "callback", "context")

    def __init__(self, callback: Callable[..., Any], args: tuple[Any, ...], context: Context) -> None:
        self.callback = callback
        self.args = args
        self.context = context

    def __call__(self, signum: int, frame: Any) -> None:
        """Nothing: the loop runs the callback at a step of its own."""


class Environ(MutableMapping[str, str]):
    """The environment of one host, a mapping of `str`; `data` is what its `os.environ` looks into."""

    __slots__ = ("data",)

    def __init__(self, data: dict[bytes, bytes]) -> None:
        self.data = data

    def __getitem__(self, name: str) -> str:
        try:
            return os.fsdecode(self.data[os.fsencode(name)])
        except KeyError:
            raise KeyError(name) from None

    def __setitem__(self, name: str, value: str) -> None:
        self.data[os.fsencode(name)] = os.fsencode(value)

    def __delitem__(self, name: str) -> None:
        try:
            del self.data[os.fsencode(name)]
        except KeyError:
            raise KeyError(name) from None

    def __iter__(self) -> Iterator[str]:
        return iter([os.fsdecode(name) for name in self.data])

    def __len__(self) -> int:
        return len(self.data)

    def __repr__(self) -> str:
        return f"Environ({dict(self)!r})"


class Process:
    """What `os`, `socket`, `platform` and `signal` tell the code of one life of `host` about itself.

    handlers: what `signal.signal` and `loop.add_signal_handler` set, by number. Small until it is used. `host.env`: variables
    that its environment has besides, or instead of, those of the real process.
    """

    __slots__ = ("_environ", "handlers", "host", "hostname", "pid")

    def __init__(self, host: Any) -> None:
        self.host = host
        self.hostname: str = host.name
        self.pid = _FIRST_PID + int(host.port.index + _STEP * host.port.incarnation) % _PIDS  # another one in each life
        self.handlers: dict[int, Any] | None = None
        self._environ: Environ | None = None

    @property
    def node(self) -> int:
        """`uuid.getnode()`: 48 bits, the host's own."""
        return _LOCAL_NODE | int(self.host.port.index) & 0xFFFFFF

    @property
    def environ(self) -> Environ:
        """The environment: a copy of the real one when first looked at, in UTC, with the host's own variables."""
        if self._environ is None:
            self._environ = Environ({**os.environ.__dict__["_data"], b"TZ": b"UTC0"})
            self._environ.update(self.host.env or {})
        return self._environ

    # --- Signals ---

    def disposition(self, signum: int) -> Any:
        """What happens at signal `signum`: SIG_DFL, SIG_IGN, a Python function, or a LoopHandler."""
        handler = None if self.handlers is None else self.handlers.get(signum)
        return _DEFAULTS.get(signum, signal.SIG_DFL) if handler is None else handler

    def dispose(self, signum: int, handler: Any) -> Any:
        """Set what happens at signal `signum`; returns what happened before. OSError for signals that nobody can catch."""
        before = self.disposition(signum)
        if signum in _CATCHLESS:
            raise OSError(22, os.strerror(22))
        if self.handlers is None:
            self.handlers = {}
        self.handlers[signum] = handler
        return before

    def deliver(self, signum: int) -> bool:
        """Signal `signum` reaches this process: its handler runs at a step of its own, in the host's context.

        Returns whether the process has a handler for it, or ignores it; if not, the system's own action is the caller's business.
        No effect on a host that is down. Raises UsageError for a number that is no signal.
        """
        number = checked(signum)
        life = self.host.life
        if life is None:
            return True
        handler = self.disposition(number)
        if handler is signal.SIG_IGN:
            return True
        if handler is signal.SIG_DFL or handler is signal.default_int_handler or number in _CATCHLESS:
            return False
        if isinstance(handler, LoopHandler):
            self.host.loop.call_soon(handler.callback, *handler.args, context=handler.context)
        else:
            context = Context()
            context.run(LIFE.set, life)
            self.host.loop.call_soon(self._handle, handler, number, context=context)
        return True

    def raised(self, signum: int) -> None:
        """The process sends signal `signum` to itself: a Python handler runs at once, as it does in reality."""
        number = checked(signum)
        handler = self.disposition(number)
        if callable(handler) and not isinstance(handler, LoopHandler) and handler is not signal.default_int_handler:
            handler(number, asking())  # with the frame that was interrupted
        else:
            self.host.signal(number)

    def _handle(self, handler: Callable[[int, Any], Any], signum: int) -> None:
        try:
            handler(signum, sys._getframe())  # noqa: SLF001 - a frame, as handlers expect
        except KeyboardInterrupt:  # somebody's own version of what SIGINT does; it must not look like ours
            self.host.default_action(signal.SIGINT)


def checked(signum: int) -> int:
    """A signal's number. Raises UsageError for what is none."""
    if signum not in signal.valid_signals():
        raise UsageError(f"expected the number of a signal; got {signum!r}")
    return int(signum)

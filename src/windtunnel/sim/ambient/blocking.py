"""Calls that would stop the only thread there is, or leave the process: each is refused, with what to use instead.

A call that cannot block passes: `time.sleep(0)`, a poll without a timeout. Work that was given to a thread may sleep.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from windtunnel.sim.ambient import clocks
from windtunnel.sim.ambient.hooking import Hook
from windtunnel.sim.ambient.threads import working
from windtunnel.sim.escapes import asking, escape

_SLEEP = 'await asyncio.sleep instead, or let it freeze the whole host: World(on_sleep="stall")'
_POLL = "await sockets and streams of asyncio instead"
_CHILD = "a host has one process; make the program a host of its own"
_DATABASE = 'its files are out of reach; use ":memory:", or run the database on a real disk outside the simulation'
_DEBUGGERS = frozenset({"cmd", "pdb", "bdb", "code", "codeop", "IPython"})


def _sleep(host: Any, seconds: float) -> Any:
    """Real time does not pass. `on_sleep` of the host, or of its world: "raise", or "stall". Work of a thread ends later."""
    if not seconds > 0:
        return NotImplemented
    if working():
        clocks.spend(float(seconds))
        return None
    wish = getattr(host, "on_sleep", None) or getattr(getattr(host, "world", None), "on_sleep", None) or "raise"
    if wish == "stall":
        host.stall(seconds / host.port.rate)
        clocks.spend(float(seconds), host)
        return None
    raise escape(host, f"time.sleep({seconds!r})", _SLEEP)


def _input(host: Any, *_prompt: Any) -> Any:
    """A debugger in a simulation is real: its prompt waits in real time."""
    frame = asking()
    if frame is not None and frame.f_globals.get("__name__", "").partition(".")[0] in _DEBUGGERS:
        return NotImplemented
    raise escape(host, "input()", "there is no terminal on a host")


def _select(host: Any, _reading: Any, _writing: Any, _failing: Any, timeout: float | None = None) -> Any:
    if timeout is not None and timeout <= 0:
        return NotImplemented
    raise escape(host, "select.select()", _POLL)


def _poll(host: Any, _poller: Any, timeout: float | None = None, *_more: Any, **_options: Any) -> Any:
    if timeout is not None and timeout == 0:
        return NotImplemented
    raise escape(host, "a blocking poll of descriptors", _POLL)


def _sqlite(host: Any, database: Any, *_args: Any, **options: Any) -> Any:
    text = database.decode("utf-8", "replace") if isinstance(database, bytes) else str(database)
    if text in (":memory:", "") or (options.get("uri") and (text.startswith("file::memory:") or "mode=memory" in text)):
        return NotImplemented
    raise escape(host, f"sqlite3.connect({text!r})", _DATABASE)


def _leave(_host: Any, status: int = 0) -> Any:
    """`os._exit` ends the process of the host; the real one goes on. Cleanup of the current call stack does run."""
    raise SystemExit(status)


def _refused(call: str, instead: str) -> Callable[..., Any]:
    def handler(host: Any, *args: Any, **_options: Any) -> Any:
        shown = repr(args[0])[:60] if args and isinstance(args[0], str | bytes | int | list | tuple) else ""
        raise escape(host, f"{call}({shown})", instead)

    return handler


def _program(host: Any, _popen: Any, args: Any = (), *_more: Any, **_options: Any) -> Any:
    raise escape(host, f"subprocess.Popen({args!r})"[:120], _CHILD)


_EXECS = (
    "execv",
    "execve",
    "posix_spawn",
    "posix_spawnp",
    "fork",
    "forkpty",
    "system",
    "wait",
    "waitpid",
    "waitid",
    "wait3",
    "wait4",
)
_SELECTORS = ("SelectSelector", "PollSelector", "EpollSelector", "DevpollSelector", "KqueueSelector")

BLOCKING = [
    Hook("time", "sleep", _sleep),
    Hook("builtins", "input", _input),
    Hook("socket", "create_connection", _refused("socket.create_connection", "await asyncio.open_connection instead")),
    Hook("select", "select", _select),
    Hook("select", "poll", _poll, of=lambda module: type(module.poll()) if hasattr(module, "poll") else None),
    Hook("select", "epoll.poll", _poll),
    *(Hook("selectors", f"{name}.select", _poll) for name in _SELECTORS),
    Hook("subprocess", "Popen.__init__", _program),
    Hook("_posixsubprocess", "fork_exec", _refused("_posixsubprocess.fork_exec", _CHILD)),
    Hook("multiprocessing.process", "BaseProcess.start", _refused("multiprocessing.Process.start", _CHILD)),
    Hook("_sqlite3", "connect", _sqlite),
    Hook("posix", "_exit", _leave),
    Hook("posix", "abort", _refused("os.abort", "raise an exception, or host.kill() from outside")),
    *(Hook("posix", name, _refused(f"os.{name}", _CHILD)) for name in _EXECS),
]

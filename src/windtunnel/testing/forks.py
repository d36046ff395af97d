"""One forked child per task: a fresh copy of everything that was imported, for milliseconds, and nobody's state but its own.

Theory of operation. The parent has imported the user's code and set up its fixtures; a child starts from exactly that, so module
state that one seed leaves behind never reaches the next. A child writes one pickled answer into a pipe and leaves by `os._exit`.
It may as well die by a signal, exit, run out of memory or never end: each of these is an `Ended` like any other, with what the
child had written to its stdout and stderr, because whatever happens to a seed is a finding about that seed. Nothing that the
parent waits for depends on the child's good will.

Before it kills a child that has used up its time, the parent sends SIGABRT: `faulthandler` then writes where the child stood.
"""

from __future__ import annotations

import contextlib
import ctypes
import faulthandler
import gc
import os
import pickle
import resource
import select
import signal
import sys
import tempfile
import time
import traceback
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, NoReturn, Self

OUTPUT_MAX = 64 << 10
"""Bytes kept of each output stream of a child: its end, which says more than its beginning."""

DYING_S = 2.0
"""How long a child may take to write its stack after SIGABRT; then SIGKILL."""

POLL_S = 0.25
"""How long to wait for an answer before the caller gets a turn to draw its progress."""

_PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None


@dataclass(frozen=True, slots=True)
class Ended:
    """How one child ended.

    how: "returned" (`value` is the answer), "raised" (our own code did; `text` is its traceback), "died" (a signal or an exit
    without an answer) or "hung" (it was killed after the limit). text: what there is to say about it. out, err: the ends of its
    outputs.
    """

    item: Any
    how: Literal["returned", "raised", "died", "hung"]
    value: Any
    text: str
    out: str
    err: str
    wall_s: float


class Crew:
    """Up to `jobs` children at a time, each running `function(item)` for at most `limit_s` seconds.

    A context manager: what is left when the block ends, by an exception too, is killed and waited for.
    """

    def __init__(self, function: Callable[[Any], Any], *, jobs: int, limit_s: float) -> None:
        assert jobs >= 1, "a crew has a member"
        self._function = function
        self._jobs = jobs
        self._limit_s = limit_s
        self._running: dict[int, _Child] = {}  # by the descriptor of its pipe
        self._poll = select.poll()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for child in list(self._running.values()):
            self._forget(child)
            child.kill()

    @property
    def free(self) -> bool:
        """Whether another child may be started."""
        return len(self._running) < self._jobs

    @property
    def running(self) -> list[Any]:
        """The items that are being worked on, in the order in which they began."""
        return [child.item for child in self._running.values()]

    def start(self, item: Any) -> None:
        """Begin with one item."""
        assert self.free, "the crew is busy"
        child = _Child(self._function, item)
        self._running[child.pipe] = child
        self._poll.register(child.pipe, select.POLLIN | select.POLLHUP)

    def abandon(self, unwanted: Callable[[Any], bool]) -> None:
        """Kill the children whose items are `unwanted`."""
        for child in [child for child in self._running.values() if unwanted(child.item)]:
            self._forget(child)
            child.kill()

    def wait(self, timeout_s: float = POLL_S) -> list[Ended]:
        """Those that ended within `timeout_s`; none of them if it took longer."""
        soonest = min((child.began_s + self._limit_s for child in self._running.values()), default=0.0) - time.monotonic()
        ready = self._poll.poll(max(0.0, min(timeout_s, soonest)) * 1000.0 + 1.0)
        ended = [self._running[pipe] for pipe, _ in ready if self._running[pipe].read()]
        results = [self._finish(child, child.collect()) for child in ended]
        now = time.monotonic()
        late = [child for child in self._running.values() if now - child.began_s >= self._limit_s]
        results += [self._finish(child, child.stop(self._limit_s)) for child in late]
        return results

    def _finish(self, child: _Child, ended: Ended) -> Ended:
        self._forget(child)
        child.close()
        return ended

    def _forget(self, child: _Child) -> None:
        self._poll.unregister(child.pipe)
        del self._running[child.pipe]


def alone(function: Callable[[Any], Any], item: Any, *, limit_s: float) -> Ended:
    """Run `function(item)` in one child and wait for it."""
    with Crew(function, jobs=1, limit_s=limit_s) as crew:
        crew.start(item)
        while True:
            for ended in crew.wait(limit_s):
                return ended


class _Child:
    """A forked process, the pipe that its answer comes through, and files for its outputs."""

    __slots__ = ("_chunks", "_out", "began_s", "item", "pid", "pipe")

    def __init__(self, function: Callable[[Any], Any], item: Any) -> None:
        self.item = item
        self._chunks: list[bytes] = []
        self.pipe, theirs = os.pipe()
        self._out = (_scratch(), _scratch())
        sys.stdout.flush()
        sys.stderr.flush()
        parent = os.getpid()
        self.began_s = time.monotonic()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # of forks beside threads: the child never touches theirs
            self.pid = os.fork()
        if self.pid == 0:
            _live(function, item, theirs, self._out, parent)
        os.close(theirs)
        os.set_blocking(self.pipe, False)

    def read(self) -> bool:
        """Take what is in the pipe; whether the answer is complete, or will never be."""
        while True:
            try:
                chunk = os.read(self.pipe, 1 << 20)
            except BlockingIOError:
                return False
            if not chunk:
                return True
            self._chunks.append(chunk)

    def collect(self) -> Ended:
        """The end of a child that has closed its pipe."""
        status = self._reap(DYING_S)
        answer = b"".join(self._chunks)
        if status == 0 and answer:
            try:
                good, value = pickle.loads(answer)  # noqa: S301 - our own child wrote it
            except Exception as error:  # noqa: BLE001 - or what ran in it has found the descriptor
                return self._ended(
                    "died", None, f"its answer cannot be read ({type(error).__name__}): who else wrote to the pipe?"
                )
            return self._ended("returned" if good else "raised", value if good else None, "" if good else value)
        return self._ended("died", None, _status_text(status))

    def stop(self, limit_s: float) -> Ended:
        """End a child that has used up its time; its stderr then says where it stood."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGCONT)  # a stopped process would not hear the rest
            os.kill(self.pid, signal.SIGABRT)
        self._reap(DYING_S)
        return self._ended("hung", None, f"it did not end within {limit_s:g} s of real time and was killed")

    def kill(self) -> None:
        """End it without asking."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGKILL)
        self._reap(DYING_S)
        self.close()

    def close(self) -> None:
        """Give its descriptors back."""
        for fd in (self.pipe, *self._out):
            os.close(fd)

    def _reap(self, patience_s: float) -> int:
        """The exit status, as `os.waitstatus_to_exitcode` has it; a child that lingers is killed."""
        ends_s = time.monotonic() + patience_s
        pause_s = 0.0001
        while True:
            try:
                pid, status = os.waitpid(self.pid, os.WNOHANG)
            except ChildProcessError:  # somebody else waited for it: SIGCHLD is ignored, or a library reaps every child
                return 0
            if pid:
                return os.waitstatus_to_exitcode(status)
            if time.monotonic() >= ends_s:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(self.pid, signal.SIGKILL)
                return os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
            time.sleep(pause_s)
            pause_s = min(2 * pause_s, 0.01)

    def _ended(self, how: Literal["returned", "raised", "died", "hung"], value: Any, text: str) -> Ended:
        out, err = (_tail(fd) for fd in self._out)
        return Ended(self.item, how, value, text, out, err, time.monotonic() - self.began_s)


# --- In the child ---


def _live(function: Callable[[Any], Any], item: Any, pipe: int, out: tuple[int, int], parent: int) -> NoReturn:
    """A child's whole life."""
    code = 1
    try:
        _settle(out, parent)
        answer = _answer(function, item)
        sys.stdout.flush()
        sys.stderr.flush()
        view = memoryview(answer)
        while view:
            view = view[os.write(pipe, view) :]
        code = 0
    finally:
        os._exit(code)  # no exit handlers of the parent's libraries


def _settle(out: tuple[int, int], parent: int) -> None:
    """Become independent of the parent's terminal, and dependent on its life."""
    gc.disable()  # a collection would touch every object of the parent, and each page it touches is copied
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; the parent decides
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    if _libc is not None:
        _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        if os.getppid() != parent:  # it died before we could ask
            os._exit(1)
    resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)  # a prompt would wait for ever
    for fd, theirs in zip((1, 2), out, strict=True):
        os.dup2(theirs, fd)
    sys.stdout = open(1, "w", buffering=1, encoding="utf-8", errors="backslashreplace", closefd=False)  # noqa: SIM115
    sys.stderr = open(2, "w", buffering=1, encoding="utf-8", errors="backslashreplace", closefd=False)  # noqa: SIM115
    faulthandler.enable(2, all_threads=False)


def _answer(function: Callable[[Any], Any], item: Any) -> bytes:
    try:
        return pickle.dumps((True, function(item)), pickle.HIGHEST_PROTOCOL)
    except BaseException:  # noqa: BLE001 - whatever it is, the parent has to hear of it
        return pickle.dumps((False, traceback.format_exc()), pickle.HIGHEST_PROTOCOL)


# --- Files, words ---


def _scratch() -> int:
    """A descriptor of a file that has no name."""
    if hasattr(os, "memfd_create"):
        return os.memfd_create("windtunnel")
    with tempfile.TemporaryFile() as file:
        return os.dup(file.fileno())


def _tail(fd: int) -> str:
    size = os.fstat(fd).st_size
    text = os.pread(fd, OUTPUT_MAX, max(0, size - OUTPUT_MAX)).decode("utf-8", "replace")
    return f"[{size - OUTPUT_MAX} bytes before]\n{text}" if size > OUTPUT_MAX else text


def _status_text(status: int) -> str:
    if status >= 0:
        return f"the process exited with code {status} in the middle of the test (os._exit?)"
    try:
        name = signal.Signals(-status).name
    except ValueError:
        name = f"signal {-status}"
    memory = "; out of memory?" if -status == signal.SIGKILL else ""
    return f"the process was killed by {name} in the middle of the test{memory}"

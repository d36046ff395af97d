"""The watchdog: ends a step that does not end by itself, such as `while True: pass`.

Simulated code has one thread, so a step that never returns would hang the whole process. A real timer signal looks in a few
times per `step_wall_s` seconds. When the count of events has not moved for that long, and the processor was busy meanwhile (a
machine that is merely overloaded is given six times as long), the code that runs gets an exception, after its stack was noted.
If it catches even that, it gets it again at every look; after `PATIENCE` of them the process ends itself, and tells stderr why.

Signals reach the main thread only: elsewhere there is no watchdog. A former handler of SIGALRM, such as a test timeout, is
called when its own time is up, and is put back at the end. In a debugger nobody looks in.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from contextvars import Context
from types import FrameType
from typing import Any, Self

from windtunnel.sim.life import current_host

LOOKS = 5  # per step_wall_s
PATIENCE = 10  # exceptions that were swallowed, then the process ends
SLOW_MACHINE = 6.0
EXIT_CODE = 70  # EX_SOFTWARE of sysexits.h
_DEBUGGERS = ("pdb", "bdb", "code", "pydevd", "_pydevd_bundle")


class Spinning(BaseException):
    """Raised in a step that ran for too long. Not an Exception: it shall reach the loop."""


class Watchdog:
    """Looks in while its block runs.

    steps: the count of events so far. wall_s: real seconds that one may take; 0 for no watchdog. spun(frame, host): notes the
    finding, returns it in words.
    """

    def __init__(self, steps: Callable[[], int], wall_s: float, spun: Callable[[FrameType | None, Any], str]) -> None:
        self._steps = steps
        self._wall_s = wall_s
        self._spun = spun
        self._last: tuple[int, float, float] = (-1, 0.0, 0.0)  # events, wall and processor seconds when they were first seen
        self._thrown = 0
        self._report = ""
        self._former: Any = None
        self._former_left_s = 0.0
        self._former_every_s = 0.0
        self._on = False

    def __enter__(self) -> Self:
        if self._wall_s > 0.0 and threading.current_thread() is threading.main_thread():
            self._on = True
            period = self._wall_s / LOOKS
            self._former = signal.signal(signal.SIGALRM, self._tick)
            self._former_left_s, self._former_every_s = signal.setitimer(signal.ITIMER_REAL, period, period)
            self._began = time.monotonic()
        return self

    def __exit__(self, *_exc: object) -> None:
        if not self._on:
            return
        self._on = False
        signal.setitimer(signal.ITIMER_REAL, 0.0)
        signal.signal(signal.SIGALRM, self._former)
        if self._former_left_s > 0.0:
            left = self._former_left_s - (time.monotonic() - self._began)
            signal.setitimer(signal.ITIMER_REAL, max(left, 1e-3), self._former_every_s)

    def _tick(self, signum: int, frame: FrameType | None) -> None:
        if self._on:
            Context().run(self._look, signum, frame, current_host())  # outside of any host: in the real world

    def _look(self, signum: int, frame: FrameType | None, host: Any) -> None:
        now, busy, steps = time.monotonic(), time.process_time(), self._steps()
        if callable(self._former) and 0.0 < self._former_left_s <= now - self._began:
            self._former_left_s = 0.0
            self._former(signum, frame)
        if steps != self._last[0] or _in_debugger(frame):
            self._last = (steps, now, busy)
            self._thrown = 0
            return
        stuck_s, busy_s = now - self._last[1], busy - self._last[2]
        if stuck_s < self._wall_s or (busy_s < self._wall_s / 2.0 and stuck_s < SLOW_MACHINE * self._wall_s):
            return
        if self._thrown == 0:
            self._report = self._spun(frame, host)
        self._thrown += 1
        if self._thrown > PATIENCE:
            os.write(2, f"\n{self._report}\nit swallows every exception: the process ends\n".encode())
            os._exit(EXIT_CODE)
        raise Spinning(self._report)


def _in_debugger(frame: FrameType | None) -> bool:
    if not any(name in sys.modules for name in _DEBUGGERS):
        return False
    while frame is not None:
        if str(frame.f_globals.get("__name__", "")).partition(".")[0] in _DEBUGGERS:
            return True
        frame = frame.f_back
    return False

"""What a host's clocks show: `time` the wall, with offset, drift and jumps; `monotonic` and its kin the drift only.

`time.monotonic()` is `loop.time()`, as it is on asyncio's own loops. Processor time is the monotonic clock too: code that
measures itself sees time pass while it waits, and none while it computes.

`date.today` and `datetime.today` are not hooked: they call `time.time`.
"""

from __future__ import annotations

import datetime as dt
import time
from typing import Any

from windtunnel.sim.ambient.hooking import Hook

EPOCH = 1_767_225_600
"""Seconds from the Unix epoch to the beginning of every simulation: 2026-01-01T00:00:00Z."""

_NS = 1_000_000_000
_WALL = {getattr(time, name) for name in ("CLOCK_REALTIME", "CLOCK_TAI") if hasattr(time, name)}

_ahead = 0.0  # seconds by which the clocks of the step that runs are ahead: it has slept, and steps take no time
_step: Any = None  # the host and the number of that step; None for work of a thread, which says when it ends


def wall(host: Any) -> float:
    """`time.time()`: seconds since the Unix epoch, by the host's clock."""
    return EPOCH + float(host.port.clock()) + (_ahead and _ahead_of(host))


def wall_ns(host: Any) -> int:
    """`time.time_ns()`."""
    return EPOCH * _NS + int((host.port.clock() + (_ahead and _ahead_of(host))) * _NS)


def monotonic(host: Any) -> float:
    """`time.monotonic()`: seconds since the simulation began, by a clock that may drift and never jumps."""
    return float(host.port.monotonic()) + (_ahead and _ahead_of(host))


def monotonic_ns(host: Any) -> int:
    """`time.monotonic_ns()`."""
    return int((host.port.monotonic() + (_ahead and _ahead_of(host))) * _NS)


def _clock_gettime(host: Any, clock: int) -> float:
    return wall(host) if clock in _WALL else monotonic(host)


def _clock_gettime_ns(host: Any, clock: int) -> int:
    return wall_ns(host) if clock in _WALL else monotonic_ns(host)


def _localtime(host: Any, seconds: float | None = None) -> Any:
    return time.localtime(wall(host)) if seconds is None else NotImplemented


def _gmtime(host: Any, seconds: float | None = None) -> Any:
    return time.gmtime(wall(host)) if seconds is None else NotImplemented


def _ctime(host: Any, seconds: float | None = None) -> Any:
    return time.ctime(wall(host)) if seconds is None else NotImplemented


def _asctime(host: Any, *when: Any) -> Any:
    return NotImplemented if when else time.asctime(time.localtime(wall(host)))


def _strftime(host: Any, form: str, *when: Any) -> Any:
    return NotImplemented if when else time.strftime(form, time.localtime(wall(host)))


def now(host: Any, kind: Any, tz: Any = None) -> Any:
    """`datetime.now(tz)` of the class `kind`."""
    return kind.fromtimestamp(wall(host), tz)


def utcnow(host: Any, kind: Any) -> Any:
    """`datetime.utcnow()` of the class `kind`, without the warning that newer Pythons give."""
    return kind.fromtimestamp(wall(host), dt.UTC).replace(tzinfo=None)


# --- Code that sleeps: the rest of its step sees the time at which it wakes up ---


def spend(seconds: float, host: Any = None) -> None:
    """The step that runs sleeps: its clocks go on, until it ends. host: that it is a step of; None for work of a thread."""
    global _ahead, _step  # noqa: PLW0603 - one step runs at a time
    step = None if host is None else (host, host.loop.kernel.events)
    _ahead = seconds + (_ahead if step == _step else 0.0)
    _step = step


def spent() -> float:
    """How long the piece of work slept that ends. The clocks show the present again."""
    global _ahead, _step
    seconds, _ahead, _step = _ahead, 0.0, None
    return seconds


def _ahead_of(host: Any) -> float:
    """The same for the step that runs, where it is the one that slept."""
    if _step is not None and _step != (host, host.loop.kernel.events):
        spent()
    return _ahead


CLOCKS = [
    Hook("time", "time", wall),
    Hook("time", "time_ns", wall_ns),
    *(Hook("time", name, monotonic) for name in ("monotonic", "perf_counter", "process_time", "thread_time")),
    *(Hook("time", f"{name}_ns", monotonic_ns) for name in ("monotonic", "perf_counter", "process_time", "thread_time")),
    Hook("time", "clock_gettime", _clock_gettime),
    Hook("time", "clock_gettime_ns", _clock_gettime_ns),
    Hook("time", "localtime", _localtime),
    Hook("time", "gmtime", _gmtime),
    Hook("time", "ctime", _ctime),
    Hook("time", "asctime", _asctime),
    Hook("time", "strftime", _strftime),
    Hook("datetime", "datetime.now", now),
    Hook("datetime", "datetime.utcnow", utcnow),
]

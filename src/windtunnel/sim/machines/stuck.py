"""Reports of runs that get nowhere: who waits for what and since when, or who is busy without end."""

from __future__ import annotations

import weakref
from collections import Counter
from typing import Any

from windtunnel.sim.places import awaits_of, blame
from windtunnel.sim.waiting import wait_of

ROWS_MAX = 60
SAMPLE_STEPS = 2000


class StepClock:
    """A tracer that knows when each task ran last."""

    def __init__(self) -> None:
        self._last: weakref.WeakKeyDictionary[Any, float] = weakref.WeakKeyDictionary()

    def stepped(self, seq: int, t: float, host: str | None, handle: Any) -> None:
        """A callback is about to run."""
        del seq, host
        task = _task_of(handle)
        if task is not None:
            self._last[task] = t

    def sent(self, *_row: Any) -> None:
        """Messages are of no interest here."""

    def dispatched(self, *_row: Any) -> None:
        """Nor are they on arrival."""

    def since(self, task: Any) -> float | None:
        """Virtual time of the last step of a task."""
        return self._last.get(task)


def waits(world: Any, clock: StepClock | None) -> str:
    """Every task that waits, the test's and its clients' first; hosts that are down or paused, and links that are cut."""
    rows: list[str] = []
    hosts = sorted(world.hosts.values(), key=lambda host: host.faults)
    for host in hosts:
        if host.life is None:
            rows.append(f"{host.name}: {'its process has ended' if host.up else 'is down'}")
            continue
        if host.port.paused:
            rows.append(f"{host.name}: is paused")
        for task in host.life.tasks:
            since = None if clock is None else clock.since(task)
            rows.append(f"{host.name}: {task.get_name()} {wait_of(task)}" + ("" if since is None else f", since t={since:.6f} s"))
    cuts = world.kernel.links.cuts()
    if cuts:
        rows.append("cut: " + " ".join(f"{src}→{dst}" for src, dst in cuts))
    more = len(rows) - ROWS_MAX
    return "\n".join([*(f"  {row}" for row in rows[:ROWS_MAX]), *([f"  ... and {more} more"] if more > 0 else [])])


def busiest(kernel: Any) -> tuple[str, str, str]:
    """Watch some steps of a livelock: the busiest host, its line, and a table of who ran how often."""
    watch = _Census()
    kernel.tracer = watch
    kernel.run(kernel.now, SAMPLE_STEPS)
    kernel.tracer = None
    top = watch.steps.most_common(8)
    rows = [f"  {host}: {what}, {count} of {SAMPLE_STEPS} steps" for (host, what, _), count in top]
    host, _, where = top[0][0] if top else ("-", "", "")
    return host, where, "\n".join(rows)


class _Census(StepClock):
    """Counts steps by host, task and line."""

    def __init__(self) -> None:
        super().__init__()
        self.steps: Counter[tuple[str, str, str]] = Counter()

    def stepped(self, seq: int, t: float, host: str | None, handle: Any) -> None:
        """A callback is about to run."""
        del seq, t
        task = _task_of(handle)
        if task is None:
            target = getattr(handle, "target", lambda: handle)()
            code = getattr(target, "__code__", None)
            where = "" if code is None else f"{code.co_filename}:{code.co_firstlineno} in {code.co_name}"
            what = getattr(target, "__qualname__", repr(target))
        else:
            frames = awaits_of(task.get_coro())
            where = blame((frame.f_code.co_filename, frame.f_lineno, frame.f_code.co_name) for frame in frames)
            what = f"{task.get_name()} at {where}"
        self.steps[host or "-", what, where] += 1


def _task_of(handle: Any) -> Any:
    target = getattr(handle, "target", None)  # a transport, at which something arrives, has none
    owner = getattr(target and target(), "__self__", None)
    return owner if hasattr(owner, "get_coro") else None

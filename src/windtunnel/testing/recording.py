"""What a run did, step by step: kept only for a few steps of a run that is looked at closely.

A step is one callback of the event loop: a task that goes on, a packet that arrives, a timer. Its record says when, on which
host, what was called, and for a task where it stood, outermost frame first; `before` is the fingerprint of all up to it.
"""

from __future__ import annotations

import asyncio
from functools import partial
from typing import Any, NamedTuple

from windtunnel.sim.places import awaits_of, ours

FRAMES_MAX = 24


class Step(NamedTuple):
    """One step. number: of events so far. stack: (file, line, function) of the awaiting frames; empty for a plain callback."""

    number: int
    at_s: float
    host: str
    what: str
    stack: tuple[tuple[str, int, str], ...]
    before: int


class Recording:
    """Listens to a kernel. window: the numbers of the first and last event of which steps are kept; None keeps nothing."""

    def __init__(self, kernel: Any, window: tuple[int, int] | None) -> None:
        self.steps: list[Step] = []
        self._kernel = kernel
        self._first, self._last = window or (0, -1)
        if window is not None:
            kernel.tracer = self

    def stepped(self, _seq: int, at_s: float, host: str | None, handle: Any) -> None:
        """The kernel is about to run a step."""
        number = self._kernel.events
        if self._first <= number <= self._last:
            what, stack = described(handle)
            self.steps.append(Step(number, at_s, host or "-", what, stack, self._kernel.fingerprint))

    def sent(self, *_: Any) -> None:
        """Messages of cores: there are none in a test of asyncio code."""

    def dispatched(self, *_: Any) -> None:
        """The same."""


def described(handle: Any) -> tuple[str, tuple[tuple[str, int, str], ...]]:
    """A callback, or what something arrives at, in words without addresses; and the stack of the task that it moves."""
    target = getattr(handle, "target", None)
    if target is None:
        return f"arrival at a {type(handle).__name__}", ()
    callback = target()
    while isinstance(callback, partial):
        callback = callback.func
    owner = getattr(callback, "__self__", None)
    if isinstance(owner, asyncio.Task):
        frames = awaits_of(owner.get_coro())
        frames = [frame for frame in frames if not ours(frame.f_code.co_filename)][:FRAMES_MAX] or frames[-1:]
        name = frames[0].f_code.co_qualname if frames else "ending"
        stack = tuple((frame.f_code.co_filename, frame.f_lineno, frame.f_code.co_name) for frame in frames)
        return f"task {owner.get_name()} ({name})", stack
    name = getattr(callback, "__qualname__", type(callback).__qualname__)
    module = getattr(callback, "__module__", None) or type(owner).__module__
    return f"{module}.{name}", ()

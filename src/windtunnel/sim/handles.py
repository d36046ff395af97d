"""Callbacks that were asked for, in the pure-Python kernel."""

from __future__ import annotations

from collections.abc import Callable
from contextvars import Context
from typing import Any

from windtunnel.sim.life import LIFE


class Handle:
    """A callback that was asked for. `cancel` makes sure that it does not run."""

    __slots__ = ("_args", "_callback")

    _callback: Callable[..., Any] | None
    _args: tuple[Any, ...]

    def cancel(self) -> None:
        """Never run the callback; no effect once it has run."""
        self._callback = None
        self._args = ()

    def cancelled(self) -> bool:
        """Whether it was cancelled."""
        return self._callback is None

    def target(self) -> Callable[..., Any] | None:
        """What it calls; None once it was cancelled."""
        return self._callback


class TaskHandle(Handle):
    """A callback that runs in a context: what `asyncio` gets from its loop."""

    __slots__ = ("_context", "_when", "party")

    _context: Context
    _when: float

    def __init__(self, callback: Callable[..., Any], args: tuple[Any, ...], context: Context, when: float) -> None:
        self._callback = callback
        self._args = args
        self._context = context
        self._when = when
        self.party = 0  # of the schedule; see `schedule.Choice`

    def when(self) -> float:
        """When it is due, virtual seconds."""
        return self._when

    def get_context(self) -> Context:
        """The context that it runs in."""
        return self._context

    def void(self) -> bool:
        """Whether nothing will come of it: cancelled, or its host has died."""
        life = self._context.get(LIFE)
        return self._callback is None or (life is not None and not life.alive)

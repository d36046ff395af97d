"""Which host a task belongs to: one incarnation of a procedure, carried by the context that its tasks run in."""

from __future__ import annotations

from contextvars import ContextVar
from typing import Any


class Life:
    """One life of a host. When it ends, its tasks are never run again, not even their `finally` blocks: power was cut.

    port: the host's place in the kernel. host: the simulated machine that this is a life of; None for a procedure of the
    catalogue, which is given its world instead of finding one around it. Whoever holds a context of this life holds the life, so
    the flag reaches them all. tasks: those that are not done, oldest first; the life holds them, for if they were collected when
    they are dropped, Python would run their `finally` blocks then and there. exception_handler, task_factory: what a program of
    this life gave to its loop.
    """

    __slots__ = ("alive", "exception_handler", "host", "port", "task_factory", "tasks")

    def __init__(self, port: Any, host: Any = None) -> None:
        self.port = port
        self.host = host
        self.alive = True
        self.tasks: dict[Any, None] = {}
        self.exception_handler: Any = None
        self.task_factory: Any = None


LIFE: ContextVar[Life | None] = ContextVar("LIFE", default=None)
"""The life that the running code belongs to; None for the world and for tests."""


def current_host() -> Any:
    """The simulated machine that the running code belongs to, or None: outside a run, in a procedure, in the kernel."""
    life = LIFE.get()
    return None if life is None else life.host

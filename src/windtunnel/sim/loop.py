"""The asyncio tier: an event loop whose clock and ready queue are the kernel's heap.

Tasks, sleeps, timeouts, groups, queues, locks, events run as on any loop, in virtual time, together with the cores of the
callback tier. Callbacks run in the order in which they were asked for, which is what asyncio documents; a kernel with another
policy reorders those that are due at the same instant.

Hosts. A task belongs to the life of a host if its context says so (`sim.life.LIFE`), and tasks that it starts inherit the
context. When the life ends, the kernel drops every callback of it: the tasks stop where they are, without cancellation,
without `finally`, as processes do when the power goes. Their coroutines stay referenced until `close`, for if they were collected
earlier Python would run their `finally` blocks then and there.

Whatever would leave the simulation (sockets, threads, subprocesses, signals, pipes) raises `Escaped` and names the call; on
simulated machines executors and signal handlers work (`sim.ambient`).
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import sys
import threading
import warnings
import weakref
from asyncio import events
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine, Generator
from contextvars import Context, copy_context
from functools import partial
from typing import Any, TypeVar

from windtunnel.base.errors import Escaped
from windtunnel.base.messages import NodeId
from windtunnel.sim import tasks as ordered
from windtunnel.sim.ambient.signals import SignalCalls
from windtunnel.sim.ambient.threads import ThreadCalls
from windtunnel.sim.kernel import Kernel
from windtunnel.sim.life import LIFE, Life
from windtunnel.sim.net.socket_calls import SocketCalls
from windtunnel.sim.waiting import Deadlock, wait_of

T = TypeVar("T")

FAILED_MAX = 1000  # failed tasks to remember, before those are forgotten whose exception somebody took
CLOSE_MAX = 8  # nested finally blocks that await, each of which resists one closing


class SimLoop(SocketCalls, SignalCalls, ThreadCalls):
    """An event loop in virtual time on `kernel`. `kernel.run` drives it; so do `run_until_complete` and `asyncio.Runner`.

    Inside a host, `time` is the host's own clock, and delays are seconds of that clock.
    """

    call_at: Any  # these four are the kernel's own methods: every step of a task passes here
    call_later: Any
    call_soon: Any
    time: Any
    create_future: Any

    def __init__(self, kernel: Kernel) -> None:
        self.kernel = kernel
        self._thread = threading.get_ident()
        self._lives: dict[Life, None] = {}  # all that ever had a task
        self._failed: dict[int, tuple[Life, float, weakref.ref[asyncio.Task[Any]]]] = {}  # by id: see `owner_of`
        self.unhandled: Callable[[dict[str, Any]], object] | None = None  # takes what nobody caught; else it ends the run
        self._free: weakref.WeakValueDictionary[int, asyncio.Task[Any]] = weakref.WeakValueDictionary()  # of the world
        self._task_count = 0
        self._factory: Any = None
        self._handler: Any = None
        self._closed = False
        self._current_handle = None  # where asyncio's exception handler looks for the traceback of debug mode
        self._outer: tuple[Any, Any] | None = None  # the running loop and the generator hooks before `enter`
        # By id, with the life that began them: a WeakSet would have the order of addresses.
        self._generators: dict[int, tuple[weakref.ref[AsyncGenerator[Any, Any]], Life | None]] = {}
        self.call_at = kernel.task_at
        self.call_later = kernel.task_later
        self.call_soon = kernel.task_soon
        self.time = kernel.task_time
        self.create_future = partial(asyncio.Future, loop=self)
        kernel.on_error = self._callback_raised
        kernel.attach(self)
        ordered.begin()

    # --- Requests ---

    def call_soon_threadsafe(  # type: ignore[override] # handles of the kernel are no subclass of asyncio's
        self, callback: Callable[..., Any], *args: Any, context: Context | None = None
    ) -> Any:
        """As `call_soon`. Raises Escaped in any thread but the simulation's."""
        if threading.get_ident() != self._thread:
            raise Escaped("call_soon_threadsafe from another thread: simulated code has no threads")
        return self.kernel.task_soon(callback, *args, context=context)

    # --- Tasks ---

    def create_task(
        self,
        coro: Generator[Any, None, T] | Coroutine[Any, Any, T],
        *,
        name: object = None,
        context: Context | None = None,
        **options: Any,
    ) -> asyncio.Task[T]:
        """A task of the host that calls, or of the host of `context`. Names are counted per loop: the same in every run."""
        self._task_count += 1
        label = f"task-{self._task_count}" if name is None else str(name)
        life = LIFE.get() if context is None else context.get(LIFE)
        factory = self._factory if life is None else life.task_factory
        task: asyncio.Task[T]
        if factory is not None:
            task = factory(self, coro, **({"context": context} if context is not None else {}), **options)
            task.set_name(label)
        else:
            task = ordered.Task(coro, loop=self, name=label, context=context, **options)
        if life is None:
            self._free[self._task_count] = task
        else:
            if not life.tasks:
                self._lives[life] = None
            life.tasks[task] = None
            task.add_done_callback(self._forget, context=context)
        return task

    def set_task_factory(self, factory: Any) -> None:
        """As asyncio's; inside a host, for that host's process."""
        life = LIFE.get()
        if life is None:
            self._factory = factory
        else:
            life.task_factory = factory

    def get_task_factory(self) -> Any:
        """As asyncio's."""
        life = LIFE.get()
        return self._factory if life is None else life.task_factory

    def waiting(self) -> list[tuple[NodeId, str]]:
        """Every task that waits: its host ("main" for none), for what, and at which line."""
        free = [("main", task) for task in self._free.values()]
        hosted = [(life.port.name, task) for life in self._lives if life.alive for task in life.tasks]
        return [(who, f"{task.get_name()} {wait_of(task)}") for who, task in free + hosted if not task.done()]

    def owner_of(self, task: Any) -> tuple[Life, float] | None:
        """The life and the time in which a task failed whose exception nobody has taken yet.

        The collector clears weak references before it calls finalizers, in which this is asked: hence the identity.
        """
        found = self._failed.get(id(task))
        return None if found is None else found[:2]

    def failed(self) -> list[asyncio.Task[Any]]:
        """Tasks whose exception nobody has taken yet, in the order in which they failed."""
        tasks = [reference() for _, _, reference in self._failed.values()]
        return [task for task in tasks if task is not None and task._log_traceback]  # noqa: SLF001

    # --- Running ---

    def run_forever(self) -> None:
        """Until `stop`. Raises Deadlock when nothing can ever run again."""
        self._need_rest()
        if self.kernel.run() == "idle":
            raise Deadlock(self.kernel.waiting())

    def run_until_complete(self, future: Generator[Any, None, T] | Awaitable[T]) -> T:
        """The result of `future`. Raises Deadlock when nothing can ever run again before it is done."""
        self._need_rest()
        awaited: asyncio.Future[T] = asyncio.ensure_future(future, loop=self)  # type: ignore[arg-type]
        awaited.add_done_callback(self._stop_run)
        try:
            reason = self.kernel.run()
        finally:
            awaited.remove_done_callback(self._stop_run)
        if not awaited.done():
            if reason == "idle":
                raise Deadlock(self.kernel.waiting())
            raise RuntimeError("Event loop stopped before Future completed.")
        return awaited.result()

    def _need_rest(self) -> None:
        if self._outer is not None:
            raise RuntimeError("This event loop is already running")

    def stop(self) -> None:
        """End the run after this callback."""
        self.kernel.stop()

    def is_running(self) -> bool:
        """Whether a run is on."""
        return self._outer is not None

    def is_closed(self) -> bool:
        """Whether `close` was called."""
        return self._closed

    def close(self) -> None:
        """Give up every task that is left: their coroutines are closed, and whatever that makes them do is void.

        A loop that is dropped without it leaves this to the collector, which complains of `finally` blocks that await.
        """
        if self._outer is not None:
            raise RuntimeError("Cannot close a running event loop")
        if self._closed:
            return
        self._closed = True
        threshold = logging.root.manager.disable
        logging.disable()
        with contextlib.ExitStack() as after:
            after.callback(logging.disable, threshold)
            after.enter_context(warnings.catch_warnings())
            warnings.simplefilter("ignore")  # of coroutines that a `finally` block makes and cannot await any more
            for free in [*self._free.values()]:
                _close(free, None)
            for _ in range(CLOSE_MAX):  # what is closed may make tasks, as a server's `finally` does
                lives, self._lives = self._lives, {}
                for life in lives:
                    life.alive = False
                for life in lives:
                    tasks, life.tasks = life.tasks, {}
                    for task in tasks:
                        _close(task, life)

    async def shutdown_asyncgens(self) -> None:
        """Close every asynchronous generator of the calling process that is still open."""
        me = LIFE.get()
        mine = {key: generator() for key, (generator, life) in self._generators.items() if life is me}
        for key in mine:
            del self._generators[key]
        await asyncio.gather(*(generator.aclose() for generator in mine.values() if generator), return_exceptions=True)

    async def shutdown_default_executor(self, timeout: float | None = None) -> None:  # noqa: ASYNC109 - the signature of asyncio
        """There is none."""

    # --- Called by the kernel ---

    def enter(self) -> None:
        """A run begins: this is the running loop now."""
        self._outer = (events._get_running_loop(), sys.get_asyncgen_hooks())  # noqa: SLF001 - what asyncio's own loops call
        events._set_running_loop(self)  # noqa: SLF001
        sys.set_asyncgen_hooks(firstiter=self._generator_begins, finalizer=self._generator_is_lost)

    def leave(self) -> None:
        """A run ends: the former running loop is restored."""
        assert self._outer is not None, "left without having entered"
        loop, hooks = self._outer
        self._outer = None
        sys.set_asyncgen_hooks(*hooks)
        events._set_running_loop(loop)  # noqa: SLF001

    # --- Errors ---

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        """What nobody caught ends the run as a failure of the event, unless a handler was set or no run is on."""
        owner = self.owner_of(context.get("future"))
        life = LIFE.get() if owner is None else owner[0]
        handler = self._handler if life is None else life.exception_handler
        if handler is not None:
            handler(self, context)
        else:
            self.default_exception_handler(context)

    def default_exception_handler(self, context: dict[str, Any]) -> None:
        """Raise the exception out of the run; what brings none, or comes outside of a run, is logged as asyncio does.

        A world that wants to know (`unhandled`) is told instead.
        """
        error = context.get("exception")
        if error is not None and self.unhandled is not None:
            self.unhandled(context)
        elif error is not None and self._outer is not None:
            self.kernel.fail(error)
        else:
            asyncio.BaseEventLoop.default_exception_handler(self, context)  # type: ignore[arg-type] # it needs no more of us

    def set_exception_handler(self, handler: Any) -> None:
        """As asyncio's; inside a host, for that host's process."""
        life = LIFE.get()
        if life is None:
            self._handler = handler
        else:
            life.exception_handler = handler

    def get_exception_handler(self) -> Any:
        """As asyncio's."""
        life = LIFE.get()
        return self._handler if life is None else life.exception_handler

    def get_debug(self) -> bool:
        """Debug mode does not exist here: it measures real time."""
        return False

    def set_debug(self, enabled: bool) -> None:  # noqa: FBT001 - the signature of asyncio
        """No effect."""

    # --- Inside ---

    def _callback_raised(self, handle: Any, error: BaseException) -> None:
        self.call_exception_handler({"message": "exception in a callback", "exception": error, "handle": handle})

    def _forget(self, task: asyncio.Task[Any]) -> None:
        """A task of a life is done; this runs in its context."""
        life = LIFE.get()
        assert life is not None, "a task that belongs to no life is not remembered"
        life.tasks.pop(task, None)
        if not life.tasks:
            self._lives.pop(life, None)
        if task._log_traceback:  # noqa: SLF001 - whether anybody has taken its exception
            if len(self._failed) >= FAILED_MAX:
                self._failed = {id(left): self._failed[id(left)] for left in self.failed()}
            self._failed[id(task)] = life, self.kernel.now, weakref.ref(task)

    def _stop_run(self, _future: asyncio.Future[Any]) -> None:
        self.kernel.stop()

    def _timer_handle_cancelled(self, handle: Any) -> None:
        """Asyncio tells its own loop; the kernel notices by itself."""

    def _generator_begins(self, generator: AsyncGenerator[Any, Any]) -> None:
        self._generators[id(generator)] = weakref.ref(generator), LIFE.get()

    def _generator_is_lost(self, generator: AsyncGenerator[Any, Any]) -> None:
        """Nobody holds it any longer: its process closes it, if that still lives."""
        _, life = self._generators.pop(id(generator), (None, None))
        if self._closed or (life is not None and not life.alive):
            return
        context = copy_context()
        context.run(LIFE.set, life)
        self.create_task(generator.aclose(), context=context)


def _close(task: asyncio.Task[Any], life: Life | None) -> None:
    """Give up a task: `finally` blocks that run now act on its dead host, not on the real world."""
    if task.done():
        return
    task._log_destroy_pending = False  # type: ignore[attr-defined] # noqa: SLF001 - the stdlib's own switch
    context = copy_context()
    context.run(LIFE.set, life)
    coroutine: Any = task.get_coro()
    for _ in range(CLOSE_MAX):
        with contextlib.suppress(BaseException):  # a finally block that awaits or raises; its host is dead, nobody hears it
            context.run(coroutine.close)
            return

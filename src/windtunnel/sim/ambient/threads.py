"""Work that real programs give to threads. There are none: it runs to its end at a step of its own, in the caller's context.

That step comes after a drawn delay (`Entropy.work_s`), so that what may overtake a pool's thread in reality may overtake it here.
While it runs no loop is the running one, as in a thread. When it sleeps, or waits for something with a timeout, its clocks go on
and its result comes later; everything that it does is still done at its step. What needs two things at once is refused.
"""

# mypy: disable-error-code="override"

from __future__ import annotations

import asyncio
import queue
import sys
from asyncio import events
from collections.abc import Callable
from contextvars import copy_context
from typing import Any, TypeVar

from windtunnel.sim.ambient import clocks, switch
from windtunnel.sim.ambient.hooking import Hook, Hooking
from windtunnel.sim.escapes import escape
from windtunnel.sim.life import current_host
from windtunnel.sim.sealed import Sealed

T = TypeVar("T")

_worker_of: Any = None  # the loop that gave the work that runs, which runs to its end; None between pieces of work


def working() -> bool:
    """Whether the code that runs is work that was given to a thread."""
    return _worker_of is not None


_INSTEAD = "threads are not simulated; use asyncio.to_thread or loop.run_in_executor, which run at a step of their own"


class ThreadCalls(Sealed):
    """The part of a simulated loop that stands for threads. Outside hosts there are none: the next class refuses."""

    def run_in_executor(self, executor: Any, func: Callable[..., T], *args: Any) -> asyncio.Future[T]:
        """`func(*args)` at a later step, in a copy of this context; the executor does not matter, unless it has processes."""
        host = current_host()
        if host is None:
            return super().run_in_executor(executor, func, *args)
        if type(executor).__name__ == "ProcessPoolExecutor":
            raise escape(host, "loop.run_in_executor(ProcessPoolExecutor)", "a host has one process; give it no executor")
        future: asyncio.Future[T] = self.create_future()
        self.call_later(host.entropy.work_s(), _work, self, future, func, args)
        return future

    def set_default_executor(self, executor: Any) -> None:
        """No effect on hosts: every executor is the same."""
        if current_host() is None:
            super().set_default_executor(executor)


def _work(loop: Any, future: asyncio.Future[Any], func: Callable[..., Any], args: tuple[Any, ...]) -> None:
    """One piece of work, from beginning to end, at this step."""
    if future.cancelled():
        return
    what: Any
    deliver: Callable[[asyncio.Future[Any], Any], None] = _fail
    running = _begin(loop)
    try:
        what, deliver = func(*args), _succeed
    except StopIteration as error:
        what = RuntimeError("coroutine raised StopIteration")
        what.__cause__ = error
    except BaseException as error:  # noqa: BLE001 - a thread's exception, whatever it is, is its future's
        what = error
    finally:
        slept_s = _end(running)
    if slept_s > 0.0:
        loop.call_later(slept_s, deliver, future, what)
    else:
        deliver(future, what)
    what = None  # the traceback of an exception holds this frame


def _begin(loop: Any) -> Any:
    """Work begins: as in a thread, no loop is the running one. Returns the one that was."""
    global _worker_of  # noqa: PLW0603 - one piece of work runs at a time
    _worker_of = loop
    clocks.spent()
    running = events._get_running_loop()  # noqa: SLF001 - what asyncio's own loops call
    events._set_running_loop(None)  # noqa: SLF001
    return running


def _end(running: Any) -> float:
    """Work ends. Returns how long it slept, seconds."""
    global _worker_of  # noqa: PLW0603
    _worker_of = None
    events._set_running_loop(running)  # noqa: SLF001
    return clocks.spent()


def _succeed(future: asyncio.Future[Any], result: Any) -> None:
    if not future.cancelled():
        future.set_result(result)


def _fail(future: asyncio.Future[Any], failure: Any) -> None:
    if not future.cancelled():
        future.set_exception(failure)


# --- anyio, whose worker threads run every synchronous endpoint of FastAPI ---


def take_anyio(hooking: Hooking) -> None:
    """Run what anyio gives to its worker threads as work of ours."""
    backend = sys.modules["anyio._backends._asyncio"]
    kind = backend.AsyncIOBackend
    original = kind.run_sync_in_worker_thread

    async def run_sync_in_worker_thread(
        cls: Any,
        func: Callable[..., Any],
        args: tuple[Any, ...],
        abandon_on_cancel: bool = False,  # noqa: FBT001, FBT002 - the signature of anyio
        limiter: Any = None,
    ) -> Any:
        """As anyio's: within the limit of its pool, shielded from cancellation unless it may be abandoned."""
        if switch.acting() is None:
            return await original(func, args, abandon_on_cancel=abandon_on_cancel, limiter=limiter)
        await cls.checkpoint()
        async with limiter or cls.current_default_thread_limiter():
            with backend.CancelScope(shield=not abandon_on_cancel):
                context = copy_context()
                name = getattr(backend, "sniffio", None)
                if name is not None:
                    context.run(name.current_async_library_cvar.set, None)
                return await asyncio.get_running_loop().run_in_executor(None, context.run, func, *args)

    hooking.put(kind, "run_sync_in_worker_thread", classmethod(run_sync_in_worker_thread))


def _from_thread(host: Any, func: Any, *_args: Any, **_options: Any) -> Any:
    name = getattr(func, "__qualname__", repr(func))
    instead = "work of a simulated worker runs at one step and cannot wait for the loop; make its caller a coroutine"
    raise escape(host, f"anyio.from_thread.run({name})", instead)


def _from_thread_sync(_host: Any, func: Callable[..., Any], *args: Any, **_options: Any) -> Any:
    """The loop stands still while the worker waits for it: so does it here, where both are one thread."""
    global _worker_of  # noqa: PLW0603
    loop = _worker_of
    if loop is None:
        return NotImplemented
    _worker_of = None
    events._set_running_loop(loop)  # noqa: SLF001
    try:
        return copy_context().run(func, *args)
    finally:
        events._set_running_loop(None)  # noqa: SLF001
        _worker_of = loop


def _check_cancelled(_host: Any) -> Any:
    return None if working() else NotImplemented


# --- What is refused ---


def _refused(call: str, instead: str = _INSTEAD) -> Callable[..., Any]:
    def handler(host: Any, *_args: Any, **_options: Any) -> Any:
        raise escape(host, call, instead)

    return handler


def _start(host: Any, thread: Any) -> Any:
    target = getattr(thread, "_target", None)
    name = getattr(target, "__qualname__", None) or type(thread).__qualname__
    raise escape(host, f"Thread.start() of {name}", _INSTEAD)


def _submit(host: Any, _pool: Any, func: Any, *_args: Any, **_options: Any) -> Any:
    name = getattr(func, "__qualname__", repr(func))
    raise escape(host, f"Executor.submit({name})", "threads are not simulated; use loop.run_in_executor(pool, function)")


def _another_loop(host: Any, loop: Any, awaitable: Any = None, *_more: Any, **_options: Any) -> Any:
    """A second loop would live in real time. On the loop itself asyncio has its own words for it."""
    del loop
    if not working():
        return NotImplemented
    if hasattr(awaitable, "close"):
        awaitable.close()  # nobody will await it
    raise escape(host, "another event loop, in work of a thread", "await the coroutine on the loop that runs the host")


_FOR_EVER = "nobody can end the wait: the only thread would be waiting; use the class of that name in asyncio"


def _wait(host: Any, _condition: Any, timeout: float | None = None) -> Any:
    if timeout is not None and timeout <= 0.0:
        return NotImplemented
    if timeout is not None and working():
        clocks.spend(timeout)
        return False
    raise escape(host, "a blocking wait of threading.Condition, Event, queue or Future", _FOR_EVER)


def _acquire(host: Any, lock: Any, blocking: bool = True, timeout: float = -1) -> Any:  # noqa: FBT001, FBT002 - the original's
    if not blocking or timeout == 0 or not lock.locked():
        return NotImplemented
    raise escape(host, "threading.Lock.acquire() of a lock that is held", _FOR_EVER)


def _enter(host: Any, lock: Any) -> Any:
    return _acquire(host, lock)


def _get(host: Any, simple: Any, block: bool = True, timeout: float | None = None) -> Any:  # noqa: FBT001, FBT002 - the same
    if not block or timeout == 0 or not simple.empty():
        return NotImplemented
    raise escape(host, "SimpleQueue.get() of an empty queue", _FOR_EVER)


THREADS = [
    Hook("threading", "Thread.start", _start),
    Hook("_thread", "start_new_thread", _refused("_thread.start_new_thread()")),
    Hook("_thread", "start_joinable_thread", _refused("_thread.start_joinable_thread()")),
    Hook("concurrent.futures.thread", "ThreadPoolExecutor.submit", _submit),
    Hook("concurrent.futures.process", "ProcessPoolExecutor.submit", _submit),
    Hook("asyncio.runners", "Runner.run", _another_loop),
    Hook("asyncio.base_events", "BaseEventLoop.run_until_complete", _another_loop),
    Hook("asyncio.base_events", "BaseEventLoop.run_forever", _another_loop),
    Hook("threading", "Condition.wait", _wait),
    Hook("_thread", "acquire", _acquire, of=lambda module: module.LockType),
    Hook("_thread", "acquire_lock", _acquire, of=lambda module: module.LockType),
    Hook("_thread", "__enter__", _enter, of=lambda module: module.LockType),
    Hook("_queue", "get", _get, of=lambda _module: queue.SimpleQueue),
    Hook("anyio.from_thread", "run", _from_thread),
    Hook("anyio.from_thread", "run_sync", _from_thread_sync),
    Hook("anyio.from_thread", "check_cancelled", _check_cancelled),
]

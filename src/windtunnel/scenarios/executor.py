"""Who runs the seeds of a sweep: this process, forked children, or an engine on many machines.

A sweep needs one verb of an executor: apply a function to many inputs and hand back the results as they come. `InProcess` and
`Forked` are ours. An existing engine for many machines takes the same seat in a few lines, and we write none of our own:

    class OnRay:                                           # pip install "ray[default]"
        def map(self, function, items):
            remote = ray.remote(function)
            waiting = [remote.remote(item) for item in items]
            while waiting:
                ready, waiting = ray.wait(waiting)
                yield from ray.get(ready)

    class OnDask:                                          # pip install distributed
        def __init__(self, client):
            self.client = client

        def map(self, function, items):
            for future in distributed.as_completed(self.client.map(function, items)):
                yield future.result()

The function and its inputs are pickled there; both are plain values here: a bound function of a scenario and a seed.
"""

from __future__ import annotations

import contextlib
import gc
import multiprocessing
import os
import signal
import traceback
from collections.abc import Callable, Iterable, Iterator
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import Any, Protocol, TypeVar, cast

from windtunnel.base.errors import WindtunnelError

T = TypeVar("T")
R = TypeVar("R")

POLL_S = 0.25
"""How long to wait for a result before the caller gets a turn to draw its progress."""


class WorkerFailed(WindtunnelError):  # noqa: N818 - what happened
    """The function raised in a worker, or the worker died; the message has the traceback or the signal."""


class Executor(Protocol):
    """Applies a function to many inputs."""

    def map(self, function: Callable[[T], R], items: Iterable[T]) -> Iterator[R | None]:
        """Results in any order, each once. A None in between is a heartbeat: nothing has ended for a moment.

        Closing the iterator early (Ctrl-C, first failure) abandons what is running. Raises what `function` raised, or
        WorkerFailed.
        """


class InProcess:
    """One after the other, here: for tests, for debuggers, for platforms without fork."""

    def map(self, function: Callable[[T], R], items: Iterable[T]) -> Iterator[R | None]:
        """In order of the inputs."""
        for item in items:
            yield function(item)


class Forked:
    """`workers` children, forked from this process as it is: what was imported is there, only inputs and results are pickled.

    Fork before threads exist: the children are made when the first result is asked for. Each child holds one input at a time,
    so that an early end abandons little. A child that dies takes its input with it: the input is tried once more, then
    WorkerFailed.
    """

    def __init__(self, workers: int) -> None:
        assert workers >= 1, "a pool has a worker"
        self.workers = workers

    def map(self, function: Callable[[T], R], items: Iterable[T]) -> Iterator[R | None]:
        """Results as they come."""
        gc.collect()
        gc.freeze()  # what exists now is not looked at by the children's collectors, so that its pages stay shared
        pool: list[_Child] = []
        try:
            for _ in range(self.workers):
                pool.append(_Child(function, pool))
            yield from _drive(pool, function, iter(items))
        finally:
            gc.unfreeze()
            for child in pool:
                child.end()


class _Child:
    """One forked worker with the pipe to it; `item` is what it works on, `tries` how often that began."""

    def __init__(self, function: Callable[[Any], Any], siblings: list[_Child]) -> None:
        context = multiprocessing.get_context("fork")
        self.pipe, theirs = context.Pipe()
        # A child must not hold its siblings' pipes open: they end when the parent's end closes, even if it was killed.
        inherited = [self.pipe, *(child.pipe for child in siblings)]
        self.process: BaseProcess = context.Process(target=_work, args=(function, theirs, inherited), daemon=True)
        self.process.start()
        theirs.close()
        self.item: Any = None
        self.tries = 0

    def give(self, item: Any, tries: int) -> None:
        self.item, self.tries = item, tries
        with contextlib.suppress(BrokenPipeError):  # it died while idle: its pipe will say so when it is waited for
            self.pipe.send(item)

    def end(self) -> None:
        self.pipe.close()
        self.process.kill()  # it holds nothing that a clean exit would save
        self.process.join()


def _drive(pool: list[_Child], function: Callable[[Any], Any], items: Iterator[Any]) -> Iterator[Any]:
    again: list[tuple[Any, int]] = []
    busy: dict[Connection, _Child] = {}
    for child in pool:
        _feed(child, items, again, busy)
    while busy:
        ready = wait(list(busy), POLL_S)
        if not ready:
            yield None
        for pipe in ready:
            child = busy.pop(cast("Connection", pipe))
            try:
                good, answer = child.pipe.recv()
            except (EOFError, ConnectionResetError):
                pool[pool.index(child)] = child = _replaced(child, function, pool, again)
                _feed(child, items, again, busy)
                continue
            _feed(child, items, again, busy)
            if not good:
                raise answer
            yield answer


def _feed(child: _Child, items: Iterator[Any], again: list[tuple[Any, int]], busy: dict[Connection, _Child]) -> None:
    if again:
        child.give(*again.pop())
    else:
        try:
            item = next(items)
        except StopIteration:
            return
        child.give(item, 1)
    busy[child.pipe] = child


def _replaced(dead: _Child, function: Callable[[Any], Any], pool: list[_Child], again: list[tuple[Any, int]]) -> _Child:
    """A new child for a dead one, whose input goes back to the queue; WorkerFailed if that input has killed two."""
    dead.process.join()
    code = dead.process.exitcode or 0
    dead.end()
    if dead.tries > 1:
        how = signal.Signals(-code).name if code < 0 else f"exit code {code}"
        raise WorkerFailed(f"two workers died of input {dead.item!r} ({how}); short of memory?")
    again.append((dead.item, dead.tries + 1))
    return _Child(function, [child for child in pool if child is not dead])


def _work(function: Callable[[Any], Any], pipe: Connection, inherited: list[Connection]) -> None:
    """A child's life: inputs in, (good, result or exception) out, until the pipe closes."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; the parent decides
    for connection in inherited:
        connection.close()
    with contextlib.suppress(EOFError, BrokenPipeError, ConnectionResetError):
        while True:
            item = pipe.recv()
            pipe.send(_outcome(function, item))
    os._exit(0)  # no exit handlers of the parent's libraries


def _outcome(function: Callable[[Any], Any], item: Any) -> tuple[bool, Any]:
    try:
        return True, function(item)
    except WindtunnelError as error:
        return False, error
    except Exception:  # noqa: BLE001 - a bug of ours: it travels to the parent as text and is raised there
        return False, WorkerFailed(f"input {item!r}:\n{traceback.format_exc()}")

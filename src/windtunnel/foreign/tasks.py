"""Clients as coroutines on a clock that somebody else turns: as little as `await` needs, and nothing that draws or waits."""

from __future__ import annotations

from collections import deque
from collections.abc import Coroutine, Generator
from typing import Any, Generic, TypeVar

T = TypeVar("T")


class Pending(Generic[T]):
    """A value that will be there later, or an error."""

    __slots__ = ("_error", "_value", "_waiting", "done")

    def __init__(self) -> None:
        self.done = False
        self._value: T | None = None
        self._error: BaseException | None = None
        self._waiting: list[Task] = []

    def resolve(self, value: T) -> None:
        """It is there; a second value is ignored."""
        if not self.done:
            self.done, self._value = True, value
            self._wake()

    def fail(self, error: BaseException) -> None:
        """It will never be there."""
        if not self.done:
            self.done, self._error = True, error
            self._wake()

    def _wake(self) -> None:
        for task in self._waiting:
            task.tasks.ready.append(task)
        self._waiting.clear()

    def join(self, task: Task) -> None:
        """Let a task wait for it."""
        self._waiting.append(task)

    def result(self) -> T:
        """The value; raises the error."""
        assert self.done, "nobody asks before it is there"
        if self._error is not None:
            raise self._error
        return self._value  # type: ignore[return-value]

    def __await__(self) -> Generator[Pending[T], None, T]:
        """Wait for it."""
        while not self.done:
            yield self
        return self.result()


class Task(Pending[Any]):
    """A coroutine on its way."""

    __slots__ = ("coroutine", "tasks")

    def __init__(self, coroutine: Coroutine[Any, Any, Any], tasks: Tasks) -> None:
        super().__init__()
        self.coroutine = coroutine
        self.tasks = tasks
        tasks.ready.append(self)
        tasks.alive[self] = None

    def step(self) -> None:
        """Run to the next await."""
        try:
            waits_for = self.coroutine.send(None)
        except StopIteration as end:
            self.resolve(end.value)
        except BaseException as error:
            self.fail(error)
            if not isinstance(error, Exception):
                raise
        else:
            assert isinstance(waits_for, Pending), "a client awaits only what the cluster gave it"
            waits_for.join(self)


class Tasks:
    """The tasks that can go on, in the order in which they became able to."""

    def __init__(self) -> None:
        self.ready: deque[Task] = deque()
        self.alive: dict[Task, None] = {}

    def run(self) -> None:
        """Run until all of them wait."""
        while self.ready:
            task = self.ready.popleft()
            if not task.done:
                task.step()
            if task.done:
                self.alive.pop(task, None)

    def close(self) -> None:
        """End what has not ended: the youngest first, for the older ones wait for them."""
        for task in reversed(list(self.alive)):
            task.coroutine.close()
        self.alive.clear()
        self.ready.clear()

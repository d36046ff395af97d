import asyncio
import gc
import importlib.util
import sys
import weakref

import pytest

from windtunnel.sim import tasks

COMPILED = importlib.util.find_spec("windtunnel.sim._tasks") is not None


def pure():
    """The fallback, as it is where nothing was compiled."""
    spec = importlib.util.spec_from_file_location("pure_tasks", tasks.__file__)
    module = importlib.util.module_from_spec(spec)
    hidden = sys.modules.get("windtunnel.sim._tasks")
    sys.modules["windtunnel.sim._tasks"] = None
    try:
        spec.loader.exec_module(module)
    finally:
        if hidden is None:
            del sys.modules["windtunnel.sim._tasks"]
        else:
            sys.modules["windtunnel.sim._tasks"] = hidden
    return module


@pytest.fixture(params=["pure", "compiled"] if COMPILED else ["pure"])
def ordered(request):
    """Both implementations."""
    module = pure() if request.param == "pure" else tasks
    assert module.Task.__hash__ is not asyncio.Task.__hash__
    assert module.Task is not asyncio.Task
    return module


def test_sets_of_tasks_have_the_order_of_their_making(ordered):
    """`asyncio.wait` and a set comprehension give them in the order of the count, in every run alike."""

    async def main():
        ordered.begin()
        made = [ordered.Task(asyncio.sleep(0), name=f"t{i}") for i in range(100)]
        done, pending = await asyncio.wait(made)
        assert not pending
        return [task.get_name() for task in done], [hash(task) for task in made]

    first, second = asyncio.run(main()), asyncio.run(main())
    assert first == second
    assert first[1] == list(range(1, 101))
    assert first[0] == [f"t{i}" for i in range(100)]


def test_they_are_tasks_in_every_other_respect(ordered):
    """Results, exceptions, cancellation, weak references, equality by identity, and they are freed."""

    async def fails():
        raise KeyError("k")

    async def main():
        good, bad, slow = ordered.Task(asyncio.sleep(0, 7)), ordered.Task(fails()), ordered.Task(asyncio.sleep(100))
        assert isinstance(good, asyncio.Task)
        assert asyncio.isfuture(good)
        assert good != bad
        assert good == good  # noqa: PLR0124
        assert await good == 7
        with pytest.raises(KeyError):
            await bad
        slow.cancel()
        with pytest.raises(asyncio.CancelledError):
            await slow
        reference = weakref.ref(good)
        del good
        gc.collect()
        assert reference() is None
        async with asyncio.timeout(1.0), asyncio.TaskGroup() as group:
            group.create_task(asyncio.sleep(0))

    asyncio.run(main())


def test_many_tasks_leave_nothing_behind(ordered):
    """A cycle through a task is collected, and the type is not kept alive by its former instances."""

    async def main():
        before = sys.getrefcount(ordered.Task)
        for _ in range(100):
            cycle = []
            cycle.append(ordered.Task(asyncio.sleep(0, cycle)))
            await cycle[0]
        del cycle
        gc.collect()
        return sys.getrefcount(ordered.Task) - before

    assert abs(asyncio.run(main())) <= 1

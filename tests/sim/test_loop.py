import asyncio
import contextvars
import gc
import inspect
import logging

import pytest

from windtunnel.base.errors import Escaped
from windtunnel.sim.life import LIFE, Life
from windtunnel.sim.loop import SimLoop
from windtunnel.sim.sealed import Sealed
from windtunnel.sim.waiting import Deadlock


@pytest.fixture
def loop(kernels):
    """A loop on a fresh kernel, closed at the end."""
    loop = SimLoop(kernels.Kernel(1))
    yield loop
    loop.close()


def host(loop, name="a"):
    """A port that is up, its life, and a context of that life."""
    port = loop.kernel.add_node(name)
    port.bind(object())
    life = Life(port)
    context = contextvars.copy_context()
    context.run(LIFE.set, life)
    return port, life, context


# --- asyncio as it is ---


def test_sleeping_takes_virtual_time_only(loop):
    """An hour passes at once, and exactly."""

    async def main():
        await asyncio.sleep(3600.0)
        await asyncio.sleep(0)
        return loop.time(), asyncio.get_running_loop() is loop

    assert loop.run_until_complete(main()) == (3600.0, True)
    assert loop.kernel.now == 3600.0


def test_timeouts_groups_queues_and_locks(loop):
    """The usual tools, in virtual time, with the outcome that the documentation promises."""

    async def main():
        log = []
        queue, lock, event, slots = asyncio.Queue(1), asyncio.Lock(), asyncio.Event(), asyncio.Semaphore(2)

        async def producer():
            for i in range(3):
                await queue.put(i)
                await asyncio.sleep(1.0)
            event.set()

        async def consumer():
            for _ in range(3):
                item = await queue.get()
                log.append((loop.time(), item))

        async def locked(i):
            async with lock, slots:
                await asyncio.sleep(0.5)
                log.append((loop.time(), f"locked {i}"))

        async with asyncio.TaskGroup() as group:
            group.create_task(producer())
            group.create_task(consumer())
            for i in range(2):
                group.create_task(locked(i))
        await event.wait()
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(2.0):
                await asyncio.sleep(9.0)
        log.append(loop.time())
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(asyncio.sleep(9.0), 1.0)
        log.append(await asyncio.gather(asyncio.sleep(1.0, "x"), asyncio.sleep(2.0, "y")))
        log.append(loop.time())
        return log

    log = loop.run_until_complete(main())
    assert sorted(log[:5], key=str) == sorted([(0.0, 0), (1.0, 1), (2.0, 2), (0.5, "locked 0"), (1.0, "locked 1")], key=str)
    assert log[5:] == [5.0, ["x", "y"], 8.0]


def test_ready_callbacks_run_in_the_order_of_the_requests(loop):
    """What asyncio documents for `call_soon`; a timer due now does not overtake what was asked for before it was."""
    ran = []
    for i in range(5):
        loop.call_soon(ran.append, i)
    loop.call_later(0.0, ran.append, "later")
    loop.call_at(0.0, ran.append, "at")
    loop.call_soon_threadsafe(ran.append, "threadsafe")
    cancelled = loop.call_soon(ran.append, "never")
    cancelled.cancel()
    handle = loop.call_later(5.0, ran.append, "late")
    assert (handle.when(), handle.cancelled(), cancelled.cancelled()) == (5.0, False, True)
    loop.kernel.run(1.0)
    assert ran == [0, 1, 2, 3, 4, "later", "at", "threadsafe"]


def test_a_seeded_policy_reorders_ready_tasks(kernels):
    """Same seed, same order; the tasks of one instant run in drawn order."""

    def order(seed, policy):
        loop = SimLoop(kernels.Kernel(seed, policy=policy))
        ran = []

        async def one(i):
            for _ in range(2):
                await asyncio.sleep(0)
                ran.append(i)

        async def main():
            await asyncio.gather(*(one(i) for i in range(6)))

        loop.run_until_complete(main())
        loop.close()
        return ran

    assert order(1, "fifo") == [*range(6), *range(6)]
    assert order(1, "random") == order(1, "random") != order(2, "random")
    assert sorted(order(1, "pct")) == sorted([*range(6), *range(6)])


def test_context_variables_belong_to_their_tasks(loop):
    """A task has a copy of the context it was made in; callbacks run in theirs."""
    var = contextvars.ContextVar("var", default=0)

    async def child(value):
        var.set(value)
        await asyncio.sleep(1.0)
        return var.get()

    async def main():
        var.set(7)
        return await asyncio.gather(child(1), child(2)), var.get()

    assert loop.run_until_complete(main()) == ([1, 2], 7)
    context = contextvars.copy_context()
    assert loop.call_soon(print, context=context).get_context() is context


def test_async_generators_are_closed(loop):
    """A generator left half way is finalized by the loop, and what is still open by `shutdown_asyncgens`."""
    ended = []

    async def numbers(tag):
        try:
            yield 1
            yield 2
        finally:
            await asyncio.sleep(1.0)
            ended.append((tag, loop.time()))

    async def main():
        async for _ in numbers("lost"):
            break
        kept = numbers("kept")
        await anext(kept)
        await asyncio.sleep(2.0)
        await loop.shutdown_asyncgens()
        return kept

    loop.run_until_complete(main())
    assert ended == [("lost", 1.0), ("kept", 3.0)]


def test_the_runner_of_asyncio_works(kernels):
    """`asyncio.Runner` with a loop factory runs a main function and closes the loop."""

    async def main():
        await asyncio.sleep(5.0)
        return asyncio.get_running_loop().time()

    with asyncio.Runner(loop_factory=lambda: SimLoop(kernels.Kernel(1))) as runner:
        assert runner.run(main()) == 5.0
        loop = runner.get_loop()
    assert loop.is_closed()


def test_the_former_running_loop_is_restored(loop):
    """A simulation inside real asyncio code leaves no trace there."""

    async def outer():
        mine = asyncio.get_running_loop()

        async def inner():
            await asyncio.sleep(100.0)

        loop.call_soon(lambda: None)
        loop.kernel.run()
        assert not loop.is_running()
        return asyncio.get_running_loop() is mine

    assert asyncio.run(outer())


def test_task_names_are_counted_per_loop(loop):
    """The stdlib's counter is per process; two runs in one process must be the same."""

    async def main():
        return asyncio.current_task().get_name(), asyncio.create_task(asyncio.sleep(0), name="mine").get_name()

    assert loop.run_until_complete(main()) == ("task-1", "mine")


def test_finished_tasks_are_forgotten(loop):
    """A long run does not keep every task it ever had, neither the world's nor a host's."""

    async def main():
        for _ in range(100):
            await asyncio.create_task(asyncio.sleep(0))
        await asyncio.sleep(0)
        return len(asyncio.all_tasks())

    assert loop.run_until_complete(main()) <= 2
    assert loop.run_until_complete(loop.create_task(main(), context=host(loop)[2])) <= 2


def test_a_task_factory_is_used(loop):
    """As the libraries that install one expect."""
    made = []

    def factory(loop, coro, **options):
        made.append(coro.__name__)
        return asyncio.Task(coro, loop=loop, **options)

    async def main():
        return 1

    loop.set_task_factory(factory)
    assert loop.get_task_factory() is factory
    assert loop.run_until_complete(main()) == 1
    assert made == ["main"]


# --- Errors, deadlock, escape ---


def test_an_exception_of_a_callback_ends_the_run(loop):
    """It is a failure, not a line in a log; unless a handler takes it."""
    loop.call_soon(lambda: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        loop.kernel.run()
    taken = []
    loop.set_exception_handler(lambda _, context: taken.append(context["exception"]))
    assert loop.get_exception_handler() is not None
    loop.call_soon(lambda: 1 / 0)
    assert loop.kernel.run() == "idle"
    assert isinstance(taken[0], ZeroDivisionError)


def test_an_exception_that_nobody_retrieves_ends_the_run(loop):
    """A background task that dies must not die in silence."""

    async def doomed():
        raise ValueError("unheard")

    async def main():
        task = asyncio.create_task(doomed())
        await asyncio.sleep(1.0)
        assert task.done()
        del task
        await asyncio.sleep(1.0)

    with pytest.raises(ValueError, match="unheard"):
        loop.run_until_complete(main())
    with pytest.raises(ValueError, match="unheard"):
        loop.run_until_complete(loop.create_task(main(), context=host(loop)[2]))


def test_keyboard_interrupts_pass(loop):
    """Ctrl-C in a callback leaves the run."""

    def interrupt():
        raise KeyboardInterrupt

    loop.call_soon(interrupt)
    with pytest.raises(KeyboardInterrupt):
        loop.kernel.run()


def test_a_deadlock_names_who_waits_and_where(loop):
    """Two tasks wait for each other's locks: the report has both, with file and line."""

    async def main():
        one, two = asyncio.Lock(), asyncio.Lock()

        async def grab(first, second):
            async with first:
                await asyncio.sleep(1.0)
                async with second:
                    pass

        await asyncio.gather(grab(one, two), grab(two, one))

    with pytest.raises(Deadlock) as caught:
        loop.run_until_complete(main())
    lines = [what for who, what in caught.value.rows if who == "main"]
    assert len(lines) == 3
    assert sum("waits for a lock at " in line and line.endswith("in grab") for line in lines) == 2
    with pytest.raises(Deadlock):
        loop.run_forever()


def test_stopping_early_is_said(loop):
    """A loop stopped before the awaited future is done raises, as asyncio's does."""

    async def main():
        loop.stop()
        await asyncio.sleep(1.0)

    with pytest.raises(RuntimeError, match="stopped"):
        loop.run_until_complete(main())


@pytest.mark.parametrize("name", sorted(name for name, item in vars(Sealed).items() if inspect.isfunction(item)))
def test_every_way_out_is_named(loop, name):
    """Sockets, descriptors, signals, threads, subprocesses: Escaped, with the name of the call."""
    method = getattr(loop, name)
    required = [item for item in inspect.signature(method).parameters.values() if item.default is item.empty and item.kind < 2]
    with pytest.raises(Escaped, match=f"loop.{name}:"):
        method(*[None] * len(required))


def test_nothing_of_asyncio_is_forgotten():
    """Every method of AbstractEventLoop is either ours or refuses by name."""
    ours = {name for kind in (SimLoop, Sealed) for name in vars(kind)} | set(SimLoop.__annotations__)
    wanted = {name for name, item in vars(asyncio.AbstractEventLoop).items() if inspect.isfunction(item) and name[0] != "_"}
    assert wanted <= ours


def test_threads_and_executors_escape(loop):
    """`asyncio.to_thread` and a call from another thread raise Escaped."""

    async def main():
        with pytest.raises(Escaped, match="run_in_executor"):
            await asyncio.to_thread(print)
        await loop.shutdown_default_executor()

    loop.run_until_complete(main())
    loop._thread += 1
    with pytest.raises(Escaped, match="another thread"):
        loop.call_soon_threadsafe(print)


# --- Hosts ---


def test_tasks_of_a_dead_life_never_run_again(loop):
    """Power is cut: no `finally` block runs, and tasks of other lives are not touched."""
    port, life, context = host(loop)
    log = []

    async def work():
        try:
            while True:
                await asyncio.sleep(1.0)
                log.append(loop.time())
        finally:
            log.append("finally")

    async def bystander():
        await asyncio.sleep(10.0)
        return "well"

    loop.create_task(work(), context=context)
    other = loop.create_task(bystander())

    def kill():
        life.alive = False
        port.unbind()

    loop.kernel.call_at(2.5, kill)
    assert loop.kernel.run() == "idle"
    gc.collect()
    assert log == [1.0, 2.0]
    assert other.result() == "well"
    assert loop.kernel.now == 10.0


def test_close_gives_up_what_is_left_without_noise(loop):
    """Coroutines are closed once, at the end; those that resist or never started make no noise."""
    _, life, context = host(loop)
    log = []

    async def stubborn():
        try:
            await asyncio.sleep(100.0)
        finally:
            log.append(life.alive)
            await asyncio.sleep(1.0)

    async def late():
        log.append("never")

    loop.create_task(stubborn(), context=context)
    loop.kernel.run(1.0)
    loop.create_task(late(), context=context)
    loop.close()
    loop.close()
    gc.collect()
    assert log == [False]


def test_a_paused_host_freezes_and_goes_on(loop):
    """Nothing of a paused host runs; what became due runs at the resume."""
    port, _, context = host(loop)
    log = []

    async def work():
        for _ in range(3):
            await asyncio.sleep(1.0)
            log.append(loop.time())

    loop.create_task(work(), context=context)
    loop.kernel.call_at(0.5, port.pause)
    loop.kernel.call_at(5.0, port.resume)
    loop.kernel.run()
    assert log == [5.0, 6.0, 7.0]


def test_a_hosts_clock_rules_its_delays(loop):
    """A clock that runs twice as fast halves its sleeps; a jump touches neither `time`, a monotonic clock, nor deadlines."""
    port, _, context = host(loop)
    log = []

    async def work():
        log.append(loop.time())
        await asyncio.sleep(4.0)
        log.append((loop.time(), loop.kernel.now))
        async with asyncio.timeout(2.0):
            await asyncio.sleep(1.0)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(2.0):
                await asyncio.sleep(10.0)
        log.append((loop.time(), loop.kernel.now))
        port.set_clock(-50.0, 2.0)
        log.append((loop.time(), port.monotonic(), port.clock()))

    port.set_clock(100.0, 2.0)
    task = loop.create_task(work(), context=context)
    loop.kernel.run()
    task.result()
    assert log == [0.0, (4.0, 2.0), (7.0, 3.5), (7.0, 7.0, 57.0)]
    assert loop.time() == 3.5


def test_current_and_after_event_name_the_host(loop):
    """An event of a task is an event of its host; one of the world's tasks is nobody's."""
    _, _, context = host(loop)
    seen = []
    loop.kernel.after_event = seen.append
    loop.call_soon(lambda: seen.append(loop.kernel.current[2:4]), context=context)
    loop.call_soon(lambda: seen.append(loop.kernel.current))
    loop.kernel.run()
    assert seen == [("task", "a"), "a", None]


def test_what_closing_starts_is_closed_too(loop, capfd):
    """A `finally` block that makes tasks and logs, when a loop is closed, leaves nothing behind and says nothing."""

    async def forever():
        try:
            await asyncio.Event().wait()
        finally:
            logging.getLogger("test").critical("heard by nobody")
            loop.create_task(forever())

    async def main():
        _, _, context = host(loop)
        loop.create_task(forever(), context=context)
        await asyncio.sleep(1.0)

    loop.run_until_complete(main())
    loop.close()
    gc.collect()
    assert capfd.readouterr() == ("", "")


def test_a_loop_that_runs_is_neither_run_nor_closed(loop):
    """The errors are asyncio's: RuntimeError, in its words."""

    async def main():
        idle = asyncio.sleep(0)
        with pytest.raises(RuntimeError, match="already running"):
            loop.run_until_complete(idle)
        idle.close()
        with pytest.raises(RuntimeError, match="already running"):
            loop.run_forever()
        with pytest.raises(RuntimeError, match="Cannot close a running event loop"):
            loop.close()

    loop.run_until_complete(main())

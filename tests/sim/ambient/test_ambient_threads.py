"""Work for threads, without threads."""

import asyncio
import concurrent.futures
import contextvars
import queue
import threading
import time

import anyio
import anyio.from_thread
import anyio.to_thread
import pytest
from ambient_machines import needs_native
from starlette.concurrency import run_in_threadpool

from windtunnel.base.errors import Escaped
from windtunnel.sim.life import current_host

VARIABLE = contextvars.ContextVar("VARIABLE", default=0)


def test_work_runs_later_and_elsewhere(sim, host):
    """Not inside the call, after a drawn delay, on the caller's host, in a copy of its context, without a running loop."""

    async def main():
        loop = asyncio.get_running_loop()
        VARIABLE.set(1)
        done = []

        def work(x):
            assert VARIABLE.get() == 1
            VARIABLE.set(2)
            assert current_host() is host
            with pytest.raises(RuntimeError, match="no running event loop"):
                asyncio.get_running_loop()
            done.append(time.monotonic())
            return x + 1

        future = loop.run_in_executor(None, work, 41)
        assert done == []
        assert await future == 42
        assert VARIABLE.get() == 1
        assert 0.0 < done[0] < 0.001
        assert asyncio.get_running_loop() is loop

    sim.run(host, main)


def test_to_thread_and_anyio_and_starlette_work(sim, host):
    """`asyncio.to_thread`, `anyio.to_thread.run_sync`, and what runs every synchronous endpoint of FastAPI."""

    async def main():
        assert await asyncio.to_thread(VARIABLE.get) == 0
        assert await anyio.to_thread.run_sync(lambda: threading.current_thread() is threading.main_thread())
        assert await run_in_threadpool(sorted, [2, 1], reverse=True) == [2, 1]
        assert threading.active_count() == before
        with pytest.raises(ZeroDivisionError):
            await anyio.to_thread.run_sync(lambda: 1 / 0)

    before = threading.active_count()
    sim.run(host, main)


def test_anyio_outside_of_a_run_has_its_threads():
    """The hooks do not change what real loops do."""
    assert asyncio.run(anyio.to_thread.run_sync(threading.current_thread)) is not threading.main_thread()
    assert asyncio.run(asyncio.to_thread(threading.current_thread)) is not threading.main_thread()


def test_the_order_of_work_is_drawn(simulations):
    """Two pieces of work given at once may run in either order, and a seed decides which."""

    def order(seed):
        sim = simulations(seed)
        done = []

        async def main():
            await asyncio.gather(*(asyncio.to_thread(done.append, i) for i in range(3)))
            return tuple(done)

        return sim.run(sim.host("a"), main)

    orders = [order(seed) for seed in range(12)]
    assert len(set(orders)) > 2
    assert orders[:4] == [order(seed) for seed in range(4)]


def test_a_limiter_limits(sim, host):
    """With one token, work of anyio runs one after the other."""

    async def main():
        limiter = anyio.CapacityLimiter(1)
        times = []

        async def one():
            await anyio.to_thread.run_sync(lambda: times.append(time.monotonic()), limiter=limiter)

        async with anyio.create_task_group() as group:
            for _ in range(5):
                group.start_soon(one)
        return times

    times = sim.run(host, main)
    assert times == sorted(times)
    assert len(set(times)) == 5


def test_exceptions_of_work_come_back(sim, host):
    """Also those that a future cannot hold, and those that end a process."""

    async def main():
        def stop():
            raise StopIteration

        def leave():
            raise SystemExit(3)

        with pytest.raises(RuntimeError, match="StopIteration"):
            await asyncio.to_thread(stop)
        with pytest.raises(SystemExit):
            await asyncio.to_thread(leave)

    sim.run(host, main)


def test_cancelled_work_does_not_begin(sim, host):
    """As in a pool whose threads are all busy; work whose waiter was cancelled while it ran is no error."""

    async def main():
        done = []
        future = asyncio.get_running_loop().run_in_executor(None, done.append, 1)
        future.cancel()
        await asyncio.sleep(0.01)
        assert done == []

        def cancels():
            later.cancel()

        later = asyncio.get_running_loop().run_in_executor(None, cancels)
        await asyncio.sleep(0.01)
        assert later.cancelled()

    sim.run(host, main)


def test_work_may_call_the_loop(sim, host):
    """`call_soon_threadsafe` and `anyio.from_thread.run_sync` work inside work."""

    async def main():
        loop = asyncio.get_running_loop()
        called = asyncio.Event()
        refused = asyncio.Event()
        await asyncio.to_thread(lambda: loop.call_soon_threadsafe(called.set))
        await called.wait()
        started = await asyncio.to_thread(lambda: asyncio.run_coroutine_threadsafe(asyncio.to_thread(time.sleep, 1.0), loop))
        assert time.monotonic() < 1.0
        await asyncio.wrap_future(started)
        assert 1.0 < time.monotonic() < 1.01

        def nap():
            with pytest.raises(Escaped, match=r"time\.sleep"):
                time.sleep(1.0)
            refused.set()

        await asyncio.to_thread(lambda: loop.call_soon_threadsafe(nap))  # what the loop calls is not the thread's any more
        await refused.wait()
        assert await anyio.to_thread.run_sync(lambda: anyio.from_thread.run_sync(asyncio.get_running_loop)) is loop
        await anyio.to_thread.run_sync(anyio.from_thread.check_cancelled)
        with pytest.raises(RuntimeError):
            anyio.from_thread.run_sync(print)

    sim.run(host, main)


def test_work_cannot_wait_for_the_loop(sim, host):
    """What would need two things at once is refused by name."""

    async def main():
        with pytest.raises(Escaped, match=r"anyio\.from_thread\.run"):
            await anyio.to_thread.run_sync(anyio.from_thread.run, asyncio.sleep, 1.0)
        loop = asyncio.get_running_loop()

        def wait():
            coroutine = asyncio.sleep(1.0)
            return asyncio.run_coroutine_threadsafe(coroutine, loop).result()

        with pytest.raises(Escaped, match="blocking wait"):
            await asyncio.to_thread(wait)
        with pytest.raises(Escaped, match="another event loop"):
            await asyncio.to_thread(lambda: asyncio.run(asyncio.sleep(1.0)))
        coroutine = asyncio.sleep(1.0)
        with pytest.raises(RuntimeError, match="running event loop"):
            asyncio.run(coroutine)
        coroutine.close()

    sim.run(host, main)


def test_work_may_sleep(sim, host):
    """Its clocks go on, its result comes later; a wait with a timeout runs out; other tasks go on meanwhile."""

    def work():
        began = time.monotonic(), time.time(), time.monotonic_ns()
        deadline = time.monotonic() + 0.35
        polls = 0
        while time.monotonic() < deadline:
            time.sleep(0.1)
            polls += 1
        assert not threading.Event().wait(0.5)
        with pytest.raises(queue.Empty):
            queue.Queue().get(timeout=0.1)
        assert time.time() - began[1] == pytest.approx(1.0)
        assert time.monotonic_ns() - began[2] == pytest.approx(1e9)
        return polls, time.monotonic() - began[0]

    async def main():
        ticks = []

        async def tick():
            while True:
                ticks.append(time.monotonic())
                await asyncio.sleep(0.25)

        ticking = asyncio.create_task(tick())
        polls, took = await asyncio.to_thread(work)
        ticking.cancel()
        assert (polls, took) == (4, pytest.approx(1.0))
        assert 1.0 < time.monotonic() < 1.01
        assert len(ticks) == 5

        def fails():
            time.sleep(1.0)
            raise ValueError("late")

        with pytest.raises(ValueError, match="late"):
            await asyncio.to_thread(fails)
        assert 2.0 < time.monotonic() < 2.01
        left = asyncio.get_running_loop().run_in_executor(None, time.sleep, 1.0)
        await asyncio.sleep(0.5)
        left.cancel()
        await asyncio.sleep(1.0)
        assert left.cancelled()

    sim.run(host, main)


def test_threads_do_not_start(sim, host):
    """`Thread.start`, pools and process pools: Escaped, with the name of what was to run."""

    async def main():
        with pytest.raises(Escaped, match=r"Thread.start\(\) of print on host a"):
            threading.Thread(target=print).start()
        with pytest.raises(Escaped, match=r"Thread.start\(\) of Timer"):
            threading.Timer(1.0, print).start()
        with concurrent.futures.ThreadPoolExecutor() as pool:
            with pytest.raises(Escaped, match=r"Executor.submit\(print\)"):
                pool.submit(print)
            assert await asyncio.get_running_loop().run_in_executor(pool, len, "abc") == 3
        with pytest.raises(Escaped, match="ProcessPoolExecutor"):
            asyncio.get_running_loop().run_in_executor(concurrent.futures.ProcessPoolExecutor(1), print)

    sim.run(host, main)


def test_waits_that_nobody_can_end_are_refused(sim, host):
    """Events, conditions, queues, futures: the only thread would wait for itself."""

    def main():
        with pytest.raises(Escaped, match="blocking wait"):
            threading.Event().wait()
        with pytest.raises(Escaped, match="blocking wait"):
            queue.Queue().get(timeout=1.0)
        with pytest.raises(Escaped, match="blocking wait"):
            concurrent.futures.Future().result()
        with pytest.raises(queue.Empty):
            queue.Queue().get_nowait()
        event, ready = threading.Event(), queue.Queue()
        event.set()
        ready.put(1)
        assert event.wait()
        assert ready.get() == 1
        condition = threading.Condition()
        with condition:
            assert not condition.wait(0)

    sim.run(host, main)


@needs_native
def test_locks_that_are_held_are_refused(sim, host):
    """A free lock is taken; one that is held can only be asked for without waiting."""

    def main():
        lock = threading.Lock()
        with lock:
            assert not lock.acquire(blocking=False)
            assert not lock.acquire(timeout=0)
            with pytest.raises(Escaped, match=r"Lock\.acquire"):
                lock.acquire()
            with pytest.raises(Escaped, match=r"Lock\.acquire"):
                lock.__enter__()
        assert lock.acquire()
        simple = queue.SimpleQueue()
        with pytest.raises(Escaped, match="SimpleQueue"):
            simple.get()
        simple.put(1)
        assert simple.get() == 1

    sim.run(host, main)


def test_outside_hosts_executors_stay_refused(sim):
    """Code that belongs to no host has no threads at all."""

    async def main():
        with pytest.raises(Escaped, match="run_in_executor"):
            await asyncio.to_thread(print)
        asyncio.get_running_loop().set_task_factory(None)

    sim.loop.run_until_complete(main())

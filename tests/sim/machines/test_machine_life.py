# ruff: noqa: ASYNC230, ASYNC240, PTH110, PTH123, SIM115 - the programs under test use files as programs do
import asyncio
import os
import signal
import socket
import sys
import time

import pytest

from windtunnel.base.errors import UsageError
from windtunnel.sim import HostDown, RunFailed, current_host

# --- Start, crash, kill, end ---


def test_main_is_called_at_each_start_and_a_crash_runs_no_finally(simulate):
    """Power is cut: the program stops where it is; a restart begins from the factory, with nothing in memory."""
    log = []

    async def scenario(world):
        async def main():
            beats = 0
            try:
                while True:
                    await asyncio.sleep(1.0)
                    beats += 1
                    log.append((world.now, current_host().incarnation, beats))
            finally:
                log.append("finally")

        db = world.host("db", main)
        await asyncio.sleep(2.5)
        world.crash("db")
        assert not world.running("db")
        await asyncio.sleep(2.0)
        world.restart("db")
        await asyncio.sleep(1.5)
        return db.incarnation, db.running, list(log)

    assert simulate(scenario)[0] == (1, True, [(1.0, 0, 1), (2.0, 0, 2), (5.5, 1, 1)])


def test_a_killed_process_runs_no_finally_and_its_page_cache_survives(simulate):
    """SIGKILL loses the memory of the process, not that of the machine; a power cut loses what was not synced."""
    log = []

    async def scenario(world):
        async def main():
            log.append(sorted(name for name in ("kept", "synced") if os.path.exists(name)))
            try:
                with open("kept", "w") as file:
                    file.write("x" * 10_000)
                with open("synced", "w") as file:
                    file.write("y")
                    file.flush()
                    os.fsync(file.fileno())
                folder = os.open(".", os.O_RDONLY)
                os.fsync(folder)
                os.close(folder)
                with open("lost", "w") as file:
                    file.write("z" * 10_000)
                await asyncio.sleep(1000.0)
            finally:
                log.append("finally")

        db = world.host("db", main)
        await asyncio.sleep(1.0)
        db.kill()
        assert (db.up, db.running, db.exit_code) == (True, False, -9)
        db.restart()
        await asyncio.sleep(1.0)
        with_cache = await db.run(lambda: open("lost").read())
        db.crash()
        assert (db.up, db.running, db.exit_code) == (False, False, None)
        db.restart()
        await asyncio.sleep(0.0)
        assert "finally" not in log
        return len(with_cache), await db.run(lambda: open("synced").read())

    assert simulate(scenario)[0] == (10_000, "y")
    assert log[:2] == [[], ["kept", "synced"]]


def test_a_process_ends_when_main_returns(simulate):
    """As `asyncio.run` does: the other tasks are cancelled, their `finally` blocks run, then the process is gone."""
    log = []

    async def scenario(world):
        async def side():
            try:
                await asyncio.sleep(100.0)
            finally:
                await asyncio.sleep(0.5)
                log.append(("side", world.now))

        async def main():
            log.append(asyncio.create_task(side()) is not None)
            await asyncio.sleep(1.0)

        db = world.host("db", main)
        await asyncio.sleep(3.0)
        return db.running, db.up, db.exit_code

    assert simulate(scenario)[0] == (False, True, 0)
    assert log == [True, ("side", 1.5)]


@pytest.mark.parametrize(("code", "expected"), [(0, 0), (None, 0), (3, 3), ("broken", 1)])
def test_sys_exit_in_any_task_ends_the_process(simulate, code, expected):
    """With the exit code that Python would give it; `finally` blocks of main run, other hosts do not notice."""
    log = []

    async def scenario(world):
        async def side():
            await asyncio.sleep(1.0)
            sys.exit(code)

        async def main():
            task = asyncio.create_task(side())
            try:
                await asyncio.sleep(100.0)
            finally:
                log.append(task.done())

        db = world.host("db", main, on_exit="ignore")
        other = world.host("other", lambda: asyncio.sleep(100.0))
        await asyncio.sleep(3.0)
        return db.exit_code, other.running

    assert simulate(scenario)[0] == (expected, True)
    assert log == [True]


def test_a_supervisor_starts_a_failing_main_again_ever_later(simulate):
    """`on_exit="restart"`: 0.1 s, 0.2 s, 0.4 s after each failure; a process that was asked to stop stays down."""
    starts = []

    async def scenario(world):
        async def main():
            starts.append(round(world.now, 6))
            await asyncio.sleep(0.1)
            if len(starts) < 5:
                raise ValueError("again")
            await asyncio.sleep(1000.0)

        db = world.host("db", main, on_exit="restart")
        await asyncio.sleep(5.0)
        await db.stop()
        await asyncio.sleep(20.0)
        return db.running, db.incarnation

    assert simulate(scenario)[0] == (False, 5)
    assert starts == [0.0, 0.2, 0.5, 1.0, 1.9]


def test_a_failing_main_may_be_ignored(simulate):
    """`on_exit="ignore"`: the host is down, its exit code says why."""

    async def scenario(world):
        async def main():
            raise ValueError("never mind")

        db = world.host("db", main, on_exit="ignore")
        await asyncio.sleep(5.0)
        return db.running, db.exit_code

    assert simulate(scenario)[0] == (False, 1)


def test_a_process_that_ends_closes_its_own_generators(simulate):
    """As `asyncio.run` does; those of other hosts stay open."""
    log, held = [], []

    async def scenario(world):
        async def numbers(name):
            try:
                yield 1
            finally:
                await asyncio.sleep(0.1)
                log.append((name, world.now))

        async def main(name, lasts_s):
            kept = numbers(name)
            await anext(kept)
            held.append(kept)
            await asyncio.sleep(lasts_s)

        world.host("brief", lambda: main("brief", 1.0))
        world.host("long", lambda: main("long", 100.0))
        await asyncio.sleep(5.0)
        return list(log)

    assert simulate(scenario)[0] == [("brief", 1.1)]


# --- Signals ---


def test_stop_goes_through_the_handlers_of_the_program(simulate):
    """SIGTERM by `loop.add_signal_handler` and by `signal.signal`; the process ends as it wishes, in its own time."""
    log = []

    async def scenario(world):
        async def by_loop():
            asked = asyncio.Event()
            asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, asked.set)
            await asked.wait()
            await asyncio.sleep(2.0)
            log.append(("by_loop", world.now))

        async def by_signal():
            asked = asyncio.Event()
            signal.signal(signal.SIGTERM, lambda *_: asked.set())
            await asked.wait()
            log.append(("by_signal", world.now))

        one, two = world.host("one", by_loop), world.host("two", by_signal)
        await asyncio.sleep(1.0)
        await two.stop()
        await one.stop()
        return one.exit_code, two.exit_code, world.now

    assert simulate(scenario)[0] == (0, 0, 3.0)
    assert log == [("by_signal", 1.0), ("by_loop", 3.0)]


def test_stop_kills_what_does_not_listen(simulate):
    """Without a handler SIGTERM kills at once; with a handler that does nothing, the grace period passes first."""

    async def scenario(world):
        async def deaf():
            asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, lambda: None)
            await asyncio.sleep(1000.0)

        plain, other = world.host("plain", lambda: asyncio.sleep(1000.0)), world.host("deaf", deaf)
        await asyncio.sleep(1.0)
        await plain.stop()
        at_once = world.now
        await other.stop(grace_s=5.0)
        return at_once, plain.exit_code, world.now, other.exit_code

    assert simulate(scenario)[0] == (1.0, -15, 6.0, -9)


def test_sigint_cancels_main_as_a_runner_does(simulate):
    """KeyboardInterrupt of `asyncio.run`: main is cancelled once, its `finally` blocks run; a second SIGINT kills."""
    log = []

    async def scenario(world):
        async def main():
            try:
                await asyncio.sleep(1000.0)
            finally:
                await asyncio.sleep(1.0)
                log.append(world.now)

        one, two = world.host("one", main), world.host("two", main)
        await asyncio.sleep(1.0)
        one.signal(signal.SIGINT)
        two.signal(signal.SIGINT)
        await asyncio.sleep(0.5)
        two.signal(signal.SIGINT)
        await asyncio.sleep(1.0)
        return one.exit_code, two.exit_code

    assert simulate(scenario)[0] == (-2, -2)
    assert log == [2.0]


def test_a_program_may_signal_itself(simulate):
    """`os.kill(os.getpid(), ...)`: SIGTERM without a handler ends it, SIGSTOP and SIGCONT freeze it and let it go on."""

    async def scenario(world):
        async def main():
            await asyncio.sleep(1.0)
            os.kill(os.getpid(), signal.SIGTERM)
            await asyncio.sleep(1.0)
            raise AssertionError("still alive")

        db = world.host("db", main)
        await asyncio.sleep(5.0)
        other = world.host("other", lambda: asyncio.sleep(3.0))
        other.signal(signal.SIGSTOP)
        await asyncio.sleep(5.0)
        frozen = other.running
        other.signal(signal.SIGCONT)
        await asyncio.sleep(4.0)
        return db.exit_code, frozen, other.exit_code

    assert simulate(scenario)[0] == (-15, True, 0)


# --- Pauses, stalls, clocks, processors ---


def test_a_paused_or_stalled_host_does_nothing_meanwhile(simulate):
    """What became due runs afterwards; two stalls in one step add up, and a pause outlasts a stall."""
    beats = []

    async def scenario(world):
        async def main():
            while True:
                await asyncio.sleep(1.0)
                beats.append(round(world.now, 6))

        db = world.host("db", main)
        await asyncio.sleep(1.5)
        db.pause()
        db.stall(1.0)
        await asyncio.sleep(3.0)
        db.resume()
        await asyncio.sleep(1.0)
        db.stall(1.0)
        db.stall(2.0)
        await asyncio.sleep(4.0)

    simulate(scenario)
    assert beats == [1.0, 4.5, 8.5, 9.5]


def test_a_host_has_clocks_of_its_own(simulate):
    """A jump shows in `time.time`, drift in `time.monotonic` and in how long a sleep takes."""

    async def scenario(world):
        fast = world.host("fast")
        before = await fast.run(lambda: (time.time(), time.monotonic()))
        world.skew("fast", offset_s=100.0, drift=1.0)
        began = world.now
        await fast.run(asyncio.sleep(4.0))
        after = await fast.run(lambda: (time.time(), time.monotonic()))
        return world.now - began, after[0] - before[0], after[1] - before[1]

    took, wall, monotonic = simulate(scenario)[0]
    assert took == pytest.approx(2.0)
    assert wall == pytest.approx(104.0)
    assert monotonic == pytest.approx(4.0)


def test_a_disk_has_settings(simulate):
    """A slow sync freezes the host for so long; an unknown setting is a usage error."""

    async def scenario(world):
        slow = world.host("slow", disk={"sync_s": 0.5, "journalled": True})
        with pytest.raises(UsageError, match="unknown setting of a disk 'sink_s'; did you mean sync_s"):
            world.host("other", disk={"sink_s": 1.0})

        async def work():
            with open("log", "w") as file:
                file.write("x")
                file.flush()
                os.fsync(file.fileno())
            await asyncio.sleep(0.0)
            return world.now

        return await slow.run(work), slow.files.journalled

    assert simulate(scenario)[0] == (0.5, True)


def test_work_queues_for_the_cores(simulate):
    """Three jobs of a second on two cores take two; a host without a number of cores has one for each."""

    async def scenario(world):
        small, large = world.host("small", cpu=2), world.host("large")
        began = world.now
        await asyncio.gather(*(small.run(small.cpu(1.0)) for _ in range(3)))
        middle = world.now
        await asyncio.gather(*(large.run(large.cpu(1.0)) for _ in range(3)))
        return middle - began, world.now - middle

    assert simulate(scenario)[0] == (2.0, 1.0)


# --- Code on hosts ---


def test_run_gives_results_exceptions_and_the_end_of_the_host(simulate):
    """A coroutine, a function or a coroutine function; HostDown when the host dies before it ends, or is down."""

    async def scenario(world):
        db = world.host("db")

        async def fails():
            raise KeyError("k")

        assert await db.run(lambda: current_host().name) == "db"
        assert await db.run(asyncio.sleep(1.0, "slept")) == "slept"
        with pytest.raises(KeyError):
            await db.run(fails)
        with pytest.raises(UsageError):
            await db.run(5)
        waiting = db.run(asyncio.sleep(9.0))
        await asyncio.sleep(1.0)
        db.crash()
        with pytest.raises(HostDown, match="went down"):
            await waiting
        with pytest.raises(HostDown, match="no running process"):
            await db.run(fails())
        assert current_host().name == "test"

    simulate(scenario)


def test_a_client_moves_the_calling_task_to_a_host_of_its_own(simulate):
    """Inside the block the task, and what it starts, is on the client's machine; afterwards it is back."""

    async def scenario(world):
        names = [socket.gethostname()]
        async with world.client("shopper", env={"CART": "7"}) as shopper:
            names += [socket.gethostname(), await asyncio.create_task(asyncio.to_thread(socket.gethostname))]
            assert (current_host(), os.environ["CART"]) == (shopper, "7")
            with pytest.raises(UsageError, match="the test itself"):
                shopper.crash()
        assert not shopper.running
        with pytest.raises(UsageError, match="the test itself"):
            world.crash("test")
        assert "shopper" not in world.nodes
        return [*names, socket.gethostname()]

    assert simulate(scenario)[0] == ["test", "shopper", "shopper", "test"]


def test_hosts_have_names_of_their_own_and_end_with_the_run(make_world):
    """A second host of one name, a host after the run, a second run: UsageError."""
    world = make_world(1)
    world.host("db")
    with pytest.raises(UsageError, match="two nodes"):
        world.host("db")
    with pytest.raises(UsageError, match="unknown host 'dbb'; did you mean db"):
        world.crash("dbb")
    world.run(asyncio.sleep, 1.0)
    with pytest.raises(UsageError, match="the run is over"):
        world.host("late")
    with pytest.raises(UsageError, match="one run"):
        world.run(asyncio.sleep, 1.0)


def test_a_host_made_before_the_run_boots_in_it(make_world):
    """Its main is called in the simulation, with the clock of its host."""
    world = make_world(1)
    seen = []

    async def main():
        seen.append((time.time(), current_host().name))

    world.host("db", main)
    assert seen == []
    world.run(asyncio.sleep, 1.0)
    assert seen == [(1767225600.0, "db")]


def test_ten_virtual_hours_of_the_supervised_host_end(simulate):
    """A main that fails at once is restarted for ever, but ever more rarely: the run still ends."""
    starts = []

    async def scenario(world):
        async def main():
            starts.append(world.now)
            raise ValueError

        world.host("db", main, on_exit="restart")
        await asyncio.sleep(600.0)

    simulate(scenario)
    assert 60 < len(starts) < 80


def test_a_failing_main_is_a_finding(simulate):
    """With the host, the virtual time and the user's own line."""

    async def scenario(world):
        async def main():
            await asyncio.sleep(1.0)
            raise ValueError("no disk")

        world.host("db", main)
        await asyncio.sleep(5.0)

    with pytest.raises(
        RunFailed, match=r"main: on db at t=1.000000 s at .*test_machine_life.py:\d+ in main: .*ValueError: no disk"
    ):
        simulate(scenario)

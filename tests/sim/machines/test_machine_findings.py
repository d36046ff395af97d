# ruff: noqa: ASYNC251, PLR0133, RUF006, SIM105 - the programs under test are careless on purpose
import asyncio
import contextlib
import gc
import os
import re
import signal
import socket
import subprocess
import sys
import textwrap
import time
import warnings

import pytest

from windtunnel.base.errors import Escaped
from windtunnel.sim import LeakWarning, RunFailed, always
from windtunnel.sim.waiting import wait_of

HERE = r".*test_machine_findings.py:\d+ in "


@pytest.fixture
def finds(simulate):
    """Run a scenario that must end in a finding of this kind; returns it."""

    def finds(scenario, kind, **options):
        with pytest.raises(RunFailed) as caught:
            simulate(scenario, **options)
        finding = caught.value.finding
        assert finding.kind == kind, str(finding)
        assert str(caught.value) == str(finding)
        return finding

    return finds


# --- The test, main, tasks ---


def test_an_exception_of_the_test_is_raised_as_it_is(make_world):
    """With its own type; the world has the finding with virtual time and line."""

    async def scenario():
        await asyncio.sleep(1.0)
        raise LookupError("mine")

    world = make_world(1)
    with pytest.raises(LookupError, match="mine"):
        world.run(scenario)
    finding = world.finding
    assert (finding.kind, finding.host, finding.at_s, finding.message) == ("test", "test", 1.0, "LookupError: mine")
    assert re.fullmatch(HERE + "scenario", finding.where)


def test_a_background_task_that_raises_is_found_at_once(finds):
    """Nobody awaits it, nobody holds it: the finding has its host and the line that raised."""

    async def scenario(world):
        async def doomed():
            await asyncio.sleep(1.0)
            raise KeyError("unheard")

        async def main():
            asyncio.create_task(doomed())
            await asyncio.sleep(100.0)

        world.host("db", main)
        await asyncio.sleep(50.0)

    finding = finds(scenario, "task")
    assert (finding.host, finding.at_s) == ("db", 1.0)
    assert re.fullmatch(HERE + "doomed", finding.where)
    assert "KeyError: 'unheard'" in finding.message
    assert "simulator" not in finding.text
    assert "windtunnel/sim" not in finding.text


def test_a_failed_task_in_a_cycle_of_garbage_is_found_at_the_end(finds):
    """The collector is off during the run: what only it would find is found when the test is done."""

    async def scenario(world):
        async def doomed():
            raise KeyError("unheard")

        async def main():
            class Node:
                pass

            node = Node()
            node.itself, node.task = node, asyncio.create_task(doomed())
            del node
            await asyncio.sleep(100.0)

        world.host("db", main)
        await asyncio.sleep(1.0)

    finding = finds(scenario, "task")
    assert (finding.host, finding.at_s) == ("db", 0.0)


def test_a_failed_task_of_the_test_that_is_still_held_is_found_at_the_end(finds):
    """The test keeps the task in a list and never looks."""
    kept = []

    async def scenario(_):
        async def doomed():
            raise KeyError("unheard")

        kept.append(asyncio.create_task(doomed()))
        await asyncio.sleep(1.0)

    finding = finds(scenario, "task")
    assert (finding.host, finding.at_s) == ("test", 0.0)


def test_a_failed_task_whose_exception_is_taken_later_is_none(simulate):
    """As long as somebody asks before the end, there is nothing to report."""

    async def scenario(_):
        async def doomed():
            raise KeyError("heard")

        task = asyncio.create_task(doomed())
        await asyncio.sleep(1.0)
        with pytest.raises(KeyError):
            await task

    simulate(scenario)


def test_a_callback_that_raises_is_found(finds):
    """An exception out of `call_later`, on its host."""

    async def scenario(world):
        async def main():
            asyncio.get_running_loop().call_later(1.0, lambda: 1 // 0)
            await asyncio.sleep(100.0)

        world.host("db", main)
        await asyncio.sleep(5.0)

    finding = finds(scenario, "task")
    assert (finding.host, finding.at_s) == ("db", 1.0)
    assert "ZeroDivisionError" in finding.message


def test_a_cancelled_handler_of_a_stream_is_no_failure(simulate):
    """Python 3.11 asks a cancelled client task for its exception when a server's process ends: noise, not a finding."""

    async def scenario(world):
        async def answer(reader, writer):
            await reader.read()
            writer.close()

        async def main():
            await asyncio.start_server(answer, None, 80)
            await asyncio.sleep(1.0)

        world.host("db", main)
        await asyncio.sleep(0.1)
        async with world.client("shopper"):
            reader, writer = await asyncio.open_connection("db", 80)
            await reader.read()
            writer.close()
        return world.hosts["db"].exit_code

    assert simulate(scenario)[0] == 0


def test_background_failures_may_be_rows_of_the_log_only(simulate):
    """`background="log"`: what asyncio itself does. A handler of the program's own gets them in any case."""
    handled = []

    async def scenario(world):
        async def doomed():
            raise KeyError("unheard")

        async def main():
            asyncio.create_task(doomed())
            await asyncio.sleep(100.0)

        async def careful():
            loop = asyncio.get_running_loop()
            loop.set_exception_handler(lambda _, context: handled.append(type(context["exception"])))
            await main()

        world.host("db", main)
        world.host("careful", careful)
        await asyncio.sleep(1.0)

    _, world = simulate(scenario, background="log")
    assert [row.host for row in world.log.rows(source="ERROR")] == ["db"]
    assert handled == [KeyError]


# --- Runs that get nowhere ---


def test_a_deadlock_says_who_waits_for_what(finds):
    """A lock, a queue, a group, a gathered task, a future, each with the user's line; hosts that are down and cuts too."""

    async def scenario(world):
        async def main():
            lock, event = asyncio.Lock(), asyncio.Event()
            await lock.acquire()
            async with asyncio.TaskGroup() as group:
                group.create_task(lock.acquire())
                group.create_task(event.wait())
                group.create_task(asyncio.Queue().get())
                await asyncio.gather(asyncio.get_running_loop().create_future())

        world.host("db", main)
        world.host("gone")
        world.crash("gone")
        world.cut([("db", "gone")])
        await asyncio.sleep(2.0)
        await asyncio.create_task(asyncio.Event().wait(), name="never")

    finding = finds(scenario, "deadlock")
    assert (finding.host, finding.at_s) == ("test", 2.0)
    assert re.fullmatch(HERE + "scenario", finding.where)
    for words in (
        r"test: test waits for task 'never' at " + HERE + "scenario",
        "waits for a lock",
        "waits for an event",
        "waits for an item of a queue",
        "1 of 1 gathered tasks",
        "gone: is down",
        "cut: db→gone",
    ):
        assert re.search(words, finding.text), words


def test_a_deadlock_names_hosts(finds):
    """Who waits for a connection, or for something that runs elsewhere, is told the host."""

    async def scenario(world):
        async def main():
            async def answer(reader, writer):
                await reader.read()
                writer.close()

            await (await asyncio.start_server(answer, None, 80)).serve_forever()

        db = world.host("db", main)
        await asyncio.sleep(0.1)
        reader, writer = await asyncio.open_connection("db", 80)
        reading = asyncio.create_task(reader.readline())
        world.host("dark")
        world.cut([("test", "dark")], hold=True)
        calling = asyncio.create_task(asyncio.open_connection("dark", 80))
        await asyncio.sleep(0.1)
        assert "waits for a connection to dark:80 at " in wait_of(calling)
        calling.cancel()
        await db.run(asyncio.Event().wait)
        return reading, calling, writer

    text = finds(scenario, "deadlock").text
    assert "test: test waits for what runs on db" in text
    assert "waits for data from db:80" in text
    assert re.search(r"db: .* waits for data from test:\d+", text)
    assert "db: db/main waits for clients" in text


def test_a_deadlock_can_say_since_when(finds):
    """`since=True`: when each waiting task ran last."""

    async def scenario(_):
        await asyncio.sleep(3.0)
        await asyncio.Event().wait()

    assert "since t=3.000000 s" in finds(scenario, "deadlock", since=True).text


def test_a_livelock_is_found(finds):
    """Two tasks hand the ball to each other for ever, and no time passes."""

    async def scenario(world):
        async def main():
            await asyncio.sleep(1.0)
            while True:
                await asyncio.sleep(0)

        world.host("db", main)
        await asyncio.sleep(5.0)

    finding = finds(scenario, "livelock", still_steps=5000)
    assert (finding.host, finding.at_s) == ("db", 1.0)
    assert re.fullmatch(HERE + "main", finding.where)


@pytest.mark.parametrize("options", [{"limit_s": 100.0}, {"steps_max": 2000}])
def test_a_test_that_never_ends_is_found(finds, options):
    """By virtual time or by steps, with what it waits for."""

    async def scenario(_):
        while True:
            await asyncio.sleep(0.01)

    finding = finds(scenario, "limit", **options)
    assert re.fullmatch(HERE + "scenario", finding.where)
    assert "the end of 0.01 s of sleep" in finding.text


def test_a_step_that_spins_is_ended(finds):
    """`while True: pass`, also when it catches what it can: the report has host, line and stack."""

    async def scenario(world):
        def spin():
            while True:
                try:
                    while True:
                        pass
                except Exception:  # noqa: BLE001
                    pass

        async def main():
            await asyncio.sleep(1.0)
            spin()

        world.host("db", main)
        await asyncio.sleep(5.0)

    before = signal.getsignal(signal.SIGALRM)
    finding = finds(scenario, "spin", step_wall_s=0.2)
    assert (finding.host, finding.at_s) == ("db", 1.0)
    assert re.fullmatch(HERE + "spin", finding.where)
    assert "in main" in finding.text
    assert signal.getsignal(signal.SIGALRM) is before


def test_a_spin_that_catches_everything_ends_the_process():
    """Nothing else is left: the report goes to stderr, the exit code is 70."""
    program = """
        from windtunnel.sim import World
        async def test():
            while True:
                try:
                    while True:
                        pass
                except BaseException:
                    pass
        World(1, step_wall_s=0.1).run(test)
    """
    run = [sys.executable, "-c", textwrap.dedent(program)]
    done = subprocess.run(run, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 70
    assert "spin: on test at t=0.000000 s" in done.stderr
    assert "swallows every exception" in done.stderr


def test_the_watchdog_gives_a_former_alarm_its_turn(simulate):
    """A timer of SIGALRM that somebody set before, such as a test timeout, is called in time and goes on afterwards."""
    rung = []

    async def scenario(_):
        ends = time.process_time
        count = 0
        while not rung:
            count += 1
            await asyncio.sleep(1.0)
        return ends is not None

    former = signal.signal(signal.SIGALRM, lambda *_: rung.append(1))
    left = signal.setitimer(signal.ITIMER_REAL, 0.3)
    try:
        simulate(scenario, limit_s=1e9, step_wall_s=0.5)
        assert rung == [1]
    finally:
        signal.setitimer(signal.ITIMER_REAL, *left)
        signal.signal(signal.SIGALRM, former)


# --- What leaves the simulation, assertions, leaks ---


def test_a_blocking_call_is_found_though_it_is_swallowed(finds, simulate):
    """The program catches every exception around it; the run fails all the same, unless the world was told otherwise."""
    caught = []

    async def scenario(world):
        async def main():
            try:
                time.sleep(1.0)
            except Exception as error:  # noqa: BLE001
                caught.append(type(error))
            await asyncio.sleep(100.0)

        world.host("db", main)
        await asyncio.sleep(5.0)

    finding = finds(scenario, "escaped")
    assert finding.host == "db"
    assert "time.sleep" in finding.message
    assert re.fullmatch(HERE + "main", finding.where)
    simulate(scenario, escapes="raise")
    assert caught == [Escaped, Escaped]


def test_what_the_loop_refuses_is_found_too(finds):
    """A subprocess, by the loop's own method."""

    async def scenario(world):
        async def main():
            try:
                await asyncio.create_subprocess_exec("true")
            except Exception:  # noqa: BLE001
                pass
            await asyncio.sleep(100.0)

        world.host("db", main)
        await asyncio.sleep(5.0)

    message = finds(scenario, "escaped").message
    assert "subprocess" in message
    assert f"on host db, t=0.000000 s, at {__file__}:" in message


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: socket.socket().connect(("db", 1)), "socket.connect"),
        (lambda: socket.socket().makefile(), "socket.makefile"),
        (lambda: os.mkfifo("pipe"), "os.mkfifo"),
    ],
    ids=["connect", "makefile", "mkfifo"],
)
def test_what_sockets_and_files_refuse_is_found_too(finds, call, words):
    """With host, time and line, although the program swallows the exception."""

    async def scenario(world):
        async def main():
            await asyncio.sleep(1.0)
            with contextlib.suppress(Exception):
                call()
            await asyncio.sleep(100.0)

        world.host("db", main)
        await asyncio.sleep(5.0)

    finding = finds(scenario, "escaped")
    assert words in finding.message
    assert f"on host db, t=1.000000 s, at {__file__}:" in finding.message


def test_a_broken_promise_is_found_though_it_is_swallowed(finds):
    """`always` in the code under test."""

    async def scenario(world):
        async def main():
            try:
                always(1 > 2, "order is kept", left=1, right=2)
            except AssertionError:
                pass
            await asyncio.sleep(100.0)

        world.host("db", main)
        await asyncio.sleep(5.0)

    finding = finds(scenario, "always")
    assert finding.message == "order is kept: left=1, right=2"
    assert re.fullmatch(HERE + "main", finding.where)


def test_the_first_finding_counts(finds):
    """What goes wrong in consequence does not hide the cause."""

    async def scenario(world):
        async def main():
            raise ValueError("first")

        world.host("one", main)
        world.host("two", main)
        await asyncio.sleep(1.0)
        raise LookupError("second")

    assert finds(scenario, "main").host == "one"


def test_leaks_are_warned_of_and_cancelled(simulate):
    """Tasks of the test and of its clients that are left: one warning each, with host and line; servers may run on."""
    ended = []

    async def scenario(world):
        async def left(name):
            try:
                await asyncio.sleep(100.0)
            finally:
                await asyncio.sleep(0.1)
                ended.append(name)

        world.host("db", lambda: left("db"))
        asyncio.create_task(left("mine"))
        async with world.client("shopper"):
            asyncio.create_task(left("shopper"))
            await asyncio.sleep(1.0)
        return list(ended)

    with pytest.warns(LeakWarning) as caught:
        during, _ = simulate(scenario)
    assert during == ["shopper"]
    assert ended[:2] == ["shopper", "mine"]
    texts = [str(warning.message) for warning in caught]
    assert len(texts) == 2
    assert re.search("on shopper at t=1.000000 s: still open at the end: task .* of sleep at " + HERE + "left", texts[0])
    assert texts[1].startswith("on test at t=1.1")


def test_what_is_about_to_end_is_no_leak(simulate, recwarn):
    """Tasks that only wait for their turn get it first, on a client's host and on the test's."""

    async def short():
        await asyncio.sleep(0)

    async def scenario(world):
        async with world.client("shopper"):
            asyncio.create_task(short())
        asyncio.create_task(short())

    simulate(scenario)
    assert [str(warning.message) for warning in recwarn] == []


def test_open_connections_and_servers_are_leaks(simulate):
    """Of the test and its clients; what is closed is none, and the servers of hosts may go on."""

    async def scenario(world):
        async def answer(reader, writer):
            await reader.read()
            writer.close()

        async def main():
            await (await asyncio.start_server(answer, None, 80)).serve_forever()

        world.host("db", main)
        await asyncio.sleep(0.1)
        async with world.client("tidy"):
            _, writer = await asyncio.open_connection("db", 80)
            writer.close()
            await writer.wait_closed()
        async with world.client("untidy"):
            world.kept = [await asyncio.open_connection("db", 80), await asyncio.start_server(answer, None, 81)]
            assert world.hosts["untidy"].open_connections()

    with pytest.warns(LeakWarning) as caught:
        simulate(scenario)
    texts = [str(warning.message).partition("the end: ")[2] for warning in caught]
    assert len(texts) == 2
    assert re.fullmatch("connection .*untidy.* to .*:80.*", texts[0])
    assert texts[1] == "server on port 81"


def test_an_unknown_host_name_is_told(simulate, make_world):
    """The exception names it, with the user's line; a program that tries for ever leaves rows that suggest the right one."""

    async def asks():
        await asyncio.open_connection("dbb", 80)

    world = make_world(1)
    with pytest.raises(OSError, match="not known: 'dbb'"):
        world.run(asks)
    assert re.fullmatch(HERE + "asks", world.finding.where)

    async def persists(world):
        async def main():
            while True:
                try:
                    await asks()
                except OSError:
                    await asyncio.sleep(1.0)

        world.host("db", main)
        await asyncio.sleep(2.5)

    _, world = simulate(persists)
    rows = [row.text for row in world.log.rows("db", "network")]
    assert len(rows) == 3
    assert rows[0] == "unknown name: unknown host 'dbb'; did you mean db? known: test, db"


def test_nothing_of_a_run_reaches_the_next_test(simulate):
    """Coroutines that wait, generators that are open, failed tasks: no warning afterwards, and the collector is as it was."""

    async def scenario(world):
        async def numbers():
            try:
                yield 1
                yield 2
            finally:
                await asyncio.sleep(1.0)

        async def main():
            kept = numbers()
            await anext(kept)
            try:
                await asyncio.sleep(100.0)
            finally:
                await asyncio.sleep(1.0)

        world.host("db", main)
        await asyncio.sleep(1.0)

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of whatever other tests have left
        gc.collect()
    frozen, enabled = gc.get_freeze_count(), gc.isenabled()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        simulate(scenario)
        gc.collect()
    assert (gc.get_freeze_count(), gc.isenabled()) == (frozen, enabled)


def test_finally_blocks_after_the_end_do_not_touch_real_files(simulate, tmp_path):
    """What a dead program's `finally` removes is removed from its own disk."""
    victim = tmp_path / "victim"
    victim.write_text("precious")

    async def scenario(world):
        async def main():
            try:
                await asyncio.sleep(100.0)
            finally:
                victim.unlink()

        world.host("db", main)
        await asyncio.sleep(1.0)

    simulate(scenario)
    assert victim.read_text() == "precious"


def test_destructors_after_the_end_are_silent(simulate, tmp_path):
    """An object of a dead program that writes a file when it is destroyed neither writes nor complains."""
    trace = tmp_path / "trace"

    class Leaves:
        def __del__(self):
            trace.write_text("was here")

    async def scenario(world):
        async def main():
            kept = Leaves()
            await asyncio.sleep(100.0)
            return kept

        world.host("db", main)
        await asyncio.sleep(1.0)

    hook = sys.unraisablehook
    simulate(scenario)
    gc.collect()
    assert not trace.exists()
    assert sys.unraisablehook is hook


def test_a_main_that_is_no_coroutine_is_told(finds):
    """With what was expected."""

    async def scenario(world):
        world.host("db", lambda: 5)
        await asyncio.sleep(1.0)

    assert "expected a main that returns a coroutine" in finds(scenario, "main").message


@pytest.mark.parametrize(
    ("main", "words"),
    [
        (5, "main of host 'db': expected a function that returns a coroutine; got 5"),
        ("json:absent", "main 'json:absent' of host 'db': json has no 'absent'"),
        ("json", "expected a main of the form package.module:function; got 'json'"),
    ],
)
def test_a_main_that_is_no_function_is_told(make_world, main, words):
    """A mistake of the test, by the name of the host."""

    async def scenario(world):
        world.host("db", main)
        await asyncio.sleep(1.0)

    world = make_world(0)
    with pytest.raises(Exception) as caught:
        world.run(scenario, world)
    assert words in str(caught.value)


def test_ctrl_c_leaves_the_run(make_world):
    """A real KeyboardInterrupt is the developer's."""

    async def scenario():
        signal.default_int_handler(signal.SIGINT, None)

    with pytest.raises(KeyboardInterrupt):
        make_world(1).run(scenario)

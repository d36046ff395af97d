import asyncio
import threading

import pytest

from windtunnel.base.errors import StorageError
from windtunnel.base.streams import Stream
from windtunnel.runtime.driver import Driver
from windtunnel.sim.kernel import Kernel
from windtunnel.sim.loop import SimLoop


class Wire:
    """A network that writes down what is flushed, in which group."""

    def __init__(self, log):
        self.log = log
        self.buffer = []

    def send(self, dst, message):
        self.buffer.append((dst, message))

    def flush(self):
        if self.buffer:
            self.log.append(("flush", self.buffer))
            self.buffer = []


class Disk:
    """A log that writes down its commits; `gate` holds a commit until it is opened, `error` makes it fail."""

    def __init__(self, log):
        self.log = log
        self.pending = []
        self.gate = threading.Event()
        self.gate.set()
        self.error = None

    def append(self, record):
        self.pending.append(record)

    def replace(self, records):
        self.pending = ["checkpoint", *records]

    def take(self):
        batch, self.pending = self.pending, []
        return batch

    def commit(self, batch):
        assert self.gate.wait(30)
        if self.error is not None:
            raise self.error
        self.log.append(("commit", batch))


class Script:
    """A core whose handlers are the messages themselves: functions of the outbox."""

    def __init__(self, out):
        self.out = out
        self.timers = []

    def on_start(self):
        pass

    def on_timer(self, name):
        self.timers.append(name)
        if name == "batch":
            self.out.send("peer", "batch")

    def on_message(self, _src, message):
        message(self.out)


class Node:
    """A driver with its fakes."""

    def __init__(self, *, threaded=False, disk=True, observer=None):
        self.log = []
        self.failures = []
        self.disk = Disk(self.log) if disk else None
        self.driver = Driver(
            Wire(self.log),
            failed=lambda error, event: self.failures.append((error, event)),
            dice=Stream(1, "test").random,
            log=self.disk,
            observer=observer,
            threaded=threaded,
        )
        self.core = Script(self.driver)
        self.driver.start(self.core)

    def deliver(self, handler):
        self.driver.deliver("n9", handler)


async def turns(count=3):
    """Let a few loop turns pass."""
    for _ in range(count):
        await asyncio.sleep(0)


async def until(condition):
    """Wait for a condition, with all the patience that a loaded machine needs."""
    async with asyncio.timeout(30):
        while not condition():
            await asyncio.sleep(0.001)


def request(i):
    """A handler that sends, persists, and answers what must wait for the record."""

    def handle(out):
        out.send("peer", f"before {i}")
        out.persist(f"record {i}")
        out.reply("client", f"after {i}")

    return handle


# --- Order, and group commit ---


def test_one_turn_is_one_commit():
    """All events of a turn share one sync; what stands behind a persist leaves after it, in order, in one flush."""

    async def main():
        node = Node()
        for i in range(3):
            node.deliver(request(i))
        await turns()
        assert node.log == [
            ("flush", [("peer", "before 0")]),
            ("commit", ["record 0", "record 1", "record 2"]),
            (
                "flush",
                [
                    ("client", "after 0"),
                    ("peer", "before 1"),
                    ("client", "after 1"),
                    ("peer", "before 2"),
                    ("client", "after 2"),
                ],
            ),
        ]

    asyncio.run(main())


def test_a_turn_without_records_does_not_sync():
    """Effects without a persist leave at the end of their turn, with no commit."""

    async def main():
        node = Node()
        node.deliver(lambda out: out.send("a", 1))
        node.deliver(lambda out: out.send("b", 2))
        await turns()
        assert node.log == [("flush", [("a", 1), ("b", 2)])]

    asyncio.run(main())


def test_a_checkpoint_is_a_barrier_too():
    """What follows a checkpoint waits for it."""

    async def main():
        node = Node()

        def handle(out):
            out.checkpoint(["snapshot"])
            out.send("a", 1)

        node.deliver(handle)
        await turns()
        assert node.log == [("commit", ["checkpoint", "snapshot"]), ("flush", [("a", 1)])]

    asyncio.run(main())


def test_a_core_can_be_moved_from_outside_an_event():
    """Effects asked for by a caller of the core, not by an event, leave in the coming turn with the same barriers."""

    async def main():
        node = Node()
        node.driver.send("a", 1)
        await turns()
        node.driver.persist("r")
        node.driver.send("b", 2)
        await turns()
        assert node.log == [("flush", [("a", 1)]), ("commit", ["r"]), ("flush", [("b", 2)])]

    asyncio.run(main())


def test_without_a_log_records_are_durable_at_once():
    """A core in memory is never held up."""

    async def main():
        node = Node(disk=False)
        node.deliver(request(0))
        await turns()
        assert node.log == [("flush", [("peer", "before 0"), ("client", "after 0")])]

    asyncio.run(main())


def test_observers_hear_of_effects_when_they_are_released():
    """An apply behind a persist is seen after the commit, in the order of effects."""

    async def main():
        seen = []

        class Ear:
            def applied(self, index, command):
                seen.append((index, command, list(node.log)))

            def replied(self, client, message):
                seen.append((client, message))

        node = Node(observer=Ear())

        def handle(out):
            out.persist("r")
            out.apply(1, "x")
            out.reply("c", "done")

        node.deliver(handle)
        await turns()
        assert seen == [(1, "x", [("commit", ["r"])]), ("c", "done")]

    asyncio.run(main())


# --- Syncs in a thread ---


def test_events_go_on_while_a_thread_syncs():
    """During a sync the core moves on: effects before the next persist wait for this sync, later ones for the next."""

    async def main():
        node = Node(threaded=True)
        node.disk.gate.clear()
        node.deliver(request(0))
        await turns()
        node.deliver(lambda out: out.send("peer", "during"))
        node.deliver(request(1))
        node.deliver(request(2))
        await turns()
        assert node.log == [("flush", [("peer", "before 0")])]
        node.disk.gate.set()
        await until(lambda: len(node.log) == 5)
        assert node.log[1:] == [
            ("commit", ["record 0"]),
            ("flush", [("client", "after 0"), ("peer", "during"), ("peer", "before 1")]),
            ("commit", ["record 1", "record 2"]),
            ("flush", [("client", "after 1"), ("peer", "before 2"), ("client", "after 2")]),
        ]
        node.deliver(lambda out: out.send("peer", "free again"))
        await turns()
        assert node.log[-1] == ("flush", [("peer", "free again")])
        node.driver.close()

    asyncio.run(main())


@pytest.mark.parametrize("threaded", [False, True])
def test_a_disk_that_refuses_stops_the_node(threaded):
    """After StorageError nothing that waited for the record leaves, and no event is handled."""

    async def main():
        node = Node(threaded=threaded)
        node.disk.error = StorageError("full")
        node.deliver(request(0))
        await until(lambda: node.failures)
        node.deliver(request(1))
        await turns()
        assert node.failures == [(node.disk.error, "sync")]
        assert node.log == [("flush", [("peer", "before 0")])]
        node.driver.close()

    asyncio.run(main())


# --- Failures ---


def test_a_handler_that_raises_stops_the_node():
    """The failure names the event; the core gets no other one; nothing is committed after it."""

    async def main():
        node = Node()

        def broken(out):
            out.persist("half")
            raise ZeroDivisionError

        node.deliver(broken)
        node.deliver(request(1))
        await turns()
        [(error, event)] = node.failures
        assert isinstance(error, ZeroDivisionError)
        assert event.startswith("deliver <function")
        assert event.endswith("from n9")
        assert node.log == []

    asyncio.run(main())


def test_a_failure_in_a_held_send_is_not_lost():
    """A message that the network refuses behind a barrier stops the node as it would in the handler."""

    async def main():
        node = Node()

        def refuse(_dst, _message):
            raise TypeError("cannot encode")

        node.driver._network_send = refuse

        def handle(out):
            out.persist("r")
            out.send("peer", object())

        node.deliver(handle)
        await turns()
        [(error, event)] = node.failures
        assert isinstance(error, TypeError)
        assert event == "send"

    asyncio.run(main())


# --- Timers, clock, dice ---


def test_a_timer_fires_once_not_early():
    """A timer fires once, not before its time on this node's clock."""

    async def main():
        node = Node()
        began = node.driver.clock()
        node.driver.set_timer("t", 0.02)
        await until(lambda: node.core.timers)
        assert node.driver.clock() - began >= 0.019
        await asyncio.sleep(0.03)
        assert node.core.timers == ["t"]

    asyncio.run(main())


def test_a_timer_can_be_pushed_back_pulled_in_and_forgotten():
    """The last set_timer of a name counts, whichever way it moves; a cancelled one never fires."""

    async def main():
        node = Node()
        node.driver.set_timer("back", 0.001)
        node.driver.set_timer("back", 3600.0)
        node.driver.set_timer("in", 3600.0)
        node.driver.set_timer("in", 0.001)
        node.driver.set_timer("gone", 0.001)
        node.driver.cancel_timer("gone")
        node.driver.set_timer("zero", 0.0)
        node.driver.cancel_timer("zero")
        node.driver.set_timer("later", 0.0)
        node.driver.set_timer("later", 3600.0)
        await until(lambda: node.core.timers)
        await asyncio.sleep(0.01)
        assert node.core.timers == ["in"]
        node.driver.close()

    asyncio.run(main())


def test_a_timer_of_no_delay_ends_the_turn():
    """It fires after every event of the turn and before the flush: the hook for batches."""

    async def main():
        node = Node()

        def handle(out):
            out.send("peer", "one")
            out.set_timer("batch", 0.0)

        for _ in range(3):
            node.deliver(handle)
        await turns()
        assert node.core.timers == ["batch"]
        assert node.log == [("flush", [("peer", "one")] * 3 + [("peer", "batch")])]

    asyncio.run(main())


def test_a_range_is_drawn_from_the_nodes_dice():
    """A pair of delays asks for a uniform draw from the node's own stream."""

    async def main():
        node = Node()
        expected = Stream(1, "test").random()
        node.driver.set_timer("t", (100.0, 200.0))
        delay_s = node.driver._due["t"] - node.driver._now()
        assert delay_s == pytest.approx(100.0 + 100.0 * expected, abs=1.0)
        node.driver.close()

    asyncio.run(main())


def test_a_skewed_clock_moves_timers_with_it():
    """A clock twice as fast makes timers of local seconds fire after half the real time; a jump shows in the reading."""

    async def main():
        node = Node()
        before = node.driver.clock()
        node.driver.set_clock(50.0, 1.0)
        assert node.driver.clock() == pytest.approx(before + 50.0, abs=5.0)
        node.driver.set_timer("t", 100.0)
        assert node.driver._due["t"] - node.driver._now() == pytest.approx(50.0, abs=1.0)
        node.driver.close()

    asyncio.run(main())


def test_the_simulated_loop_drives_a_core_too():
    """On the loop of the simulator the same driver runs in virtual time, with the same order of effects."""

    async def main():
        node = Node()
        node.driver.set_timer("t", (3600.0, 3600.0))
        node.deliver(request(0))
        await asyncio.sleep(3599.0)
        assert node.core.timers == []
        await asyncio.sleep(1.5)
        assert node.core.timers == ["t"]
        assert [kind for kind, *_ in node.log] == ["flush", "commit", "flush"]

    loop = SimLoop(Kernel(1))
    try:
        loop.run_until_complete(main())
    finally:
        loop.close()


def test_nothing_happens_after_close():
    """A closed driver handles no event and fires no timer."""

    async def main():
        node = Node()
        node.driver.set_timer("t", 0.001)
        node.driver.close()
        node.deliver(request(0))
        await asyncio.sleep(0.01)
        assert node.core.timers == []
        assert node.log == []

    asyncio.run(main())

import asyncio

import pytest

from windtunnel.base.errors import Indefinite, StorageError
from windtunnel.base.messages import Message
from windtunnel.base.streams import Stream
from windtunnel.runtime.driver import Driver
from windtunnel.runtime.host import LoopHost


class Ask(Message, frozen=True):
    """A question of the tests."""

    text: str


class Net:
    """Hosts joined by a network that delivers what is flushed in the next loop turn."""

    def __init__(self):
        self.drivers = {}
        self.flushed = []

    def host(self, me, procedure=None, *, log=None, **more):
        driver = Driver(
            End(self, me),
            failed=lambda error, where: self.flushed.append(("failed", type(error), where)),
            dice=Stream(1, me).random,
            log=log,
        )
        self.drivers[me] = driver
        host = LoopHost(me, ("a", "b"), driver, procedure, **more)
        driver.start(host)
        return host


class End:
    """One host's end of the network."""

    def __init__(self, net, me):
        self.net = net
        self.me = me
        self.buffer = []

    def send(self, dst, message):
        self.buffer.append((dst, message))

    def flush(self):
        buffer, self.buffer = self.buffer, []
        if buffer:
            self.net.flushed.append([dst for dst, _message in buffer])
        for dst, message in buffer:
            asyncio.get_running_loop().call_soon(self.net.drivers[dst].deliver, self.me, message)


class Disk:
    """A log in memory that counts its commits."""

    def __init__(self, error=None):
        self.pending = []
        self.commits = []
        self.error = error
        self.on_commit = lambda: None

    def append(self, record):
        self.pending.append(record)

    def take(self):
        batch, self.pending = self.pending, []
        return batch

    def commit(self, batch):
        if self.error:
            raise self.error
        self.commits.append(batch)
        self.on_commit()


def test_procedures_call_each_other():
    """A procedure serves, another one calls it and gets the answer."""

    async def main():
        net = Net()
        found = []

        async def server(host):
            async def answer(src, message):
                return Ask(f"{host.me} answers {src}: {message.text}")

            host.serve(answer)

        async def client(host):
            found.append(await host.call("b", Ask("hello"), deadline_s=30))

        net.host("b", server)
        await asyncio.sleep(0)
        await asyncio.wait_for(net.host("a", client)._main, 30)
        assert found == [Ask("b answers a: hello")]

    asyncio.run(main())


def test_records_of_a_turn_share_a_commit_and_tasks_go_on_after_it():
    """`persist` returns when its record is durable; three tasks of a turn need one commit."""

    async def main():
        net, disk = Net(), Disk()
        host = net.host("a", log=disk)
        done = []

        async def write(i):
            await host.persist(i)
            done.append((i, list(disk.commits)))

        await asyncio.gather(*(write(i) for i in range(3)))
        assert disk.commits == [[0, 1, 2]]
        assert done == [(i, [[0, 1, 2]]) for i in range(3)]

    asyncio.run(main())


def test_messages_of_a_turn_share_a_flush():
    """Sends leave together at the end of the turn."""

    async def main():
        net = Net()
        a = net.host("a")
        net.host("b")
        a.send("b", Ask("1"))
        a.send("b", Ask("2"))
        assert net.flushed == []
        await asyncio.sleep(0)
        assert net.flushed == [["b", "b"]]

    asyncio.run(main())


def test_what_is_sent_after_a_persist_waits_for_it():
    """A send that follows a persist, even of another task, leaves when that record is durable, as in the simulator."""

    async def main():
        net, disk = Net(), Disk()
        host = net.host("a", log=disk)
        net.host("b")
        writing = asyncio.create_task(host.persist("x"))
        await asyncio.sleep(0)
        host.send("b", Ask("1"))
        disk.on_commit = lambda: net.flushed.append("commit")
        await writing
        assert net.flushed == ["commit", ["b"]]

    asyncio.run(main())


def test_a_refusing_disk_stops_the_node():
    """The owner is told, the task that waits gets no answer, and nothing leaves any more."""

    async def main():
        net = Net()
        host = net.host("a", log=Disk(StorageError("full")))
        net.host("b")
        writing = asyncio.create_task(host.persist("x"))
        for _ in range(3):
            await asyncio.sleep(0)
        host.send("b", Ask("x"))
        for _ in range(3):
            await asyncio.sleep(0)
        assert net.flushed == [("failed", StorageError, "sync")]
        assert not writing.done()
        host.close()

    asyncio.run(main())


def test_a_procedure_that_raises_is_told():
    """An exception that leaves the procedure stops the node; so does one in a handler."""

    async def main():
        net = Net()

        async def broken(_host):
            raise ZeroDivisionError

        net.host("a", broken)

        async def serving(host):
            async def answer(_src, _message):
                raise KeyError

            host.serve(answer)

        net.host("b", serving)
        await asyncio.sleep(0)
        net.drivers["b"].deliver("a", Ask("x"))
        for _ in range(3):
            await asyncio.sleep(0)
        assert net.flushed == [("failed", ZeroDivisionError, "procedure"), ("failed", KeyError, "handler")]

    asyncio.run(main())


def test_records_observed_and_lives():
    """The log of this boot is given, the published state is kept, and calls of two lives have different numbers."""

    async def main():
        net = Net()
        host = net.host("a", records=["r1", "r2"], life=3)
        host.observe({"x": 1})
        assert host.records() == ("r1", "r2")
        assert host.observed == {"x": 1}
        with pytest.raises(Indefinite):
            await host.call("a", Ask("x"), deadline_s=0.001)
        assert host._caller._next == (3 << 32) + 1

    asyncio.run(main())


def test_close_cancels_what_runs():
    """After close the procedure and everybody who waits for the disk is cancelled."""

    async def main():
        net = Net()
        ended = []

        async def forever(host):
            try:
                await asyncio.Event().wait()
            finally:
                ended.append(True)

        host = net.host("a", forever, log=Disk())
        await asyncio.sleep(0)
        waiting = asyncio.create_task(host.persist("x"))
        await asyncio.sleep(0)
        host.close()
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert ended == [True]
        assert waiting.cancelled()

    asyncio.run(main())

import asyncio

import pytest

from windtunnel.base.errors import Definite, Escaped, Indefinite, StorageError
from windtunnel.base.interface import Op, Reply, Request
from windtunnel.sim.hosts import ProcedureHost
from windtunnel.sim.loop import SimLoop


class Disk:
    """Syncs of one second; `records` is what a boot would find."""

    def __init__(self, sync_s=1.0):
        self.sync_s = sync_s
        self.records = []
        self.full = False

    def append(self, record):
        if self.full:
            raise StorageError("full")
        self.records.append(record)

    def begin_sync(self):
        return self.sync_s

    def end_sync(self):
        """Durable."""


class Client:
    """A core that keeps what it receives."""

    def __init__(self):
        self.got = []

    def on_timer(self, name):
        """Never armed."""

    def on_message(self, src, message):
        self.got.append((src, message))


class Cluster:
    """Hosts on one kernel with constant latency, booted and crashed by hand."""

    def __init__(self, kernels, **procedures):
        self.kernel = kernels.Kernel(1)
        self.kernel.links.latency("constant", 0.5)
        self.loop = SimLoop(self.kernel)
        self.procedures = procedures
        self.names = tuple(procedures)
        self.hosts = {}
        self.log = []
        for name in self.names:
            self.kernel.add_node(name).disk = Disk()
        self.client = Client()
        self.kernel.add_node("client").bind(self.client)
        for name in self.names:
            self.boot(name)

    def boot(self, name):
        port = self.kernel.port(name)
        host = ProcedureHost(
            self.kernel, self.loop, port, name, self.names, self.procedures[name], tuple(port.disk.records) if port.disk else ()
        )
        host.on_observe = lambda state: self.log.append(("observed", name, state))
        self.hosts[name] = host
        port.bind(host.core)
        host.core.on_start()

    def crash(self, name):
        self.kernel.port(name).unbind()
        self.hosts[name].kill()


async def echo(host):
    """Answers with what it was sent."""

    async def handler(src, message):
        await asyncio.sleep(1.0)
        return (src, message)

    host.serve(handler)


def test_a_call_is_answered_over_the_network(kernels):
    """Half a second there, one in the handler, half a second back."""
    log = []

    async def caller(host):
        log.append(await host.call("b", "question", deadline_s=5.0))
        log.append((host.me, host.nodes, host.clock()))

    cluster = Cluster(kernels, a=caller, b=echo)
    assert cluster.kernel.run() == "idle"
    assert log == [("a", "question"), ("a", ("a", "b"), 2.0)]
    assert cluster.kernel.links.sent == 2


def test_silence_is_indefinite_and_refusal_definite(kernels):
    """A cut link: Indefinite after the deadline. A handler that raises Definite: Definite at the caller."""
    log = []

    async def refuser(host):
        async def handler(src, message):
            raise Definite("not today")

        host.serve(handler)

    async def caller(host):
        for _ in range(2):
            try:
                await host.call("b", "question", deadline_s=3.0)
            except Definite as error:
                log.append((host.clock(), "definite", str(error)))
            except Indefinite:
                log.append((host.clock(), "indefinite"))

    cluster = Cluster(kernels, a=caller, b=refuser)
    cluster.kernel.call_at(1.0, cluster.kernel.links.cut, "a", "b")
    cluster.kernel.run()
    assert log == [(1.0, "definite", "b refused: not today"), (4.0, "indefinite")]


def test_a_client_is_answered_by_the_handler(kernels):
    """A plain Request runs the handler; its Reply goes to the client; an observer sees it as an answer."""
    answers = []

    class Observer:
        def replied(self, node, client, message):
            answers.append((node, client, message.value))

    async def server(host):
        async def handler(src, request):
            return Reply(request.session, request.seq, "ok", request.op.value)

        host.serve(handler)

    cluster = Cluster(kernels, a=server)
    cluster.kernel.port("a").observer = Observer()
    cluster.kernel.port("client").send("a", Request("s", 1, Op("write", "k", 7)))
    cluster.kernel.run()
    assert cluster.client.got == [("a", Reply("s", 1, "ok", 7))]
    assert answers == [("a", "client", 7)]


def test_persist_returns_when_durable_and_holds_what_follows(kernels):
    """A send after an append that nobody awaited waits behind the barrier too."""
    log = []

    async def writer(host):
        await host.persist("first")
        log.append(host.clock())
        task = asyncio.create_task(host.persist("second"))
        await asyncio.sleep(0)
        host.send("client", "after the second")
        await task
        log.append(host.clock())

    cluster = Cluster(kernels, a=writer)
    cluster.kernel.run()
    assert log == [1.0, 2.0]
    assert cluster.client.got == [("a", "after the second")]
    assert cluster.kernel.now == 2.5


def test_an_instant_disk_and_a_full_one(kernels):
    """Durable at once, or StorageError at the await."""
    log = []

    async def writer(host):
        await host.persist("r")
        log.append(host.clock())
        cluster.kernel.port("a").disk.full = True
        try:
            await host.persist("r")
        except StorageError:
            log.append("refused")

    cluster = Cluster(kernels)
    cluster.procedures["a"] = writer
    cluster.kernel.add_node("a").disk = Disk(0.0)
    cluster.boot("a")
    cluster.kernel.run()
    assert log == [0.0, "refused"]


def test_a_crash_silences_and_a_restart_begins_anew(kernels):
    """No `finally`, no answer to the former life, records kept; late answers do not reach the next life's calls."""
    log = []

    async def work(host):
        boot = len(host.records())
        log.append(("boot", boot, host.clock()))
        await host.persist(f"boot {boot}")
        try:
            log.append(await host.call("b", f"from boot {boot}", deadline_s=10.0))
        finally:
            log.append(("finally", boot))

    cluster = Cluster(kernels, a=work, b=echo)
    cluster.kernel.call_at(1.75, cluster.crash, "a")
    cluster.kernel.call_at(2.0, cluster.boot, "a")
    cluster.kernel.run()
    assert log == [("boot", 0, 0.0), ("boot", 1, 2.0), ("a", "from boot 1"), ("finally", 1)]
    cluster.loop.close()
    assert ("finally", 0) in log, "closed at the end, with its effects void"


def test_the_dead_cannot_act(kernels):
    """What a finally block of a dead life asks for at teardown does not reach the port's next life."""

    async def work(host):
        try:
            await asyncio.sleep(100.0)
        finally:
            host.send("client", "from the grave")
            host.observe("ghost")
            await host.persist("ghost")

    cluster = Cluster(kernels, a=work)
    cluster.kernel.run(1.0)
    cluster.crash("a")
    cluster.boot("a")
    cluster.kernel.run(2.0)
    cluster.loop.close()
    cluster.kernel.run(5.0)
    assert cluster.client.got == []
    assert cluster.log == []
    assert cluster.kernel.port("a").disk.records == []


def test_an_exception_of_the_procedure_ends_the_run(kernels):
    """As one of a core would; `current` names the node."""

    async def broken(host):
        await asyncio.sleep(3.0)
        raise ValueError("broken")

    cluster = Cluster(kernels, a=broken)
    with pytest.raises(ValueError, match="broken"):
        cluster.kernel.run()
    assert cluster.kernel.current[1:4] == (3.0, "task", "a")
    assert cluster.kernel.run() == "idle"


def test_an_exception_of_a_handler_ends_the_run(kernels):
    """Neither swallowed nor sent back."""

    async def server(host):
        async def handler(src, message):
            raise ValueError("in the handler")

        host.serve(handler)

    cluster = Cluster(kernels, a=server)
    cluster.kernel.port("client").send("a", "m")
    with pytest.raises(ValueError, match="in the handler"):
        cluster.kernel.run()
    assert cluster.kernel.current[3] == "a"


def test_a_cancelled_procedure_is_no_failure(kernels):
    """It ends; its host goes on to serve."""

    async def work(host):
        asyncio.get_running_loop().call_later(1.0, asyncio.current_task().cancel)
        await asyncio.sleep(100.0)

    cluster = Cluster(kernels, a=work)
    assert cluster.kernel.run() == "idle"
    assert cluster.kernel.now == 1.0


def test_the_way_out_of_a_procedure_is_closed(kernels):
    """A procedure that opens a socket ends the run with Escaped, which names the call."""

    async def work(host):
        await asyncio.open_connection("127.0.0.1", 80)

    cluster = Cluster(kernels, a=work)
    with pytest.raises(Escaped, match="create_connection"):
        cluster.kernel.run()


def test_draws_clock_and_observation_are_the_nodes_own(kernels):
    """`random` is the node's stream, `clock` its clock, `observe` reaches the world."""
    log = []

    async def work(host):
        log.append((host.random(), host.clock()))
        host.observe("state")

    cluster = Cluster(kernels, a=work)
    cluster.kernel.port("a").set_clock(5.0, 1.0)
    cluster.kernel.run()
    assert log == [(cluster.kernel.stream("node/a").random(), 5.0)]
    assert cluster.log == [("observed", "a", "state")]


def test_a_pause_delays_answers_and_the_deadline_passes(kernels):
    """A frozen server is silent; the caller cannot know."""
    log = []

    async def caller(host):
        try:
            await host.call("b", "question", deadline_s=3.0)
        except Indefinite:
            log.append(host.clock())

    cluster = Cluster(kernels, a=caller, b=echo)
    cluster.kernel.call_at(0.25, cluster.kernel.port("b").pause)
    cluster.kernel.call_at(9.0, cluster.kernel.port("b").resume)
    cluster.kernel.run()
    assert log == [3.0]

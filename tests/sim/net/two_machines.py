"""Two small machines and a loop, without the rest of a world."""

import asyncio
import importlib
import importlib.util
from contextvars import Context

from windtunnel.sim.life import LIFE, Life
from windtunnel.sim.loop import SimLoop
from windtunnel.sim.net import Network

COMPILED = "windtunnel.sim._kernel"
MODULES = ["windtunnel.sim.pure"] + ([COMPILED] if importlib.util.find_spec(COMPILED) else [])


class Machine:
    """A host as far as the network sees it."""

    files = None

    def __init__(self, world, name):
        self.world = world
        self.name = name
        self.loop = world.loop
        self.port = world.kernel.add_node(name)
        self.up = False
        self.life = None
        self._interface = None
        self.escapes = []
        self.start()

    @property
    def interface(self):
        if self._interface is None:
            self._interface = self.world.network.attach(self)
        return self._interface

    def start(self):
        self.up = True
        self.life = Life(self.port, self)
        self.port.bind(self)

    def context(self):
        context = Context()
        context.run(LIFE.set, self.life)
        return context

    def spawn(self, coroutine):
        return self.context().run(self.loop.create_task, coroutine)

    def _end(self):
        if self.life is not None:
            self.life.alive = False
            self.life = None
            self.port.unbind()

    def crash(self):
        self.up = False
        self._end()
        self.interface.crash()

    def kill(self):
        self._end()
        self.interface.reset()

    def escaped(self, error):
        self.escapes.append(error)


class Machines:
    """The world of these tests."""

    def __init__(self, module, seed=1, policy="fifo"):
        self.kernel = module.Kernel(seed, policy=policy)
        self.loop = SimLoop(self.kernel)
        self.hosts = {}
        self.network = Network(self)
        self.links = self.kernel.links
        self.rows = []
        self.network.on_event(self.rows.append)
        for name in ("a", "b"):
            self.add(name)

    def add(self, name):
        self.hosts[name] = machine = Machine(self, name)
        return machine

    def __getattr__(self, name):
        try:
            return self.hosts[name]
        except KeyError:
            raise AttributeError(name) from None

    @property
    def now(self):
        return self.kernel.now

    def run(self, coroutine, host="a", limit_s=3600.0):
        """The result of a coroutine on a host; fails when it takes longer than `limit_s`."""
        task = self.hosts[host].spawn(coroutine)
        task.add_done_callback(lambda _: self.kernel.stop(), context=Context())
        reason = self.kernel.run(self.kernel.now + limit_s)
        assert task.done(), f"not done: {reason} at {self.now}"
        return task.result()

    def kinds(self):
        return [row.kind for row in self.rows]


class Recorder(asyncio.Protocol):
    """Notes all that happens to it."""

    def __init__(self, *, keep_open=False):
        self.log = []
        self.data = b""
        self.transport = None
        self.keep_open = keep_open
        self.lost = asyncio.get_running_loop().create_future()

    def connection_made(self, transport):
        self.transport = transport
        self.log.append("made")

    def data_received(self, data):
        self.data += data
        self.log.append(len(data))

    def eof_received(self):
        self.log.append("eof")
        return self.keep_open

    def pause_writing(self):
        self.log.append("pause")

    def resume_writing(self):
        self.log.append("resume")

    def connection_lost(self, exc):
        self.log.append(("lost", type(exc).__name__ if exc else None))
        if not self.lost.done():
            self.lost.set_result(exc)

"""As much of a simulated world as the ambient tests need."""

from contextvars import Context

import pytest

from windtunnel.sim import ambient
from windtunnel.sim.kernel import Kernel
from windtunnel.sim.life import LIFE, Life
from windtunnel.sim.loop import SimLoop


class Machine:
    """As much of a host as ambient state needs."""

    def __init__(self, loop, name, env):
        self.loop = loop
        self.name = name
        self.env = env
        self.on_sleep = "raise"
        self.stalled = []
        self.defaults = []
        self.world = self
        self.escapes = []
        self.port = loop.kernel.add_node(name)
        self.entropy = ambient.Entropy(self)
        self.start()

    def start(self):
        self.port.bind(self)
        self.life = Life(self.port, self)
        self.process = ambient.Process(self)

    def crash(self):
        self.life.alive = False
        self.life = None
        self.port.unbind()

    def signal(self, signum):
        if not self.process.deliver(signum):
            self.default_action(signum)

    def default_action(self, signum):
        self.defaults.append(signum)

    def stall(self, seconds):
        self.stalled.append(seconds)

    def escaped(self, _host, error):
        self.escapes.append(error)

    def context(self):
        context = Context()
        context.run(LIFE.set, self.life)
        return context


class Simulation:
    """A kernel, its loop, machines on it."""

    def __init__(self, seed):
        self.kernel = Kernel(seed)
        self.loop = SimLoop(self.kernel)

    def host(self, name, **env):
        return Machine(self.loop, name, env)

    def run(self, host, work):
        """The result of a coroutine function, or a function, that runs on `host`."""

        async def main():
            result = work()
            return await result if hasattr(result, "__await__") else result

        with ambient.installed(self.kernel):
            return self.loop.run_until_complete(self.loop.create_task(main(), context=host.context()))


needs_native = pytest.mark.skipif(ambient.HOOKS != "native", reason="out of reach without the native hooks")

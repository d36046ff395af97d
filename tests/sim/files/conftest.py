from contextlib import contextmanager
from contextvars import Context
from types import SimpleNamespace

import pytest

from windtunnel.base.streams import Stream
from windtunnel.sim.files import FileSystem, installed
from windtunnel.sim.life import LIFE, Life


class Disk:
    """A file system with a host around it. `on` makes a function run there; stalled: what its calls cost in time."""

    def __init__(self, seed=1, **options):
        self.stalled = []
        self.now = 1_700_000_000.0
        self.files = FileSystem(Stream(seed, "files"), lambda: self.now, stall=self.stalled.append, **options)
        port = SimpleNamespace(clock=lambda: 0.0)
        self.life = Life(port, SimpleNamespace(name="store", files=self.files, port=port))

    def on(self, function, *args):
        """The result of `function`, run on the host."""

        def run():
            LIFE.set(self.life)
            return function(*args)

        with installed():
            return Context().run(run)

    @contextmanager
    def here(self):
        """The block runs on the host."""
        token = LIFE.set(self.life)
        try:
            with installed():
                yield self.files
        finally:
            LIFE.reset(token)


@pytest.fixture
def make_disk():
    """Makes hosts' disks: `make_disk(seed, reorder=True)`."""
    return Disk


@pytest.fixture
def disk():
    """A host's disk."""
    return Disk()


@pytest.fixture
def on_disk(disk):
    """The test itself runs on a host."""
    with disk.here():
        yield disk

"""What hosts are made of: the one place that knows how network, ambient state and files are built and switched on."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from windtunnel.sim.machines.host import Host
    from windtunnel.sim.machines.world import World


def network(world: World) -> Any:
    """The network between the hosts of a world."""
    try:
        from windtunnel.sim.net import Network
    except ImportError:
        return None
    return Network(world)


def entropy(host: Host) -> Any:
    """The random numbers of a host."""
    from windtunnel.sim.ambient import Entropy

    return Entropy(host)


def process(host: Host) -> Any:
    """The process of a host's present life."""
    from windtunnel.sim.ambient import Process

    return Process(host)


def files(host: Host) -> Any:
    """The file system of a host."""
    try:
        from windtunnel.sim.files import FileSystem
    except ImportError:
        return None
    return FileSystem(host.world.kernel.stream(f"disk/{host.name}"), host.port.clock)


def deliver(host: Host, signum: int) -> bool:
    """Give a signal to the handler that the process has for it; whether it had one."""
    try:
        process = host.process
    except ImportError:
        return False
    return bool(process.deliver(signal.Signals(signum)))


def main_of(host: Host, main: Any) -> Callable[[], Any]:
    """The main function of a host for its present life."""
    del host
    return main  # type: ignore[no-any-return]


@contextmanager
def switched_on(world: World) -> Iterator[None]:
    """Within it simulated code has its hosts' clocks, randomness, processes and files."""
    del world
    yield

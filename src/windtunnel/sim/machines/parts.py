"""What hosts are made of: the one place that knows how network, ambient state and files are built and switched on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from windtunnel.base.errors import unknown
from windtunnel.sim import ambient
from windtunnel.sim.ambient.clocks import EPOCH
from windtunnel.sim.files import FileSystem, installed
from windtunnel.sim.net import Network

DISK = ("sync_s", "journalled", "reorder", "read_only")
"""Settings of a disk: see `sim.files.FileSystem`."""

if TYPE_CHECKING:
    from windtunnel.sim.machines.host import Host
    from windtunnel.sim.machines.world import World


def network(world: World) -> Network:
    """The network between the hosts of a world."""
    return Network(world)


def entropy(host: Host) -> Any:
    """The random numbers of a host."""
    return ambient.Entropy(host)


def process(host: Host) -> Any:
    """The process of a host's present life."""
    return ambient.Process(host)


def files(host: Host, disk: Mapping[str, Any]) -> FileSystem:
    """The file system of a host, with settings of its disk. Its syncs stall the whole host, as a call that blocks does."""
    clock = host.port.clock
    made = FileSystem(host.world.kernel.stream(f"disk/{host.name}"), lambda: EPOCH + clock(), stall=host.stall)
    for name, value in disk.items():
        setattr(made, name, value)
    return made


def checked_disk(disk: Mapping[str, Any]) -> Mapping[str, Any]:
    """Settings of a disk as they are. Raises UsageError for one that there is not."""
    for name in disk:
        if name not in DISK:
            raise unknown("setting of a disk", name, DISK)
    return disk


@contextmanager
def switched_on(world: World) -> Iterator[None]:
    """Within it simulated code has its hosts' clocks, randomness, processes and files."""
    with ambient.installed(world.kernel), installed():
        yield

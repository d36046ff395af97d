"""A client: the calling task moves to a host of its own for the length of a block, and back."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from windtunnel.sim.life import LIFE
from windtunnel.sim.machines.host import Host

if TYPE_CHECKING:
    from windtunnel.sim.machines.world import World

TURNS_MAX = 20  # that tasks which are about to end are given before what is left counts as a leak


class Visit:
    """`async with world.client("shopper") as shopper:`; made by `World.client`.

    The host boots at the beginning and its process ends with the block: what it left running is a leak, and is cancelled.
    """

    def __init__(self, world: World, name: str, env: dict[str, str] | None, files: bool) -> None:  # noqa: FBT001
        self._world = world
        self._name = name
        self._env = env
        self._files = files
        self._home: Any = None
        self._host: Host | None = None

    async def __aenter__(self) -> Host:
        host = self._host = self._world.host(self._name, env=self._env, files=self._files, faults=False)
        host.visited = True
        self._home = LIFE.get()
        LIFE.set(host.life)
        return host

    async def __aexit__(self, *exc: object) -> None:
        host = self._host
        assert host is not None, "left without having entered"
        try:
            if exc[0] is None:
                await _settled(host)
                self._world.look_for_leaks(host)
            await host.wind_up()
        finally:
            LIFE.set(self._home)
            host.visited = False
            if host.life is not None:
                host.leave(0)


async def _settled(host: Host) -> None:
    """Let tasks that wait for nothing but their turn have it: what closes a connection often leaves one behind."""
    for _ in range(TURNS_MAX):
        life, me = host.life, asyncio.current_task()
        if life is None or all(task is me or getattr(task, "_fut_waiter", None) is not None for task in life.tasks):
            return
        await asyncio.sleep(0)

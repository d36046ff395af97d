"""Runs the programs of this folder inside the tunnel: the server on one host, the client on another."""

import real_loopback

from windtunnel.sim import World


async def together(world, program, probe):
    """The facts of `program.use` on the host "client", while `program.serve` is the process of the host "server"."""
    world.host("server", main=lambda: program.serve("0.0.0.0", 8080))
    async with world.client("client"):
        if probe:
            await real_loopback.listening("server", 8080)
        return await program.use("server", 8080)


def run(program, *, seed=1, probe=True, before=None, **options):
    """The facts of a program in a world of that seed, to which `before` is done first."""
    world = World(seed, **options)
    if before is not None:
        before(world)
    return world.run(together, world, program, probe)

"""Prints what the programs send each other in the tunnel: `python traffic_digest.py [--as-it-comes] [PROGRAM ...]`.

A line per program: its name, the fingerprint of the run, the number of bytes, a digest of every piece of bytes with its time, its
sender and its receiver. The process first gives itself the layout in which tests run, unless told to take it as it comes.
"""

import hashlib
import importlib
import logging
import struct
import sys
from pathlib import Path

import tunnel

from windtunnel.sim import World
from windtunnel.sim.net.tcp import Transport
from windtunnel.testing import environment

PLAIN = ("aiohttp_shop", "fastapi_orders", "grpclib_greeter", "keep_alive", "plain_asyncio", "redis_notes", "websockets_chat")
"""The programs whose bytes are all their own: TLS draws from OpenSSL's generator."""


class Tap:
    """A digest of everything that is received by any connection."""

    def __init__(self):
        self.digest = hashlib.sha256()
        self.count = 0

    def __enter__(self):
        self.real = real = Transport.set_protocol

        def tapped(transport, protocol):
            real(transport, protocol)
            received = transport.received
            if received is not None:
                transport.received = lambda data: self.note(transport, data, received)

        Transport.set_protocol = tapped
        return self

    def __exit__(self, *_):
        Transport.set_protocol = self.real

    def note(self, transport, data, received):
        """One piece of bytes reaches a program."""
        self.count += len(data)
        self.digest.update(struct.pack("d", transport.kernel.now) + repr(transport).encode() + data)
        received(data)


def line(name):
    """Name, fingerprint, count and digest of one run."""
    world = World(1)
    with Tap() as tap:
        world.run(tunnel.together, world, importlib.import_module(f"programs.{name}"), name != "udp_counter")
    return f"{name} {world.kernel.fingerprint:016x} {tap.count} {tap.digest.hexdigest()[:16]}"


def main(args):
    """Run and print."""
    if "--as-it-comes" not in args:
        environment.restart(sys.orig_argv)
    logging.disable()
    for name in [arg for arg in args if not arg.startswith("--")] or PLAIN:
        sys.stdout.write(line(name) + "\n")


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parent))
    main(sys.argv[1:])

"""The simulated network of unmodified asyncio programs: names, TCP, UDP, Unix sockets, TLS by the standard library."""

from windtunnel.sim.net.names import Names
from windtunnel.sim.net.network import Interface, NetEvent, Network

__all__ = ["Interface", "Names", "NetEvent", "Network"]

"""The DNS of a world: host names, what a test adds to them, and what goes wrong with them.

A host's name means its address. `point` gives a name to one or several hosts, also in place of a host's own; `fail` makes lookups
fail, for all or one host; `ttl_s` lets each machine believe what it looked up for so long. As asyncio programs see it: an answer
takes a moment, and a cached one does not.
"""

from __future__ import annotations

import socket
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from windtunnel.base.errors import UsageError, unknown

if TYPE_CHECKING:
    from windtunnel.sim.net.network import Interface, Network

TEXTS = {
    socket.EAI_NONAME: "Name or service not known",
    socket.EAI_AGAIN: "Temporary failure in name resolution",
    socket.EAI_FAIL: "Non-recoverable failure in name resolution",
    socket.EAI_ADDRFAMILY: "Address family for hostname not supported",
    socket.EAI_SERVICE: "Servname not supported for ai_socktype",
}
LOCAL = ("localhost", "localhost.localdomain", "ip6-localhost")
SERVICES = {"http": 80, "https": 443, "domain": 53, "ftp": 21, "ssh": 22, "smtp": 25, "redis": 6379, "postgresql": 5432}
KINDS = ((socket.SOCK_STREAM, socket.IPPROTO_TCP), (socket.SOCK_DGRAM, socket.IPPROTO_UDP))


class Names:
    """The names of one world.

    latency_s: of a lookup that asks a server: bounds, drawn uniformly. ttl_s: how long a machine keeps an answer; 0: it does not.
    """

    def __init__(self, network: Network) -> None:
        self.latency_s = (0.0002, 0.002)
        self.ttl_s = 0.0
        self._network = network
        self._stream = network.kernel.stream("dns")
        self._pointed: dict[str, tuple[str, ...]] = {}
        self._failing: dict[tuple[str | None, str | None], int] = {}
        self._cached: dict[tuple[str, str], tuple[float, tuple[str, ...]]] = {}

    # --- What a test says ---

    def point(self, name: str, *hosts: str) -> None:
        """From now on `name` means these hosts (or addresses), in this order; without any, whatever it meant before."""
        known = self._network.world.hosts
        for host in hosts:
            if host not in known and not _numeric(host):
                raise unknown("host", host, known)
        if hosts:
            self._pointed[name.lower()] = hosts
        else:
            self._pointed.pop(name.lower(), None)

    def fail(self, name: str | None = None, *, host: str | None = None, error: int = socket.EAI_AGAIN) -> None:
        """Lookups of `name` (None: of any) on `host` (None: on all) fail with this error, until `mend`."""
        if error not in TEXTS:
            raise UsageError(f"expected one of socket.EAI_NONAME, EAI_AGAIN, EAI_FAIL; got {error!r}")
        self._failing[name and name.lower(), host] = error

    def mend(self) -> None:
        """No lookup fails any longer that `fail` made fail."""
        self._failing.clear()

    # --- Lookups ---

    def needs_server(self, interface: Interface, name: Any) -> bool:
        """Whether a lookup takes time: it is no address, not local, and not in the cache."""
        text = _text(name)
        if not text or _numeric(text) or text in LOCAL:
            return False
        cached = self._cached.get((interface.host.name, text))
        return cached is None or cached[0] <= self._network.kernel.now

    def delay(self) -> float:
        """Seconds that one lookup takes."""
        return float(self._stream.uniform(*self.latency_s))

    def addresses(self, interface: Interface, name: Any, family: int = 0) -> tuple[str, ...]:
        """What `name` means on a machine. Raises socket.gaierror."""
        text = _text(name)
        if _numeric(text):
            return (text,)
        if text in LOCAL:
            return ("::1",) if family == socket.AF_INET6 else ("127.0.0.1",)
        host = interface.host.name
        for key in ((text, host), (text, None), (None, host), (None, None)):
            if key in self._failing:
                raise error_of(self._failing[key], text)
        now = self._network.kernel.now
        cached = self._cached.get((host, text))
        if cached is not None and cached[0] > now:
            return cached[1]
        try:
            found = self._ask(text)
        except socket.gaierror:  # a program may go on trying for ever: the log says what it should have said
            known = self._network.world.hosts
            self._network.tell("unknown name", interface, lambda: str(unknown("host", text, known)))
            raise
        if self.ttl_s > 0.0:
            self._cached[host, text] = (now + self.ttl_s, found)
        if family == socket.AF_INET6:
            raise error_of(socket.EAI_ADDRFAMILY, text)
        return found

    def _ask(self, name: str) -> tuple[str, ...]:
        hosts = self._network.world.hosts
        targets: Iterable[str] = self._pointed.get(name) or (name,)
        found = []
        for target in targets:
            if _numeric(target):
                found.append(target)
                continue
            host = hosts.get(target) or next((hosts[known] for known in hosts if known.lower() == target), None)
            if host is None:
                raise error_of(socket.EAI_NONAME, name)
            found.append(host.interface.ip)
        return tuple(found)

    def name_of(self, address: str) -> str | None:
        """The host that has an address."""
        if address.startswith("127.") or address == "::1":
            return "localhost"
        interface = self._network.find(address)
        return None if interface is None else str(interface.host.name)

    # --- The two calls of the standard library ---

    def getaddrinfo(
        self, interface: Interface, host: Any, port: Any, family: int = 0, type_: int = 0, proto: int = 0, flags: int = 0
    ) -> list[tuple[Any, Any, int, str, tuple[Any, ...]]]:
        """As `socket.getaddrinfo` on that machine. Raises socket.gaierror."""
        if family not in (0, socket.AF_INET, socket.AF_INET6):
            raise socket.gaierror(socket.EAI_FAMILY, "ai_family not supported")
        number = _service(port)
        if host is None or host in ("", b""):
            passive = flags & socket.AI_PASSIVE
            if family == socket.AF_INET6:
                addresses: tuple[str, ...] = ("::" if passive else "::1",)
            else:
                addresses = ("0.0.0.0" if passive else "127.0.0.1",)  # noqa: S104 - a simulated address
        else:
            if flags & socket.AI_NUMERICHOST and not _numeric(_text(host)):
                raise error_of(socket.EAI_NONAME, _text(host))
            addresses = self.addresses(interface, host, family)
        rows: list[tuple[Any, Any, int, str, tuple[Any, ...]]] = []
        for address in addresses:
            six = ":" in address
            if family and (family == socket.AF_INET6) != six:
                raise error_of(socket.EAI_ADDRFAMILY, _text(host))
            kind = socket.AF_INET6 if six else socket.AF_INET
            where = (address, number, 0, 0) if six else (address, number)
            name = _text(host) if flags & socket.AI_CANONNAME and not rows else ""
            for what, protocol in KINDS:
                if type_ in (0, what) and proto in (0, protocol):
                    rows.append((kind, what, int(protocol), name, where))
        if not rows:
            raise socket.gaierror(socket.EAI_SOCKTYPE, "ai_socktype not supported")
        return rows

    def getnameinfo(self, sockaddr: tuple[Any, ...], flags: int = 0) -> tuple[str, str]:
        """As `socket.getnameinfo`."""
        address, port = sockaddr[:2]
        name = None if flags & socket.NI_NUMERICHOST else self.name_of(address)
        if name is None and flags & socket.NI_NAMEREQD:
            raise error_of(socket.EAI_NONAME, address)
        service = next((known for known, number in SERVICES.items() if number == port), str(port))
        return name or address, str(port) if flags & socket.NI_NUMERICSERV else service


def error_of(code: int, name: str) -> socket.gaierror:
    """The error that the resolver of Linux gives; the name is added, for the one who reads the report."""
    return socket.gaierror(
        code, f"{TEXTS[code]}: {name!r} in the simulated network" if code == socket.EAI_NONAME else TEXTS[code]
    )


def _text(name: Any) -> str:
    text = name.decode("ascii") if isinstance(name, bytes | bytearray) else str(name or "")
    return text.lower().removesuffix(".")


def _numeric(text: str) -> bool:
    for family in (socket.AF_INET, socket.AF_INET6):
        try:
            socket.inet_pton(family, text.partition("%")[0])
        except OSError:
            continue
        return True
    return False


def _service(port: Any) -> int:
    if port is None or port in ("", b""):
        return 0
    if isinstance(port, int):
        return port
    text = port.decode("ascii") if isinstance(port, bytes | bytearray) else str(port)
    if text.isdigit():
        return int(text)
    if text not in SERVICES:
        raise error_of(socket.EAI_SERVICE, text)
    return SERVICES[text]

"""Names looked up by a call that blocks: answered where that takes no time, or where it may take time; refused on the loop.

Numbers, `localhost`, the host's own name and names in its cache need no server. Work that was given to a thread may wait for one,
and is answered at once. Anywhere else the call would stop every task of the process, and of the simulation with it.

The names are those of `host.world.network.dns`; a host without a network knows numbers only.
"""

from __future__ import annotations

import socket
from typing import Any

from windtunnel.sim.ambient.hooking import Hook
from windtunnel.sim.ambient.threads import working
from windtunnel.sim.escapes import escape

_INSTEAD = "await loop.getaddrinfo instead"


def _names(host: Any) -> Any:
    network = getattr(getattr(host, "world", None), "network", None)
    return None if network is None else network.dns


def _allowed(host: Any, call: str, name: Any) -> Any:
    """The names of the network, or None where the original may answer. Raises Escaped where the call would block."""
    names, text = _names(host), _text(name)
    local = text in ("", host.process.hostname) or _is_number(text)
    if names is None:
        if local and text != host.process.hostname:
            return None
    elif local or working() or not names.needs_server(host.interface, text):
        return names
    raise escape(host, f"socket.{call}({name!r})", _INSTEAD)


def _getaddrinfo(
    host: Any,
    name: Any,
    port: Any,
    family: int = 0,
    type: int = 0,  # noqa: A002 - the signature of the original
    proto: int = 0,
    flags: int = 0,
) -> Any:
    names = _allowed(host, "getaddrinfo", name)
    return NotImplemented if names is None else names.getaddrinfo(host.interface, name, port, family, type, proto, flags)


def _gethostbyname(host: Any, name: Any) -> Any:
    names = _allowed(host, "gethostbyname", name)
    return NotImplemented if names is None else _addresses(host, names, name)[0]


def _gethostbyname_ex(host: Any, name: Any) -> Any:
    names = _allowed(host, "gethostbyname_ex", name)
    return NotImplemented if names is None else (_text(name), [], _addresses(host, names, name))


def _gethostbyaddr(host: Any, address: Any) -> Any:
    names = _names(host)
    if names is None or not working():
        raise escape(host, f"socket.gethostbyaddr({address!r})", _INSTEAD)
    found = address if not _is_number(_text(address)) else names.getnameinfo((address, 0), socket.NI_NAMEREQD)[0]
    return found, [], _addresses(host, names, found)


def _getnameinfo(host: Any, address: Any, flags: int) -> Any:
    names = _names(host)
    if names is None or not (working() or flags & socket.NI_NUMERICHOST):
        raise escape(host, f"socket.getnameinfo({address!r})", "await loop.getnameinfo instead")
    return names.getnameinfo(address, flags)


def _addresses(host: Any, names: Any, name: Any) -> list[str]:
    """The IPv4 addresses of a name. Raises socket.gaierror."""
    return [row[4][0] for row in names.getaddrinfo(host.interface, name, 0, socket.AF_INET, socket.SOCK_STREAM)]


def _text(name: Any) -> str:
    if name is None:
        return ""
    return name.decode("ascii", "replace") if isinstance(name, bytes | bytearray) else str(name)


def _is_number(text: str) -> bool:
    for family in (socket.AF_INET, socket.AF_INET6):
        try:
            socket.inet_pton(family, text.partition("%")[0])
        except (OSError, ValueError):
            continue
        return True
    return False


LOOKUPS = [
    Hook("_socket", "getaddrinfo", _getaddrinfo),
    Hook("_socket", "gethostbyname", _gethostbyname),
    Hook("_socket", "gethostbyname_ex", _gethostbyname_ex),
    Hook("_socket", "gethostbyaddr", _gethostbyaddr),
    Hook("_socket", "getnameinfo", _getnameinfo),
]

"""Randomness that code takes without asking: each function that leads to the operating system's, led to the host's `Entropy`.

`random` keeps one hidden generator behind its functions. Its C methods are redirected for that one object; its class is exchanged
for a subclass, so that what its Python methods remember (`gauss`) belongs to the host as well.
"""

from __future__ import annotations

import _random
import random
from typing import Any

from windtunnel.sim.ambient import switch
from windtunnel.sim.ambient.clocks import EPOCH
from windtunnel.sim.ambient.hooking import Hook, Hooking, Stand

_HIDDEN: random.Random = random._inst  # noqa: SLF001 - the generator behind the module's functions
_METHODS = ("random", "getrandbits", "seed", "getstate", "setstate")
_GREGORIAN_100NS = 0x01B21DD213814000  # between 1582-10-15, where UUIDs begin to count, and the Unix epoch


def _urandom(host: Any, count: int) -> bytes:
    return bytes(host.entropy.urandom(count))


def _getrandom(host: Any, size: int, flags: int = 0) -> bytes:  # noqa: ARG001 - the signature of the original
    return bytes(host.entropy.urandom(size))


def _pseudo_bytes(host: Any, count: int) -> tuple[bytes, bool]:
    return host.entropy.urandom(count), True


def _time_safe(host: Any) -> tuple[bytes, int | None]:
    """As `_uuid.generate_time_safe`: the bytes of a version 1 UUID, and whether its making was safe."""
    stamp = int((EPOCH + host.port.clock()) * 10_000_000) + _GREGORIAN_100NS
    sequence = int.from_bytes(host.entropy.urandom(2), "big") & 0x3FFF
    low, middle, high = stamp & 0xFFFFFFFF, (stamp >> 32) & 0xFFFF, (stamp >> 48) & 0x0FFF
    fields = (
        low.to_bytes(4, "big"),
        middle.to_bytes(2, "big"),
        (high | 0x1000).to_bytes(2, "big"),
        (sequence | 0x8000).to_bytes(2, "big"),
        host.process.node.to_bytes(6, "big"),
    )
    return b"".join(fields), 0


def _of_the_host(name: str) -> Any:
    method = getattr(_random.Random, name)

    def handler(host: Any, _hidden: Any, *args: Any) -> Any:
        if name == "seed" and args in ((), (None,)):
            args = (host.entropy.seed128(),)
        return method(host.entropy.random, *args)

    return handler


def _hidden(_module: Any) -> random.Random:
    return _HIDDEN


class _Remembering(random.Random):
    """The hidden generator's class while the hooks are installed."""

    __slots__ = ()

    @property
    def gauss_next(self) -> float | None:
        """The second half of the last pair that `gauss` drew."""
        host = switch.acting()
        value: float | None = self.__dict__["gauss_next"] if host is None else host.entropy.random.gauss_next
        return value

    @gauss_next.setter
    def gauss_next(self, value: float | None) -> None:
        host = switch.acting()
        if host is None:
            self.__dict__["gauss_next"] = value
        else:
            host.entropy.random.gauss_next = value


class _Asking(_Remembering):
    """The same without native hooks: the Python methods of the hidden generator draw from these two."""

    __slots__ = ()

    def random(self) -> float:
        """As `random.Random.random`."""
        host = switch.acting()
        return super().random() if host is None else float(host.entropy.random.random())

    def getrandbits(self, k: int, /) -> int:
        """As `random.Random.getrandbits`."""
        host = switch.acting()
        return super().getrandbits(k) if host is None else int(host.entropy.random.getrandbits(k))


def take_hidden(hooking: Hooking) -> None:
    """Make the hidden generator of `random` ask for the host."""
    if switch.native is not None:
        _HIDDEN.__class__ = _Remembering
        return
    _HIDDEN.__class__ = _Asking
    stands: dict[int, Stand] = {}
    for name in _METHODS:
        function = getattr(random, name)
        stands[id(function)] = Stand(function, lambda host, *args, _name=name: getattr(host.entropy.random, _name)(*args))
    hooking.replace(stands)


def give_hidden_back() -> None:
    """Undo `take_hidden`."""
    _HIDDEN.__class__ = random.Random


DRAWS = [
    *(Hook("_random", f"Random.{name}", _of_the_host(name), only=_hidden) for name in _METHODS if switch.native is not None),
    Hook("posix", "urandom", _urandom),
    Hook("posix", "getrandom", _getrandom),
    Hook("_ssl", "RAND_bytes", _urandom),
    Hook("_ssl", "RAND_pseudo_bytes", _pseudo_bytes),
    Hook("_uuid", "generate_time_safe", _time_safe),
    Hook("uuid", "getnode", lambda host: host.process.node),
]

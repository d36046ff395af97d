"""The table of commands, and what a command is given."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from windtunnel.batteries.redis.keyspace import Database
from windtunnel.batteries.resp import Error

if TYPE_CHECKING:
    from windtunnel.batteries.redis.server import RedisServer
    from windtunnel.batteries.redis.session import Session

C = TypeVar("C", bound=Callable[..., Any])

SYNTAX = "ERR syntax error"
NOT_INTEGER = "ERR value is not an integer or out of range"
NOT_FLOAT = "ERR value is not a valid float"

_INT64 = 1 << 63


class Blocked:
    """What a command returns that will be answered later."""


BLOCKED = Blocked()


class Call:
    """One call of a command: where it came from and what it works on.

    effect: what goes to the log and to the replicas in place of the call itself, where that would not do the same again: commands
    that draw, or that depend on the clock.
    """

    __slots__ = ("arguments", "db", "effect", "server", "session")

    def __init__(self, server: RedisServer, session: Session, db: Database, arguments: list[bytes]) -> None:
        self.server = server
        self.session = session
        self.db = db
        self.arguments = arguments
        self.effect: list[list[bytes]] | None = None


@dataclass(frozen=True, slots=True)
class Command:
    """arity: number of arguments, the name included; negative: at least so many. writes: may change the keyspace."""

    name: str
    run: Callable[..., Any]
    arity: int
    writes: bool = False
    in_transaction: bool = True  # may be queued: a command that is about the transaction itself may not
    while_subscribed: bool = False  # allowed on a connection of version 2 that has subscribed


COMMANDS: dict[bytes, Command] = {}


def command(name: str, arity: int, **options: bool) -> Callable[[C], C]:
    """Register a function `(call, *arguments)` as a command; several names are divided by spaces."""

    def register(run: C) -> C:
        for one in name.split():
            COMMANDS[one.encode()] = Command(one.lower(), run, arity, **options)
        return run

    return register


def integer(text: bytes, problem: str = NOT_INTEGER) -> int:
    """An argument as a signed number of 64 bits. Raises Error."""
    digits = text[1:] if text[:1] == b"-" else text
    if not digits.isdigit() or (digits[:1] == b"0" and text != b"0") or not -_INT64 <= int(text) < _INT64:
        raise Error(problem)
    return int(text)


def real(text: bytes, problem: str = NOT_FLOAT) -> float:
    """An argument as a double; infinities are allowed. Raises Error."""
    try:
        value = float(text)
    except ValueError:
        raise Error(problem) from None
    if value != value or text != text.strip() or b"_" in text:  # noqa: PLR0124 - not a number
        raise Error(problem)
    return value


def within_64_bits(value: int) -> int:
    """A sum that fits. Raises Error."""
    if not -_INT64 <= value < _INT64:
        raise Error("ERR increment or decrement would overflow")
    return value


def span(start: int, stop: int, size: int) -> slice:
    """Positions `start` .. `stop`, both included, negative ones from the end, as a slice of something of that size."""
    start = max(start + size, 0) if start < 0 else start
    stop = stop + size if stop < 0 else stop
    return slice(start, max(min(stop, size - 1) + 1, 0))

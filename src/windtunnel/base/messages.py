"""What travels between nodes and what is written to disks: small immutable records.

A message is a `msgspec.Struct`: several times cheaper to build than a frozen dataclass, compared and hashed by value,
and encoded without a schema of its own. Fields must be values too: numbers, strings, tuples, other messages.
"""

from __future__ import annotations

from typing import Any, TypeAlias

import msgspec

NodeId: TypeAlias = str


class Message(msgspec.Struct, frozen=True, array_like=True, tag=True, gc=False):
    """Base of every message and every durable record.

    Subclass it (with `frozen=True`, which type checkers want repeated), document the sender, the receiver and the meaning, and
    list the subclass in its `System`. `gc=False` is sound because a value that is built once from older values cannot be part
    of a reference cycle.
    """


def describe(message: object, limit: int = 120) -> str:
    """One line for traces and reports: `Vote(term=3, granted=True)`, cut to `limit` characters."""
    text = repr(message)
    return text if len(text) <= limit else text[: limit - 1] + "…"


Value: TypeAlias = Any  # what clients read and write: any JSON value

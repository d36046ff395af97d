"""The exceptions of windtunnel.

WindtunnelError
├── UsageError            wrong input by a person: exit code 3, one line, no traceback
├── OperationError        an operation of a client or a call between nodes did not return a value
│   ├── Definite          it certainly did not happen: a history records `fail`
│   └── Indefinite        it may have happened, or may yet: a history records `info`
├── Escaped               simulated code tried to leave the simulation; names the call
├── Unsupported           this world cannot do what was asked; names the world and the verb
└── StorageError          a node's disk refused: full, corrupt, read-only

A broken invariant of our own code is an assertion, never one of these.
"""

from __future__ import annotations

from collections.abc import Iterable


class WindtunnelError(Exception):
    """Root of everything that windtunnel raises on purpose."""


class UsageError(WindtunnelError):
    """Wrong input: the message says what was expected, what came, and what to do."""


class OperationError(WindtunnelError):
    """An operation ended without a value."""


class Definite(OperationError):  # noqa: N818 - reads as an adjective: `except Definite`
    """The operation certainly did not take effect and never will."""


class Indefinite(OperationError):  # noqa: N818
    """The operation may have taken effect, or may take effect later."""


class Escaped(WindtunnelError):  # noqa: N818
    """Simulated code called something that only the real world has."""


class Unsupported(WindtunnelError):  # noqa: N818
    """The chosen world has no such ability."""


class StorageError(WindtunnelError):
    """The disk of a node refused to read or write."""


def unknown(what: str, name: str, known: Iterable[str]) -> UsageError:
    """The error for a name that does not exist: suggests the nearest one, lists what does. To be raised by the caller."""
    from difflib import get_close_matches  # noqa: PLC0415 - only wrong input pays for it

    names = list(known)
    meant = name.lower()
    near = [n for n in names if meant and n.startswith(meant)] or get_close_matches(meant, names, 1, cutoff=0.5)
    suggestion = f"did you mean {near[0]}? " if near else ""
    return UsageError(f"unknown {what} {name!r}; {suggestion}known: {', '.join(names) or 'none'}")

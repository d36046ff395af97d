"""What calls through this package raise, besides what the called function raises.

OperationError (base.errors)
├── Definite
│   └── Refused           the function was not called; `.by` says who refused, `.retry_after_s` when to come back
│       ├── CircuitOpen   by a circuit breaker
│       ├── RateLimited   by a limiter
│       ├── BulkheadFull  by a bulkhead: all slots and all places in the queue are taken
│       ├── Shed          by load shedding: it waited too long in an overloaded queue
│       └── NoTimeLeft    by a deadline that had passed already (also a TimeoutError)
└── Indefinite
    └── TimedOut          cut off by a deadline while it ran: it may have taken effect (also a TimeoutError)

UsageError (base.errors)
└── BadSetting            a setting makes no sense (also a ValueError): says what was expected, what came

A refusal is definite: whoever gets it may call again without asking whether the call took effect. A cut is not.
"""

from __future__ import annotations

from math import inf

from windtunnel.base.errors import Definite, Indefinite, UsageError


class BadSetting(UsageError, ValueError):  # noqa: N818 - reads as what it says
    """A setting outside its domain. The message names it, what was expected and what came."""


class Refused(Definite):
    """The function was not called. `by`: name of what refused; `retry_after_s`: None if nobody can say."""

    def __init__(self, message: str, *, by: str = "", retry_after_s: float | None = None) -> None:
        super().__init__(message)
        self.by = by
        self.retry_after_s = retry_after_s


class CircuitOpen(Refused):
    """The breaker of this target is open, or half-open with all probes out."""


class RateLimited(Refused):
    """The limit is used up; after `retry_after_s` there is room if nobody else takes it."""


class BulkheadFull(Refused):
    """No slot is free, and no place in the queue, or none became free in time."""


class Shed(Refused):
    """Dropped from an overloaded queue, so that others are served in time."""


class NoTimeLeft(Refused, TimeoutError):  # noqa: N818
    """The deadline had passed before the work began."""


class TimedOut(Indefinite, TimeoutError):  # noqa: N818
    """The work was cut off at its deadline; whether it took effect is not known."""


def need(fact: bool, name: str, expected: str, got: object) -> None:  # noqa: FBT001 - reads as an assertion
    """Raises BadSetting unless `fact`."""
    if not fact:
        raise BadSetting(f"{name}: expected {expected}, got {got!r}")


def need_positive(name: str, got: float) -> None:
    """Raises BadSetting unless `got` is a finite number above 0."""
    need(isinstance(got, int | float) and 0 < got < inf, name, "a finite number above 0", got)


def need_count(name: str, got: int, least: int = 1) -> None:
    """Raises BadSetting unless `got` is an int of at least `least`."""
    need(isinstance(got, int) and not isinstance(got, bool) and got >= least, name, f"an int of at least {least}", got)

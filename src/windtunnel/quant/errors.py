"""What a calculator refuses.

QuantError       the input is outside the domain, has a wrong unit, or is no number; says value, unit and domain
└── Unstable     more work arrives than can be served: there is no steady state, so no mean to compute
"""

from __future__ import annotations

from windtunnel.base.errors import UsageError


class QuantError(UsageError):
    """A value that a formula is not defined for. The message says what was expected, what came, and what to do."""


class Unstable(QuantError):  # noqa: N818 - reads as an adjective: `except Unstable`
    """The load is at or above the capacity: the queue grows for ever."""


def unstable(load: float, remedy: str) -> Unstable:
    """The refusal of a load that is too high. load: arrivals over capacity. remedy: what would be enough. To be raised."""
    return Unstable(
        f"unstable: the load is {load:.4g} of the capacity, and the queue would grow for ever; "
        f"a steady state needs rho < 1, that is {remedy}"
    )

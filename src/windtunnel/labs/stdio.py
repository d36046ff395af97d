"""Checks of programs that speak over stdin and stdout."""

from __future__ import annotations

from windtunnel.base.errors import UsageError
from windtunnel.labs.checking import Check
from windtunnel.labs.outcomes import Outcome


def run_stdio(check: Check, bench: object) -> Outcome:
    """Run one check to its end."""
    raise UsageError(f"{check.name}: {bench}")

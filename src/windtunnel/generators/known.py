"""What is known of a generated history: rungs that hold, rungs that fail, and nothing about the others."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from windtunnel.checkers.ladder import LADDERS, implied, implying


@dataclass(frozen=True, slots=True)
class Known:
    """Verdicts by rung (see checkers.ladder): each rung of the interface holds, fails, or is left open by the construction."""

    interface: str
    holds: tuple[str, ...]
    fails: tuple[str, ...]

    def open(self) -> tuple[str, ...]:
        """What the construction does not settle."""
        return tuple(rung for rung in LADDERS[self.interface] if rung not in self.holds and rung not in self.fails)

    def to_json(self) -> dict[str, Any]:
        """As the sidecar of a history has it."""
        return {"holds": list(self.holds), "fails": list(self.fails), "open": list(self.open())}


def known(interface: str, base: Iterable[str], planted: Iterable[tuple[Iterable[str], Iterable[str]]]) -> Known:
    """What follows for a database that keeps `base`, with scripts of which each keeps some rungs and breaks others.

    A rung holds if the database and every script keep it: they share no key and no process, so an order of each is an order of
    all (for real time this is the locality of Herlihy & Wing: points in intervals merge; without shared sessions and keys there
    is no other edge between them). A rung fails if one script breaks it: every rung here is closed under leaving out other keys.
    """
    holding = set(implied(interface, base))
    failing: set[str] = set()
    for keeps, breaks in planted:
        holding &= set(implied(interface, keeps))
        failing |= set(implying(interface, breaks))
    assert not holding & failing, f"a plant both keeps and breaks {sorted(holding & failing)}"
    ladder = LADDERS[interface]
    return Known(interface, tuple(r for r in ladder if r in holding), tuple(r for r in ladder if r in failing))

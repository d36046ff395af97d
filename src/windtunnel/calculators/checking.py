"""A formula against its oracle: the rows, and a verdict of three values.

An oracle that needs the simulator stands in this package and is named in `ORACLES`; every other one is the `oracle` of its
calculator. A difference, or a doubt, is believed only when a second run finds it again, four times as long and with other draws.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any

from windtunnel.base.errors import UsageError
from windtunnel.quant import CALCULATORS, find
from windtunnel.quant.agreement import Agreement
from windtunnel.quant.calculator import Calculator, Evidence, Values
from windtunnel.quant.result import Result

Oracle = Callable[[Values, Result, int, float], Evidence]
"""From values, the formula's result, a seed and a length (1 for the usual one) to rows and how they came about."""

ORACLES: dict[str, str] = {
    "little": "queues:little",
    "mm1": "queues:mm1",
    "mmc": "queues:mmc",
    "mmck": "queues:mmck",
    "mg1": "queues:mg1",
    "ggc": "queues:ggc",
    "erlang-b": "queues:loss",
    "latency-ladder": "measuring:ladder",
    "staleness": "quorum_store:staleness",
    "capacity": "plans:capacity",
    "two-phase-commit": "commits:two_phase_commit",
    "multi-region": "regions:multi_region",
}
AGAIN = 4.0


def has_oracle(name: str) -> bool:
    """Whether the calculator can be checked."""
    return name in ORACLES or CALCULATORS[name].oracle is not None


def check(name: str, values: Values | None = None, *, seed: int = 0, progress: Callable[[str], None] | None = None) -> Agreement:
    """Compare the calculator `name` at `values` (texts with units, or numbers; defaults for the rest) with its oracle.

    The same seed gives the same rows. progress: told in a line what is going on. Raises QuantError outside the domain, and
    UsageError for a name that does not exist or a calculator without an oracle.
    """
    calculator = find(name)
    settled = calculator.read(values or calculator.example)
    result = calculator.solve(settled)
    oracle = _oracle(calculator)
    rows, how = oracle(settled, result, seed, 1.0)
    first = Agreement(calculator=name, values=settled, rows=rows, how=how, seed=seed)
    if first.verdict == "valid":
        return first
    found = "differed" if first.verdict == "invalid" else "was too short to tell"
    if progress is not None:
        progress(f"the first look {found}: looking again, with other draws")
    rows, how = oracle(settled, result, seed + 1_000_003, AGAIN)
    longer = "four times as long, " if name in ORACLES else ""
    how += f" A first run {found}; this is the second one, {longer}with other draws."
    return Agreement(calculator=name, values=settled, rows=rows, how=how, seed=seed)


def _oracle(calculator: Calculator) -> Oracle:
    home = ORACLES.get(calculator.name)
    if home is not None:
        module, _, function = home.partition(":")
        found: Oracle = getattr(import_module(f"windtunnel.calculators.{module}"), function)
        return found
    own = calculator.oracle
    if own is None:
        raise UsageError(f"{calculator.name} has no check: it states facts with their sources, and computes nothing from them")

    def short(values: Values, result: Result, seed: int, _length: float) -> tuple[Any, str]:
        return own(values, result, seed)

    return short

"""Does a formula agree with what was observed? Rows of formula against observation, and a verdict of three values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from windtunnel.quant.result import finite
from windtunnel.quant.units import show

Verdict = Literal["valid", "invalid", "unknown"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One output: the formula's value, the observed one, and the interval in which the truth lies by the observation.

    by: what observed it ("simulation", "enumeration" ...). agrees: None when the interval is too wide to tell; `why` says so.
    """

    output: str
    formula: float
    observed: float
    low: float
    high: float
    agrees: bool | None
    unit: str = ""
    by: str = "simulation"
    why: str = ""

    def to_json(self) -> dict[str, Any]:
        """All fields."""
        names = ("output", "formula", "observed", "low", "high", "agrees", "unit", "by", "why")
        return {name: finite(getattr(self, name)) for name in names}

    def cells(self) -> tuple[str, ...]:
        """Output, formula, observed, interval, by, agrees: as text."""
        mark = {True: "agrees", False: "DIFFERS", None: "cannot tell"}[self.agrees]
        interval = f"{show(self.low, self.unit)} .. {show(self.high, self.unit)}"
        shown = (show(self.formula, self.unit), show(self.observed, self.unit))
        return (self.output, *shown, interval, self.by, f"{mark}{': ' if self.why else ''}{self.why}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreement:
    """The outcome of a check. how: what was done, in one or two sentences."""

    calculator: str
    values: Mapping[str, Any]
    rows: Sequence[Row]
    how: str
    seed: int = 0

    @property
    def verdict(self) -> Verdict:
        """Invalid if any row differs; valid if some rows agree and each output was decided by at least one; else unknown."""
        if any(row.agrees is False for row in self.rows):
            return "invalid"
        decided = {row.output for row in self.rows if row.agrees}
        return "valid" if decided and all(row.output in decided for row in self.rows) else "unknown"

    @property
    def why(self) -> str:
        """One sentence for the verdict."""
        match self.verdict:
            case "valid":
                return f"all {len(self.rows)} rows agree" if all(r.agrees for r in self.rows) else "every output was confirmed"
            case "invalid":
                return f"the formula and the observation differ in {', '.join(r.output for r in self.rows if r.agrees is False)}"
            case _:
                return next((row.why for row in self.rows if row.agrees is None and row.why), "nothing could be compared")

    def to_json(self) -> dict[str, Any]:
        """Verdict, rows, how, seed."""
        rows = [row.to_json() for row in self.rows]
        said = {"verdict": self.verdict, "why": self.why, "how": self.how, "seed": self.seed}
        return {"calculator": self.calculator, **said, "values": finite(dict(self.values)), "rows": rows}


def exact(output: str, formula: float, observed: float, *, by: str, unit: str = "", tolerance: float = 1e-9) -> Row:
    """A row for an observation without noise: agrees within `tolerance`, relative (absolute below 1e-15)."""
    slack = max(tolerance * max(abs(formula), abs(observed)), 1e-15)
    agrees = formula == observed or abs(formula - observed) <= slack
    return Row(
        output=output,
        formula=formula,
        observed=observed,
        low=observed - slack,
        high=observed + slack,
        agrees=agrees,
        unit=unit,
        by=by,
    )


def within(
    output: str,
    formula: float,
    observed: float,
    half: float,
    *,
    unit: str = "",
    by: str = "simulation",
    slack: float = 0.0,
    width_max: float = 0.25,
) -> Row:
    """A row for a noisy observation. half: half the interval. slack: what the formula itself claims, absolute.

    The interval is too wide to tell when half of it exceeds `width_max` of the formula's value, unless the formula lies outside.
    """
    low, high = observed - half - slack, observed + half + slack
    inside = low <= formula <= high
    wide = half > width_max * abs(formula) and half > 1e-9
    agrees = None if inside and wide else inside
    why = f"the interval is wider than {width_max:.0%} of the value" if agrees is None else ""
    return Row(output=output, formula=formula, observed=observed, low=low, high=high, agrees=agrees, unit=unit, by=by, why=why)

"""The form of a calculator: inputs with units and domains, a formula with its source, an answer, its sensitivity.

A calculator is one file under `quant/catalogue/` that ends in `CALCULATOR = Calculator(...)`; it is found by looking.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from math import inf, isfinite
from typing import Any, Literal, TypeAlias

from windtunnel.base.errors import unknown
from windtunnel.quant.agreement import Row
from windtunnel.quant.errors import QuantError
from windtunnel.quant.result import Bar, Result, Sensitivity, finite
from windtunnel.quant.units import DIMENSIONS, parse, show

Values: TypeAlias = Mapping[str, Any]
Evidence: TypeAlias = tuple[list[Row], str]
"""What an oracle found: the rows, and how they were found."""


@dataclass(frozen=True, slots=True)
class Input:
    """One thing to choose. unit: canonical, see `units`. low, high: the domain, both included unless `above` or `below`.

    kind: "number", "whole", "choice" (one of `choices`), "text" (a small language, which the calculator reads). An input whose
    default is None may be left out. what: the meaning, where the label does not say it all.
    """

    name: str
    label: str
    unit: str
    low: float
    high: float
    default: Any
    kind: Literal["number", "whole", "choice", "text"] = "number"
    choices: tuple[str, ...] = ()
    above: bool = False
    below: bool = False
    what: str = ""

    def domain(self) -> str:
        """What is accepted, as text."""
        if self.kind == "choice":
            return ", ".join(self.choices)
        if self.kind == "text":
            return self.what
        parts = []
        if self.low > -inf:
            parts.append(f"{'above' if self.above else 'at least'} {show(self.low, self.unit)}")
        if self.high < inf:
            parts.append(f"{'below' if self.below else 'at most'} {show(self.high, self.unit)}")
        return f"{'whole, ' if self.kind == 'whole' else ''}{', '.join(parts)}" if parts else "any number"

    def read(self, value: Any) -> Any:
        """The value of a text or a number, in the canonical unit. Raises QuantError."""
        if value is None and self.default is None:
            return None
        if self.kind == "text":
            if not isinstance(value, str):
                raise QuantError(f"{self.name}: expected a text ({self.what}); got {value!r}")
            return value
        if self.kind == "choice":
            if value not in self.choices:
                raise unknown(f"choice of {self.name}", str(value), self.choices)
            return value
        return self._checked(self._number(value), value)

    def _number(self, value: Any) -> float:
        if isinstance(value, bool) or not isinstance(value, str | int | float):
            raise QuantError(f"{self.name}: expected {DIMENSIONS[self.unit].name} such as {self._example()}; got {value!r}")
        if not isinstance(value, str):
            return float(value)
        try:
            return parse(value, self.unit)
        except QuantError as error:
            raise QuantError(f"{self.name}: {error}") from None

    def _example(self) -> str:
        return DIMENSIONS[self.unit].example

    def _checked(self, number: float, came: Any) -> float | int:
        fits = isfinite(number) and self.low <= number <= self.high
        fits = fits and not (self.above and number == self.low) and not (self.below and number == self.high)
        if not fits or (self.kind == "whole" and number != int(number)):
            whole = "a whole number" if self.kind == "whole" else DIMENSIONS[self.unit].name
            raise QuantError(f"{self.name}: expected {whole}, {self.domain().removeprefix('whole, ')}; got {came}")
        return int(number) if self.kind == "whole" else number

    def text(self, value: Any) -> str:
        """A value as people read it."""
        return "not given" if value is None else show(value, self.unit)

    def swing(self, value: float, share: float) -> tuple[float, float]:
        """The two values to try for a tornado: `share` less and more, within the domain.

        A share above one half moves its distance from 1, so that 99.9 % goes to 99.89 and 99.91 %, not to 89.9 %.
        """
        if self.unit == "fraction" and value > 0.5 and self.high == 1.0:
            low, high = 1 - (1 - value) * (1 + share), 1 - (1 - value) * (1 - share)
        elif self.kind == "whole":
            step = max(1, round(abs(value) * share))
            low, high = value - step, value + step
        else:
            low, high = value - abs(value) * share, value + abs(value) * share
        return max(low, self.low), min(high, self.high)

    def with_default(self, default: Any) -> Input:
        """The same input with another default."""
        return replace(self, default=default)

    def with_limit(self, high: float) -> Input:
        """The same input with another upper bound."""
        return replace(self, high=high)

    def to_json(self) -> dict[str, Any]:
        """All fields, and the domain as text."""
        names = ("name", "label", "unit", "low", "high", "default", "kind", "choices", "what")
        row = {name: finite(getattr(self, name)) for name in names}
        return row | {"domain": self.domain(), "default_text": self.text(self.default), "above": self.above, "below": self.below}


@dataclass(frozen=True, slots=True, kw_only=True)
class Calculator:
    """One calculator.

    formula: as text, one relation a line. source: papers, with section or table. assumptions: what must hold for the formula to
    mean anything. solve: values in canonical units to a result; raises QuantError outside the domain. main: the output that a
    tornado shows unless told otherwise. oracle: an independent way to the same figures (brute force, Monte Carlo) from values,
    the result and a seed; what needs the simulator stands in `windtunnel.calculators` instead. rows: curriculum ids.
    example: inputs for a first look, where defaults alone say nothing.
    """

    name: str
    title: str
    group: str
    inputs: tuple[Input, ...]
    formula: str
    source: str
    assumptions: tuple[str, ...]
    solve: Callable[[Values], Result]
    main: str
    oracle: Callable[[Values, Result, int], Evidence] | None = None
    rows: tuple[str, ...] = ()
    example: Mapping[str, Any] = field(default_factory=dict)

    def input(self, name: str) -> Input:
        """The input `name`, written with dashes or underscores. Raises UsageError with the nearest."""
        wanted = name.replace("_", "-")
        for given in self.inputs:
            if given.name == wanted:
                return given
        raise unknown(f"input of {self.name}", wanted, [given.name for given in self.inputs])

    def read(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """Every input in its canonical unit: those given, as text with units or as plain numbers, and defaults for the rest.

        Raises QuantError for what is outside an input's domain, and UsageError for an input that does not exist.
        """
        values = {each.name: each.default for each in self.inputs}
        for name, value in given.items():
            each = self.input(name)
            values[each.name] = each.read(value)
        return values

    def compute(self, values: Values) -> Result:
        """The answer. Raises QuantError outside the domain; Unstable where there is no steady state."""
        return self.solve(self.read(values))

    def sensitivity(self, values: Values, output: str = "", share: float = 0.1) -> Sensitivity:
        """How `output` (default: `main`) moves when each numeric input moves by `share`, one at a time. The longest bar first."""
        settled = self.read(values)
        result = self.solve(settled)
        name = output or self.main
        result.number(name)
        bars = []
        for each in self.inputs:
            value = settled[each.name]
            if each.kind in ("number", "whole") and value is not None:
                low, high = each.swing(value, share)
                ends = [self._try(settled | {each.name: end}, name) for end in (low, high)]
                why = "; ".join(text for _value, text in ends if text)
                bars.append(Bar(each.name, low, high, ends[0][0], ends[1][0], why))
        bars.sort(key=lambda bar: -bar.span)
        return Sensitivity(result.output(name), bars, share)

    def _try(self, values: dict[str, Any], output: str) -> tuple[float | None, str]:
        try:
            return self.compute(values).number(output), ""
        except QuantError as error:
            return None, str(error)

    def to_json(self) -> dict[str, Any]:
        """What the calculator is, without values."""
        return {
            "name": self.name,
            "title": self.title,
            "group": self.group,
            "inputs": [each.to_json() for each in self.inputs],
            "formula": self.formula,
            "source": self.source,
            "assumptions": list(self.assumptions),
            "main": self.main,
            "rows": list(self.rows),
            "example": dict(self.example),
        }

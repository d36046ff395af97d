"""What a calculator answers: outputs with units, charts as data, notes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from math import isfinite
from typing import Any, Literal

from windtunnel.base.errors import unknown
from windtunnel.quant.units import show

Kind = Literal["line", "bar", "tornado", "cdf"]
Series = tuple[str, list[Any], list[float]]
"""A name, the values of x (numbers, or labels of bars), the values of y."""


def finite(value: Any) -> Any:
    """`value` for JSON, which has no infinity: None stands for what has no number."""
    if isinstance(value, float) and not isfinite(value):
        return None
    if isinstance(value, list | tuple):
        return [finite(item) for item in value]
    if isinstance(value, dict):
        return {key: finite(item) for key, item in value.items()}
    return value


@dataclass(frozen=True, slots=True)
class Output:
    """One figure. value: in the canonical `unit`; text for an answer in words; None where there is none.

    low, high: an interval, where the value is an estimate; what kind of interval, the calculator's notes say.
    """

    name: str
    label: str
    value: float | str | None
    unit: str = ""
    low: float | None = None
    high: float | None = None

    def text(self) -> str:
        """The value with its unit, and the interval if it has one."""
        shown = show(self.value, self.unit)
        if self.low is not None and self.high is not None:
            shown += f"  ({show(self.low, self.unit)} .. {show(self.high, self.unit)})"
        return shown

    def to_json(self) -> dict[str, Any]:
        """Name, label, value, unit, text, and the interval if it has one."""
        row: dict[str, Any] = {"name": self.name, "label": self.label, "value": finite(self.value), "unit": self.unit}
        row["text"] = self.text()
        if self.low is not None:
            row |= {"low": finite(self.low), "high": finite(self.high)}
        return row


@dataclass(frozen=True, slots=True)
class Chart:
    """Data of a picture. For "bar" the x are labels; for "tornado" there are two series, "lower" and "higher", over inputs."""

    kind: Kind
    title: str
    x_label: str
    y_label: str
    series: list[Series]
    x_unit: str = ""
    y_unit: str = ""

    def to_json(self) -> dict[str, Any]:
        """All fields; points without a number are None."""
        rows = [{"name": name, "x": finite(list(xs)), "y": finite(list(ys))} for name, xs, ys in self.series]
        row = {name: getattr(self, name) for name in ("kind", "title", "x_label", "y_label", "x_unit", "y_unit")}
        return row | {"series": rows}


@dataclass(frozen=True, slots=True)
class Result:
    """The answer. notes: what to read beside the figures, whole sentences."""

    outputs: list[Output]
    charts: list[Chart] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def output(self, name: str) -> Output:
        """The output `name`. Raises UsageError with the known names."""
        for output in self.outputs:
            if output.name == name:
                return output
        raise unknown("output", name, [output.name for output in self.outputs])

    def number(self, name: str) -> float:
        """The value of a numeric output. Raises UsageError for an output that is text."""
        value = self.output(name).value
        if isinstance(value, str) or value is None:
            numeric = [o.name for o in self.outputs if isinstance(o.value, int | float)]
            raise unknown("numeric output", name, numeric)
        return float(value)

    def to_json(self) -> dict[str, Any]:
        """Outputs, charts, notes."""
        return {
            "outputs": [output.to_json() for output in self.outputs],
            "charts": [chart.to_json() for chart in self.charts],
            "notes": list(self.notes),
        }


@dataclass(frozen=True, slots=True)
class Bar:
    """One input's effect. low, high: its two values; at_low, at_high: the output there, None with `why` where it is refused."""

    name: str
    low: float
    high: float
    at_low: float | None
    at_high: float | None
    why: str = ""

    @property
    def span(self) -> float:
        """How far the output moves; infinite when one end is refused."""
        return float("inf") if self.at_low is None or self.at_high is None else abs(self.at_high - self.at_low)


@dataclass(frozen=True, slots=True)
class Sensitivity:
    """A tornado: which input moves `output` most. bars: the longest first. share: how far each input was moved."""

    output: Output
    bars: Sequence[Bar]
    share: float

    def chart(self) -> Chart:
        """The tornado as a chart: the output at the lower and at the higher value of each input."""
        names: list[Any] = [bar.name for bar in self.bars]
        nothing = float("nan")
        lower = [nothing if bar.at_low is None else bar.at_low for bar in self.bars]
        higher = [nothing if bar.at_high is None else bar.at_high for bar in self.bars]
        title = f"{self.output.label} when one input moves by {self.share:.0%}"
        series: list[Series] = [("lower", names, lower), ("higher", names, higher)]
        return Chart("tornado", title, self.output.label, "input", series, x_unit=self.output.unit)

    def to_json(self) -> dict[str, Any]:
        """The output, the bars, the chart."""
        bars = [
            {"name": b.name, "low": b.low, "high": b.high, "at_low": finite(b.at_low), "at_high": finite(b.at_high), "why": b.why}
            for b in self.bars
        ]
        return {"output": self.output.to_json(), "share": self.share, "bars": bars, "chart": self.chart().to_json()}

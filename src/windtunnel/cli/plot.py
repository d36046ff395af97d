"""Charts as text, for a terminal of 100 columns: bars, curves, tornados."""

from __future__ import annotations

from collections.abc import Sequence
from math import isfinite
from typing import Any

from windtunnel.quant.result import Chart
from windtunnel.quant.units import show

WIDTH, HEIGHT = 60, 12
MARKS = "*o+x#@"


def lines_of(chart: Chart) -> list[str]:
    """The chart as lines, its title first."""
    draw = {"bar": _bars, "tornado": _tornado}.get(chart.kind, _curve)
    return [chart.title, *draw(chart)]


def _finite(values: Sequence[float]) -> list[float]:
    return [float(value) for value in values if isfinite(value)]


def _bars(chart: Chart) -> list[str]:
    lines = []
    most = max((abs(y) for _name, _xs, ys in chart.series for y in _finite(ys)), default=0.0) or 1.0
    wide = max((len(str(x)) for _name, xs, _ys in chart.series for x in xs), default=0)
    for name, xs, ys in chart.series:
        if len(chart.series) > 1:
            lines.append(f"  {name}")
        for x, y in zip(xs, ys, strict=True):
            bar = "#" * max(1 if y else 0, round(abs(y) / most * 40)) if isfinite(y) else ""
            lines.append(f"  {x!s:>{wide}} |{bar} {show(y, chart.y_unit)}")
    return lines


def _tornado(chart: Chart) -> list[str]:
    """Each bar from the output at the lower input to that at the higher one; `-` where the lower end leads, `+` the higher."""
    (_low, names, lower), (_high, _names, higher) = chart.series
    known = _finite(lower) + _finite(higher)
    if not known:
        return ["  no input can be moved"]
    left, right = min(known), max(known)
    scale = 40 / (right - left) if right > left else 0.0
    wide = max(len(str(name)) for name in names)
    lines = []
    idle = []
    for name, a, b in zip(names, lower, higher, strict=True):
        if a == b:
            idle.append(str(name))
            continue
        if not (isfinite(a) and isfinite(b)):
            ends = (
                f"{show(a, chart.x_unit) if isfinite(a) else 'refused'} .. {show(b, chart.x_unit) if isfinite(b) else 'refused'}"
            )
            lines.append(f"  {name!s:>{wide}} |{'?' * 41}| {ends}")
            continue
        start, end = sorted((round((a - left) * scale), round((b - left) * scale)))
        bar = " " * start + ("+" if b >= a else "-") * (end - start + 1)
        lines.append(f"  {name!s:>{wide}} |{bar:<41}| {show(a, chart.x_unit)} .. {show(b, chart.x_unit)}")
    return [*lines, f"  no effect: {', '.join(idle)}"] if idle else lines


def _curve(chart: Chart) -> list[str]:
    points = [
        (float(x), float(y), MARKS[i % len(MARKS)])
        for i, (_name, xs, ys) in enumerate(chart.series)
        for x, y in zip(xs, ys, strict=True)
        if isinstance(x, int | float) and isfinite(x) and isfinite(y)
    ]
    if not points:
        return ["  nothing to draw"]
    xs, ys = [p[0] for p in points], [p[1] for p in points]
    low, high = min(0.0, *ys), _top(ys)
    left, right = min(xs), max(xs)
    grid = [[" "] * (WIDTH + 1) for _ in range(HEIGHT + 1)]
    for x, y, mark in points:
        if y > high:
            continue
        column = round((x - left) / (right - left) * WIDTH) if right > left else 0
        row = round((y - low) / (high - low) * HEIGHT) if high > low else 0
        grid[HEIGHT - row][column] = mark
    labels = [show(high, chart.y_unit), *[""] * (HEIGHT - 1), show(low, chart.y_unit)]
    wide = max(len(label) for label in labels)
    lines = [f"  {label:>{wide}} |{''.join(row).rstrip()}" for label, row in zip(labels, grid, strict=True)]
    ends = f"{show(left, chart.x_unit)}{show(right, chart.x_unit):>{WIDTH - len(show(left, chart.x_unit)) + 1}}"
    lines += [f"  {'':>{wide}} +{'-' * (WIDTH + 1)}", f"  {'':>{wide}}  {ends}", f"  {'':>{wide}}  {chart.x_label}"]
    if len(chart.series) > 1:
        named = "   ".join(f"{MARKS[i % len(MARKS)]} {name}" for i, (name, _xs, _ys) in enumerate(chart.series))
        lines.append(f"  {'':>{wide}}  {named}")
    return lines


def _top(ys: list[float]) -> float:
    """The top of the picture: a curve that runs off to infinity is cut where its upper tenth begins to hide the rest."""
    ordered: list[Any] = sorted(ys)
    usual = ordered[int(0.9 * (len(ordered) - 1))]
    top = ordered[-1]
    return float(usual if usual > 0 and top > 5 * usual else top)

"""A cycle as a drawing: transactions in a ring, what they owe each other as arrows."""

from __future__ import annotations

from html import escape
from math import cos, hypot, pi, sin

from windtunnel.checkers.transactions.anomalies import Anomaly
from windtunnel.histories.transactions.columns import Transactions

_COLOURS = {"ww": "--ww", "wr": "--wr", "rw": "--rw", "session": "--order", "real time": "--order"}
_BOX_WIDTH, _BOX_HEIGHT = 220, 44
_LETTERS_MAX = 30
_STEPS_MAX = 24


def ring(history: Transactions, anomaly: Anomaly) -> str:
    """The cycle of an anomaly as SVG; empty if it has none, or a very long one. Every arrow has its words as a tooltip."""
    steps = anomaly.steps
    if not steps or len(steps) > _STEPS_MAX:
        return ""
    numbers = tuple(dict.fromkeys(step.source for step in steps))
    radius = max(90.0, 46.0 * len(numbers))
    wide, high = radius * 1.6, radius
    width, height = 2 * wide + _BOX_WIDTH + 40, 2 * high + _BOX_HEIGHT + 60
    angles = [2 * pi * place / len(numbers) - pi / 2 for place in range(len(numbers))]
    if len(numbers) == 2:
        angles = [pi, 0.0]
        height = 180.0
    at = {
        number: (width / 2 + wide * cos(angle), height / 2 + (height - _BOX_HEIGHT - 60) / 2 * sin(angle))
        for number, angle in zip(numbers, angles, strict=True)
    }
    label = f"{anomaly.name}: {anomaly.why}"
    box = f'viewBox="0 0 {width:.0f} {height:.0f}" width="{width:.0f}"'
    parts = [f'<svg {box} role="img" aria-label="{escape(label)}" font-family="system-ui, sans-serif" font-size="13">', "<defs>"]
    parts += [
        f'<marker id="tip{name}" viewBox="0 0 10 10" refX="9" refY="5" markerWidth="8" markerHeight="8" orient="auto">'
        f'<path d="M0 0L10 5L0 10z" fill="var({name})"/></marker>'
        for name in sorted({_COLOURS[step.kind] for step in steps})
    ]
    parts.append("</defs>")
    parts += [_arrow(at[step.source], at[step.target], step.kind, step.words) for step in steps]
    parts += [_box(at[number], number, history.describe(number)) for number in numbers]
    return "\n".join([*parts, "</svg>"])


def _box(at: tuple[float, float], number: int, text: str) -> str:
    x, y = at[0] - _BOX_WIDTH / 2, at[1] - _BOX_HEIGHT / 2
    short = text if len(text) <= _LETTERS_MAX else text[: _LETTERS_MAX - 1] + "…"
    box = f'x="{x:.1f}" y="{y:.1f}" width="{_BOX_WIDTH}" height="{_BOX_HEIGHT}" rx="6"'
    middle = f'x="{at[0]:.1f}" text-anchor="middle"'
    return (
        f"<g><title>T{number} = {escape(text)}</title>"
        f'<rect {box} fill="var(--paper)" stroke="var(--ink)"/>'
        f'<text {middle} y="{at[1] - 4:.1f}" font-weight="bold" fill="var(--ink)">T{number}</text>'
        f'<text {middle} y="{at[1] + 13:.1f}" font-size="12" fill="var(--faint)">{escape(short)}</text></g>'
    )


def _arrow(source: tuple[float, float], target: tuple[float, float], kind: str, words: str) -> str:
    """An arrow bent to its left, so that two between the same boxes keep apart."""
    along = (target[0] - source[0], target[1] - source[1])
    length = hypot(*along) or 1.0
    bend = min(0.22 * length, 70.0)
    middle = (
        (source[0] + target[0]) / 2 + bend * along[1] / length,
        (source[1] + target[1]) / 2 - bend * along[0] / length,
    )
    begin, end = _border(source, middle), _border(target, middle)
    colour = _COLOURS[kind]
    x, y = (begin[0] + 2 * middle[0] + end[0]) / 4, (begin[1] + 2 * middle[1] + end[1]) / 4
    dash = ' stroke-dasharray="6 4"' if kind in ("session", "real time") else ""
    return (
        f"<g><title>{escape(words)}</title>"
        f'<path d="M{begin[0]:.1f} {begin[1]:.1f}Q{middle[0]:.1f} {middle[1]:.1f} {end[0]:.1f} {end[1]:.1f}" fill="none" '
        f'stroke="var({colour})" stroke-width="2"{dash} marker-end="url(#tip{colour})"/>'
        f'<text x="{x:.1f}" y="{y + 4:.1f}" text-anchor="middle" fill="var({colour})" stroke="var(--paper)" stroke-width="5" '
        f'paint-order="stroke">{escape(kind)}</text></g>'
    )


def _border(centre: tuple[float, float], towards: tuple[float, float]) -> tuple[float, float]:
    """Where the line from the middle of a box towards a point leaves the box."""
    x, y = towards[0] - centre[0], towards[1] - centre[1]
    scale = min(_BOX_WIDTH / 2 / abs(x) if x else 1e9, _BOX_HEIGHT / 2 / abs(y) if y else 1e9)
    return centre[0] + x * min(scale, 1.0), centre[1] + y * min(scale, 1.0)

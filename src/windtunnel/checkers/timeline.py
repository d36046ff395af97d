"""Operations as a timeline in SVG: a line per process, a bar per operation, time to the right.

Events are drawn at equal distances, in their order: what matters is what overlaps what. Colours are the variables of `page`;
for a viewer without them each has a value to fall back to.
"""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from windtunnel.histories import Operation

_LANE = 46
_BAR = 22
_MARGIN = 90
_LETTER = 7.2
_STEP_MIN = 26.0
_LETTERS_MAX = 34


def timeline(operations: Sequence[Operation], stuck: Operation | None) -> str:
    """The drawing. stuck: the operation that could not take effect, which is marked. One without an answer has no end."""
    if not operations:
        return ""
    chosen = sorted(operations, key=lambda op: op.invoked)
    lanes = {process: at for at, process in enumerate(dict.fromkeys(op.process for op in chosen))}
    at = _columns(chosen)
    width = max(at.values()) + 60
    height = len(lanes) * _LANE + 34
    box = f'viewBox="0 0 {width:.0f} {height}" width="{width:.0f}" role="img" aria-label="timeline of {len(chosen)} operations"'
    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" {box} font-family="ui-monospace, monospace" font-size="12">']
    for process, lane in lanes.items():
        y = lane * _LANE + _LANE / 2
        parts.append(f'<line x1="{_MARGIN}" y1="{y}" x2="{width:.0f}" y2="{y}" stroke="var(--line, #d1d9e0)"/>')
        parts.append(f'<text x="8" y="{y + 4}" fill="var(--faint, #59636e)">{escape(_short(f"process {process}", 11))}</text>')
    parts += [_bar(op, at, lanes[op.process] * _LANE + _LANE / 2, width, marked=op is stuck) for op in chosen]
    legend = "time goes to the right; a dashed end: never answered"
    parts.append(f'<text x="8" y="{height - 10}" fill="var(--faint, #59636e)">{legend}</text>')
    return "\n".join([*parts, "</svg>"])


def _columns(chosen: Sequence[Operation]) -> dict[int, float]:
    """The place of each event, from left to right: far enough for the labels."""
    events = sorted({op.invoked for op in chosen} | {op.completed for op in chosen if _ended(op) and op.completed is not None})
    needs = {op.completed: (op.invoked, len(_label(op)) * _LETTER + 14) for op in chosen if _ended(op)}
    at: dict[int, float] = {}
    x = _MARGIN + 10.0
    for event in events:
        if event in needs:
            begun, room = needs[event]
            x = max(x, at[begun] + room)
        at[event] = x
        x += _STEP_MIN
    for op in chosen:
        if not _ended(op):
            at[events[-1]] = max(at[events[-1]], at[op.invoked] + len(_label(op)) * _LETTER)
    return at


def _bar(op: Operation, at: dict[int, float], y: float, width: float, *, marked: bool) -> str:
    x = at[op.invoked]
    end = at[op.completed] if _ended(op) and op.completed is not None else width - 8
    colour = "var(--bad, #c0271d)" if marked else "var(--wr, #0969da)"
    dashes = "" if _ended(op) else ' stroke-dasharray="5 4"'
    title = escape(f"{op.describe()} by process {op.process}, {op.where()}")
    return (
        f'<g><title>{title}</title><rect x="{x:.1f}" y="{y - _BAR / 2}" width="{max(end - x, 6):.1f}" height="{_BAR}" rx="4" '
        f'fill="{colour}" fill-opacity="{0.28 if marked else 0.14}" '
        f'stroke="{colour}" stroke-width="{2 if marked else 1}"{dashes}/>'
        f'<text x="{x + 6:.1f}" y="{y + 4}" fill="var(--ink, #1b1f24)">{escape(_label(op))}</text></g>'
    )


def _ended(op: Operation) -> bool:
    return op.type == "ok" and op.completed is not None


def _label(op: Operation) -> str:
    return _short(op.describe().removesuffix(" (no answer)"), _LETTERS_MAX)


def _short(text: str, letters: int) -> str:
    return text if len(text) <= letters else f"{text[: letters - 9]}…{text[-8:]}"

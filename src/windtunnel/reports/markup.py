"""The few shapes of HTML that a report is made of; every value passes through `e`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape

Cells = Sequence[str]
"""One row of a table: its cells, already HTML."""


def e(value: object) -> str:
    """`value` as text of an element or of an attribute."""
    return escape(str(value), quote=True)


def table(label: str, columns: Sequence[str], rows: Iterable[Cells], *, numbers: int = 0, heads: bool = False) -> str:
    """A table that scrolls sideways by itself on a narrow screen, by keyboard too.

    numbers: how many of the first columns hold numbers. heads: whether the first cell of a row names it.
    """
    classes = [" class=number" if i < numbers else "" for i in range(len(columns))]
    top = "".join(f'<th scope="col"{kind}>{e(name)}</th>' for name, kind in zip(columns, classes, strict=True))
    body = "".join(f"<tr>{_cells(row, classes, heads=heads)}</tr>\n" for row in rows)
    inner = f"<table><thead><tr>{top}</tr></thead><tbody>\n{body}</tbody></table>"
    return f'<div class="scroller" role="region" aria-label="{e(label)}" tabindex="0">{inner}</div>'


def _cells(row: Cells, classes: Sequence[str], *, heads: bool) -> str:
    cells = [f"<td{kind}>{cell}</td>" for cell, kind in zip(row, classes, strict=True)]
    if heads:
        cells[0] = f'<th scope="row">{row[0]}</th>'
    return "".join(cells)


def pairs(items: Iterable[tuple[str, str]]) -> str:
    """A list of definitions; values are HTML, empty ones are left out."""
    listed = "".join(f"<div><dt>{e(name)}</dt><dd>{value}</dd></div>\n" for name, value in items if value)
    return f'<dl class="pairs">\n{listed}</dl>'


def cite(source: object) -> str:
    """A source in the style of a citation, or nothing."""
    return f" <cite>{e(source)}</cite>" if source else ""


def section(name: str, title: str, inner: str) -> str:
    """A part of the page that can be linked to."""
    return f'<section id="{name}"><h2>{e(title)}</h2>\n{inner}\n</section>'

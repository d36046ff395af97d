"""Lessons on a terminal: the tree of a lesson as lines of text."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

WIDTH = 96
BOLD, SLANTED, PLAIN = "\033[1m", "\033[3m", "\033[0m"

Node = Mapping[str, Any]


def rendered(node: Node, *, marked: bool) -> list[str]:
    """A block of a lesson as lines; `marked` says whether the terminal shows bold."""
    match node["type"]:
        case "heading":
            title = words(node["spans"], marked=False)
            return [f"{BOLD}{title}{PLAIN}"] if marked else [title, "=" * len(title)]
        case "paragraph":
            return textwrap.wrap(words(node["spans"], marked=marked), WIDTH)
        case "quote":
            return textwrap.wrap(words(node["spans"], marked=marked), WIDTH, initial_indent="  | ", subsequent_indent="  | ")
        case "list":
            return [line for i, item in enumerate(node["items"], 1) for line in _item(node, i, item, marked=marked)]
        case "table":
            return _table(node, marked=marked)
        case "listing":
            name = node["language"].removeprefix("file ") if node["language"].startswith("file ") else ""
            return ([f"  {name}:"] if name else []) + [f"    {line}" for line in node["text"].split("\n")]
        case "try":
            return [f"    $ {node['command']}", f"    (expected: {node['expected']})"]
        case "question":
            return question(node, marked=marked)
    raise AssertionError(f"unknown block {node['type']}")


def wrapped(text: str, indent: str = "") -> str:
    """A plain text, broken at the width of the lessons."""
    return textwrap.fill(text, WIDTH, initial_indent=indent, subsequent_indent=indent)


def question(node: Node, *, marked: bool) -> list[str]:
    """A question with its choices, lettered."""
    lines = textwrap.wrap(f"[{node['id']}] {words(node['prompt'], marked=marked)}", WIDTH)
    for i, choice in enumerate(node["choices"]):
        lead = f"  {chr(ord('a') + i)}) "
        lines += textwrap.wrap(words(choice, marked=marked), WIDTH, initial_indent=lead, subsequent_indent="     ")
    return lines


def words(spans: Sequence[Node], *, marked: bool) -> str:
    """Spans as text."""
    return "".join(_span(span, marked=marked) for span in spans)


def _span(span: Node, *, marked: bool) -> str:
    match span["type"]:
        case "text":
            return str(span["text"])
        case "code":
            return f"`{span['text']}`"
        case "strong":
            inner = words(span["spans"], marked=marked)
            return f"{BOLD}{inner}{PLAIN}" if marked else f"*{inner}*"
        case "emphasis":
            inner = words(span["spans"], marked=marked)
            return f"{SLANTED}{inner}{PLAIN}" if marked else f"_{inner}_"
        case "source":
            return f"[{span['number']}]"
        case "link":
            return f"{words(span['spans'], marked=marked)} ({span['target']})"
    raise AssertionError(f"unknown span {span['type']}")


def _item(node: Node, number: int, item: Sequence[Node], *, marked: bool) -> list[str]:
    lead = f"{number}. " if node["ordered"] else "- "
    return textwrap.wrap(words(item, marked=marked), WIDTH, initial_indent=f"  {lead}", subsequent_indent="  " + " " * len(lead))


def _table(node: Node, *, marked: bool) -> list[str]:
    rows = [[words(cell, marked=False) for cell in row] for row in (node["head"], *node["rows"])]
    columns = len(rows[0])
    widths = [max(len(row[i]) for row in rows) for i in range(columns)]
    over = sum(widths) + 2 * (columns - 1) + 2 - WIDTH
    if over > 0:  # the widest column gives way
        widest = widths.index(max(widths))
        widths[widest] = max(12, widths[widest] - over)
    lines = []
    for number, row in enumerate(rows):
        cells = [textwrap.wrap(cell, width) or [""] for cell, width in zip(row, widths, strict=True)]
        for i in range(max(map(len, cells))):
            parts = [(cell[i] if i < len(cell) else "").ljust(width) for cell, width in zip(cells, widths, strict=True)]
            line = "  " + "  ".join(parts).rstrip()
            lines.append(f"{BOLD}{line}{PLAIN}" if marked and number == 0 else line)
        if number == 0:
            lines.append("  " + "  ".join("-" * width for width in widths))
    return lines

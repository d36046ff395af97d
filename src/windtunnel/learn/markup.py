"""The subset of Markdown that lessons are written in, as a small tree that a terminal and a browser can both show.

Blocks: headings (`#` to `###`), paragraphs, lists (`-` or `1.`, one level), tables with a head, quotes (`>`), fenced code.
Spans: text, `code`, **strong**, *emphasis*, [links](target) and [1], which points at a source. Everything else is text: there
is no HTML. What cannot be read is refused with its line.

A tree is made of plain JSON values, so that it can be sent as it is: a block is {"type": "paragraph", "spans": [...]}, a
span {"type": "code", "text": "..."}. All types and their fields are in BLOCKS and SPANS.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from windtunnel.base.errors import UsageError

Node = dict[str, Any]

BLOCKS = {
    "heading": ("level", "spans"),
    "paragraph": ("spans",),
    "list": ("ordered", "items"),  # items: a list of lists of spans
    "table": ("head", "rows"),  # head: a list of cells; a cell is a list of spans
    "quote": ("spans",),
    "listing": ("language", "text"),
}
SPANS = {
    "text": ("text",),
    "code": ("text",),
    "strong": ("spans",),
    "emphasis": ("spans",),
    "link": ("target", "spans"),
    "source": ("number",),  # counts from 1
}


class MalformedLesson(UsageError):  # noqa: N818 - reads as an adjective, as MalformedHistory does
    """A text that is not what this module reads: says file, line, what was expected."""

    def __init__(self, file: str, line: int, what: str) -> None:
        super().__init__(f"{file}:{line}: {what}")
        self.line = line


@dataclass(frozen=True, slots=True)
class Fence:
    """A fenced block: the words after the fence, its lines, and the line of the file on which its text begins."""

    info: str
    text: str
    line: int


def blocks(text: str, file: str = "text", first_line: int = 1) -> list[Node | Fence]:
    """The blocks of `text`, in order; fenced ones as Fence. Raises MalformedLesson."""
    return _Reader(text.splitlines(), file, first_line).read()


def tree(text: str, file: str = "text") -> list[Node]:
    """The blocks of a text in which fences are only code."""
    return [code(block) if isinstance(block, Fence) else block for block in blocks(text, file)]


def code(fence: Fence) -> Node:
    """A fence as a listing."""
    return {"type": "listing", "language": fence.info, "text": fence.text}


_HEADING = re.compile(r"(#{1,3}) +(.+)")
_BULLET = re.compile(r"- +(.+)")
_NUMBER = re.compile(r"\d+\. +(.+)")


class _Reader:
    """Reads lines from top to bottom. `at` is the index of the next one."""

    def __init__(self, lines: Sequence[str], file: str, first_line: int) -> None:
        self.lines = lines
        self.file = file
        self.first = first_line
        self.at = 0

    def read(self) -> list[Node | Fence]:
        found: list[Node | Fence] = []
        while self.at < len(self.lines):
            line = self.lines[self.at]
            if not line.strip():
                self.at += 1
            elif line.startswith("```"):
                found.append(self._fence())
            elif match := _HEADING.fullmatch(line):
                self.at += 1
                found.append({"type": "heading", "level": len(match[1]), "spans": self._spans(match[2])})
            elif line.startswith("|"):
                found.append(self._table())
            elif line.startswith("> "):
                found.append({"type": "quote", "spans": self._spans(self._joined("> "))})
            elif _BULLET.fullmatch(line) or _NUMBER.fullmatch(line):
                found.append(self._list(ordered=not _BULLET.fullmatch(line)))
            else:
                found.append({"type": "paragraph", "spans": self._spans(self._paragraph())})
        return found

    def _wrong(self, what: str, at: int | None = None) -> MalformedLesson:
        return MalformedLesson(self.file, self.first + (self.at if at is None else at), what)

    def _fence(self) -> Fence:
        start = self.at
        info = self.lines[start][3:].strip()
        for end in range(start + 1, len(self.lines)):
            if self.lines[end].rstrip() == "```":
                self.at = end + 1
                return Fence(info, "\n".join(self.lines[start + 1 : end]), self.first + start + 1)
        raise self._wrong("a fence is opened and never closed")

    def _joined(self, prefix: str) -> str:
        parts = []
        while self.at < len(self.lines) and self.lines[self.at].startswith(prefix):
            parts.append(self.lines[self.at][len(prefix) :].strip())
            self.at += 1
        return " ".join(parts)

    def _paragraph(self) -> str:
        parts = []
        while self.at < len(self.lines) and self._goes_on(self.lines[self.at]):
            parts.append(self.lines[self.at].strip())
            self.at += 1
        return " ".join(parts)

    def _goes_on(self, line: str) -> bool:
        """Whether a line belongs to the paragraph above it."""
        starts = line.startswith(("```", "|", "> ")) or _HEADING.fullmatch(line) or _BULLET.fullmatch(line)
        return bool(line.strip()) and not starts and not _NUMBER.fullmatch(line)

    def _list(self, *, ordered: bool) -> Node:
        mark = _NUMBER if ordered else _BULLET
        items = []
        while self.at < len(self.lines) and (match := mark.fullmatch(self.lines[self.at])):
            parts = [match[1].strip()]
            self.at += 1
            while self.at < len(self.lines) and self.lines[self.at].startswith("  ") and self.lines[self.at].strip():
                parts.append(self.lines[self.at].strip())
                self.at += 1
            items.append(self._spans(" ".join(parts)))
        return {"type": "list", "ordered": ordered, "items": items}

    def _table(self) -> Node:
        start = self.at
        rows = []
        while self.at < len(self.lines) and self.lines[self.at].startswith("|"):
            rows.append(self._cells(self.lines[self.at]))
            self.at += 1
        if len(rows) < 3 or not all(re.fullmatch(r":?-+:?", cell) for cell in rows[1]):
            raise self._wrong("a table needs a head, a line of dashes and a row", start)
        if uneven := [i for i, row in enumerate(rows) if len(row) != len(rows[0])]:
            raise self._wrong(f"this row of the table has {len(rows[uneven[0]])} cells, not {len(rows[0])}", start + uneven[0])
        head, *body = [[self._spans(cell) for cell in row] for row in (rows[0], *rows[2:])]
        return {"type": "table", "head": head, "rows": body}

    def _cells(self, line: str) -> list[str]:
        return [cell.strip().replace("\\|", "|") for cell in re.split(r"(?<!\\)\|", line.strip().strip("|"))]

    def _spans(self, text: str) -> list[Node]:
        try:
            return spans(text)
        except ValueError as error:
            raise self._wrong(str(error), self.at - 1) from None


_SPAN = re.compile(
    r"`(?P<code>[^`]+)`"
    r"|\*\*(?P<strong>.+?)\*\*"
    r"|(?<![\w*])\*(?P<emphasis>[^*\s][^*]*?)\*(?![\w*])"
    r"|\[(?P<source>\d+)\](?!\()"
    r"|\[(?P<text>[^\]]+)\]\((?P<target>[^)\s]+)\)"
)
_TARGET = re.compile(r"https?://\S+|[a-z]+:[a-z0-9][a-z0-9_/#-]*")


def spans(text: str) -> list[Node]:
    """The spans of one line of text. Raises ValueError for a link to something that is neither a page nor an item."""
    found: list[Node] = []
    end = 0
    for match in _SPAN.finditer(text):
        if match.start() > end:
            found.append({"type": "text", "text": text[end : match.start()]})
        found.append(_span(match))
        end = match.end()
    if end < len(text):
        found.append({"type": "text", "text": text[end:]})
    return found


def _span(match: re.Match[str]) -> Node:
    match match.lastgroup:
        case "code":
            return {"type": "code", "text": match["code"]}
        case "strong" | "emphasis" as kind:
            return {"type": kind, "spans": spans(match[kind])}
        case "source":
            return {"type": "source", "number": int(match["source"])}
        case _:
            if not _TARGET.fullmatch(match["target"]):
                raise ValueError(f"a link leads to https://... or to an item such as lesson:law-1; got {match['target']!r}")
            return {"type": "link", "target": match["target"], "spans": spans(match["text"])}


def plain(nodes: Sequence[Node]) -> str:
    """The words of spans, without their marks."""
    parts = []
    for node in nodes:
        if "spans" in node:
            parts.append(plain(node["spans"]))
        else:
            parts.append(f"[{node['number']}]" if node["type"] == "source" else node["text"])
    return "".join(parts)


def walk(nodes: Sequence[Any]) -> list[Node]:
    """Every node of a tree, in the order of the text."""
    found: list[Node] = []
    for node in nodes:
        if isinstance(node, dict):
            found.append(node)
            for name in ("spans", "items", "head", "rows"):
                found += walk(node.get(name, ()))
        elif isinstance(node, list):
            found += walk(node)
    return found

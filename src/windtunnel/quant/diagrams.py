"""Block diagrams of availability as text: `2of3(db) & (lb | lb2)`.

    diagram  = choice
    choice   = series ("|" series)*          works while one of them works
    series   = block ("&" block)*            works while all of them work
    block    = K "of" N "(" name ")"         N alike parts, name.1 to name.N, of which K must work
             | K "of" N "(" choice, ... ")"  the same of N different ones
             | "(" choice ")" | name

A name that stands twice is one part: `(lb & a) | (lb & b)` has one lb.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from windtunnel.quant.errors import QuantError

PARTS_MAX = 300
DEPTH_MAX = 50
_TOKEN = re.compile(r"\s*(?:(\d+)\s*of\s*(\d+)(?![\w.-])|([A-Za-z][\w.-]*)|([&|(),]))")


@dataclass(frozen=True, slots=True)
class Part:
    """One component, by name."""

    name: str


@dataclass(frozen=True, slots=True)
class Gate:
    """Works while at least `need` of its branches work. Series: all of them; parallel: one."""

    need: int
    branches: tuple[Part | Gate, ...]

    @property
    def redundant(self) -> bool:
        """Whether it survives the loss of a branch."""
        return self.need < len(self.branches)


Block = Part | Gate


def read_diagram(text: str) -> Block:
    """The diagram of a text. Raises QuantError that shows where it stopped making sense."""
    reader = _Reader(text)
    block = reader.choice()
    reader.end()
    count = sum(1 for _ in parts_of(block))
    if count > PARTS_MAX:
        raise QuantError(f"diagram: expected at most {PARTS_MAX} parts; got {count}")
    return block


def parts_of(block: Block) -> Iterator[str]:
    """The names of the parts, as often as they stand there, from left to right."""
    if isinstance(block, Part):
        yield block.name
    else:
        for branch in block.branches:
            yield from parts_of(branch)


def kind_of(name: str) -> str:
    """`db` for `db.2`: alike parts share their figures."""
    stem, dot, number = name.rpartition(".")
    return stem if dot and number.isdigit() else name


class _Reader:
    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._depth = 0

    def _fail(self, expected: str) -> QuantError:
        rest = self._text[self._at :].strip()
        came = f"{rest[:20]!r} at position {self._at + 1}" if rest else "the end of the text"
        return QuantError(f'diagram: expected {expected}; got {came} in {self._text!r}; an example: "2of3(db) & (lb | lb2)"')

    def _next(self) -> re.Match[str] | None:
        return _TOKEN.match(self._text, self._at)

    def _take(self, sign: str) -> bool:
        match = self._next()
        if match is None or match[4] != sign:
            return False
        self._at = match.end()
        return True

    def end(self) -> None:
        if self._text[self._at :].strip():
            raise self._fail("&, | or the end")

    def choice(self) -> Block:
        self._depth += 1
        if self._depth > DEPTH_MAX:
            raise self._fail(f"at most {DEPTH_MAX} parentheses within each other")
        branches = [self._series()]
        while self._take("|"):
            branches.append(self._series())
        self._depth -= 1
        return branches[0] if len(branches) == 1 else Gate(1, tuple(branches))

    def _series(self) -> Block:
        branches = [self._block()]
        while self._take("&"):
            branches.append(self._block())
        return branches[0] if len(branches) == 1 else Gate(len(branches), tuple(branches))

    def _block(self) -> Block:
        match = self._next()
        if match is None or match[4] not in (None, "("):
            raise self._fail("a part, KofN(...) or (")
        self._at = match.end()
        if match[3]:
            return Part(match[3])
        if match[1]:
            return self._vote(int(match[1]), int(match[2]))
        inside = self.choice()
        if not self._take(")"):
            raise self._fail(")")
        return inside

    def _vote(self, need: int, count: int) -> Block:
        if not 1 <= need <= count <= PARTS_MAX:
            raise self._fail(f"K of N with 1 <= K <= N <= {PARTS_MAX} before this")
        if not self._take("("):
            raise self._fail("(")
        branches = [self.choice()]
        while self._take(","):
            branches.append(self.choice())
        if not self._take(")"):
            raise self._fail(", or )")
        if len(branches) == 1 and isinstance(branches[0], Part):
            return Gate(need, tuple(Part(f"{branches[0].name}.{i}") for i in range(1, count + 1)))
        if len(branches) != count:
            raise self._fail(f"{count} branches, or the name of one part, in {need}of{count}(...) before this")
        return Gate(need, tuple(branches))

"""Verdicts: valid, invalid with evidence, or unknown with the reason."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from windtunnel.base.messages import Value
from windtunnel.histories import Operation

if TYPE_CHECKING:
    from windtunnel.checkers.page import Section


@dataclass(frozen=True, slots=True)
class Evidence:
    """The few operations that show a violation. Whoever accepts them must accept the verdict.

    property: the broken promise by its name in the literature. key: of the object, None where there is only one. last_state: what
    the object held before the operation that is stuck, as far as any order of the others goes; stuck: the operation that could
    not take effect. text: the explanation in lines of words. drawing: the same as SVG, if somebody has drawn it.
    """

    property: str
    key: Value
    operations: list[Operation]
    last_state: Value = None
    stuck: Operation | None = None
    text: list[str] = field(default_factory=list)
    drawing: str = ""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a checker found. valid: True, False, or None when it could not be decided; why: one sentence, empty if valid.

    stats: counts of the work done, for people; they are not part of the judgement.
    """

    valid: bool | None
    model: str
    why: str = ""
    evidence: Evidence | None = None
    stats: dict[str, Any] = field(default_factory=dict)

    @property
    def unknown(self) -> bool:
        """Neither valid nor invalid."""
        return self.valid is None

    @property
    def word(self) -> str:
        """The verdict as reports write it."""
        return {True: "valid", False: "invalid", None: "unknown"}[self.valid]

    def lines(self) -> list[str]:
        """The verdict on one screen of text."""
        shown = [f"{self.word.upper()}: {self.model}" + (f": {self.why}" if self.why else "")]
        if self.evidence is not None:
            shown += [f"  {line}" for line in self.evidence.text]
        figures = [f"{name.replace('_', ' ')} {value:,}" for name, value in self.stats.items() if type(value) is int]
        counted = ", ".join(figures)
        spreads = [
            f"  {name.replace('_', ' ')}: " + ", ".join(f"{share} {number:g}" for share, number in value.items())
            for name, value in self.stats.items()
            if isinstance(value, dict) and value and all(type(number) in (int, float) for number in value.values())
        ]
        return [*shown, *spreads, *([f"  [{counted}]"] if counted else [])]

    @property
    def explanation(self) -> str:
        """Why, in words: the text that `lines` shows under the verdict. Empty if there is nothing to explain."""
        return "\n".join(line.removeprefix("  ") for line in self.lines()[1:])

    def to_html(self) -> str:
        """The verdict as one HTML page that loads nothing."""
        from windtunnel.checkers.page import page  # noqa: PLC0415 - only pages need it

        return page(self.word, self.subject(), self.why, self.sections(), self.closing())

    def subject(self) -> str:
        """What was judged, for a headline."""
        return self.model

    def sections(self) -> list[Section]:
        """The parts of the page: here one, what shows the violation."""
        from windtunnel.checkers.page import Section  # noqa: PLC0415

        if self.evidence is None:
            return []
        about = "" if self.evidence.key is None else f", key {self.evidence.key}"
        return [Section(f"{self.evidence.property}{about}", "", self.evidence.drawing, self.evidence.text)]

    def closing(self) -> list[str]:
        """Sentences at the end of the page."""
        return []

    def to_json(self) -> dict[str, Any]:
        """The verdict as one JSON object (docs/reference/history-format.md)."""
        return {
            "verdict": self.word,
            "model": self.model,
            "why": self.why,
            "evidence": None if self.evidence is None else _evidence_row(self.evidence),
            "stats": self.stats,
        }


def _evidence_row(evidence: Evidence) -> dict[str, Any]:
    return {
        "property": evidence.property,
        "key": evidence.key,
        "last_state": evidence.last_state,
        "stuck": None if evidence.stuck is None else evidence.stuck.index,
        "operations": [_operation_row(operation) for operation in evidence.operations],
        "text": evidence.text,
    }


def _operation_row(operation: Operation) -> dict[str, Any]:
    row: dict[str, Any] = {
        "index": operation.index,
        "process": operation.process,
        "type": operation.type,
        "f": operation.f,
        "key": operation.key,
        "value": operation.value,
        "result": operation.result,
        "invoked_s": operation.invoked_s,
        "completed_s": operation.completed_s,
    }
    if operation.line is not None:
        row["lines"] = [operation.line, operation.completed_line]
    return row

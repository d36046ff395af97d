"""Whether a lab grades: the starter must fail, the reference must pass, and every mutant must fail at the check that it names."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from windtunnel.labs.grading import Grader, judge
from windtunnel.labs.lab import MUTANTS, REFERENCE, START, Lab, files_below
from windtunnel.labs.report import Report
from windtunnel.labs.shelf import find


@dataclass(slots=True, kw_only=True)
class Row:
    """One submission that was tried. wanted: "passed", or "failed" and the check that must find it. good: whether it did."""

    what: str
    wanted: str
    verdict: str
    good: bool
    failed: list[str] = field(default_factory=list)
    text: str = ""
    seconds: float = 0.0


@dataclass(slots=True, kw_only=True)
class Quality:
    """A lab, tried on itself. kill_rate: share of the mutants that failed at the check that they name."""

    lab: Lab
    rows: list[Row] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def good(self) -> bool:
        """Whether the lab may be shipped."""
        return all(row.good for row in self.rows)

    @property
    def killed(self) -> int:
        """Mutants that were found."""
        return sum(row.good for row in self.rows if row.what.startswith(MUTANTS))

    @property
    def kill_rate(self) -> float:
        """From 0 to 1; 1 for a lab without mutants."""
        return self.killed / len(self.lab.mutants) if self.lab.mutants else 1.0

    def to_json(self) -> dict[str, Any]:
        """JSON values."""
        return {
            "lab": self.lab.id,
            "verdict": "valid" if self.good else "invalid",
            "kill_rate": self.kill_rate,
            "mutants": len(self.lab.mutants),
            "killed": self.killed,
            "seconds": round(self.seconds, 3),
            "rows": [
                {
                    "what": row.what,
                    "wanted": row.wanted,
                    "verdict": row.verdict,
                    "good": row.good,
                    "failed": row.failed,
                    "text": row.text,
                    "seconds": round(row.seconds, 3),
                }
                for row in self.rows
            ],
        }


def quality(name: str, *, progress: Callable[[Row], None] = lambda _: None) -> Quality:
    """Try a lab on its own starter, reference and mutants. Raises UsageError if there is no such lab."""
    lab = find(name)
    found = Quality(lab=lab)
    began = time.monotonic()
    if lab.rule is not None:
        from windtunnel.labs.safeguards import tried  # noqa: PLC0415 - as in `shelf`

        attempts = tried(lab)
        for what, wanted, files in attempts:
            _add(found, what, wanted, judge(lab, files), progress)
    else:
        assert lab.folder is not None, "a lab without a folder is a safeguard's"
        with Grader() as grader:
            for what, wanted, files in _attempts(lab, lab.folder):
                killer = wanted.partition(": ")[2] or None  # one check is enough to find a mutant
                _add(found, what, wanted, judge(lab, files, grader=grader, only=killer), progress)
    found.seconds = time.monotonic() - began
    return found


def _attempts(lab: Lab, folder: Path) -> list[tuple[str, str, dict[str, bytes]]]:
    reference = files_below(folder / REFERENCE)
    attempts = [(START, "failed", files_below(folder / START)), (REFERENCE, "passed", reference)]
    suffix = Path(lab.file).suffix
    for mutant in lab.mutants:
        text = (folder / MUTANTS / f"{mutant.name}{suffix}").read_bytes()
        attempts.append((f"{MUTANTS}/{mutant.name}", f"failed: {mutant.killed_by}", {**reference, lab.file: text}))
    return attempts


def _add(found: Quality, what: str, wanted: str, report: Report, progress: Callable[[Row], None]) -> None:
    verdict, _, killer = wanted.partition(": ")
    failed = [check.name for check in report.checks if check.verdict == "failed"]
    good = report.verdict == verdict and (not killer or killer in failed)
    text = report.message or next((check.message for check in report.checks if check.verdict != "passed"), "")
    row = Row(what=what, wanted=wanted, verdict=report.verdict, good=good, failed=failed, text=text, seconds=report.seconds)
    found.rows.append(row)
    progress(row)

"""Floor 5: labs. A starter, a grader made of runs under faults, hints, and mutants that must fail.

Reading order: `lab` (a lab on disk), `checking` (what its author writes), `grading` (the trusted side), `grader` and `runs` (the
side inside the walls), `walls`, `safeguards` (labs by declaration), `proof` (a lab tried on itself).

    from windtunnel import labs

    folder = labs.start("two-nodes")
    report = labs.check(folder)
    print(report.verdict, [check.message for check in report.checks])
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from windtunnel.labs.folder import hint, solution, start, started
    from windtunnel.labs.grading import Grader, check
    from windtunnel.labs.lab import Lab
    from windtunnel.labs.proof import quality
    from windtunnel.labs.report import CheckResult, Report
    from windtunnel.labs.shelf import catalogue, find

__all__ = [
    "CheckResult",
    "Grader",
    "Lab",
    "Report",
    "catalogue",
    "check",
    "find",
    "hint",
    "quality",
    "solution",
    "start",
    "started",
]

_WHERE = {
    "CheckResult": "report",
    "Grader": "grading",
    "Lab": "lab",
    "Report": "report",
    "catalogue": "shelf",
    "check": "grading",
    "find": "shelf",
    "hint": "folder",
    "quality": "proof",
    "solution": "folder",
    "start": "folder",
    "started": "folder",
}


def __getattr__(name: str) -> Any:
    """The public names load when they are used."""
    if name not in _WHERE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module  # noqa: PLC0415 - as above

    return getattr(import_module(f"{__name__}.{_WHERE[name]}"), name)

"""What a check of a submission came to, as a value: shown by the command line and the studio, kept as evidence."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

from windtunnel.labs.lab import Lab
from windtunnel.labs.outcomes import Outcome

CODES = {"passed": 0, "failed": 1, "unknown": 2}
"""Exit code by verdict."""


@dataclass(slots=True, kw_only=True)
class CheckResult:
    """One check of a report.

    message: what does not hold, in a sentence or two; "" if it passed. seed: under which it was seen. plan: the faults that are
    needed, a line each. log: last rows of all hosts, (at_s, host, source, text). first_bad: the first bad event: at_s, host,
    where ("file:line in function"), kind, text. trace: rows for the trace viewer. replay: the command that shows it again. page:
    path of a report for the browser, or "".
    """

    name: str
    stage: str
    verdict: str
    message: str = ""
    kind: str = ""
    seed: int | None = None
    seeds: int = 0
    plan: list[str] = field(default_factory=list)
    log: list[tuple[float, str, str, str]] = field(default_factory=list)
    first_bad: dict[str, Any] | None = None
    trace: list[dict[str, Any]] = field(default_factory=list)
    replay: str = ""
    page: str = ""
    seconds: float = 0.0


@dataclass(slots=True, kw_only=True)
class Report:
    """A submission, judged. verdict: "passed", "failed" or "unknown", which says why in `message`.

    stage: id of the stage that was asked for, or "". content_hash: of the lab; submission_hash: of the learner's files. grader:
    version of what a verdict means. walls: (name, stands, text).
    """

    lab: Lab
    verdict: str = "unknown"
    message: str = ""
    stage: str = ""
    checks: list[CheckResult] = field(default_factory=list)
    submission_hash: str = ""
    content_hash: str = ""
    grader: str = ""
    seconds: float = 0.0
    walls: list[tuple[str, bool, str]] = field(default_factory=list)

    @property
    def passed(self) -> bool:
        """Whether every check passed."""
        return self.verdict == "passed"

    @property
    def items(self) -> tuple[str, ...]:
        """Ids under which this counts as evidence: of the stage, and of the lab if nothing of it is missing."""
        stages = [stage.id for stage in self.lab.stages]
        if not stages or not self.stage:
            return (f"lab:{self.lab.id}",)
        number = stages.index(self.stage) + 1
        last = (f"lab:{self.lab.id}",) if number == len(stages) else ()
        return (f"lab:{self.lab.id}#{number}", *last)

    @property
    def seeds(self) -> tuple[int, ...]:
        """Seeds under which something failed; none if it passed."""
        return tuple(dict.fromkeys(check.seed for check in self.checks if check.seed is not None))

    @property
    def metrics(self) -> dict[str, float]:
        """Figures of the evidence."""
        good = sum(check.verdict == "passed" for check in self.checks)
        runs = sum(check.seeds for check in self.checks)
        return {"checks": len(self.checks), "passed": good, "runs": runs, "seconds": round(self.seconds, 3)}

    def conclude(self) -> None:
        """Set the verdict by those of the checks, unless something came in between."""
        verdicts = {check.verdict for check in self.checks}
        if "failed" in verdicts:
            self.verdict = "failed"
        elif self.message or not verdicts or "unknown" in verdicts:
            self.verdict = "unknown" if self.verdict != "failed" else "failed"
        else:
            self.verdict = "passed"

    def to_json(self) -> dict[str, Any]:
        """JSON values."""
        row = {
            "lab": self.lab.id,
            "title": self.lab.title,
            "verdict": self.verdict,
            "message": self.message,
            "stage": self.stage,
            "items": list(self.items),
            "submission_hash": self.submission_hash,
            "content_hash": self.content_hash,
            "grader": self.grader,
            "seconds": round(self.seconds, 3),
            "walls": [{"name": name, "stands": stands, "text": text} for name, stands, text in self.walls],
        }
        row["checks"] = [asdict(check) for check in self.checks]
        return row


def result_of(event: dict[str, Any]) -> CheckResult:
    """A check as the grader told it; its page is written by whoever may write."""
    known = {name: event[name] for name in Outcome.__dataclass_fields__ if name != "html"}
    return CheckResult(**known)

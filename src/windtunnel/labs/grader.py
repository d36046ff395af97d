"""The grader: a process of its own that runs submissions inside the walls, and says line by line what came of them.

    python -m windtunnel.labs.grader FD SCRATCH

Jobs come in on stdin, one JSON object a line; events go out on the descriptor FD, one JSON object a line. The process is warm: it
has imported what checks need, so that a job is a fork. It never runs a learner's code itself, and the descriptor of its answers
is closed in every child that does.

| job | meaning |
|---|---|
| `lab` | folder of the lab |
| `work` | folder of the submission, `file` in it |
| `stages` | ids of the stages that count, besides "" |
| `only`, `seed` | one check, one seed; null for all |
| `html` | whether pages of failures are wanted |
| `limits` | `walls.Limits` that differ from the usual |

Events: `ready` (walls), then for each job `checks` (names), `check` (an outcome) each, and `done` or `broken` (message).
"""

from __future__ import annotations

import json
import os
import sys
import traceback
from pathlib import Path
from types import ModuleType
from typing import Any

from windtunnel.base.errors import UsageError, unknown
from windtunnel.labs.checking import Check, declaring
from windtunnel.labs.lab import CHECKS
from windtunnel.labs.outcomes import NEVER_ENDS, Outcome
from windtunnel.labs.submission import Submission
from windtunnel.labs.walls import Limits, die_with_parent, enclose

GRADER = "1"
"""Version of what a verdict means; part of the evidence."""


class _Voice:
    """Writes events; nobody else has the descriptor."""

    def __init__(self, fd: int) -> None:
        self._fd = fd

    def say(self, event: str, **values: Any) -> None:
        data = json.dumps({"event": event, **values}, default=str).encode() + b"\n"
        view = memoryview(data)
        while view:
            view = view[os.write(self._fd, view) :]

    def fall_silent(self) -> None:
        """In a child: give up the descriptor and the jobs."""
        os.close(self._fd)


def main(arguments: list[str]) -> int:
    """Serve jobs until stdin ends."""
    from windtunnel.testing.environment import restart  # noqa: PLC0415 - before anything heavy: it may begin this process anew

    restart([sys.executable, "-m", "windtunnel.labs.grader", *arguments])
    voice, scratch = _Voice(int(arguments[0])), Path(arguments[1])
    _warm()
    os.chdir(scratch)
    walls = enclose(scratch)
    voice.say("ready", walls=[[wall.name, wall.stands, wall.text] for wall in walls])
    while line := sys.stdin.readline():
        job = json.loads(line)
        pid = os.fork()
        if pid == 0:
            code = 1
            die_with_parent()
            try:
                _serve(job, voice, scratch)
                code = 0
            finally:
                os._exit(code)
        _, status = os.waitpid(pid, 0)
        if status != 0:
            voice.say("broken", message="the grader ended in the middle: something killed it")
        _warm_more()
    return 0


def _warm() -> None:
    """Import what every check needs, once."""
    import windtunnel.faults  # noqa: PLC0415
    import windtunnel.labs.runs  # noqa: PLC0415, F401
    from windtunnel.testing.campaign import load  # noqa: PLC0415

    load()


def _warm_more() -> None:
    """Import what failures and cores need, while somebody looks at the first result: the next one comes sooner."""
    import windtunnel.scenarios.simulated  # noqa: PLC0415
    import windtunnel.testing.page  # noqa: PLC0415
    import windtunnel.testing.shrinking  # noqa: PLC0415, F401


def _serve(job: dict[str, Any], voice: _Voice, scratch: Path) -> None:
    """One job, whatever becomes of it."""
    try:
        _grade(job, voice, scratch)
    except (UsageError, SyntaxError, OSError) as error:
        voice.say("broken", message=_told(error, job))
    except Exception as error:  # noqa: BLE001 - a bug of a check, or ours: the author has to see where
        voice.say("broken", message=f"{type(error).__name__}: {error}", text=traceback.format_exc(), ours=True)
    else:
        voice.say("done")


def _told(error: Exception, job: dict[str, Any]) -> str:
    if isinstance(error, SyntaxError):
        line = (error.text or "").rstrip()
        return f"{job['file']}:{error.lineno}: {type(error).__name__}: {error.msg}" + (f"\n    {line.strip()}" if line else "")
    if isinstance(error, FileNotFoundError):
        return f"{job['file']}: there is no such file in the folder"
    return str(error)


def _grade(job: dict[str, Any], voice: _Voice, scratch: Path) -> None:
    from windtunnel.labs.runs import Bench, as_row, run_check  # noqa: PLC0415 - warm already

    submission = Submission(Path(job["work"]), job["file"])
    module, declared = load_checks(Path(job["lab"]))
    checks = chosen(declared, job["stages"], job["only"])
    voice.say("checks", names=[check.name for check in checks])
    limits = Limits(**job.get("limits") or {})
    bench = Bench(
        submission,
        scratch,
        limits,
        module,
        seed=job["seed"],
        html=bool(job["html"]),
        around=voice.fall_silent,
    )
    stopped = ""
    for check in checks:
        if stopped:
            outcome = Outcome(name=check.name, stage=check.stage, verdict="unknown", message=stopped, kind="skipped")
        else:
            outcome = run_check(check, bench)
        if outcome.kind in NEVER_ENDS:
            stopped = "not tried: a check before this one did not end"
        voice.say("check", **as_row(outcome))


def load_checks(folder: Path) -> tuple[ModuleType, list[Check]]:
    """The module `checks.py` of a lab, and the checks that it declares. Raises UsageError, and what its code raises."""
    path = folder / CHECKS
    module = ModuleType("checks")
    module.__file__ = str(path)
    with declaring() as declared:
        sys.modules["checks"] = module
        exec(compile(path.read_text(encoding="utf-8"), str(path), "exec"), module.__dict__)  # noqa: S102 - our own file
    if not declared:
        raise UsageError(f"{path} declares no check")
    return module, declared


def chosen(declared: list[Check], stages: list[str], only: str | None) -> list[Check]:
    """Those of the stages, or the one by name. Raises UsageError."""
    if only is not None:
        names = [check.name for check in declared]
        if only not in names:
            raise unknown("check", only, names)
        return [check for check in declared if check.name == only]
    return [check for check in declared if check.stage in ("", *stages)]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

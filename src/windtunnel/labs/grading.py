"""The trusted side of grading: starts the grader, hands it copies, bounds its time and its words, and writes what is kept.

The learner's folder is copied, so that a submission cannot touch what it was made from. The grader is a process of its own in a
session of its own; when the time is up, or when this side is done, the whole session is killed.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import select
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Self

from windtunnel.base.errors import UsageError
from windtunnel.foreign.quiet import tree
from windtunnel.labs.folder import PAGES, State, folder_of, read_state, write_text
from windtunnel.labs.lab import Lab
from windtunnel.labs.report import CheckResult, Report, result_of
from windtunnel.labs.shelf import find
from windtunnel.labs.submission import handed_in, submission_hash

TIME_S = 120.0
"""Real seconds that all checks of a submission may take together."""

BOOT_S = 60.0
"""Real seconds until a grader is ready; on a quiet machine it takes half of one."""

EVENT_BYTES_MAX = 64 << 20
"""Of one event: a page of a long run has some megabytes."""

Progress = Callable[[CheckResult], None]


class Grader:
    """A warm grader process; a context manager. Raises UsageError if it cannot be started."""

    def __init__(self) -> None:
        self.walls: list[tuple[str, bool, str]] = []
        try:
            self._root = Path(tempfile.mkdtemp(prefix="windtunnel-lab-"))
        except OSError as error:
            raise UsageError(f"cannot make a folder for the check: {error}; $TMPDIR chooses another place") from None
        self._scratch = self._root / "scratch"
        self._scratch.mkdir()
        self._work = self._root / "work"
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 - lives as long as the process
        ours, theirs = os.pipe()
        self._pipe = ours
        self._poll = select.poll()
        self._poll.register(ours, select.POLLIN | select.POLLHUP)
        self._pending = b""
        # -P: the folder that somebody stands in, theirs perhaps, is no place for modules.
        command = [sys.executable, "-P", "-m", "windtunnel.labs.grader", str(theirs), str(self._scratch)]
        try:
            self._process = subprocess.Popen(  # noqa: S603 - our own program
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=self._errors,
                cwd=self._scratch,
                env=self._environment(),
                pass_fds=(theirs,),
                start_new_session=True,
            )
        finally:
            os.close(theirs)

    def _environment(self) -> dict[str, str]:
        """Nothing of the learner's: no keys, no proxies, no home."""
        kept = {name: os.environ[name] for name in ("PATH", "LANG", "LC_ALL", "TZ", "WINDTUNNEL_KERNEL") if name in os.environ}
        if "PYTHONPATH" in os.environ:  # the grader stands elsewhere
            places = [str(Path(place).resolve()) for place in os.environ["PYTHONPATH"].split(os.pathsep) if place]
            kept["PYTHONPATH"] = os.pathsep.join(places)
        scratch = str(self._scratch)
        return {**kept, "HOME": scratch, "TMPDIR": scratch, "PYTHONHASHSEED": "0", "PYTHONDONTWRITEBYTECODE": "1"}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def alive(self) -> bool:
        """Whether it can take another job."""
        return self._process.poll() is None

    def close(self) -> None:
        """Kill everything that is left of it, and remove its folders."""
        below = tree(self._process.pid) if self.alive else []
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)
        for pid in below:  # programs have groups of their own
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)
        if self._process.stdin is not None:
            with contextlib.suppress(OSError):
                self._process.stdin.close()
        self._process.wait()
        with contextlib.suppress(OSError):
            os.close(self._pipe)
            self._pipe = -1
        self._errors.close()
        shutil.rmtree(self._root, ignore_errors=True)

    # --- Jobs ---

    def grade(
        self,
        lab: Lab,
        files: dict[str, bytes],
        *,
        stages: list[str],
        only: str | None = None,
        seed: int | None = None,
        html: bool = False,
        time_s: float = TIME_S,
        limits: dict[str, float] | None = None,
        progress: Callable[[dict[str, Any]], None] = lambda _: None,
    ) -> tuple[list[dict[str, Any]], str]:
        """Run a submission; returns the events of its checks, and what went wrong with the whole, or ""."""
        self._place(files)
        job = {
            "lab": str(lab.folder),
            "work": str(self._work),
            "file": lab.file,
            "stages": stages,
            "only": only,
            "seed": seed,
            "html": html,
            "limits": limits,
        }
        return self._converse(job, time_s, progress)

    def _place(self, files: dict[str, bytes]) -> None:
        shutil.rmtree(self._work, ignore_errors=True)
        self._work.mkdir()
        for name, data in files.items():
            path = self._work / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)

    def _converse(
        self, job: dict[str, Any], time_s: float, progress: Callable[[dict[str, Any]], None]
    ) -> tuple[list[dict[str, Any]], str]:
        assert self._process.stdin is not None, "opened as a pipe"
        ends_s = time.monotonic() + (time_s if self.walls else BOOT_S)
        checks: list[dict[str, Any]] = []
        names: list[str] = []
        try:
            self._process.stdin.write(json.dumps(job).encode() + b"\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            return [], self._death()
        while True:
            event = self._event(ends_s)
            if event is None:
                if self.alive and time.monotonic() >= ends_s:
                    self.close()
                    there = {check["name"] for check in checks}
                    at = next((name for name in names if name not in there), "")
                    return checks, f"the checks took longer than {time_s:g} s and were stopped" + (f", at {at!r}" if at else "")
                return checks, self._death()
            match event.get("event"):
                case "ready":
                    ends_s = time.monotonic() + time_s
                    self.walls = [(str(name), bool(stands), str(text)) for name, stands, text in event["walls"]]
                case "checks":
                    names = event["names"]
                case "check":
                    checks.append(event)
                    progress(event)
                case "done":
                    return checks, ""
                case "broken":
                    if event.get("ours"):
                        return checks, f"a check of this lab is broken: {event['message']}\n{event.get('text', '')}"
                    return checks, str(event["message"])

    def _event(self, ends_s: float) -> dict[str, Any] | None:
        """The next event; None at the end of the time or of the grader."""
        while b"\n" not in self._pending:
            left_s = ends_s - time.monotonic()
            if left_s <= 0 or self._pipe < 0:
                return None
            if not self._poll.poll(left_s * 1000.0):
                return None
            chunk = os.read(self._pipe, 1 << 20)
            if not chunk or len(self._pending) > EVENT_BYTES_MAX:
                return None
            self._pending += chunk
        line, _, self._pending = self._pending.partition(b"\n")
        try:
            event = json.loads(line)
        except ValueError:
            return None
        return event if isinstance(event, dict) else None

    def _death(self) -> str:
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(timeout=2.0)
        size = self._errors.seek(0, os.SEEK_END)
        self._errors.seek(max(0, size - 4000))
        text = self._errors.read().decode("utf-8", "replace").strip()
        return f"the grader ended in the middle (status {self._process.returncode})" + (f":\n{text}" if text else "")


# --- A learner's folder ---


def check(
    folder_or_id: str | Path,
    *,
    stage: str | None = None,
    only: str | None = None,
    seed: int | None = None,
    grader: Grader | None = None,
    progress: Progress | None = None,
    time_s: float = TIME_S,
) -> Report:
    """Judge the work in a learner's folder, keep pages of its failures there, and move its state on if it passed.

    stage: id of a stage; None for the one that is to be passed next. only, seed: one check, one seed. grader: a warm one.
    progress: called with each check as it ends. Raises UsageError for a folder that cannot be judged.
    """
    folder = folder_of(folder_or_id)
    state = read_state(folder)
    lab = find(state.lab)
    known = [each.id for each in lab.stages]
    wanted = stage if stage is not None else state.stage or (known[-1] if known else "")
    if wanted:
        lab.stage_number(wanted)
    files = handed_in(folder)
    if lab.file not in files:
        raise UsageError(f"{folder / lab.file} is missing: it is the file that is graded")
    report = judge(
        lab, files, stage=wanted, only=only, seed=seed, grader=grader, time_s=time_s, html=True, progress=progress, folder=folder
    )
    if only is None and seed is None:
        _move_on(state, lab, report, folder)
    return report


def judge(
    lab: Lab,
    files: dict[str, bytes],
    *,
    stage: str = "",
    only: str | None = None,
    seed: int | None = None,
    grader: Grader | None = None,
    time_s: float = TIME_S,
    html: bool = False,
    progress: Progress | None = None,
    folder: Path | None = None,
    limits: dict[str, float] | None = None,
) -> Report:
    """Judge files by name. stage: "" for all. folder: where pages are written, and what replay commands name.

    limits: fields of `walls.Limits` that differ from the usual.
    """
    began = time.monotonic()
    report = Report(lab=lab, stage=stage, submission_hash=submission_hash(files), content_hash=lab.content_hash)
    if lab.rule is not None:
        from windtunnel.labs.safeguards import judge_prediction  # noqa: PLC0415 - as in `shelf`

        judge_prediction(lab, files, report, folder)
        if progress is not None:
            for result in report.checks:
                progress(result)
    else:
        known = [each.id for each in lab.stages]
        stages = known[: lab.stage_number(stage)] if stage else known
        if folder is not None and only is None:
            shutil.rmtree(folder / PAGES, ignore_errors=True)

        def took(event: dict[str, Any]) -> None:
            result = _result(event, lab, folder)
            report.checks.append(result)
            if progress is not None:
                progress(result)

        with contextlib.ExitStack() as around:
            mine = grader if grader is not None else around.enter_context(Grader())
            _, report.message = mine.grade(
                lab, files, stages=stages, only=only, seed=seed, html=html, time_s=time_s, limits=limits, progress=took
            )
            report.walls = mine.walls
        if report.message and not report.message.startswith(("a check of this lab", "the grader")):
            report.verdict = "failed"
        report.conclude()
    from windtunnel.labs.grader import GRADER  # noqa: PLC0415 - cheap, but it is the other side's

    report.grader = GRADER
    report.seconds = time.monotonic() - began
    return report


def _result(event: dict[str, Any], lab: Lab, folder: Path | None) -> CheckResult:
    """A check as it is shown: with its page in the folder, and the command that shows it again."""
    result = result_of(event)
    place = str(folder) if folder is not None else lab.id
    if result.verdict != "passed" and result.kind != "skipped":
        words = ["windtunnel", "lab", "check", place, "--only", result.name]
        if result.seed is not None:
            words += ["--seed", str(result.seed)]
        result.replay = " ".join(shlex.quote(word) for word in words)
    html = event.get("html") or ""
    if html and folder is not None:
        name = re.sub(r"[^a-z0-9]+", "-", result.name.lower()).strip("-")[:80] or "check"
        with contextlib.suppress(UsageError):  # a page is a convenience: the verdict stands without it
            write_text(folder / PAGES / ".gitignore", "*\n")
            write_text(folder / PAGES / f"{name}.html", html)
            result.page = str(folder / PAGES / f"{name}.html")
    return result


def _move_on(state: State, lab: Lab, report: Report, folder: Path) -> None:
    """After a stage that passed comes the next one."""
    if not report.passed:
        return
    known = [each.id for each in lab.stages]
    if known:
        number = known.index(report.stage)
        last = number + 1 == len(known)
        if state.stage not in known or number >= known.index(state.stage):
            state.stage = report.stage if last else known[number + 1]
        state.passed = state.passed or last
    else:
        state.passed = True
    state.content_hash = lab.content_hash
    state.save(folder)

"""What came of one check, in words for the learner: the fact that does not hold, where it was first seen, how to see it again."""

from __future__ import annotations

import errno
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from windtunnel.labs.walls import Limits

LOG_ROWS = 40
"""Rows of the log that a result carries: the last ones. The page has more."""

NEVER_ENDS = ("spin", "hung")
"""Kinds of finding after which the other checks are not tried: each would take as long."""

UNMET = re.compile(r"^(?:[\w.]+\.)?Unmet: ")
_ERROR = re.compile(r"^(?:[\w.]+\.)?(\w+)(?:\('?|: |$)")
_DENIED = re.compile(rf"\[Errno ({errno.EPERM}|{errno.EACCES})\]")


@dataclass(slots=True, kw_only=True)
class Outcome:
    """One check. verdict: "passed", "failed" or "unknown".

    plan: the faults that are needed, one line each. log: the last rows, (at_s, host, source, text). first_bad: the first bad
    event: at_s, host, where, kind, text. html: the page of the failing run, "" if there is none. seeds: how many were run.
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
    html: str = ""
    seconds: float = 0.0


def found(kind: str, message: str, where: str, limits: Limits, limit_s: float) -> str:
    """What a finding of a run says to whoever wrote the code. where: "file:line in function", or ""."""
    unmet = UNMET.match(message)
    if unmet:
        return message[unmet.end() :]
    at = f"{where}: " if where else ""
    excess = _excess(message, limits)
    if excess:
        return f"{at}{excess}"
    match kind:
        case "spin":
            return f"{at}this step does not end: an endless loop, or far too much work at once ({limits.step_s:g} s)"
        case "hung":
            return f"{at}the run did not end within the {limits.run_s:g} s that it has, and was killed"
        case "deadlock":
            return f"nothing can ever happen again, and the check still waits: something never answers ({message})"
        case "livelock":
            return f"{at}events without end at one instant: a loop that waits for nothing"
        case "limit":
            return f"it is not done after {limit_s:g} virtual seconds: something never answers"
        case "died":
            return f"{at}{_death(message, limits)}"
        case "escaped":
            return f"{at}{message}"
    return f"{at}{message}"


def _excess(message: str, limits: Limits) -> str:
    """A limit that an exception stands for."""
    match = _ERROR.match(message)
    error = match[1] if match else ""
    if error == "MemoryError":
        return f"it needs more memory than the {limits.memory_bytes >> 20} MiB that a run has"
    if f"[Errno {errno.EFBIG}]" in message:
        return f"it writes more than the {limits.file_bytes >> 20} MiB that a run may write"
    if f"[Errno {errno.EMFILE}]" in message:
        return f"it opens more than the {limits.open_files} files that a run may have open"
    if error in {"PermissionError", "OSError", "BlockingIOError"} and _DENIED.search(message):
        return (
            f"{message}: a submission starts no processes, opens no real sockets and changes no files outside its scratch folder"
        )
    if error == "SystemExit":
        return "it ends the process (sys.exit); a program under test returns, or raises what went wrong"
    return ""


def _death(message: str, limits: Limits) -> str:
    if "SIGXCPU" in message or "SIGKILL" in message:
        return f"the run was killed: it used up its {limits.cpu_s} s of processor or its memory"
    return message


def shown(log: Sequence[tuple[float, str, str, str]]) -> list[tuple[float, str, str, str]]:
    """The end of a log, with lines of bearable length."""
    return [
        (at_s, host, source, text if len(text) <= 400 else f"{text[:400]}...") for at_s, host, source, text in log[-LOG_ROWS:]
    ]

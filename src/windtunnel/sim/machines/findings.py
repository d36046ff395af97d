"""What a run can find, each as one report with host, virtual time and line.

| kind | what happened |
|---|---|
| test | the test raised |
| main | the main function of a host raised, and its `on_exit` is "fail" |
| task | a background task or a callback raised, and nobody took the exception |
| always, eventually | an assertion of that name, in the code under test, did not hold |
| deadlock | nothing can ever run again, yet the test waits |
| livelock | events without end at one virtual instant |
| spin | one step ran for longer than `step_wall_s` real seconds |
| limit | the test was not done by the virtual time or the number of steps allowed |
| escaped | simulated code called something that only the real world has, whether or not it caught the exception |
"""

from __future__ import annotations

import sysconfig
import traceback
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from types import FrameType, TracebackType

from windtunnel.base.errors import WindtunnelError

_OURS = str(Path(__file__).parents[2])
_STDLIB = tuple({sysconfig.get_path("stdlib"), sysconfig.get_path("platstdlib")})
_SITE = ("site-packages", "dist-packages")

Place = tuple[str, int, str]
"""File, line, function."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong.

    host: the machine whose code it is. at_s: virtual seconds. where: "file:line in function" of the user's innermost frame, or "".
    message: one line. text: the traceback, or who waits for what; may be empty.
    """

    kind: str
    host: str
    at_s: float
    where: str
    message: str
    text: str = ""

    def __str__(self) -> str:
        at = f" at {self.where}" if self.where else ""
        head = f"{self.kind}: on {self.host} at t={self.at_s:.6f} s{at}: {self.message}"
        return f"{head}\n{self.text}" if self.text else head


class RunFailed(WindtunnelError):  # noqa: N818 - says what happened
    """A run ended with a finding other than an exception of the test itself; that one is raised as it is."""

    def __init__(self, finding: Finding) -> None:
        super().__init__(str(finding))
        self.finding = finding


class HostDown(WindtunnelError):  # noqa: N818
    """What was to run on a host will not end: its process or its machine died."""


class LeakWarning(ResourceWarning):
    """A test ended with tasks, connections or servers of its own still open."""


# --- Which line is to blame ---


def blame(frames: Iterable[Place]) -> str:
    """The user's innermost frame of `frames` (outermost first): neither the standard library's nor ours, if possible no package's."""
    best = ""
    rank = 0
    for file, line, function in frames:
        mine = _rank(file)
        if mine >= rank:
            rank, best = mine, f"{file}:{line} in {function}"
    return best


def frames_of(trace: TracebackType | None) -> list[Place]:
    """The frames of a traceback, outermost first."""
    return [(frame.f_code.co_filename, line, frame.f_code.co_name) for frame, line in traceback.walk_tb(trace)]


def frames_above(frame: FrameType | None) -> list[Place]:
    """The stack that ends in `frame`, outermost first."""
    rows = [(above.f_code.co_filename, line, above.f_code.co_name) for above, line in traceback.walk_stack(frame)]
    return rows[::-1]


def _rank(file: str) -> int:
    if file.startswith("<frozen") or file.startswith(_OURS):
        return 0
    if any(f"/{name}/" in file for name in _SITE):
        return 2
    return 1 if file.startswith(_STDLIB) else 3


def one_line(error: BaseException) -> str:
    """Type and message of an exception, on one line."""
    text = "".join(traceback.format_exception_only(error)).strip()
    return text.split("\n", 1)[0]


def traceback_text(error: BaseException) -> str:
    """The whole traceback, causes included."""
    return "".join(traceback.format_exception(error)).rstrip()

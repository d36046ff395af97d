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

import traceback
from dataclasses import dataclass

from windtunnel.base.errors import WindtunnelError
from windtunnel.sim.places import blame, frames_of, ours

__all__ = ["Finding", "HostDown", "LeakWarning", "RunFailed", "blame", "frames_of", "one_line", "traceback_text"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong.

    host: the machine whose code it is. at_s: virtual seconds. where: "file:line in function" of the user's innermost frame, or
    "". message: one line. text: the traceback, or who waits for what; may be empty.
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


def one_line(error: BaseException) -> str:
    """Type and message of an exception, on one line."""
    text = "".join(traceback.format_exception_only(error)).strip()
    return text.split("\n", 1)[0]


def traceback_text(error: BaseException) -> str:
    """The whole traceback, causes included, without the frames of the simulator."""
    told = traceback.TracebackException.from_exception(error)
    _leave_out_ours(told, set())
    return "".join(told.format()).rstrip()


def _leave_out_ours(told: traceback.TracebackException, done: set[int]) -> None:
    if id(told) in done:
        return
    done.add(id(told))
    theirs = [frame for frame in told.stack if not ours(frame.filename)]
    if theirs:
        told.stack = traceback.StackSummary.from_list(theirs)
    for other in (told.__cause__, told.__context__, *(getattr(told, "exceptions", None) or ())):
        if other is not None:
            _leave_out_ours(other, done)

"""Which line of the user's is meant: the innermost frame of a stack, a traceback or a waiting coroutine that is theirs."""

from __future__ import annotations

import sysconfig
import traceback
from collections.abc import Iterable
from pathlib import Path
from types import FrameType, TracebackType
from typing import Any

Place = tuple[str, int, str]
"""File, line, function."""

_OURS = str(Path(__file__).parents[1])
_STDLIB = tuple({sysconfig.get_path("stdlib"), sysconfig.get_path("platstdlib")})
_PACKAGES = ("/site-packages/", "/dist-packages/")


def blame(frames: Iterable[Place]) -> str:
    """The innermost frame of `frames` (outermost first) that is the user's, as "file:line in function"; "" for no frames.

    The user's own code comes before installed packages, these before the standard library, and that before ours.
    """
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


def awaits_of(coroutine: Any) -> list[FrameType]:
    """The frames of a suspended coroutine and of what it awaits, outermost first."""
    frames: list[FrameType] = []
    awaited: Any = coroutine
    while awaited is not None:
        frame = getattr(awaited, "cr_frame", None) or getattr(awaited, "ag_frame", None) or getattr(awaited, "gi_frame", None)
        if frame is not None:
            frames.append(frame)
        awaited = (
            getattr(awaited, "cr_await", None) or getattr(awaited, "ag_await", None) or getattr(awaited, "gi_yieldfrom", None)
        )
    return frames


def ours(file: str) -> bool:
    """Whether a file is part of the simulator."""
    return file.startswith((_OURS, "src/windtunnel/"))  # the second is what compiled modules say


def _rank(file: str) -> int:
    if file.startswith("<frozen") or ours(file):
        return 0
    if any(packages in file for packages in _PACKAGES):
        return 2
    return 1 if file.startswith(_STDLIB) else 3

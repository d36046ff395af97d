"""Whether a program waits: it has read all that it was given, and each of its threads sleeps.

Theory of operation. A pipe says how many bytes nobody has read yet. When there are none, and the kernel calls every thread of
the program and of its children sleeping, nothing will happen until somebody writes: a thread that was woken counts as running
from the moment of the call that woke it. What may still happen is a timer of the program's own, which is why it should have none.
"""

from __future__ import annotations

import array
import fcntl
import sys
import termios
from pathlib import Path

_PROC = Path("/proc")
CAN_TELL = sys.platform == "linux" and _PROC.is_dir()
"""Whether this system lets us look; elsewhere a program that says nothing for a moment counts as quiet."""


def unread(fd: int) -> int:
    """Bytes in a pipe that its reader has not taken."""
    count = array.array("i", [0])
    fcntl.ioctl(fd, termios.FIONREAD, count)
    return int(count[0])


def tree(pid: int) -> list[int]:
    """A process and everything that descends from it, as far as it has not been orphaned."""
    found = [pid]
    for each in found:
        try:
            tasks = list((_PROC / str(each) / "task").iterdir())
        except OSError:
            continue
        for task in tasks:
            try:
                found += map(int, (task / "children").read_text(encoding="ascii").split())
            except (OSError, ValueError):
                continue
    return found


def asleep(pid: int) -> bool:
    """Whether all threads of one process sleep, or it has ended."""
    try:
        tasks = list((_PROC / str(pid) / "task").iterdir())
    except OSError:
        return True
    for task in tasks:
        try:
            stat = (task / "stat").read_text(encoding="utf-8", errors="replace")
        except OSError:
            continue
        if stat.rpartition(") ")[2][:1] not in {"S", "Z", "X", "T", "t", "I"}:
            return False
    return True

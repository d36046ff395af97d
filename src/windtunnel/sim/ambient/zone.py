"""The time zone of simulated hosts is UTC: what a run prints must not depend on where it runs.

Local time is made by the C library, deep inside `datetime` and `time`, so the zone is a property of the process: it is changed
when a simulation begins, and given back when it ends. Other threads see it meanwhile.
"""

from __future__ import annotations

import os
import time

_before: str | None = None
_changed = False


def enter() -> None:
    """Make UTC the local time of this process. Where it is already, this costs nothing."""
    global _before, _changed
    if not (time.timezone or time.daylight):
        return
    _before, _changed = os.environ.get("TZ"), True
    os.environ["TZ"] = "UTC0"
    time.tzset()


def leave() -> None:
    """Give the zone back that `enter` found."""
    global _changed  # noqa: PLW0603
    if not _changed:
        return
    _changed = False
    if _before is None:
        del os.environ["TZ"]
    else:
        os.environ["TZ"] = _before
    time.tzset()

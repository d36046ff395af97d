"""Progress of long work, on stderr: a bar on a terminal, now and then a line elsewhere, nothing for short work."""

from __future__ import annotations

import sys
import time
from typing import Any, Self

QUIET_S = 0.5  # work shorter than that shows no bar
DRAW_EVERY_S = 0.1  # as often as a person can see
LINE_EVERY_S = 5.0  # where there is no terminal


class Meter:
    """Shows how far `what` has come; `total` None is unknown. A context manager, so that the bar never outlives the work.

    It draws only when `show` is called: no thread, because a sweep forks.
    """

    def __init__(self, what: str, total: float | None) -> None:
        self.what = what
        self.total = total
        self._began_s = self._shown_s = time.monotonic()
        self._bar: Any = None
        self._task: Any = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.stop()

    def show(self, done: float, text: str) -> None:
        """`done` of the total, and what to say beside it."""
        now = time.monotonic()
        terminal = sys.stderr.isatty()
        if now - self._shown_s < (DRAW_EVERY_S if terminal else LINE_EVERY_S) or now - self._began_s < QUIET_S:
            return
        self._shown_s = now
        if terminal:
            self._draw(done, text)
        else:
            sys.stderr.write(f"{self.what}: {text}\n")
            sys.stderr.flush()

    def _draw(self, done: float, text: str) -> None:
        if self._bar is None:
            from rich.console import Console  # noqa: PLC0415 - 60 ms, and only for long work on a terminal
            from rich.progress import BarColumn, Progress, TextColumn  # noqa: PLC0415

            columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[said]}"))
            self._bar = Progress(*columns, console=Console(stderr=True), auto_refresh=False, transient=True)
            self._task = self._bar.add_task(self.what, total=self.total, said=text)
            self._bar.start()
        self._bar.update(self._task, completed=done, said=text, refresh=True)


def left_text(seconds: float | None) -> str:
    """`1 min 20 s left`, or nothing when nobody knows."""
    if seconds is None:
        return ""
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s left" if minutes else f"{rest} s left"

"""What a child process of the studio does: one piece of work, told by lines of JSON.

    python -m windtunnel.studio.child run      < {"scenario": {...}, "speed": 5, "store": "..."}

The first line of stdin is the order. Later lines change the pace (`{"speed": 20}`, `{"paused": true}`). The end of stdin means
that the server has gone: then this process goes too, with its whole group. stdout is kept for the lines; whatever else writes
to it is sent to stderr.
"""

from __future__ import annotations

import importlib
import json
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any, TextIO

from windtunnel.base.errors import WindtunnelError

WORKS = {
    "run": "windtunnel.studio.playing",
    "check": "windtunnel.studio.workbench",
    "agree": "windtunnel.studio.figures",
    "try": "windtunnel.studio.trying",
}
"""Kind of work to the module that does it, by its function `work(order, say, pace)`."""

PATIENCE_S = 2.0
"""For an end in order, when the server has gone; then the whole group is killed."""

Say = Callable[..., None]
"""`say("note", text="n1 leads")` sends one line; the first argument is its kind."""


class Pace:
    """How fast a watched run shall go. speed: virtual seconds per second, 0 is as fast as it can; changed from another thread."""

    def __init__(self, speed: float) -> None:
        self.speed = speed
        self.going = threading.Event()
        self.going.set()

    def take(self, row: Mapping[str, Any]) -> None:
        """Follow a line of the server."""
        speed = row.get("speed")
        if isinstance(speed, int | float) and not isinstance(speed, bool) and 0 <= speed <= 1000:
            self.speed = float(speed)
        if row.get("paused") is True:
            self.going.clear()
        elif row.get("paused") is False:
            self.going.set()


def main() -> None:
    """Do the work named on the command line."""
    signal.signal(signal.SIGTERM, _interrupted)  # a polite end: clusters, children and temporary folders go with us
    lines = os.fdopen(os.dup(1), "w", encoding="utf-8", errors="replace", buffering=1)
    os.dup2(2, 1)
    asked = _lines(0)
    order = json.loads(next(asked, b"{}"))
    pace = Pace(float(order.get("speed") or 0))
    threading.Thread(target=_listen, args=(asked, pace), daemon=True).start()
    say = _speaker(lines)
    try:
        importlib.import_module(WORKS[sys.argv[1]]).work(order, say, pace)
    except WindtunnelError as error:
        say("error", text=str(error))
    except KeyboardInterrupt:
        sys.exit(130)


def _speaker(lines: TextIO) -> Say:
    def say(kind: str, **more: Any) -> None:
        lines.write(json.dumps({"kind": kind, **more}, ensure_ascii=False, separators=(",", ":"), default=str) + "\n")

    return say


def _lines(descriptor: int) -> Iterator[bytes]:
    """Lines as they come. Read from the descriptor: a thread that waits inside `sys.stdin` holds up the interpreter's end."""
    rest = b""
    while part := os.read(descriptor, 1 << 16):
        *whole, rest = (rest + part).split(b"\n")
        yield from whole


def _listen(asked: Iterator[bytes], pace: Pace) -> None:
    """Changes of pace until the server closes the pipe or dies; then this process and all that it started end."""
    for line in asked:
        try:
            row = json.loads(line)
        except ValueError:
            continue
        if isinstance(row, dict):
            pace.take(row)
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(PATIENCE_S)
    if os.getpgrp() == os.getpid():
        os.killpg(os.getpid(), signal.SIGKILL)
    os._exit(1)


def _interrupted(_number: int, _frame: object) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    main()

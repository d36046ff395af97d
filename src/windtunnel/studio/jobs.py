"""Work of the studio in child processes: started, watched, slowed down, cancelled, and ended with the server.

Theory of operation. A job is one process of its own (`child`), in a session of its own, so that a signal to its group reaches
whatever it has started. The job's description goes in by the first line of its stdin; further lines change its pace; its end
closes stdin, so a child whose server was killed sees the end of the file and leaves. What it has to say comes by lines of
JSON on stdout, each with a `kind`. A job keeps what it said as a `Log`, which any number of pages follow at their own speed.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from windtunnel.base.errors import UsageError

JOBS_MAX = 4
"""Jobs at a time: more would only take turns on a small machine."""

KEPT_MAX = 40
"""Ended jobs whose log is still there for a page that was reloaded."""

PATIENCE_S = 2.0
"""Between asking a child to end and ending it."""

LINE_MAX = 32 << 20
"""Bytes of one line of a child: a check with a trace for each failure is some megabytes."""

ALONE_S = 5.0
"""How long an attended job goes on with nobody there: a page that is reloaded is back sooner."""

MOVING = "frame"
"""The kind of message of which a late page needs only the newest."""


@dataclass(slots=True)
class Log:
    """What a job said. events: in order, none is ever left out; frame: the newest picture, with the number of pictures so far.

    Frames are not kept: a page that comes late, or reads slowly, sees the present. So a frame is a whole picture, and what must
    not be missed is an event.
    """

    events: list[dict[str, Any]] = field(default_factory=list)
    frame: dict[str, Any] | None = None
    frames: int = 0

    def add(self, message: dict[str, Any]) -> None:
        """Take in one message of the child."""
        if message.get("kind") == MOVING:
            self.frame, self.frames = message, self.frames + 1
        else:
            self.events.append(message)


class Job:
    """One child process. `ended` is set when it has gone and its last word is in the log.

    work: the kind of work, as `child` knows it; what: in words. attended: it goes on only while a page follows it. followers: how
    many do.
    """

    def __init__(self, number: str, work: str, what: str, process: asyncio.subprocess.Process, *, attended: bool) -> None:
        self.work = work
        self.attended = attended
        self.followers = 0
        self.id = number
        self.what = what
        self.log = Log()
        self.began_s = time.monotonic()
        self.cancelled = False
        self.ended = asyncio.Event()
        self._process = process
        self._reading = asyncio.create_task(self._read())
        self._looking: asyncio.Task[None] | None = None

    @property
    def running(self) -> bool:
        """Whether the child is still there."""
        return not self.ended.is_set()

    def leave_alone(self) -> None:
        """Look in a while whether anybody follows; if not, the job ends."""

        async def look() -> None:
            await asyncio.sleep(ALONE_S)
            if not self.followers:
                await self.cancel()

        self._looking = asyncio.create_task(look())

    async def say(self, message: Mapping[str, Any]) -> None:
        """Send a line to the child, which may have ended meanwhile."""
        stdin = self._process.stdin
        assert stdin is not None, "a job is started with a pipe"
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            stdin.write(json.dumps(message).encode() + b"\n")
            await stdin.drain()

    async def cancel(self) -> None:
        """Ask the child to end, then end it; returns when it has gone."""
        if not self.running:
            return
        self.cancelled = True
        self._signal(signal.SIGTERM)
        try:
            await asyncio.wait_for(self.ended.wait(), PATIENCE_S)
        except TimeoutError:
            self._signal(signal.SIGKILL)
            await self.ended.wait()

    def _signal(self, number: int) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, number)

    async def _read(self) -> None:
        """Every line until the end; then the end itself, whatever it was, as the last event."""
        stdout, stderr = self._process.stdout, self._process.stderr
        assert stdout is not None, "a job is started with pipes"
        assert stderr is not None, "a job is started with pipes"
        complaints = asyncio.create_task(stderr.read(LINE_MAX))
        try:
            while line := await stdout.readline():
                with contextlib.suppress(ValueError):
                    message = json.loads(line)
                    if isinstance(message, dict):
                        self.log.add(message)
        except (ValueError, OSError) as error:  # a line without an end, or a broken pipe
            self.log.add({"kind": "error", "text": f"the child process said something that cannot be read: {error}"})
            self._signal(signal.SIGKILL)
        code = await self._process.wait()
        self._signal(signal.SIGKILL)  # what it has left behind in its group
        text = (await complaints).decode("utf-8", "replace").strip()
        self.log.add({"kind": "end", **self._how_it_ended(code, text)})
        self.ended.set()

    def _how_it_ended(self, code: int, text: str) -> dict[str, Any]:
        if self.cancelled:
            return {"state": "cancelled"}
        said = {message["kind"] for message in self.log.events}
        if "error" in said:
            return {"state": "failed"}
        if "done" in said:
            return {"state": "done"}
        how = signal.Signals(-code).name if code < 0 else f"exit code {code}"
        self.log.add({"kind": "error", "text": f"the child process ended early ({how})", "detail": text[-4000:]})
        return {"state": "failed"}


class Jobs:
    """The jobs of one server, by number."""

    def __init__(self) -> None:
        self._jobs: dict[str, Job] = {}
        self._next = 1
        self.closing = asyncio.Event()

    async def start(self, work: str, what: str, order: Mapping[str, Any], *, attended: bool = False) -> Job:
        """Begin `work` (a name that `child` knows) with `order` as its JSON. Raises UsageError when too much is going on.

        attended: cancelled when no page has followed it for ALONE_S.
        """
        if self.closing.is_set():
            raise UsageError("the studio is ending")
        if sum(job.running for job in self._jobs.values()) >= JOBS_MAX:
            raise UsageError(f"{JOBS_MAX} jobs are running: wait for one of them, or cancel it")
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "windtunnel.studio.child",
            work,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            start_new_session=True,
            limit=LINE_MAX,
        )
        job = Job(str(self._next), work, what, process, attended=attended)
        self._next += 1
        self._jobs[job.id] = job
        await job.say(order)
        if attended:
            job.leave_alone()
        self._forget()
        return job

    def find(self, number: str) -> Job | None:
        """The job of that number, if it is remembered."""
        return self._jobs.get(number)

    def running(self) -> list[Job]:
        """The jobs that go on, oldest first."""
        return [job for job in self._jobs.values() if job.running]

    async def close(self) -> None:
        """End every job; returns when all have gone."""
        self.closing.set()
        await asyncio.gather(*(job.cancel() for job in self.running()))

    def _forget(self) -> None:
        ended = [job.id for job in self._jobs.values() if not job.running]
        for number in ended[:-KEPT_MAX]:
            del self._jobs[number]

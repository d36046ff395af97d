"""One program as a node: its process, its pipes, what it may write, and how to wait until it waits."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from windtunnel.base.errors import WindtunnelError
from windtunnel.foreign.quiet import CAN_TELL, asleep, tree, unread

STDERR_TAIL = 4000
LINE_SHOWN = 200
_POLL_S = 0.0001
_SILENCE_S = 0.03
"""Where nobody can tell whether a program sleeps: how long it must say nothing."""


class ProgramFailed(WindtunnelError):  # noqa: N818 - what happened
    """A program did what no program may; the message names the node and the deed. stderr: the end of what it said."""

    def __init__(self, node: str, text: str, stderr: str = "") -> None:
        super().__init__(f"{node} {text}" + (f"; the end of its stderr:\n{stderr}" if stderr else ""))
        self.node = node
        self.stderr = stderr


@dataclass(frozen=True, slots=True, kw_only=True)
class Caps:
    """What a program may do. quiet_s: real seconds that it may work on one message. out_bytes: of output, in all its life."""

    quiet_s: float = 5.0
    line_bytes: int = 1 << 20
    out_bytes: int = 16 << 20
    processes: int = 64


class Program:
    """A running program. start: called in the new process before the program, to put walls around it. Raises ProgramFailed."""

    def __init__(
        self, node: str, command: Sequence[str], cwd: str, *, caps: Caps, start: Callable[[], None] = lambda: None
    ) -> None:
        self.node = node
        self.caps = caps
        self._bytes = 0
        self._rest = b""
        self._stderr = tempfile.TemporaryFile(dir=cwd)  # noqa: SIM115 - lives as long as the process
        theirs_in, self._in = os.pipe()
        self._out, theirs_out = os.pipe()
        self.pid = os.fork()
        if self.pid == 0:
            _become(command, cwd, (theirs_in, theirs_out, self._stderr.fileno()), start)
        os.close(theirs_in)
        os.close(theirs_out)
        os.set_blocking(self._out, False)
        os.set_blocking(self._in, False)
        self.ended: int | None = None

    # --- Talking ---

    def give(self, line: bytes) -> None:
        """Write one line to its stdin; a program that has closed it does not get it."""
        view = memoryview(line)
        ends_s = time.monotonic() + self.caps.quiet_s
        while view:
            try:
                view = view[os.write(self._in, view) :]
            except BlockingIOError:
                if time.monotonic() > ends_s:
                    raise self._failed("does not read its stdin") from None
                select.select([], [self._in], [], _POLL_S)
            except BrokenPipeError:
                return

    def settle(self) -> list[bytes]:
        """What it says until it waits again: whole lines. Raises ProgramFailed if it does not come to rest."""
        lines: list[bytes] = []
        began_s = heard_s = time.monotonic()
        looks = 0
        while True:
            ready, _, _ = select.select([self._out], [], [], _POLL_S)
            now = time.monotonic()
            if ready:
                lines += self._read()
                heard_s = now
                looks = 0
                if self.ended is not None:
                    return lines
            elif self._rests(now - heard_s):
                looks += 1
                if looks > 1:
                    return lines
            if now - began_s > self.caps.quiet_s:
                raise self._failed(f"did not come to rest within {self.caps.quiet_s:g} s of a message: an endless loop?")

    def status(self) -> str:
        """How it ended, in words."""
        assert self.ended is not None, "it still runs"
        size = os.fstat(self._stderr.fileno()).st_size
        much = f" after {size >> 20} MiB on its stderr, which is all that it may write" if size >= self.caps.out_bytes else ""
        if self.ended >= 0:
            return f"status {self.ended}{much}"
        known = {each.value for each in signal.Signals}
        return (signal.Signals(-self.ended).name if -self.ended in known else f"signal {-self.ended}") + much

    @property
    def fd(self) -> int:
        """Of its stdout, to be polled."""
        return self._out

    def _read(self) -> list[bytes]:
        try:
            chunk = os.read(self._out, 1 << 16)
        except BlockingIOError:
            return []
        if not chunk:
            self._reap(0.5)
            return [self._rest] if self._rest.strip() else []
        self._bytes += len(chunk)
        *lines, self._rest = (self._rest + chunk).split(b"\n")
        if self._bytes > self.caps.out_bytes:
            raise self._failed(f"wrote more than {self.caps.out_bytes >> 20} MiB to its stdout")
        if len(self._rest) > self.caps.line_bytes:
            raise self._failed(f"wrote a line of more than {self.caps.line_bytes >> 20} MiB")
        return lines

    def _rests(self, silent_s: float) -> bool:
        if not CAN_TELL:
            return silent_s > _SILENCE_S
        processes = tree(self.pid)
        if len(processes) > self.caps.processes:
            raise self._failed(f"started more than {self.caps.processes} processes")
        return unread(self._in) == 0 and all(asleep(pid) for pid in processes)

    def _failed(self, text: str) -> ProgramFailed:
        return ProgramFailed(self.node, text, self.stderr())

    def stderr(self) -> str:
        """The end of what it wrote there."""
        size = os.fstat(self._stderr.fileno()).st_size
        text = os.pread(self._stderr.fileno(), STDERR_TAIL, max(0, size - STDERR_TAIL)).decode("utf-8", "replace").strip()
        return "\n".join(line if len(line) <= LINE_SHOWN else f"{line[:LINE_SHOWN]}..." for line in text.splitlines())

    # --- Life ---

    def kill(self) -> None:
        """End it and everything that it started, without asking."""
        if self.ended is None:
            for pid in tree(self.pid) if CAN_TELL else []:
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.kill(pid, signal.SIGKILL)
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self.pid, signal.SIGKILL)
            self._reap(5.0)
        for fd in (self._in, self._out):
            with contextlib.suppress(OSError):
                os.close(fd)
        self._stderr.close()

    def _reap(self, patience_s: float) -> None:
        ends_s = time.monotonic() + patience_s
        while self.ended is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self.ended = os.waitstatus_to_exitcode(status)
            elif time.monotonic() > ends_s:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(self.pid, signal.SIGKILL)
                self.ended = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
            else:
                time.sleep(_POLL_S)


def _become(command: Sequence[str], cwd: str, streams: tuple[int, int, int], start: Callable[[], None]) -> None:
    """In the child: become the program, or say why not, and end."""
    try:
        os.setsid()
        os.chdir(cwd)
        for number, fd in enumerate(streams):
            os.dup2(fd, number)
        os.closerange(3, 4096)
        start()
        os.execvp(command[0], list(command))  # noqa: S606 - the program that is to be run
    except BaseException as error:  # noqa: BLE001 - the parent's code must not run twice
        os.write(2, f"cannot run {command[0]}: {error}\n".encode())
    finally:
        os._exit(127)

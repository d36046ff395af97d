"""Child processes that never outlive us.

Four nets, one under the other. An orderly stop kills every child. An exception, Ctrl-C included, unwinds through the same
stop. When this process dies without unwinding (SIGKILL, a crash of the interpreter), the kernel kills each child, which asked
for that with PR_SET_PDEATHSIG as its first act, paused ones included. And a child that never got as far notices that its
parent is gone when it gets there.

Each child leads a session of its own, so that the terminal's Ctrl-C reaches us and not them, and the order of things stays ours.
Killing and pausing walk the tree of descendants, since a program may start others in other groups; SIGSTOP goes to all
before SIGKILL does, so that none reacts to the death of another.
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import os
import random
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

from windtunnel.base.errors import UsageError

_PR_SET_PDEATHSIG = 1
_PORT_RANGE = Path("/proc/sys/net/ipv4/ip_local_port_range")


def die_with_parent(parent: int) -> None:
    """Have the kernel kill this process when `parent` dies; exit now if it already has. Call it first thing in a child.

    The death of the *thread* that started the child counts, so children are started from a thread that stays.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        os._exit(1)


def tree(pid: int) -> list[int]:
    """`pid` and all its descendants, parents first. Empty when it is gone."""
    found = []
    queue = [pid]
    while queue:
        current = queue.pop()
        tasks = Path(f"/proc/{current}/task")
        try:
            children = [int(child) for task in tasks.iterdir() for child in (task / "children").read_text().split()]
        except OSError:
            continue
        found.append(current)
        queue += children
    return found


def signal_tree(pid: int, *signals: int) -> None:
    """Send each signal in turn to `pid` and all its descendants."""
    pids = tree(pid)
    for number in signals:
        for each in pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(each, number)


class Child:
    """One child process with a pipe of lines to it and from it.

    argv: the program. log: file for its stderr, appended to. heard: called with each line that it writes to its stdout, and
    `ended` with its exit status (negative: the signal), after its last line; both in the loop.
    """

    def __init__(
        self,
        argv: Sequence[str],
        *,
        log: Path,
        environment: Mapping[str, str],
        heard: Callable[[bytes], None],
        ended: Callable[[int], None],
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._heard = heard
        self._ended = ended
        self._rest: list[bytes] = []
        self.exited: asyncio.Future[int] = self._loop.create_future()
        with log.open("ab") as errors:
            self._process = subprocess.Popen(  # noqa: S603 - our own program
                argv,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                start_new_session=True,
                env=dict(environment),
            )
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self.pid = self._process.pid
        self._stdin = self._process.stdin
        self._stdout = self._process.stdout
        os.set_blocking(self._stdin.fileno(), False)
        os.set_blocking(self._stdout.fileno(), False)
        self._pidfd = os.pidfd_open(self.pid)
        self._loop.add_reader(self._pidfd, self._on_exit)
        self._loop.add_reader(self._stdout.fileno(), self._on_output)

    def tell(self, line: bytes) -> bool:
        """Write one line to its stdin; False if it is gone or does not read. Never blocks."""
        try:
            return os.write(self._stdin.fileno(), line + b"\n") == len(line) + 1
        except (OSError, ValueError):
            return False

    def signal(self, *signals: int) -> None:
        """Send signals to it and its descendants."""
        if not self.exited.done():
            signal_tree(self.pid, *signals)

    async def gone(self) -> None:
        """Wait until it has ended."""
        await asyncio.shield(self.exited)

    def _on_output(self) -> None:
        try:
            data = os.read(self._stdout.fileno(), 65536)
        except BlockingIOError:
            return
        if not data:
            self._loop.remove_reader(self._stdout.fileno())
            return
        self._take(data)

    def _take(self, data: bytes) -> None:
        """Hand on the lines that `data` completes; a line may come in very many pieces."""
        first, *more = data.split(b"\n")
        self._rest.append(first)
        if more:
            self._heard(b"".join(self._rest))
            *lines, last = more
            for line in lines:
                self._heard(line)
            self._rest = [last]

    def _on_exit(self) -> None:
        self._loop.remove_reader(self._pidfd)
        os.close(self._pidfd)
        status = self._process.wait()
        self._loop.remove_reader(self._stdout.fileno())
        with contextlib.suppress(BlockingIOError):
            while data := os.read(self._stdout.fileno(), 65536):
                self._take(data)
        self._stdin.close()
        self._stdout.close()
        if not self.exited.done():
            self.exited.set_result(status)
        self._ended(status)


def free_ports(count: int, taken: Iterable[int] = ()) -> list[int]:
    """TCP ports of 127.0.0.1 that nobody listens on now. Raises UsageError when there are not enough.

    They lie below the range from which the kernel takes ports for outgoing connections, or a node that is down could find
    its port used by somebody's connection when it boots again. Another program may still take one before we do.
    """
    low, high = 10_000, _first_ephemeral() - 1
    skip = set(taken)
    dice = random.SystemRandom()
    found: list[int] = []
    for _ in range(200 * count):
        if len(found) == count:
            return found
        port = dice.randint(low, high)
        if port not in skip and _is_free(port):
            skip.add(port)
            found.append(port)
    if len(found) == count:
        return found
    raise UsageError(f"found {len(found)} free TCP ports between {low} and {high}, {count} are needed: stop other programs")


def _first_ephemeral() -> int:
    try:
        return int(_PORT_RANGE.read_text().split()[0])
    except (OSError, ValueError):
        return 32_768


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True

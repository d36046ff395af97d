"""One node of a live cluster, seen from the world: its process, what it was told and what it says."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import msgspec

from windtunnel.base.errors import StorageError, Unsupported, UsageError, WindtunnelError
from windtunnel.base.messages import NodeId
from windtunnel.live.config import NodeConfig
from windtunnel.live.disks import Scar, corrupt, mend
from windtunnel.live.processes import Child
from windtunnel.live.snapshots import thaw

READY_S = 60.0  # a process boots in a fraction of a second; a loaded machine gets a minute
INSPECT_S = 10.0  # a node that does not answer for so long is no better than a paused one


class StartFailed(WindtunnelError):  # noqa: N818 - what happened
    """A node did not come up. The message names it and quotes its log."""


class PortTaken(WindtunnelError):  # noqa: N818
    """Another program listens on the port that was free a moment ago."""

    def __init__(self, port: int) -> None:
        super().__init__(f"port {port} is taken")
        self.port = port


class Member:
    """The life of one node: boots, states, deaths. What it is told to suffer (clock, disk) outlives its process.

    directory: of its records, its log of stderr and its configuration. failed: called with (node, event, error, text) when it
    breaks by itself. now: the world's clock.
    """

    def __init__(
        self, name: NodeId, directory: Path, *, failed: Callable[[NodeId, str, str, str], None], now: Callable[[], float]
    ) -> None:
        self.name = name
        self.directory = directory
        self.wal = directory / "wal"
        self.life = 0
        self.paused = False
        self.stopped_by_disk = False
        self.state: Mapping[str, Any] | None = None
        self.state_at_s = 0.0
        self._failed = failed
        self._now = now
        self._child: Child | None = None
        self._booted: asyncio.Future[dict[str, Any]] | None = None
        self._dying = False  # its end will be no surprise
        self._asked = False
        self._inspected: asyncio.Future[dict[str, Any] | None] | None = None
        self._scar: Scar | None = None
        self._disk: dict[str, Any] = {"full": False, "sync_s": 0.0}
        self._clock: dict[str, Any] = {"offset_s": 0.0, "drift": 0.0}

    @property
    def up(self) -> bool:
        """Whether its process runs and has booted; a paused one does."""
        booted = self._booted is not None and self._booted.done() and not self._booted.cancelled()
        return self._child is not None and booted and not self._child.exited.done()

    @property
    def pid(self) -> int | None:
        """The process id of its present or last life."""
        return self._child.pid if self._child is not None else None

    # --- Life and death ---

    async def boot(self, config: NodeConfig) -> None:
        """Start its process and wait until it serves. Raises StartFailed, PortTaken, StorageError or UsageError."""
        path = self.directory / "node.json"
        log = self.directory / "log.txt"
        try:
            self.directory.mkdir(parents=True, exist_ok=True)
            path.write_bytes(msgspec.json.encode(config))
        except OSError as error:
            raise StartFailed(f"cannot write {path}: {error.strerror}") from error
        booted = self._booted = asyncio.get_running_loop().create_future()
        self.paused = self._dying = self._asked = False
        self.state = None
        self.life += 1
        child = self._child = Child(
            [sys.executable, "-m", "windtunnel.live.node", str(path)],
            log=log,
            environment=os.environ | {"PYTHONPATH": os.pathsep.join(entry for entry in sys.path if entry)},
            heard=lambda line: self._on_line(msgspec.json.decode(line)),
            ended=self._on_end,
        )
        try:
            async with asyncio.timeout(READY_S):
                answer = await booted
        except TimeoutError:
            await self.kill()
            raise StartFailed(f"{self.name} did not serve within {READY_S:g} s; its log ends:\n{_tail(log)}") from None
        if "ready" in answer:
            self._remind()
            return
        await child.exited
        match answer:
            case {"taken": port}:
                raise PortTaken(port)
            case {"refused": why}:
                raise StorageError(why)
            case {"wrong": why}:
                raise UsageError(why)
            case {"failed": failure}:
                raise StartFailed(f"{self.name} failed at {failure['event']}: {failure['error']}\n{failure['text']}")
            case _:
                raise StartFailed(f"{self.name} ended with status {answer['status']}; its log ends:\n{_tail(log)}")

    def kill_nowait(self) -> None:
        """SIGKILL to it and its descendants; its end is no surprise any more."""
        self._dying = True
        if self._child is not None:
            self._child.signal(signal.SIGSTOP, signal.SIGKILL)

    async def kill(self) -> None:
        """The same, and wait until it is gone."""
        self.kill_nowait()
        if self._child is not None:
            await self._child.gone()

    def pause(self) -> None:
        """SIGSTOP."""
        if self.up and self._child is not None:
            self.paused = True
            self.state = None
            self._child.signal(signal.SIGSTOP)

    def resume(self) -> None:
        """SIGCONT."""
        if self.paused and self._child is not None:
            self.paused = False
            self._child.signal(signal.SIGCONT)

    # --- What it is told ---

    def ask(self) -> None:
        """Ask for its state, unless it still owes an answer."""
        if self.up and not self.paused and not self._asked:
            self._asked = self._tell(do="state")

    async def inspect(self) -> Any | None:
        """A copy of its whole core; None if it is down, paused, or goes down meanwhile.

        Raises Unsupported for a core that cannot be copied.
        """
        if self._inspected is None or self._inspected.done():
            if not self.up or self.paused or not self._tell(do="core"):
                return None
            self._inspected = asyncio.get_running_loop().create_future()
        try:
            async with asyncio.timeout(INSPECT_S):
                line = await asyncio.shield(self._inspected)
        except TimeoutError:
            return None
        if line is None:
            return None
        if line["core"] is None:
            raise Unsupported(f"the live world cannot copy the state of {self.name}: {line['why']}")
        return thaw(line["core"])

    def skew(self, offset_s: float, drift: float) -> None:
        """Jump its clock, and let it drift."""
        self._clock = {"offset_s": self._clock["offset_s"] + offset_s, "drift": drift}
        self._tell(do="clock", offset_s=offset_s, drift=drift)

    def slow_disk(self, sync_s: float) -> None:
        """Let each sync take that long."""
        self._disk["sync_s"] = sync_s
        self._tell(do="disk", **self._disk)

    def fill_disk(self) -> None:
        """Let each commit fail for want of space."""
        self._disk["full"] = True
        self._tell(do="disk", **self._disk)

    def corrupt_disk(self) -> None:
        """Damage a durable record, if there is one whose damage can be told from a torn write."""
        self._scar = self._scar or corrupt(self.wal)

    def mend_disk(self) -> None:
        """Undo all of that."""
        self._disk = {"full": False, "sync_s": 0.0}
        self._tell(do="disk", **self._disk)
        if self._scar is not None:
            mend(self._scar)
            self._scar = None

    def _remind(self) -> None:
        """Tell a fresh process of what outlives a crash."""
        if self._disk["full"] or self._disk["sync_s"]:
            self._tell(do="disk", **self._disk)
        if self._clock["offset_s"] or self._clock["drift"]:
            self._tell(do="clock", **self._clock)

    def _tell(self, **command: Any) -> bool:
        return self._child is not None and self._child.tell(msgspec.json.encode(command))

    # --- What it says ---

    def _on_line(self, line: dict[str, Any]) -> None:
        booted = self._booted
        if "state" in line:
            self._asked = False
            if not self.paused:
                self.state = thaw(line["state"])
                self.state_at_s = self._now()
        elif "core" in line:
            if self._inspected is not None and not self._inspected.done():
                self._inspected.set_result(line)
        elif booted is not None and not booted.done():
            self._dying = "ready" not in line  # now: its end may be noticed before `boot` runs again
            booted.set_result(line)
        elif "refused" in line:
            self.stopped_by_disk = self._dying = True
        elif "failed" in line:
            failure = line["failed"]
            self._dying = True
            self._failed(self.name, failure["event"], failure["error"], failure["text"])

    def _on_end(self, status: int) -> None:
        self.state = None
        if self._inspected is not None and not self._inspected.done():
            self._inspected.set_result(None)
        self.paused = False
        if self._booted is not None and not self._booted.done():
            self._booted.set_result({"status": status})
        elif not self._dying:
            text = _tail(self.directory / "log.txt")
            self._failed(self.name, "running", f"the process ended with status {status}", text)


def _tail(path: Path, limit: int = 4000) -> str:
    try:
        return path.read_bytes()[-limit:].decode(errors="replace").strip() or "(nothing)"
    except OSError as error:
        return f"({error.strerror})"

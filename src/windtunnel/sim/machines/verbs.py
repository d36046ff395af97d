"""The verbs of faults on a world of machines: what `base.world.World` asks for."""

from __future__ import annotations

from collections.abc import Iterable
from math import inf
from typing import Any, Literal

from windtunnel.base.errors import unknown
from windtunnel.base.messages import NodeId
from windtunnel.base.world import Link
from windtunnel.sim.machines.host import Host
from windtunnel.sim.machines.log import Log


class Verbs:
    """Faults by host name. hosts: every machine, the test's included. quiet_at_s: when the planned faults are over.

    ask_leader: tells `leader` who leads, where the program under test has such a thing.
    """

    def __init__(self, kernel: Any, loop: Any, log: Log) -> None:
        self.kernel = kernel
        self.loop = loop
        self.log = log
        self.hosts: dict[str, Host] = {}
        self.quiet_at_s = 0.0
        self.ask_leader: Any = None
        self._rough = False  # whether there is weather

    # --- Who ---

    @property
    def nodes(self) -> tuple[NodeId, ...]:
        """The hosts that faults are aimed at, running or not."""
        return tuple(name for name, host in self.hosts.items() if host.faults)

    def leader(self) -> NodeId | None:
        """The host that leads, as far as the test has said how to tell: see `ask_leader`."""
        return None if self.ask_leader is None else self.ask_leader()

    def running(self, node: NodeId) -> bool:
        """Whether a process is alive on the host."""
        return self._known(node).running

    # --- Network ---

    def cut(self, links: Iterable[Link], *, hold: bool = False) -> None:
        """Cut directed links. Datagrams are lost; streams wait and are retransmitted, as TCP does it; `hold`: nothing is lost."""
        rows = list(links)
        for src, dst in rows:
            self.kernel.links.cut(src, dst, hold)
        self.note(None, ("cut, held: " if hold else "cut: ") + " ".join(f"{src}→{dst}" for src, dst in rows))

    def heal(self) -> None:
        """Mend every link."""
        self.kernel.links.heal()
        self.note(None, "heal: all links")

    def weather(self, *, drop: float = 0.0, duplicate: float = 0.0, slow_s: float = 0.0) -> None:
        """From now on every link loses and repeats packets with these probabilities and adds up to `slow_s` seconds."""
        self.kernel.links.weather(drop=drop, duplicate=duplicate, slow_s=slow_s)
        self._rough = bool(drop or duplicate or slow_s)
        self.note(None, f"weather: drop {drop:.0%}, duplicate {duplicate:.0%}, up to {slow_s * 1e3:.0f} ms slower")

    # --- Machines ---

    def crash(self, node: NodeId) -> None:
        """Cut the power of a host: see `Host.crash`."""
        self._known(node).crash()

    def restart(self, node: NodeId) -> None:
        """Boot a host that is down. No effect on a running one."""
        self._known(node).restart()

    def pause(self, node: NodeId) -> None:
        """Freeze the process of a host."""
        self._known(node).pause()

    def resume(self, node: NodeId) -> None:
        """Let a frozen process go on."""
        self._known(node).resume()

    def skew(self, node: NodeId, *, offset_s: float = 0.0, drift: float = 0.0) -> None:
        """Jump a host's wall clock by `offset_s`; from now on its clocks run `1 + drift` times as fast."""
        host = self._known(node)
        host.port.set_clock(offset_s, 1.0 + drift)
        self.note(host, f"skew: jump {offset_s:+g} s, drift {drift:+.2%}")

    def disk(self, node: NodeId, mode: Literal["ok", "slow", "full", "corrupt"], *, sync_s: float = 0.0) -> None:
        """Change a host's disk: syncs of `sync_s` seconds, no room, or a synced file unreadable; "ok" mends it."""
        host = self._known(node)
        files = host.files
        if files is None:
            return
        if mode == "ok":
            files.repair()
        elif mode == "slow":
            files.sync_s = sync_s
        elif mode == "full":
            files.full = True
        else:
            files.corrupt()
        self.note(host, f"disk: {mode}" + (f", syncs of {sync_s * 1e3:.0f} ms" if mode == "slow" else ""))

    # --- Peace ---

    async def healed(self) -> None:
        """Return when the planned faults are over; links that are still cut then are mended, and the weather is fine.

        Hosts that the test itself took down stay down. A fault that lasts for ever is not waited for.
        """
        now = self.kernel.now
        if now < self.quiet_at_s < inf:
            over: Any = self.loop.create_future()
            self.kernel.call_at(self.quiet_at_s, _tell, over)
            await over
        if self.kernel.links.cuts():
            self.heal()
        if self._rough:
            self.weather()

    # --- Inside ---

    def note(self, host: Host | None, text: str) -> None:
        """A row of the log."""
        self.log.add("-" if host is None else host.name, "world", text)

    def _known(self, name: NodeId) -> Host:
        host = self.hosts.get(name)
        if host is None:
            raise unknown("host", name, self.hosts)
        return host


def _tell(over: Any) -> None:
    if not over.done():
        over.set_result(None)

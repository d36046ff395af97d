"""The world of machines: hosts, the network between them, the verbs of faults, and one run of a test against them.

    def test_it():
        world = World(seed=7)
        world.run(scenario, world)

    async def scenario(world):
        db = world.host("db", main=serve)
        async with world.client("shopper"):
            reader, writer = await asyncio.open_connection("db", 5432)

One world is one run. The test itself runs on a host called "test", which no fault befalls. `World` has the verbs of
`base.world.World`, so that a nemesis drives it as it drives a cluster of cores.
"""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable, Coroutine, Iterable
from math import inf
from typing import Any, Literal, TypeVar

from windtunnel.base.errors import UsageError, unknown
from windtunnel.base.messages import NodeId
from windtunnel.base.world import Link
from windtunnel.sim.kernel import Kernel
from windtunnel.sim.life import LIFE, current_host
from windtunnel.sim.loop import SimLoop
from windtunnel.sim.machines import parts
from windtunnel.sim.machines.findings import Finding, RunFailed, blame, frames_of, one_line, traceback_text
from windtunnel.sim.machines.host import Host, Main, OnExit
from windtunnel.sim.machines.log import Log, capturing

T = TypeVar("T")

TEST = "test"  # the host that the test itself runs on
LIMIT_S = 3600.0
STILL_STEPS = 500_000  # events at one instant that make a livelock; ten thousand hosts booting at once need a tenth of it


class World:
    """Hosts on one kernel. seed: fixes everything that happens.

    policy, depth: of the schedule, see `Kernel`. latency: (kind, a, b) as for `Links.latency`, seconds. index: keep a digest of the
    fingerprint every so many events. limit_s: virtual seconds that the test may take. steps_max: events that it may take.
    step_wall_s: real seconds that one step may take. background: whether an exception that nobody takes, in a task or a callback,
    ends the run ("fail") or is only logged ("log"), as asyncio does it. buggify: the share of points that are on in a run.
    """

    def __init__(
        self,
        seed: int = 0,
        *,
        policy: str = "fifo",
        depth: int = 3,
        latency: tuple[str, float, float] = ("uniform", 0.0005, 0.0015),
        index: int = 0,
        limit_s: float = LIMIT_S,
        steps_max: int = 0,
        still_steps: int = STILL_STEPS,
        step_wall_s: float = 5.0,
        background: Literal["fail", "log"] = "fail",
        escapes: Literal["fail", "raise"] = "fail",
        buggify: float = 0.25,
    ) -> None:
        self.seed = seed
        self.kernel = Kernel(seed, policy=policy, depth=depth, index=index)
        self.kernel.links.latency(*latency)
        self.loop = SimLoop(self.kernel)
        self.network = parts.network(self)
        self.log = Log(lambda: self.kernel.now)
        self.hosts: dict[str, Host] = {}
        self.finding: Finding | None = None
        self.quiet_at_s = 0.0
        self.limit_s = limit_s
        self._steps_max = steps_max
        self._still_steps = still_steps
        self._step_wall_s = step_wall_s
        self._background = background
        self._escapes = escapes
        self._buggify = buggify
        self._ran = False
        self._test = self._admit(Host(self, TEST, None, faults=False))

    # --- Hosts ---

    def host(
        self,
        name: str,
        main: Main | str | None = None,
        *,
        cpu: int | None = None,
        env: dict[str, str] | None = None,
        files: bool = True,
        fresh: tuple[str, ...] = (),
        on_exit: OnExit = "fail",
        faults: bool = True,
    ) -> Host:
        """A machine with that name in the DNS; its process starts now. Raises UsageError when the name is taken.

        main: called without arguments at each start, returns the coroutine of the process; also "package.module:function". cpu:
        cores for `Host.cpu`. env: changes to the environment. files: False leaves the real files to it. fresh: packages that each
        life imports anew. on_exit: when main raises, the run fails, or the host starts again as under a supervisor, or nothing.
        faults: whether it is one of `nodes`, that faults are aimed at.
        """
        if self._ran and not self.loop.is_running():
            raise UsageError(f"the run is over: {name!r} can no longer boot")
        host = Host(self, name, main, cpu=cpu, env=env, files=files, fresh=fresh, on_exit=on_exit, faults=faults)
        return self._admit(host)

    def client(self, name: str, *, env: dict[str, str] | None = None, files: bool = True) -> _Visit:
        """`async with world.client("shopper") as shopper`: the calling task is on a host of its own inside the block."""
        return _Visit(self, name, env=env, files=files)

    def _admit(self, host: Host) -> Host:
        self.hosts[host.name] = host
        host.start()
        return host

    # --- The run ---

    @property
    def now(self) -> float:
        """Virtual seconds since the beginning."""
        return float(self.kernel.now)

    def run(self, main: Callable[..., Coroutine[Any, Any, T]] | Coroutine[Any, Any, T], *args: Any) -> T:
        """The result of `main(*args)`, run on the host "test", in virtual time. Once per world: afterwards everything is off.

        Raises what main raised; RunFailed for every other finding.
        """
        if self._ran:
            raise UsageError("a world is one run: make another one")
        self._ran = True
        with capturing(self.log, lambda: self.kernel.now), parts.switched_on(self):
            coroutine = main if inspect.iscoroutine(main) else _call(main, args)
            task: asyncio.Task[T] = self._test.context().run(self.loop.create_task, coroutine, name="test")
            task.add_done_callback(lambda _: self.kernel.stop())
            try:
                self._drive(task)
            finally:
                self._close()
        return task.result()

    def _drive(self, task: asyncio.Task[Any]) -> None:
        kernel = self.kernel
        while not task.done():
            before = kernel.now
            try:
                reason = kernel.run(self.limit_s, self._still_steps)
            except SystemExit as exit_:
                self._process_exits(exit_)
                continue
            if task.done():
                break
            if reason == "idle":
                self._end("deadlock", "nothing can ever run again", "\n".join(f"{who}: {what}" for who, what in kernel.waiting()))
            elif reason == "until":
                self._end("limit", f"not done after {self.limit_s:g} virtual seconds", "")
            elif reason == "limit" and kernel.now == before:
                self._end("livelock", f"{self._still_steps} events at one instant", "")
            elif self._steps_max and kernel.events >= self._steps_max:
                self._end("limit", f"not done after {kernel.events} events", "")

    def _end(self, kind: str, message: str, text: str) -> None:
        self.finding = Finding(kind, TEST, self.now, "", message, text)
        raise RunFailed(self.finding)

    def _process_exits(self, exit_: SystemExit) -> None:
        current = self.kernel.current
        host = self.hosts.get(current[3]) if current is not None else None
        if host is None or host is self._test:
            raise exit_
        code = exit_.code if isinstance(exit_.code, int) else 0 if exit_.code is None else 1
        host.leave(code)

    def _close(self) -> None:
        for host in self.hosts.values():
            host.crash()
        self.loop.close()

    # --- What went wrong ---

    def broken(self, kind: str, message: str, error: BaseException | None, *, host: Host | None = None) -> None:
        """Take a finding; the first one ends the run after the present step."""
        who = host or current_host()
        where = "" if error is None else blame(frames_of(error.__traceback__))
        text = "" if error is None else traceback_text(error)
        finding = Finding(kind, who.name if who else "-", self.now, where, message, text)
        if self.finding is None:
            self.finding = finding
            self.log.add(finding.host, "world", f"found: {message}")
            failure = RunFailed(finding)
            failure.__cause__ = error
            self.kernel.fail(failure)

    def note(self, host: Host | None, text: str) -> None:
        """A row of the log."""
        self.log.add("-" if host is None else host.name, "world", text)

    # --- Faults: the verbs of base.world.World ---

    @property
    def nodes(self) -> tuple[NodeId, ...]:
        return tuple(name for name, host in self.hosts.items() if host.faults)

    def leader(self) -> NodeId | None:
        return None

    def running(self, node: NodeId) -> bool:
        return self._known(node).running

    def cut(self, links: Iterable[Link], *, hold: bool = False) -> None:
        rows = list(links)
        for src, dst in rows:
            self.kernel.links.cut(src, dst, hold)
        self.note(None, ("cut, held: " if hold else "cut: ") + " ".join(f"{src}→{dst}" for src, dst in rows))

    def heal(self) -> None:
        self.kernel.links.heal()
        self.note(None, "heal: all links")

    def crash(self, node: NodeId) -> None:
        self._known(node).crash()

    def restart(self, node: NodeId) -> None:
        self._known(node).restart()

    def pause(self, node: NodeId) -> None:
        self._known(node).pause()

    def resume(self, node: NodeId) -> None:
        self._known(node).resume()

    def skew(self, node: NodeId, *, offset_s: float = 0.0, drift: float = 0.0) -> None:
        host = self._known(node)
        host.port.set_clock(offset_s, 1.0 + drift)
        self.note(host, f"skew: jump {offset_s:+g} s, drift {drift:+.2%}")

    def weather(self, *, drop: float = 0.0, duplicate: float = 0.0, slow_s: float = 0.0) -> None:
        self.kernel.links.weather(drop=drop, duplicate=duplicate, slow_s=slow_s)
        self.note(None, f"weather: drop {drop:.0%}, duplicate {duplicate:.0%}, up to {slow_s * 1e3:.0f} ms slower")

    def disk(self, node: NodeId, mode: Literal["ok", "slow", "full", "corrupt"], *, sync_s: float = 0.0) -> None:
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

    @property
    def links(self) -> Any:
        """Latency, weather, bandwidth and cuts by host names: see `sim.links`."""
        return self.kernel.links

    @property
    def dns(self) -> Any:
        """Names, failures and times to live: see `sim.net`."""
        return self.network.dns

    def _known(self, name: NodeId) -> Host:
        host = self.hosts.get(name)
        if host is None:
            raise unknown("host", name, self.hosts)
        return host


class _Visit:
    """The calling task on a host of its own."""

    def __init__(self, world: World, name: str, *, env: dict[str, str] | None, files: bool) -> None:
        self._make = lambda: world.host(name, env=env, files=files, faults=False)
        self._home: Any = None
        self._host: Host | None = None

    async def __aenter__(self) -> Host:
        self._host = self._make()
        self._home = LIFE.get()
        LIFE.set(self._host.life)
        return self._host

    async def __aexit__(self, *_exc: object) -> None:
        LIFE.set(self._home)
        assert self._host is not None, "left without having entered"
        self._host.kill()


async def _call(main: Callable[..., Coroutine[Any, Any, T]], args: tuple[Any, ...]) -> T:
    return await main(*args)

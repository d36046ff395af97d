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

How a run ends. When the test has returned, what is left of its own tasks and of its clients' is a leak, and is cancelled; garbage
is collected, so that failed tasks that nobody asked for are found; then the power of every host is cut, as by a crash: their
`finally` blocks do not run. All of that is inside the simulation: nothing of it reaches the real world or the next test.
"""

from __future__ import annotations

import asyncio
import gc
import inspect
import sys
import warnings
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from contextvars import Context
from types import FrameType
from typing import Any, Literal, TypeVar

from windtunnel.base.errors import UsageError
from windtunnel.sim.kernel import Kernel
from windtunnel.sim.life import LIFE, current_host
from windtunnel.sim.loop import SimLoop
from windtunnel.sim.machines import fresh as freshness
from windtunnel.sim.machines import parts
from windtunnel.sim.machines.coins import Coins
from windtunnel.sim.machines.findings import Finding, LeakWarning, RunFailed, one_line, traceback_text
from windtunnel.sim.machines.host import Host, Main, OnExit
from windtunnel.sim.machines.log import Log, capturing, printing
from windtunnel.sim.machines.stuck import StepClock, busiest, waits
from windtunnel.sim.machines.verbs import Verbs
from windtunnel.sim.machines.visit import Visit
from windtunnel.sim.machines.watchdog import Watchdog
from windtunnel.sim.places import Place, awaits_of, blame, frames_above, frames_of, ours
from windtunnel.sim.waiting import wait_of

T = TypeVar("T")

TEST = "test"  # the host that the test itself runs on
LIMIT_S = 3600.0
STEPS_MAX = 20_000_000  # about two minutes of real time
STEP_WALL_S = 5.0
STILL_STEPS = 500_000  # events at one instant that make a livelock; ten thousand hosts booting at once need a tenth of it
WIND_UP_S = 20.0  # virtual seconds for the cancelled tasks of a test


class World(Verbs):
    """Hosts on one kernel. seed: fixes everything that happens.

    policy, depth: of the schedule, see `Kernel`. latency: (kind, a, b) as for `Links.latency`, seconds. index: keep a digest of
    the fingerprint every so many events. limit_s: virtual seconds that the test may take. steps_max: events that it may take, 0
    for any number. still_steps: events at one virtual instant that count as a livelock. step_wall_s: real seconds that one step
    may take, 0 for any time. background: an exception that nobody takes, in a task or a callback, ends the run ("fail") or is a
    row of the log ("log"). escapes: a call that only the real world has ends the run even if its exception is caught ("fail"),
    or only raises ("raise"). on_sleep: `time.sleep` is such a call ("raise"), or freezes its host ("stall"). buggify: the share
    of its points that are on. since: note when each task ran last, to report who waits since when; it costs a call per step.
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
        steps_max: int = STEPS_MAX,
        still_steps: int = STILL_STEPS,
        step_wall_s: float = STEP_WALL_S,
        background: Literal["fail", "log"] = "fail",
        escapes: Literal["fail", "raise"] = "fail",
        on_sleep: Literal["raise", "stall"] = "raise",
        buggify: float = 0.25,
        since: bool = False,
    ) -> None:
        kernel = Kernel(seed, policy=policy, depth=depth, index=index)
        kernel.links.latency(*latency)
        super().__init__(kernel, SimLoop(kernel), Log(lambda: kernel.now))
        self.seed = seed
        self.limit_s = float(limit_s)
        self.on_sleep = on_sleep
        self.finding: Finding | None = None
        self.leaks: list[str] = []
        self.points = Coins(kernel, buggify)
        self.network = parts.network(self)
        self.network.on_event(self._note_of_network)
        self._steps_max = steps_max
        self._still_steps = still_steps
        self._step_wall_s = step_wall_s
        self._background = background
        self._escapes = escapes
        self._ran = self._over = False
        self._around = ExitStack()  # what holds during the run
        self._wants_fresh = False
        self._clock = StepClock() if since else None
        if self._clock is not None:
            kernel.tracer = self._clock
        self.loop.unhandled = self._unhandled
        self._test = self._admit(Host(self, TEST, None, faults=False))
        self._test.visited = True

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
        disk: Mapping[str, Any] | None = None,
    ) -> Host:
        """A machine with that name in the DNS; its process starts now. Raises UsageError when the name is taken.

        main: called without arguments at each start, returns the coroutine of the process; also "package.module:function". cpu:
        cores for `Host.cpu`. env: changes to the environment. files: False leaves the real files to it. fresh: packages that each
        life imports anew. on_exit: when main raises, the run fails, or the host starts again as under a supervisor, or nothing.
        faults: whether it is one of `nodes`, that faults are aimed at. disk: `sync_s`, `journalled`, `reorder`, `read_only`, as
        `sim.files.FileSystem` has them.
        """
        if self._ran and not self.loop.is_running():
            raise UsageError(f"the run is over: {name!r} can no longer boot")
        freshness.check_main(name, main)
        host = Host(self, name, main, cpu=cpu, env=env, files=files, fresh=fresh, on_exit=on_exit, faults=faults, disk=disk)
        return self._admit(host)

    def client(self, name: str, *, env: dict[str, str] | None = None, files: bool = True) -> Visit:
        """`async with world.client("shopper") as shopper`: the calling task is on a host of its own inside the block."""
        return Visit(self, name, env, files)

    def _admit(self, host: Host) -> Host:
        self.hosts[host.name] = host
        if host.fresh and not self._wants_fresh:
            self._wants_fresh = True
            if self._ran:
                self._around.enter_context(freshness.importing())
        host.start()
        return host

    @property
    def now(self) -> float:
        """Virtual seconds since the beginning."""
        return float(self.kernel.now)

    @property
    def links(self) -> Any:
        """Latency, weather, bandwidth and cuts by host names: see `sim.links`."""
        return self.kernel.links

    @property
    def dns(self) -> Any:
        """Names, failures and times to live: see `sim.net`."""
        return self.network.dns

    # --- The run ---

    def run(self, main: Callable[..., Awaitable[T]], *args: Any) -> T:
        """The result of `main(*args)`, run on the host "test", in virtual time. Once per world: afterwards everything is off.

        Raises what main raised, and RunFailed for every other finding; warns of leaks (LeakWarning).
        """
        if self._ran:
            raise UsageError("a world is one run: make another one")
        self._ran = True
        with self._around as around:
            around.enter_context(_own_garbage())
            around.enter_context(capturing(self.log, lambda: self.kernel.now))
            around.enter_context(printing(self.log))
            around.enter_context(Watchdog(lambda: self.kernel.events, self._step_wall_s, self._spun))
            around.enter_context(parts.switched_on(self))
            if self._wants_fresh:
                around.enter_context(freshness.importing())
            around.callback(self._power_off)
            task: asyncio.Task[T] = self._test.context().run(self.loop.create_task, _called(main, args), name=TEST)
            try:
                self._drive(task)
                self._note_the_tests_own(task)
                self._wind_up(task)
            except RunFailed:
                if not (task.done() and not task.cancelled() and task.exception()):
                    raise
        for leak in self.leaks if self.finding is None else ():
            warnings.warn(leak, LeakWarning, stacklevel=2)
        if self.finding is not None and self.finding.kind != TEST:
            raise RunFailed(self.finding)
        return task.result()

    def _drive(self, task: asyncio.Task[Any]) -> None:
        """Go on until the task is done. Raises RunFailed."""
        task.add_done_callback(self._stop, context=Context())
        while not task.done():
            reason = self._some(self.limit_s)
            if task.done():
                return
            if reason == "idle":
                self._ends(task, "deadlock", "nothing can ever run again, and the test is not done")
            elif reason == "until":
                self._ends(task, "limit", f"not done after {self.limit_s:g} virtual seconds")
            elif self._steps_max and self.kernel.events >= self._steps_max:
                self._ends(task, "limit", f"not done after {self.kernel.events} events")
            elif reason == "still":
                self._livelock()

    def _some(self, until_s: float) -> str:
        """One stretch of events: why it ended; "still" for `still_steps` events without any progress of time."""
        kernel = self.kernel
        before, most = kernel.now, self._still_steps
        if self._steps_max:
            most = min(most, max(1, self._steps_max - kernel.events))
        try:
            reason = kernel.run(until_s, most)
        except SystemExit as exit_:
            return self._process_exits(exit_)
        return "still" if reason == "limit" and kernel.now == before and most == self._still_steps else str(reason)

    def _process_exits(self, exit_: SystemExit) -> str:
        current = self.kernel.current
        host = self.hosts.get(current[3]) if current is not None else None
        if host is None or host.visited:
            raise exit_
        host.exits(exit_)
        return "exit"

    def _stop(self, _task: asyncio.Future[Any]) -> None:
        self.kernel.stop()

    # --- Its end ---

    def _note_the_tests_own(self, task: asyncio.Task[Any]) -> None:
        error = None if task.cancelled() else task.exception()
        if error is not None and self.finding is None:
            where = blame(frames_of(error.__traceback__))
            self.finding = Finding(TEST, TEST, self.now, where, one_line(error), traceback_text(error))

    def _wind_up(self, task: asyncio.Task[Any]) -> None:
        """Leaks, cancellation of what the test left, garbage: all within the simulation. Raises RunFailed."""
        if self.finding is None:
            self._some(self.now)  # tasks that are about to end do so
            self.look_for_leaks(self._test, task)
        lives = [host.life for host in self.hosts.values() if host.visited and host.life is not None]
        ended: asyncio.Future[None] = self._test.context().run(self.loop.create_task, self._test.wind_up(), name="end")
        ended.add_done_callback(self._stop, context=Context())
        until_s = self.now + WIND_UP_S
        while not ended.done() and self._some(until_s) in ("stopped", "exit", "limit"):
            pass
        self.kernel.call_soon(gc.collect)
        self.kernel.call_soon(self.kernel.stop)
        self._some(self.now)
        for failed in self.loop.failed():
            life, at_s = self.loop.owner_of(failed)
            if life in lives and failed is not task:
                self._background_failed(
                    life.host, at_s, failed.exception(), f"task {failed.get_name()!r} raised, and nobody asked"
                )

    def look_for_leaks(self, host: Host, task: asyncio.Task[Any] | None = None) -> None:
        """Note what is open on a host of the test's own, except `task`."""
        life = host.life
        rows = [] if life is None else [f"task {left.get_name()!r} {wait_of(left)}" for left in life.tasks if left is not task]
        rows += host.open_connections()
        self.leaks += [f"on {host.name} at t={self.now:.6f} s: still open at the end: {row}" for row in rows]

    def _note_of_network(self, event: Any) -> None:
        if not self._over:  # what machines that are switched off leave behind is no event
            self.log.add(event.host, "network", f"{event.kind}: {event.text}")

    def _power_off(self) -> None:
        self._over = True
        for host in self.hosts.values():
            host.power_off()
        self._test.limbo().run(self._forget_all)

    def _forget_all(self) -> None:
        """Whatever is destroyed now acts on a dead host, not on the real world; that it cannot is nobody's concern."""
        hook, sys.unraisablehook = sys.unraisablehook, lambda _: None
        try:
            self.loop.close()
            gc.collect()
        finally:
            sys.unraisablehook = hook

    # --- What went wrong ---

    def broken(
        self,
        kind: str,
        message: str,
        error: BaseException | None = None,
        *,
        host: Host | None = None,
        at_s: float | None = None,
        where: str | None = None,
        text: str | None = None,
    ) -> None:
        """Take a finding; the first one ends the run after the present step."""
        if self.finding is not None or self._over:
            return
        who = host or current_host()
        if where is None:
            trace = None if error is None else error.__traceback__
            where = blame(frames_above(sys._getframe(1)) if trace is None else frames_of(trace))  # noqa: SLF001
        if text is None:
            text = "" if error is None else traceback_text(error)
        self.finding = Finding(kind, who.name if who else "-", self.now if at_s is None else at_s, where, message, text)
        self.log.add(self.finding.host, "world", f"found: {message}")
        failure = RunFailed(self.finding)
        failure.__cause__ = error
        if self.loop.is_running():
            self.kernel.fail(failure)

    def escaped(self, host: Host, error: BaseException) -> None:
        """Simulated code called what only the real world has; it may catch the exception, this note stays."""
        self.note(host, f"escaped: {error}")
        if self._escapes == "fail":
            self.broken("escaped", str(error), None, host=host, text="")

    def _unhandled(self, context: dict[str, Any]) -> None:
        """What asyncio would log as an error: an exception that nobody took."""
        error = context.get("exception")
        source = context.get("task") or context.get("future")
        owner = self.loop.owner_of(source) if source is not None else None
        handle = context.get("handle")
        here = LIFE.get() if handle is None else handle.get_context().get(LIFE)
        life = here if owner is None else owner[0]
        message = str(context.get("message", "an error that nobody took"))
        if life is not None and not life.alive:
            return  # nobody hears a dead process
        host = None if life is None else life.host
        if error is None or isinstance(error, asyncio.CancelledError | SystemExit):
            # Streams of some versions of Python ask a cancelled task for its exception, or hand on that of a task that exits.
            self.note(host, message)
            return
        if source is not None and owner is not None:
            message = f"task {source.get_name()!r} raised, and nobody asked"
        self._background_failed(host, self.now if owner is None else owner[1], error, message)

    def _background_failed(self, host: Host | None, at_s: float, error: BaseException, message: str) -> None:
        if isinstance(error, RunFailed | SystemExit):
            return
        text = f"{message}: {one_line(error)}"
        if self._background == "fail":
            self.broken("task", text, error, host=host, at_s=at_s)
        else:
            self.log.add("-" if host is None else host.name, "ERROR", text)

    def _spun(self, frame: FrameType | None, host: Host | None) -> str:
        places = frames_above(frame)
        text = "\n".join(f"  {file}:{line} in {function}" for file, line, function in _theirs(places))
        message = f"one step took more than {self._step_wall_s:g} real seconds"
        self.broken("spin", message, host=host, where=blame(places), text=text)
        return str(self.finding)

    def _ends(self, task: asyncio.Task[Any], kind: str, message: str) -> None:
        frames = awaits_of(task.get_coro())
        where = blame((frame.f_code.co_filename, frame.f_lineno, frame.f_code.co_name) for frame in frames)
        self.finding = Finding(kind, TEST, self.now, where, message, waits(self, self._clock))
        raise RunFailed(self.finding)

    def _livelock(self) -> None:
        host, where, text = busiest(self.kernel)
        message = f"{self._still_steps} events and no time has passed"
        self.finding = Finding("livelock", host, self.now, where, message, text)
        raise RunFailed(self.finding)


def _theirs(places: list[Place]) -> list[Place]:
    """The frames since the last one of the simulator."""
    last = max((at for at, (file, _, _) in enumerate(places) if ours(file)), default=-1)
    return places[last + 1 :] or places


async def _called(main: Callable[..., Awaitable[T]], args: tuple[Any, ...]) -> T:
    result = main(*args)
    if not inspect.isawaitable(result):
        raise UsageError(f"expected a coroutine function; {main!r} returned {result!r}")
    return await result


@contextmanager
def _own_garbage() -> Iterator[None]:
    """What was there before the run is not looked at by its collections: with large libraries imported, they would take long."""
    frozen = gc.get_freeze_count() == 0
    if frozen:
        gc.freeze()
    try:
        yield
    finally:
        if frozen:
            gc.unfreeze()

"""A simulated machine with one process on it: it boots, crashes, is killed, stops when asked to, and boots again.

A *life* is one run of the process, from its start to its end. Whatever runs in a life carries it in its context; when the life is
over the kernel drops everything of it, so that no `finally` block of a crashed process runs, as none does when the power goes.

| how a life ends | `finally` blocks | peers see | page cache |
|---|---|---|---|
| `crash`: power cut | do not run | silence | lost, back to what was synced |
| `kill`: SIGKILL | do not run | resets | kept |
| `stop`: SIGTERM, then `kill` | as the program wishes | as the program wishes | kept |
| main returns, or raises | run: other tasks are cancelled, as by `asyncio.run` | closed connections | kept |

A host made without a main has a process that does nothing: it is there for `run`.
"""

from __future__ import annotations

import asyncio
import inspect
import signal
from collections.abc import Awaitable, Callable, Coroutine
from contextvars import Context
from functools import partial
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from windtunnel.base.errors import UsageError
from windtunnel.sim.life import LIFE, Life
from windtunnel.sim.machines import parts
from windtunnel.sim.machines.findings import HostDown, one_line

if TYPE_CHECKING:
    from windtunnel.sim.machines.world import World

Main: TypeAlias = Callable[[], Coroutine[Any, Any, Any]]
OnExit: TypeAlias = Literal["fail", "restart", "ignore"]

BACKOFF_S = 0.1  # before a supervisor's first restart; each further one waits twice as long
BACKOFF_MAX_S = 10.0
SETTLED_S = 10.0  # a process that lived so long starts with a fresh backoff
CANCEL_MAX_S = 10.0  # for the cancelled tasks of a process that ends
_IGNORED = {signal.SIGCHLD, signal.SIGURG, signal.SIGWINCH, signal.SIGCONT}


class Host:
    """A machine. Made by `World.host`; all public attributes are for reading.

    port: its place in the kernel. life: of the process that runs, None while none does. incarnation: how many lives have ended.
    exit_code: of the last process that ended: 0, what it gave to `sys.exit`, 1 after an exception, -n after signal n; else None.
    The objects for network, entropy, process and files are made when they are first needed: most of ten thousand hosts are small.
    """

    __slots__ = (
        "_backoff_s",
        "_calls",
        "_cores",
        "_ended",
        "_entropy",
        "_files",
        "_frozen",
        "_interface",
        "_main",
        "_main_task",
        "_paused",
        "_process",
        "_started_at",
        "_wants_files",
        "env",
        "exit_code",
        "faults",
        "fresh",
        "life",
        "name",
        "on_exit",
        "port",
        "up",
        "world",
    )

    def __init__(
        self,
        world: World,
        name: str,
        main: Main | str | None,
        *,
        cpu: int | None = None,
        env: dict[str, str] | None = None,
        files: bool = True,
        fresh: tuple[str, ...] = (),
        on_exit: OnExit = "fail",
        faults: bool = True,
    ) -> None:
        self.world = world
        self.name = name
        self.env = env
        self.fresh = fresh
        self.on_exit = on_exit
        self.faults = faults
        self.port = world.kernel.add_node(name)
        self.life: Life | None = None
        self.up = False  # whether the machine has power; it may have while its process has ended
        self.exit_code: int | None = None
        self._main = main
        self._wants_files = files
        self._cores: list[float] | None = None if cpu is None else [0.0] * cpu
        self._calls: dict[asyncio.Task[Any], asyncio.Future[Any]] | None = None
        self._ended: list[asyncio.Future[None]] | None = None
        self._main_task: asyncio.Task[Any] | None = None
        self._backoff_s = BACKOFF_S
        self._started_at = 0.0
        self._frozen = 0.0  # until when the host is stalled
        self._paused = False  # by `pause`, not by a stall
        self._interface: Any = None
        self._entropy: Any = None
        self._process: Any = None
        self._files: Any = None

    def __repr__(self) -> str:
        return f"<Host {self.name}, {'running' if self.life else 'ended' if self.up else 'down'}>"

    # --- What it has ---

    @property
    def loop(self) -> Any:
        """The event loop of the world."""
        return self.world.loop

    @property
    def incarnation(self) -> int:
        """How many lives of it have ended."""
        return int(self.port.incarnation)

    @property
    def interface(self) -> Any:
        """Its place in the network: address, listeners, connections. See `sim.net`."""
        if self._interface is None:
            self._interface = self.world.network.attach(self)
        return self._interface

    @property
    def entropy(self) -> Any:
        """Its source of random numbers. See `sim.ambient`."""
        if self._entropy is None:
            self._entropy = parts.entropy(self)
        return self._entropy

    @property
    def process(self) -> Any:
        """Its process: pid, environment, signal handlers. See `sim.ambient`."""
        if self._process is None:
            self._process = parts.process(self)
        return self._process

    @property
    def files(self) -> Any:
        """Its file system, or None: then files are the real ones. See `sim.files`."""
        if self._files is None and self._wants_files:
            self._files = parts.files(self)
        return self._files

    @property
    def running(self) -> bool:
        """Whether a process is alive on it, paused or not."""
        return self.life is not None

    # --- Work ---

    def run(self, work: Coroutine[Any, Any, Any] | Callable[[], Any]) -> Awaitable[Any]:
        """Run a coroutine, or a function, on this host, now. Awaiting gives its result or its exception.

        Raises HostDown, then or in the awaiting, when no process lives there, or when it ends first.
        """
        if self.life is None:
            if inspect.iscoroutine(work):
                work.close()
            raise HostDown(f"{self.name} has no running process")
        result: asyncio.Future[Any] = self.loop.create_future()
        task = self.context().run(self._spawn, work)
        if self._calls is None:
            self._calls = {}
        self._calls[task] = result
        task.add_done_callback(partial(_hand_over, self._calls), context=Context())
        return result

    def context(self) -> Context:
        """A new context of the present life: what runs in it runs on this host."""
        assert self.life is not None, f"{self.name} has no running process"
        context = Context()
        context.run(LIFE.set, self.life)
        return context

    async def cpu(self, seconds: float) -> None:
        """Work for `seconds` on one of the cores: first come, first served. Without a number of cores, nobody waits."""
        now = self.world.now
        if self._cores is None:
            done = now + seconds
        else:
            first = min(self._cores)
            core = self._cores.index(first)
            done = self._cores[core] = max(first, now) + seconds
        await asyncio.sleep(done - now)

    def stall(self, seconds: float) -> None:
        """Freeze the host for `seconds`, as a blocking call does; called from its own code, once that reaches its next await."""
        if self.life is None or seconds <= 0.0:
            return
        kernel = self.world.kernel
        self._frozen = max(self._frozen, kernel.now) + seconds
        self.port.pause()
        kernel.call_at(self._frozen, self._thaw)

    # --- Life ---

    def start(self) -> None:
        """Boot: a new process runs main. No effect while one is alive."""
        if self.life is not None:
            return
        self.up = True
        self._started_at = self.world.now
        self.life = Life(self.port, self)
        self.port.bind(self)
        if self._main is None:
            return
        self.world.note(self, "start" if self.incarnation == 0 else f"restart, incarnation {self.incarnation}")
        context = self.context()
        self.loop.call_soon(self._begin, context=context)

    restart = start

    def crash(self) -> None:
        """Cut the power: nothing of it runs again, peers hear nothing, what was not synced is lost. No effect while it is down."""
        if not self.up:
            return
        self.up = False
        self.world.note(self, "crash: power cut")
        self._end(None)
        if self._interface is not None:
            self._interface.crash()
        if self._files is not None:
            self._files.crash()

    def kill(self, signum: int = signal.SIGKILL) -> None:
        """Kill the process: nothing of it runs again, peers get resets, its files stay as they are. No effect without a process."""
        if self.life is None:
            return
        self.world.note(self, f"killed by {signal.Signals(signum).name}")
        self._exit(-int(signum))

    async def stop(self, grace_s: float = 10.0) -> None:
        """Ask the process to end, by SIGTERM; kill it after `grace_s` seconds. Returns when it has ended."""
        if self.life is None:
            return
        life = self.life
        self.signal(signal.SIGTERM)
        if self.life is not life:
            return
        ended: asyncio.Future[None] = self.loop.create_future()
        self._ended = [*(self._ended or ()), ended]
        try:
            async with asyncio.timeout(grace_s):
                await ended
        except TimeoutError:
            if self.life is life:
                self.kill()

    def signal(self, signum: int) -> None:
        """Send the process a signal: its own handler runs, or what the system does without one."""
        if self.life is None:
            return
        if signum == signal.SIGSTOP:
            self.pause()
        elif signum == signal.SIGCONT:
            self.resume()
        if signum in (signal.SIGKILL, signal.SIGSTOP):
            handled = signum == signal.SIGSTOP
        else:
            self.world.note(self, f"signal {signal.Signals(signum).name}")
            handled = parts.deliver(self, signum)
        if not handled:
            self.default_action(signum)

    def default_action(self, signum: int) -> None:
        """What a signal does that the process has no handler for: SIGINT cancels main, as in `asyncio.run`; most others kill."""
        if signum in _IGNORED or self.life is None:
            return
        if signum == signal.SIGINT and self._main_task is not None and not self._main_task.done() and self.exit_code is None:
            self.exit_code = -int(signum)  # a second one kills
            self._main_task.cancel()
        else:
            self.kill(signum)

    def pause(self) -> None:
        """Freeze the process; what arrives is kept."""
        if self.life is not None and not self._paused:
            self._paused = True
            self.port.pause()
            self.world.note(self, "pause")

    def resume(self) -> None:
        """Let a frozen process go on."""
        if self._paused:
            self._paused = False
            self.world.note(self, "resume")
            self._thaw()

    # --- Inside ---

    def _begin(self) -> None:
        """The first callback of a life: main is called, on this host."""
        assert self._main is not None, "a process without a main has nothing to begin"
        self.exit_code = None
        task: asyncio.Task[Any] = self.loop.create_task(self._lead(), name=f"{self.name}/main")
        self._main_task = task

    async def _lead(self) -> None:
        try:
            await parts.main_of(self, self._main)()
        except asyncio.CancelledError:
            if self.exit_code is None:  # not by SIGINT: a main that cancels itself has failed
                self.exit_code = 1
        except Exception as error:  # noqa: BLE001 - whatever main raises is a finding, or the supervisor's business
            self.exit_code = 1
            self._main_raised(error)
        else:
            self.exit_code = 0
        await self._wind_up()
        self.leave(self.exit_code)

    async def _wind_up(self) -> None:
        """What `asyncio.run` does after main: cancel what is left, and give it time to end."""
        assert self.life is not None, "a process winds up while it lives"
        left = [task for task in self.life.tasks if task is not asyncio.current_task()]
        for task in left:
            task.cancel()
        if left:
            await asyncio.wait(left, timeout=CANCEL_MAX_S)

    def _main_raised(self, error: Exception) -> None:
        self.world.note(self, f"main raised {one_line(error)}")
        if self.on_exit == "fail":
            self.world.broken("main", one_line(error), error, host=self)

    def leave(self, code: int) -> None:
        """The process ends by itself, with an exit code; a supervisor may start it again."""
        self.world.note(self, f"the process ended, exit code {code}")
        self._exit(code)
        if code != 0 and self.on_exit == "restart":
            lived_s = self.world.now - self._started_at
            self._backoff_s = BACKOFF_S if lived_s >= SETTLED_S else self._backoff_s
            self.world.kernel.call_later(self._backoff_s, self._supervise, self.incarnation)
            self._backoff_s = min(2.0 * self._backoff_s, BACKOFF_MAX_S)

    def _supervise(self, incarnation: int) -> None:
        if self.up and self.incarnation == incarnation:
            self.start()

    def _exit(self, code: int) -> None:
        self._end(code)
        if self._interface is not None:
            self._interface.reset()

    def _end(self, code: int | None) -> None:
        """The life is over: what still refers to it is void."""
        self.exit_code = code
        life, self.life = self.life, None
        if life is None:
            return
        life.alive = False
        self.port.unbind()
        self._main_task = None
        self._paused = False
        self._frozen = 0.0
        self._process = None  # the next process has handlers and a number of its own
        if self._cores is not None:
            self._cores = [0.0] * len(self._cores)
        calls, self._calls = self._calls, None
        for result in (calls or {}).values():
            if not result.done():
                result.set_exception(HostDown(f"{self.name} went down"))
                result.exception()  # whoever does not wait for it need not hear of it
        ended, self._ended = self._ended, None
        for future in ended or ():
            if not future.done():
                future.set_result(None)

    def _thaw(self) -> None:
        if not self._paused and self.world.now >= self._frozen:
            self.port.resume()

    def _spawn(self, work: Coroutine[Any, Any, Any] | Callable[[], Any]) -> asyncio.Task[Any]:
        coroutine = work if inspect.iscoroutine(work) else _called(work)
        task: asyncio.Task[Any] = self.loop.create_task(coroutine)
        return task


async def _called(work: Any) -> Any:
    if not callable(work):
        raise UsageError(f"expected a coroutine or a function; got {work!r}")
    result = work()
    return await result if inspect.isawaitable(result) else result


def _hand_over(calls: dict[asyncio.Task[Any], asyncio.Future[Any]], task: asyncio.Task[Any]) -> None:
    result = calls.pop(task, None)
    if result is None or result.done():
        return
    if task.cancelled():
        result.cancel()
        return
    error = task.exception()
    if error is not None:
        result.set_exception(error)
    else:
        result.set_result(task.result())

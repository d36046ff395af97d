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
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from contextvars import Context
from functools import partial
from types import ModuleType
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from windtunnel.base.errors import UsageError
from windtunnel.sim.life import LIFE, Life
from windtunnel.sim.machines import fresh as freshness
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
        "_disk",
        "_ended",
        "_entropy",
        "_files",
        "_frozen",
        "_interface",
        "_leaving",
        "_main",
        "_main_task",
        "_paused",
        "_process",
        "_started_at",
        "_stopping",
        "env",
        "exit_code",
        "faults",
        "fresh",
        "life",
        "modules",
        "name",
        "on_exit",
        "port",
        "up",
        "visited",
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
        disk: Mapping[str, Any] | None = None,
    ) -> None:
        self.world = world
        self.name = name
        self.env = env
        self.fresh = freshness.checked(fresh)
        self.modules: dict[str, ModuleType] = {}  # of fresh packages, of the present life
        self.on_exit = on_exit
        self.faults = faults
        self.port = world.kernel.add_node(name)
        self.life: Life | None = None
        self.up = False  # whether the machine has power; it may have while its process has ended
        self.exit_code: int | None = None
        self.visited = False  # the test itself is on it
        self._main = main
        self._disk = parts.checked_disk(disk or {}) if files else None
        self._cores: list[float] | None = None if cpu is None else [0.0] * cpu
        self._calls: dict[asyncio.Task[Any], asyncio.Future[Any]] | None = None
        self._ended: list[asyncio.Future[None]] | None = None
        self._main_task: asyncio.Task[Any] | None = None
        self._leaving: int | None = None  # the exit code, once it is decided that the process ends
        self._stopping = False  # somebody asked for the end: no supervisor starts it again
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
        if self._files is None and self._disk is not None:
            self._files = parts.files(self, self._disk)
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
        result = _Result(f"what runs on {self.name}", loop=self.loop)
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
        self._leaving = None
        self._stopping = False
        self.exit_code = None
        self.modules = {}
        self.life = Life(self.port, self)
        self.port.bind(self)
        if self._main is None:
            return
        self.world.note(self, "start" if self.incarnation == 0 else f"restart, incarnation {self.incarnation}")
        context = self.context()
        self.loop.call_soon(self._begin, context=context)

    restart = start

    def crash(self) -> None:
        """Cut the power: nothing of it runs again, peers hear nothing, what was not synced is lost. No effect when down."""
        if not self.up:
            return
        self._check_not_visited("crash")
        self.world.note(self, "crash: power cut")
        self.power_off()

    def power_off(self) -> None:
        """What `crash` does, without a word; also for the end of a run, where it befalls the test's host too."""
        self.up = False
        self._end(None)
        if self._interface is not None:
            self._interface.crash()
        if self._files is not None:
            lost = self._files.crash()
            if lost.writes or lost.names:
                self.world.note(self, f"lost with the power: {lost}")

    def kill(self, signum: int = signal.SIGKILL) -> None:
        """Kill the process: nothing of it runs again, peers get resets, files stay as they are. No effect without one."""
        if self.life is None:
            return
        self._check_not_visited("kill")
        self.world.note(self, f"killed by {signal.Signals(signum).name}")
        self._exit(-int(signum))

    async def stop(self, grace_s: float = 10.0) -> None:
        """Ask the process to end, by SIGTERM; kill it after `grace_s` seconds. Returns when it has ended."""
        if self.life is None:
            return
        life = self.life
        self._stopping = True
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
            handled = self.process.deliver(signum)
        if not handled:
            self.default_action(signum)

    def default_action(self, signum: int) -> None:
        """What a signal does that the process has no handler for: SIGINT cancels main, as in `asyncio.run`; most others kill."""
        if signum in _IGNORED or self.life is None:
            return
        if signum == signal.SIGINT and self._leaving is None and self._cancel_main(-int(signum)):
            return
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

    # --- For the world ---

    def escaped(self, error: BaseException) -> None:
        """Code of this host called something that only the real world has."""
        self.world.escaped(self, error)

    def open_connections(self) -> list[str]:
        """The connections and servers that its process has open, in words."""
        if self._interface is None:
            return []
        rows = [f"connection {end!r}" for end in self._interface.open_connections()]
        return rows + [f"server on port {port}" for port in self._interface.listeners or ()]

    def limbo(self) -> Context:
        """A context of a life of this host that is over: for what is destroyed after the end."""
        life = Life(self.port, self)
        life.alive = False
        context = Context()
        context.run(LIFE.set, life)
        return context

    # --- Inside ---

    def _begin(self) -> None:
        """The first callback of a life: main is called, on this host."""
        assert self._main is not None, "a process without a main has nothing to begin"
        self._main_task = self.loop.create_task(self._lead(), name=f"{self.name}/main")

    async def _lead(self) -> None:
        """The process, from main to its exit."""
        code = 0
        error: BaseException | None = None
        try:
            await self._run_main()
        except (GeneratorExit, KeyboardInterrupt):
            raise
        except SystemExit as exit_:
            code, error = _exit_code(exit_), exit_
        except BaseException as raised:
            if self.life is None or LIFE.get() is not self.life:  # it is given up, long after its end
                raise
            code, error = 1, raised
        if isinstance(error, asyncio.CancelledError) and self._leaving is not None:
            code, error = self._leaving, None
        self._leaving = code
        if error is not None and code != 0:
            self._main_failed(error)
        await self.wind_up()
        self.leave(code)

    async def _run_main(self) -> None:
        main = freshness.main_of(self, self._main)
        process = main()
        if not inspect.isawaitable(process):
            raise UsageError(f"expected a main that returns a coroutine; {main!r} returned {process!r}")
        await process

    def exits(self, exit_: SystemExit) -> None:
        """A task or a callback called `sys.exit`: the process ends, as it does when that leaves `asyncio.run`."""
        code = _exit_code(exit_)
        if code != 0:
            self._main_failed(exit_)
        if self._leaving is None and not self._cancel_main(code):
            self._leaving = code
            self.context().run(self.loop.create_task, self._exit_without_main(code))

    async def _exit_without_main(self, code: int) -> None:
        await self.wind_up()
        self.leave(code)

    def _cancel_main(self, code: int) -> bool:
        """Have main cancelled, and the process end with this code; False where no main is running."""
        if self._main_task is None or self._main_task.done():
            return False
        self._leaving = code
        self._main_task.cancel()
        return True

    async def wind_up(self) -> None:
        """What `asyncio.run` does after main, in a task of this life: cancel what is left, and give it time to end."""
        assert self.life is not None, "a process winds up while it lives"
        left = [task for task in self.life.tasks if task is not asyncio.current_task()]
        for task in left:
            task.cancel()
        if left:
            await asyncio.wait(left, timeout=CANCEL_MAX_S)
        await self.loop.shutdown_asyncgens()

    def _main_failed(self, error: BaseException) -> None:
        what = f"exited with code {error.code!r}" if isinstance(error, SystemExit) else f"main raised {one_line(error)}"
        self.world.note(self, what)
        if self.on_exit == "fail":
            self.world.broken("main", what, error, host=self)

    def leave(self, code: int) -> None:
        """The process ends by itself, with an exit code."""
        self.world.note(self, f"the process ended, exit code {code}")
        self._exit(code)

    def _supervise(self, incarnation: int) -> None:
        if self.up and self.incarnation == incarnation:
            self.start()

    def _exit(self, code: int) -> None:
        """The process is over, the machine lives; a supervisor may start it again."""
        asked = self._stopping
        self._end(code)
        if self._interface is not None:
            self._interface.reset()
        if self._files is not None:
            self._files.kill()
        if code != 0 and self.on_exit == "restart" and not asked:
            lived_s = self.world.now - self._started_at
            self._backoff_s = BACKOFF_S if lived_s >= SETTLED_S else self._backoff_s
            self.world.kernel.call_later(self._backoff_s, self._supervise, self.incarnation)
            self._backoff_s = min(2.0 * self._backoff_s, BACKOFF_MAX_S)

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

    def _check_not_visited(self, verb: str) -> None:
        if self.visited:
            raise UsageError(f"cannot {verb} {self.name!r}: the test itself is running on it")

    def _thaw(self) -> None:
        if not self._paused and self.world.now >= self._frozen:
            self.port.resume()

    def _spawn(self, work: Coroutine[Any, Any, Any] | Callable[[], Any]) -> asyncio.Task[Any]:
        coroutine = work if inspect.iscoroutine(work) else _called(work)
        task: asyncio.Task[Any] = self.loop.create_task(coroutine)
        return task


class _Result(asyncio.Future[Any]):
    """What `Host.run` will give. about: for reports of who waits for what."""

    __slots__ = ("about",)

    def __init__(self, about: str, *, loop: Any) -> None:
        super().__init__(loop=loop)
        self.about = about


async def _called(work: Any) -> Any:
    if not callable(work):
        raise UsageError(f"expected a coroutine or a function; got {work!r}")
    result = work()
    return await result if inspect.isawaitable(result) else result


def _exit_code(exit_: SystemExit) -> int:
    """As Python's own: None is 0, a number is itself, anything else is printed and is 1."""
    return exit_.code if isinstance(exit_.code, int) else 0 if exit_.code is None else 1


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

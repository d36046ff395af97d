"""The simulated world: a system's nodes on the kernel, and the verbs that a nemesis has on them.

One `SimWorld` is one run. It boots the nodes of a `System`, takes clients, applies faults, watches properties, and turns
what goes wrong inside a node into a finding instead of a crash of the tool:

* a broken `always` property stops the run (`violation`);
* a handler that raises stops the run (`failure`), with its traceback and the event it was handling;
* a disk that refuses stops the node (fail-stop, as databases do), not the run.
"""

from __future__ import annotations

import traceback
from collections.abc import Callable, Iterable
from typing import Any, Literal

from windtunnel.base.errors import StorageError
from windtunnel.base.messages import NodeId, describe
from windtunnel.base.outbox import Outbox
from windtunnel.base.system import Setup, System
from windtunnel.base.world import Failure, Link
from windtunnel.sim.disk import SimDisk
from windtunnel.sim.kernel import Kernel
from windtunnel.sim.observe import Trace, Violation, Watcher


class SimWorld:
    """A cluster in virtual time; implements `base.world.World`.

    seed: fixes everything that happens. cpu: cores of each node, and seconds that each delivery costs one of them. watch:
    check the system's properties after every event. trace: keep every row.
    """

    def __init__(
        self,
        system: System,
        *,
        seed: int,
        size: int | None = None,
        safeguards: Any = None,
        options: Any = None,
        policy: str = "fifo",
        cpu: tuple[int, float] = (1, 0.0),
        watch: bool = True,
        trace: bool = False,
    ) -> None:
        self.system = system
        self.kernel = Kernel(seed, policy=policy)
        self.cores: dict[NodeId, Any] = {}
        self.failure: Failure | None = None
        self.trace = Trace(lambda: self.kernel.now)
        self._names = system.nodes(size or system.size)
        self._safeguards = safeguards if safeguards is not None else system.safeguards()
        self._cpu = cpu
        self._options = options if options is not None else system.options()
        self._ports: dict[NodeId, Any] = {}
        self._disks: dict[NodeId, SimDisk] = {}
        self._hosts: dict[NodeId, Any] = {}
        self._up: set[NodeId] = set()
        self._stopped_by_disk: set[NodeId] = set()
        self._loop: Any = None
        self._tracing = trace
        self._watcher: Watcher | None = None
        if watch:
            where = lambda: (self.kernel.now, self.kernel.events)  # noqa: E731
            self._watcher = Watcher(system.always, system.sometimes, self.cores, where, self.kernel.stop)
            self.kernel.after_event = self._watcher.after_event
        if trace:
            self.kernel.tracer = self.trace
            self.kernel.after_event = self._noting_states(self.kernel.after_event)
            if system.leader is not None:
                self.kernel.after_event = self._noting_leaders(self.kernel.after_event)

    # --- Life of a run ---

    def boot(self) -> None:
        """Start every node of the system, in order of names."""
        for name in self._names:
            port = self.kernel.add_node(name)
            if self._cpu[1]:
                port.set_cpu(*self._cpu)
            port.disk = self._disks[name] = SimDisk(self.kernel.stream(f"disk/{name}"))
            if self._tracing:
                port.observer = self.trace
            self._ports[name] = port
        for name in self._names:
            self._guarded(name, self._start)

    def add_client(self, name: NodeId, make: Callable[[Outbox], Any]) -> Any:
        """Put a client core on the network: `make` receives its outbox. Returns the core, started."""
        port = self.kernel.add_node(name)
        client = make(port)
        port.bind(client)
        client.on_start()
        return client

    def at(self, when_s: float, action: Callable[..., Any], *args: Any) -> None:
        """Run `action(*args)` at a virtual time, outside any node."""
        self.kernel.call_at(when_s, action, *args)

    def run(self, until_s: float) -> str:
        """Go on until `until_s`, a violation or a failure; returns the kernel's reason for stopping."""
        while True:
            try:
                return str(self.kernel.run(until_s))
            except StorageError as error:
                assert self.kernel.current is not None, "a disk refused outside any event"
                self._stop_by_disk(self.kernel.current[3], str(error))
            except Exception:
                current = self.kernel.current
                if current is None:  # not in a handler: a bug of ours, or of the caller's own action
                    raise
                _, at_s, kind, node, src, payload = current
                event = f"{kind} {describe(payload)}" + (f" from {src}" if src else "")
                self._fail(node, at_s, event)
                return "failed"

    def close(self) -> None:
        """Give up what procedures are still waiting for; nothing runs here after this."""
        if self._loop is not None:
            self._loop.close()

    @property
    def now(self) -> float:
        """Virtual seconds since the boot."""
        return float(self.kernel.now)

    @property
    def violation(self) -> Violation | None:
        """The broken `always` property that stopped the run, if any."""
        return self._watcher.violation if self._watcher else None

    def seen(self) -> list[str]:
        """Names of the `sometimes` properties seen so far."""
        if self._watcher is None:
            return []
        self._watcher.look_for_situations()
        return self._watcher.seen

    # --- What a nemesis sees and does ---

    @property
    def nodes(self) -> tuple[NodeId, ...]:
        return self._names

    def leader(self) -> NodeId | None:
        return self.system.leader(self.cores) if self.system.leader else None

    def running(self, node: NodeId) -> bool:
        return node in self._up

    def cut(self, links: Iterable[Link], *, hold: bool = False) -> None:
        rows = list(links)
        for src, dst in rows:
            self.kernel.links.cut(src, dst, hold)
        self.trace.note("cut", ("hold " if hold else "") + " ".join(f"{src}→{dst}" for src, dst in rows))

    def heal(self) -> None:
        self.kernel.links.heal()
        self.trace.note("heal", "all links")

    def crash(self, node: NodeId) -> None:
        if node not in self._up:
            return
        self._kill(node)
        lost = self._disks[node].crash()
        self.trace.note("crash", f"{lost} unsynced records lost" if lost else "nothing unsynced", node)

    def restart(self, node: NodeId) -> None:
        if node not in self._up and node not in self._stopped_by_disk:
            self._guarded(node, self._start)

    def pause(self, node: NodeId) -> None:
        if node in self._up and not self._ports[node].paused:
            self._ports[node].pause()
            self.trace.note("pause", "", node)

    def resume(self, node: NodeId) -> None:
        if self._ports[node].paused:
            self._ports[node].resume()
            self.trace.note("resume", "", node)

    def skew(self, node: NodeId, *, offset_s: float = 0.0, drift: float = 0.0) -> None:
        self._ports[node].set_clock(offset_s, 1.0 + drift)
        self.trace.note("skew", f"jump {offset_s:+.3f} s, drift {drift:+.2%}", node)

    def weather(self, *, drop: float = 0.0, duplicate: float = 0.0, slow_s: float = 0.0) -> None:
        self.kernel.links.weather(drop=drop, duplicate=duplicate, slow_s=slow_s)
        self.trace.note("weather", f"drop {drop:.0%}, duplicate {duplicate:.0%}, up to {slow_s * 1e3:.0f} ms slower")

    def disk(self, node: NodeId, mode: Literal["ok", "slow", "full", "corrupt"], *, sync_s: float = 0.0) -> None:
        disk = self._disks[node]
        if mode == "ok":
            disk.repair()
        elif mode == "slow":
            disk.sync_s = (sync_s / 2, sync_s)
        elif mode == "full":
            disk.full = True
        else:
            disk.corrupt()
        self.trace.note("disk", mode + (f", syncs of {sync_s * 1e3:.0f} ms" if mode == "slow" else ""), node)
        if mode == "ok" and node in self._stopped_by_disk:
            self._stopped_by_disk.discard(node)
            self.restart(node)

    # --- Inside ---

    def _noting_states(self, inner: Callable[[NodeId], None] | None) -> Callable[[NodeId], None]:
        """After each event, what it changed in the node; before properties are looked at, so that a violation has its state."""
        cores, trace = self.cores, self.trace

        def after_event(node: NodeId) -> None:
            core = cores.get(node)
            if core is not None:
                trace.settled(node, core)
            if inner is not None:
                inner(node)

        return after_event

    def _noting_leaders(self, inner: Callable[[NodeId], None] | None) -> Callable[[NodeId], None]:
        """After each event, a row of the trace when another node leads now."""
        last: NodeId | None = None

        def after_event(node: NodeId) -> None:
            nonlocal last
            if inner is not None:
                inner(node)
            now = self.leader()
            if now != last:
                last = now
                self.trace.note("leader", f"{now or 'nobody'} leads", now)

        return after_event

    def _start(self, node: NodeId) -> None:
        port = self._ports[node]
        records = self._disks[node].recover()
        setup = Setup(
            me=node,
            nodes=self._names,
            out=port,
            records=records,
            safeguards=self._safeguards,
            options=self._options,
        )
        built = self.system.build(setup)
        if self.system.form == "procedure":
            core = self._host(node, built, records)
        else:
            core = self.cores[node] = built
        port.bind(core)
        self._up.add(node)
        self.trace.note("start", f"{len(records)} records recovered", node)
        core.on_start()
        if self._tracing and node in self.cores:
            self.trace.settled(node, self.cores[node])
        if self._watcher is not None:
            self._watcher.after_event(node)

    def _host(self, node: NodeId, procedure: Any, records: list[Any]) -> Any:
        """The adapter core of a procedure; what it observes becomes the node that properties see."""
        from windtunnel.sim.hosts import ProcedureHost  # noqa: PLC0415 - the asyncio tier loads only where it is used
        from windtunnel.sim.loop import SimLoop  # noqa: PLC0415

        if self._loop is None:
            self._loop = SimLoop(self.kernel)
        host = ProcedureHost(self.kernel, self._loop, self._ports[node], node, self._names, procedure, records)
        host.on_observe = lambda state: self.cores.__setitem__(node, state)
        self._hosts[node] = host
        return host.core

    def _kill(self, node: NodeId) -> None:
        self._ports[node].unbind()
        self._up.discard(node)
        self.cores.pop(node, None)
        host = self._hosts.pop(node, None)
        if host is not None:
            host.kill()

    def _stop_by_disk(self, node: NodeId, why: str) -> None:
        if node in self._up:
            self._kill(node)
            self._disks[node].crash()
        self._stopped_by_disk.add(node)
        self.trace.note("crash", f"the disk refused: {why}", node)

    def _guarded(self, node: NodeId, start: Callable[[NodeId], None]) -> None:
        """Boot a node; a refusing disk keeps it down, any other exception ends the run as its failure."""
        try:
            start(node)
        except StorageError as error:
            self._stop_by_disk(node, str(error))
        except Exception:  # noqa: BLE001 - whatever a system raises at boot is a finding about the system
            self._fail(node, self.now, "start")
            self.kernel.stop()

    def _fail(self, node: NodeId, at_s: float, event: str) -> None:
        text = traceback.format_exc()
        if self.failure is None:
            self.failure = Failure(node, at_s, event, text, text.strip().rsplit("\n", 1)[-1])
            self.trace.note("violation", f"the handler raised: {self.failure.error}", node)

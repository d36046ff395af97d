"""A cluster of real processes on this machine, with the verbs that a nemesis has on them.

    async with LiveWorld(system, loader="windtunnel.systems:find", directory=path, seed=7) as world:
        recorder = Recorder(lambda: world.now)
        client = world.add_client("c1", lambda out: Client("c1", world.nodes, out, recorder, ...))
        await world.cut([("n1", "n2")])
        await world.sleep_until(5.0)
        await world.heal()

It mirrors the simulated world: the same system, the same client cores, the same faults. Verbs are coroutines and have taken
effect when they return. What goes wrong inside a node is a finding (`failure`), not an exception: a handler that raised, a
process that died without being told to. A disk that refuses stops its node, and `disk(node, "ok")` boots it again.
"""

from __future__ import annotations

import asyncio
import os
import time
import traceback
from collections.abc import Callable, Iterable
from pathlib import Path
from types import SimpleNamespace, TracebackType
from typing import Any, Literal, Self

import msgspec

from windtunnel.base.errors import StorageError, Unsupported, UsageError
from windtunnel.base.messages import NodeId
from windtunnel.base.outbox import Outbox
from windtunnel.base.streams import Stream
from windtunnel.base.system import System
from windtunnel.base.world import Failure, Link
from windtunnel.live.config import NodeConfig
from windtunnel.live.member import Member, PortTaken, StartFailed
from windtunnel.live.processes import free_ports
from windtunnel.live.proxy import HOST, LinkProxies
from windtunnel.live.transport import Address, Transport
from windtunnel.runtime.codec import Codec
from windtunnel.runtime.driver import Driver

LOOK_S = 0.05  # between two questions for the nodes' states
FRESH_S = 1.0  # a state older than this says nothing about now
PORT_TRIES = 20  # for a node that boots again: `LOOK_S` apart


class LiveWorld:
    """A system as real processes; implements `base.world.World` with coroutines. Use it with `async with`, in the main thread.

    loader: "module:function" that finds the system by name inside each process. directory: gets a folder per node (its log of
    records, its stderr); existing records are recovered. seed: of the nodes' dice and the weather; it does not make a live run
    repeatable. size, safeguards, options: as for the simulated world. proxied: without, links cannot be cut, and run at full
    speed. durable: without, nodes keep their records in memory only. threaded: sync in a thread. loop: of the node processes,
    "asyncio", "uvloop" or "auto".
    """

    def __init__(
        self,
        system: System,
        *,
        loader: str,
        directory: Path,
        seed: int,
        size: int | None = None,
        safeguards: Any = None,
        options: Any = None,
        proxied: bool = True,
        durable: bool = True,
        threaded: bool = False,
        loop: str = "auto",
    ) -> None:
        self.system = system
        self.failure: Failure | None = None
        self._loader = loader
        self._directory = directory
        self._seed = seed
        self._names = system.nodes(size or system.size)
        self._safeguards = safeguards if safeguards is not None else system.safeguards()
        self._options = options if options is not None else system.options()
        self._proxied = proxied
        self._durable = durable
        self._threaded = threaded
        self._loop_name = loop
        self._codec = Codec(system.messages)
        self._members: dict[NodeId, Member] = {}
        self._proxies: LinkProxies | None = None
        self._links: dict[Link, Address] = {}
        self._addresses: dict[NodeId, Address] = {}
        self._clients: list[tuple[Driver, Transport]] = []
        self._looking: asyncio.Task[None] | None = None
        self._zero = time.monotonic()
        self._trouble = asyncio.Event()

    # --- Life of a run ---

    async def __aenter__(self) -> Self:
        """Start the cluster; see `start`."""
        await self.start()
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        """Stop everything, whatever happened."""
        await self.stop()

    async def start(self) -> None:
        """Start every node and return when all of them serve.

        Ports are chosen free; if somebody takes one in between, the whole start is repeated once with others. Raises StartFailed,
        and StorageError when a node's records cannot be read; either way nothing is left running.
        """
        try:
            try:
                await self._start_all(free_ports(len(self._names)))
            except PortTaken as first:
                await self.stop()
                try:
                    await self._start_all(free_ports(len(self._names), taken=[first.port]))
                except PortTaken as second:
                    raise StartFailed(
                        f"port {first.port} of {HOST} was taken while the cluster started, and in a second attempt port "
                        f"{second.port}: another program is taking ports as fast as we choose them; try again"
                    ) from None
        except BaseException:
            await self.stop()
            raise
        self._looking = asyncio.get_running_loop().create_task(self._keep_looking())

    async def stop(self) -> None:
        """Kill every process and close every socket. May be called at any time, and twice."""
        members = list(self._members.values())
        for member in members:  # before the first await: whoever cancels us in there must not save them
            member.kill_nowait()
        if self._looking is not None:
            self._looking.cancel()
            self._looking = None
        for driver, transport in self._clients:
            driver.close()
            await transport.close()
        self._clients.clear()
        for member in members:
            await member.kill()
        self._members.clear()
        if self._proxies is not None:
            await self._proxies.stop()
            self._proxies = None

    async def _start_all(self, ports: list[int]) -> None:
        self._zero = time.monotonic()
        self._addresses = {name: (HOST, port) for name, port in zip(self._names, ports, strict=True)}
        if self._proxied:
            self._proxies = LinkProxies(self._names, seed=self._seed)
            self._links = await self._proxies.start(self._addresses)
        else:
            self._links = {(src, dst): self._addresses[dst] for src in self._names for dst in self._names if src != dst}
        for name in self._names:
            self._members[name] = Member(name, self._directory / name, failed=self._fail, now=lambda: self.now)
        booting = (member.boot(self._config(member)) for member in self._members.values())
        for outcome in await asyncio.gather(*booting, return_exceptions=True):
            if isinstance(outcome, BaseException):
                raise outcome

    def _config(self, member: Member) -> NodeConfig:
        host, port = self._addresses[member.name]
        return NodeConfig(
            me=member.name,
            nodes=self._names,
            system=self.system.name,
            loader=self._loader,
            host=host,
            port=port,
            peers={dst: address for (src, dst), address in self._links.items() if src == member.name},
            wal=str(member.wal) if self._durable else None,
            seed=self._seed,
            life=member.life,
            safeguards=msgspec.Raw(msgspec.json.encode(self._safeguards)),
            options=msgspec.Raw(msgspec.json.encode(self._options)),
            parent=os.getpid(),
            threaded=self._threaded,
            loop=self._loop_name,
        )

    # --- Clients, and waiting ---

    def add_client(self, name: NodeId, make: Callable[[Outbox], Any]) -> Any:
        """Put a client core on the network: `make` receives its outbox. Returns the core, started.

        Clients live in this process and reach the nodes directly: faults of links are faults between nodes.
        """
        transport = Transport(name, self._codec, self._addresses, lambda _src, _message: None, say=lambda _text: None)
        driver = Driver(
            transport,
            failed=lambda error, event: self._fail(name, event, repr(error), "".join(traceback.format_exception(error))),
            dice=Stream(self._seed, f"live/{name}").random,
            now=time.monotonic,
        )
        transport.deliver = driver.deliver
        client = make(driver)
        driver.start(client)
        self._clients.append((driver, transport))
        return client

    @property
    def now(self) -> float:
        """Real seconds since the start of the cluster."""
        return time.monotonic() - self._zero

    async def sleep_until(self, when_s: float) -> bool:
        """Wait until `now` is `when_s`; False as soon as something has failed."""
        try:
            async with asyncio.timeout(max(0.0, when_s - self.now)):
                await self._trouble.wait()
        except TimeoutError:
            return self.failure is None
        return False

    async def until(self, condition: Callable[[], bool], within_s: float) -> bool:
        """Wait until `condition()` holds; False when it did not within that time, or something failed."""
        end_s = self.now + within_s
        while not condition():
            if self.now >= end_s or self.failure is not None:
                return False
            await asyncio.sleep(min(LOOK_S, within_s))
        return True

    # --- What a nemesis sees ---

    @property
    def nodes(self) -> tuple[NodeId, ...]:
        """See World."""
        return self._names

    @property
    def states(self) -> dict[NodeId, Any]:
        """The public scalar fields of each running node as an object, at most `FRESH_S` old; paused nodes are absent."""
        after_s = self.now - FRESH_S
        return {
            name: SimpleNamespace(**member.state)
            for name, member in self._members.items()
            if member.state is not None and member.up and member.state_at_s > after_s
        }

    async def inspect(self) -> dict[NodeId, Any]:
        """Copies of the cores of all running nodes, for properties; one after the other, so they are not of one instant.

        Costs a node a millisecond or more, depending on the size of its state. Raises Unsupported if it cannot be copied.
        """
        cores = {name: await member.inspect() for name, member in self._members.items()}
        return {name: core for name, core in cores.items() if core is not None}

    def leader(self) -> NodeId | None:
        """See World. Judged by the nodes' latest states."""
        return self.system.leader(self.states) if self.system.leader is not None else None

    def running(self, node: NodeId) -> bool:
        """See World."""
        return self._members[node].up

    def address(self, node: NodeId) -> Address:
        """Where the node itself listens, without a proxy in between."""
        return self._addresses[node]

    def pid(self, node: NodeId) -> int | None:
        """The process id of the node's present or last life, for profilers and the curious."""
        return self._members[node].pid

    # --- What a nemesis does ---

    async def cut(self, links: Iterable[Link], *, hold: bool = False) -> None:
        """See World. Without `hold` connections are reset, and new ones too until the heal."""
        await self._need_proxies("cut").cut(links, hold=hold)

    async def heal(self) -> None:
        """See World."""
        await self._need_proxies("heal").heal()

    async def weather(self, *, drop: float = 0.0, duplicate: float = 0.0, slow_s: float = 0.0) -> None:
        """See World."""
        await self._need_proxies("change the weather of").weather(drop=drop, duplicate=duplicate, slow_s=slow_s)

    async def crash(self, node: NodeId) -> None:
        """See World: SIGKILL. What the process had written survives, since the operating system does."""
        member = self._members[node]
        if member.up:
            await member.kill()

    async def restart(self, node: NodeId) -> None:
        """See World. Returns when the node serves again, or its disk has refused, or it has failed."""
        member = self._members[node]
        if member.up or member.stopped_by_disk:
            return
        for _ in range(PORT_TRIES):
            try:
                await member.boot(self._config(member))
            except PortTaken:
                await asyncio.sleep(LOOK_S)
                continue
            except StorageError:
                member.stopped_by_disk = True
            except (StartFailed, UsageError) as error:
                self._fail(node, "start", str(error).split("\n", 1)[0], str(error))
            return
        self._fail(node, "start", f"port {self._addresses[node][1]} was taken by another program while it was down", "")

    async def pause(self, node: NodeId) -> None:
        """See World: SIGSTOP."""
        self._members[node].pause()

    async def resume(self, node: NodeId) -> None:
        """See World: SIGCONT."""
        self._members[node].resume()

    async def skew(self, node: NodeId, *, offset_s: float = 0.0, drift: float = 0.0) -> None:
        """See World. The clock that the node reads and the pace of its timers and sleeps, not the machine's."""
        self._members[node].skew(offset_s, drift)

    async def disk(self, node: NodeId, mode: Literal["ok", "slow", "full", "corrupt"], *, sync_s: float = 0.0) -> None:
        """See World. A corrupt record is noticed at the next boot, which it prevents until the disk is "ok" again."""
        if not self._durable:
            raise Unsupported("this live world keeps records in memory: it has no disks")
        member = self._members[node]
        if mode == "corrupt":
            member.corrupt_disk()
        elif mode == "slow":
            member.slow_disk(sync_s)
        elif mode == "full":
            member.fill_disk()
        else:
            member.mend_disk()
            if member.stopped_by_disk:
                member.stopped_by_disk = False
                await self.restart(node)

    def _need_proxies(self, verb: str) -> LinkProxies:
        if self._proxies is None:
            raise Unsupported(f"this live world has direct links: it cannot {verb} them")
        return self._proxies

    # --- Inside ---

    def _fail(self, node: NodeId, event: str, error: str, text: str) -> None:
        if self.failure is None:
            self.failure = Failure(node, self.now, event, text, error)
            self._trouble.set()

    async def _keep_looking(self) -> None:
        while True:
            for member in self._members.values():
                member.ask()
            await asyncio.sleep(LOOK_S)

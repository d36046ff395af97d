"""Links that can be cut: one TCP proxy per directed link, all in a thread and loop of their own.

Theory of operation. Node i knows node j under the address of the proxy i→j, and only i's messages travel there, because a
node sends on the connections that it dials. So each directed link has a gate without anybody looking at addresses or
process tables. The proxy cuts the byte stream at frame boundaries and knows nothing else of it.

| gate | what happens to messages | what the sender sees |
|---|---|---|
| open | pass | nothing |
| hold | wait, in order, and pass at the heal: a short cut under TCP | nothing, until buffers are full |
| reset | are lost; the connection breaks, new ones break at once | resets, as from a firewall that rejects |

`weather` loses, repeats and delays single messages on open links; a delayed message can overtake others, as on the simulated
network. Messages that a proxy had passed on before a cut still arrive.

The thread is the reason why nothing in here can deadlock with the rest: whatever the tool's own loop does, links work.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar, cast

from windtunnel.base.messages import NodeId
from windtunnel.base.streams import Stream
from windtunnel.base.world import Link
from windtunnel.live.transport import Address
from windtunnel.runtime.codec import BadFrame, Splitter

T = TypeVar("T")
HOST = "127.0.0.1"
CLOSING_TURNS = 6  # of the loop, until whatever was half open at the end has come and gone


class _Gate:
    """The state of one directed link."""

    __slots__ = ("hold", "pipes", "reset", "target", "weather")

    def __init__(self, target: Address, weather: _Weather) -> None:
        self.target = target
        self.weather = weather
        self.hold = False
        self.reset = False
        self.pipes: dict[_Inlet, None] = {}


class _Weather:
    """What open links do to single messages."""

    __slots__ = ("dice", "drop", "duplicate", "slow_s")

    def __init__(self, dice: Stream) -> None:
        self.dice = dice
        self.drop = self.duplicate = self.slow_s = 0.0

    @property
    def fair(self) -> bool:
        """Nothing happens to anybody."""
        return self.drop == self.duplicate == self.slow_s == 0.0


class _Inlet(asyncio.Protocol):
    """The sender's end of one proxied connection."""

    def __init__(self, gate: _Gate, loop: asyncio.AbstractEventLoop) -> None:
        self._gate = gate
        self._loop = loop
        self._wire: asyncio.Transport | None = None
        self._outlet: asyncio.Transport | None = None
        self._splitter = Splitter()
        self._task: asyncio.Task[None] | None = None
        self._full = False
        self._late: list[bytes] = []  # delayed messages that came due during a hold

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        wire = self._wire = cast("asyncio.Transport", transport)
        if self._gate.reset:
            wire.abort()
            return
        self._gate.pipes[self] = None
        wire.pause_reading()
        self._task = self._loop.create_task(self._connect())

    async def _connect(self) -> None:
        host, port = self._gate.target
        try:
            await self._loop.create_connection(lambda: _Outlet(self), host, port)
        except OSError:
            self.abort()

    def connected(self, outlet: asyncio.Transport) -> None:
        """The receiver's end stands."""
        if self._wire is None or self._wire.is_closing():
            outlet.abort()
            return
        self._outlet = outlet
        self.adjust()

    def adjust(self) -> None:
        """Read, or not, as the gate and the receiver allow."""
        if self._wire is None or self._wire.is_closing() or self._outlet is None:
            return
        if self._gate.hold or self._full:
            self._wire.pause_reading()
        else:
            late, self._late = self._late, []
            for frame in late:
                self._outlet.write(frame)
            self._wire.resume_reading()

    def receiver_full(self, *, full: bool) -> None:
        """The receiver does not read, or reads again."""
        self._full = full
        self.adjust()

    def data_received(self, data: bytes) -> None:
        try:
            frames = self._splitter.feed(data)
        except BadFrame:
            self.abort()
            return
        if frames and self._outlet is not None:
            if self._gate.weather.fair:
                self._outlet.write(b"".join(frames))
            else:
                self._through_weather(frames, self._gate.weather)

    def _through_weather(self, frames: list[bytes], weather: _Weather) -> None:
        dice = weather.dice
        for frame in frames:
            if dice.chance(weather.drop):
                continue
            for _ in range(2 if dice.chance(weather.duplicate) else 1):
                if weather.slow_s > 0.0:
                    self._loop.call_later(dice.uniform(0.0, weather.slow_s), self._pass_late, frame)
                else:
                    self._pass_late(frame)

    def _pass_late(self, frame: bytes) -> None:
        if self._gate.hold:
            self._late.append(frame)
        elif self._outlet is not None and not self._outlet.is_closing():
            self._outlet.write(frame)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's signature
        self.abort()

    def abort(self) -> None:
        """Break both ends."""
        self._gate.pipes.pop(self, None)
        if self._task is not None:
            self._task.cancel()
        for wire in (self._wire, self._outlet):
            if wire is not None and not wire.is_closing():
                wire.abort()


class _Outlet(asyncio.Protocol):
    """The receiver's end of one proxied connection."""

    def __init__(self, inlet: _Inlet) -> None:
        self._inlet = inlet

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._inlet.connected(cast("asyncio.Transport", transport))

    def pause_writing(self) -> None:
        self._inlet.receiver_full(full=True)

    def resume_writing(self) -> None:
        self._inlet.receiver_full(full=False)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's signature
        self._inlet.abort()


class LinkProxies:
    """Every directed link between `nodes`. The verbs may be called from any loop; each returns when it has taken effect.

    seed: of the stream that the weather draws from.
    """

    def __init__(self, nodes: Iterable[NodeId], *, seed: int) -> None:
        self._nodes = tuple(nodes)
        self._weather = _Weather(Stream(seed, "weather"))
        self._gates: dict[Link, _Gate] = {}
        self._servers: list[asyncio.Server] = []
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name="link proxies", daemon=True)

    async def start(self, targets: Mapping[NodeId, Address]) -> dict[Link, Address]:
        """Listen for every directed link; returns where. targets: where the nodes themselves listen, or will."""
        self._thread.start()
        addresses: dict[Link, Address] = await self._there(self._listen, dict(targets))
        return addresses

    async def cut(self, links: Iterable[Link], *, hold: bool) -> None:
        """Close gates: held messages wait, otherwise connections are reset. The last cut of a link counts."""
        await self._there(self._cut, list(links), hold)

    async def heal(self) -> None:
        """Open every gate; what was held goes on."""
        await self._there(self._heal)

    async def weather(self, *, drop: float, duplicate: float, slow_s: float) -> None:
        """See base.world.World."""
        await self._there(self._set_weather, drop, duplicate, slow_s)

    async def stop(self) -> None:
        """Break every connection, stop listening, end the thread."""
        if self._thread.is_alive():
            await self._there(self._close)
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join()
        elif not self._loop.is_closed():
            self._loop.close()

    # --- In the thread ---

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        try:
            self._loop.run_forever()
        finally:
            tasks = asyncio.all_tasks(self._loop)
            for task in tasks:
                task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                self._loop.run_until_complete(asyncio.gather(*tasks, return_exceptions=True))
            self._loop.run_until_complete(self._break_all())  # cancelled dials end in later turns
            self._loop.close()

    async def _there(self, verb: Callable[..., Any], *args: Any) -> Any:
        async def run() -> Any:
            result = verb(*args)
            return await result if asyncio.iscoroutine(result) else result

        return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(run(), self._loop))

    async def _listen(self, targets: dict[NodeId, Address]) -> dict[Link, Address]:
        addresses: dict[Link, Address] = {}
        for src in self._nodes:
            for dst in self._nodes:
                if src != dst:
                    gate = self._gates[src, dst] = _Gate(targets[dst], self._weather)
                    server = await self._loop.create_server(lambda gate=gate: _Inlet(gate, self._loop), HOST, 0)  # type: ignore[misc]
                    self._servers.append(server)
                    addresses[src, dst] = (HOST, int(server.sockets[0].getsockname()[1]))
        return addresses

    def _cut(self, links: list[Link], hold: bool) -> None:  # noqa: FBT001 - called by name above
        for link in links:
            gate = self._gates[link]
            gate.hold, gate.reset = hold, not hold
            for pipe in list(gate.pipes):
                if hold:
                    pipe.adjust()
                else:
                    pipe.abort()

    def _heal(self) -> None:
        for gate in self._gates.values():
            gate.hold = gate.reset = False
            for pipe in list(gate.pipes):
                pipe.adjust()

    def _set_weather(self, drop: float, duplicate: float, slow_s: float) -> None:
        weather = self._weather
        weather.drop, weather.duplicate, weather.slow_s = drop, duplicate, slow_s

    async def _close(self) -> None:
        # A server that closes while it accepts loses that connection unclosed (asyncio asserts inside the transport). So: accept
        # no more, turn away whoever is under way, then close.
        for gate in self._gates.values():
            gate.reset = True
        for server in self._servers:
            for listening in server.sockets:
                self._loop.remove_reader(listening.fileno())
        await self._break_all()
        for server in self._servers:
            server.close()
        await self._break_all()

    async def _break_all(self) -> None:
        for _ in range(CLOSING_TURNS):  # a connection that was being accepted shows up a turn or two later
            for gate in self._gates.values():
                for pipe in list(gate.pipes):
                    pipe.abort()
            await asyncio.sleep(0)

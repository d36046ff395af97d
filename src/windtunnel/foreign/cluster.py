"""A cluster of programs: one virtual clock, a network between them with latency, loss and cuts, and the verbs of faults.

Theory of operation. Programs are real processes; time is not. Every message goes through a heap of events. One event is taken at
a time: a message is written to one program's stdin, and nothing else happens until that program waits again (`quiet`). What it
said meanwhile is stamped with the time of the event and travels on. So the order of deliveries, and with it the whole run of a
program that has no timers and draws no lots of its own, is a function of the seed.

A program that wants to be woken asks the service `clock`: `{"type": "wake", "after_ms": 100, "msg_id": 7}` is answered with
`wake_ok` after so much virtual time. Real timers are not seen by the clock; so that programs of others make progress, the cluster
listens for `idle_s` real seconds when nothing is left to do but let a request time out, until it has listened in vain four times.

Semantics as in the protocol document: a cut loses what would arrive while it lasts; clients are not cut off and have no latency;
messages between two nodes may overtake each other; `src` is believed.
"""

from __future__ import annotations

import heapq
import itertools
import select
from collections.abc import Callable, Coroutine, Iterable, Mapping, Sequence
from typing import Any, Literal, Self, TypeVar

from windtunnel.base.errors import Unsupported
from windtunnel.base.streams import Stream
from windtunnel.base.world import Link
from windtunnel.foreign.messages import CRASH, TIMEOUT, Garbage, Message, RpcError, parsed
from windtunnel.foreign.program import Caps, Program, ProgramFailed
from windtunnel.foreign.tasks import Pending, Task, Tasks

T = TypeVar("T")

RPC_S = 5.0
INIT_S = 10.0
IDLE_S = 0.1
SILENCES_MAX = 4
CLOCK = "clock"
EVENTS_MAX = 200_000


class Cluster:
    """Programs as nodes n0, n1, ... A context manager: at its end every process is killed.

    command: of the program; cwd: where it runs. latency: ("constant" or "uniform" or "exponential", seconds, seconds), between
    nodes. start: called in each new process before the program. limit_s: virtual seconds that a run may take.

    trace: rows as a report draws them. garbage: lines that were no messages, as (node, why).
    """

    def __init__(
        self,
        command: Sequence[str],
        cwd: str,
        *,
        nodes: int = 3,
        seed: int = 0,
        latency: tuple[str, float, float] = ("uniform", 0.001, 0.010),
        caps: Caps | None = None,
        start: Callable[[], None] = lambda: None,
        limit_s: float = 600.0,
        idle_s: float = IDLE_S,
    ) -> None:
        self.nodes = tuple(f"n{i}" for i in range(nodes))
        self.now = 0.0
        self.trace: list[dict[str, Any]] = []
        self.garbage: list[tuple[str, str]] = []
        self.sent = 0
        self.quiet_at_s = 0.0
        self._command, self._cwd, self._caps, self._start = tuple(command), cwd, caps or Caps(), start
        self._latency = latency
        self._limit_s, self._idle_s = limit_s, idle_s
        self._network = Stream(seed, "network")
        self._programs: dict[str, Program] = {}
        self._heap: list[tuple[float, int, Callable[..., object], tuple[Any, ...]]] = []
        self._numbers = itertools.count()
        self._tasks = Tasks()
        self._waiting: dict[tuple[str, int], Pending[dict[str, Any]]] = {}
        self._clients = itertools.count()
        self._silences = 0
        self._cuts: dict[Link, bool] = {}
        self._held: list[Message] = []
        self._paused: dict[str, list[Message]] = {}
        self._drop = self._duplicate = self._slow_s = 0.0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for program in self._programs.values():
            program.kill()

    # --- Running ---

    def run(self, main: Coroutine[Any, Any, T]) -> T:
        """Boot every node, run `main` to its end, in virtual time; returns its value, raises its error or ProgramFailed."""
        task = Task(self._booted(main), self._tasks)
        events = 0
        try:
            self._tasks.run()
            while not task.done:
                self._next()
                self._tasks.run()
                events += 1
                if self.now > self._limit_s or events > EVENTS_MAX:
                    raise ProgramFailed("the run", f"is not done after {self.now:g} virtual seconds and {events} events")
            return task.result()  # type: ignore[no-any-return]
        finally:
            self._tasks.close()
            main.close()

    async def _booted(self, main: Coroutine[Any, Any, T]) -> T:
        for node in self.nodes:
            self._spawn(node)
        # Every inbox begins with its init: real programs die if a peer's message overtakes it.
        for each in [self.spawn(self._init(node)) for node in self.nodes]:
            await each
        return await main

    async def _init(self, node: str) -> None:
        try:
            await self.rpc(node, {"type": "init", "node_id": node, "node_ids": list(self.nodes)}, timeout_s=INIT_S)
        except RpcError as error:
            program = self._programs[node]
            code = f", and ended with {program.status()}" if program.ended is not None else ""
            raise ProgramFailed(node, f"did not answer init with init_ok ({error}){code}", program.stderr()) from None

    def spawn(self, work: Coroutine[Any, Any, T]) -> Task:
        """Run a coroutine beside the others; await it for its value."""
        return Task(work, self._tasks)

    def at(self, at_s: float, call: Callable[..., object], *args: object) -> None:
        """Call something at a virtual time."""
        heapq.heappush(self._heap, (max(at_s, self.now), next(self._numbers), call, args))

    def _next(self) -> None:
        """Take the next event; if it is far off, first hear whether a program speaks by itself."""
        while self._heap and self._heap[0][2] == self._give_up and self._heap[0][3][:2] not in self._waiting:
            heapq.heappop(self._heap)  # it has its answer
        if not self._heap or self._heap[0][2] == self._give_up:
            self._listen()
        if not self._heap:
            raise ProgramFailed("the run", "cannot go on: everybody waits, and nothing is on its way")
        self.now, _, call, args = heapq.heappop(self._heap)
        call(*args)

    def _listen(self) -> None:
        """Hear whether a program speaks by itself; one that has not done so for a few times has no timers."""
        if self._silences >= SILENCES_MAX:
            return
        running = [program for node, program in self._programs.items() if self.running(node) and node not in self._paused]
        ready, _, _ = select.select([program.fd for program in running if program.ended is None], [], [], self._idle_s)
        self._silences = 0 if ready else self._silences + 1
        for program in running:
            if program.fd in ready:
                self._route(program.node, program.settle())

    # --- Clients ---

    def client(self) -> str:
        """A name for a new client: c0, c1, ..."""
        return f"c{next(self._clients)}"

    def sleep(self, seconds: float) -> Pending[None]:
        """Await so much virtual time."""
        pending: Pending[None] = Pending()
        self.at(self.now + seconds, pending.resolve, None)
        return pending

    async def healed(self) -> None:
        """Await the end of all planned faults."""
        if self.now < self.quiet_at_s:
            await self.sleep(self.quiet_at_s - self.now)

    def rpc(
        self, node: str, body: Mapping[str, Any], *, client: str | None = None, timeout_s: float = RPC_S
    ) -> Pending[dict[str, Any]]:
        """Send a request and await the body of its answer. Raises RpcError: an error that was answered, or code 0, no answer."""
        src = client or self.client()
        number = next(self._numbers)
        answer: Pending[dict[str, Any]] = Pending()
        self._waiting[src, number] = answer
        self._send(Message(src, node, {**body, "msg_id": number}))
        text = f"no answer to {body.get('type')} within {timeout_s:g} s"
        self.at(self.now + timeout_s, self._give_up, src, number, text)
        return answer

    def _give_up(self, src: str, number: int, text: str) -> None:
        answer = self._waiting.pop((src, number), None)
        if answer is not None:
            answer.fail(RpcError(TIMEOUT, text))

    def _answered(self, message: Message) -> None:
        self._note("deliver", message.dest, _text(message), src=message.src)
        number = message.reply_to
        answer = self._waiting.pop((message.dest, number), None) if number is not None else None
        if answer is None:
            return  # late, or an answer to nothing: the protocol says to ignore it
        if message.body["type"] == "error":
            code = message.body.get("code")
            answer.fail(RpcError(code if isinstance(code, int) else CRASH, str(message.body.get("text", ""))))
        else:
            answer.resolve(message.body)

    # --- The network ---

    def _send(self, message: Message) -> None:
        """Somebody has said something: it is on its way now."""
        self.sent += 1
        if message.dest == CLOCK:
            self._wake(message)
            return
        if message.dest not in self.nodes and not message.dest.startswith("c"):
            self.garbage.append((message.src, f"sent a message to {message.dest!r}, which does not exist"))
            return
        between = message.src in self.nodes and message.dest in self.nodes
        self._note("send", message.src, _text(message), dst=message.dest)
        if not between:
            self.at(self.now, self._arrive, message)
            return
        lost, twice = self._network.chance(self._drop), self._network.chance(self._duplicate)
        for copy in range(1 + twice):
            delay_s = self._delay_s()
            if lost and copy == 0:
                self._note("drop", message.dest, _text(message), src=message.src)
            else:
                self.at(self.now + delay_s, self._arrive, message)

    def _delay_s(self) -> float:
        kind, a, b = self._latency
        if kind == "constant":
            base_s = a
        elif kind == "exponential":
            base_s = a + self._network.exponential(b)
        else:
            base_s = self._network.uniform(a, b)
        return base_s + self._slow_s * self._network.random()

    def _wake(self, message: Message) -> None:
        after_ms = message.body.get("after_ms")
        if message.body["type"] != "wake" or not isinstance(after_ms, int | float) or isinstance(after_ms, bool) or after_ms < 0:
            self.garbage.append(
                (message.src, f'asked the clock for {message.body!r}; it knows {{"type": "wake", "after_ms": 100}}')
            )
            return
        body = {"type": "wake_ok", "in_reply_to": message.body.get("msg_id")}
        self.at(self.now + after_ms / 1000.0, self._woken, Message(CLOCK, message.src, body), self._programs.get(message.src))

    def _woken(self, message: Message, program: Program | None) -> None:
        if program is self._programs.get(message.dest):  # a timer dies with the life that set it
            self._arrive(message)

    def _arrive(self, message: Message) -> None:
        if message.dest not in self.nodes:
            self._answered(message)
            return
        hold = self._cuts.get((message.src, message.dest))
        if hold:
            self._held.append(message)
        elif hold is False or not self.running(message.dest):
            self._note("drop", message.dest, _text(message), src=message.src)
        elif message.dest in self._paused:
            self._paused[message.dest].append(message)
        else:
            self._deliver(message)

    def _deliver(self, message: Message) -> None:
        program = self._programs[message.dest]
        self._note("deliver", message.dest, _text(message), src=message.src)
        program.give(message.line())
        self._route(message.dest, program.settle())

    def _route(self, node: str, lines: list[bytes]) -> None:
        for line in lines:
            try:
                messages = parsed(line)
            except Garbage as error:
                self.garbage.append((node, f"wrote a line to stdout that is no message: {error}"))
                self._note("note", node, f"garbage: {error}")
                continue
            for message in messages:
                self._send(message if message.src else Message(node, message.dest, message.body))
        program = self._programs[node]
        if program.ended is not None:
            self._note("crash", node, f"the program ended with {program.status()}")
            raise ProgramFailed(node, f"ended by itself, with {program.status()}", program.stderr())

    def _note(self, kind: str, node: str, text: str, **more: Any) -> None:
        self.trace.append({"i": len(self.trace), "t": self.now, "kind": kind, "node": node, "text": text, **more})

    # --- Faults: the verbs of base.world ---

    def _spawn(self, node: str) -> None:
        self._programs[node] = Program(node, self._command, self._cwd, caps=self._caps, start=self._start)
        self._note("start", node, "start")
        self._route(node, self._programs[node].settle())

    def leader(self) -> str | None:
        """Nobody knows who leads among strangers."""
        return None

    def running(self, node: str) -> bool:
        """Whether its process lives."""
        return node in self._programs

    def cut(self, links: Iterable[Link], *, hold: bool = False) -> None:
        """Cut directed links between nodes."""
        for link in links:
            self._cuts[link] = hold
            self._note("cut", link[0], f"cut from {link[1]}", dst=link[1])

    def heal(self) -> None:
        """Mend every link; what was held arrives now."""
        self._cuts.clear()
        self._note("heal", self.nodes[0], "all links are mended")
        held, self._held = self._held, []
        for message in held:
            self.at(self.now, self._arrive, message)

    def crash(self, node: str) -> None:
        """Kill the program; what is on its way to it is lost."""
        program = self._programs.pop(node, None)
        if program is not None:
            program.kill()
            self._paused.pop(node, None)
            self._note("crash", node, "killed")

    def restart(self, node: str) -> None:
        """Start a killed program again; it gets a new init."""
        if node not in self._programs:
            self._spawn(node)
            self.spawn(self._init(node))

    def pause(self, node: str) -> None:
        """Let nothing reach the program; what is sent to it waits."""
        if node in self._programs:
            self._paused.setdefault(node, [])
            self._note("pause", node, "paused")

    def resume(self, node: str) -> None:
        """Let it go on with what has waited."""
        for message in self._paused.pop(node, []):
            self.at(self.now, self._arrive, message)
        self._note("resume", node, "resumed")

    def skew(self, node: str, *, offset_s: float = 0.0, drift: float = 0.0) -> None:
        """Raises Unsupported: a program has the machine's clock."""
        raise Unsupported(f"a program over stdin has the clock of this machine: {node} cannot be skewed ({offset_s}, {drift})")

    def weather(self, *, drop: float = 0.0, duplicate: float = 0.0, slow_s: float = 0.0) -> None:
        """Of all links between nodes, from now on."""
        self._drop, self._duplicate, self._slow_s = drop, duplicate, slow_s

    def disk(self, node: str, mode: Literal["ok", "slow", "full", "corrupt"], *, sync_s: float = 0.0) -> None:
        """Raises Unsupported: a program has the machine's disk."""
        raise Unsupported(f"a program over stdin has the disk of this machine: {node} cannot have {mode} ({sync_s})")


def _text(message: Message) -> str:
    """A message as a trace shows it."""
    rest = {name: value for name, value in message.body.items() if name not in {"type", "msg_id", "in_reply_to"}}
    shown = ", ".join(f"{name}={value!r}" for name, value in rest.items())
    return f"{message.body['type']}({shown})"[:200]

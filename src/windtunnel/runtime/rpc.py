"""Calls with deadlines over one-way messages: the `call` and `serve` of a procedure's `Host`.

Theory of operation. A call is a `Call` out and at most one `Answer` back, matched by a number that only the caller
chooses. The caller learns one of three things: the answer; that the peer certainly refused (`Definite`); or nothing before
the deadline (`Indefinite`). There are no retries in here, because only the caller knows whether its request may be
repeated; and there is no duplicate suppression, because a network that repeats a `Call` runs the handler again, which is
what idempotency keys are for.

Uses only futures and timers of the running loop, so it works on a simulated loop, deterministically, as on a real one.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from math import inf
from typing import Any, Generic, NamedTuple, TypeVar

from windtunnel.base.errors import Definite, Indefinite
from windtunnel.base.host import Handler
from windtunnel.base.interface import Reply, Request
from windtunnel.base.messages import Message, NodeId, describe

T = TypeVar("T")
_TICK_S = 1e-6  # a timer may fire a rounding error before its time


class Call(Message, Generic[T], frozen=True):
    """Caller to server: please handle `body` and answer with the same `id`."""

    id: int
    body: T


class Answer(Message, Generic[T], frozen=True):
    """Server to caller: `body` is the handler's result, or with `refused` the reason why certainly nothing was done."""

    id: int
    body: T
    refused: bool = False


class _Open(NamedTuple):
    """A call that waits."""

    dst: NodeId
    future: asyncio.Future[Any]
    due_s: float
    deadline_s: float
    request: Any


class Caller:
    """One node's end of all its calls, outgoing and incoming.

    me: the node's name, for error texts. send: hands a message to the network. failed: told of every exception of a handler
    that is neither Definite nor Indefinite; such an exception is a bug of the node, and the owner decides how loudly to die.
    first_id: the number of the first call. A node that boots again must start above every number of its former lives,
    or a late answer to a dead call would be taken for the answer to a new one: `incarnation << 32` does.
    """

    __slots__ = ("_failed", "_handler", "_next", "_pending", "_send", "_tasks", "_timer", "_watch_s", "me")

    def __init__(
        self,
        me: NodeId,
        send: Callable[[NodeId, object], None],
        *,
        failed: Callable[[Exception], None],
        first_id: int = 0,
    ) -> None:
        self.me = me
        self._send = send
        self._failed = failed
        self._next = first_id
        self._handler: Handler | None = None
        self._pending: dict[int, _Open] = {}
        self._timer: asyncio.TimerHandle | None = None  # one for all calls: most are answered long before their deadline
        self._watch_s = inf
        self._tasks: dict[asyncio.Task[None], None] = {}  # the loop keeps only weak references; a dict keeps order

    # --- Outgoing ---

    async def call(self, dst: NodeId, request: Any, *, deadline_s: float) -> Any:
        """Send `request` to `dst` and return its answer.

        Raises Indefinite after `deadline_s` seconds of silence, Definite when the handler of `dst` raised Definite.
        """
        number = self._next
        self._next = number + 1
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Any] = loop.create_future()
        due_s = loop.time() + deadline_s
        self._pending[number] = _Open(dst, future, due_s, deadline_s, request)
        if due_s < self._watch_s:
            self._watch(loop, due_s)
        try:
            self._send(dst, Call(number, request))
            return await future
        finally:
            del self._pending[number]

    def _watch(self, loop: asyncio.AbstractEventLoop, due_s: float) -> None:
        """Look at the open calls at `due_s`."""
        if self._timer is not None:
            self._timer.cancel()
        self._watch_s = due_s
        self._timer = loop.call_at(due_s, self._on_due)

    def _on_due(self) -> None:
        """Give up the calls whose time is over, and look again when the next one's is."""
        self._timer = None
        self._watch_s = inf
        loop = asyncio.get_running_loop()
        now = loop.time() + _TICK_S
        soonest = inf
        for call in self._pending.values():
            if call.due_s > now:
                soonest = min(soonest, call.due_s)
            elif not call.future.done():
                text = describe(call.request)
                call.future.set_exception(
                    Indefinite(f"{self.me}: no answer from {call.dst} within {call.deadline_s:g} s to {text}")
                )
        if soonest < inf:
            self._watch(loop, soonest)

    # --- Incoming ---

    def serve(self, handler: Handler) -> None:
        """Answer every message that is no answer with `handler`, each in a task of its own."""
        self._handler = handler

    def on_message(self, src: NodeId, message: Any) -> None:
        """Take one message off the network.

        An `Answer` completes its call; a late, repeated or foreign one is ignored. A `Call` and a client's `Request` run the
        handler and are answered; any other message runs it and is not. Before `serve` all of these are lost, as at a process
        that does not listen yet.
        """
        if isinstance(message, Answer):
            self._on_answer(src, message)
        elif self._handler is None:
            return
        elif isinstance(message, Call):
            self._start(self._answer_call(self._handler, src, message))
        elif isinstance(message, Request):
            self._start(self._answer_client(self._handler, src, message))
        else:
            self._start(self._take(self._handler, src, message))

    def close(self) -> None:
        """Cancel every running handler and forget the open calls; for an orderly stop."""
        for task in self._tasks:
            task.cancel()
        for call in self._pending.values():
            call.future.cancel()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
            self._watch_s = inf

    def _on_answer(self, src: NodeId, answer: Answer[Any]) -> None:
        call = self._pending.get(answer.id)
        if call is None or call.dst != src or call.future.done():
            return
        if answer.refused:
            call.future.set_exception(Definite(f"{src} refused: {answer.body}"))
        else:
            call.future.set_result(answer.body)

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks[task] = None
        task.add_done_callback(self._tasks.pop)

    async def _answer_call(self, handler: Handler, src: NodeId, call: Call[Any]) -> None:
        try:
            result = await handler(src, call.body)
        except Definite as refusal:
            self._send(src, Answer(call.id, str(refusal), refused=True))
        except Indefinite:
            return  # this node does not know either: silence says exactly that
        except Exception as error:  # noqa: BLE001 - the hook decides
            self._failed(error)
        else:
            self._send(src, Answer(call.id, result))

    async def _answer_client(self, handler: Handler, src: NodeId, request: Request) -> None:
        try:
            result = await handler(src, request)
        except Definite as refusal:
            self._send(src, Reply(request.session, request.seq, "fail", str(refusal)))
        except Indefinite:
            return
        except Exception as error:  # noqa: BLE001 - the hook decides
            self._failed(error)
        else:
            if result is not None:
                self._send(src, result)

    async def _take(self, handler: Handler, src: NodeId, message: Any) -> None:
        try:
            await handler(src, message)
        except (Definite, Indefinite):
            return  # nobody waits for an outcome
        except Exception as error:  # noqa: BLE001 - the hook decides
            self._failed(error)

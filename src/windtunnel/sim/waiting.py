"""Who waits for what: the report of a run in which nothing can ever happen again."""

from __future__ import annotations

import asyncio
from types import FrameType
from typing import Any

from windtunnel.base.errors import WindtunnelError
from windtunnel.base.messages import NodeId
from windtunnel.sim.places import awaits_of, blame, ours

_LOCKS = {"Lock", "Event", "Condition", "Semaphore", "BoundedSemaphore", "Barrier"}
_QUEUES = {"get": "an item of a queue", "put": "room in a queue", "join": "the items of a queue to be done"}


class Deadlock(WindtunnelError):  # noqa: N818 - the field's word
    """Nothing can ever run again, yet somebody waits; the message says who, and for what."""

    def __init__(self, rows: list[tuple[NodeId, str]]) -> None:
        lines = [f"  {who}: {what}" for who, what in rows]
        super().__init__("\n".join(["nothing can ever run again", *lines]))
        self.rows = rows


def waiting(kernel: Any) -> list[tuple[NodeId, str]]:
    """One row per node without anything upcoming, per link that holds messages, and per task that waits."""
    expected = {node for _, _, node in kernel.upcoming()}
    rows: list[tuple[NodeId, str]] = []
    for port in kernel.ports:
        if not port.up:
            rows.append((port.name, "is down"))
        elif port.paused:
            rows.append((port.name, "is paused"))
        elif port.name not in expected and hasattr(port.core, "on_message"):
            rows.append((port.name, "waits for a message: no timer is armed, nothing is on its way"))
    rows.extend((src, f"{count} messages to {dst} are held by a cut") for src, dst, count in kernel.links.held())
    if kernel.loop is not None:
        rows.extend(kernel.loop.waiting())
    return rows


def wait_of(task: asyncio.Task[Any]) -> str:
    """What a task waits for and where, in words: `waits for a lock at app.py:12 in work`."""
    frames = awaits_of(task.get_coro())
    where = blame((frame.f_code.co_filename, frame.f_lineno, frame.f_code.co_name) for frame in frames)
    what = _awaited(frames, getattr(task, "_fut_waiter", None))
    return f"waits for {what} at {where or 'its start'}"


def _awaited(frames: list[FrameType], future: Any) -> str:
    """What the innermost await that is known to us is about."""
    for frame in reversed(frames):
        known = ""
        if ours(frame.f_code.co_filename):
            known = _of_ours(frame)
        elif "/asyncio/" in frame.f_code.co_filename:
            known = _of_asyncio(frame, future)
        if known:
            return known
    if future is None:
        return "its turn"
    children = getattr(future, "_children", None)
    if children is not None:
        return f"{sum(not child.done() for child in children)} of {len(children)} gathered tasks"
    if isinstance(future, asyncio.Task):
        return f"task {future.get_name()!r}"
    return str(getattr(future, "about", "a future"))


def _of_asyncio(frame: FrameType, future: Any) -> str:
    function = frame.f_code.co_name
    local = frame.f_locals
    me = local.get("self")
    kind = type(me).__name__
    if kind in _LOCKS:
        return f"{'an' if kind == 'Event' else 'a'} {kind.lower()}"
    if isinstance(me, asyncio.Queue) and function in _QUEUES:
        return f"{_QUEUES[function]} ({me.qsize()} of {me.maxsize or 'any number'} in it)"
    if isinstance(me, asyncio.StreamReader) and function == "_wait_for_data":
        return f"data from {_peer(getattr(me, '_transport', None))}"
    if function == "_drain_helper":
        return f"room to write to {_peer(getattr(me, '_transport', None))}"
    if isinstance(me, asyncio.TaskGroup):
        return f"{len(getattr(me, '_tasks', ()))} tasks of a group"
    if function == "sleep" and "delay" in local:
        return f"the end of {local['delay']:g} s of sleep"
    if function == "_wait" and future is not None:
        return f"{local.get('counter', 'some')} tasks"
    return ""


def _of_ours(frame: FrameType) -> str:
    """The awaits of the loop's own network calls."""
    if frame.f_code.co_name == "serve_forever":
        return "clients"
    if frame.f_code.co_name == "create_connection" and frame.f_locals.get("host"):
        return f"a connection to {frame.f_locals['host']}:{frame.f_locals.get('port')}"
    return ""


def _peer(transport: Any) -> str:
    """The other end of a connection: its address, and the host's name where the network knows it."""
    peer = transport.get_extra_info("peername") if transport is not None else None
    if not isinstance(peer, tuple):
        return str(peer or "a peer")
    interface = getattr(transport, "interface", None)
    name = None if interface is None else interface.network.dns.name_of(peer[0])
    return f"{name or peer[0]}:{peer[1]}"

"""Server-sent events: what a job says, as a page can take it, at most RATE_PER_S times a second.

A page that reads slowly gets fewer pictures, not a queue of old ones. Events are never left out: they carry their place as `id`,
and a page that lost its connection says where it was (`Last-Event-ID`) and gets the rest.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from typing import Any

from windtunnel.studio.jobs import Job

RATE_PER_S = 20
"""Updates a second: below that motion looks broken, above it nobody sees a difference."""

HEARTBEAT_S = 10.0
"""A line now and then, so that a page that has gone is noticed."""


def packet(message: Mapping[str, Any], place: int | None = None) -> bytes:
    """One event of the stream."""
    head = f"id: {place}\n" if place is not None else ""
    body = json.dumps(message, ensure_ascii=False, separators=(",", ":"), default=str)
    return f"{head}event: {message.get('kind', 'message')}\ndata: {body}\n\n".encode("utf-8", "replace")


async def follow(job: Job, after: int, closing: asyncio.Event) -> AsyncIterator[bytes]:
    """The events of `job` from place `after` on, with its newest picture in between, until it ends or the server does."""
    job.followers += 1
    try:
        sent, frames, quiet = max(0, after), 0, 0.0
        yield b"retry: 1000\n\n"
        while not closing.is_set():
            ended = not job.running
            parts: list[bytes] = []
            log = job.log
            if log.frame is not None and log.frames != frames:
                frames = log.frames
                parts.append(packet(log.frame))
            while sent < len(log.events):
                sent += 1
                parts.append(packet(log.events[sent - 1], sent))
            if parts:
                quiet = 0.0
                yield b"".join(parts)
            elif quiet >= HEARTBEAT_S:
                quiet = 0.0
                yield b": still here\n\n"
            if ended:
                return
            await asyncio.sleep(1 / RATE_PER_S)
            quiet += 1 / RATE_PER_S
    finally:
        job.followers -= 1
        if job.attended and job.running and not job.followers:
            job.leave_alone()


def place_of(text: str | None) -> int:
    """The `Last-Event-ID` of a request as a place; 0 for none or nonsense."""
    return int(text) if text is not None and text.isascii() and text.isdigit() and len(text) < 10 else 0

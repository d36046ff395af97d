"""Who waits for what: the report of a run in which nothing can ever happen again."""

from __future__ import annotations

from typing import Any

from windtunnel.base.errors import WindtunnelError
from windtunnel.base.messages import NodeId


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
        elif port.name not in expected:
            rows.append((port.name, "waits for a message: no timer is armed, nothing is on its way"))
    rows.extend((src, f"{count} messages to {dst} are held by a cut") for src, dst, count in kernel.links.held())
    if kernel.loop is not None:
        rows.extend(kernel.loop.waiting())
    return rows

"""The world's side of `points`: which buggify points fire in this run, and which `sometimes` were seen."""

from __future__ import annotations

from typing import Any

from windtunnel.base.streams import Stream


class Coins:
    """Two coins for each point: one per run, whether it is on at all, one per pass. Each point draws from a stream of its own.

    seen: how often each `sometimes` was true, in order of first evaluation; 0 for one that was asked about but never true. fired:
    how often each buggify point that is on fired.
    """

    def __init__(self, kernel: Any, share: float) -> None:
        self.seen: dict[str, int] = {}
        self.fired: dict[str, int] = {}
        self._kernel = kernel
        self._share = share
        self._streams: dict[str, Stream | None] = {}

    def fires(self, name: str, probability: float) -> bool:
        """Whether the point misbehaves in this pass."""
        if name in self._streams:
            stream = self._streams[name]
        else:
            drawn: Stream = self._kernel.stream(f"buggify/{name}")
            stream = self._streams[name] = drawn if drawn.random() < self._share else None
            if stream is not None:
                self.fired[name] = 0
        if stream is None or stream.random() >= probability:
            return False
        self.fired[name] += 1
        return True

    def saw(self, name: str, condition: bool) -> None:  # noqa: FBT001 - it is the point of the call
        """One evaluation of a `sometimes`."""
        self.seen[name] = self.seen.get(name, 0) + condition

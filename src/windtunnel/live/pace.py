"""Event loops on which time can run faster or slower: how the clock of a procedure drifts.

A core asks its driver for timers, which knows the node's clock. A procedure sleeps with plain asyncio, so the loop itself must
count in the node's seconds: every delay that is asked of a paced loop is divided by `rate`. A jump of the clock shows in
`Host.clock()` only; sleeps that have begun stay as they are, as timers of cores do. `loop.time()` remains the machine's.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from windtunnel.base.errors import UsageError


class PacedLoop(asyncio.SelectorEventLoop):
    """asyncio's own loop, paced. rate: seconds of the node per second of the machine."""

    rate = 1.0

    def call_at(  # type: ignore[override] # the callback's arguments are typed by a variadic in typeshed
        self, when: float, callback: Callable[..., Any], *args: Any, context: Any = None
    ) -> asyncio.TimerHandle:
        """See asyncio. `call_later`, and with it `sleep`, ends here too."""
        now = self.time()
        return super().call_at(now + (when - now) / self.rate, callback, *args, context=context)


def _paced_uvloop(base: Any) -> Any:
    class PacedUvloop(base):  # type: ignore[misc] # untyped, and optional
        """The fast loop, paced."""

        rate = 1.0

        def call_later(self, delay: float, callback: Callable[..., Any], *args: Any, context: Any = None) -> Any:
            """See asyncio. `call_at` ends here too."""
            return super().call_later(delay / self.rate, callback, *args, context=context)

    return PacedUvloop


def loop_factory(name: str, *, paced: bool = False) -> Callable[[], asyncio.AbstractEventLoop]:
    """The factory of event loops called "asyncio", "uvloop", or "auto": uvloop where it is installed. paced: as above."""
    if name != "asyncio":
        try:
            import uvloop  # noqa: PLC0415 - optional
        except ImportError:
            if name == "uvloop":
                raise UsageError("uvloop is not installed: pip install windtunnel[fast], or choose the asyncio loop") from None
        else:
            factory: Callable[[], asyncio.AbstractEventLoop] = _paced_uvloop(uvloop.Loop) if paced else uvloop.new_event_loop
            return factory
    return PacedLoop if paced else asyncio.new_event_loop

"""One way to hear what happens: an observer is a function of (name, event, value).

`name` is the name that the user gave to the retry, breaker, limiter; `value` is a number whose meaning the event fixes:

| who | event | value |
|---|---|---|
| retry | retry / recovered / gave_up / budget_empty | pause in seconds / attempts made / attempts made / attempts made |
| breaker | opened / half_opened / closed / refused | pause in seconds / 0 / 0 / seconds until a probe may go |
| limiter | refused / waited / outage (shared) | seconds until there is room / seconds / seconds until the store is asked again |
| bulkhead | refused / shed / waited / limit | calls running / seconds in the queue / seconds in the queue / the new limit |
| deadline | no_time_left / timed_out | 0 / seconds that were allowed |
| hedge | hedged / won | number of the copy, from 1 / number of the copy that won, 0 is the original |
| fallback | fell_back / stale | 0 / age in seconds of what was served |
| health | up / down | 0 / 0 |

Calls that go as they should tell nothing: an observer costs them nothing.
"""

from __future__ import annotations

from typing import Protocol


class Observer(Protocol):
    """Hears events. What it raises is logged and goes no further: metrics never break a call."""

    def __call__(self, name: str, event: str, value: float, /) -> None:
        """One event."""


class Tally:
    """An observer that counts. `counts[name, event]` is how often, `sums[name, event]` the sum of the values."""

    def __init__(self) -> None:
        self.counts: dict[tuple[str, str], int] = {}
        self.sums: dict[tuple[str, str], float] = {}

    def __call__(self, name: str, event: str, value: float, /) -> None:
        """Counts one event."""
        key = (name, event)
        self.counts[key] = self.counts.get(key, 0) + 1
        self.sums[key] = self.sums.get(key, 0.0) + value

    def count(self, event: str) -> int:
        """How often `event` happened, over all names."""
        return sum(n for (_, told), n in self.counts.items() if told == event)


def tell(observer: Observer | None, name: str, event: str, value: float = 0.0) -> None:
    """Tells the observer, if there is one; logs what it raises."""
    if observer is None:
        return
    try:
        observer(name, event, value)
    except Exception:
        import logging  # noqa: PLC0415 - only a broken observer pays for it

        logging.getLogger("windtunnel.resilience").exception("the observer of %r failed on %r", name, event)

"""What happened in a run: rows of virtual time, host, source and text, of all hosts, in one order.

Rows come from the `logging` records of the code under test, from the world (boots, crashes, faults) and from the network. A
record also gets the attributes `host` and `virtual_s`, so that any handler and format of the user's can show them.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

from windtunnel.sim.life import current_host

ROWS_MAX = 100_000


class Row(NamedTuple):
    """One thing that happened. at_s: virtual seconds. source: "world", "network", or the level of a log record such as "INFO"."""

    at_s: float
    host: str
    source: str
    text: str

    def __str__(self) -> str:
        return f"{self.at_s:12.6f}  {self.host:<12} {self.source:<8} {self.text}"


class Log:
    """The rows of a run, oldest first; the last `rows_max` are kept, `dropped` counts the others."""

    def __init__(self, now: Callable[[], float], rows_max: int = ROWS_MAX) -> None:
        self.dropped = 0
        self._now = now
        self._rows: deque[Row] = deque(maxlen=rows_max)

    def add(self, host: str, source: str, text: str) -> None:
        """One more row, now."""
        if len(self._rows) == self._rows.maxlen:
            self.dropped += 1
        self._rows.append(Row(self._now(), host, source, text))

    def rows(self, host: str | None = None, source: str | None = None) -> list[Row]:
        """The rows of a host and a source; None for all."""
        return [row for row in self._rows if host in (None, row.host) and source in (None, row.source)]

    def __iter__(self) -> Iterator[Row]:
        return iter(self._rows)

    def __len__(self) -> int:
        return len(self._rows)

    def __str__(self) -> str:
        head = [f"({self.dropped} earlier rows are gone)"] if self.dropped else []
        return "\n".join([*head, *map(str, self._rows)])


@contextmanager
def capturing(log: Log, now: Callable[[], float]) -> Iterator[None]:
    """Take every `logging` record that simulated code makes, whatever logger and handler it is for."""
    make = logging.getLogRecordFactory()

    def factory(*args: Any, **options: Any) -> logging.LogRecord:
        record = make(*args, **options)
        host = current_host()
        record.host = "-" if host is None else host.name
        record.virtual_s = now()
        if host is not None:
            log.add(host.name, record.levelname, f"{record.name}: {_message(record)}")
        return record

    logging.setLogRecordFactory(factory)
    try:
        yield
    finally:
        logging.setLogRecordFactory(make)


def _message(record: logging.LogRecord) -> str:
    try:
        return record.getMessage()
    except (TypeError, ValueError):  # a bad format is the user's handler's to complain of
        return f"{record.msg!r} {record.args!r}"

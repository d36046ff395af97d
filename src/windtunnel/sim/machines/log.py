"""What happened in a run: rows of virtual time, host, source and text, of all hosts, in one order.

Rows come from the `logging` records of the code under test and from what it prints, from the world (boots, crashes, faults) and
from the network. A record also gets the attributes `host` and `virtual_s`, which any handler and format of the user's can show.
"""

from __future__ import annotations

import logging
import sys
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple, TextIO

from windtunnel.sim.life import current_host

ROWS_MAX = 100_000


class Row(NamedTuple):
    """One thing that happened, at `at_s` virtual s. source: "world", "network", "stdout", "stderr", or a level as "INFO"."""

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
        record.virtual_s = at_s = now()
        record.relativeCreated = 1e3 * at_s  # since the simulation began, not since `logging` was imported
        if host is not None:
            log.add(host.name, record.levelname, f"{record.name}: {_message(record)}")
        return record

    logging.setLogRecordFactory(factory)
    try:
        yield
    finally:
        logging.setLogRecordFactory(make)


@contextmanager
def printing(log: Log) -> Iterator[None]:
    """Take every line that simulated code prints; it is printed all the same."""
    streams = sys.stdout, sys.stderr
    sys.stdout, sys.stderr = _Tee(streams[0], log, "stdout"), _Tee(streams[1], log, "stderr")
    try:
        yield
    finally:
        sys.stdout, sys.stderr = streams


class _Tee:
    """A text stream that remembers the lines that hosts write."""

    def __init__(self, stream: TextIO, log: Log, source: str) -> None:
        self._stream = stream
        self._log = log
        self._source = source
        self._begun: dict[str, str] = {}  # lines that have not ended yet, by host

    def write(self, text: str) -> int:
        """As the stream's."""
        host = current_host()
        if host is not None:
            *lines, rest = (self._begun.pop(host.name, "") + text).split("\n")
            for line in lines:
                self._log.add(host.name, self._source, line)
            if rest:
                self._begun[host.name] = rest
        return self._stream.write(text)

    def writelines(self, lines: Iterable[str]) -> None:
        """As the stream's."""
        for line in lines:
            self.write(line)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


def _message(record: logging.LogRecord) -> str:
    try:
        return record.getMessage()
    except (TypeError, ValueError):  # a bad format is the user's handler's to complain of
        return f"{record.msg!r} {record.args!r}"

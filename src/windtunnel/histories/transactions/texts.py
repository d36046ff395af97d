"""Text formats of checkers of registers: one micro-operation a line, no times.

| format | line | sessions and transactions | unwritten |
|---|---|---|---|
| plume (PolySI, IsoVista) | `r(KEY,VALUE,SESSION,TXN)`, `w(...)` | by number, in order | read as 0, unless somebody wrote 0 |
| awdit | `r KEY VALUE`, `w KEY VALUE` | `-----` ends a transaction, `=====` a session | has to be written |

Only committed transactions are in such files.
"""

from __future__ import annotations

import re
from pathlib import Path

from windtunnel.histories.malformed import MalformedHistory, excerpt
from windtunnel.histories.sources import BYTES_MAX, numbered_lines
from windtunnel.histories.transactions.columns import Interface, Transactions
from windtunnel.histories.transactions.sessions import Sessions

PLUME_LINE = re.compile(r"([rw])\((-?\d{1,18}),(-?\d{1,18}),(-?\d{1,18}),(-?\d{1,18})\)")
AWDIT_LINE = re.compile(r"([rw])\s+(-?\d{1,18})\s+(-?\d{1,18})|(-{3,})|(={3,})")


def read_plume(path: Path, interface: Interface | None = None, bytes_max: int = BYTES_MAX) -> Transactions:  # noqa: ARG001
    """Read PolySI's, IsoVista's and Plume's text format. Raises MalformedHistory."""
    found = Sessions(str(path), initial=0)
    micros: dict[tuple[int, int], list[tuple[bool, int, int]]] = {}
    begun: dict[tuple[int, int], int] = {}
    last: dict[int, int] = {}
    for line, text in numbered_lines(path, bytes_max):
        match = PLUME_LINE.fullmatch(text)
        if match is None:
            raise MalformedHistory(str(path), line, "`r(KEY,VALUE,SESSION,TXN)` or `w(...)` in numbers", excerpt(text))
        key, value, session, number = (int(part) for part in match.groups()[1:])
        if (session, number) in micros and last[session] != number:
            raise MalformedHistory(
                str(path), line, f"transaction {number} of session {session} in one piece", f"more of it after {last[session]}"
            )
        last[session] = number
        micros.setdefault((session, number), []).append((match[1] == "w", key, value))
        begun.setdefault((session, number), line)
    if not micros:
        raise MalformedHistory(str(path), 1, "at least one transaction", "none")
    for (session, number), each in micros.items():
        found.add(session, each, line=begun[session, number])
    return found.transactions()


def read_awdit(path: Path, interface: Interface | None = None, bytes_max: int = BYTES_MAX) -> Transactions:  # noqa: ARG001
    """Read AWDIT's test format. Raises MalformedHistory."""
    found = Sessions(str(path))
    session = 0
    micros: list[tuple[bool, int, int]] = []
    begun = 0
    for line, text in numbered_lines(path, bytes_max):
        match = AWDIT_LINE.fullmatch(text)
        if match is None:
            raise MalformedHistory(str(path), line, "`r KEY VALUE`, `w KEY VALUE`, `-----` or `=====`", excerpt(text))
        if match[1]:
            begun = begun or line
            micros.append((match[1] == "w", int(match[2]), int(match[3])))
            continue
        if micros:
            found.add(session, micros, line=begun)
        micros, begun = [], 0
        session += match[5] is not None
    if micros:
        found.add(session, micros, line=begun)
    if not len(found):
        raise MalformedHistory(str(path), 1, "at least one transaction", "none")
    return found.transactions()

"""Logs of Jepsen's console, as Knossos' first etcd test left them: `INFO  jepsen.util - 4<tab>:invoke<tab>:read<tab>nil`.

Source: the etcd logs that Porcupine and Knossos keep as test data. Two habits of theirs differ from Jepsen's later rules:
`:fail :cas` compared unequal, which is an answer (`ok`, false), and `:fail :read :timed-out` is a read of unknown result,
after which the process goes on. Lines of other loggers are skipped.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import cast

from windtunnel.base.messages import Value
from windtunnel.histories.edn import edn_rows
from windtunnel.histories.malformed import MalformedHistory, excerpt
from windtunnel.histories.operations import History, Outcome
from windtunnel.histories.pairing import AnyPairing, Pairing, T_co
from windtunnel.histories.sources import BYTES_MAX, numbered_lines

LOG_LINE = re.compile(r"(?:TRACE|DEBUG|INFO|WARN|ERROR)\s+(\S+)\s+-\s(.*)")
_EVENT = re.compile(r"(\d{1,9})\s+:(invoke|ok|fail|info)\s+:([a-z][\w-]*)\s+(.+)")
_NEMESIS = re.compile(r":\w+\s+:(?:invoke|ok|fail|info)\s")


def read_etcd_log(path: Path, bytes_max: int = BYTES_MAX) -> History:
    """Read such a log. Raises MalformedHistory."""
    return paired(path, bytes_max, Pairing(str(path)))


def paired(path: Path, bytes_max: int, pairing: AnyPairing[T_co]) -> T_co:
    """Read it into a pairing of operations, or of columns."""
    name = str(path)
    for line, text in numbered_lines(path, bytes_max):
        logged = LOG_LINE.fullmatch(text)
        if logged is None:
            raise MalformedHistory(name, line, "a log line such as `INFO  jepsen.util - 4 :invoke :read nil`", excerpt(text))
        if logged[1] != "jepsen.util" or _NEMESIS.match(logged[2]):
            pairing.skip()
            continue
        event = _EVENT.fullmatch(logged[2])
        if event is None:
            raise MalformedHistory(name, line, "process, :type, :function and value", excerpt(logged[2]))
        process, kind, f, shown = int(event[1]), event[2], event[3], event[4]
        value = _value(path, line, shown)
        if kind == "invoke":
            pairing.invoke(line, process, f, None, value, None)
            continue
        error = str(value) if kind != "ok" else None
        result = value if f == "read" else None
        if f == "cas" and kind in ("ok", "fail") and value != "timed-out":
            kind, result, error = "ok", kind == "ok", None
        pairing.complete(line, cast("Outcome", kind), process, f, result, error, None)
    return pairing.history()


def _value(path: Path, line: int, shown: str) -> Value:
    rows = [value for _, value in edn_rows(path, f"({shown})")] if _balanced(shown) else []
    if len(rows) != 1:
        raise MalformedHistory(str(path), line, "one value: a number, nil, a keyword or [from to]", excerpt(shown))
    return rows[0]


def _balanced(shown: str) -> bool:
    return re.fullmatch(r"-?\d{1,300}|nil|:[\w-]+|\"[^\"\\]*\"|\[[-\d\s]{1,300}\]|[\w.-]+", shown) is not None

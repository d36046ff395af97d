"""Porcupine's key-value logs: EDN lines `{:process 0, :type :invoke, :f :append, :key "4", :value "x 0 1 y"}`.

Source: the kvraft test logs of Porcupine. `:get` is our `read`, `:put` our `write`; a key that was never put reads as the empty
text. The same lines are valid EDN; this reader knows the names and takes a tenth of the time.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import cast

from windtunnel.histories.malformed import MalformedHistory, excerpt
from windtunnel.histories.operations import History, Outcome
from windtunnel.histories.pairing import AnyPairing, Pairing, T_co
from windtunnel.histories.sources import BYTES_MAX, numbered_lines

LINE = re.compile(
    r'\{:process (\d{1,9}), :type :(invoke|ok|fail|info), :f :(get|put|append), :key "([^"\\]*)", :value (?:nil|"([^"\\]*)")\}'
)
_NAMES = {"get": "read", "put": "write", "append": "append"}


def read_porcupine_kv(path: Path, bytes_max: int = BYTES_MAX) -> History:
    """Read such a log. Raises MalformedHistory."""
    return paired(path, bytes_max, Pairing(str(path)))


def paired(path: Path, bytes_max: int, pairing: AnyPairing[T_co]) -> T_co:
    """Read it into a pairing of operations, or of columns."""
    for line, text in numbered_lines(path, bytes_max):
        match = LINE.fullmatch(text)
        if match is None:
            expected = '`{:process P, :type :invoke|:ok, :f :get|:put|:append, :key "k", :value nil|"v"}`'
            raise MalformedHistory(str(path), line, expected, excerpt(text))
        process, kind, f, key, value = int(match[1]), match[2], _NAMES[match[3]], match[4], match[5]
        if kind == "invoke":
            pairing.invoke(line, process, f, key, value, None)
        else:
            error = value if kind != "ok" else None
            pairing.complete(line, cast("Outcome", kind), process, f, value if f == "read" else None, error, None)
    return pairing.history()

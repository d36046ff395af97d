"""Logs of calls and returns: `[3] call push(1)`, `[3] return`, as Scal's histories, Violin and LiMo keep them.

Source: the artifact of Emmi & Enea, POPL 2016 (`# @object queue`, `add`, `remove`, `return empty`) and the histories of LiMo (`#
@object atomic-stack`, `push a`, an empty `return`). The number in brackets names the operation. Where it is called again before
it returned, as LiMo does, the first call is one that never returns. Comments begin with `#`; lines may be indented.

Queues get `enqueue` and `dequeue`, stacks `push` and `pop`, sets `add`, `remove` and `contains`, whatever the log calls them.
"""

from __future__ import annotations

import re
from pathlib import Path

from windtunnel.base.messages import Value
from windtunnel.histories.malformed import MalformedHistory, excerpt
from windtunnel.histories.operations import History
from windtunnel.histories.pairing import AnyPairing, Pairing, T_co
from windtunnel.histories.sources import BYTES_MAX, numbered_lines

CALL_LINE = re.compile(r"\[(\w{1,9})\]\s*(?:call\s+(\w+)\s*(?:\(\s*([^()\s]*)\s*\)|\s([^()\s]+))?|return(?:\s+(\S+))?)")
_OBJECT = re.compile(r"#\s*@object\s+(?:atomic-)?([\w-]+)")
_EXPECTED = "`[OPERATION] call METHOD(ARGUMENT)` or `[OPERATION] return VALUE`"
_QUEUE = {"add": "enqueue", "enq": "enqueue", "put": "enqueue", "remove": "dequeue", "deq": "dequeue", "poll": "dequeue"}
_STACK = {"add": "push", "remove": "pop"}
_PRIORITY = {"add": "insert", "push": "insert", "remove": "take", "pop": "take", "poll": "take"}
_NAMES = {"queue": _QUEUE, "stack": _STACK, "priority-queue": _PRIORITY}
_NOTHING = ("empty", "nil", "null", "none")


def read_call_log(path: Path, bytes_max: int = BYTES_MAX) -> History:
    """Read such a log. Raises MalformedHistory."""
    return paired(path, bytes_max, Pairing(str(path)))


def paired(path: Path, bytes_max: int, pairing: AnyPairing[T_co]) -> T_co:
    """Read it into a pairing of operations, or of columns."""
    name = str(path)
    names = _QUEUE
    process: dict[str, int | str] = {}
    again: dict[str, int] = {}
    for line, text in numbered_lines(path, bytes_max):
        if text.startswith("#"):
            declared = _OBJECT.match(text)
            names = names if declared is None else _NAMES.get(declared[1], {})
            continue
        match = CALL_LINE.fullmatch(text)
        if match is None:
            raise MalformedHistory(name, line, _EXPECTED, excerpt(text))
        number = match[1]
        who = process.setdefault(number, int(number) if number.isdigit() else number)
        if match[2] is not None:
            if pairing.opened(who) is not None:
                again[number] = again.get(number, 0) + 1
                who = process[number] = f"{number}.{again[number]}"
            given = match[3] or match[4]
            pairing.invoke(line, who, names.get(match[2], match[2]), None, _value(given) if given else None, None)
            continue
        opened = pairing.opened(who)
        if opened is None:
            raise MalformedHistory(name, line, f"a call of operation {number} before its return", excerpt(text))
        answered = None if match[5] is None or match[5] in _NOTHING else _value(match[5])
        pairing.complete(line, "ok", who, opened.f, answered, None, None)
    return pairing.history()


def _value(text: str) -> Value:
    if re.fullmatch(r"-?\d{1,300}", text):
        return int(text)
    return {"true": True, "false": False}.get(text, text)

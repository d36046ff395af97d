"""Python objects into columns: the twin of `_ingest` in plain Python. Same names, same results."""

from __future__ import annotations

from typing import Any

import numpy as np

WORDS = {"append": 1, "w": 2, "write": 2, "r": 0, "read": 0}
"""Micro-operations by name: 0 reads, 1 appends, 2 writes."""

LIMIT = 2**61
"""Integers up to this size are their own numbers; a history with larger ones has its values numbered."""

_NIL = -(2**62)
_LISTED = _NIL + 1
_NEVER = 2**62


class BadMicroOperation(Exception):  # noqa: N818 - what is bad is the micro-operation
    """args: the number of the operation, what was expected, what came."""


def fill(operations: Any, keys: dict[Any, int], values: dict[Any, int] | None, canonical: Any) -> dict[str, Any] | None:
    """Columns of operations whose value is a list of micro-operations.

    keys, values: canonical key or value to number, filled here; values is None to take integers as they are, and then None is
    returned as soon as a value is no integer. canonical: makes a value hashable. Raises BadMicroOperation.
    """
    starts, kinds, key, value, offsets, elements = [0], [], [], [], [0], []
    words = 0

    def number(item: Any) -> int | None:
        if values is None:
            return item if type(item) is int and -LIMIT < item < LIMIT else None
        return values.setdefault(canonical(item), len(values))

    for index, operation in enumerate(operations):
        seen = operation.type == "ok"
        micros = operation.result if seen and isinstance(operation.result, (list, tuple)) else operation.value
        if not isinstance(micros, (list, tuple)):
            raise BadMicroOperation(index, "a list of micro-operations such as [[append x 1] [r y nil]]", repr(micros))
        for micro in micros:
            word = WORDS.get(micro[0]) if isinstance(micro, (list, tuple)) and micro and isinstance(micro[0], str) else None
            if word is None or not (len(micro) == 3 or (len(micro) == 2 and word == 0)):
                raise BadMicroOperation(index, "a micro-operation: [append k v], [w k v] or [r k v]", repr(micro))
            item = micro[2] if len(micro) == 3 else None
            key.append(keys.setdefault(canonical(micro[1]), len(keys)))
            words |= 1 << word
            if word and item is None:
                raise BadMicroOperation(index, "a value to write", repr(micro))
            if word:
                made = number(item)
                if made is None:
                    return None
                kinds.append(1)
                value.append(made)
            elif not seen:
                kinds.append(2)
                value.append(0)
            elif isinstance(item, (list, tuple)):
                words |= 8  # read as a list
                kinds.append(0)
                value.append(_LISTED)
                for element in item:
                    made = number(element)
                    if made is None:
                        return None
                    elements.append(made)
            else:
                made = _NIL if item is None else number(item)
                if made is None:
                    return None
                words |= 16 if item is not None else 0  # read as a plain value
                kinds.append(0)
                value.append(made)
            offsets.append(len(elements))
        starts.append(len(kinds))
    found = {"starts": starts, "key": key, "value": value, "offsets": offsets, "elements": elements}
    columns: dict[str, Any] = {name: np.asarray(column, np.int64) for name, column in found.items()}
    return columns | {"kind": np.asarray(kinds, np.int8), "words": words}


def heads(operations: Any, sessions: dict[Any, int]) -> dict[str, Any]:
    """The columns that do not depend on micro-operations. sessions: process to number, filled here."""
    status, session, invoked, completed = [], [], [], []
    for operation in operations:
        ok = operation.type == "ok"
        status.append(0 if ok else 1 if operation.type == "info" else 2)
        process = operation.process
        session.append(-1 if process is None else sessions.setdefault(process, len(sessions)))
        invoked.append(operation.invoked)
        completed.append(operation.completed if ok and operation.completed is not None else _NEVER)
    found = {"session": session, "invoked": invoked, "completed": completed}
    columns: dict[str, Any] = {name: np.asarray(column, np.int64) for name, column in found.items()}
    return columns | {"status": np.asarray(status, np.int8)}

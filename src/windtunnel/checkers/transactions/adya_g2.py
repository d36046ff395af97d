"""Predicate reads: of several inserts for one key, each made only if a read by predicate found nothing, one may succeed.

Source: Adya 1999, phenomenon G2 (phantoms); Jepsen's adya workload: `insert [a b]` of a key, where a is the row that goes
into one table and b into the other, and one of them is nil.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from windtunnel.checkers.verdict import Evidence, Verdict
from windtunnel.histories import History, Operation
from windtunnel.histories.operations import shown

FUNCTIONS: Mapping[str, str] = {"insert": "insert(k, [a b]): unless a row of key k is in either table"}
PROPERTY = "G2"
_SHOWN_MAX = 6


def adya_g2(history: History) -> Verdict:
    """Whether no two inserts of one key were both answered ok."""
    inserted: dict[Any, list[Operation]] = {}
    answered = 0
    for operation in history:
        if operation.type == "ok":
            key = tuple(operation.key) if isinstance(operation.key, list) else operation.key
            inserted.setdefault(key, []).append(operation)
            answered += 1
    stats = {"operations": len(history), "inserted": answered, "keys": len(inserted)}
    twice = [operations for operations in inserted.values() if len(operations) > 1]
    stats["phantoms"] = len(twice)
    if twice:
        operations = twice[0]
        one, two = operations[:2]
        why = f"{one.describe()} ({one.where()}) and {two.describe()} ({two.where()}) both found nothing and inserted"
        text = [
            f"Neither saw the row of the other: an anti-dependency each way, over the predicate `rows of {shown(one.key)}`.",
            "Serializability forbids it; snapshot isolation and repeatable read allow it.",
        ]
        text += [f"so did {op.describe()} ({op.where()})" for others in twice[1:_SHOWN_MAX] for op in others[:2]]
        return Verdict(False, "adya-g2", why, Evidence(PROPERTY, one.key, operations, None, two, text), stats)
    if not answered:
        return Verdict(None, "adya-g2", "no insert was answered ok", stats=stats)
    return Verdict(True, "adya-g2", stats=stats)

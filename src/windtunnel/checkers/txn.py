"""Atomic commitment, seen by the clients: one outcome per transaction, and a no is a veto.

Source: Gray & Lamport 2006, section 2: a transaction that one participant does not want is not committed. Whether all
participants end alike cannot be seen from outside: that is the system's own property, `agreement`.
"""

from __future__ import annotations

from collections.abc import Mapping

from windtunnel.checkers.verdict import Evidence, Verdict
from windtunnel.histories import History, Operation
from windtunnel.histories.operations import shown

FUNCTIONS: Mapping[str, str] = {"txn": 'txn("yes" or "no": how the participants will vote) -> "committed" or "aborted"'}
PROPERTY = "atomic commitment"


def txn(history: History) -> Verdict:
    """Whether every transaction was answered with an outcome that it may have."""
    answered = [operation for operation in history if operation.type == "ok"]
    stats = {"operations": len(history)} | {
        outcome: sum(1 for operation in answered if operation.result == outcome) for outcome in ("committed", "aborted")
    }
    wrong = [(operation, reason) for operation in answered if (reason := _wrong(operation)) is not None]
    if wrong:
        operation, reason = wrong[0]
        why = f"{operation.describe()} by process {operation.process} ({operation.where()}): {reason}"
        text = [f"{op.describe()} by process {op.process} ({op.where()}): {why_not}" for op, why_not in wrong[1:6]]
        if len(wrong) > 6:
            text.append(f"and {len(wrong) - 6} more")
        return Verdict(False, "txn", why, Evidence(PROPERTY, None, [op for op, _ in wrong[:6]], None, operation, text), stats)
    if not answered:
        return Verdict(None, "txn", "no transaction was answered", stats=stats)
    return Verdict(True, "txn", stats=stats)


def _wrong(operation: Operation) -> str | None:
    if operation.result not in ("committed", "aborted"):
        return f"the outcome is {shown(operation.result)}, neither committed nor aborted"
    vetoed = operation.value == "no" or (isinstance(operation.value, (list, tuple)) and "no" in operation.value)
    if vetoed and operation.result == "committed":
        return "a participant voted no, and it was committed"
    return None

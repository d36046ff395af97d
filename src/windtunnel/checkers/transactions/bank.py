"""Bank: transfers between accounts, and reads of all balances, which must always have the same sum.

Source: Jepsen's bank workload. A sum that is off shows that a read saw a part of a transfer (read skew, G-single): the transfers
whose amount is the difference are named.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from windtunnel.base.errors import UsageError
from windtunnel.checkers.verdict import Evidence, Verdict
from windtunnel.histories import History, Operation
from windtunnel.histories.operations import shown

FUNCTIONS: Mapping[str, str] = {
    "transfer": 'transfer({"from": account, "to": account, "amount": money})',
    "read": "read() -> balance by account",
}
PROPERTY = "constant total"
_SHOWN_MAX = 6


def bank(history: History, *, total: int | None = None, negative: bool = False) -> Verdict:
    """Whether every read has all accounts and the total, and no balance below zero.

    total: None takes that of the first read. negative: whether balances may be below zero. Raises UsageError for operations
    of another shape.
    """
    reads = [op for op in history if op.f == "read" and op.type == "ok"]
    for operation in history:
        _refuse_misfit(history, operation)
    stats: dict[str, Any] = {"operations": len(history), "reads": len(reads)}
    if not reads:
        return Verdict(None, "bank", "no balances were read", stats=stats)
    first = _balances(reads[0])
    expected = sum(first.values()) if total is None else total
    stats["total"] = expected
    wrong: list[tuple[Operation, str, list[Operation]]] = []
    for read in reads:
        balances = _balances(read)
        found = sum(balances.values())
        below = [account for account, balance in balances.items() if balance < 0]
        strange = sorted({*balances} ^ {*first}, key=str)
        if strange:
            wrong.append((read, f"the accounts {', '.join(map(shown, strange))} are not in every read", []))
        elif found != expected:
            partial = _partial(history, read, found - expected)
            wrong.append((read, f"the balances have the sum {found:,}, not {expected:,}", partial))
        elif below and not negative:
            wrong.append((read, f"account {shown(below[0])} holds {balances[below[0]]:,}", []))
    stats["wrong_reads"] = len(wrong)
    if not wrong:
        return Verdict(True, "bank", stats=stats)
    read, reason, partial = wrong[0]
    why = f"{read.describe()} by process {read.process} ({read.where()}): {reason}"
    text = [f"{op.describe()} ({op.where()}), by which the sum is off, was under way or just done." for op in partial]
    text += [f"{op.where()}: {other}." for op, other, _ in wrong[1:_SHOWN_MAX]]
    if len(wrong) > _SHOWN_MAX:
        text.append(f"and {len(wrong) - _SHOWN_MAX:,} more")
    return Verdict(False, "bank", why, Evidence(PROPERTY, None, [*partial, read], None, read, text), stats)


def _balances(read: Operation) -> dict[Any, int]:
    assert isinstance(read.result, dict), "misfits were refused"
    return read.result


def _partial(history: History, read: Operation, difference: int) -> list[Operation]:
    """Transfers of the missing or surplus amount that the read may have seen a half of: those around it in time first."""
    near = [
        op
        for op in history
        if op.f == "transfer" and op.type != "fail" and op.invoked < (read.completed or 0) and _amount(op) == abs(difference)
    ]
    return near[-2:]


def _amount(transfer: Operation) -> Any:
    return transfer.value.get("amount") if isinstance(transfer.value, dict) else None


def _refuse_misfit(history: History, operation: Operation) -> None:
    place = f"{history.source}, {operation.where()}" if history.source else operation.where()
    if operation.f == "read":
        result = operation.result
        if operation.type == "ok" and not (
            isinstance(result, dict) and all(isinstance(b, int) and not isinstance(b, bool) for b in result.values())
        ):
            raise UsageError(f"{place}: expected a read to answer whole balances by account, got {shown(result)}")
    elif not isinstance(_amount(operation), int):
        raise UsageError(f"{place}: expected a transfer of an amount from one account to another, got {shown(operation.value)}")

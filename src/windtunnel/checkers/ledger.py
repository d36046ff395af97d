"""Ledgers: money is neither made nor lost, an order counts once, a cancelled order leaves no trace.

Source: Garcia-Molina & Salem 1987, section 2: a saga is completed, or compensated as if it had never been. Clients see the
outcomes of orders and, now and then, all balances. An order that is under way may be visible, so a read is judged by bounds:

* *conservation*: all balances of a read have the same sum as those of any other read, and none is negative;
* *effects*: a customer's balance is what it was at the start, less every order that was completed before the read began,
  less any of the orders that were under way during the read or never answered, and nothing else: cancelled and refused
  orders have no effect, and no order counts twice. What the start was need not be known: the reads must agree on one.

Each read is held against those bounds alone; that two reads may differ on one unanswered order is not judged.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from windtunnel.base.errors import UsageError
from windtunnel.base.messages import Value
from windtunnel.checkers.verdict import Evidence, Verdict
from windtunnel.histories import History, Operation
from windtunnel.histories.operations import shown

FUNCTIONS: Mapping[str, str] = {
    "order": 'order({"order": number, "customer": name, "amount": money}) -> "completed" or "cancelled"',
    "balances": "balances() -> amounts by account",
}
PROPERTY = "conservation"

_SHOWN_MAX = 8
_SPREAD_MAX = 1_000_000
"""Widest range of start balances that is examined amount by amount; beyond it only the bounds are compared."""


@dataclass(slots=True)
class _Read:
    """One read, for one customer: the start balances that it allows are `least` plus any sum of some of `perhaps`."""

    operation: Operation
    least: int
    perhaps: list[int] = field(default_factory=list)

    @property
    def most(self) -> int:
        return self.least + sum(self.perhaps)


def ledger(history: History) -> Verdict:
    """Whether outcomes and balances fit together. Raises UsageError for orders and balances of another shape."""
    orders = [op for op in history if op.f == "order"]
    reads = [op for op in history if op.f == "balances" and op.type == "ok"]
    for operation in history:
        _refuse_misfit(history, operation)
    stats: dict[str, Any] = {"operations": len(history), "orders": len(orders), "reads": len(reads)}
    for outcome in ("completed", "cancelled"):
        stats[outcome] = sum(1 for op in orders if op.type == "ok" and op.result == outcome)
    broken = _outcomes(orders) or _conservation(reads) or _effects(orders, reads)
    if broken is not None:
        why, operations, text = broken
        last = max(operations, key=lambda op: op.completed or 0)
        return Verdict(False, "ledger", why, Evidence(PROPERTY, None, operations, None, last, text), stats)
    if not reads:
        why = "no balances were read" if orders else "the history has no operations"
        return Verdict(None, "ledger", why, stats=stats)
    return Verdict(True, "ledger", stats=stats)


_Broken = tuple[str, list[Operation], list[str]]


def _refuse_misfit(history: History, operation: Operation) -> None:
    value: Value = operation.value if operation.f == "order" else operation.result
    if operation.f == "order":
        fits = isinstance(value, dict) and isinstance(value.get("customer"), str)
        fits = fits and _whole(value.get("amount")) and value["amount"] >= 0
        expected = 'an order such as {"order": 1, "customer": "a", "amount": 5}'
    else:
        fits = operation.type != "ok" or (isinstance(value, dict) and all(_whole(amount) for amount in value.values()))
        expected = "balances as whole amounts by account"
    if not fits:
        place = f"{history.source}:{operation.line}" if history.source and operation.line else operation.where()
        raise UsageError(f"{place}: expected {expected}, got {shown(value)}")


def _whole(value: Value) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _named(operation: Operation) -> str:
    return f"process {operation.process} ({operation.where()})"


def _outcomes(orders: list[Operation]) -> _Broken | None:
    for order in orders:
        if order.type == "ok" and order.result not in ("completed", "cancelled"):
            why = f"the order of {_named(order)} ended as {shown(order.result)}, neither completed nor cancelled"
            return why, [order], [order.describe()]
    return None


def _conservation(reads: list[Operation]) -> _Broken | None:
    for read in reads:
        total, first = sum(read.result.values()), sum(reads[0].result.values())
        if total != first:
            why = f"the balances that {_named(read)} read sum to {total}, those that {_named(reads[0])} read to {first}"
            return why, [reads[0], read], [_books(reads[0]), _books(read), f"{abs(total - first)} {_made(total - first)}"]
        for account, amount in read.result.items():
            if amount < 0:
                return f"{_named(read)} read {amount} for {account}: nobody may owe", [read], [_books(read)]
    return None


def _made(difference: int) -> str:
    return "appeared from nowhere" if difference > 0 else "vanished"


def _books(read: Operation) -> str:
    return f"{read.where()}: " + ", ".join(f"{account} {amount}" for account, amount in sorted(read.result.items()))


def _effects(orders: list[Operation], reads: list[Operation]) -> _Broken | None:
    for customer in sorted({op.value["customer"] for op in orders}):
        mine = [op for op in orders if op.value["customer"] == customer]
        judged = [_judged(read, mine, read.result[customer]) for read in reads if customer in read.result]
        clash = _clash(judged)
        if clash is not None:
            return _disagreement(customer, mine, *clash)
    return None


def _judged(read: Operation, orders: list[Operation], balance: int) -> _Read:
    """What one read says of the start balance of one customer."""
    begin, end = read.invoked, read.completed or 0
    judged = _Read(read, balance)
    for order in orders:
        over = order.type == "ok" and order.completed is not None and order.completed < begin
        amount = order.value["amount"]
        if order.type == "fail" or order.invoked > end or (over and order.result == "cancelled"):
            continue
        if over:
            judged.least += amount
        else:
            judged.perhaps.append(amount)
    return judged


def _clash(judged: list[_Read]) -> tuple[_Read, _Read] | None:
    """Two reads that agree on no start balance; if only more of them disagree together, the first and the last of those."""
    if not judged:
        return None
    low, high = max(judged, key=lambda read: read.least), min(judged, key=lambda read: read.most)
    if low.least > high.most:
        return high, low
    if high.most - low.least > _SPREAD_MAX:
        return None
    allowed = [_allowed(read, low.least, high.most) for read in judged]
    common = allowed[0]
    for at, bits in enumerate(allowed):
        common &= bits
        if not common:
            return judged[next((earlier for earlier in range(at) if not allowed[earlier] & bits), 0)], judged[at]
    return None


def _allowed(read: _Read, low: int, high: int) -> int:
    """The start balances between `low` and `high` that a read allows, as bits."""
    width = high - read.least + 1
    every = (1 << (high - low + 1)) - 1
    if width > _SPREAD_MAX:
        return every
    sums = 1
    for amount in read.perhaps:
        if amount < width:
            sums |= (sums << amount) & ((1 << width) - 1)
    return (sums >> (low - read.least)) & every


def _disagreement(customer: str, orders: list[Operation], one: _Read, other: _Read) -> _Broken:
    first, second = sorted((one, other), key=lambda read: read.operation.invoked)
    why = (
        f"no start balance of {customer} fits both what {_named(first.operation)} read, {first.operation.result[customer]}, "
        f"and what {_named(second.operation)} read, {second.operation.result[customer]}"
    )
    text = [_range(customer, read) for read in (first, second)]
    between = [op for op in orders if op.invoked < (second.operation.completed or 0)]
    near = [op for op in between if op.completed is None or op.type != "ok" or op.completed > first.operation.invoked]
    shown_orders = (near or between)[-_SHOWN_MAX:]
    text += [f"{order.where()}: {order.describe()}" for order in shown_orders]
    if len(near) > len(shown_orders):
        text.append(f"and {len(near) - len(shown_orders)} earlier orders of {customer}")
    operations = sorted([first.operation, second.operation, *shown_orders], key=lambda op: op.invoked)
    return why, operations, text


def _range(customer: str, read: _Read) -> str:
    """What a read allows, in words."""
    balance = read.operation.result[customer]
    certain = f"{read.operation.where()}: {customer} has {balance}, completed orders before it took {read.least - balance}"
    if not read.perhaps:
        return f"{certain}: the start balance was {read.least}"
    some = f"{len(read.perhaps)} order{'s' * (len(read.perhaps) > 1)} under way or unanswered may have taken more"
    return f"{certain}, {some}: the start balance was {read.least} to {read.most}"

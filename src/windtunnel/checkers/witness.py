"""Witnesses: a legal order of the operations is proof that there is one, however it was found.

Finding an order is hard in general, verifying one is a single pass. So a specification may guess (`Specification.guess`), by
whatever it knows about its values; a guess counts only when it has been verified here. A wrong guess costs its time.
"""

from __future__ import annotations

from collections.abc import Sequence

from windtunnel.checkers.problem import call_of
from windtunnel.checkers.specification import ILLEGAL, Specification
from windtunnel.histories import Operation


def witness(specification: Specification, operations: Sequence[Operation]) -> list[int] | None:
    """Numbers of `operations` in a legal order, verified; None if none was guessed, which says nothing about the history.

    The operations must be those of one object, `relevant` and ordered by invocation.
    """
    order = specification.guess(operations)
    return order if order is not None and legal(specification, operations, order) else None


def legal(specification: Specification, operations: Sequence[Operation], order: Sequence[int]) -> bool:
    """Whether `order`, numbers of `operations`, is a linearization of them.

    Every answered operation is in it, none twice, none that failed; each answers what the specification says; and none comes
    before one that had returned when it was invoked.
    """
    if len(set(order)) != len(order) or not set(order) <= set(range(len(operations))):
        return False
    placed = set(order)
    if any(
        (number in placed) is not (operation.type == "ok")
        for number, operation in enumerate(operations)
        if operation.type != "info"
    ):
        return False
    state = specification.initial
    latest = -1  # invocation so far
    for number in order:
        operation = operations[number]
        latest = max(latest, operation.invoked)
        if operation.type == "ok" and operation.completed is not None and operation.completed < latest:
            return False  # it returned before something that comes earlier was invoked
        state = specification.step(state, call_of(operation))
        if state is ILLEGAL:
            return False
    return True

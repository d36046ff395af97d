"""Micro-operations of one transaction on one key."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from windtunnel.histories.transactions.columns import WRITE, Column, Transactions


@dataclass(slots=True)
class Groups:
    """Micro-operations by (transaction, key), in order.

    order: micro-operations so ordered; group: its number, beside it. after_own_write: per micro-operation, whether its
    transaction wrote to its key before it. final: per micro-operation, whether it is the last append of its transaction to
    its key.
    """

    order: Column
    group: Column
    after_own_write: Column
    final: Column


def groups_of(history: Transactions, of: Column) -> Groups:
    """Group the micro-operations that have company; those that are alone in their group are in no order."""
    code = of * len(history.keys) + history.key
    order = np.argsort(code, kind="stable")
    code = code[order]
    same = code[1:] == code[:-1]
    in_company = np.zeros(len(code), bool)
    in_company[1:] |= same
    in_company[:-1] |= same
    fresh = np.concatenate([[True], ~same])[in_company] if len(code) else in_company
    order = order[in_company]
    group = np.cumsum(fresh) - 1
    writes = history.kind[order] == WRITE
    count = np.cumsum(writes)
    begins = np.flatnonzero(fresh)
    before = count - writes - (count - writes)[begins[group]] if len(group) else count
    total = np.bincount(group, weights=writes).astype(np.int64) if len(group) else count
    after_own_write = np.zeros(len(history.kind), bool)
    after_own_write[order] = before > 0
    final = history.kind == WRITE
    final[order] = writes & (before + 1 == total[group]) if len(group) else writes
    return Groups(order, group, after_own_write, final)

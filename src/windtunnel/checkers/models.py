"""The models by name: what a history can be judged by."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from windtunnel.base.errors import UsageError, unknown
from windtunnel.base.messages import Value
from windtunnel.checkers import broadcast, ledger, txn
from windtunnel.checkers.keyvalue import CasRegister, KeyValue, Register
from windtunnel.checkers.linearizable import CONFIGURATIONS_MAX, linearizable
from windtunnel.checkers.model import Model
from windtunnel.checkers.objects.counter import Counter
from windtunnel.checkers.objects.fifo_queue import FifoQueue
from windtunnel.checkers.objects.locks import FencingLock, Mutex, Semaphore
from windtunnel.checkers.objects.multi_register import MultiRegister
from windtunnel.checkers.objects.priority_queue import PriorityQueue
from windtunnel.checkers.objects.sets import SetOfValues
from windtunnel.checkers.objects.stack import Stack
from windtunnel.checkers.specification import UNSET, Named, Specification
from windtunnel.checkers.transactions import adya_g2, bank, causal_reverse, isolation, long_fork
from windtunnel.checkers.verdict import Verdict
from windtunnel.checkers.weak import catalogue
from windtunnel.histories import History

__all__ = ["MODELS", "Model", "check"]


def _sequential(specification: Specification) -> Model:
    doc = (type(specification).__doc__ or "").strip()
    return Model(
        specification.name,
        "linearizability",
        specification.functions,
        doc,
        lambda history, budget_s: linearizable(history, specification, budget_s=budget_s),
        specification=specification,
    )


def _isolated(name: Literal["list-append", "rw-register"], functions: Mapping[str, str], doc: str) -> Model:
    def at_level(history: Any, budget_s: float | None, level: str) -> Verdict:
        return isolation.isolation(history, level=level, model=name, budget_s=budget_s)

    def read(path: Path | str, form: str) -> Any:
        from windtunnel.histories.transactions import read_transactions  # noqa: PLC0415 - numpy, only for who needs it

        return read_transactions(path, form, interface=name)

    return Model(
        name,
        isolation.PROPERTY,
        functions,
        doc,
        lambda history, budget_s: at_level(history, budget_s, "strict-serializable"),
        at_level,
        read,
    )


_ALL = (
    _sequential(Register()),
    _sequential(CasRegister()),
    _sequential(KeyValue()),
    _sequential(MultiRegister()),
    _sequential(Mutex()),
    _sequential(Semaphore()),
    _sequential(FencingLock()),
    _sequential(SetOfValues()),
    _sequential(FifoQueue()),
    _sequential(Stack()),
    _sequential(PriorityQueue()),
    _sequential(Counter()),
    Model(
        "broadcast",
        broadcast.PROPERTY,
        broadcast.FUNCTIONS,
        "What was acknowledged is in every read in the end; no read shows anything that nobody said, or anything twice.",
        lambda history, _: broadcast.broadcast(history),
    ),
    Model(
        "txn",
        txn.PROPERTY,
        txn.FUNCTIONS,
        "Every transaction is committed or aborted, and none is committed that a participant voted against.",
        lambda history, _: txn.txn(history),
    ),
    Model(
        "ledger",
        ledger.PROPERTY,
        ledger.FUNCTIONS,
        "Balances always have the same sum; completed orders count once, cancelled ones leave no trace, nobody owes.",
        lambda history, _: ledger.ledger(history),
    ),
    _isolated(
        "list-append",
        isolation.LIST_APPEND,
        "Transactions over lists that are appended to and read whole; a level from read-uncommitted to strict-serializable.",
    ),
    _isolated(
        "rw-register",
        isolation.RW_REGISTER,
        "Transactions over registers, every value written once; a level from read-uncommitted to strict-serializable.",
    ),
    Model(
        "bank",
        bank.PROPERTY,
        bank.FUNCTIONS,
        "Every read of all accounts has the sum of the first one, and no balance is below zero.",
        lambda history, _: bank.bank(history),
    ),
    Model(
        "long-fork",
        long_fork.PROPERTY,
        long_fork.FUNCTIONS,
        "No two reads of a group of keys saw two writes in opposite orders: prefixes, as snapshot isolation promises.",
        lambda history, _: long_fork.long_fork(history),
    ),
    Model(
        "causal-reverse",
        causal_reverse.PROPERTY,
        causal_reverse.FUNCTIONS,
        "A read that shows a write shows all that were answered before that one was asked.",
        lambda history, _: causal_reverse.causal_reverse(history),
    ),
    Model(
        "adya-g2",
        adya_g2.PROPERTY,
        adya_g2.FUNCTIONS,
        "Of several inserts for one key, each after a read by predicate that found nothing, at most one succeeds.",
        lambda history, _: adya_g2.adya_g2(history),
    ),
    *catalogue.ENTRIES,
)

MODELS: Mapping[str, Model] = {model.name: model for model in _ALL}
"""All models by name; a system is judged by the one that its interface names."""


def check(
    history: History,
    model: str | Specification,
    *,
    budget_s: float | None = None,
    level: str | None = None,
    initial: Value | Named = UNSET,
    configurations: int = CONFIGURATIONS_MAX,
) -> Verdict:
    """Judge a history by a model of MODELS, or by a specification of your own (then: is it linearizable?).

    budget_s: wall seconds after which the verdict is unknown; None leaves only the limit on memory. level: of isolation, for
    models that have levels; None is the strongest. initial: what the object holds at the start, for models of objects;
    configurations: how many of them a search may remember. Raises UsageError for a model
    that does not exist, and for a history whose operations it does not know.
    """
    if isinstance(model, Specification):
        chosen_specification = model if initial is UNSET else model.starting(initial)
        return linearizable(history, chosen_specification, budget_s=budget_s, configurations=configurations)
    chosen = MODELS.get(model)
    if chosen is None:
        raise unknown("model", model, MODELS)
    strange = [f for f in history.functions() if f not in chosen.functions]
    if strange:
        fitting = [name for name, other in MODELS.items() if all(f in other.functions for f in history.functions())]
        advice = f"models that know all of these: {', '.join(fitting)}" if fitting else "no model knows all of these"
        raise UsageError(
            f"the model {model!r} has no operation {', '.join(map(repr, strange))}; the history holds "
            f"{', '.join(history.functions())}; {advice}"
        )
    if initial is not UNSET and chosen.specification is None:
        objects = ", ".join(name for name, other in MODELS.items() if other.specification is not None)
        raise UsageError(f"the model {model!r} has no first state to choose; models that do: {objects}")
    if level is None:
        if chosen.specification is not None:
            return check(history, chosen.specification, budget_s=budget_s, initial=initial, configurations=configurations)
        return chosen.judge(history, budget_s)
    if chosen.at_level is None:
        leveled = ", ".join(name for name, other in MODELS.items() if other.at_level is not None)
        raise UsageError(f"the model {model!r} has no levels; models that do: {leveled}")
    return chosen.at_level(history, budget_s, level)

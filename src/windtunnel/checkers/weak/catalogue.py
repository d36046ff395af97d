"""The entries of these models in the registry."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from windtunnel.checkers.model import Model
from windtunnel.checkers.verdict import Verdict
from windtunnel.checkers.weak import (
    causal,
    commit_orders,
    convergence,
    counters,
    deliveries,
    exactly_once,
    leases,
    log,
    sequential,
    sessions,
    set_full,
    staleness,
    unique_ids,
)
from windtunnel.histories import History


def _of_session(name: str, doc: str) -> Model:
    def judge(history: History, _: float | None) -> Verdict:
        return sessions.session_guarantee(history, name)

    return Model(name, sessions.PROMISES[name], sessions.FUNCTIONS, doc, judge)


def _counting(name: str, functions: Mapping[str, str], doc: str) -> Model:
    def judge(history: History, _: float | None) -> Verdict:
        return counters.counter(history, name)

    def at_level(history: History, _: float | None, level: str) -> Verdict:
        return counters.counter(history, name, level)

    return Model(name, counters.PROPERTY, functions, doc, judge, at_level)


def _delivering(name: str, doc: str) -> Model:
    def judge(history: History, _: float | None) -> Verdict:
        return deliveries.ordered_broadcast(history, name)

    return Model(name, deliveries.PROMISES[name], deliveries.FUNCTIONS, doc, judge)


def _committing(name: str, doc: str) -> Model:
    def judge(history: Any, _: float | None) -> Verdict:
        return commit_orders.commit_order(history, name)

    def read(path: Path | str, form: str) -> Any:
        from windtunnel.histories.transactions import read_transactions  # noqa: PLC0415 - numpy, only for who needs it

        return read_transactions(path, form, interface="rw-register")

    return Model(name, commit_orders.PROMISES[name], commit_orders.FUNCTIONS, doc, judge, read=read)


ENTRIES = (
    Model(
        "sequential",
        sequential.PROPERTY,
        sequential.FUNCTIONS,
        "One order of all operations keeps the order of every process and is what the store would do; real time plays no part.",
        sequential.sequential,
    ),
    Model(
        "causal",
        causal.CAUSAL,
        causal.FUNCTIONS,
        "Every process can order all writes, causes before effects, so that its own reads are right: causal memory.",
        causal.causal,
    ),
    Model(
        "causal-convergence",
        causal.CONVERGENCE,
        causal.FUNCTIONS,
        "Every read is the last write of its causal past, in one order of writes that is the same for all.",
        causal.causal_convergence,
    ),
    Model(
        "weak-causal",
        causal.WEAK_CAUSAL,
        causal.FUNCTIONS,
        "No read shows what a write that causally precedes it had overwritten; each read by itself.",
        causal.weak_causal,
    ),
    Model(
        "pram",
        causal.PRAM,
        causal.FUNCTIONS,
        "Every process can order all writes, those of each process in its order, so that its own reads are right.",
        causal.pram,
    ),
    _of_session("read-your-writes", "A read sees the earlier writes of its session."),
    _of_session("monotonic-reads", "A read sees whatever an earlier read of its session saw."),
    _of_session("monotonic-writes", "Who sees a write sees the earlier writes of that write's session, in their order."),
    _of_session("writes-follow-reads", "Who sees a write sees what its writer had read before, and in that order."),
    Model(
        "set-full",
        set_full.PROPERTY,
        set_full.FUNCTIONS,
        "Elements that were added stay in every later read in the end; stale ones are timed; no duplicate, no phantom.",
        lambda history, _: set_full.set_full(history),
        lambda history, _, level: set_full.set_full(history, level),
    ),
    _counting("g-counter", counters.GROWING, "A read is the sum of what was added, give or take what was under way; never less."),
    _counting("pn-counter", counters.FUNCTIONS, "A read is the sum of what was added, give or take what was under way."),
    Model(
        "unique-ids",
        unique_ids.PROPERTY,
        unique_ids.FUNCTIONS,
        "No id is given twice; at the levels session-rising and rising they also rise.",
        lambda history, _: unique_ids.unique_ids(history),
        lambda history, _, level: unique_ids.unique_ids(history, level),
    ),
    Model(
        "exactly-once",
        exactly_once.PROPERTY,
        exactly_once.FUNCTIONS,
        "Every acknowledged request took effect once, whatever was retried; what was refused or never asked for, did not.",
        lambda history, _: exactly_once.exactly_once(history),
    ),
    Model(
        "staleness",
        staleness.PROPERTY,
        staleness.FUNCTIONS,
        "How many versions and seconds behind every read is; a level such as k=2,t=0.5,p=0.99 bounds it for that share.",
        lambda history, _: staleness.staleness(history),
        lambda history, _, level: staleness.staleness(history, staleness.bounds_of(level)),
    ),
    _delivering("fifo-broadcast", "Every process delivers the messages of each sender in its order, without gaps, once."),
    _delivering("causal-broadcast", "No message is delivered before one that its sender had sent or delivered before it."),
    _delivering("total-order-broadcast", "All processes deliver the same messages in the same order; some may be behind."),
    Model(
        "log",
        log.PROPERTY,
        log.FUNCTIONS,
        "A partitioned log such as Kafka: acknowledged messages are polled in order, once, at one offset; nothing else is.",
        lambda history, _: log.log(history),
        lambda history, _, level: log.log(history, level),
    ),
    _committing("read-committed", "Transactions over registers read what was committed, and do not go back behind it."),
    _committing("read-atomic", "Transactions over registers see all of another one's writes or none, and their session's."),
    _committing("transactional-causal", "Transactions over registers see all that causally precedes what they see."),
    Model(
        "lease",
        leases.PROPERTY,
        leases.FUNCTIONS,
        "Grants exclude each other and carry rising tokens, and the resource accepts no token after a larger one.",
        lambda history, _: leases.leases(history),
        lambda history, _, level: leases.leases(history, level),
    ),
    Model(
        "convergence",
        convergence.PROPERTY,
        convergence.FUNCTIONS,
        "Replicas that delivered the same updates are in the same state; after all updates every replica has all of them.",
        lambda history, _: convergence.convergence(history),
        lambda history, _, level: convergence.convergence(history, level),
    ),
)
"""One per model, in the order of lists."""

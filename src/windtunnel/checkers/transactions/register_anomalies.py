"""Anomalies that single reads of registers show: no cycles, no order of sessions or time."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from windtunnel.checkers.transactions.anomalies import Anomaly
from windtunnel.checkers.transactions.registers import Registers
from windtunnel.histories.operations import shown
from windtunnel.histories.transactions.columns import FAIL, NIL, READ, UNSEEN, worded


def direct_anomalies(found: Registers) -> list[Anomaly]:
    """Aborted, intermediate and garbage reads, lost updates, transactions that contradict themselves."""
    return [*_unfounded(found), *_intermediate(found), *_lost_updates(found), *_self_contradictions(found)]


def _read(found: Registers, micro: int) -> str:
    history = found.history
    key, value = history.keys[int(history.key[micro])], history.shown_value(int(history.value[micro]))
    return f"T{found.of[micro]} read {shown(key)} = {worded(value)}"


def _unfounded(found: Registers) -> Iterator[Anomaly]:
    """G1a: the value of a failed transaction was read; garbage-read: one that nobody wrote."""
    history, writers, of = found.history, found.writers, found.of
    reads = np.flatnonzero((history.kind == READ) & (history.value != NIL))
    place = writers.find(history.key[reads], history.value[reads])
    nobody = reads[place < 0]
    if len(nobody):
        micro = int(nobody[0])
        yield Anomaly("garbage-read", f"{_read(found, micro)}, but nobody wrote that", (int(of[micro]),), count=len(nobody))
    written = place >= 0
    author = of[writers.micro[place[written]]]
    failed = np.flatnonzero(history.status[author] == FAIL)
    if len(failed):
        micro, writer = int(reads[written][failed[0]]), int(author[failed[0]])
        why = f"{_read(found, micro)}, but T{writer}, which wrote that, failed"
        yield Anomaly("G1a", why, (writer, int(of[micro])), count=len(failed))


def _intermediate(found: Registers) -> Iterator[Anomaly]:
    """G1b: a read of what its transaction overwrote itself."""
    read = np.flatnonzero(found.origin >= 0)
    write = found.writers.micro[found.origin[read]]
    wrong = np.flatnonzero(~found.groups.final[write] & (found.of[write] != found.of[found.reads[read]]))
    if len(wrong):
        micro, writer = int(found.reads[read[wrong[0]]]), int(found.of[write[wrong[0]]])
        why = f"{_read(found, micro)}, which T{writer} overwrote itself"
        yield Anomaly("G1b", why, (writer, int(found.of[micro])), count=len(wrong))


def _lost_updates(found: Registers) -> Iterator[Anomaly]:
    """lost-update: several committed transactions read one version of a key and wrote the next one."""
    micro = found.writers.micro
    versions = found.versions[found.previous[found.versions] != -2]
    previous = found.previous[versions]
    code = np.where(previous >= 0, previous, -1 - found.history.key[micro[versions]])
    order = np.argsort(code, kind="stable")
    same = np.flatnonzero(code[order][1:] == code[order][:-1])
    if len(same):
        one, two = (int(versions[order[same[0] + step]]) for step in (0, 1))
        history = found.history
        key = shown(history.keys[int(history.key[micro[one]])])
        read = (
            "nil" if previous[order[same[0]]] < 0 else worded(history.shown_value(int(history.value[micro[found.previous[one]]])))
        )
        a, b = int(found.of[micro[one]]), int(found.of[micro[two]])
        why = f"T{a} and T{b} both read {key} = {read}, and both then wrote {key}"
        yield Anomaly("lost-update", why, (a, b), count=len(same))


def _self_contradictions(found: Registers) -> Iterator[Anomaly]:
    """internal: a read is not what the transaction last read or wrote; future-read: it is what it writes only later."""
    history, groups = found.history, found.groups
    order, group = groups.order, groups.group
    together = group[1:] == group[:-1]
    known = (history.kind[order][1:] == READ) & (history.kind[order][:-1] != UNSEEN)
    wrong = np.flatnonzero(together & known & (history.value[order][1:] != history.value[order][:-1]))
    if len(wrong):
        micro, before = int(order[wrong[0] + 1]), int(order[wrong[0]])
        did = "read" if history.kind[before] == READ else "written"
        expected = worded(history.shown_value(int(history.value[before])))
        why = f"{_read(found, micro)} after it had {did} {expected}"
        yield Anomaly("internal", why, (int(found.of[micro]),), count=len(wrong))
    reads = np.flatnonzero((history.kind == READ) & (history.value != NIL))
    place = found.writers.find(history.key[reads], history.value[reads])
    reads, place = reads[place >= 0], place[place >= 0]
    write = found.writers.micro[place]
    ahead = np.flatnonzero((found.of[write] == found.of[reads]) & (write > reads))
    if len(ahead):
        micro = int(reads[ahead[0]])
        yield Anomaly("future-read", f"{_read(found, micro)} before it wrote that", (int(found.of[micro]),), count=len(ahead))

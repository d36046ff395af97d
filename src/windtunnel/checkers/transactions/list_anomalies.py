"""Anomalies that single reads of lists show: no cycles, no order of sessions or time."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from windtunnel.checkers.transactions.anomalies import Anomaly
from windtunnel.checkers.transactions.groups import Groups
from windtunnel.checkers.transactions.lists import NOBODY, Lists, elements_of
from windtunnel.histories.operations import shown
from windtunnel.histories.transactions.columns import FAIL, OK, READ, WRITE, Column, worded

_EXAMPLES = 3


def direct_anomalies(lists: Lists, groups: Groups) -> list[Anomaly]:
    """What single reads show: aborted, intermediate and garbage reads, duplicates, orders that contradict each other ..."""
    found = [
        *_unfounded(lists),
        *_intermediate(lists, groups),
        *_duplicates(lists),
        *_incompatible(lists),
        *_reordered(lists, groups),
        *_dirty_updates(lists),
        *_lost_updates(lists, groups),
        *_self_contradictions(lists, groups),
    ]
    named: dict[str, list[Anomaly]] = {}
    for anomaly in found:
        named.setdefault(anomaly.name, []).append(anomaly)
    return [
        Anomaly(first.name, first.why, first.transactions, first.steps, sum(each.count for each in group))
        for group in named.values()
        for first in group[:1]
    ]


def _read(lists: Lists, micro: int) -> str:
    history = lists.history
    return f"T{lists.of[micro]} read {shown(history.keys[int(history.key[micro])])} = {worded(history.list_read(micro))}"


def _element(lists: Lists, place: int) -> str:
    return str(worded(lists.history.shown_value(int(lists.history.value[lists.writers.micro[place]]))))


def _unfounded(lists: Lists) -> Iterator[Anomaly]:
    """G1a: elements of failed transactions were read; garbage-read: elements that nobody appended."""
    history, of = lists.history, lists.of
    key = history.key[lists.reads]
    place = lists.writer
    status = lists.status_of(place)
    cases: dict[str, list[tuple[int, int, Any]]] = {"G1a": [], "garbage-read": []}
    slot_key = lists.slot_key()
    for slot in np.flatnonzero((status == FAIL) | (status == NOBODY)).tolist():
        name = "G1a" if status[slot] == FAIL else "garbage-read"
        if len(cases[name]) < _EXAMPLES:
            deep = lists.lengths > slot - lists.first[slot_key[slot]]
            micro = int(lists.reads[np.flatnonzero((key == slot_key[slot]) & deep & ~lists.bad)[0]])
            value = int(history.elements[history.offsets[micro] + slot - lists.first[slot_key[slot]]])
            cases[name].append((micro, int(place[slot]), history.shown_value(value)))
        else:
            cases[name].append((-1, -1, None))
    bad = np.flatnonzero(lists.bad)
    if len(bad):
        who, found = elements_of(lists, bad)
        failed = lists.status_of(found)
        begins = np.cumsum(lists.lengths[bad]) - lists.lengths[bad]
        for at in np.flatnonzero((failed == FAIL) | (failed == NOBODY)).tolist():
            micro = int(lists.reads[bad[who[at]]])
            value = int(history.elements[history.offsets[micro] + at - begins[who[at]]])
            cases["G1a" if failed[at] == FAIL else "garbage-read"].append((micro, int(found[at]), history.shown_value(value)))
    for name, several in cases.items():
        if not several:
            continue
        micro, append, value = several[0]
        if name == "G1a":
            writer = int(of[lists.writers.micro[append]])
            why = f"{_read(lists, micro)}, but T{writer}, which appended {worded(value)}, failed"
            yield Anomaly(name, why, (writer, int(of[micro])), count=len(several))
        else:
            yield Anomaly(
                name, f"{_read(lists, micro)}, but nobody appended {worded(value)}", (int(of[micro]),), count=len(several)
            )


def _intermediate(lists: Lists, groups: Groups) -> Iterator[Anomaly]:
    """G1b: a read ends with an append that its transaction followed by another one to the same key."""
    ends = np.flatnonzero(lists.last >= 0)
    place = lists.writer[lists.last[ends]]
    ends, place = ends[place >= 0], place[place >= 0]
    append = lists.writers.micro[place]
    wrong = np.flatnonzero(~groups.final[append] & (lists.of[append] != lists.of[lists.reads[ends]]))
    if len(wrong):
        micro, writer = int(lists.reads[ends[wrong[0]]]), int(lists.of[append[wrong[0]]])
        why = (
            f"{_read(lists, micro)}, which ends with {_element(lists, int(place[wrong[0]]))}: T{writer} appended more after that"
        )
        yield Anomaly("G1b", why, (writer, int(lists.of[micro])), count=len(wrong))


def _duplicates(lists: Lists) -> Iterator[Anomaly]:
    """duplicate-elements: within the longest read of a key, or within a read that is no prefix of it."""
    history = lists.history
    slot_key = lists.slot_key()
    held = lists.writer >= 0
    suspects = slot_key[~held]
    known = lists.writer[held]
    if len(known):  # an append that has several slots, or elements that nobody appended
        again = np.bincount(known, minlength=len(lists.writers.micro))[known] > 1
        suspects = np.concatenate([suspects, slot_key[held][again]])
    micros = np.concatenate([lists.longest[np.unique(suspects)], lists.reads[lists.bad]])
    size = history.offsets[micros + 1] - history.offsets[micros]
    who = np.repeat(np.arange(len(micros)), size)
    within = np.arange(len(who)) - np.repeat(np.cumsum(size) - size, size)
    values = history.elements[history.offsets[micros][who] + within]
    order = np.lexsort((values, who))
    same = (values[order][1:] == values[order][:-1]) & (who[order][1:] == who[order][:-1])
    repeated = np.flatnonzero(same)
    if len(repeated):
        micro = int(micros[who[order][repeated[0]]])
        value = history.shown_value(int(values[order][repeated[0]]))
        why = f"{_read(lists, micro)}, with {worded(value)} more than once"
        yield Anomaly("duplicate-elements", why, (int(lists.of[micro]),), count=len(repeated))


def _incompatible(lists: Lists) -> Iterator[Anomaly]:
    """incompatible-order: a read is no prefix of the longest read of its key."""
    bad = np.flatnonzero(lists.bad)
    if len(bad):
        micro = int(lists.reads[bad[0]])
        longest = int(lists.longest[lists.history.key[micro]])
        one, two = lists.history.list_read(micro), lists.history.list_read(longest)
        at = next(i for i, (a, b) in enumerate(zip(one, two, strict=False)) if a != b)
        why = f"{_read(lists, longest)}, and {_read(lists, micro)}: they part at element {at + 1}, and neither begins the other"
        yield Anomaly("incompatible-order", why, (int(lists.of[longest]), int(lists.of[micro])), count=len(bad))


def _reordered(lists: Lists, groups: Groups) -> Iterator[Anomaly]:
    """reordered-writes: of two appends of one transaction to a key, the later one shows first, or the earlier one never."""
    history = lists.history
    appends = history.kind[groups.order] == WRITE
    micro, group = groups.order[appends], groups.group[appends]
    place = np.searchsorted(lists.writers.micro, micro)
    slot = lists.slot_of[place] if len(place) else place
    slot = np.where(slot >= 0, slot, np.iinfo(np.int64).max)  # what was never read comes after all that was
    bad = np.flatnonzero(lists.bad)
    if len(bad):
        shown_there = elements_of(lists, bad)[1]
        lost = (slot == np.iinfo(np.int64).max) & np.isin(place, shown_there)
        slot[lost] = -1  # it was read, and nobody knows where it belongs
    wrong = np.flatnonzero((group[1:] == group[:-1]) & (slot[1:] < slot[:-1]) & (slot[1:] >= 0))
    if len(wrong):
        one, two = int(place[wrong[0]]), int(place[wrong[0] + 1])
        longest = int(lists.longest[history.key[micro[wrong[0]]]])
        who = int(lists.of[micro[wrong[0]]])
        why = f"T{who} appended {_element(lists, one)} and then {_element(lists, two)}, but {_read(lists, longest)}"
        involved = tuple(dict.fromkeys((who, int(lists.of[longest]))))
        yield Anomaly("reordered-writes", why, involved, count=len(wrong))


def _dirty_updates(lists: Lists) -> Iterator[Anomaly]:
    """dirty-update: in the order of versions a committed one comes after a failed one."""
    if not len(lists.writers.micro):
        return
    appended = lists.of[lists.writers.micro[np.maximum(lists.writer, 0)]]
    status = lists.status_of(lists.writer)
    failed = np.flatnonzero(status == FAIL)
    slot_key = lists.slot_key()
    cases = []
    for slot in failed.tolist():
        after = np.flatnonzero(status[slot : int(lists.first[slot_key[slot] + 1])] == OK)
        if len(after):
            cases.append((slot, slot + int(after[0])))
    if cases:
        slot, following = cases[0]
        one, two = int(appended[slot]), int(appended[following])
        longest = int(lists.longest[slot_key[slot]])
        why = (
            f"T{two} appended {_element(lists, int(lists.writer[following]))} to a list that held "
            f"{_element(lists, int(lists.writer[slot]))} of T{one}, which failed: {_read(lists, longest)}"
        )
        yield Anomaly("dirty-update", why, (one, two), count=len(cases))


def _lost_updates(lists: Lists, groups: Groups) -> Iterator[Anomaly]:
    """lost-update: several committed transactions read one version of a key first, and then appended to it."""
    history = lists.history
    if not len(groups.order):
        return
    begins = np.flatnonzero(np.concatenate([[True], groups.group[1:] != groups.group[:-1]]))
    starts = groups.order[begins]
    appends = np.bincount(groups.group, weights=history.kind[groups.order] == WRITE) > 0
    chosen = starts[(history.kind[starts] == READ) & appends]
    chosen = chosen[lists.committed[lists.of[chosen]]]
    read = np.searchsorted(lists.reads, chosen)
    placed = (lists.last[read] >= 0) | (lists.lengths[read] == 0)
    chosen, read = chosen[placed], read[placed]
    version = np.where(lists.lengths[read] > 0, lists.last[read], -1 - history.key[chosen])
    order = np.argsort(version, kind="stable")
    same = version[order][1:] == version[order][:-1]
    if not same.any():
        return
    first = int(np.flatnonzero(same)[0])
    one, two = int(chosen[order[first]]), int(chosen[order[first + 1]])
    key = shown(history.keys[int(history.key[one])])
    why = f"{_read(lists, one)} and so did T{lists.of[two]}, and both then appended to {key}"
    yield Anomaly("lost-update", why, (int(lists.of[one]), int(lists.of[two])), count=int(same.sum()))


def _self_contradictions(lists: Lists, groups: Groups) -> Iterator[Anomaly]:
    """internal: a read does not follow from the transaction's own reads and appends; future-read: it shows what comes later."""
    suspects = _suspects(lists, groups)
    history = lists.history
    internal: list[tuple[int, list[Any], bool]] = []
    future: list[tuple[int, Any]] = []
    for number in suspects:
        members = groups.order[np.searchsorted(groups.group, number) : np.searchsorted(groups.group, number, "right")]
        expected: list[Any] | None = None
        known = False
        seen: dict[Any, int] = {}
        for micro in members.tolist():
            if history.kind[micro] == WRITE:
                value = int(history.value[micro])
                if value in seen:
                    future.append((seen[value], history.shown_value(value)))
                expected = [*(expected or []), value]
                continue
            got = history.elements[history.offsets[micro] : history.offsets[micro + 1]].tolist()
            if expected is not None:
                fits = got == expected if known else got[max(0, len(got) - len(expected)) :] == expected
                if not fits:
                    internal.append((micro, expected, known))
            expected, known = got, True
            for value in got:
                seen.setdefault(value, micro)
    if internal:
        micro, wanted, known = internal[0]
        items = [history.shown_value(item) for item in wanted]
        told = worded(items) if known else f"a list that ends with {worded(items)}"
        why = f"{_read(lists, micro)}; after its own reads and appends it should have been {told}"
        yield Anomaly("internal", why, (int(lists.of[micro]),), count=len(internal))
    if future:
        micro, value = future[0]
        yield Anomaly(
            "future-read", f"{_read(lists, micro)} before it appended {worded(value)}", (int(lists.of[micro]),), count=len(future)
        )


def _suspects(lists: Lists, groups: Groups) -> list[int]:
    """Groups that might contradict themselves: all but those whose reads are exactly as long as they should be, and prefixes."""
    history, order, group = lists.history, groups.order, groups.group
    if not len(order):
        return []
    reads = history.kind[order] == READ
    appends = (history.kind[order] == WRITE).astype(np.int64)
    bad = np.zeros(len(history.kind), bool)
    bad[lists.reads] = lists.bad
    slot = np.full(len(history.kind), -1, np.int64)
    slot[lists.writers.micro] = np.where(lists.slot_of >= 0, lists.slot_of - lists.first[history.key[lists.writers.micro]], -1)
    length = history.offsets[order + 1] - history.offsets[order]
    # The length of every read of a group, less the appends before it, is the same: the base.
    count = np.cumsum(appends)
    begins = np.flatnonzero(np.concatenate([[True], group[1:] != group[:-1]]))
    before = count - appends - (count - appends)[begins[group]]
    base = np.where(reads, length - before, 0)
    low = np.full(len(begins), np.iinfo(np.int64).max)
    high = np.full(len(begins), np.iinfo(np.int64).min)
    np.minimum.at(low, group[reads], base[reads])
    np.maximum.at(high, group[reads], base[reads])
    wrong = (low != high) & (high > np.iinfo(np.int64).min)
    wrong |= (low < 0) & (high > np.iinfo(np.int64).min)
    # An append that was read stands in a slot: the one right after the base and the appends before it.
    known = (appends == 1) & (slot[order] >= 0)
    some = high[group] > np.iinfo(np.int64).min
    wrong[group[known & some & (slot[order] != base_of(high, group) + before)]] = True
    wrong[group[bad[order]]] = True
    # A read after an own append that is in no slot cannot show it.
    unread = (appends == 1) & (slot[order] < 0)
    wrong[group[unread & some]] = True
    numbers: list[int] = np.flatnonzero(wrong).tolist()
    return numbers


def base_of(high: Column, group: Column) -> Column:
    """The base length of each member's group; of groups without reads, 0."""
    return np.where(high[group] > np.iinfo(np.int64).min, high[group], 0)

"""Oracles of isolation that share nothing with the checker: every order is tried, every relation is multiplied out."""

from itertools import chain, combinations, pairwise, permutations

import numpy as np


def serial_order_exists(history, interface="list-append", *, order=""):
    """Whether some serial order of what may have committed explains every answer. order: "", "process" or "realtime"."""
    for chosen in _committed(history):
        for serial in permutations(chosen):
            if _keeps(serial, order) and _replays(serial, interface):
                return True
    return False


def snapshot_order_exists(history, interface="list-append", *, order=""):
    """Whether commits in some order, each from a snapshot of a prefix and without conflicts, explain every answer."""
    return any(
        _keeps(serial, order) and all(_has_snapshot(serial, at, interface, order) for at in range(len(serial)))
        for chosen in _committed(history)
        for serial in permutations(chosen)
    )


def _committed(history):
    ok = [op for op in history if op.type == "ok"]
    info = [op for op in history if op.type == "info"]
    return (ok + list(some) for some in chain.from_iterable(combinations(info, n) for n in range(len(info) + 1)))


def _before(a, b, order):
    if a.type != "ok" or not order:
        return False
    if order == "process":
        return a.process == b.process and a.completed < b.invoked
    return a.completed < b.invoked


def _keeps(serial, order):
    return not any(_before(later, earlier, order) for at, earlier in enumerate(serial) for later in serial[at + 1 :])


def _runs(op, state, interface):
    """The state after a transaction, or None if its answers are not what it would have seen."""
    state = dict(state)
    for f, key, value in op.result if op.type == "ok" else op.value:
        current = state.get(key, () if interface == "list-append" else None)
        if f == "r":
            answer = tuple(value or ()) if interface == "list-append" else value
            if op.type == "ok" and answer != current:
                return None
        else:
            state[key] = (*current, value) if interface == "list-append" else value
    return state


def _replays(serial, interface):
    state = {}
    for op in serial:
        state = _runs(op, state, interface)
        if state is None:
            return False
    return True


def _writes(op):
    return {key for f, key, _ in op.value if f != "r"}


def _has_snapshot(serial, at, interface, order):
    """Whether the transaction at a place of the commit order has a snapshot that explains it and conflicts with nobody."""
    op = serial[at]
    states = [{}]
    for earlier in serial[:at]:
        states.append(_applied(earlier, states[-1], interface))
    low = max((number + 1 for number, earlier in enumerate(serial[:at]) if _before(earlier, op, order)), default=0)
    return any(
        _runs(op, states[snapshot], interface) is not None
        and not any(_writes(op) & _writes(other) for other in serial[snapshot:at])
        for snapshot in range(low, at + 1)
    )


def _applied(op, state, interface):
    state = dict(state)
    for f, key, value in op.value:
        if f != "r":
            state[key] = (*state.get(key, ()), value) if interface == "list-append" else value
    return state


# --- Adya's cycles, by multiplying relations ---


def cycles_by_closure(history, dependencies):
    """Names of the cycle anomalies that there are, given {(kind, a, b)} over committed operations (kinds ww, wr, rw)."""
    count = len(history.operations)
    relation = {kind: np.zeros((count, count), bool) for kind in ("ww", "wr", "rw")}
    for kind, a, b in dependencies:
        relation[kind][a, b] = True
    taking_part = {op.index for op in history if op.type == "ok"} | {n for _, *pair in dependencies for n in pair}
    found = set()
    for suffix, order in (("", ""), ("-process", "process"), ("-realtime", "realtime")):
        ordered = np.zeros((count, count), bool)
        for a in history:
            for b in history:
                if a.index in taking_part and b.index in taking_part:
                    ordered[a.index, b.index] = bool(order) and _before(a, b, order)
        ww, wr, rw = relation["ww"], relation["wr"], relation["rw"]
        written, depends = _closure(ww | ordered), _closure(ww | wr | ordered)
        everything = _closure(ww | wr | rw | ordered)
        step = ww | wr | ordered
        composed = _closure(step | (step.astype(int) @ rw.astype(int) > 0))
        if (ww & written.T).any():
            found.add("G0" + suffix)
        if (wr & depends.T).any():
            found.add("G1c" + suffix)
        if (rw & depends.T).any():
            found.add("G-single" + suffix)
        if composed.diagonal().any():
            found.add("G-nonadjacent" + suffix)
        if (rw & everything.T).any():
            found.add("G2-item" + suffix)
    return found


def _closure(relation):
    found = relation.copy()
    for middle in range(len(found)):
        found |= found[:, [middle]] & found[[middle], :]
    return found


def list_dependencies(history):
    """{(kind, a, b)} of a list-append history whose reads are prefixes of one order per key, or None if they are not."""
    author, reads = {}, []
    for op in history:
        for f, key, value in op.value:
            if f == "append":
                author[key, value] = op
        if op.type == "ok":
            own = set()
            for f, key, value in op.result:
                if f == "r":
                    reads.append((op, key, list(value or []), key in own))
                else:
                    own.add(key)
    longest = {}
    for _, key, value, _ in reads:
        if len(value) > len(longest.get(key, [])):
            longest[key] = value
    if any(longest.get(key, [])[: len(value)] != value or len(set(value)) < len(value) for _, key, value, _ in reads):
        return None
    seen = {author[key, item].index for _, key, value, _ in reads for item in value if (key, item) in author}
    committed = {op.index for op in history if op.type == "ok" or (op.type == "info" and op.index in seen)}
    found = set()
    for key in {key for key, _ in author} | set(longest):
        values = longest.get(key, [])
        order = [author.get((key, item)) for item in values]
        chain_of = [op.index if op is not None and op.index in committed else None for op in order]
        unread = [op.index for (k, item), op in author.items() if k == key and item not in values and op.index in committed]
        known = [index for index in chain_of if index is not None]
        found |= {("ww", a, b) for a, b in pairwise(known)}
        found |= {("ww", known[-1], b) for b in unread if known}
        for op, k, value, own in reads:
            if k != key or own:
                continue
            length = len(value)
            before = [index for index in chain_of[:length] if index is not None]
            after = [index for index in chain_of[length:] if index is not None]
            if before:
                found.add(("wr", before[-1], op.index))
            found |= {("rw", op.index, b) for b in (after[:1] or unread)}
    return {(kind, a, b) for kind, a, b in found if a != b}

"""Registers whose values are written once each: every key of a history in a few passes over its columns.

Source: Gibbons & Korach, "Testing shared memories", SIAM J. Comput. 26 (1997), section 4.

A write and the reads of its value must follow one another without another write in between: a *cluster*. Let f be the first
return in a cluster and s its last invocation. If f < s, something was certainly done with the value from f to s: a *forward*
zone. Otherwise all its operations have the time from s to f in common: a *backward* zone. A history is linearizable exactly if
no value is read before it was written, no two forward zones overlap, and no backward zone lies within a forward one. The initial
value is a write that returned before everything. A write without an answer never returns; if nobody read it, it is left out.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from windtunnel.histories.columns import FAIL, OK, Columns

Array = np.ndarray[Any, Any]

_NEVER = 2**31
_START = -1


class _Clusters:
    """The clusters of a history: per cluster its key, f, s; and per operation that belongs to one which it is.

    The first clusters are those of the initial values, one per key; `closed` keys have a value that was written twice, or one
    that looks like the initial value; `wrong` keys a read that no write can explain.
    """

    def __init__(self, columns: Columns) -> None:
        keys, names = len(columns.keys), columns.functions
        f, kind, key = columns.view("f"), columns.view("type"), columns.view("key")
        completed = columns.view("completed")
        one = keys == 1
        is_write = f == (names.index("write") if "write" in names else -1)
        writes = np.flatnonzero(is_write & (kind != FAIL))
        reads = np.flatnonzero(~is_write & (kind == OK))
        written, found = columns.view("value")[writes], columns.view("result")[reads]
        self.closed = np.zeros(keys, bool)
        self.wrong = np.zeros(keys, bool)
        empty = columns.numbers.get("", -1)
        initial = (written == 0) | (written == empty)
        self.closed[key[writes[initial]]] = True
        cluster_of = self._numbered(columns, written, None if one else key[writes], keys)
        self.count = keys + len(writes)
        self.write = writes
        self.write_cluster = np.arange(keys, self.count)
        self.read = reads
        read_key = None if one else key[reads]
        self.read_cluster = cluster_of(found, read_key)
        unread_value = (found == 0) | (found == empty)
        self.read_cluster[unread_value] = 0 if one else key[reads[unread_value]]
        lost = np.flatnonzero(self.read_cluster < 0)
        self.wrong[key[reads[lost]]] = True
        self.key = np.concatenate([np.arange(keys, dtype=np.int32), key[writes]])
        if len(lost):
            kept = self.read_cluster >= 0
            self.read, self.read_cluster = reads[kept], self.read_cluster[kept]
        self._times(columns, np.where((kind == OK) & (completed >= 0), completed.astype(np.int64), _NEVER), keys)

    def _numbered(self, columns: Columns, written: Array, key: Array | None, keys: int) -> Any:
        """From (values, keys) to clusters, -1 where nobody wrote the value to the key; closes keys with a value written twice."""
        count = len(columns.values)
        times = np.bincount(written, minlength=count)
        clusters = np.arange(keys, keys + len(written), dtype=np.int64)
        if key is None or times.max(initial=0) <= 1:  # a value says which write it was
            table = np.full(count, -1, np.int64)
            table[written] = clusters
            if key is None:
                self.closed[0] |= bool(times.max(initial=0) > 1)
                return lambda values, _: table[values]

            def of_value(values: Array, at: Array) -> Array:
                found = table[values]
                return np.where((found >= 0) & (key[np.maximum(found - keys, 0)] == at), found, -1) if len(key) else found

            return of_value
        pairs = key.astype(np.int64) * count + written
        order = np.argsort(pairs, kind="stable")
        ranked = pairs[order]
        again = order[1:][ranked[1:] == ranked[:-1]]
        self.closed[key[again]] = True

        def of_pair(values: Array, at: Array) -> Array:
            wanted = at.astype(np.int64) * count + values
            place = np.minimum(np.searchsorted(ranked, wanted), max(len(ranked) - 1, 0))
            return np.where(ranked[place] == wanted, clusters[order[place]], -1)

        return of_pair

    def _times(self, columns: Columns, returned: Array, keys: int) -> None:
        """F and s; a read that returned before its write was invoked; writes that nobody knows of."""
        invoked = columns.view("invoked")
        self.f = np.full(self.count, _NEVER, np.int64)
        self.s = np.full(self.count, -1, np.int64)
        self.f[:keys] = _START
        self.f[keys:] = returned[self.write]
        self.s[keys:] = invoked[self.write]
        begun = self.s.copy()
        ends = returned[self.read]
        np.minimum.at(self.f, self.read_cluster, ends)
        np.maximum.at(self.s, self.read_cluster, invoked[self.read])
        early = ends < begun[self.read_cluster]
        self.wrong[self.key[self.read_cluster[early]]] = True
        self.early = self.read[early]
        self.real = self.f < _NEVER
        self.span = 2 + int(max(invoked.max(initial=0), columns.view("completed").max(initial=0)))


def judged(columns: Columns) -> Array | None:
    """Per key number: 1 linearizable, 0 not, -1 not known. None if there are other operations than reads and writes."""
    if not {"read", "write"}.issuperset(columns.functions):
        return None
    clusters = _Clusters(columns)
    one, other = _overlaps(clusters)
    verdicts = np.ones(len(columns.keys), np.int8)
    verdicts[clusters.key[one]] = 0
    verdicts[clusters.wrong] = 0
    verdicts[clusters.closed] = -1
    del other
    return verdicts


def _overlaps(clusters: _Clusters) -> tuple[Array, Array]:
    """Pairs of clusters of one key that contradict each other; not all of them, but of each key that has any."""
    base = clusters.key.astype(np.int64) * (clusters.span + 1)
    forward = np.flatnonzero(clusters.real & (clusters.f < clusters.s))
    low = base[forward] + clusters.f[forward]
    order = np.argsort(low)
    forward, low = forward[order], low[order]
    high = base[forward] + clusters.s[forward]
    near = np.flatnonzero(low[1:] < high[:-1])
    backward = np.flatnonzero(clusters.real & (clusters.f >= clusters.s))
    backward = backward[np.argsort(base[backward] + clusters.s[backward])]  # looked up in order, which caches like
    if not len(forward):
        return near, near
    before = np.searchsorted(low, base[backward] + clusters.s[backward], side="right") - 1
    within = np.flatnonzero((before >= 0) & (base[backward] + clusters.f[backward] < high[before]))
    return (
        np.concatenate([forward[near], forward[before[within]]]),
        np.concatenate([forward[near + 1], backward[within]]),
    )


def contradiction(columns: Columns, key: int) -> list[int]:
    """Operations (their numbers) of a key that `judged` found bad, which have no legal order even by themselves, by invocation.

    All of two clusters; or a read, and the write of its value if there is one.
    """
    clusters = _Clusters(columns)
    name = columns.view("key")
    if clusters.wrong[key]:
        early = clusters.early[name[clusters.early] == key]
        if len(early):
            cluster = clusters.read_cluster[clusters.read == early[0]][0]
            return sorted({int(early[0]), *_members(clusters, [cluster], len(columns.keys))})
        kept = np.zeros(len(columns), bool)
        kept[clusters.read] = True
        reads = np.flatnonzero((columns.view("type") == OK) & (name == key) & ~kept)
        writes = set(clusters.write.tolist())
        return [next(int(read) for read in reads if int(read) not in writes)]
    one, other = _overlaps(clusters)
    at = np.flatnonzero(clusters.key[one] == key)[0]
    return _members(clusters, [one[at], other[at]], len(columns.keys))


def _members(clusters: _Clusters, chosen: list[Any], keys: int) -> list[int]:
    """The operations of some clusters: the write, and the reads that return first and are invoked last are among them."""
    found = [int(n) for n in clusters.read[np.isin(clusters.read_cluster, chosen)]]
    return sorted(found + [int(clusters.write[cluster - keys]) for cluster in chosen if cluster >= keys])

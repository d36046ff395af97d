"""The state machine that the log drives: a key-value store that takes each operation once.

Source:  Ongaro 2014 (thesis), section 6.3 (client sessions); interface `kv` of `windtunnel.base.interface`.
Omits:   expiry of sessions: the table keeps the last reply of every session there ever was.

A client that hears nothing asks again, and the first request may have been committed meanwhile. So the machine remembers the
last reply of every session, as part of the replicated state: all servers see the same duplicates at the same index.
"""

from __future__ import annotations

from collections.abc import Iterable

from windtunnel.base.interface import Op, Reply, Request
from windtunnel.base.messages import Value

COMMANDS = frozenset({"write", "cas", "append", "read"})
KEYS = (str, int)


class KeyValue:
    """The store. Deterministic: the same requests in the same order give the same state and replies on every server.

    sessions: the last reply of each. duplicates: requests that were not executed again.
    """

    __slots__ = ("deduplicate", "duplicates", "sessions", "values")

    def __init__(self, *, deduplicate: bool) -> None:
        self.deduplicate = deduplicate
        self.duplicates = 0
        self.values: dict[Value, Value] = {}
        self.sessions: dict[str, Reply] = {}

    def apply(self, request: Request) -> Reply | None:
        """Execute `request` unless its session has already seen it. None: so old that its client has gone on."""
        session, seq = request.session, request.seq
        if self.deduplicate:
            last = self.sessions.get(session)
            if last is not None and last.seq >= seq:
                self.duplicates += 1
                return last if last.seq == seq else None
        reply = self.sessions[session] = self._execute(session, seq, request.op)
        return reply

    def answered(self, request: Request) -> Reply | None:
        """The remembered reply to exactly this request."""
        last = self.sessions.get(request.session)
        return last if last is not None and last.seq == request.seq and self.deduplicate else None

    def read(self, key: Value) -> Value:
        """The value of `key`, None if it was never written."""
        return self.values.get(key)

    def restore(self, items: Iterable[tuple[Value, Value]], sessions: Iterable[Reply]) -> None:
        """Become what a snapshot says."""
        self.values = dict(items)
        self.sessions = {reply.session: reply for reply in sessions}

    def _execute(self, session: str, seq: int, op: Op) -> Reply:
        values, f, key = self.values, op.f, op.key
        if f == "write":
            values[key] = op.value
            return Reply(session, seq, "ok")
        if f == "cas":
            expected, new = op.value
            swapped = values.get(key) == expected
            if swapped:
                values[key] = new
            return Reply(session, seq, "ok", swapped)
        if f == "append":
            text = values.get(key)
            if not isinstance(text, str | None):
                return Reply(session, seq, "fail", f"{key} holds no text")
            values[key] = (text or "") + op.value
            return Reply(session, seq, "ok")
        return Reply(session, seq, "ok", values.get(key))


def objection(op: Op) -> str | None:
    """Why no store can execute `op`, or None. Checked before it enters the log: a command must not fail on replay."""
    if op.f not in COMMANDS:
        return f"kv has no operation {op.f!r}; it has: append, cas, read, write"
    if not isinstance(op.key, KEYS):
        return f"a key is a text or a whole number; got {op.key!r}"
    if op.f == "cas" and not (isinstance(op.value, list | tuple) and len(op.value) == 2):
        return f"cas takes the pair (expected, new); got {op.value!r}"
    if op.f == "append" and not isinstance(op.value, str):
        return f"append takes a text; got {op.value!r}"
    return None

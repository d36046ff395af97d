"""The client vocabulary: how any client asks any system for anything, and how it is answered.

An interface (`kv`, `txn`, `broadcast`, `ledger`, ...) is a set of operation names and their meaning; the envelope is the
same for all, so that one client, one recorder and one network serve every system.

| interface | operations `f` |
|---|---|
| kv | read(key) -> value; write(key, value); cas(key, (old, new)) -> bool; append(key, text) |
| txn | txn(value = the participants' votes wished) -> "committed" or "aborted" |
| broadcast | broadcast(value); read() -> list of the values seen |
| ledger | order(value = the order) -> "completed" or "cancelled"; balances() -> dict |
| of administrators | reconfigure(value = the members wished) -> the members; transfer(value = the node that shall lead) |
"""

from __future__ import annotations

from typing import Literal

from windtunnel.base.messages import Message, NodeId, Value

ADMINISTRATION = frozenset({"reconfigure", "transfer"})
"""Operations of administrators, on systems that have them. They touch no data, so no model of data knows them."""


class Op(Message, frozen=True):
    """One operation of an interface: its name, the key it is about (or None) and its argument (or None)."""

    f: str
    key: Value = None
    value: Value = None


class Request(Message, frozen=True):
    """Client to system. `(session, seq)` names the operation for ever: a retry carries the same pair.

    A session has one operation in flight; its `seq` rises by one per operation, so a system that remembers the last `seq` and
    answer of each session can take effect exactly once (Ongaro 2014 (thesis), section 6.3).
    """

    session: str
    seq: int
    op: Op


class Reply(Message, frozen=True):
    """System to client.

    `ok`: it took effect, `value` is the result. `fail`: it certainly did not and never will (definite); `value` says why.
    `redirect`: this node cannot serve it and did nothing; `hint` may name one that can. Silence: the client cannot know.
    """

    session: str
    seq: int
    status: Literal["ok", "fail", "redirect"]
    value: Value = None
    hint: NodeId | None = None

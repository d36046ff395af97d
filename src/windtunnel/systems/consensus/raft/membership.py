"""Operations of the administrator: change the members, hand over leadership.

Source:  Ongaro 2014 (thesis), 4.1 and 4.2 (single-server changes), 3.10 (leadership transfer); Ongaro, "bug in single-server
         membership changes", raft-dev, 10 July 2015.
Omits:   catching up a new server before it counts (4.2.1): until it has, the cluster tolerates one failure less.

A change adds or removes one server. Any majority of the old members and any majority of the new ones then share a server, so
there is no need for a transition in which both must agree. Larger changes are sequences of such steps, each waiting for
the one before; see docs/design/raft.md for the alternative, joint consensus.
"""

from __future__ import annotations

from math import inf
from typing import Any

from windtunnel.base.interface import Request
from windtunnel.base.messages import NodeId
from windtunnel.systems.consensus.raft.election import Election, TimeoutNow
from windtunnel.systems.consensus.raft.log import Configuration


class Membership(Election):
    """`reconfigure` (value: the list of members wished) and `transfer` (value: the server that shall lead)."""

    def _reconfigure(self, client: NodeId, request: Request) -> None:
        """Answered with the members when the change is committed; refused, for certain, when it must not begin."""
        wished = request.op.value
        why = self._objection_to(wished)
        if why is not None:
            self._refuse(client, request, why)
        elif set(wished) == set(self.log.members):
            self._answer(client, request, value=list(self.log.members))
        else:
            members = tuple(name for name in self.nodes if name in wished)
            index = self._append(Configuration(members))
            self.waiting[index] = client, request

    def _objection_to(self, wished: Any) -> str | None:
        """Why a change to the members `wished` must not begin now, or None."""
        if not isinstance(wished, list | tuple) or not wished or any(name not in self.nodes for name in wished):
            return f"expected a list of servers out of {', '.join(self.nodes)}; got {wished!r}"
        if len(set(wished) ^ set(self.log.members)) > 1 and self.rules.one_server_at_a_time:
            return f"one server at a time: the members are {', '.join(self.log.members)}"
        if self.log.configurations[-1][0] > self.commit_index and self.rules.one_change_at_a_time:
            return "another change is not committed yet"
        if self.commit_index < self.term_start and self.rules.change_after_own_commit:
            return "this leader has not committed an entry of its own term yet"
        return None

    def _transfer(self, client: NodeId, request: Request) -> None:
        """Answered when leadership was laid down; not at all if the chosen server does not take it in time: it may yet."""
        name = request.op.value
        if name == self.me:
            self._answer(client, request)
        elif name not in self.log.members:
            self._refuse(client, request, f"expected one of the members {', '.join(self.log.members)}; got {name!r}")
        else:
            self.transferee, self.transfer = name, (client, request)
            self.out.set_timer("transfer", self.election_timeout_s[1])
            self._hand_over()

    def _hand_over(self) -> None:
        """Tell the chosen server to stand, once its log is complete: no new entries are taken until then, so it will be."""
        assert self.transferee is not None, "nobody was chosen"
        peer = self.progress.get(self.transferee)
        if peer is not None and peer.match == self.log.last_index:
            self.told = True
            if self.rules.transfer_ends_lease:
                self.lease_until_s = -inf
            self.out.send(peer.name, TimeoutNow(self.term))

    def _on_transfer_timeout(self) -> None:
        """It did not stand within an election timeout: go on leading (3.10). That TimeoutNow may still arrive is no danger."""
        self.transferee = self.transfer = None

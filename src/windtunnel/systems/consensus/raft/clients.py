"""Clients: how operations enter the log, and how reads do without it.

Source:  Ongaro & Ousterhout 2014, section 8. Thesis: 6.3 (exactly once), 6.4 (ReadIndex), 6.4.1 (leases).
Omits:   reads served by followers (end of 6.4); expiry of sessions.

| read | price | needs |
|---|---|---|
| index | one round of messages, shared by all reads that wait for it and by entries on their way | nothing |
| lease | none | clocks whose rates differ from true time by at most `clock_drift_max`, and never jump |
| log | an entry | nothing |

A lease lasts from the moment a round of messages *began*: whoever answered it has heard a leader since then and refuses its
vote for the shortest election timeout, by its own clock. Between a slow clock here and a fast one there that time shrinks to
(1 - drift) / (1 + drift) of it, and that is how long the lease is.
"""

from __future__ import annotations

from windtunnel.base.interface import Request
from windtunnel.base.messages import NodeId
from windtunnel.systems.consensus.raft.machine import objection
from windtunnel.systems.consensus.raft.membership import Membership
from windtunnel.systems.consensus.raft.state import LEADER, Read


class Clients(Membership):
    """What a request becomes: an entry, a read that waits, an answer at once, or a redirect."""

    def _on_request(self, client: NodeId, request: Request) -> None:
        if self.role is not LEADER or self.transferee is not None:
            self._redirect(client, request, self.leader if self.role is not LEADER else None)
            return
        op = request.op
        if op.f == "reconfigure":
            self._reconfigure(client, request)
        elif op.f == "transfer":
            self._transfer(client, request)
        else:
            why = objection(op)
            if why is not None:
                self._refuse(client, request, why)
            elif op.f == "read" and self.options.read != "log":
                self._read(client, request)
            else:
                self._propose(client, request)

    # --- Through the log ---

    def _propose(self, client: NodeId, request: Request) -> None:
        """Append the request, unless it is known to have been executed: then its reply is known too."""
        reply = self.machine.answered(request)
        if reply is not None:
            self.out.reply(client, reply)
        else:
            index = self._append(request)
            self.waiting[index] = client, request

    # --- Around the log ---

    def _read(self, client: NodeId, request: Request) -> None:
        """Note what is committed now, and make sure that we were still the leader when we noted it.

        A new leader holds every committed entry but does not know which they are until one of its own term is committed, so
        its reads wait for that (`term_start`). Waiting for both conditions at once costs nothing.
        """
        index = self.commit_index
        if self.rules.read_after_own_commit and index < self.term_start:
            index = self.term_start
        confirmed = not self.rules.read_confirms_leadership or self._has_lease()
        if confirmed and index <= self.commit_index:
            self._answer(client, request, value=self.machine.read(request.op.key))
            return
        if not confirmed:
            self._begin_round()
        self.reads.append(Read(self.round, index, client, request))
        self._broadcast()
        if not self.peers:
            self._serve_reads()

    def _begin_round(self) -> None:
        """From now on messages to followers carry a new number, and answers to them say that we lead at least until now."""
        self.round += 1
        self.progress[self.me].round = self.round
        if self.options.read == "lease":
            self.rounds_began.append((self.round, self.out.clock()))

    def _serve_reads(self) -> None:
        """Answer the reads whose round is confirmed and whose index is committed."""
        reads = self.reads
        while reads and reads[0].read_index <= self.commit_index and self._is_confirmed(reads[0].round):
            read = reads.popleft()
            self._answer(read.client, read.request, value=self.machine.read(read.request.op.key))

    def _is_confirmed(self, number: int) -> bool:
        """Whether a majority has answered the round of that number or a later one."""
        answered = 0
        for peer in self.voters:
            if peer.round >= number:
                answered += 1
        return answered >= self.quorum

    # --- Leases ---

    def _has_lease(self) -> bool:
        return self.options.read == "lease" and self.out.clock() < self.lease_until_s

    def _extend_lease(self) -> None:
        """The newest confirmed round carries the lease."""
        began = self.rounds_began
        length_s = self.election_timeout_s[0]
        if self.rules.lease_allows_for_drift:
            drift = self.options.clock_drift_max
            length_s *= (1.0 - drift) / (1.0 + drift)
        while began and self._is_confirmed(began[0][0]):
            _, began_s = began.popleft()
            # After TimeoutNow another server may be elected by loyal followers, at any time in this term.
            if not (self.told and self.rules.transfer_ends_lease):
                self.lease_until_s = began_s + length_s

"""The figures and warnings of the paper, played by hand: each says what its safeguard is for.

With all safeguards on every scenario ends well. With the one that names it switched off, the property it protects breaks.
"""

from __future__ import annotations

from collections.abc import Mapping

from windtunnel.base.system import Script
from windtunnel.systems.consensus.raft.scenarios import clients, elections, membership, replication

SCENARIOS: Mapping[str, Script] = {
    "split-vote": elections.split_vote,
    "vote-lost-in-a-crash": elections.vote_lost_in_a_crash,
    "outdated-candidate": elections.outdated_candidate,
    "figure-7": replication.figure_7,
    "late-append-entries": replication.late_append_entries,
    "acknowledged-then-lost": replication.acknowledged_then_lost,
    "figure-8": replication.figure_8,
    "two-servers-at-once": membership.two_servers_at_once,
    "two-changes-at-once": membership.two_changes_at_once,
    "membership-change-2015": membership.membership_change_2015,
    "removed-leader": membership.removed_leader,
    "leader-transfer": membership.leader_transfer,
    "install-snapshot": membership.install_snapshot,
    "snapshot-forgets-members": membership.snapshot_forgets_members,
    "snapshot-forgets-sessions": clients.snapshot_forgets_sessions,
    "duplicate-request": clients.duplicate_request,
    "stale-leader-read": clients.stale_leader_read,
    "new-leader-read": clients.new_leader_read,
    "lease-under-drift": clients.lease_under_drift,
    "lease-and-disloyalty": clients.lease_and_disloyalty,
    "lease-and-restart": clients.lease_and_restart,
    "lease-and-transfer": clients.lease_and_transfer,
}

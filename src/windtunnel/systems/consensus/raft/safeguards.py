"""The load-bearing rules. Remove one, and the property it names can be broken: that is tested for each of them."""

from __future__ import annotations

from dataclasses import dataclass

from windtunnel.base.system import safeguard

HISTORY = ("linearizability",)  # what the checker of client histories calls a stale, lost or repeated operation


@dataclass(frozen=True, slots=True, kw_only=True)
class Safeguards:
    """On by default, in the order of the paper. Paper: Ongaro & Ousterhout 2014; thesis: Ongaro 2014."""

    # --- Elections ---
    one_vote_per_term: bool = safeguard(
        "A server votes for at most one candidate per term.",
        source="paper 5.2",
        breaks=("election_safety",),
        by="scenario split-vote",
    )
    vote_is_durable: bool = safeguard(
        "Term and vote are durable before the vote is sent.",
        source="paper 5.1 and figure 2, persistent state",
        breaks=("election_safety",),
        by="scenario vote-lost-in-a-crash",
    )
    candidate_up_to_date: bool = safeguard(
        "A vote goes only to a candidate whose log is at least as up-to-date as the voter's.",
        source="paper 5.4.1",
        breaks=("leader_completeness",),
        by="scenario outdated-candidate",
    )

    # --- Replication ---
    check_previous_entry: bool = safeguard(
        "A follower takes entries only if its log holds the leader's entry before them.",
        source="paper 5.3, figure 2, AppendEntries step 2",
        breaks=("log_matching",),
        by="scenario figure-7",
    )
    truncate_only_on_conflict: bool = safeguard(
        "A follower deletes entries only where they conflict with the leader's, not because a message ends before them.",
        source="paper figure 2, AppendEntries step 3",
        breaks=("leader_completeness",),
        by="scenario late-append-entries",
    )
    append_is_durable: bool = safeguard(
        "Entries are durable before they are acknowledged.",
        source="paper figure 2, persistent state; thesis 10.2.1",
        breaks=("leader_completeness",),
        by="scenario acknowledged-then-lost",
    )
    commit_what_matches: bool = safeguard(
        "A follower commits no further than its log is known to match the leader's.",
        source="paper figure 2, AppendEntries step 5",
        breaks=("state_machine_safety",),
        by="scenario figure-7",
    )
    commit_own_term_only: bool = safeguard(
        "A leader counts replicas only for entries of its own term; earlier ones are committed with them.",
        source="paper 5.4.2 and figure 8",
        breaks=("leader_completeness",),
        by="scenario figure-8",
    )

    # --- Membership ---
    one_server_at_a_time: bool = safeguard(
        "A change adds or removes one server, so that old and new majorities share a server.",
        source="thesis 4.1",
        breaks=("election_safety", "leader_completeness", "state_machine_safety"),
        by="scenario two-servers-at-once",
    )
    one_change_at_a_time: bool = safeguard(
        "A change waits until the one before it is committed.",
        source="thesis 4.1",
        breaks=("election_safety", "leader_completeness", "state_machine_safety"),
        by="scenario two-changes-at-once",
    )
    change_after_own_commit: bool = safeguard(
        "A leader changes members only after it has committed an entry of its own term.",
        source="Ongaro, raft-dev, 10 July 2015: bug in single-server membership changes",
        breaks=("election_safety", "leader_completeness", "state_machine_safety"),
        by="scenario membership-change-2015",
    )

    # --- Snapshots ---
    snapshot_keeps_members: bool = safeguard(
        "A snapshot carries the configuration of its last index.",
        source="paper 7; thesis 5.1",
        breaks=("leader_completeness",),
        by="scenario snapshot-forgets-members",
    )
    snapshot_keeps_sessions: bool = safeguard(
        "A snapshot carries the last reply of every session.",
        source="thesis 6.3",
        breaks=HISTORY,
        by="scenario snapshot-forgets-sessions",
    )

    # --- Clients ---
    deduplicate_requests: bool = safeguard(
        "The state machine takes each request of a session once, however often it is in the log.",
        source="paper 8; thesis 6.3",
        breaks=HISTORY,
        by="scenario duplicate-request",
    )
    read_confirms_leadership: bool = safeguard(
        "A leader answers a read only after a majority has answered it since the read arrived.",
        source="paper 8; thesis 6.4",
        breaks=HISTORY,
        by="scenario stale-leader-read",
    )
    read_after_own_commit: bool = safeguard(
        "A new leader answers reads only after it has committed an entry of its own term.",
        source="paper 8; thesis 6.4",
        breaks=HISTORY,
        by="scenario new-leader-read",
    )

    # --- Leases ---
    lease_allows_for_drift: bool = safeguard(
        "A lease is shorter than the election timeout by as much as two clocks may drift apart.",
        source="thesis 6.4.1",
        breaks=HISTORY,
        by="scenario lease-under-drift",
    )
    followers_are_loyal: bool = safeguard(
        "A server that has heard from a leader within the shortest election timeout votes for nobody.",
        source="thesis 4.2.3 and 6.4.1",
        breaks=HISTORY,
        by="scenario lease-and-disloyalty",
    )
    restart_honours_leases: bool = safeguard(
        "A server that has just booted behaves as if it had just heard from a leader: it may have.",
        source="thesis 6.4.1, which needs the promise of 4.2.3 to outlive a restart",
        breaks=HISTORY,
        by="scenario lease-and-restart",
    )
    transfer_ends_lease: bool = safeguard(
        "A leader that has told another server to take over holds no lease in that term any more.",
        source="thesis 3.10 and 6.4.1",
        breaks=HISTORY,
        by="scenario lease-and-transfer",
    )

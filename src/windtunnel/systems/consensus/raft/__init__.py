"""Raft: a replicated log, led by an elected leader; on it, a linearizable key-value store.

Source:  Ongaro & Ousterhout, "In Search of an Understandable Consensus Algorithm (extended version)", 2014 (the paper);
         Ongaro, "Consensus: Bridging Theory and Practice", 2014 (the thesis).
Keeps:   election (5.2, 5.4) with pre-vote (thesis 9.6), loyalty (4.2.3) and check quorum (6.2); replication with fast
         backtracking (5.3), batching and pipelining (thesis 10.2); persistence (5.6); snapshots (7); single-server membership
         changes (thesis 4) with the correction of 2015; leader transfer (3.10); exactly-once sessions (6.3); reads by
         ReadIndex (6.4), by lease (6.4.1) or through the log.
Omits:   catching up a new server before it votes (4.2.1); snapshots in chunks; expiry of sessions; reads by followers.
Departs: a rejection is a message of its own; InstallSnapshot is answered like AppendEntries; the leader acknowledges its own
         entries by a message to itself that its disk releases.

Reading order. Each module is one idea with its messages, and one layer of the server that builds on the layers before it:

    log          entries, durable records, recovery
    machine      the key-value store and its sessions
    safeguards   the load-bearing rules, each of which can be removed
    state        figure 2, terms
    snapshots    compaction, InstallSnapshot
    replication  AppendEntries, commitment
    election     votes, leaders
    membership   who votes, who shall lead
    clients      requests, reads, leases
    server       events in
    properties   figure 3
    scenarios    the figures of the paper, played by hand

The durable order is the order of the lines: what a handler asks for after `persist` happens when the record is durable
(`windtunnel.base.outbox`). So "respond after writing to stable storage" is never an `await`, it is where the `send` stands.
"""

from __future__ import annotations

from windtunnel.base.interface import Op
from windtunnel.base.properties import always, eventually, sometimes
from windtunnel.base.system import Search, System
from windtunnel.systems.consensus.raft import properties
from windtunnel.systems.consensus.raft.election import PreVote, RequestPreVote, RequestVote, TimeoutNow, Vote
from windtunnel.systems.consensus.raft.log import Append, HardState, Snapshot
from windtunnel.systems.consensus.raft.replication import AppendEntries, Rejected
from windtunnel.systems.consensus.raft.safeguards import Safeguards
from windtunnel.systems.consensus.raft.scenarios import SCENARIOS
from windtunnel.systems.consensus.raft.server import Raft
from windtunnel.systems.consensus.raft.snapshots import Appended, InstallSnapshot
from windtunnel.systems.consensus.raft.state import Options

SYSTEM = System(
    name="raft",
    family="consensus",
    title="Raft: a replicated log and a linearizable key-value store",
    source="Ongaro & Ousterhout 2014; Ongaro 2014 (thesis)",
    interface="kv",
    promise="linearizable",
    build=Raft,
    messages=(
        AppendEntries,
        Appended,
        Rejected,
        InstallSnapshot,
        RequestPreVote,
        PreVote,
        RequestVote,
        Vote,
        TimeoutNow,
    ),
    records=(HardState, Append, Snapshot),
    safeguards=Safeguards,
    options=Options,
    always=(
        always(properties.ElectionSafety),
        always(properties.LeaderAppendOnly),
        always(properties.LogMatching),
        always(properties.LeaderCompleteness),
        always(properties.StateMachineSafety),
    ),
    sometimes=(
        sometimes(properties.a_leader_is_elected),
        sometimes(properties.votes_are_split),
        sometimes(properties.two_servers_lead),
        sometimes(properties.a_follower_truncates),
        sometimes(properties.a_snapshot_is_installed),
        sometimes(properties.a_request_is_repeated),
        sometimes(properties.a_read_waits),
    ),
    eventually=(
        eventually(properties.one_leader_is_followed),
        eventually(properties.logs_agree),
    ),
    scenarios=SCENARIOS,
    leader=properties.leader,
    search=Search(size=3, requests=(Op("write", "x", "1"),), crashes=0, fires=2),
)

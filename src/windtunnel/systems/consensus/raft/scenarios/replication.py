"""Scenarios of section 5.3 and 5.4.2: what a log may contain, and when it counts."""

from __future__ import annotations

from windtunnel.base.interface import Op
from windtunnel.base.stage import Stage
from windtunnel.base.system import needs
from windtunnel.systems.consensus.raft.replication import AppendEntries, Rejected
from windtunnel.systems.consensus.raft.scenarios.moves import elect, recover, stand, write
from windtunnel.systems.consensus.raft.snapshots import Appended


def figure_7(stage: Stage) -> None:
    """Figure 7: followers lack entries, have too many of older terms, or both; a new leader repairs them all."""
    elect(stage, "n1")
    stage.note("n4 leads and keeps three entries to itself, like follower (f)")
    stand(stage, "n4", voters=("n3", "n5"))
    stage.drop()
    for i in (1, 2):
        write(stage, f"f{i}", "n4", f"f{i}", reach=())
    stage.crash("n4")
    stage.note("n3 leads and keeps five to itself, like follower (d)")
    stand(stage, "n3", voters=("n2", "n5"))
    stage.drop()
    for i in (1, 2, 3, 4):
        write(stage, f"d{i}", "n3", f"d{i}", reach=())
    stage.crash("n3")
    stage.note("n1 leads; n2 and n5 take its entries, n3 and n4 are down")
    elect(stage, "n1", voters=("n2", "n5"))
    for i in (1, 2, 3):
        write(stage, f"a{i}", "n1", str(i), reach=("n2", "n5"))
    stage.note("n1 is elected once more, so that it first tries the end of its own log at everybody")
    stage.crash("n1")
    for name in ("n1", "n3", "n4"):
        stage.restart(name)
    stand(stage, "n1", voters=("n2", "n5"))
    stage.settle(("n1", "n2", "n5"))
    stage.note("n3 and n4 have other entries at those indexes")
    stage.settle()
    recover(stage, "n1")


def late_append_entries(stage: Stage) -> None:
    """Figure 2, AppendEntries step 3: an old message ends before entries that a newer one brought; they stay."""
    elect(stage, "n1")
    stage.request("c1", "n1", Op("write", "x", "1"))
    stage.settle(("n1",))
    stage.request("c2", "n1", Op("write", "x", "2"))
    stage.settle(("n1",))
    stage.note("unanswered for a tick, n1 sends again, now both entries; the network repeats the old message after it")
    stage.fire("n1", "heartbeat")
    stage.fire("n1", "heartbeat")
    for name in ("n2", "n3"):
        stage.duplicate("n1", name, AppendEntries)
        stage.deliver("n1", name, AppendEntries, count=2)
        stage.deliver(name, "n1", Appended, count=2)
    stage.note("both entries are committed; now the old message arrives again")
    for name in ("n2", "n3"):
        stage.deliver("n1", name, AppendEntries)
    stage.drop()
    stage.crash("n1")
    elect(stage, "n2", voters=("n3", "n4", "n5"))
    recover(stage, "n2")


def acknowledged_then_lost(stage: Stage) -> None:
    """Figure 2: n2 and n3 crash while their disks write an entry; the leader may count on it only if it is written."""
    elect(stage, "n1")
    stage.request("c1", "n1", Op("write", "x", "1"))
    for name in ("n2", "n3"):
        stage.crash_before_persist(name)
    stage.settle(("n1", "n2", "n3"))
    stage.drop()
    stage.crash("n1")
    stage.restart("n2")
    stage.restart("n3")
    stage.note("if n1 was told that they have the entry, it was committed; now nobody has it")
    elect(stage, "n2", voters=("n3", "n4"))
    recover(stage, "n2")


@needs(batch_max=1)
def figure_8(stage: Stage) -> None:
    """Figure 8: an entry of an old term on a majority can still be overwritten, so it does not count as committed."""
    elect(stage, "n1")
    stage.note("(a) n1 leads and copies an entry to n2 only")
    write(stage, "c1", "n1", "1", reach=("n2",))
    stage.crash("n1")
    stage.note("(b) n5 is elected with the votes of n3 and n4, and has a different entry at that index")
    stand(stage, "n5", voters=("n3", "n4"))
    stage.drop()  # its first entry, a no-op, takes the part of the entry in the figure
    stage.crash("n5")
    stage.note("(c) n1 is elected again and goes on copying: now its old entry is on n1, n2 and n3")
    stage.restart("n1")
    stand(stage, "n1", voters=("n2", "n3"))
    stage.settle(("n1", "n2"))
    stage.deliver("n1", "n3", AppendEntries)
    stage.deliver("n3", "n1", Rejected)
    stage.deliver("n1", "n3", AppendEntries)
    stage.deliver("n3", "n1", Appended)
    stage.deliver("n1", "n3", AppendEntries)
    stage.deliver("n3", "n1", Appended)
    stage.drop()
    stage.crash("n1")
    stage.note("(d) n5 is elected with the votes of n3 and n4: if the entry had counted, it would be lost")
    stage.restart("n5")
    elect(stage, "n5", voters=("n3", "n4"))
    recover(stage, "n5")

"""Scenarios of the thesis, chapter 4 and 3.10: who the members are, and who leads them."""

from __future__ import annotations

from windtunnel.base.interface import Op
from windtunnel.base.stage import Stage
from windtunnel.base.system import needs
from windtunnel.systems.consensus.raft.scenarios.moves import ask, beat, elect, read, recover, stand, write


def two_servers_at_once(stage: Stage) -> None:
    """Thesis 4.1, figure 4.3: adding two servers at once gives two majorities that do not meet."""
    _three_members(stage)
    stage.note("n1 adds n4 and n5 in one step; n2 and n3 do not hear of it")
    ask(stage, "a3", "n1", _members("n1", "n2", "n3", "n4", "n5"), reach=("n4", "n5"))
    stage.note("two of the old three elect n2")
    elect(stage, "n2", voters=("n3",))
    recover(stage, "n2")


def two_changes_at_once(stage: Stage) -> None:
    """Thesis 4.1: a second change before the first one is committed is the same mistake in two steps."""
    _three_members(stage)
    stage.note("n1 adds n4, then n5; n2 and n3 do not hear of it")
    ask(stage, "a3", "n1", _members("n1", "n2", "n3", "n4"), reach=("n4",))
    ask(stage, "a4", "n1", _members("n1", "n2", "n3", "n4", "n5"), reach=("n4", "n5"))
    stage.note("two of the old three elect n2")
    elect(stage, "n2", voters=("n3",))
    recover(stage, "n2")


def membership_change_2015(stage: Stage) -> None:
    """Ongaro, raft-dev 2015: single-server changes of two leaders may lose a committed entry, unless a no-op comes first."""
    elect(stage, "n1")
    ask(stage, "a1", "n1", _members("n1", "n2", "n3", "n4"))
    for _ in range(2):
        beat(stage, "n1")
    stage.note("four members; n1 adds n5, and only n5 hears of it")
    ask(stage, "a2", "n1", _members("n1", "n2", "n3", "n4", "n5"), reach=("n5",))
    stage.crash("n1")
    stage.note("n2 is elected by the old four, and removes n1 before anything else; only n3 hears of it")
    stand(stage, "n2", voters=("n3", "n4"))
    stage.drop("n2", "n4")
    stage.request("a3", "n2", _members("n2", "n3", "n4"))
    stage.settle(("n2", "n3"))
    stage.drop()
    beat(stage, "n2", reach=("n3",))
    stage.note("n1 comes back, and is elected by n4 and n5 under the members that only it and n5 know")
    stage.restart("n1")
    elect(stage, "n1", voters=("n4", "n5"))
    recover(stage, "n1")


@needs(snapshot_every=8, trailing_max=0)
def snapshot_forgets_members(stage: Stage) -> None:
    """Section 7: the entry that removed n4 and n5 is compacted away; a restarted n3 must still know of it."""
    _three_members(stage)
    for i in range(8):
        write(stage, f"w{i}", "n1", str(i))
    for _ in range(2):
        beat(stage, "n1")
    stage.crash("n3")
    stage.note("without n3, n1 and n2 commit one more entry; n3 comes back and stands")
    write(stage, "c1", "n1", "last")
    stage.crash("n1")
    stage.restart("n3")
    elect(stage, "n3", voters=("n4", "n5"))
    stage.restart("n1")
    elect(stage, "n1", voters=("n2",))
    for _ in range(2):
        beat(stage, "n1")


@needs(snapshot_every=8, trailing_max=2)
def install_snapshot(stage: Stage) -> None:
    """Figure 13: a follower that was away for longer than the log reaches back receives a snapshot, and what follows it."""
    elect(stage, "n1")
    stage.crash("n5")
    for i in range(12):
        write(stage, f"w{i}", "n1", str(i))
    stage.restart("n5")
    for _ in range(3):
        beat(stage, "n1")
    stage.note("n5 can even lead now, and knows the last value")
    elect(stage, "n5")
    read(stage, "c1", "n5")


def leader_transfer(stage: Stage) -> None:
    """Thesis 3.10: n1 hands over to n3, which others elect although they have just heard from n1."""
    elect(stage, "n1")
    write(stage, "c1", "n1", "1")
    ask(stage, "a1", "n1", Op("transfer", value="n3"))
    assert stage.nodes["n3"].leader == "n3", "n3 leads"
    read(stage, "c2", "n3")


def removed_leader(stage: Stage) -> None:
    """Thesis 4.2.2: a leader that removes itself leads until that is committed, and then steps down and stays quiet."""
    elect(stage, "n1")
    ask(stage, "a1", "n1", _members("n2", "n3", "n4", "n5"))
    assert stage.nodes["n1"].leader is None, "n1 has stepped down"
    elect(stage, "n2")
    write(stage, "c1", "n2", "1")
    read(stage, "c2", "n2")


def _members(*names: str) -> Op:
    return Op("reconfigure", value=list(names))


def _three_members(stage: Stage) -> None:
    """n1 leads n2 and n3; n4 and n5 were removed, one after the other."""
    elect(stage, "n1")
    ask(stage, "a1", "n1", _members("n1", "n2", "n3", "n4"))
    ask(stage, "a2", "n1", _members("n1", "n2", "n3"))
    for _ in range(2):
        beat(stage, "n1")

"""Scenarios of section 8 and the thesis, chapter 6: what clients see when leaders come and go."""

from __future__ import annotations

from windtunnel.base.interface import Op, Reply
from windtunnel.base.stage import Stage
from windtunnel.base.system import needs
from windtunnel.systems.consensus.raft.election import TimeoutNow
from windtunnel.systems.consensus.raft.replication import AppendEntries
from windtunnel.systems.consensus.raft.scenarios.moves import PATIENCE_S, ask, beat, elect, read, recover, stand, write
from windtunnel.systems.consensus.raft.snapshots import Appended

OTHERS = ("n2", "n3", "n4", "n5")


# --- Exactly once ---


def duplicate_request(stage: Stage) -> None:
    """Section 8: the reply is lost, the client asks again; the command must not be executed twice."""
    elect(stage, "n1")
    _append_unanswered(stage)
    stage.note("the leader crashes before it can answer; the client repeats its request at the next one")
    stage.crash("n1")
    stand(stage, "n2", voters=("n3", "n4"))
    stage.retry("c1", "n2")
    stage.settle()
    read(stage, "c2", "n2")
    recover(stage, "n2")


@needs(snapshot_every=4, trailing_max=0)
def snapshot_forgets_sessions(stage: Stage) -> None:
    """Thesis 6.3: the entry is compacted away and the server restarts from its snapshot; the duplicate must still be known."""
    elect(stage, "n1")
    _append_unanswered(stage)
    for i in range(4):
        ask(stage, f"w{i}", "n1", Op("write", "y", str(i)))
    stage.crash("n1")
    stage.restart("n1")
    elect(stage, "n1")
    stage.retry("c1", "n1")
    stage.settle()
    read(stage, "c2", "n1")
    recover(stage, "n1")


# --- Reads ---


def stale_leader_read(stage: Stage) -> None:
    """Thesis 6.4: a leader that was cut off does not know that there is a newer one; it must ask a majority before it answers."""
    elect(stage, "n1")
    write(stage, "c1", "n1", "1")
    stage.note("n1 is cut off; n2 is elected and x becomes 2")
    elect(stage, "n2", voters=("n3", "n4", "n5"))
    write(stage, "c2", "n2", "2", reach=OTHERS)
    stage.note("a client still asks n1")
    read(stage, "c3", "n1", reach=())
    beat(stage, "n2")
    recover(stage, "n2")


def new_leader_read(stage: Stage) -> None:
    """Thesis 6.4: a new leader has every committed entry but does not know which are, until one of its own term is."""
    elect(stage, "n1")
    write(stage, "c1", "n1", "1", reach=("n2", "n3"))
    stage.note("x=1 was committed, n1 crashes before n2 hears that; n2 is elected by n4 and n5, which lack the entry")
    stage.crash("n1")
    stand(stage, "n2", voters=("n4", "n5"))
    stage.drop("n2", "n3")
    stage.request("c2", "n2", Op("read", "x"))
    stage.settle(("n2",))
    stage.note("n4 and n5 answer, so n2 does lead; but nothing of its own term is committed yet")
    for name in ("n4", "n5"):
        stage.deliver("n2", name, AppendEntries)  # refused: their logs are behind
        stage.deliver(name, "n2")
        stage.deliver("n2", name, AppendEntries)
        stage.deliver(name, "n2")
    stage.settle()
    recover(stage, "n2")


# --- Leases ---


@needs(read="lease")
def lease_under_drift(stage: Stage) -> None:
    """Thesis 6.4.1: n1's clock is 5 % slow, the others' are 5 % fast, all within the bound; n1's lease must be over first."""
    _leased(stage)
    stage.note("0.143 s pass: 0.150 s on fast clocks, the shortest election timeout, but 0.136 s on the slow one of n1")
    stage.advance("n1", 0.143 * 0.95)
    for name in OTHERS:
        stage.advance(name, 0.143 * 1.05)
    _usurp(stage)


@needs(read="lease")
def lease_and_disloyalty(stage: Stage) -> None:
    """Thesis 6.4.1: n2 has lost touch with n1, but the others have just heard from it; they must not vote for n2."""
    _leased(stage)
    stage.note("only n2 has heard nothing for long")
    stage.advance("n2", PATIENCE_S)
    _usurp(stage)


@needs(read="lease")
def lease_and_restart(stage: Stage) -> None:
    """Thesis 6.4.1: three servers that have answered n1 restart at once; they must not forget that they may owe it loyalty."""
    _leased(stage)
    for name in ("n3", "n4", "n5"):
        stage.crash(name)
        stage.restart(name)
    stage.note("n2 has lost touch with n1 and asks those who have just booted")
    stage.advance("n2", PATIENCE_S)
    _usurp(stage)


@needs(read="lease")
def lease_and_transfer(stage: Stage) -> None:
    """Thesis 3.10: a transfer is given up, but its TimeoutNow still arrives, and asks loyal servers for their votes."""
    _leased(stage)
    stage.request("a1", "n1", Op("transfer", value="n2"))
    stage.settle(("n1", "n3", "n4", "n5"))
    stage.note("n2 does not stand in time; n1 goes on leading, and renews its lease")
    stage.fire("n1", "transfer")
    for _ in range(2):
        stage.fire("n1", "heartbeat")
        stage.settle(("n1", "n3", "n4", "n5"))
    stage.drop("n1", "n2", AppendEntries)
    stage.note("now the message arrives")
    stage.deliver("n1", "n2", TimeoutNow)
    stage.drop("n2", "n1")
    stage.settle(OTHERS)
    _write_elsewhere(stage)


def _append_unanswered(stage: Stage) -> None:
    """n1 commits an append of c1 with the help of n2 and n3, but the reply is lost."""
    stage.request("c1", "n1", Op("append", "x", "+1"))
    stage.deliver("c1", "n1")
    stage.deliver("n1", "n1", Appended)
    for name in ("n2", "n3"):
        stage.deliver("n1", name, AppendEntries)
        stage.deliver(name, "n1", Appended)
    stage.drop("n1", "c1", Reply)
    stage.drop()


def _leased(stage: Stage) -> None:
    """n1 leads, x is 1, and n1 has a fresh lease."""
    elect(stage, "n1")
    write(stage, "c1", "n1", "1")
    beat(stage, "n1")


def _usurp(stage: Stage) -> None:
    """n2 stands and does not reach n1."""
    stage.fire("n2", "election")
    stage.settle(OTHERS)
    _write_elsewhere(stage)


def _write_elsewhere(stage: Stage) -> None:
    """If n2 was elected, x becomes 2 there; then a client asks n1."""
    stage.drop()
    if stage.nodes["n2"].leader == "n2":
        write(stage, "c2", "n2", "2", reach=OTHERS)
    stage.note("a client asks n1, which has heard of nothing")
    read(stage, "c3", "n1", reach=())
    recover(stage, "n2")

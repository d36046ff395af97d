"""Scenarios of section 5.2 and 5.4.1: who may be elected."""

from __future__ import annotations

from windtunnel.base.messages import NodeId
from windtunnel.base.stage import Stage
from windtunnel.systems.consensus.raft.election import PreVote, RequestPreVote, RequestVote, Vote
from windtunnel.systems.consensus.raft.scenarios.moves import PATIENCE_S, elect, recover, write


def split_vote(stage: Stage) -> None:
    """Section 5.2: two candidates of one term ask the same voter; it votes for the first."""
    _two_candidates(stage)
    stage.note("n4 is asked by both: it has one vote")
    for candidate, voter in (("n1", "n3"), ("n1", "n4"), ("n2", "n4"), ("n2", "n5")):
        stage.deliver(candidate, voter, RequestVote)
    for voter, candidate in (("n3", "n1"), ("n4", "n1"), ("n4", "n2"), ("n5", "n2")):
        stage.deliver(voter, candidate, Vote)
    stage.settle()
    recover(stage, "n1")


def vote_lost_in_a_crash(stage: Stage) -> None:
    """Section 5.1: a voter crashes while it writes its vote; after the restart it may vote only if nobody saw the first vote."""
    _two_candidates(stage)
    stage.note("n4 crashes with its vote for n1 not yet on disk, but its new term is")
    stage.crash_before_persist("n4", after=1)
    stage.settle(("n1", "n3"))
    stage.settle(("n1", "n4"))
    stage.restart("n4")
    stage.advance("n4", PATIENCE_S)
    stage.note("back again, it is asked by n2, in the same term")
    stage.settle(("n2", "n4"))
    stage.settle(("n2", "n5"))
    stage.drop()
    recover(stage, "n2")


def outdated_candidate(stage: Stage) -> None:
    """Section 5.4.1: a candidate without a committed entry asks voters of whom one has it."""
    elect(stage, "n1")
    write(stage, "c1", "n1", "1", reach=("n2", "n3"))
    stage.crash("n1")
    stage.note("x=1 is committed; n5 lacks it and stands")
    elect(stage, "n5", voters=("n3", "n4"))
    recover(stage, "n2")


def _two_candidates(stage: Stage) -> None:
    """n1 with the pre-votes of n3 and n4, n2 with those of n4 and n5; their requests for votes are in flight."""
    for name in stage.nodes:
        stage.advance(name, PATIENCE_S)
    stage.note("n1 and n2 time out together; pre-votes bind nobody, so both get enough of them")
    stage.fire("n1", "election")
    stage.fire("n2", "election")
    asked: dict[NodeId, tuple[NodeId, NodeId]] = {"n1": ("n3", "n4"), "n2": ("n4", "n5")}
    for candidate, voters in asked.items():
        for voter in voters:
            stage.deliver(candidate, voter, RequestPreVote)
    for candidate, voters in asked.items():
        for voter in voters:
            stage.deliver(voter, candidate, PreVote)
    stage.drop(kind=RequestPreVote)
    stage.drop("n1", "n2", RequestVote)
    stage.drop("n2", "n1", RequestVote)

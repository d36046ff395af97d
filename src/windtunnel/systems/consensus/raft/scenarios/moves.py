"""The moves that scenarios are made of: elections, writes and ticks in which only some servers can be reached."""

from __future__ import annotations

from collections.abc import Sequence

from windtunnel.base.interface import Op
from windtunnel.base.messages import NodeId
from windtunnel.base.stage import Stage
from windtunnel.systems.consensus.raft.election import PreVote, RequestPreVote, RequestVote, Vote
from windtunnel.systems.consensus.raft.state import CANDIDATE, LEADER

ALL: tuple[NodeId, ...] = ("n1", "n2", "n3", "n4", "n5")
PATIENCE_S = 1.0  # more than any election timeout: whoever waits so long is loyal to nobody


def elect(stage: Stage, node: NodeId, voters: Sequence[NodeId] = ALL) -> None:
    """`node` times out and stands, and reaches only `voters`; what was in flight elsewhere is lost.

    It stands up to twice: a server that comes back with an old term learns the newest one from its first attempt.
    """
    for name in stage.nodes:
        stage.advance(name, PATIENCE_S)
    for _ in range(2):
        if stage.nodes[node].role is not LEADER:
            stage.fire(node, "election")
            stage.settle((node, *voters))
    stage.drop()


def stand(stage: Stage, node: NodeId, voters: Sequence[NodeId]) -> None:
    """`node` is elected by `voters`; what it then sends as a leader stays in flight."""
    for name in stage.nodes:
        stage.advance(name, PATIENCE_S)
    for _ in range(2):
        stage.fire(node, "election")
        for voter in voters:
            stage.deliver(node, voter, RequestPreVote)
            stage.deliver(voter, node, PreVote)
        if stage.nodes[node].role is CANDIDATE:
            break
    for voter in voters:
        stage.deliver(node, voter, RequestVote)
        stage.deliver(voter, node, Vote)
    for kind in (RequestPreVote, RequestVote):
        stage.drop(kind=kind)


def beat(stage: Stage, node: NodeId, reach: Sequence[NodeId] = ALL) -> None:
    """Two ticks of the leader: at the second one it speaks to everybody who has heard nothing since the first."""
    for _ in range(2):
        stage.fire(node, "heartbeat")
        stage.settle((node, *reach))
    stage.drop()


def ask(stage: Stage, session: str, node: NodeId, op: Op, reach: Sequence[NodeId] = ALL) -> None:
    """A client asks `node`, which reaches only `reach`; what was in flight elsewhere is lost."""
    stage.request(session, node, op)
    stage.settle((node, *reach))
    stage.drop()


def write(stage: Stage, session: str, node: NodeId, value: str, reach: Sequence[NodeId] = ALL) -> None:
    """Write `value` to the key x."""
    ask(stage, session, node, Op("write", "x", value), reach)


def read(stage: Stage, session: str, node: NodeId, reach: Sequence[NodeId] = ALL) -> None:
    """Read the key x."""
    ask(stage, session, node, Op("read", "x"), reach)


def recover(stage: Stage, node: NodeId) -> None:
    """The end of a story: everybody is up and reachable, `node` leads or is elected, and a client reads x there."""
    for name in ALL:
        if name not in stage.nodes:
            stage.restart(name)
    if stage.nodes[node].role is LEADER:
        beat(stage, node)
    if stage.nodes[node].role is not LEADER:
        elect(stage, node)
    for _ in range(2):
        beat(stage, node)
    read(stage, "last", node)

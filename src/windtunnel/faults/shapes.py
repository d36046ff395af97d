"""Partitions as sets of directed links: which messages no longer arrive.

The shapes are Jepsen's (`jepsen.nemesis`: halves, majorities-ring, bridge), with one-way loss and isolation beside them. A
node that a shape does not mention keeps all its links.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from windtunnel.base.messages import NodeId
from windtunnel.base.world import Link

Nodes = Sequence[NodeId]


def halves(groups: Sequence[Nodes]) -> list[Link]:
    """Groups that cannot talk to each other; two or more, of any sizes."""
    pairs = [(ours, theirs) for i, ours in enumerate(groups) for j, theirs in enumerate(groups) if i != j]
    return [(a, b) for ours, theirs in pairs for a in ours for b in theirs if a != b]


def majority_ring(order: Nodes) -> list[Link]:
    """Every node hears a majority, and no two nodes hear the same one. `order` is the ring.

    With an even majority the cut is one-sided between the farthest neighbours: one hears, the other does not.
    """
    n = len(order)
    majority = n // 2 + 1
    before, after = (majority - 1) // 2, majority // 2
    cut = []
    for i, node in enumerate(order):
        heard = {(i + step) % n for step in range(-before, after + 1)}
        cut += [(order[j], node) for j in range(n) if j not in heard]
    return cut


def bridge(nodes: Nodes, groups: Sequence[Nodes]) -> list[Link]:
    """Groups that cannot talk to each other, while each of `nodes` talks to everybody."""
    return halves([[node for node in group if node not in nodes] for group in groups])


def one_way(senders: Nodes, receivers: Nodes) -> list[Link]:
    """What `senders` say no longer reaches `receivers`; the other direction works."""
    return [(a, b) for a in senders for b in receivers if a != b]


def isolate(nodes: Nodes, everyone: Nodes) -> list[Link]:
    """`nodes` are cut off from all others, and from each other."""
    apart = list(nodes)
    rest = [node for node in everyone if node not in apart]
    return halves([*([node] for node in apart), rest])


def links(args: Mapping[str, Any], everyone: Nodes) -> list[Link]:
    """The links that a `cut` with these (resolved, valid) arguments cuts, in a fixed order."""
    return SHAPES[args["shape"]][1](args, everyone)


Shape = tuple[tuple[str, ...], Callable[[Mapping[str, Any], Nodes], list[Link]]]

SHAPES: dict[str, Shape] = {
    "halves": (("groups",), lambda args, _: halves(args["groups"])),
    "majority_ring": (("nodes",), lambda args, _: majority_ring(args["nodes"])),
    "bridge": (("nodes", "groups"), lambda args, _: bridge(args["nodes"], args["groups"])),
    "one_way": (("nodes", "to"), lambda args, _: one_way(args["nodes"], args["to"])),
    "isolate": (("nodes",), lambda args, everyone: isolate(args["nodes"], everyone)),
}
"""By name: the arguments that a shape needs, and its links."""

"""Availability of block diagrams: exact, with shared parts and common causes; minimal cut sets; importance.

All arithmetic is on unavailabilities, so that twelve nines keep their digits. Sources: Barlow & Proschan, "Statistical Theory of
Reliability", 1975 (structure functions, factoring); Fleming, "A reliability model for common mode failures", 1974 (the beta
factor); Birnbaum 1969 (importance).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from math import expm1, log, log1p, prod

from windtunnel.quant.diagrams import Block, Gate, Part, parts_of
from windtunnel.quant.errors import QuantError

SHARED_MAX = 16
CUTS_MAX = 1000
GROWN_MAX = 20_000


class TooManyCuts(QuantError):  # noqa: N818 - what there are
    """The minimal cut sets cannot be listed; availability can still be computed."""


def availability(mtbf_s: float, mttr_s: float) -> float:
    """Share of time that a part works: MTBF / (MTBF + MTTR), MTBF being the mean time between repair and failure."""
    return mtbf_s / (mtbf_s + mttr_s)


def series(down: list[float]) -> float:
    """Unavailability of parts that must all work."""
    if any(q >= 1.0 for q in down):
        return 1.0
    return -expm1(sum(log1p(-q) for q in down))


def vote(need: int, down: list[float]) -> float:
    """Unavailability of a gate that needs `need` of its independent branches: the chances of too few, added up."""
    if need == len(down):
        return series(down)
    if need == 1:
        return prod(down)
    working = [1.0] + [0.0] * len(down)  # chance that exactly i of the branches so far work
    for q in down:
        for i in range(len(working) - 1, 0, -1):
            working[i] = working[i] * q + working[i - 1] * (1.0 - q)
        working[0] *= q
    return sum(working[:need])


def unavailability(block: Block, down: Mapping[str, float]) -> float:
    """Exact unavailability. down: of each part. Parts that stand more than once are factored out: every combination of them.

    Raises QuantError for more than 16 such parts.
    """
    shared = [name for name, count in Counter(parts_of(block)).items() if count > 1]
    if len(shared) > SHARED_MAX:
        raise QuantError(f"diagram: expected at most {SHARED_MAX} parts that stand more than once; got {len(shared)}")
    total = 0.0
    for mask in range(1 << len(shared)):
        chance = 1.0
        fixed = dict(down)
        for i, name in enumerate(shared):
            fails = bool(mask >> i & 1)
            chance *= down[name] if fails else 1.0 - down[name]
            fixed[name] = float(fails)
        if chance:
            total += chance * _plain(block, fixed)
    return total


def _plain(block: Block, down: Mapping[str, float]) -> float:
    if isinstance(block, Part):
        return down[block.name]
    return vote(block.need, [_plain(branch, down) for branch in block.branches])


def with_common_causes(block: Block, down: Mapping[str, float], beta: float) -> tuple[Block, dict[str, float]]:
    """The diagram with one more part in series with each redundant gate: what takes all of its branches down at once.

    beta: the share of each unavailability that is common (Fleming's beta factor). The common part has beta times the geometric
    mean of the branches' unavailabilities; what stays independent of a part that is itself a branch is 1 - beta of it.
    """
    chances = dict(down)
    reduced: set[str] = set()

    def walk(node: Block) -> Block:
        if isinstance(node, Part):
            return node
        branches = tuple(walk(branch) for branch in node.branches)
        gate = Gate(node.need, branches)
        if not node.redundant or beta == 0.0:
            return gate
        each = [_plain(branch, down) for branch in node.branches]
        common = beta * (0.0 if 0.0 in each else prod(each) ** (1.0 / len(each)) if prod(each) else _geometric(each))
        for branch in node.branches:
            if isinstance(branch, Part) and branch.name not in reduced:
                reduced.add(branch.name)
                chances[branch.name] = (1.0 - beta) * down[branch.name]
        name = f"common({', '.join(dict.fromkeys(parts_of(node)))})"
        chances[name] = common
        return Gate(2, (gate, Part(name)))

    return walk(block), chances


def _geometric(values: list[float]) -> float:
    """The geometric mean of many small values, whose product underflows."""
    return float(2.718281828459045 ** (sum(log(value) for value in values) / len(values)))


def cut_sets(block: Block) -> list[frozenset[str]]:
    """The minimal sets of parts whose failure brings the whole down, small ones first. Raises TooManyCuts beyond 1000."""
    found = _minimal(_cuts(block))
    return sorted(found, key=lambda cut: (len(cut), sorted(cut)))


def _cuts(block: Block) -> list[frozenset[str]]:
    if isinstance(block, Part):
        return [frozenset((block.name,))]
    below = [_cuts(branch) for branch in block.branches]
    # A gate fails when n - need + 1 branches fail: products over every choice of so many, built up branch by branch.
    fails = len(below) - block.need + 1
    sets: list[list[frozenset[str]]] = [[frozenset()], *([] for _ in range(fails))]
    for cuts in below:
        for count in range(fails, 0, -1):
            if len(sets[count - 1]) * len(cuts) > GROWN_MAX:
                raise TooManyCuts(f"diagram: it has more than {CUTS_MAX} minimal cut sets; ask for a part of it")
            grown = [old | cut for old in sets[count - 1] for cut in cuts]
            sets[count] = _minimal(sets[count] + grown)
            if len(sets[count]) > CUTS_MAX:
                raise TooManyCuts(f"diagram: it has more than {CUTS_MAX} minimal cut sets; ask for a part of it")
    return sets[fails]


def _minimal(cuts: list[frozenset[str]]) -> list[frozenset[str]]:
    kept: list[frozenset[str]] = []
    sizes = {len(cut) for cut in cuts}
    if len(sizes) <= 1:
        return list(dict.fromkeys(cuts))
    for cut in sorted(set(cuts), key=lambda c: (len(c), sorted(c))):
        if not any(small <= cut for small in kept):
            kept.append(cut)
    return kept


def importance(block: Block, down: Mapping[str, float]) -> dict[str, float]:
    """Criticality of each part: the share of the downtime that would be gone if that part never failed."""
    total = unavailability(block, down)
    if total == 0.0:
        return dict.fromkeys(dict.fromkeys(parts_of(block)), 0.0)
    return {name: 1.0 - unavailability(block, {**down, name: 0.0}) / total for name in dict.fromkeys(parts_of(block))}


def works(block: Block, failed: frozenset[str] | set[str]) -> bool:
    """Whether the whole works while `failed` do not: the structure function, for enumeration."""
    if isinstance(block, Part):
        return block.name not in failed
    return sum(works(branch, failed) for branch in block.branches) >= block.need

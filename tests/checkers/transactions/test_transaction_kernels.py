import numpy as np
import pytest

from windtunnel.base.streams import Stream
from windtunnel.checkers.transactions import pure_kernels
from windtunnel.checkers.transactions.polygraph import Choice, solve

KERNELS = [pure_kernels]
try:
    from windtunnel.checkers.transactions import _kernels

    KERNELS.append(_kernels)
except ImportError:
    pass


def random_graph(stream, nodes=9, edges=20):
    count = 1 + stream.below(nodes)
    many = stream.below(edges)
    ends = [np.array([stream.below(count) for _ in range(many)], np.int32) for _ in range(2)]
    return count, *ends


def closure(count, source, target):
    found = np.eye(count, dtype=bool)
    found[source, target] = True
    for middle in range(count):
        found |= found[:, [middle]] & found[[middle], :]
    return found


@pytest.mark.parametrize("kernel", KERNELS, ids=lambda kernel: kernel.__name__.rsplit(".", 1)[-1])
def test_graph_algorithms_against_the_closure(kernel):
    """Components are mutual reachability, in topological order; paths are found, and lightest; what is reached is reachable."""
    for seed in range(400):
        stream = Stream(seed, "graph")
        count, source, target = random_graph(stream)
        reach = closure(count, source, target)
        label, components = kernel.strong(count, source, target)
        assert ((label[:, None] == label[None, :]) == (reach & reach.T)).all()
        assert (label[source] <= label[target]).all()
        assert sorted(set(label.tolist())) == list(range(components))
        starts, order = kernel.successors(count, source, target)
        weight = np.array([stream.below(2) for _ in range(count)], np.uint8)
        begin, goal = stream.below(count), stream.below(count)
        goals = np.zeros(count, np.uint8)
        goals[goal] = 1
        path, _ = kernel.path_to(starts, order, source, target, weight, np.array([begin], np.int32), goals, 10**9)
        assert (path is not None) == reach[begin, goal]
        if path is not None:
            ends = [begin, *target[path].tolist()]
            assert ends[:-1] == source[path].tolist()
            assert ends[-1] == goal
            assert sum(int(weight[v]) for v in ends[1:]) == lightest(count, source, target, weight, begin, goal)
        asked = np.array([stream.below(count) for _ in range(70)], np.int32)
        goal_of = np.array([stream.below(count) for _ in range(70)], np.int32)
        found = kernel.reaching(label, components, source, target, np.arange(70, dtype=np.int32), asked, goal_of)
        assert (found == reach[asked, goal_of]).all()


def lightest(count, source, target, weight, begin, goal):
    far = [10**6] * count
    far[begin] = 0
    for _ in range(count):
        for a, b in zip(source.tolist(), target.tolist(), strict=True):
            far[b] = min(far[b], far[a] + int(weight[b]))
    return far[goal]


@pytest.mark.parametrize("kernel", KERNELS, ids=lambda kernel: kernel.__name__.rsplit(".", 1)[-1])
def test_a_search_that_is_too_long_is_given_up(kernel):
    """More than `limit` edges are not looked at."""
    source, target = np.arange(50, dtype=np.int32), np.arange(1, 51, dtype=np.int32)
    starts, order = kernel.successors(51, source, target)
    goals = np.zeros(51, np.uint8)
    goals[50] = 1
    weight = np.ones(51, np.uint8)
    assert kernel.path_to(starts, order, source, target, weight, np.zeros(1, np.int32), goals, 10)[0] is None
    assert len(kernel.path_to(starts, order, source, target, weight, np.zeros(1, np.int32), goals, 100)[0]) == 50


@pytest.mark.parametrize("kernel", KERNELS, ids=lambda kernel: kernel.__name__.rsplit(".", 1)[-1])
def test_stretches_that_differ(kernel, monkeypatch):
    """Stretches are compared element by element, empty ones never differ; in chunks as at once."""
    monkeypatch.setattr(pure_kernels, "_CHUNK", 4)
    elements, order = np.array([1, 2, 3, 1, 9, 3, 1], np.int64), np.array([1, 2, 3, 4], np.int64)
    begins, sizes, expected = (np.array(column, np.int64) for column in ([0, 3, 6, 2, 5], [3, 3, 1, 1, 0], [0, 0, 0, 2, 0]))
    assert kernel.differing(elements, begins, sizes, order, expected).tolist() == [1]
    none = np.zeros(0, np.int64)
    assert kernel.differing(elements, none, none, order, none).tolist() == []


def test_open_choices_against_all_of_them():
    """A polygraph is solved exactly if one of all combinations of its choices has no cycle."""
    solved = 0
    for seed in range(600):
        stream = Stream(seed, "polygraph")
        count = 3 + stream.below(6)
        place = list(range(count))
        stream.shuffle(place)
        known = []
        for _ in range(stream.below(8)):
            a, b = stream.below(count), stream.below(count)
            if place[a] < place[b]:
                known.append((a, b))
        choices = []
        for _ in range(1 + stream.below(6)):
            sides = tuple(
                tuple(
                    (a, b) for a, b in ((stream.below(count), stream.below(count)) for _ in range(1 + stream.below(2))) if a != b
                )
                for _ in range(2)
            )
            if all(sides):
                choices.append(Choice(*sides))
        source, target = (np.array([edge[side] for edge in known], np.int32) for side in (0, 1))
        expected = any(
            acyclic(count, [*known, *(e for n, c in enumerate(choices) for e in (c.one if bits >> n & 1 else c.other))])
            for bits in range(2 ** len(choices))
        )
        outcome = solve(count, source, target, choices)
        assert outcome.solved is expected, seed
        solved += expected
    assert 100 < solved < 560


def acyclic(count, edges):
    left = set(range(count))
    while left:
        free = {v for v in left if not any(b == v and a in left for a, b in edges)}
        if not free:
            return False
        left -= free
    return True


def test_a_polygraph_that_is_too_large_or_slow_stays_open(monkeypatch):
    """Limits of size and time are answered with unknown and the reason."""
    from windtunnel.checkers.transactions import polygraph

    choices = [Choice(((0, 1),), ((1, 0),)), Choice(((1, 2),), ((2, 1),)), Choice(((2, 0),), ((0, 2),))]
    none = np.zeros(0, np.int32)
    assert solve(3, none, none, choices).solved is True
    monkeypatch.setattr(polygraph, "NODES_MAX", 2)
    large = solve(3, none, none, choices)
    assert large.solved is None
    assert "at most 2 are searched" in large.why
    monkeypatch.undo()
    late = solve(3, none, none, choices, budget_s=-1.0)
    assert late.solved is None
    assert "budget" in late.why

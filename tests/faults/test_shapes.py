import pytest

from windtunnel.faults.shapes import bridge, halves, isolate, majority_ring, one_way

NODES = ["n1", "n2", "n3", "n4", "n5"]


def heard(cut, nodes=NODES):
    """For each node, whom it still hears, itself included."""
    return {node: {other for other in nodes if (other, node) not in set(cut)} for node in nodes}


def test_halves_hear_their_own_side():
    """Both directions between the groups are cut, nothing within."""
    view = heard(halves([["n1", "n2"], ["n3", "n4", "n5"]]))
    assert view["n1"] == view["n2"] == {"n1", "n2"}
    assert view["n3"] == view["n5"] == {"n3", "n4", "n5"}


@pytest.mark.parametrize("count", range(3, 10))
def test_majority_ring(count):
    """Everybody hears exactly a majority and no two nodes hear the same one."""
    nodes = [f"n{i}" for i in range(count)]
    view = heard(majority_ring(nodes), nodes)
    assert all(len(ears) == count // 2 + 1 and node in ears for node, ears in view.items())
    assert len({frozenset(ears) for ears in view.values()}) == count


def test_a_bridge_hears_both_sides():
    """Only the bridge talks across."""
    view = heard(bridge(["n3"], [["n1", "n2"], ["n4", "n5"]]))
    assert view["n3"] == set(NODES)
    assert view["n1"] == {"n1", "n2", "n3"}
    assert view["n5"] == {"n3", "n4", "n5"}


def test_one_way_cuts_one_direction():
    """n1 is not heard, but hears."""
    view = heard(one_way(["n1"], NODES[1:]))
    assert view["n1"] == set(NODES)
    assert all("n1" not in view[node] for node in NODES[1:])


def test_isolated_nodes_are_alone():
    """Two isolated nodes do not hear each other either."""
    view = heard(isolate(["n1", "n2"], NODES))
    assert view["n1"] == {"n1"}
    assert view["n2"] == {"n2"}
    assert view["n3"] == {"n3", "n4", "n5"}


def test_no_link_is_cut_twice():
    """A set of links, in a fixed order."""
    for cut in (halves([["n1"], ["n2", "n3"], ["n4"]]), majority_ring(NODES), isolate(["n1", "n2"], NODES)):
        assert len(cut) == len(set(cut))
        assert all(a != b for a, b in cut)

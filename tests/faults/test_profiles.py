from collections import Counter

import pytest

from windtunnel.base.errors import UsageError
from windtunnel.base.streams import Stream
from windtunnel.faults import COMBINATIONS, PROFILES, Nemesis, draw, intensities
from windtunnel.faults.plan import LEADER
from windtunnel.faults.profiles import LINKED_NODES_MAX, QUIET_PART

NODES = ("n1", "n2", "n3", "n4", "n5")


def drawn(*names, seed=1, nodes=NODES, for_s=60.0, **options):
    return draw(names, nodes, for_s, Stream(seed, "faults"), **options)


@pytest.mark.parametrize("name", [*PROFILES, *COMBINATIONS])
@pytest.mark.parametrize("for_s", [1.0, 10.0, 60.0])
def test_every_fault_ends_in_time(name, for_s):
    """The last fifth of a run is quiet, whatever was drawn: 100 seeds."""
    for seed in range(100):
        plan = drawn(name, seed=seed, for_s=for_s, leader_known=True)
        assert plan.end_s <= (1 - QUIET_PART) * for_s + 1e-9


@pytest.mark.parametrize("count", [1, 2, 3, 4, 5, 7])
def test_drawn_plans_are_valid_for_clusters_of_every_size(count):
    """They name existing nodes only and are what the validator accepts."""
    nodes = tuple(f"n{i}" for i in range(1, count + 1))
    for seed in range(50):
        plan = drawn("hostile", seed=seed, nodes=nodes, leader_known=seed % 2 == 0)
        plan.check(nodes)
        assert type(plan).from_rows(plan.to_rows()) == plan


def test_a_minute_of_everything_holds_every_kind():
    """`all` draws each kind at least once in 20 minutes, and `hostile` about twice as much."""
    plan, storm = drawn("all", for_s=1200.0), drawn("hostile", for_s=1200.0)
    assert set(plan.kinds) == set(PROFILES)
    assert len(storm.faults) > 1.2 * len(plan.faults)


@pytest.mark.parametrize("kind", PROFILES)
@pytest.mark.parametrize("for_s", [0.5, 2.0, 10.0])
def test_who_asks_for_a_kind_gets_it(kind, for_s):
    """However short the run is, and whatever the seed."""
    assert all(kind in drawn(kind, seed=seed, for_s=for_s).kinds for seed in range(50))


def test_the_same_draw_gives_the_same_plan():
    """A plan is a function of the stream."""
    assert drawn("all", seed=4) == drawn("all", seed=4)
    assert drawn("all", seed=4) != drawn("all", seed=5)


def test_another_profile_does_not_move_the_faults_of_the_first():
    """Each kind has its own stream: adding clocks leaves the crashes where they were."""
    crashes = drawn("crash").faults
    both = drawn("crash", "clock").faults
    assert tuple(fault for fault in both if fault.verb == "crash") == crashes
    assert len(both) > len(crashes)


def test_one_draw_from_the_stream_given():
    """Whatever is asked for, so that what is drawn after the plan stays."""
    a, b = Stream(1, "x"), Stream(1, "x")
    draw(["crash"], NODES, 60.0, a)
    draw(["hostile"], NODES, 6.0, b)
    assert a.random() == b.random()


def test_leader_is_named_only_where_it_means_something():
    """Systems without leaders get nodes; systems with leaders often get the leader."""
    names = Counter(n for f in drawn("hostile", for_s=600.0).faults for n in f.args.get("nodes", ()))
    assert LEADER not in names
    names = Counter(n for f in drawn("hostile", for_s=600.0, leader_known=True).faults for n in f.args.get("nodes", ()))
    assert names[LEADER] > 20


def test_a_majority_crashes_at_times_and_comes_back():
    """Disks survive, so a crash of a majority or of all is drawn now and then; every one has an end."""
    sizes = Counter()
    for fault in drawn("crash", for_s=2000.0).faults:
        assert fault.until_s is not None
        sizes[len(fault.args["nodes"]) if fault.args["nodes"] != ["all"] else 5] += 1
    assert sizes[3] > 0
    assert sizes[5] > 0
    assert sizes[1] > sizes[3] + sizes[5]


def test_huge_clusters_lose_single_nodes_only():
    """Halving ten thousand nodes would cut fifty million links."""
    nodes = tuple(f"n{i}" for i in range(LINKED_NODES_MAX + 1))
    for fault in drawn("partition", nodes=nodes, for_s=600.0).faults:
        assert fault.args["shape"] == "isolate"
        assert len(fault.args["nodes"]) == 1


def test_intensities():
    """A factor multiplies; a kind named twice has the larger one; `all` keeps to what the system admits."""
    assert intensities(["crash"]) == {"crash": 1.0}
    assert intensities(["crash:2.5", "crash"]) == {"crash": 2.5}
    assert intensities(["hostile", "crash:5"])["crash"] == 5.0
    assert intensities(["all"], ["loss", "crash"]) == {"crash": 1.0, "loss": 1.0}
    assert intensities([]) == {}
    few, many = drawn("crash", for_s=600.0), drawn("crash:4", for_s=600.0)
    assert len(many.faults) > 1.5 * len(few.faults)


@pytest.mark.parametrize(
    ("names", "admitted", "says"),
    [
        (["crush"], None, "did you mean crash"),
        (["partition", "x"], None, "known: partition, crash"),
        (["crash:0"], None, "above 0"),
        (["crash:x"], None, "crash:2"),
        (["crash:1e9"], None, "at most 100"),
        (["clock"], ["crash"], "it admits: crash"),
    ],
)
def test_unknown_profiles_are_refused(names, admitted, says):
    """With what exists, or what the system admits."""
    with pytest.raises(UsageError, match=says):
        intensities(names, admitted)


def test_a_bad_record_is_found_at_a_restart_and_repaired_later():
    """Corruption comes with a crash of the same node that ends while the disk is still bad."""
    plan = drawn("disk", for_s=600.0)
    corrupt = [fault for fault in plan.faults if fault.args.get("mode") == "corrupt"]
    assert corrupt
    for fault in corrupt:
        crash = next(f for f in plan.faults if f.verb == "crash" and f.at_s == fault.at_s)
        assert crash.args["nodes"] == fault.args["nodes"]
        assert fault.at_s < crash.until_s < fault.until_s


class _Fake:
    """A world that remembers what is wrong with it."""

    def __init__(self):
        self.nodes = NODES
        self.cuts = set()
        self.down = set()
        self.paused = set()
        self.drift = dict.fromkeys(NODES, 0.0)
        self.disks = dict.fromkeys(NODES, "ok")
        self.air = (0.0, 0.0, 0.0)

    def leader(self):
        return "n2"

    def running(self, node):
        return node not in self.down

    def cut(self, links, *, hold=False):
        self.cuts |= set(links)

    def heal(self):
        self.cuts.clear()

    def crash(self, node):
        self.down.add(node)

    def restart(self, node):
        self.down.discard(node)

    def pause(self, node):
        self.paused.add(node)

    def resume(self, node):
        self.paused.discard(node)

    def skew(self, node, *, offset_s=0.0, drift=0.0):
        self.drift[node] = drift

    def disk(self, node, mode, *, sync_s=0.0):
        self.disks[node] = mode

    def weather(self, *, drop=0.0, duplicate=0.0, slow_s=0.0):
        self.air = (drop, duplicate, slow_s)


@pytest.mark.parametrize("seed", range(40))
def test_after_the_plan_the_world_is_well(seed):
    """Whatever overlapped with whatever: links, nodes, clocks, disks and weather are as before."""
    world = _Fake()
    plan = drawn("hostile:3", seed=seed, leader_known=True)
    nemesis = Nemesis(world, plan)
    hurt = False
    for step in plan.steps():
        nemesis.act(step)
        hurt = hurt or bool(world.cuts or world.down)
    assert hurt
    assert not world.cuts
    assert not world.down
    assert not world.paused
    assert set(world.drift.values()) == {0.0}
    assert set(world.disks.values()) == {"ok"}
    assert world.air == (0.0, 0.0, 0.0)
    assert len(nemesis.rows) == len(plan.faults)

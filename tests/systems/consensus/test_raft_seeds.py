"""Raft in the simulator: faults of every kind, changes of members, other options; the same seed is the same run."""

import pytest

from windtunnel.base.interface import Op, Request
from windtunnel.checkers import check
from windtunnel.faults import Nemesis, draw
from windtunnel.histories import Recorder
from windtunnel.scenarios import Scenario, run
from windtunnel.sim.world import SimWorld
from windtunnel.systems.consensus.raft import SYSTEM
from windtunnel.systems.consensus.raft.state import Options
from windtunnel.traffic import Client, Open, workload

STEADY_CLOCKS = ("partition", "crash", "pause", "loss", "duplicate", "slow", "disk")


class Administrator:
    """Asks every node, again and again, to add or remove one server or to hand over leadership."""

    def __init__(self, out, nodes, stream, gap_s):
        self.out, self.nodes, self.stream, self.gap_s = out, nodes, stream, gap_s
        self.members = list(nodes)
        self.asked = 0
        self.changes = 0
        self.active = True

    def on_start(self):
        self.out.set_timer("next", self.gap_s)

    def on_timer(self, name):
        if not self.active:
            return
        self.asked += 1
        node = self.stream.choice(self.nodes)
        if self.stream.chance(0.3):
            op = Op("transfer", value=node)
        else:
            wished = [n for n in self.nodes if (n in self.members) != (n == node)]
            op = Op("reconfigure", value=wished or list(self.nodes[:1]))
        for target in self.nodes:
            self.out.send(target, Request(f"admin{self.asked}", 1, op))
        self.out.set_timer(name, self.gap_s)

    def on_message(self, src, reply):
        if reply.status == "ok" and isinstance(reply.value, list):
            self.members = reply.value
            self.changes += 1
        elif reply.status == "fail" and "the members are" in reply.value:
            self.members = reply.value.rsplit("the members are ", 1)[1].split(", ")


def storm(seed, *, faults, for_s=6.0, change_every_s=0.0, drift=0.0, **options):
    """A run with faults and perhaps an administrator, judged; returns the world and the number of changes of members."""
    world = SimWorld(SYSTEM, seed=seed, options=Options(**options))
    nemesis = Nemesis(world, plan := draw(faults, world.nodes, for_s, world.kernel.stream("faults"), leader_known=True))
    for step in plan.steps():
        world.at(step.at_s, nemesis.act, step)
    world.boot()
    for i, node in enumerate(world.nodes):  # half of the clocks fast, half slow, all of them all the time
        if drift:
            world.skew(node, drift=drift if (i + seed) % 2 else -drift)
    recorder, kv = Recorder(lambda: world.now), workload("kv", keys=8)
    stream = world.kernel.stream

    def client(name):
        return world.add_client(name, lambda out: Client(name, world.nodes, out, recorder, kv, stream(name), Open(10.0)))

    clients = [client(f"c{i}") for i in range(1, 5)]
    boss = None
    if change_every_s:
        boss = world.add_client("boss", lambda out: Administrator(out, world.nodes, stream("boss"), change_every_s))
    world.run(for_s)
    for c in clients:
        c.stop()
    if boss is not None:
        boss.active = False
    while world.now < for_s + 15.0 and world.violation is None and world.failure is None:
        if all(c.idle for c in clients) and all(p.holds(world.cores) for p in SYSTEM.eventually):
            break
        world.run(world.now + 0.1)
    else:
        pytest.fail(f"seed {seed}: {world.violation or world.failure or 'no one leader and equal logs'}")
    verdict = check(recorder.history(), "kv", budget_s=20)
    assert verdict.valid, f"seed {seed}: {verdict.why}"
    return world, boss.changes if boss is not None else 0


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(10, 16))
def test_linearizable_and_live_under_every_kind_of_fault(seed):
    """Figure 3 after every event, the history afterwards, and one leader with equal logs in the end."""
    judged = run(Scenario(system="raft", seed=seed, for_s=10, faults=("all",), rate_per_s=60))
    assert judged.verdict == "valid", judged.results["why"]
    assert judged.results["ops"]["ok"] > 100


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(4))
def test_members_and_leaders_may_change_all_the_time(seed):
    """Single-server changes and transfers, twice a second, under faults; with snapshots so small that all travel by them."""
    world, _ = storm(seed, faults=("all",), change_every_s=0.5, snapshot_every=20, trailing_max=5)
    assert "a_snapshot_is_installed" in world.seen()


def test_members_do_change_in_fair_weather():
    """The storm above must not pass because nothing happens in it."""
    _, changes = storm(1, faults=(), change_every_s=0.2)
    assert changes > 5


@pytest.mark.slow
@pytest.mark.parametrize(
    "options",
    [
        {"read": "lease"},
        {"read": "log"},
        {"pre_vote": False},
        {"in_flight_max": 4, "batch_max": 3},
        {"snapshot_every": 10, "trailing_max": 0, "batch_max": 1},
    ],
    ids=lambda options: ",".join(f"{k}={v}" for k, v in options.items()),
)
def test_every_option_keeps_the_promise(options):
    """Leases need steady clocks; the rest of the faults are for all."""
    for seed in (1, 2):
        storm(seed, faults=STEADY_CLOCKS, **options)


@pytest.mark.slow
def test_leases_hold_while_clocks_drift_within_the_bound():
    """6.4.1: leaders on slow clocks, followers on fast ones, under partitions, pauses and crashes."""
    for seed in range(4):
        storm(seed, faults=("partition:2", "pause", "crash"), drift=Options().clock_drift_max, read="lease")


def test_a_cluster_of_any_size_works():
    """One server, an even number, seven."""
    for size in (1, 2, 4, 7):
        judged = run(Scenario(system="raft", seed=3, size=size, for_s=2, settle_s=5, rate_per_s=40))
        assert judged.verdict == "valid", (size, judged.results["why"])


def test_the_same_seed_is_the_same_run():
    """Determinism is a contract; another seed is another run."""
    fingerprints = [
        run(Scenario(system="raft", seed=seed, for_s=3, faults=("all",))).results["fingerprint"] for seed in (5, 5, 6)
    ]
    assert fingerprints[0] == fingerprints[1] != fingerprints[2]


def test_seeds_alone_find_some_of_the_missing_rules():
    """Directed scenarios are for the rest; a campaign that finds none of these would be blind."""
    for rule in ("candidate_up_to_date", "deduplicate_requests"):
        broken = None
        for seed in range(40):
            judged = run(Scenario(system="raft", seed=seed, for_s=6, faults=("crash:2", "partition:2", "loss"), without=(rule,)))
            if judged.verdict == "invalid":
                broken = judged.broken
                break
        assert broken is not None, rule
        assert broken in next(r.breaks for r in SYSTEM.rules() if r.name == rule)

"""The order saga: done by all services or by none, wherever the orchestrator or a service dies."""

import pytest

from windtunnel.base.errors import UsageError
from windtunnel.base.interface import Op, Reply, Request
from windtunnel.scenarios import Scenario, run
from windtunnel.sim.world import SimWorld
from windtunnel.systems.saga.order_saga import NAMES, SYSTEM, all_or_nothing
from windtunnel.systems.saga.services import Do, Options

GOOD = {"order": 1, "customer": "a", "amount": 5}
UNDELIVERABLE = {"order": 10, "customer": "a", "amount": 5}
TOO_DEAR = {"order": 2, "customer": "a", "amount": 501}


class Patient:
    """A client that asks until it is answered, always with the same sequence number."""

    def __init__(self, out, *ops):
        self.out, self.ops, self.replies = out, ops, []

    def on_start(self):
        """Ask."""
        self.on_timer("again")

    def on_timer(self, name):
        """Ask again."""
        if len(self.replies) < len(self.ops):
            at = len(self.replies)
            self.out.send("orchestrator", Request("c", at + 1, self.ops[at]))
            self.out.set_timer("again", 0.5)

    def on_message(self, src, message):
        """Take the answer to the open question."""
        assert isinstance(message, Reply)
        if message.seq == len(self.replies) + 1:
            self.replies.append((message.status, message.value))
            self.on_timer("again")


WORLDS = []


@pytest.fixture(autouse=True)
def _no_world_outlives_its_test():
    """Procedures that still wait are given up at the end of each test."""
    yield
    while WORLDS:
        WORLDS.pop().close()


def playing(*ops, **options):
    """A world with one patient client that asks these operations one after the other."""
    world = SimWorld(SYSTEM, seed=1, options=Options(**options))
    WORLDS.append(world)
    world.boot()
    return world, world.add_client("c", lambda out: Patient(out, *ops))


def ended(world, client):
    """Run until the client has its answers and the saga is over."""
    for _ in range(200):
        world.run(world.now + 0.1)
        assert world.violation is None, world.violation
        assert world.failure is None, world.failure
        if len(client.replies) == len(client.ops) and all_or_nothing(world.cores):
            return
    raise AssertionError("no end in sight")


def order(value):
    """An order."""
    return Op("order", None, value)


# --- What clients see ---


def test_a_good_order_is_completed_by_all_services():
    """One unit sold, five moved, one parcel."""
    world, client = playing(order(GOOD), Op("balances"))
    ended(world, client)
    assert client.replies[0] == ("ok", "completed")
    assert client.replies[1][1] == {"stock": 9999, "sold": 1, "a": 495, "b": 500, "c": 500, "d": 500, "e": 500, "shop": 5}
    assert [world.cores[name].counts for name in NAMES[1:]] == [{"c/1": 1}] * 3


@pytest.mark.parametrize("value", [UNDELIVERABLE, TOO_DEAR])
def test_an_order_that_cannot_be_finished_leaves_no_trace(value):
    """Refused at the last step or in the middle, everything is as before."""
    world, client = playing(order(value), Op("balances"))
    ended(world, client)
    assert client.replies[0] == ("ok", "cancelled")
    assert client.replies[1][1] == {"stock": 10_000, "sold": 0, **dict.fromkeys("abcde", 500), "shop": 0}


def test_an_empty_shelf_cancels():
    """The second order finds no stock."""
    world, client = playing(order(GOOD), order({**GOOD, "order": 3}), stock=1)
    ended(world, client)
    assert [value for _, value in client.replies] == ["completed", "cancelled"]


@pytest.mark.parametrize(
    "value", [None, {"order": 1}, {"order": 1, "customer": "a", "amount": -5}, {"order": "1", "customer": 2}]
)
def test_nonsense_is_refused_for_certain(value):
    """A malformed order fails, and so does an operation that does not exist."""
    world, client = playing(order(value), Op("refund"))
    ended(world, client)
    assert [status for status, _ in client.replies] == ["fail", "fail"]


def test_a_service_sends_clients_to_the_orchestrator():
    """It answers with a redirect."""
    world, client = playing()
    world.kernel.port("c").send("payment", Request("c", 1, order(GOOD)))
    world.run(1.0)
    assert client.replies == [("redirect", None)]


def test_the_cluster_has_four_nodes():
    """Another size is refused, and the message lists them."""
    with pytest.raises(UsageError, match="orchestrator, inventory, payment, shipping; got 5"):
        SYSTEM.nodes(5)


# --- A crash at every step ---


def slow(world):
    """Every sync takes up to 20 ms, so that a crash finds records that are not durable."""
    for name in NAMES:
        world.disk(name, "slow", sync_s=0.02)
    return world


def steps_of(value):
    """The number of events from the boot to the answer, without faults."""
    world, client = playing(order(value))
    slow(world)
    steps = 0
    while not client.replies:
        world.kernel.run(world.now + 10, 1)
        steps += 1
    return steps


@pytest.mark.slow
@pytest.mark.parametrize("victim", NAMES)
@pytest.mark.parametrize(("value", "without_crash"), [(GOOD, "completed"), (UNDELIVERABLE, "cancelled")])
def test_a_crash_at_every_step(victim, value, without_crash):
    """The node dies after each single event in turn and comes back: the client is told what is true at all services."""
    steps = steps_of(value)
    assert steps > 30
    outcomes = []
    for at in range(1, steps + 1):
        world, client = playing(order(value))
        slow(world).kernel.run(world.now + 10, at)
        world.crash(victim)
        world.at(world.now + 0.1, world.restart, victim)
        ended(world, client)
        ((status, outcome),) = client.replies
        assert status == "ok"
        outcomes.append(outcome)
        assert {world.cores[name].counts.get("c/1", 0) for name in NAMES[1:]} == {int(outcome == "completed")}
    assert without_crash in outcomes
    if victim == "orchestrator":
        assert "cancelled" in outcomes


def test_an_unfinished_saga_is_compensated_even_if_nobody_asks_again():
    """Backward recovery works from the log alone."""
    world, client = playing(order(GOOD))
    world.kernel.run(world.now + 10, 4)
    while not world.cores["payment"].counts:
        world.kernel.run(world.now + 10, 1)
    world.crash("orchestrator")
    client.ops = ()
    world.run(world.now + 1.0)
    assert not all_or_nothing(world.cores)
    world.restart("orchestrator")
    ended(world, client)
    assert world.cores["orchestrator"].outcomes == {"c/1": "cancelled"}
    assert world.cores["payment"].counts == {"c/1": 0}


def test_a_late_step_is_refused_after_its_compensation():
    """Once undone a saga stays undone, although its first message arrives after that."""
    world, client = playing(order(UNDELIVERABLE))
    ended(world, client)
    world.kernel.port("orchestrator").send("payment", Do("c/1", 10, "a", 5))
    world.run(world.now + 1.0)
    assert world.cores["payment"].counts == {"c/1": 0}


# --- Seeds and ablations ---


HELD = ({"at_s": 1.0, "until_s": 3.0, "verb": "cut", "args": {"shape": "isolate", "nodes": ["inventory"], "hold": True}},)
"""What TCP does to a short cut: steps and compensations of two seconds arrive together, in any order."""


def hostile(seed, *without):
    """The results of a run under every kind of fault; or under the one that lets a compensation overtake its step."""
    scenario = Scenario(system="order-saga", seed=seed, for_s=15, faults=("all",), without=without, think_s=0.1)
    return run(scenario.with_changes(faults=(), plan=HELD) if "tombstones" in without else scenario).results


@pytest.mark.slow
def test_safe_under_all_faults():
    """Six hostile runs hold everything, and between them reach every situation."""
    runs = [hostile(seed) for seed in range(6)]
    assert [results["verdict"] for results in runs] == ["valid"] * 6
    assert {row["name"] for results in runs for row in results["properties"] if row["status"] == "seen"} == {
        prop.name for prop in SYSTEM.sometimes
    }


def test_safe_when_messages_are_held_back():
    """With tombstones the order in which steps and compensations arrive does not matter."""
    scenario = Scenario(system="order-saga", seed=1, for_s=15, think_s=0.1, plan=HELD)
    assert run(scenario).results["verdict"] == "valid"


@pytest.mark.slow
@pytest.mark.parametrize("rule", SYSTEM.rules(), ids=lambda rule: rule.name)
def test_a_missing_rule_breaks_what_it_names(rule):
    """Within ten hostile seeds."""
    assert rule.by == "seeds"
    found = (hostile(seed, rule.name) for seed in range(10))
    broken = next(results["violation"]["property"] for results in found if results["verdict"] == "invalid")
    assert broken in rule.breaks

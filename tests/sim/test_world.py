"""The simulated world: what a nemesis does to nodes, and what becomes a finding."""

from dataclasses import dataclass

import pytest

from windtunnel.base.interface import Op, Reply, Request
from windtunnel.base.messages import Message
from windtunnel.base.properties import always, sometimes
from windtunnel.base.system import System
from windtunnel.sim.world import SimWorld


class Written(Message, frozen=True):
    """A durable record: the value was written."""

    value: int


@dataclass(frozen=True)
class Rules:
    pass


@dataclass(frozen=True)
class Options:
    raise_at: int = 0


class Register:
    """One node that keeps a number: persists it, then answers."""

    def __init__(self, setup):
        self.out = setup.out
        self.options = setup.options
        self.value = setup.records[-1].value if setup.records else 0
        self.ticks = 0

    def on_start(self):
        self.out.set_timer("tick", 0.1)

    def on_timer(self, name):
        self.ticks += 1
        self.out.set_timer("tick", 0.1)

    def on_message(self, src, message):
        if self.options.raise_at and message.op.value == self.options.raise_at:
            raise ValueError("cannot take it")
        self.value = message.op.value
        self.out.persist(Written(self.value))
        self.out.reply(src, Reply(message.session, message.seq, "ok", self.value))


@always
def small(nodes):
    """Always: values stay below a hundred."""
    return all(n.value < 100 for n in nodes.values())


@sometimes
def written(nodes):
    """Sometimes: somebody has a value."""
    return any(n.value for n in nodes.values())


TOY = System(
    name="toy",
    family="test",
    title="a register per node",
    source="none",
    interface="kv",
    promise="nothing",
    build=Register,
    messages=(),
    records=(Written,),
    safeguards=Rules,
    options=Options,
    always=(small,),
    sometimes=(written,),
    size=2,
)


class Asker:
    """A client that sends what it is told and keeps the answers."""

    def __init__(self, out):
        self.out = out
        self.seq = 0
        self.answers = []

    def on_start(self):
        """Nothing to do."""

    def write(self, node, value):
        self.seq += 1
        self.out.send(node, Request("s", self.seq, Op("write", None, value)))

    def on_timer(self, name):
        """No timers."""

    def on_message(self, src, message):
        self.answers.append((src, message.value))


def world(**choices):
    made = SimWorld(TOY, seed=1, **choices)
    made.boot()
    return made, made.add_client("c", Asker)


def test_a_write_is_answered_and_survives_a_crash():
    """What was answered was durable first: it is there after crash and restart."""
    w, client = world()
    client.write("n1", 5)
    w.run(1.0)
    assert client.answers == [("n1", 5)]
    w.crash("n1")
    assert not w.running("n1")
    assert list(w.cores) == ["n2"]
    w.restart("n1")
    assert w.cores["n1"].value == 5
    assert w.seen() == ["written"]


def test_a_crashed_node_is_silent_and_its_timers_die():
    """Nothing reaches a node that is down, and its old timers do not fire in its next life."""
    w, client = world()
    w.run(1.0)
    w.crash("n1")
    client.write("n1", 5)
    w.run(2.0)
    assert client.answers == []
    w.restart("n1")
    w.run(2.55)
    assert w.cores["n1"].ticks == 5
    assert w.cores["n2"].ticks == 25


def test_a_cut_loses_and_a_held_cut_delays():
    """A cut link loses messages; with hold they arrive after the heal."""
    w, client = world()
    w.cut([("c", "n1")])
    w.cut([("c", "n2")], hold=True)
    client.write("n1", 1)
    client.write("n2", 2)
    w.run(1.0)
    assert client.answers == []
    w.heal()
    w.run(2.0)
    assert client.answers == [("n2", 2)]


def test_a_paused_node_handles_what_arrived_when_it_resumes():
    """A pause is not a crash: nothing is lost."""
    w, client = world()
    w.pause("n1")
    client.write("n1", 7)
    w.run(1.0)
    assert client.answers == []
    w.resume("n1")
    w.run(2.0)
    assert client.answers == [("n1", 7)]


def test_drifting_clocks_fire_timers_early():
    """A clock that runs twice as fast fires timers twice as often."""
    w, _ = world()
    w.skew("n1", drift=1.0)
    w.run(10.05)
    # The tick that was armed before the change may be up to one period off.
    assert w.cores["n1"].ticks in (199, 200, 201)
    assert w.cores["n2"].ticks == 100


def test_a_full_disk_stops_the_node_not_the_run():
    """The node fails stop; when there is room again it is restarted with what it had."""
    w, client = world()
    client.write("n1", 5)
    w.run(1.0)
    w.disk("n1", "full")
    client.write("n1", 6)
    w.run(2.0)
    assert not w.running("n1")
    assert w.failure is None
    w.restart("n1")
    assert not w.running("n1"), "a supervisor cannot help while the disk is full"
    w.disk("n1", "ok")
    assert w.running("n1")
    assert w.cores["n1"].value == 5


def test_a_corrupt_record_keeps_the_node_down_after_its_next_crash():
    """A synced record that cannot be read is refused at boot, not skipped."""
    w, client = world()
    client.write("n1", 5)
    w.run(1.0)
    w.disk("n1", "corrupt")
    w.crash("n1")
    w.restart("n1")
    assert not w.running("n1")
    w.disk("n1", "ok")
    assert w.cores["n1"].value == 5


def test_a_broken_property_stops_the_run():
    """The run ends at the event that broke the property, and says which node and when."""
    w, client = world()
    client.write("n1", 500)
    w.run(10.0)
    assert w.violation.prop.name == "small"
    assert w.violation.node == "n1"
    assert w.now < 0.1


def test_a_handler_that_raises_is_a_finding():
    """The run ends with the traceback, the event and the node, instead of crashing the tool."""
    w, client = world(options=Options(raise_at=9))
    client.write("n2", 9)
    assert w.run(10.0) == "failed"
    assert w.failure.node == "n2"
    assert "cannot take it" in w.failure.error
    assert "Request" in w.failure.event
    assert "on_message" in w.failure.text


def test_equal_seeds_give_equal_runs_and_tracing_changes_nothing():
    """The fingerprint depends on the seed alone."""

    def fingerprint(seed, *, trace=False, watch=True):
        w = SimWorld(TOY, seed=seed, trace=trace, watch=watch)
        w.boot()
        client = w.add_client("c", Asker)
        for i in range(20):
            client.write("n1", i)
        w.weather(drop=0.2, duplicate=0.2)
        w.run(5.0)
        assert not trace or {"start", "deliver", "weather"} <= {row["kind"] for row in w.trace.rows}
        return w.kernel.fingerprint

    assert fingerprint(1) == fingerprint(1) == fingerprint(1, trace=True) == fingerprint(1, watch=False)
    assert fingerprint(1) != fingerprint(2)


@pytest.mark.parametrize("mode", ["slow"])
def test_slow_disks_delay_answers(mode):
    """An answer waits for the sync of the record before it."""
    w, client = world()
    w.disk("n1", mode, sync_s=2.0)
    client.write("n1", 5)
    w.run(0.9)
    assert client.answers == []
    w.run(3.0)
    assert client.answers == [("n1", 5)]

"""A stage does what the script says and nothing else; barriers, crashes and clients behave as the outbox promises."""

from dataclasses import dataclass, field

import pytest

from windtunnel.base.errors import UsageError
from windtunnel.base.interface import Op, Reply, Request
from windtunnel.base.messages import Message
from windtunnel.base.properties import always, sometimes
from windtunnel.base.system import System
from windtunnel.sim.stage import HandStage, StageViolation


class Copy(Message, frozen=True):
    """Any node to the others: the value it holds now."""

    value: int


class Stored(Message, frozen=True):
    """Record: the value held."""

    value: int


@dataclass(frozen=True)
class Safeguards:
    """None."""


@dataclass(frozen=True)
class Options:
    """persist_first: whether a value is durable before it is told."""

    persist_first: bool = True


@dataclass
class Register:
    """Holds the last value written, tells the others, says `late` when its timer fires two seconds after the write."""

    setup: object
    value: int = 0
    written_s: float = 0.0
    late: bool = False
    dice: list = field(default_factory=list)

    def on_start(self):
        """Take the value from the records."""
        for record in self.setup.records:
            self.value = record.value
        self.setup.out.set_timer("beat", 1.0)

    def on_timer(self, name):
        """Read the clock and draw once."""
        self.late = self.setup.out.clock() >= self.written_s + 2.0
        self.dice.append(self.setup.out.random())
        self.setup.out.set_timer(name, 1.0)

    def on_message(self, src, message):
        """A copy of a peer, or a write of a client."""
        out = self.setup.out
        if isinstance(message, Copy):
            self.value = message.value
            return
        self.value, self.written_s = message.op.value, out.clock()
        if self.setup.options.persist_first:
            out.persist(Stored(self.value))
        for node in self.setup.nodes:
            if node != self.setup.me:
                out.send(node, Copy(self.value))
        if not self.setup.options.persist_first:
            out.persist(Stored(self.value))
        out.apply(1, self.value)
        out.reply(src, Reply(session=message.session, seq=message.seq, status="ok", value=self.value))


def below_ten(nodes):
    """Always: no value reaches ten."""
    return all(core.value < 10 for core in nodes.values())


def all_agree(nodes):
    """Sometimes: everyone holds the same value, not zero."""
    return len({core.value for core in nodes.values()}) == 1 and all(core.value for core in nodes.values())


SYSTEM = System(
    name="register",
    family="test",
    title="",
    source="",
    interface="kv",
    promise="",
    build=Register,
    messages=(Copy,),
    records=(Stored,),
    safeguards=Safeguards,
    options=Options,
    always=(always(below_ten),),
    sometimes=(sometimes(all_agree),),
    size=3,
)


def written(stage, value=3):
    """A stage on which c1 has asked n1 to write, and n1 has answered."""
    stage.request("c1", "n1", Op("write", None, value))
    stage.deliver("c1", "n1", Request)
    return stage


def test_nothing_happens_by_itself():
    """A request waits in flight until it is delivered, and so do the messages that it causes."""
    stage = HandStage(SYSTEM)
    stage.request("c1", "n1", Op("write", None, 3))
    assert stage.nodes["n1"].value == 0
    stage.deliver("c1", "n1")
    assert (stage.nodes["n1"].value, stage.nodes["n2"].value) == (3, 0)
    assert [(letter.src, letter.dst) for letter in stage.waiting(kind=Copy)] == [("n1", "n2"), ("n1", "n3")]


def test_settle_delivers_only_among_the_named_nodes_and_clients():
    """The copy to n3 stays in flight, the client has its answer."""
    stage = written(HandStage(SYSTEM))
    stage.settle(["n1", "n2"])
    assert (stage.nodes["n2"].value, stage.nodes["n3"].value) == (3, 0)
    assert [operation.type for operation in stage.history.operations] == ["ok"]
    stage.settle()
    assert stage.seen == ("all_agree",)


def test_drop_and_duplicate():
    """A dropped message is gone, a duplicated one arrives twice."""
    stage = written(HandStage(SYSTEM))
    stage.drop("n1", "n2")
    stage.duplicate("n1", "n3", Copy)
    stage.deliver("n1", "n3", Copy, count=2)
    stage.settle()
    assert [stage.nodes[node].value for node in ("n1", "n2", "n3")] == [3, 0, 3]


def test_a_message_that_is_not_there_is_an_error_that_says_what_is():
    """The message of the assertion lists what is in flight."""
    stage = written(HandStage(SYSTEM))
    with pytest.raises(AssertionError, match=r"0 of 1 Copy in flight from n2 to n1; in flight: n1->n2 Copy\(value=3\)"):
        stage.deliver("n2", "n1", Copy)
    with pytest.raises(AssertionError, match="n1 has no timer 'nap'; armed: beat"):
        stage.fire("n1", "nap")


def test_a_crash_keeps_records_and_loses_the_rest():
    """The writer has its value again after a restart; the reader of a copy has not."""
    stage = written(HandStage(SYSTEM))
    stage.settle()
    for node in ("n1", "n2"):
        stage.crash(node)
        assert node not in stage.nodes
        assert stage.armed(node) == ()
        stage.restart(node)
    assert (stage.nodes["n1"].value, stage.nodes["n2"].value) == (3, 0)
    assert stage.records("n1") == (Stored(3),)


def test_a_message_to_a_crashed_node_is_lost():
    """It is neither kept nor an error."""
    stage = written(HandStage(SYSTEM))
    stage.crash("n2")
    stage.settle()
    stage.restart("n2")
    stage.settle()
    assert stage.nodes["n2"].value == 0


def test_a_held_disk_holds_everything_after_the_record():
    """Copies and the answer leave when the record is durable, not before."""
    stage = HandStage(SYSTEM)
    stage.hold_disk("n1")
    written(stage)
    assert (stage.in_flight, stage.records("n1")) == ([], ())
    stage.sync_disk("n1")
    assert (len(stage.in_flight), stage.records("n1")) == (3, (Stored(3),))


def test_a_crash_behind_a_held_disk_undoes_what_nobody_saw():
    """Record, copies and answer are gone together; the operation stays open."""
    stage = HandStage(SYSTEM)
    stage.hold_disk("n1")
    written(stage)
    stage.crash("n1")
    stage.restart("n1")
    assert (stage.in_flight, stage.records("n1"), stage.nodes["n1"].value) == ([], (), 0)
    assert [operation.type for operation in stage.history.operations] == ["info"]


@pytest.mark.parametrize(("persist_first", "copies"), [(True, 0), (False, 2)])
def test_crash_before_persist_shows_the_order_of_effects(persist_first, copies):
    """What stood before the record in the handler has left, what stood after it has not."""
    stage = HandStage(SYSTEM, options=Options(persist_first=persist_first))
    stage.crash_before_persist("n1")
    written(stage)
    assert "n1" not in stage.nodes
    assert len(stage.waiting(kind=Copy)) == copies
    assert stage.records("n1") == ()
    stage.restart("n1")
    assert stage.nodes["n1"].value == 0


def test_crash_before_persist_can_spare_records():
    """With after=1 the first write survives, the second does not."""
    stage = HandStage(SYSTEM)
    stage.crash_before_persist("n1", after=1)
    written(stage, 3)
    stage.settle()
    written(stage, 4)
    assert ("n1" in stage.nodes, stage.records("n1")) == (False, (Stored(3),))


def test_a_broken_property_stops_the_script_with_a_name():
    """The exception, the attribute and the last row of the trace say the same."""
    stage = HandStage(SYSTEM)
    with pytest.raises(StageViolation, match="below_ten broken at step 2"):
        written(stage, 12)
    assert (stage.violation.property, stage.violation.step, stage.violation.node) == ("below_ten", 2, "n1")
    assert stage.trace[-1]["kind"] == "violation"


def test_clocks_move_by_advance_only():
    """Steps take no time for a core; two seconds of advance do."""
    stage = written(HandStage(SYSTEM))
    stage.settle()
    stage.fire("n1", "beat")
    assert not stage.nodes["n1"].late
    stage.advance("n1", 2.0)
    stage.fire("n1", "beat")
    assert stage.nodes["n1"].late


def test_draws_are_the_same_in_every_run():
    """A node has its own dice, and they do not depend on the run."""
    first, second = HandStage(SYSTEM), HandStage(SYSTEM)
    for stage in (first, second):
        stage.fire("n1", "beat")
        stage.fire("n2", "beat")
    assert first.nodes["n1"].dice == second.nodes["n1"].dice != first.nodes["n2"].dice


def test_a_retry_carries_the_same_sequence_number():
    """The node sees the same request twice; the client is answered once."""
    stage = HandStage(SYSTEM)
    stage.request("c1", "n1", Op("write", None, 3))
    stage.drop("c1", "n1")
    stage.retry("c1", "n2")
    (letter,) = stage.waiting(dst="n2")
    assert (letter.message.session, letter.message.seq) == ("c1", 1)
    stage.duplicate("c1", "n2")
    stage.settle()
    assert [operation.type for operation in stage.history.operations] == ["ok"]


def test_the_trace_is_rows_that_a_report_can_read():
    """Every row has a number, a time, a kind, a node and a text; deliveries say who sent and when."""
    stage = HandStage(SYSTEM)
    stage.note("a write")
    written(stage)
    stage.settle()
    rows = stage.trace
    assert [row["i"] for row in rows] == list(range(len(rows)))
    assert {"start", "note", "deliver", "persist", "apply", "reply"} <= {row["kind"] for row in rows}
    delivery = next(row for row in rows if row["kind"] == "deliver" and row["node"] == "n2")
    assert (delivery["src"], delivery["text"]) == ("n1", "Copy(value=3)")
    assert delivery["sent"] < delivery["t"]


def test_a_procedure_cannot_be_moved_by_hand():
    """The form is checked before anything is built."""
    import dataclasses

    with pytest.raises(UsageError, match="register is a procedure"):
        HandStage(dataclasses.replace(SYSTEM, form="procedure"))

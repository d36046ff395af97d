"""Search finds every state, no state twice, and the shortest way to a broken property."""

import dataclasses
from dataclasses import dataclass, field

import pytest

from windtunnel.base.errors import UsageError
from windtunnel.base.interface import Op, Reply, Request
from windtunnel.base.messages import Message
from windtunnel.base.properties import always, eventually, sometimes
from windtunnel.base.system import ANY, Search, System
from windtunnel.sim.explore import explore


@dataclass(frozen=True)
class Nothing:
    """No safeguards, no options."""


def system(name, build, **more):
    """A catalogue entry around a test core."""
    plain = {"title": "", "source": "", "promise": "", "messages": (), "safeguards": Nothing, "options": Nothing}
    return System(name=name, family="test", interface="none", build=build, **{**plain, **more})


# --- Against a known count: the TLA+ specification of two-phase commit ---


class Prepared(Message, frozen=True):
    """A resource manager to the transaction manager."""


class Decided(Message, frozen=True):
    """The transaction manager to all."""

    commit: bool


@dataclass
class Manager:
    """TwoPhase.tla: the transaction manager. What it may do by itself are its armed timers."""

    setup: object
    state: str = "init"
    prepared: set = field(default_factory=set)

    def on_start(self):
        """It may abort from the beginning."""
        self.setup.out.set_timer("abort", 1.0)

    def on_message(self, src, message):
        """TMRcvPrepared."""
        if self.state == "init":
            self.prepared.add(src)
            if len(self.prepared) == len(self.setup.nodes) - 1:
                self.setup.out.set_timer("commit", 1.0)

    def on_timer(self, name):
        """TMCommit, TMAbort."""
        self.state = name
        for timer in ("abort", "commit"):
            self.setup.out.cancel_timer(timer)
        for node in self.setup.nodes[1:]:
            self.setup.out.send(node, Decided(commit=name == "commit"))


@dataclass
class Resource:
    """TwoPhase.tla: a resource manager, which may prepare or abort as long as it works."""

    setup: object
    state: str = "working"

    def on_start(self):
        """It works."""
        self.setup.out.set_timer("prepare", 1.0)
        self.setup.out.set_timer("give up", 1.0)

    def on_timer(self, name):
        """RMPrepare, RMChooseToAbort."""
        self._become("prepared" if name == "prepare" else "aborted")
        if name == "prepare":
            self.setup.out.send(self.setup.nodes[0], Prepared())

    def on_message(self, src, message):
        """RMRcvCommitMsg, RMRcvAbortMsg."""
        self._become("committed" if message.commit else "aborted")

    def _become(self, state):
        self.state = state
        for timer in ("prepare", "give up"):
            self.setup.out.cancel_timer(timer)


def consistent(nodes):
    """Always: nobody commits while another aborts."""
    return not {"committed", "aborted"} <= {node.state for node in nodes.values()}


def all_committed(nodes):
    """Sometimes: everybody commits."""
    return all(node.state in ("committed", "commit") for node in nodes.values())


TWO_PHASE_TLA = system(
    "two-phase-tla",
    lambda setup: (Manager if setup.me == setup.nodes[0] else Resource)(setup),
    messages=(Prepared, Decided),
    always=(always(consistent),),
    sometimes=(sometimes(all_committed),),
)


@pytest.mark.parametrize(("resources", "states"), [(3, 288), (5, 8832)])
def test_the_tla_specification_has_its_known_number_of_states(resources, states):
    """TLC and Stateright's 2pc example count 288 for three resource managers and 8832 for five; messages never go away there."""
    found = explore(TWO_PHASE_TLA, size=resources + 1, crashes=0, duplicates=ANY)
    assert (found.verdict, found.states, found.unseen) == ("valid", states, ())
    assert found.handlers < states


# --- A counter that is easy to enumerate by hand ---


class Add(Message, frozen=True):
    """To the counter: add one."""


@dataclass
class Adder:
    """n1 counts what reaches it; the others send it one message each when they boot, and mark that in their log."""

    setup: object
    count: int = 0

    def on_start(self):
        """Everybody but n1 adds one, once in its durable life."""
        if self.setup.me != "n1" and not self.setup.records:
            self.setup.out.persist(Add())
            self.setup.out.send("n1", Add())

    def on_message(self, src, message):
        """A client is answered, an Add is counted."""
        if isinstance(message, Request):
            self.setup.out.reply(src, Reply(session=message.session, seq=message.seq, status="ok", value=self.count))
        else:
            self.count += 1

    def on_timer(self, name):
        """There is none."""


def at_most_two(nodes):
    """Always: two nodes cannot make more than two."""
    return "n1" not in nodes or nodes["n1"].count <= 2


def everything_counted(nodes):
    """Eventually: two have been counted."""
    return nodes["n1"].count == 2


ADDER = system("adder", Adder, messages=(Add,), always=(always(at_most_two),), eventually=(eventually(everything_counted),))


def test_two_messages_in_any_order_are_four_states():
    """None, the first, the second, both delivered: four states, four steps, two deep, one end."""
    found = explore(ADDER, crashes=0)
    assert (found.verdict, found.states, found.transitions, found.depth, found.quiet) == ("valid", 4, 4, 2, 1)


def test_a_duplicate_breaks_the_count_in_three_steps():
    """The rows are that schedule, the last one is the violation."""
    found = explore(ADDER, crashes=0, duplicates=1)
    assert (found.verdict, found.violation.property, found.violation.steps) == ("invalid", "at_most_two", 3)
    assert [row["kind"] for row in found.path if row["kind"] in ("deliver", "violation")] == ["deliver"] * 3 + ["violation"]
    assert [row["i"] for row in found.path] == list(range(len(found.path)))
    assert found.why == "at_most_two broken after 3 steps"


def test_a_lost_message_is_a_deadlock():
    """When nothing can happen any more, `eventually` must hold; with a loss it does not."""
    found = explore(ADDER, crashes=0, losses=1)
    assert (found.verdict, found.violation.property) == ("invalid", "everything_counted")
    assert [row["kind"] for row in found.path].count("send-lost") == 1


def test_a_crash_falls_between_two_effects():
    """A node that dies after its record and before its message, while it boots again, never sends."""
    lazy = dataclasses.replace(ADDER, always=(), build=Lazy)
    found = explore(lazy, crashes=1, fires=2)
    assert (found.verdict, found.violation.property) == ("invalid", "everything_counted")
    assert [row["kind"] for row in found.path].count("persist") == 2
    assert explore(lazy, crashes=0).verdict == "valid"


@dataclass
class Lazy(Adder):
    """The same, but the others wait for a timer."""

    def on_start(self):
        """Arm it, unless the log says that it is done."""
        if self.setup.me != "n1" and not self.setup.records:
            self.setup.out.set_timer("add", 1.0)

    def on_timer(self, name):
        """Record, then message."""
        self.setup.out.persist(Add())
        self.setup.out.send("n1", Add())


# --- Monitors, dice, exceptions, limits ---


class NeverShrinks:
    """Always: the count of n1 does not fall."""

    def __init__(self):
        """Nothing is known yet."""
        self.most = 0

    def after(self, nodes, me):
        """Compare with the most ever seen."""
        if me != "n1":
            return None
        self.most, before = max(self.most, nodes[me].count), self.most
        return f"{before} became {nodes[me].count}" if nodes[me].count < before else None


def test_a_monitor_travels_with_the_state():
    """n1 counts one, crashes, and forgets: only a property with a memory can tell."""
    forgetful = dataclasses.replace(ADDER, always=(always(NeverShrinks),), eventually=())
    found = explore(forgetful, crashes=1)
    assert (found.verdict, found.violation.property, found.violation.evidence) == ("invalid", "never_shrinks", "1 became 0")
    assert [row["kind"] for row in found.path][-3:] == ["crash", "restart", "violation"]
    assert explore(forgetful, crashes=0).verdict == "valid"


@dataclass
class Gambler(Adder):
    """Throws two dice when it boots."""

    def on_start(self):
        """Two draws."""
        self.count = 10 * self.setup.out.random() + self.setup.out.random()


def test_dice_are_tried_in_every_combination():
    """Two faces, two draws, one node: four ways to boot."""
    gambler = dataclasses.replace(ADDER, build=Gambler, always=(), eventually=())
    assert explore(gambler, size=1, crashes=0, dice=(0.0, 0.5)).states == 4
    with pytest.raises(UsageError, match="adder draws random numbers"):
        explore(gambler, size=1)


@dataclass
class Brittle(Adder):
    """Cannot count to two."""

    def on_message(self, src, message):
        """Fails on the second message."""
        self.count += 1
        assert self.count < 2, "that was too much"


def test_an_exception_of_a_handler_is_a_finding():
    """It is reported with its schedule, like a broken property."""
    found = explore(dataclasses.replace(ADDER, build=Brittle, always=()), crashes=0)
    assert (found.verdict, found.violation.property, found.violation.steps) == ("invalid", "handler_raises", 2)
    assert found.violation.evidence.startswith("AssertionError: that was too much")


def test_a_limit_makes_the_verdict_unknown():
    """The reason names the limit."""
    found = explore(TWO_PHASE_TLA, size=4, crashes=0, duplicates=ANY, states_max=100)
    assert (found.verdict, found.states) == ("unknown", 100)
    assert found.why.startswith("stopped at the limit of 100 states")
    assert explore(TWO_PHASE_TLA, size=4, budget_s=0.0).why.startswith("stopped after 0 s")


def test_requests_of_clients_are_in_flight_at_the_start():
    """Each comes from a client of its own to the next entry node; answers are not kept in flight."""
    counter = dataclasses.replace(ADDER, search=Search(requests=(Op("read"), Op("read"))), eventually=())
    assert explore(counter, size=1, crashes=0).states == 4
    assert explore(counter, size=1, crashes=0, requests=()).states == 1


def test_a_procedure_cannot_be_searched():
    """The form is checked first."""
    with pytest.raises(UsageError, match="adder is a procedure"):
        explore(dataclasses.replace(ADDER, form="procedure"))


def test_progress_is_reported(monkeypatch):
    """The callback sees growing numbers."""
    from windtunnel.sim import explore as module

    monkeypatch.setattr(module, "PROGRESS_EVERY_S", 0.0)
    told = []
    explore(TWO_PHASE_TLA, size=5, crashes=0, duplicates=ANY, progress=told.append)
    assert told
    assert [progress.states for progress in told] == sorted(progress.states for progress in told)

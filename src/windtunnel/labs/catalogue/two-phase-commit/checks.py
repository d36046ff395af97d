"""The grader of two-phase-commit: scenes moved by hand, every schedule of a small transaction, and campaigns under faults.

The learner's coordinator and participants stand inside nodes that talk with the clients. A transaction is named by the client's
session and number; where one participant is not willing, its name follows: "c1.1/7!p2".
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from types import ModuleType
from typing import Any

from windtunnel.base.interface import Op, Reply, Request
from windtunnel.base.messages import NodeId
from windtunnel.base.properties import Nodes, always, eventually, sometimes
from windtunnel.base.system import Setup, System
from windtunnel.labs.checking import check, expect, scenario_check
from windtunnel.sim.explore import explore
from windtunnel.sim.stage import HandStage, StageViolation

PHASES = ("prepared", "committed", "aborted")
TXN = "client/1"

# --- The cluster ---


@dataclass(frozen=True, slots=True)
class Options:
    """Nothing to choose."""


@dataclass(frozen=True, slots=True)
class Safeguards:
    """None: the learner's code is what it is."""


class CoordinatorNode:
    """The coordinator and its clients. told: what clients were answered in this life."""

    def __init__(self, setup: Setup, lab: ModuleType) -> None:
        self.out = setup.out
        self.participants = setup.nodes[1:]
        self.clients: dict[str, tuple[NodeId, str, int]] = {}
        self.told: dict[str, str] = {}
        self.core = lab.Coordinator(self.participants, setup.out, list(setup.records), self._answer)

    def on_start(self) -> None:
        """Boot."""
        self.core.on_start()

    def on_timer(self, name: str) -> None:
        """A timer of the coordinator."""
        self.core.on_timer(name)

    def on_message(self, src: NodeId, message: Any) -> None:
        """A client asks for a transaction, or a participant votes."""
        if not isinstance(message, Request):
            self.core.on_message(src, message)
            return
        txn = f"{message.session}/{message.seq}"
        if message.op.value == "no":
            txn += f"!{self.participants[message.seq % len(self.participants)]}"
        self.clients[txn] = src, message.session, message.seq
        self.core.begin(txn)

    def _answer(self, txn: str, commit: bool) -> None:  # noqa: FBT001 - the learner calls it answer(txn, commit)
        self.told[txn] = "committed" if commit else "aborted"
        if txn in self.clients:
            client, session, seq = self.clients.pop(txn)
            self.out.reply(client, Reply(session, seq, "ok", self.told[txn]))


class ParticipantNode:
    """A participant; a client that asks it is sent to the coordinator."""

    def __init__(self, setup: Setup, lab: ModuleType) -> None:
        self.me = setup.me
        self.out = setup.out
        self.coordinator = setup.nodes[0]
        self.core = lab.Participant(self.coordinator, setup.out, list(setup.records), self._willing)

    @property
    def phases(self) -> dict[str, str]:
        """What the learner's participant says."""
        phases: dict[str, str] = self.core.phases
        return phases

    def on_start(self) -> None:
        """Boot."""
        self.core.on_start()

    def on_timer(self, name: str) -> None:
        """A timer of the participant."""
        self.core.on_timer(name)

    def on_message(self, src: NodeId, message: Any) -> None:
        """From the coordinator, or from a client that is lost."""
        if isinstance(message, Request):
            self.out.reply(src, Reply(message.session, message.seq, "redirect", hint=self.coordinator))
        else:
            self.core.on_message(src, message)

    def _willing(self, txn: str) -> bool:
        return not txn.endswith(f"!{self.me}")


def build(setup: Setup, lab: ModuleType) -> Any:
    """The first node is the coordinator, `tm`."""
    return CoordinatorNode(setup, lab) if setup.me == setup.nodes[0] else ParticipantNode(setup, lab)


class Agreement:
    """Always: no transaction is committed here and aborted there, and clients are told what happened."""

    def __init__(self) -> None:
        self.outcomes: dict[str, tuple[str, NodeId]] = {}  # the first, and where
        self.ended: set[tuple[NodeId, str]] = set()

    def after(self, nodes: Nodes, me: NodeId) -> str | None:
        """Compare what `me` says with the first outcome of each transaction anywhere."""
        node = nodes[me]
        said = node.told if isinstance(node, CoordinatorNode) else node.phases
        for txn, phase in said.items():
            if phase not in PHASES:
                return f"the phase of {txn} at {me} is {phase!r}; expected one of {', '.join(PHASES)}"
            if phase == "prepared":
                if (me, txn) in self.ended:
                    return f"{me} had finished {txn}, and now it is prepared again"
                continue
            self.ended.add((me, txn))
            first, where = self.outcomes.setdefault(txn, (phase, me))
            if first != phase:
                who = "the client is told that it is" if isinstance(node, CoordinatorNode) else "it is"
                return f"{txn} was {first} at {where}, and {who} {phase} at {me}"
        return None


class EveryVote:
    """Always: what is committed was promised by every participant."""

    def after(self, nodes: Nodes, me: NodeId) -> str | None:
        """Look at what `me` has committed."""
        node = nodes[me]
        if isinstance(node, CoordinatorNode):
            return None
        others = [(name, other.phases) for name, other in nodes.items() if isinstance(other, ParticipantNode)]
        for txn, phase in node.phases.items():
            if phase == "committed":
                for name, phases in others:
                    if phases.get(txn) not in ("prepared", "committed"):
                        return f"{txn} is committed at {me}; {name} has {phases.get(txn, 'never promised it')}"
        return None


def participants(nodes: Nodes) -> list[ParticipantNode]:
    """The running participants."""
    return [node for node in nodes.values() if isinstance(node, ParticipantNode)]


def nobody_in_doubt(nodes: Nodes) -> bool:
    """Eventually: every promise has found its outcome."""
    return not any("prepared" in node.phases.values() for node in participants(nodes))


def committed_everywhere(nodes: Nodes) -> bool:
    """Sometimes: all participants have committed a transaction."""
    running = participants(nodes)
    return len(running) == len(nodes) - 1 > 0 and all("committed" in node.phases.values() for node in running)


def system(lab: ModuleType) -> System:
    """A cluster of the learner's coordinator and participants."""
    return System(
        name="two-phase-commit",
        family="labs",
        title="The two-phase commit of this lab",
        source="Gray & Lamport 2006, section 3",
        interface="txn",
        promise="all participants commit, or all abort",
        build=lambda setup: build(setup, lab),
        messages=(),
        safeguards=Safeguards,
        options=Options,
        always=(always(Agreement), always(EveryVote)),
        sometimes=(sometimes(committed_everywhere),),
        eventually=(eventually(nobody_in_doubt),),
        size=4,
        nodes=lambda size: ("tm", *(f"p{i}" for i in range(1, size))),
        entry=lambda names: names[:1],
        leader=lambda nodes: "tm" if "tm" in nodes else None,
    )


# --- Scenes ---


class Scene:
    """Three participants and a coordinator, moved by hand."""

    def __init__(self, lab: ModuleType, value: str = "yes") -> None:
        self.stage = HandStage(system(lab))
        self.names = self.stage.nodes
        self.txn = TXN if value == "yes" else f"{TXN}!p2"  # of session "client", number 1: with "no" it is p2 that is not willing
        self.stage.request("client", "tm", Op("txn", value=value))

    def voted(self) -> None:
        """Everything up to the votes, which are under way."""
        self.stage.deliver("client", "tm")
        for name in self.rms:
            if self.stage.waiting("tm", name):
                self.stage.deliver("tm", name)

    @property
    def rms(self) -> list[NodeId]:
        """The participants that run."""
        return [name for name in self.stage.nodes if name != "tm"]

    @property
    def phases(self) -> list[str]:
        """What the participants say of the transaction."""
        return [self.stage.nodes[name].phases.get(self.txn, "working") for name in self.rms]

    @property
    def told(self) -> str:
        """What the client was told."""
        return next((str(op.result) for op in self.stage.history.operations if op.type == "ok"), "nothing")

    def settle(self, among: Sequence[NodeId] | None = None) -> None:
        """Deliver what is under way, among these nodes; a broken promise fails the check."""
        try:
            self.stage.settle(among)
        except StageViolation as broken:
            expect(False, f"{broken.violation.prop.statement}; {broken.violation.evidence}")

    def fire(self, node: NodeId) -> None:
        """Fire every timer of a node that is armed now."""
        for timer in list(self.stage.armed(node)):
            self.stage.fire(node, timer)


@check("all say yes", stage="votes")
def all_yes(lab: ModuleType) -> None:
    """Figure 2 without failures."""
    scene = Scene(lab)
    scene.settle()
    expect(scene.phases == ["committed"] * 3, "three participants that are willing commit", phases=scene.phases)
    expect(scene.told == "committed", "the client is told that its transaction is committed", told=scene.told)


@check("one says no", stage="votes")
def one_no(lab: ModuleType) -> None:
    """One refusal aborts."""
    scene = Scene(lab, "no")
    scene.settle()
    expect(scene.phases == ["aborted"] * 3, "p2 is not willing, so all three abort", phases=scene.phases)
    expect(scene.told == "aborted", "the client is told that its transaction is aborted", told=scene.told)


@check("a vote that does not come", stage="votes")
def silence(lab: ModuleType) -> None:
    """Nobody waits for ever: silence is a no."""
    scene = Scene(lab)
    scene.voted()
    scene.stage.drop("p2", "tm")
    scene.settle(["tm", "p1", "p3", "client"])
    expect(scene.told == "nothing", "two votes of three do not decide", told=scene.told)
    armed = scene.stage.armed("tm")
    expect(armed, "the coordinator has a timer while votes are missing", timers=armed)
    scene.fire("tm")
    scene.settle()
    expect(scene.phases == ["aborted"] * 3, "when votes are overdue, all abort", phases=scene.phases)
    expect(scene.told == "aborted", "the client is told so", told=scene.told)


@check("atomic while nobody crashes", stage="votes")
def every_order(lab: ModuleType) -> None:
    """Every order of messages and timers, and one message that comes twice."""
    for value in ("yes", "no"):
        _search(lab, value, size=3, duplicates=1)
        _search(lab, value, size=3, losses=1)
        _search(lab, value, size=4)


@check("a promise binds", stage="crashes")
def bound(lab: ModuleType) -> None:
    """Section 3: a participant that is prepared can neither commit nor abort alone. That is the blocking window."""
    scene = Scene(lab)
    scene.voted()
    scene.stage.crash("tm")
    for _ in range(3):
        for name in scene.rms:
            scene.fire(name)
        scene.settle()
    expect(
        scene.phases == ["prepared"] * 3,
        "the coordinator is down, all three have promised: nobody may decide, however long it takes",
        phases=scene.phases,
    )
    scene.stage.restart("tm")
    for name in scene.rms:
        armed = scene.stage.armed(name)
        expect(armed, f"{name} is in doubt and has a timer, to ask what came of it", timers=armed)
        scene.fire(name)
    scene.settle()
    expect(
        scene.phases == ["aborted"] * 3,
        "the coordinator is back, and it had decided nothing: it says aborted to those that ask, and the wait is over",
        phases=scene.phases,
    )


@check("the client hears the truth", stage="crashes")
def truth(lab: ModuleType) -> None:
    """The coordinator decides, and dies while it writes that down: what had it told the client?"""
    scene = Scene(lab)
    scene.voted()
    scene.stage.crash_before_persist("tm")
    for name in scene.rms:
        if "tm" in scene.stage.nodes:
            scene.stage.deliver(name, "tm")
    scene.settle()
    told = scene.told
    if "tm" not in scene.stage.nodes:
        scene.stage.restart("tm")
    for name in scene.rms:
        scene.fire(name)
    scene.settle()
    expect(
        told == "nothing" or scene.phases == [told] * 3,
        f"the client was told {told!r} before the coordinator died, its decision not yet on disk: so that must happen",
        phases=scene.phases,
    )


@check("atomic wherever the crash comes", stage="crashes")
def every_crash(lab: ModuleType) -> None:
    """Every order of messages and timers, with a crash of any node between any two effects."""
    _search(lab, "no", size=3, crashes=1)
    _search(lab, "yes", size=3, crashes=2)


STORM = {"operations_max": 60, "clients": 4, "think_s": 0.2, "settle_s": 10.0}

scenario_check(
    "nobody stays in doubt",
    stage="crashes",
    seeds=15,
    faults=("crash:2", "loss", "partition"),
    for_s=12.0,
    broken=("agreement", "every_vote", "atomic commitment", "nobody_in_doubt", "handlers_do_not_raise"),
    **STORM,
)

scenario_check(
    "clients are served again",
    stage="crashes",
    seeds=8,
    faults=("partition", "crash"),
    for_s=12.0,
    broken=("agreement", "answers_after_the_last_fault", "handlers_do_not_raise"),
    clients=3,
    think_s=0.5,
    settle_s=10.0,
)


def _search(lab: ModuleType, value: str, *, size: int, crashes: int = 0, losses: int = 0, duplicates: int = 0) -> None:
    """Every schedule of one transaction within these bounds; fails with the shortest one that breaks a property."""
    asked = (Op("txn", value=value),)
    found = explore(system(lab), size=size, requests=asked, crashes=crashes, losses=losses, duplicates=duplicates, budget_s=20.0)
    if found.violation is not None:
        broken = found.violation
        schedule = "\n".join(_lines(broken.rows))
        expect(False, f"{broken.statement}; {broken.evidence}.\nA shortest schedule, {broken.steps} steps:\n{schedule}")
    expect(found.verdict == "valid", "the protocol is small enough to be searched", states=found.states, why=found.why)


def _lines(rows: Sequence[dict[str, Any]]) -> list[str]:
    lines = []
    for row in rows:
        if row["kind"] == "start" and not row["t"]:
            continue  # everybody boots
        route = f"{row['src']} → {row['node']}" if row.get("src") else str(row.get("node") or "")
        lines.append(f"  {row['t']:>3g}  {row['kind']:<9} {route:<12} {row['text']}")
    return lines

"""Two-phase commit: one decision for all participants, or a wait.

Source:  Gray & Lamport, "Consensus on Transaction Commit", ACM TODS 31(1), 2006, section 3; presumed abort after Mohan, Lindsay
         & Obermarck, "Transaction Management in the R* Distributed Database Management System", ACM TODS 11(4), 1986.
Keeps:   voting, decision, abort by timeout, recovery of the coordinator and of participants, many transactions at a time.
Omits:   the transaction's own work and its locks; forgetting old transactions; asking other participants for the outcome.
Departs: a client's request starts the coordinator (in the paper a participant that is ready does). A participant that waits for
         the outcome asks for it by repeating its vote; so there are no acknowledgements, and the coordinator repeats nothing.
Blocks:  a prepared participant waits for as long as the coordinator is down. That is the protocol's known weakness, not a bug.

The first node is the coordinator, `tm`, the others are the participants `p1`, `p2`, ... A transaction is named by the client's
session and sequence number. The value of `txn` says who is willing: "yes" (all), "no" (one is not, by turns), or a list of
truth values, one per participant.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TypeAlias, assert_never

from windtunnel.base.interface import Op, Reply, Request
from windtunnel.base.messages import Message, NodeId
from windtunnel.base.properties import Nodes, always, eventually, sometimes
from windtunnel.base.stage import Stage
from windtunnel.base.system import Search, Setup, System, safeguard

# --- Messages ---


class Prepare(Message, frozen=True):
    """Coordinator to participant: can you commit? `willing` is the answer that the client wishes this participant to give."""

    txn: str
    willing: bool


class Vote(Message, frozen=True):
    """Participant to coordinator. A yes is a promise to wait for the outcome; repeated, it asks for it."""

    txn: str
    yes: bool


class Outcome(Message, frozen=True):
    """Coordinator to participant: the decision. Also a record, of either: it has decided, it has committed or aborted."""

    txn: str
    commit: bool


class Promised(Message, frozen=True):
    """Record of a participant: it has voted yes and waits. What is decided is logged as an Outcome, everywhere."""

    txn: str


ToParticipant: TypeAlias = Prepare | Outcome | Request
ToCoordinator: TypeAlias = Vote | Request

# --- State ---


class Phase(StrEnum):
    """State of a transaction at a participant (figure 1); a transaction that it has not heard of is `working`."""

    PREPARED = "prepared"
    COMMITTED = "committed"
    ABORTED = "aborted"


@dataclass(frozen=True, slots=True)
class Safeguards:
    """The load-bearing rules."""

    wait_for_every_vote: bool = safeguard(
        "To commit takes every vote.", source="section 3", breaks=("commit_needs_every_vote", "agreement"), by="search"
    )
    decide_once: bool = safeguard(
        "Votes and timeouts after the decision change nothing.", source="section 3", breaks=("agreement",), by="search"
    )
    log_before_announce: bool = safeguard(
        "The decision is durable before anybody is told.", source="section 3", breaks=("agreement",), by="search"
    )
    promise_is_durable: bool = safeguard(
        "A yes is durable before it is sent.", source="section 3", breaks=("agreement", "commit_needs_every_vote"), by="search"
    )
    no_abort_after_promise: bool = safeguard(
        "After a yes, no participant aborts on its own.", source="section 3", breaks=("agreement",), by="search"
    )


@dataclass(frozen=True, slots=True)
class Options:
    """vote_timeout_s: how long the coordinator waits for votes. doubt_s: how often a participant in doubt asks."""

    vote_timeout_s: float = 1.0
    doubt_s: float = 0.5


@dataclass(slots=True)
class Ballot:
    """A transaction that the coordinator has not decided: who asked for it, and who has voted yes."""

    client: NodeId
    request: Request
    yes: set[NodeId] = field(default_factory=set)


# --- The coordinator ---


class Coordinator:
    """The transaction manager. Decisions are its only durable state; what it does not know it presumes aborted."""

    def __init__(self, setup: Setup) -> None:
        self.out = setup.out
        self.safeguards: Safeguards = setup.safeguards
        self.options: Options = setup.options
        self.participants = setup.nodes[1:]
        self.decisions: dict[str, bool] = {record.txn: record.commit for record in setup.records}
        self.open: dict[str, Ballot] = {}

    def on_start(self) -> None:
        """Nothing to say: a participant in doubt will ask."""

    def on_timer(self, name: str) -> None:
        """The votes of a transaction are overdue."""
        self._decide(name.removeprefix("votes "), commit=False)

    def on_message(self, src: NodeId, message: ToCoordinator) -> None:
        """A client asks for a transaction, or a participant votes."""
        match message:
            case Request():
                self._on_request(src, message)
            case Vote(txn, yes):
                self._on_vote(src, txn, yes=yes)
            case _:
                assert_never(message)

    def _on_request(self, client: NodeId, request: Request) -> None:
        txn = f"{request.session}/{request.seq}"
        if request.op.f != "txn":
            self.out.reply(client, Reply(request.session, request.seq, "fail", f"no operation {request.op.f}"))
        elif txn in self.decisions:
            self._answer(client, request, commit=self.decisions[txn])
        elif txn not in self.open:
            self.open[txn] = Ballot(client, request)
            self.out.set_timer(f"votes {txn}", self.options.vote_timeout_s)
            willing = wishes(request, len(self.participants))
            for participant, wish in zip(self.participants, willing, strict=True):
                self.out.send(participant, Prepare(txn, wish))

    def _on_vote(self, src: NodeId, txn: str, *, yes: bool) -> None:
        ballot = self.open.get(txn)
        if txn in self.decisions:
            if yes:
                self.out.send(src, Outcome(txn, self.decisions[txn]))
        elif ballot is None or not yes:
            # No ballot: an earlier life began it and did not decide. To presume abort is to decide: a retry must not commit it.
            self._decide(txn, commit=False)
        else:
            ballot.yes.add(src)
            enough = len(self.participants) if self.safeguards.wait_for_every_vote else (len(self.participants) + 1) // 2
            if len(ballot.yes) >= enough:
                self._decide(txn, commit=True)

    def _decide(self, txn: str, *, commit: bool) -> None:
        if txn in self.decisions and self.safeguards.decide_once:
            return
        self.decisions[txn] = commit
        if self.safeguards.log_before_announce:
            self.out.persist(Outcome(txn, commit))
        for participant in self.participants:
            self.out.send(participant, Outcome(txn, commit))
        ballot = self.open.pop(txn, None)
        if ballot is not None:
            self._answer(ballot.client, ballot.request, commit=commit)
        if not self.safeguards.log_before_announce:
            self.out.persist(Outcome(txn, commit))

    def _answer(self, client: NodeId, request: Request, *, commit: bool) -> None:
        self.out.reply(client, Reply(request.session, request.seq, "ok", "committed" if commit else "aborted"))


def wishes(request: Request, participants: int) -> tuple[bool, ...]:
    """Who is willing, in the order of the participants."""
    match request.op.value:
        case "no":
            return tuple(i != request.seq % participants for i in range(participants))
        case list() | tuple() as votes:
            return (*(bool(vote) for vote in votes), *[True] * participants)[:participants]
    return (True,) * participants


# --- The participants ---


class Participant:
    """A resource manager. `latest` is the transaction that the last event was about, for properties."""

    def __init__(self, setup: Setup) -> None:
        self.out = setup.out
        self.safeguards: Safeguards = setup.safeguards
        self.options: Options = setup.options
        self.coordinator = setup.nodes[0]
        self.phases: dict[str, Phase] = {}
        self.in_doubt: set[str] = set()
        self.latest = ""
        for record in setup.records:
            match record:
                case Promised(txn):
                    self._enter(txn, Phase.PREPARED)
                case Outcome(txn, commit):
                    self._enter(txn, Phase.COMMITTED if commit else Phase.ABORTED)

    def on_start(self) -> None:
        """What was promised before a crash is still promised."""
        for txn in sorted(self.in_doubt):
            self.out.set_timer(f"doubt {txn}", self.options.doubt_s)

    def on_timer(self, name: str) -> None:
        """Still in doubt about a transaction."""
        txn = name.removeprefix("doubt ")
        if self.safeguards.no_abort_after_promise:
            self._vote_yes(txn)
        else:
            self._finish(txn, commit=False)

    def on_message(self, src: NodeId, message: ToParticipant) -> None:
        """The coordinator asks, or tells; a client has come to the wrong node."""
        match message:
            case Prepare(txn, willing):
                self._on_prepare(txn, willing=willing)
            case Outcome(txn, commit):
                self._on_outcome(txn, commit=commit)
            case Request(session, seq):
                self.out.reply(src, Reply(session, seq, "redirect", hint=self.coordinator))
            case _:
                assert_never(message)

    def _on_prepare(self, txn: str, *, willing: bool) -> None:
        phase = self.phases.get(txn)
        if phase is Phase.PREPARED:
            self._vote_yes(txn)
        elif phase is None and willing:
            self._enter(txn, Phase.PREPARED)
            if self.safeguards.promise_is_durable:
                self.out.persist(Promised(txn))
            self._vote_yes(txn)
        elif phase is not Phase.COMMITTED:
            if phase is None:  # no promise was given: it is free to abort alone
                self._finish(txn, commit=False)
            self.out.send(self.coordinator, Vote(txn, yes=False))

    def _vote_yes(self, txn: str) -> None:
        self.out.set_timer(f"doubt {txn}", self.options.doubt_s)
        self.out.send(self.coordinator, Vote(txn, yes=True))

    def _on_outcome(self, txn: str, *, commit: bool) -> None:
        phase = self.phases.get(txn)
        if phase is Phase.PREPARED:
            self._finish(txn, commit=commit)
        elif phase is None:  # what was not prepared, or was forgotten in a crash, cannot be committed: the work is gone
            self._finish(txn, commit=False)

    def _finish(self, txn: str, *, commit: bool) -> None:
        self._enter(txn, Phase.COMMITTED if commit else Phase.ABORTED)
        self.out.cancel_timer(f"doubt {txn}")
        self.out.persist(Outcome(txn, commit))

    def _enter(self, txn: str, phase: Phase) -> None:
        self.phases[txn] = phase
        self.latest = txn
        if phase is Phase.PREPARED:
            self.in_doubt.add(txn)
        else:
            self.in_doubt.discard(txn)


# --- What must hold ---


class Agreement:
    """Always: no transaction is ever committed at one participant and aborted at another."""

    def __init__(self) -> None:
        self._outcomes: dict[str, Phase] = {}

    def after(self, nodes: Nodes, me: NodeId) -> str | None:
        """Compare what `me` has just done with the first outcome of that transaction anywhere."""
        core = nodes[me]
        phase = core.phases.get(core.latest) if isinstance(core, Participant) else None
        if phase is None or phase is Phase.PREPARED:
            return None
        first = self._outcomes.setdefault(core.latest, phase)
        return None if first is phase else f"{core.latest} is {phase} at {me}, and was {first} before"


def participants(nodes: Nodes) -> list[Participant]:
    """The running participants."""
    return [core for core in nodes.values() if isinstance(core, Participant)]


def commit_needs_every_vote(nodes: Nodes) -> bool:
    """Always: where a transaction is committed, every running participant has promised it."""
    running = participants(nodes)
    committed = [core.latest for core in running if core.phases.get(core.latest) is Phase.COMMITTED]
    return all(core.phases.get(txn) in (Phase.PREPARED, Phase.COMMITTED) for txn in committed for core in running)


def committed_everywhere(nodes: Nodes) -> bool:
    """Sometimes: all participants have committed a transaction."""
    running = participants(nodes)
    return len(running) == len(nodes) - 1 > 0 and all(core.phases.get(running[0].latest) is Phase.COMMITTED for core in running)


def blocked(nodes: Nodes) -> bool:
    """Sometimes: the coordinator is down and all others are in doubt."""
    return len(nodes) > 1 and all(isinstance(core, Participant) and core.in_doubt for core in nodes.values())


def nobody_in_doubt(nodes: Nodes) -> bool:
    """Eventually: every promise has found its outcome."""
    return not any(core.in_doubt for core in participants(nodes))


# --- Scenarios ---


def _voted(stage: Stage) -> list[NodeId]:
    """All votes are cast and in flight."""
    stage.request("client", "tm", Op("txn", value="yes"))
    stage.deliver("client", "tm")
    rms = [name for name in stage.nodes if name != "tm"]
    for rm in rms:
        stage.deliver("tm", rm, Prepare)
    return rms


def failure_free(stage: Stage) -> None:
    """Figure 2: prepare, vote, outcome, three messages per participant, and the client has its answer."""
    _voted(stage)
    stage.settle()


def coordinator_crash_blocks(stage: Stage) -> None:
    """Section 3: after the votes only the coordinator can say what happens; the participants wait for it."""
    rms = _voted(stage)
    stage.note("the coordinator dies; every participant has promised, none may decide")
    stage.crash("tm")
    for rm in rms:
        stage.fire(rm, "doubt client/1")
    stage.settle()
    stage.note("it comes back, knows nothing of the transaction, and presumes abort")
    stage.restart("tm")
    for rm in rms:
        stage.fire(rm, "doubt client/1")
    stage.settle()


def crash_at_the_decision(stage: Stage) -> None:
    """Section 3: the coordinator dies between deciding and logging, and the participants ask its next life."""
    rms = _voted(stage)
    stage.note("the last vote decides; the coordinator dies before that is durable")
    stage.crash_before_persist("tm")
    for rm in rms:
        stage.deliver(rm, "tm", Vote)
    stage.drop("tm", rms[-1])
    stage.restart("tm")
    stage.settle()
    for rm in [rm for rm in rms if stage.nodes[rm].in_doubt]:
        stage.fire(rm, "doubt client/1")
    stage.settle()


# --- The entry of the catalogue ---

SYSTEM = System(
    name="two-phase-commit",
    family="commit",
    title="Two-phase commit",
    source="Gray & Lamport 2006, section 3",
    interface="txn",
    promise="atomic commitment: all participants of a transaction commit, or all abort",
    build=lambda setup: Coordinator(setup) if setup.me == setup.nodes[0] else Participant(setup),
    messages=(Request, Reply, Prepare, Vote, Outcome),
    records=(Promised, Outcome),
    safeguards=Safeguards,
    options=Options,
    always=(always(Agreement), always(commit_needs_every_vote)),
    sometimes=(sometimes(committed_everywhere), sometimes(blocked)),
    eventually=(eventually(nobody_in_doubt),),
    scenarios={"figure-2": failure_free, "blocking": coordinator_crash_blocks, "crash-at-decision": crash_at_the_decision},
    size=4,
    nodes=lambda size: ("tm", *(f"p{i}" for i in range(1, size))),
    entry=lambda names: names[:1],
    leader=lambda nodes: "tm" if "tm" in nodes else None,
    search=Search(size=4, requests=(Op("txn", value="yes"),), crashes=1),
)

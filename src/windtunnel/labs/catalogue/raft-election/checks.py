"""The grader of raft-election: scenes of the paper moved by hand, then whole clusters under faults.

The learner's server stands inside `Node`, which gives it what a real one would have (a log, a log file, the others) and answers
the clients that every scenario has: they ask for nothing, and keep the run going.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from types import ModuleType
from typing import Any

from windtunnel.base.interface import Reply, Request
from windtunnel.base.messages import NodeId
from windtunnel.base.outbox import CancelTimer, Persist, RecordingOutbox, Send, SetTimer
from windtunnel.base.properties import Nodes, always, eventually, sometimes
from windtunnel.base.system import Setup, System
from windtunnel.labs.checking import check, expect, scenario_check

ROLES = ("follower", "candidate", "leader")
PEERS = ("n2", "n3", "n4", "n5")

COMMITTED = (1, 1, 2, 2)  # terms of the entries; this much is on a majority, so a leader must have it
LOGS = {"n4": (1, 1, 2), "n5": (1, 1, 1, 1, 1)}  # one is behind, one is longer but older

# --- The cluster ---


@dataclass(frozen=True, slots=True)
class Options:
    """jitter_s: servers boot within so many seconds. logs: they have different ones. terms_max: more are too many; 0 is any."""

    jitter_s: float = 0.0
    logs: bool = False
    terms_max: int = 0


@dataclass(frozen=True, slots=True)
class Safeguards:
    """None: the learner's code is what it is."""


class Node:
    """One machine: the learner's server, and answers for clients."""

    def __init__(self, setup: Setup, lab: ModuleType) -> None:
        self.me = setup.me
        self.out = setup.out
        self.options: Options = setup.options
        log = LOGS.get(setup.me, COMMITTED) if self.options.logs else ()
        peers = tuple(name for name in setup.nodes if name != setup.me)
        self.server = lab.Server(setup.me, peers, setup.out, list(setup.records), log)
        self.log = log

    def on_start(self) -> None:
        """Boot, at once or a little later."""
        if self.options.jitter_s:
            self.out.set_timer("boot", (0.0, self.options.jitter_s))
        else:
            self.server.on_start()

    def on_timer(self, name: str) -> None:
        """A timer of the server, or the boot."""
        if name == "boot":
            self.server.on_start()
        else:
            self.server.on_timer(name)

    def on_message(self, src: NodeId, message: Any) -> None:
        """From a server, or from a client."""
        if isinstance(message, Request):
            self.out.reply(src, Reply(message.session, message.seq, "ok"))
        else:
            self.server.on_message(src, message)


class ElectionSafety:
    """Always: at most one server leads in a given term, ever."""

    def __init__(self) -> None:
        self.leaders: dict[int, NodeId] = {}

    def after(self, nodes: Nodes, me: NodeId) -> str | None:
        """Remember who led each term."""
        server = nodes[me].server
        if server.role not in ROLES:
            return f"the role of {me} is {server.role!r}; expected one of {', '.join(ROLES)}"
        if server.role != "leader":
            return None
        first = self.leaders.setdefault(server.term, me)
        return (
            None if first == me else f"{first} and {me} both led in term {server.term}: somebody was elected by a vote too many"
        )


class TermsRise:
    """Always: the term of a server never falls, not even across a crash."""

    def __init__(self) -> None:
        self.terms: dict[NodeId, int] = {}

    def after(self, nodes: Nodes, me: NodeId) -> str | None:
        """Compare with the term it was seen in last."""
        before, term = self.terms.get(me, 0), nodes[me].server.term
        self.terms[me] = term
        return None if term >= before else f"{me} was in term {before} and is in term {term} now"


class LeaderCompleteness:
    """Always: a leader's log holds every entry that is on a majority."""

    def after(self, nodes: Nodes, me: NodeId) -> str | None:
        """Look at the log of `me` if it leads."""
        node = nodes[me]
        if not node.log or node.server.role != "leader" or node.log[:4] == COMMITTED:
            return None
        return f"{me} leads with a log of terms {node.log}; three of the five servers have {COMMITTED}, which is committed"


class TheLeaderStays:
    """Always: a healthy cluster keeps its leader, so terms are few."""

    def after(self, nodes: Nodes, me: NodeId) -> str | None:
        """Look at the term of `me`."""
        node = nodes[me]
        if not node.options.terms_max or node.server.term <= node.options.terms_max:
            return None
        return f"{me} is in term {node.server.term}: one election after the other, and nothing was wrong with the network"


def one_leader_is_followed(nodes: Nodes) -> bool:
    """Eventually: one server leads, and all others follow it in its term."""
    servers = [node.server for node in nodes.values()]
    return sorted(server.role for server in servers) == ["follower"] * (len(servers) - 1) + ["leader"] and (
        len({server.term for server in servers}) == 1
    )


def somebody_leads(nodes: Nodes) -> bool:
    """Sometimes: a server leads."""
    return any(node.server.role == "leader" for node in nodes.values())


def leading(nodes: Nodes) -> NodeId | None:
    """Whom the word "leader" means in a fault plan."""
    found = [(node.server.term, name) for name, node in nodes.items() if node.server.role == "leader"]
    return max(found)[1] if found else None


def system(lab: ModuleType) -> System:
    """A cluster of the learner's servers."""
    return System(
        name="raft-election",
        family="labs",
        title="The leader election of this lab",
        source="Ongaro & Ousterhout 2014, section 5",
        interface="kv",
        promise="at most one leader in a term",
        build=lambda setup: Node(setup, lab),
        messages=(),
        safeguards=Safeguards,
        options=Options,
        always=(always(ElectionSafety), always(TermsRise), always(LeaderCompleteness), always(TheLeaderStays)),
        sometimes=(sometimes(somebody_leads),),
        eventually=(eventually(one_leader_is_followed),),
        leader=leading,
    )


SAFE = ("election_safety", "terms_rise", "handlers_do_not_raise")
QUIET = {"mix": {"read": 1.0}, "clients": 1, "think_s": 0.5}

# --- Scenes ---


class Scene:
    """One server, moved by hand: what it is told, and what it answers."""

    def __init__(self, lab: ModuleType, *, log: Sequence[int] = (), records: Sequence[Any] = (), draw: float = 0.5) -> None:
        self.lab = lab
        self.log = tuple(log)
        self.out = RecordingOutbox(draws=[draw] * 100)
        self.server = lab.Server("n1", PEERS, self.out, list(records), self.log)
        self.server.on_start()
        self.written = [*records]
        self.armed: dict[str, None] = {}
        self.booted = self._done()

    def hear(self, src: NodeId, message: Any) -> list[Any]:
        """Deliver a message; what the server did about it, in order."""
        self.server.on_message(src, message)
        return self._done()

    def fire(self) -> list[Any]:
        """Fire the election timer."""
        self.server.on_timer("election")
        return self._done()

    def wait(self) -> None:
        """Nothing comes for a while: every timer that is armed now fires."""
        for name in [*self.armed]:
            del self.armed[name]
            self.server.on_timer(name)
            self._done()

    def ask(self, src: NodeId, term: int, last: tuple[int, int] = (0, 0)) -> bool:
        """Ask for a vote; whether it was granted. last: term and index of the last entry of the candidate."""
        done = self.hear(src, self.lab.RequestVote(term, *last))
        answers = [effect.message for effect in done if isinstance(effect, Send) and effect.dst == src]
        expect(len(answers) == 1, f"a RequestVote is answered, once, to {src}", did=done)
        return bool(answers[0].granted)

    def reborn(self) -> Scene:
        """The server after a crash: it has what it wrote, and nothing else."""
        return Scene(self.lab, log=self.log, records=self.written)

    def _done(self) -> list[Any]:
        done = self.out.take()
        self.written += [effect.record for effect in done if isinstance(effect, Persist)]
        for effect in done:
            if isinstance(effect, SetTimer):
                self.armed[effect.name] = None
            elif isinstance(effect, CancelTimer):
                self.armed.pop(effect.name, None)
        return done


@check("one vote in a term", stage="votes")
def one_vote(lab: ModuleType) -> None:
    """Figure 2, RequestVote: if votedFor is null or candidateId."""
    scene = Scene(lab)
    expect(scene.ask("n2", 1), "a server that has not voted in term 1 grants the first request")
    expect(not scene.ask("n3", 1), "n2 has its vote in term 1, so n3 does not get it")
    expect(scene.ask("n2", 1), "n2 asks again (its answer may be lost), and gets the same answer as before")
    expect(scene.ask("n3", 2), "term 2 is another election: there is a new vote to give")


@check("a candidate votes for itself", stage="votes")
def own_vote(lab: ModuleType) -> None:
    """Section 5.2: it increments its term and votes for itself."""
    scene = Scene(lab)
    asked = [effect.dst for effect in scene.fire() if isinstance(effect, Send) and isinstance(effect.message, lab.RequestVote)]
    expect(sorted(asked) == sorted(PEERS), "a candidate asks every peer for its vote", asked=asked)
    expect(scene.server.term == 1, "a candidate stands in the next term, here 1", term=scene.server.term)
    expect(not scene.ask("n2", 1), "a candidate has voted for itself, so n2 does not get its vote in that term")


@check("more than half", stage="votes")
def majority(lab: ModuleType) -> None:
    """Section 5.2: votes from a majority of the servers, for the same term."""
    scene = Scene(lab)
    scene.fire()
    vote = lab.Vote(1, granted=True)
    scene.hear("n2", vote)
    expect(scene.server.role == "candidate", "two votes of five, its own and that of n2, do not elect", role=scene.server.role)
    scene.hear("n2", vote)
    expect(
        scene.server.role == "candidate",
        "the same vote of n2 twice counts once: networks repeat messages",
        role=scene.server.role,
    )
    scene.hear("n4", lab.Vote(1, granted=False))
    expect(scene.server.role == "candidate", "a refusal is no vote", role=scene.server.role)
    scene.hear("n3", vote)
    expect(scene.server.role == "leader", "three votes of five elect", role=scene.server.role)


@check("votes of the past", stage="votes")
def old_votes(lab: ModuleType) -> None:
    """A vote is for one term."""
    scene = Scene(lab)
    scene.fire()
    scene.fire()
    for peer in PEERS:
        scene.hear(peer, lab.Vote(1, granted=True))
    role = scene.server.role
    expect(
        role == "candidate", "votes of term 1 that arrive in term 2 elect nobody: those who gave them may vote again", role=role
    )


@check("a newer term ends the old one", stage="votes")
def newer_term(lab: ModuleType) -> None:
    """Figure 2, all servers: if RPC contains term T > currentTerm, set currentTerm = T, convert to follower."""
    scene = Scene(lab)
    scene.fire()
    scene.hear("n2", lab.Vote(1, granted=True))
    scene.hear("n3", lab.Vote(1, granted=True))
    expect(scene.server.role == "leader", "three votes of five elect", role=scene.server.role)
    scene.ask("n4", 7)
    server = scene.server
    expect(
        (server.role, server.term) == ("follower", 7),
        "a leader that hears of term 7 follows in term 7",
        role=server.role,
        term=server.term,
    )
    expect(not scene.ask("n5", 3), "who asks for a vote in term 3, when it is term 7, is refused")
    expect(scene.server.term == 7, "an old message does not turn the term back", term=scene.server.term)


scenario_check(
    "at most one leader in a term",
    stage="votes",
    seeds=20,
    faults=("duplicate", "slow"),
    for_s=8.0,
    broken=SAFE,
    options={"jitter_s": 0.6},
    **QUIET,
)

# --- Heartbeats and timeouts ---


@check("timeouts differ", stage="heartbeats")
def timeouts_differ(lab: ModuleType) -> None:
    """Section 5.2: election timeouts are chosen randomly from a fixed interval."""
    delays = [effect.delay_s for draw in (0.0, 0.9) for effect in Scene(lab, draw=draw).booted if isinstance(effect, SetTimer)]
    spread = any(isinstance(delay, tuple) and delay[0] < delay[1] for delay in delays) or len(set(delays)) > 1
    expect(spread, "the delay of the election timer is a pair (from, to), from which the world draws", delays=delays)


@check("a deposed leader waits again", stage="heartbeats")
def deposed_waits(lab: ModuleType) -> None:
    """Figure 2, followers: if election timeout elapses, convert to candidate; also those that led before."""
    scene = Scene(lab, log=(1, 1))
    scene.fire()
    term = scene.server.term
    scene.hear("n2", lab.Vote(term, granted=True))
    scene.hear("n3", lab.Vote(term, granted=True))
    expect(scene.server.role == "leader", "three votes of five elect", role=scene.server.role)
    scene.hear("n4", lab.RequestVote(term + 5, 0, 0))
    for _ in range(3):
        scene.wait()
    role = scene.server.role
    why = "it has a timer again, and stands when it fires"
    expect(role == "candidate", f"a leader is deposed by a newer term, and then hears nothing from anybody: {why}", role=role)


scenario_check(
    "a leader is found, and stays",
    stage="heartbeats",
    seeds=8,
    for_s=8.0,
    broken=(*SAFE, "the_leader_stays", "one_leader_is_followed"),
    options={"terms_max": 12},
    **QUIET,
)

scenario_check(
    "a new leader after every partition",
    stage="heartbeats",
    seeds=16,
    faults=("partition", "loss", "pause"),
    for_s=8.0,
    broken=(*SAFE, "one_leader_is_followed"),
    settle_s=5.0,
    **QUIET,
)

# --- Crashes ---


@check("a vote outlives a crash", stage="crashes")
def durable_vote(lab: ModuleType) -> None:
    """Figure 2, persistent state: updated on stable storage before responding to RPCs."""
    scene = Scene(lab)
    expect(scene.ask("n2", 3), "a server that has not voted in term 3 grants the first request")
    after = scene.reborn()
    expect(after.server.term == 3, "after a crash a server is in the term that it was in, 3", term=after.server.term)
    expect(not after.ask("n3", 3), "a vote for n2 in term 3 was given before the crash, so n3 does not get one after it")


@check("written before it is said", stage="crashes")
def written_first(lab: ModuleType) -> None:
    """What follows a persist leaves once the record is durable; what precedes it may be heard and then forgotten here."""
    done = Scene(lab).hear("n2", lab.RequestVote(1, 0, 0))
    sent = [i for i, effect in enumerate(done) if isinstance(effect, Send)]
    written = [i for i, effect in enumerate(done) if isinstance(effect, Persist)]
    expect(
        written and sent and max(written) < min(sent),
        "the vote is persisted first and sent then: a vote that was sent binds",
        did=done,
    )


@check("a candidacy outlives a crash", stage="crashes")
def durable_candidacy(lab: ModuleType) -> None:
    """Its own vote is a vote."""
    scene = Scene(lab)
    done = scene.fire()
    sent = next((i for i, effect in enumerate(done) if isinstance(effect, Send)), len(done))
    written = next((i for i, effect in enumerate(done) if isinstance(effect, Persist)), len(done))
    expect(written < sent, "a candidate persists its term and its vote for itself before it asks anybody", did=done)
    after = scene.reborn()
    expect(not after.ask("n2", 1), "a candidate of term 1 that crashed still has voted for itself in term 1")


@check("only an up-to-date log", stage="crashes")
def up_to_date(lab: ModuleType) -> None:
    """Section 5.4.1: the later term wins; with equal terms, the longer log."""
    cases = [
        ((2, 4), True, "the same log"),
        ((3, 1), True, "a last entry of a later term, although the log is shorter"),
        ((2, 9), True, "a last entry of the same term, and a longer log"),
        ((2, 3), False, "a last entry of the same term, and a shorter log"),
        ((1, 9), False, "a last entry of an earlier term, although the log is longer"),
    ]
    for last, wanted, why in cases:
        got = Scene(lab, log=(1, 1, 2, 2)).ask("n2", 9, last)
        answer = "gets the vote" if wanted else "is refused"
        expect(
            got is wanted, f"a candidate whose log ends at (term, index) {last} {answer} of one that ends at (2, 4): it has {why}"
        )


scenario_check(
    "safe through crashes",
    stage="crashes",
    seeds=20,
    faults=("crash:2", "partition"),
    for_s=8.0,
    broken=(*SAFE, "one_leader_is_followed"),
    settle_s=5.0,
    **QUIET,
)

scenario_check(
    "a leader has what is committed",
    stage="crashes",
    seeds=12,
    faults=("crash", "partition"),
    for_s=8.0,
    broken=(*SAFE, "leader_completeness", "one_leader_is_followed"),
    options={"logs": True},
    settle_s=5.0,
    **QUIET,
)

"""Two-phase commit: one decision for all participants, or a wait.

Source: Gray & Lamport, "Consensus on Transaction Commit", 2006, section 3; presumed abort after Mohan, Lindsay & Obermarck, 1986.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from windtunnel.base.outbox import Outbox

VOTES_S = 1.0  # how long the coordinator waits for votes
DOUBT_S = 0.5  # how often a participant that has promised asks what came of it

# --- Messages, and records ---


@dataclass(frozen=True, slots=True)
class Prepare:
    """Coordinator to participant: can you commit `txn`?"""

    txn: str


@dataclass(frozen=True, slots=True)
class Vote:
    """Participant to coordinator. A yes is a promise to wait for the outcome; said again, it asks for it."""

    txn: str
    yes: bool


@dataclass(frozen=True, slots=True)
class Outcome:
    """Coordinator to participant: the decision. Also a record, of either."""

    txn: str
    commit: bool


@dataclass(frozen=True, slots=True)
class Promised:
    """Record of a participant: it has said yes."""

    txn: str


# --- The two roles ---


class Coordinator:
    """Decides. What it does not know any more, it has not decided, and then it may say: aborted."""

    def __init__(
        self,
        participants: Sequence[str],
        out: Outbox,
        records: Sequence[Outcome],
        answer: Callable[[str, bool], None],
    ) -> None:
        self.participants = participants
        self.out = out
        self.answer = answer
        self.decisions = {record.txn: record.commit for record in records}
        self.votes: dict[str, set[str]] = {}  # who has said yes, by transaction that is not decided

    def on_start(self) -> None:
        """Nothing to say: a participant in doubt will ask."""

    def begin(self, txn: str) -> None:
        if txn in self.decisions:
            self.answer(txn, self.decisions[txn])
        elif txn not in self.votes:
            self.votes[txn] = set()
            self.out.set_timer(txn, VOTES_S)
            for participant in self.participants:
                self.out.send(participant, Prepare(txn))

    def on_timer(self, txn: str) -> None:
        self._decide(txn, commit=False)

    def on_message(self, src: str, vote: Vote) -> None:
        if vote.txn in self.decisions:
            self.out.send(src, Outcome(vote.txn, self.decisions[vote.txn]))
        elif not vote.yes or vote.txn not in self.votes:  # not there: an earlier life of ours began it, and did not decide
            self._decide(vote.txn, commit=False)
        else:
            self.votes[vote.txn].add(src)
            if len(self.votes[vote.txn]) == len(self.participants):
                self._decide(vote.txn, commit=True)

    def _decide(self, txn: str, *, commit: bool) -> None:
        self.decisions[txn] = commit
        self.votes.pop(txn, None)
        self.out.cancel_timer(txn)
        self.answer(txn, commit)
        self.out.persist(Outcome(txn, commit))  # before anybody hears of it
        for participant in self.participants:
            self.out.send(participant, Outcome(txn, commit))


class Participant:
    """Holds data. phases: "prepared", "committed" or "aborted", by transaction."""

    def __init__(
        self,
        coordinator: str,
        out: Outbox,
        records: Sequence[Promised | Outcome],
        willing: Callable[[str], bool],
    ) -> None:
        self.coordinator = coordinator
        self.out = out
        self.willing = willing
        self.phases: dict[str, str] = {}
        for record in records:
            match record:
                case Promised(txn):
                    self.phases[txn] = "prepared"
                case Outcome(txn, commit):
                    self.phases[txn] = "committed" if commit else "aborted"

    def on_start(self) -> None:
        for txn, phase in self.phases.items():
            if phase == "prepared":
                self.out.set_timer(txn, DOUBT_S)

    def on_timer(self, txn: str) -> None:
        self._vote_yes(txn)  # still in doubt; and bound: it may not decide alone

    def on_message(self, src: str, message: Prepare | Outcome) -> None:
        match message:
            case Prepare(txn):
                self._on_prepare(txn)
            case Outcome(txn, commit):
                if self.phases.get(txn) == "prepared":
                    self._finish(txn, commit=commit)

    def _on_prepare(self, txn: str) -> None:
        if txn not in self.phases:
            if self.willing(txn):
                self.phases[txn] = "prepared"
                self.out.persist(Promised(txn))  # before the promise is given
            else:
                self._finish(txn, commit=False)  # it has promised nothing, so it may
        if self.phases[txn] == "prepared":
            self._vote_yes(txn)
        elif self.phases[txn] == "aborted":
            self.out.send(self.coordinator, Vote(txn, yes=False))

    def _vote_yes(self, txn: str) -> None:
        self.out.set_timer(txn, DOUBT_S)
        self.out.send(self.coordinator, Vote(txn, yes=True))

    def _finish(self, txn: str, *, commit: bool) -> None:
        self.phases[txn] = "committed" if commit else "aborted"
        self.out.cancel_timer(txn)
        self.out.persist(Outcome(txn, commit))
